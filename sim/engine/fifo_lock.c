/* Queueing for a lock, and the bookkeeping of it. */
#include "engine/fifo_lock.h"

#include <string.h>

void fifo_lock_init(struct fifo_lock *lock, uint64_t acquire_ns, uint64_t handoff_ns)
{
    memset(lock, 0, sizeof *lock);
    lock->acquire_ns = acquire_ns;
    lock->handoff_ns = handoff_ns;
}

static void enqueue(struct fifo_lock *lock, struct process *process)
{
    process->next = NULL;
    if (lock->last)
        lock->last->next = process;
    else
        lock->first = process;
    lock->last = process;
    lock->parked++;
}

/* How many wait at this moment, the newcomer included. A holder may hold it only from a later moment on. */
static void count_queue(struct fifo_lock *lock, uint64_t now)
{
    uint64_t queue = lock->parked + 1 + (lock->holder && lock->held_since > now);
    if (queue > lock->longest_queue)
        lock->longest_queue = queue;
}

static void grant(struct fifo_lock *lock, struct process *process, uint64_t at)
{
    lock->holder = process;
    lock->held_since = at;
}

/* Waits for a holder that is still there, or whose release lies in this process's future. */
static void wait_turn(struct fifo_lock *lock, struct process *process)
{
    uint64_t arrived = process->now;
    lock->contended++;
    count_queue(lock, arrived);
    if (lock->holder) {
        enqueue(lock, process);
        process_park(process); /* the releaser grants it */
    } else {
        process->now = lock->free_at + lock->handoff_ns;
        grant(lock, process, process->now);
        process_sync(process);
    }
    histogram_add(&lock->wait, process->now - arrived);
    if (lock->waited)
        lock->waited(lock->context, process, arrived);
}

void fifo_lock_acquire(struct fifo_lock *lock, struct process *process)
{
    process->now += lock->acquire_ns;
    process_sync(process);
    lock->acquisitions++;
    if (lock->holder || process->now < lock->free_at)
        wait_turn(lock, process);
    else
        grant(lock, process, process->now);
}

void fifo_lock_release(struct fifo_lock *lock, struct process *process)
{
    lock->hold_ns += process->now - lock->held_since;
    lock->free_at = process->now;
    lock->holder = NULL;
    struct process *next = lock->first;
    if (!next)
        return;
    lock->first = next->next;
    if (!lock->first)
        lock->last = NULL;
    lock->parked--;
    grant(lock, next, process->now + lock->handoff_ns);
    process_wake(next, lock->held_since);
}
