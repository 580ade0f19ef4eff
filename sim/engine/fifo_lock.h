/* A lock in virtual time: first come, first served, and a record of who waited how long.
 *
 * Arrivals are put in global order by process_sync, so the order of the queue is the order of virtual time.
 * A holder's release lies ahead of the others' clocks as soon as it has been simulated: who arrives before
 * that moment waits until it (free_at), whether or not the holder is still on the lock.
 */
#ifndef FIFO_LOCK_H
#define FIFO_LOCK_H

#include "engine/engine.h"
#include "engine/histogram.h"

struct fifo_lock {
    uint64_t acquire_ns;  /* cost of taking it, paid by everyone before holding it */
    uint64_t handoff_ns;  /* from a release to the next in the queue running on */
    struct process *holder;
    uint64_t held_since;  /* may lie ahead of others' clocks */
    uint64_t free_at;     /* when it was last released */
    struct process *first, *last; /* parked, in order of arrival */
    uint64_t parked;
    /* totals */
    uint64_t acquisitions, contended, hold_ns, longest_queue;
    struct histogram wait; /* of the contended acquisitions, ns */
    /* Told when a wait is over, by the process that waited; NULL: nobody asks. */
    void (*waited)(void *context, struct process *process, uint64_t since);
    void *context;
};

void fifo_lock_init(struct fifo_lock *lock, uint64_t acquire_ns, uint64_t handoff_ns);
/* By the running process. Not re-entrant. */
void fifo_lock_acquire(struct fifo_lock *lock, struct process *process);
void fifo_lock_release(struct fifo_lock *lock, struct process *process);

#endif
