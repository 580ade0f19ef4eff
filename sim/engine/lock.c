/* What the policies share: who holds the lock, who is parked, and the totals. */
#include "engine/lock.h"

#include <string.h>

void lock_init(struct lock *lock, enum lock_policy policy, const struct lock_costs *costs)
{
    memset(lock, 0, sizeof *lock);
    lock->policy = policy;
    lock->costs = *costs;
}

void lock_acquire(struct lock *lock, struct process *process)
{
    process->now += lock->costs.acquire;
    process_sync(process);
    lock->acquisitions++;
    if (lock->policy == LOCK_GO)
        go_lock_acquire(lock, process);
    else
        fifo_lock_acquire(lock, process);
}

void lock_release(struct lock *lock, struct process *process)
{
    if (lock->policy == LOCK_GO)
        go_lock_release(lock, process);
    else
        fifo_lock_release(lock, process);
}

void lock_note_contended(struct lock *lock, uint64_t queue)
{
    lock->contended++;
    if (queue > lock->longest_queue)
        lock->longest_queue = queue;
}

void lock_note_waited(struct lock *lock, struct process *process, uint64_t since)
{
    histogram_add(&lock->wait, process->now - since);
    if (lock->waited)
        lock->waited(lock->context, process, since);
}

void lock_hold(struct lock *lock, struct process *process, uint64_t at)
{
    lock->holder = process;
    lock->held_since = at;
}

void lock_let_go(struct lock *lock, uint64_t now)
{
    lock->hold_ns += now - lock->held_since;
    lock->holder = NULL;
}

void lock_park(struct lock *lock, struct process *process)
{
    process->next = NULL;
    if (lock->last)
        lock->last->next = process;
    else
        lock->first = process;
    lock->last = process;
    process_park(process);
}

struct process *lock_unpark(struct lock *lock)
{
    struct process *first = lock->first;
    if (!first)
        return NULL;
    lock->first = first->next;
    if (!lock->first)
        lock->last = NULL;
    return first;
}
