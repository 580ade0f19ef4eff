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

static struct process *pop(struct engine *engine)
{
    if (engine->ready_count == 0)
        return NULL;
    struct process *first = engine->heap[0].process;
    struct ready last = engine->heap[--engine->ready_count];
    uint32_t at = 0;
    for (uint32_t child; (child = 2 * at + 1) < engine->ready_count; at = child) {
        if (child + 1 < engine->ready_count && earlier(engine->heap[child + 1], engine->heap[child]))
            child++;
        if (!earlier(engine->heap[child], last))
            break;
        engine->heap[at] = engine->heap[child];
    }
    engine->heap[at] = last;
    set_limit(engine);
    return first;
}

/* Leaves the running process for the earliest ready one, or for engine_run when there is none. */
static void switch_away(struct engine *engine, struct coroutine *from)
{
    struct process *next = pop(engine);
    if (next && &next->coroutine == from)
        return;
    engine->current = next;
    coroutine_switch(from, next ? &next->coroutine : &engine->main);
}

static void process_main(void *arg)
{
    struct process *process = arg;
    process->run(process, process->arg);
    process->finished = true;
    switch_away(process->engine, &process->coroutine);
}

bool engine_spawn(struct engine *engine, struct process *process, uint32_t id, uint64_t start,
                  void (*run)(struct process *, void *arg), void *arg)
{
    if (!make_room(engine) || !coroutine_create(&process->coroutine, process_main, process))
        return false;
    process->now = start;
    process->id = id;
    process->finished = false;
    process->engine = engine;
    process->run = run;
    process->arg = arg;
    process->next = NULL;
    engine->processes++;
    push(engine, process);
    return true;
}

void process_destroy(struct process *process)
{
    coroutine_destroy(&process->coroutine);
}

void engine_run(struct engine *engine)
{
    if (engine->ready_count)
        switch_away(engine, &engine->main);
}

void process_sync(struct process *process)
{
    struct engine *engine = process->engine;
    struct ready me = {process->now, process->id, process};
    if (engine->ready_count && earlier(engine->heap[0], me)) {
        push(engine, process);
        switch_away(engine, &process->coroutine);
    }
}

void process_yield(struct process *process)
{
    struct engine *engine = process->engine;
    if (engine->quantum == 0) {
        process_sync(process);
    } else {
        push(engine, process);
        switch_away(engine, &process->coroutine);
    }
}

void process_park(struct process *process)
{
    switch_away(process->engine, &process->coroutine);
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
