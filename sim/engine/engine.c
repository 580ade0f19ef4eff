/* The ready heap and the switching between processes. */
#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>

void engine_init(struct engine *engine, uint64_t quantum)
{
    memset(engine, 0, sizeof *engine);
    engine->quantum = quantum;
    engine->limit = UINT64_MAX;
    coroutine_adopt_thread(&engine->main);
}

void engine_destroy(struct engine *engine)
{
    free(engine->heap);
}

static bool earlier(struct ready a, struct ready b)
{
    return a.now != b.now ? a.now < b.now : a.id < b.id;
}

static void set_limit(struct engine *engine)
{
    uint64_t first = engine->ready_count ? engine->heap[0].now : UINT64_MAX;
    engine->limit = first > UINT64_MAX - engine->quantum ? UINT64_MAX : first + engine->quantum;
}

/* Room for every process there is, so that pushing cannot fail. */
static bool make_room(struct engine *engine)
{
    if (engine->processes < engine->ready_room)
        return true;
    uint32_t room = engine->ready_room ? engine->ready_room * 2 : 16;
    struct ready *heap = realloc(engine->heap, room * sizeof *heap);
    if (!heap)
        return false;
    engine->heap = heap;
    engine->ready_room = room;
    return true;
}

/* Fills the hole at `at` with an entry that belongs there or nearer to the top. */
static void rise(struct engine *engine, uint32_t at, struct ready entry)
{
    while (at > 0 && earlier(entry, engine->heap[(at - 1) / 2])) {
        engine->heap[at] = engine->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    engine->heap[at] = entry;
    set_limit(engine);
}

/* A process is in the heap at most once. */
static void push(struct engine *engine, struct process *process)
{
    rise(engine, engine->ready_count++, (struct ready){process->now, process->id, process});
}

/* Fills the hole at the top with an entry. */
static void sink(struct engine *engine, struct ready entry)
{
    struct ready *heap = engine->heap;
    uint32_t at = 0;
    for (uint32_t child; (child = 2 * at + 1) < engine->ready_count; at = child) {
        if (child + 1 < engine->ready_count)
            child += earlier(heap[child + 1], heap[child]);
        if (!earlier(heap[child], entry))
            break;
        heap[at] = heap[child];
    }
    heap[at] = entry;
    set_limit(engine);
}

static struct process *pop(struct engine *engine)
{
    if (engine->ready_count == 0)
        return NULL;
    struct process *first = engine->heap[0].process;
    engine->ready_count--;
    sink(engine, engine->heap[engine->ready_count]);
    return first;
}

/* Whether the running process has to wait for an earlier one. */
static bool is_late(const struct engine *engine, struct ready me)
{
    return engine->ready_count && earlier(engine->heap[0], me);
}

/* The earliest one leaves the heap, the running process takes its place there. */
static struct process *exchange(struct engine *engine, struct ready me)
{
    struct process *first = engine->heap[0].process;
    sink(engine, me);
    return first;
}

/* Leaves a stack for the one that `next` waits on, for a spare one where it is between two steps, or for
 * engine_run's where there is no next. Whoever waits has a stack, and `next` none: one is spare. */
static void switch_to(struct engine *engine, struct coroutine *from, struct process *next)
{
    struct coroutine *to = next ? next->stack : &engine->main;
    if (!to) {
        to = engine->spare;
        engine->spare = to->next;
    } else if (next) {
        next->stack = NULL;
    }
    engine->current = next;
    engine->stack = to;
    coroutine_switch(from, to);
}

/* The running process waits in the middle of a step. */
static void suspend(struct process *process, struct process *next)
{
    struct coroutine *stack = process->engine->stack;
    process->stack = stack;
    switch_to(process->engine, stack, next);
}

/* One step, or the whole process; true if there is another. */
static bool run_step(struct process *process)
{
    if (process->step)
        return process->step(process, process->arg);
    process->run(process, process->arg);
    return false;
}

/* Runs a process, and says who is next. */
static struct process *run_on(struct engine *engine, struct process *process)
{
    if (run_step(process)) {
        struct ready me = {process->now, process->id, process};
        return is_late(engine, me) ? exchange(engine, me) : process;
    }
    process->finished = true;
    return pop(engine);
}

/* What every stack does: step after step of whoever is the earliest, until that one waits on another stack. */
static void stack_main(void *arg)
{
    struct process *owner = arg;
    struct engine *engine = owner->engine;
    for (;;) {
        struct process *next = engine->current;
        do {
            engine->current = next;
            next = run_on(engine, next);
        } while (next && !next->stack);
        owner->own.next = engine->spare;
        engine->spare = &owner->own;
        switch_to(engine, &owner->own, next);
    }
}

static bool spawn(struct engine *engine, struct process *process, uint32_t id, uint64_t start, void *arg)
{
    if (!make_room(engine) || !coroutine_create(&process->own, stack_main, process))
        return false;
    process->own.next = engine->spare;
    engine->spare = &process->own;
    process->now = start;
    process->id = id;
    process->finished = false;
    process->engine = engine;
    process->stack = NULL;
    process->arg = arg;
    process->next = NULL;
    engine->processes++;
    push(engine, process);
    return true;
}

bool engine_spawn(struct engine *engine, struct process *process, uint32_t id, uint64_t start,
                  void (*run)(struct process *, void *arg), void *arg)
{
    process->run = run;
    process->step = NULL;
    return spawn(engine, process, id, start, arg);
}

bool engine_spawn_steps(struct engine *engine, struct process *process, uint32_t id, uint64_t start,
                        bool (*step)(struct process *, void *arg), void *arg)
{
    process->run = NULL;
    process->step = step;
    return spawn(engine, process, id, start, arg);
}

void process_destroy(struct process *process)
{
    coroutine_destroy(&process->own);
}

void engine_run(struct engine *engine)
{
    struct process *first = pop(engine);
    if (first)
        switch_to(engine, &engine->main, first);
}

uint32_t engine_ready(const struct engine *engine)
{
    return engine->ready_count;
}

void process_sync(struct process *process)
{
    struct engine *engine = process->engine;
    struct ready me = {process->now, process->id, process};
    if (is_late(engine, me))
        suspend(process, exchange(engine, me));
}

void process_park(struct process *process)
{
    suspend(process, pop(process->engine));
}

void process_wake(struct process *process, uint64_t at)
{
    if (process->now < at)
        process->now = at;
    push(process->engine, process);
}

void process_hasten(struct process *process, uint64_t at)
{
    struct engine *engine = process->engine;
    uint32_t i = 0;
    while (i < engine->ready_count && engine->heap[i].process != process)
        i++;
    if (i == engine->ready_count || process->now <= at)
        return;
    process->now = at;
    rise(engine, i, (struct ready){at, process->id, process});
}
