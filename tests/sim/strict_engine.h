/* For test_strict_model: the engine and its FIFO lock once more, as plainly as they can be written down, behind the
 * same names. The test is linked with --wrap of each name: engine_run is __wrap_engine_run everywhere, which goes to
 * the simulator's own or to this one. Include once, after cmocka.h.
 *
 *     all processes: [ready at (now, id)] [parked] [ready ...]
 *           look at every one of them --> the earliest goes on, until it lets others go first --> look again ...
 *
 * One event at a time. A process gives way wherever it may, to itself if need be. Each has a stack for itself. Slow.
 */
#ifndef STRICT_ENGINE_H
#define STRICT_ENGINE_H

#include "engine/lock.h"

#include <stdlib.h>
#include <string.h>

enum { PLAIN_PROCESSES = 80 };

enum plain_state { PLAIN_READY, PLAIN_RUNNING, PLAIN_PARKED, PLAIN_FINISHED };

#define PLAIN_NOT_YET UINT64_MAX

/* Somebody at a lock: when it came, got the lock, and let it go. */
struct plain_turn {
    struct process *who;
    uint64_t came, from, until;
};

/* All turns that there ever were, in the order in which they came. */
struct plain_lock {
    const struct lock *lock;
    struct plain_turn *turns;
    size_t count, room;
    struct plain_lock *next;
};

static struct plain_engine {
    bool chosen; /* this engine is to be used, instead of the simulator's own */
    struct engine *engine;
    struct process *processes[PLAIN_PROCESSES];
    enum plain_state states[PLAIN_PROCESSES];
    unsigned count;
    struct plain_lock *locks;
} plain;

/* --- the engine ---------------------------------------------------------------------------------------- */

static enum plain_state *plain_state(const struct process *process)
{
    for (unsigned i = 0; i < plain.count; i++)
        if (plain.processes[i] == process)
            return &plain.states[i];
    abort(); /* was never spawned */
}

static void plain_init(struct engine *engine)
{
    memset(engine, 0, sizeof *engine); /* limit 0: whoever asks is ahead of the others */
    coroutine_adopt_thread(&engine->main);
    plain.engine = engine;
    plain.count = 0;
    plain.locks = NULL;
}

/* To the loop that looks for the earliest. */
static void plain_give_way(struct process *process, enum plain_state state)
{
    *plain_state(process) = state;
    coroutine_switch(&process->own, &plain.engine->main);
}

static void plain_main(void *arg)
{
    struct process *process = arg;
    if (process->step)
        while (process->step(process, process->arg))
            plain_give_way(process, PLAIN_READY);
    else
        process->run(process, process->arg);
    process->finished = true;
    plain_give_way(process, PLAIN_FINISHED);
}

static bool plain_spawn(struct process *process, uint32_t id, uint64_t start, void *arg)
{
    if (plain.count == PLAIN_PROCESSES || !coroutine_create(&process->own, plain_main, process))
        return false;
    process->now = start;
    process->id = id;
    process->finished = false;
    process->engine = plain.engine;
    process->arg = arg;
    process->next = NULL;
    plain.processes[plain.count] = process;
    plain.states[plain.count++] = PLAIN_READY;
    return true;
}

static struct process *plain_earliest(void)
{
    struct process *first = NULL;
    for (unsigned i = 0; i < plain.count; i++) {
        struct process *p = plain.processes[i];
        if (plain.states[i] == PLAIN_READY &&
            (!first || p->now < first->now || (p->now == first->now && p->id < first->id)))
            first = p;
    }
    return first;
}

static void plain_run(struct engine *engine)
{
    for (struct process *next; (next = plain_earliest());) {
        *plain_state(next) = PLAIN_RUNNING;
        engine->current = next;
        coroutine_switch(&engine->main, &next->own);
        engine->current = NULL;
    }
}

static uint32_t plain_ready(void)
{
    uint32_t ready = 0;
    for (unsigned i = 0; i < plain.count; i++)
        ready += plain.states[i] == PLAIN_READY;
    return ready;
}

static void plain_wake(struct process *process, uint64_t at)
{
    if (*plain_state(process) != PLAIN_PARKED)
        abort();
    *plain_state(process) = PLAIN_READY;
    process->now = process->now < at ? at : process->now;
}

static void plain_hasten(struct process *process, uint64_t at)
{
    if (*plain_state(process) == PLAIN_READY && at < process->now)
        process->now = at;
}

/* --- the FIFO lock ------------------------------------------------------------------------------------- */

static struct plain_lock *plain_lock_of(const struct lock *lock)
{
    struct plain_lock *p = plain.locks;
    while (p && p->lock != lock)
        p = p->next;
    if (!p) {
        p = calloc(1, sizeof *p);
        if (!p)
            abort();
        *p = (struct plain_lock){.lock = lock, .next = plain.locks};
        plain.locks = p;
    }
    return p;
}

static void plain_locks_destroy(void)
{
    for (struct plain_lock *p = plain.locks, *next; p; p = next) {
        next = p->next;
        free(p->turns);
        free(p);
    }
    plain.locks = NULL;
}

static void plain_take_turn(struct plain_lock *p, struct process *who)
{
    if (p->count == p->room) {
        p->room = p->room ? 2 * p->room : 64;
        p->turns = realloc(p->turns, p->room * sizeof *p->turns);
        if (!p->turns)
            abort();
    }
    p->turns[p->count++] = (struct plain_turn){who, who->now, PLAIN_NOT_YET, PLAIN_NOT_YET};
}

