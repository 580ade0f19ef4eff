/* The engine: simulated processes, each with a clock of its own, meeting in virtual-time order.
 *
 *     ready heap (now, id)  --lowest first-->  running process  --process_sync-->  back into the heap
 *                                                     \--process_park--> asleep until process_wake
 *
 * A process is a function that runs once, or one that is called again and again, a step each time. Between two steps
 * it needs no stack: whichever stack is at hand calls the next one, so that no stack is switched as long as nobody
 * waits in the middle of a step. There are as many stacks as processes, each used by whoever needs one.
 *
 * Knows nothing of Go. A process advances its own clock freely; where it meets others it calls process_sync,
 * which returns only when no other ready process is earlier (ties: lower id). Between such meetings it may
 * run ahead of the others by at most the quantum: process_pace. Quantum 0 is strict order throughout.
 * Everything runs on one thread; there is no randomness and no wall clock, so runs repeat exactly.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include <stdint.h>

#include "engine/coroutine.h"

struct engine;

struct process {
    uint64_t now; /* virtual ns */
    uint32_t id;  /* breaks ties; unique */
    bool finished;
    struct engine *engine;
    struct coroutine *stack; /* where it waits in the middle of a step; else NULL */
    void (*run)(struct process *, void *arg);  /* the whole of it, or NULL */
    bool (*step)(struct process *, void *arg); /* else a step: true if there is another */
    void *arg;
    struct process *next; /* free for whoever keeps parked processes in a queue */
    struct coroutine own; /* the stack that there is one more of because of it; last: much of it, and seldom used */
};

struct ready {
    uint64_t now;
    uint32_t id;
    struct process *process;
};

struct engine {
    uint64_t quantum;
    uint64_t limit; /* the running process goes on without asking while its clock is below this */
    struct process *current;
    struct coroutine *stack; /* the one in use */
    struct coroutine *spare; /* those that nobody uses, last used first */
    struct ready *heap;
    uint32_t ready_count, ready_room;
    uint32_t processes; /* ever spawned */
    struct coroutine main;
};

/* A zero-quantum engine is strict. */
void engine_init(struct engine *engine, uint64_t quantum);
/* No process may be running. */
void engine_destroy(struct engine *engine);

/* Makes a process that begins at virtual time `start`; its storage is the caller's and stays until the engine
 * is destroyed. May be called while the engine runs. False if there is no memory. */
bool engine_spawn(struct engine *engine, struct process *process, uint32_t id, uint64_t start,
                  void (*run)(struct process *, void *arg), void *arg);
/* The same for a process that goes by steps. A step is over when it returns; it is called again, if it has returned
 * true, when its process is the earliest. A step may also be left in the middle, by process_sync and process_park. */
bool engine_spawn_steps(struct engine *engine, struct process *process, uint32_t id, uint64_t start,
                        bool (*step)(struct process *, void *arg), void *arg);
/* Frees what a process has, once the engine will not run any more. */
void process_destroy(struct process *process);

/* Runs until nothing is ready: all have finished, or the rest is parked. */
void engine_run(struct engine *engine);
/* How many are ready beside the running one: as long as it is parked, only they can do anything. */
uint32_t engine_ready(const struct engine *engine);

/* Of the running process: */

/* Lets others go first that are earlier; afterwards this process is the earliest. */
void process_sync(struct process *process);
/* Sleeps until process_wake. */
void process_park(struct process *process);

/* Makes a parked process ready again, no earlier than `at`. */
void process_wake(struct process *process, uint64_t at);

/* Brings the time forward that a process, of those waiting in process_sync, goes on at; it must not be in the past. */
void process_hasten(struct process *process, uint64_t at);

/* Lets others go first when this process has run ahead of them by more than the quantum. */
static inline void process_pace(struct process *process)
{
    if (__builtin_expect(process->now >= process->engine->limit, 0))
        process_sync(process);
}

/* Whether it has: a step that asks this instead ends where process_pace would wait. */
static inline bool process_is_ahead(const struct process *process)
{
    return process->now >= process->engine->limit;
}

#endif
