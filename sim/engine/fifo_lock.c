/* First come, first served. A holder's release lies ahead of the others' clocks as soon as it has been simulated:
 * who arrives before that moment waits until it (free_at), whether or not the holder is still on the lock. Who
 * comes just then need not wait. */
#include "engine/lock.h"

/* How many wait at this moment, the newcomer included. A holder may hold it only from a later moment on. */
static uint64_t queue_with_newcomer(const struct lock *lock, uint64_t now)
{
    return lock->waiting + 1 + (lock->holder && lock->held_since > now);
}

/* Waits for a holder that is still there, or whose release lies in this process's future. */
static void wait_turn(struct lock *lock, struct process *process)
{
    uint64_t arrived = process->now;
    lock_note_contended(lock, queue_with_newcomer(lock, arrived));
    if (lock->holder) {
        lock->waiting++;
        lock_park(lock, process); /* the releaser grants it */
    } else {
        process->now = lock->free_at + lock->costs.handoff;
        lock_hold(lock, process, process->now);
        process_sync(process);
    }
    lock_note_waited(lock, process, arrived);
}

void fifo_lock_acquire(struct lock *lock, struct process *process)
{
    if (lock->holder || process->now < lock->free_at)
        wait_turn(lock, process);
    else
        lock_hold(lock, process, process->now);
}

void fifo_lock_release(struct lock *lock, struct process *process)
{
    lock_let_go(lock, process->now);
    lock->free_at = process->now;
    struct process *next = lock_unpark(lock);
    if (!next)
        return;
    lock->waiting--;
    lock_hold(lock, next, process->now + lock->costs.handoff);
    process_wake(next, lock->held_since);
}
