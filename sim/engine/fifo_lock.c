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
}

/* Waits for a holder that is still there, or whose release lies in this process's future. */
static void wait_turn(struct fifo_lock *lock, struct process *process)
{
    uint64_t arrived = process->now;
    lock->contended++;
    if (++lock->waiting > lock->longest_queue)
        lock->longest_queue = lock->waiting;
    if (lock->holder) {
        enqueue(lock, process);
        process_park(process); /* the releaser made this process the holder */
    } else {
        lock->holder = process;
        process->now = lock->free_at + lock->handoff_ns;
        process_sync(process);
    }
    lock->waiting--;
    histogram_add(&lock->wait, process->now - arrived);
}

void fifo_lock_acquire(struct fifo_lock *lock, struct process *process)
{
    process->now += lock->acquire_ns;
    process_sync(process);
    lock->acquisitions++;
    if (lock->holder || process->now < lock->free_at)
        wait_turn(lock, process);
    lock->holder = process;
    lock->held_since = process->now;
}

void fifo_lock_release(struct fifo_lock *lock, struct process *process)
{
    lock->hold_ns += process->now - lock->held_since;
    lock->free_at = process->now;
    struct process *next = lock->first;
    lock->holder = next;
    if (!next)
        return;
    lock->first = next->next;
    if (!lock->first)
        lock->last = NULL;
    process_wake(next, process->now + lock->handoff_ns);
}