/* Whoever came before and has not got the lock by now is in the queue, and so is the last one that came. */
static void plain_note_queue(struct lock *lock, const struct plain_lock *p, uint64_t now)
{
    uint64_t queue = 1;
    for (size_t i = 0; i + 1 < p->count; i++)
        queue += p->turns[i].from > now;
    lock->contended++;
    if (queue > lock->longest_queue)
        lock->longest_queue = queue;
}

/* The turn before it is over, or will be at a time that is known; or whoever has it says when it is. */
static void plain_wait(struct lock *lock, struct plain_lock *p, size_t turn, struct process *process)
{
    uint64_t came = process->now;
    plain_note_queue(lock, p, came);
    if (p->turns[turn - 1].until == PLAIN_NOT_YET) {
        plain_give_way(process, PLAIN_PARKED);
    } else {
        process->now = p->turns[turn].from = p->turns[turn - 1].until + lock->costs.handoff;
        plain_give_way(process, PLAIN_READY);
    }
    histogram_add(&lock->wait, process->now - came);
    if (lock->waited)
        lock->waited(lock->context, process, came);
}

static void plain_acquire(struct lock *lock, struct process *process)
{
    struct plain_lock *p = plain_lock_of(lock);
    size_t turn = p->count;
    plain_take_turn(p, process);
    if (turn == 0 || p->turns[turn - 1].until <= process->now)
        p->turns[turn].from = process->now;
    else
        plain_wait(lock, p, turn, process);
    lock->held_since = p->turns[turn].from; /* which its holder's account reads */
}

static void plain_release(struct lock *lock, const struct process *process)
{
    struct plain_lock *p = plain_lock_of(lock);
    size_t turn = p->count;
    while (turn > 0 && p->turns[turn - 1].who != process)
        turn--;
    if (turn-- == 0 || p->turns[turn].from == PLAIN_NOT_YET || p->turns[turn].until != PLAIN_NOT_YET)
        abort(); /* does not hold it */
    p->turns[turn].until = process->now;
    lock->hold_ns += process->now - p->turns[turn].from;
    if (turn + 1 == p->count)
        return;
    p->turns[turn + 1].from = process->now + lock->costs.handoff;
    plain_wake(p->turns[turn + 1].who, p->turns[turn + 1].from);
}

/* --- one name for both --------------------------------------------------------------------------------- */

void __real_engine_init(struct engine *engine, uint64_t quantum);
void __real_engine_destroy(struct engine *engine);
bool __real_engine_spawn(struct engine *engine, struct process *process, uint32_t id, uint64_t start,
                         void (*run)(struct process *, void *arg), void *arg);
bool __real_engine_spawn_steps(struct engine *engine, struct process *process, uint32_t id, uint64_t start,
                               bool (*step)(struct process *, void *arg), void *arg);
void __real_engine_run(struct engine *engine);
uint32_t __real_engine_ready(const struct engine *engine);
void __real_process_sync(struct process *process);
void __real_process_park(struct process *process);
void __real_process_wake(struct process *process, uint64_t at);
void __real_process_hasten(struct process *process, uint64_t at);
void __real_fifo_lock_acquire(struct lock *lock, struct process *process);
void __real_fifo_lock_release(struct lock *lock, struct process *process);

void __wrap_engine_init(struct engine *engine, uint64_t quantum)
{
    if (plain.chosen)
        plain_init(engine);
    else
        __real_engine_init(engine, quantum);
}

void __wrap_engine_destroy(struct engine *engine)
{
    if (plain.chosen)
        plain_locks_destroy();
    else
        __real_engine_destroy(engine);
}

bool __wrap_engine_spawn(struct engine *engine, struct process *process, uint32_t id, uint64_t start,
                         void (*run)(struct process *, void *arg), void *arg)
{
    if (!plain.chosen)
        return __real_engine_spawn(engine, process, id, start, run, arg);
    process->run = run;
    process->step = NULL;
    return plain_spawn(process, id, start, arg);
}

bool __wrap_engine_spawn_steps(struct engine *engine, struct process *process, uint32_t id, uint64_t start,
                               bool (*step)(struct process *, void *arg), void *arg)
{
    if (!plain.chosen)
        return __real_engine_spawn_steps(engine, process, id, start, step, arg);
    process->run = NULL;
    process->step = step;
    return plain_spawn(process, id, start, arg);
}

void __wrap_engine_run(struct engine *engine)
{
    if (plain.chosen)
        plain_run(engine);
    else
        __real_engine_run(engine);
}

uint32_t __wrap_engine_ready(const struct engine *engine)
{
    return plain.chosen ? plain_ready() : __real_engine_ready(engine);
}

void __wrap_process_sync(struct process *process)
{
    if (plain.chosen)
        plain_give_way(process, PLAIN_READY);
    else
        __real_process_sync(process);
}

void __wrap_process_park(struct process *process)
{
    if (plain.chosen)
        plain_give_way(process, PLAIN_PARKED);
    else
        __real_process_park(process);
}

void __wrap_process_wake(struct process *process, uint64_t at)
{
    if (plain.chosen)
        plain_wake(process, at);
    else
        __real_process_wake(process, at);
}

void __wrap_process_hasten(struct process *process, uint64_t at)
{
    if (plain.chosen)
        plain_hasten(process, at);
    else
        __real_process_hasten(process, at);
}

void __wrap_fifo_lock_acquire(struct lock *lock, struct process *process)
{
    if (plain.chosen)
        plain_acquire(lock, process);
    else
        __real_fifo_lock_acquire(lock, process);
}

void __wrap_fifo_lock_release(struct lock *lock, struct process *process)
{
    if (plain.chosen)
        plain_release(lock, process);
    else
        __real_fifo_lock_release(lock, process);
}

#endif
