/* A lock in virtual time, and a record of who waited how long for it. Two policies behind one interface:
 *
 *     lock_acquire, lock_release --LOCK_FIFO--> fifo_lock.c: first come, first served
 *                                \-LOCK_GO----> go_lock.c:   the Go runtime's mutex: spin, yield, sleep
 *
 * Arrivals are put in global order by process_sync, so a policy sees them in the order of virtual time (ties:
 * lower process id).
 */
#ifndef LOCK_H
#define LOCK_H

#include "engine/engine.h"
#include "engine/histogram.h"

enum lock_policy { LOCK_FIFO, LOCK_GO };

/* All in ns. */
struct lock_costs {
    uint64_t acquire; /* taking it, paid by everyone before holding it */
    /* of LOCK_FIFO */
    uint64_t handoff; /* from a release to the next in the queue running on */
    /* of LOCK_GO */
    uint64_t spin;    /* a round of spinning: until the lock is looked at again */
    uint64_t yield;   /* the same by way of the OS */
    uint64_t sleep;   /* a call of the OS to sleep, or to wake somebody up */
    uint64_t wake;    /* from a release to the one woken by it running on */
};

struct lock {
    enum lock_policy policy;
    struct lock_costs costs;
    struct process *holder;
    uint64_t held_since;  /* LOCK_FIFO: may lie ahead of others' clocks */
    uint64_t free_at;     /* LOCK_FIFO: when it was last released; may lie ahead, too */
    unsigned key;         /* LOCK_GO: the runtime's mutex.key */
    struct process *first, *last; /* parked, in order of arrival */
    uint64_t waiting;     /* LOCK_FIFO: how many are parked; LOCK_GO: and those that spin */
    /* totals */
    uint64_t acquisitions, contended, hold_ns, longest_queue;
    struct histogram wait; /* of the contended acquisitions, ns */
    /* Told when a wait is over, by the process that waited; NULL: nobody asks. */
    void (*waited)(void *context, struct process *process, uint64_t since);
    void *context;
};

void lock_init(struct lock *lock, enum lock_policy policy, const struct lock_costs *costs);
/* By the running process. Not re-entrant. */
void lock_acquire(struct lock *lock, struct process *process);
void lock_release(struct lock *lock, struct process *process);

/* --- between the files of the lock --------------------------------------------------------------------- */

/* The policies: the process has paid for taking the lock, and is the earliest. */
void fifo_lock_acquire(struct lock *lock, struct process *process);
void fifo_lock_release(struct lock *lock, struct process *process);
void go_lock_acquire(struct lock *lock, struct process *process);
void go_lock_release(struct lock *lock, struct process *process);

/* Somebody has come who must wait; `queue` wait now, the newcomer included. */
void lock_note_contended(struct lock *lock, uint64_t queue);
/* It has waited since then, and need not any longer. */
void lock_note_waited(struct lock *lock, struct process *process, uint64_t since);
/* The process holds the lock from `at` on. */
void lock_hold(struct lock *lock, struct process *process, uint64_t at);
/* The holder lets it go, now. */
void lock_let_go(struct lock *lock, uint64_t now);
/* The list of those parked. */
void lock_park(struct lock *lock, struct process *process);
/* Takes the first one off the list; NULL if there is none. */
struct process *lock_unpark(struct lock *lock);

#endif
