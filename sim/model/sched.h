/* Streams that outnumber the Ps: who runs where, and when.
 *
 *     stream (goroutine, thread)      asleep until a time -> runnable -> on a P -> waits for an object, or a collection
 *                                             ^---------------------------+ time slice is over; what it waited for is there
 *
 * As long as every stream has a P of its own nothing of this happens: a P takes events from a queue of its own. The
 * first stream too many turns those queues into streams, for good. From then on any P runs any stream, first come, first
 * served: one queue for all, by the time since when a stream can run, ties by its number. What cannot run yet is in the
 * same queue, with a time that is still to come. A stream stays on its P until its next event is for later, it has to
 * wait for somebody else, it has no event in the window, or its time slice is over and others are waiting.
 *
 * Invariant: a P that has nothing to run waits for the stream that comes next, and of several such Ps each for another:
 * none in the queue comes before those.
 *
 * Follows runtime/proc.go (schedule, findRunnable, goschedImpl, retake) in what can be told from outside, with the global
 * queue only: Go's Ps have queues of their own before it, and steal from each other.
 */
#ifndef SCHED_H
#define SCHED_H

#include "engine/engine.h"
#include "engine/histogram.h"
#include "model/event_ring.h"
#include "model/idle_ps.h"

struct sim;
struct sim_p;

/* A stream of the trace. */
struct stream {
    struct event_ring ring; /* its events in the window; the first may be under way */
    uint64_t ready_at;      /* when the first may happen, or could have; with none: when the last one had */
    uint64_t last_time;     /* recorded, of the event that ready_at is of */
    uint32_t number;
    uint32_t awaits;        /* it waits for an object: slot */
    bool held;              /* a P has it, to run now or when it is time */
    bool owes;              /* it waits for the collector in an allocation, where it came at: */
    uint64_t came;
    uint64_t cycle;         /* it waits for the end of this cycle, and is to sweep then; or 0 */
    double assist_bytes;    /* that it may allocate, as struct sim_p has it; of the cycle after so many: */
    uint64_t assist_cycles;
    struct stream *next;    /* that waits for the same */
};

/* First come, first served. */
static inline bool stream_before(const struct stream *a, const struct stream *b)
{
    return a->ready_at != b->ready_at ? a->ready_at < b->ready_at : a->number < b->number;
}

/* Who waits for something: Ps with all that is on them, while each has a stream of its own; else streams. */
struct waiters {
    struct process *processes;
    struct stream *streams;
};

/* A place in the queue. */
struct sched_place {
    uint64_t ready_at;
    struct stream *stream;
};

struct sched {
    bool on;                 /* streams outnumber the Ps */
    struct stream **streams; /* by number */
    uint32_t stream_count, stream_room;
    struct sched_place *queue; /* a heap with room for all streams */
    uint32_t queued;
    struct idle_ps idle;     /* Ps that wait for a stream's time, or for a stream */
    uint64_t switches;       /* a P went on with another stream than it ran last */
    uint64_t preemptions;    /* a time slice was over and another stream's turn come */
    struct histogram latency; /* ns from when a stream could run until a P took it up */
};

/* Stream number n has an event, the next one of those that are read. The first number that is not below the Ps' turns
 * the scheduler on. False if there is no memory. Streams that were waiting for it may run at `now`. */
bool sched_feed(struct sim *sim, uint32_t number, const struct trace_event *event, uint64_t now);
/* The next event of the P's, as feed_next has it. */
bool sched_next(struct sim_p *sp, struct trace_event *event);
/* The P's stream, in the midst of an event, waits: the P goes on with another, and the event begins anew afterwards. */
void sched_leave(struct sim_p *sp, struct waiters *waiters);
/* All of them may run again; those that wait for an object may. */
void sched_wake(struct sim *sim, struct waiters *waiters, uint64_t now);
void sched_wake_for(struct sim *sim, struct waiters *waiters, uint32_t slot, uint64_t now);
/* Nothing is left to be run: Ps that wait for some go on, and end. */
void sched_end(struct sim *sim, uint64_t now);
void sched_destroy(struct sim *sim);

#endif
