/* What every P does at each moment, told as slices of time while the run goes on.
 *
 *     P 2       |running-----------|waiting|running--|idle-----|sweeping|idle|running-- ...
 *     worker 0            |dedicated worker----------------|
 *
 * Invariant: a P's slices follow each other without gap or overlap from the P's start to the run's end. Those of a
 * background worker, and of the scavenger and the collector when they are on no P, do not overlap either.
 *
 * Workers have tracks of their own because marking shares their work out by number, not by P: the time on these
 * tracks is what the cycle accounts for. A P with nothing else to do lends its time to them (TIMELINE_LENDS); should
 * it get busy before a worker's step is over, its own slice ends there.
 *
 * Memory is a few words a P. An idle moment shorter than TIMELINE_REST_NS is part of the running slice around it,
 * which says how long it was idle in all; so is the sweeping that an allocation does on its way.
 */
#ifndef TIMELINE_H
#define TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

struct sim;
struct sim_p;
struct named_lock;
struct process;
struct sample;
struct cycle_record;

enum { TIMELINE_REST_NS = 100000 };

enum timeline_what {
    TIMELINE_RUNS,
    TIMELINE_IDLE,
    TIMELINE_WAITS,      /* for a lock */
    TIMELINE_ASSISTS,    /* marks, because it allocates */
    TIMELINE_FRACTIONAL, /* marks, as a fractional worker */
    TIMELINE_DEDICATED,  /* of a worker's track: marks */
    TIMELINE_IDLE_MARKS, /* marks, because nobody needs the P */
    TIMELINE_LENDS,      /* has nothing to do, and marks in the background */
    TIMELINE_SWEEPS,
    TIMELINE_SCAVENGES,
    TIMELINE_FLUSHES,    /* a collection has ended: gives its spans back to be swept */
    TIMELINE_STOPPED,    /* waits at a safepoint for the world to start */
    TIMELINE_STOPS,      /* stops the world, and starts it again */
    TIMELINE_PARKED,     /* its goroutine waits for the collector */
    TIMELINE_AWAITS,     /* its goroutine waits for what another P is to allocate */
    TIMELINE_WHATS
};

/* Whose slice it is. */
enum timeline_track { TIMELINE_P, TIMELINE_WORKER, TIMELINE_COLLECTOR, TIMELINE_SWEEPER, TIMELINE_SCAVENGER,
                      TIMELINE_TRACKS };

struct timeline_slice {
    enum timeline_what what;
    uint64_t from, to;               /* ns; the same only of a wait that took no time */
    const struct named_lock *lock;   /* of a wait: for which lock, and who held it just before */
    const struct process *holder;    /* NULL if it is not known */
    uint64_t idle_ns, sweep_ns;      /* of a running slice: spent so within */
};

/* Where slices go. Slices of one track come in order, tracks in any. */
struct timeline_sink {
    void (*slice)(void *context, enum timeline_track track, uint32_t number, const struct timeline_slice *slice);
    void (*sample)(void *context, const struct sample *sample);
    void (*cycle)(void *context, const struct cycle_record *record);
    void *context;
};

struct timeline;

/* Of a run that has not begun; the sim and the sink's context are borrowed. NULL if there is no memory. */
struct timeline *timeline_new(const struct sim *sim, const struct timeline_sink *sink);
void timeline_free(struct timeline *t);

/* --- told by the model; `sp` is the running process unless it says otherwise ------------------------------- */

/* A P comes into being; numbers count up from 0. False if there is no memory. */
bool timeline_p(struct timeline *t, uint64_t start);
/* What it does from now on; returns what it did until now. */
enum timeline_what timeline_enter(struct timeline *t, const struct sim_p *sp, enum timeline_what what);
/* What it has done from then until now, before it goes on as before. */
void timeline_did(struct timeline *t, const struct sim_p *sp, enum timeline_what what, uint64_t from);
/* It has nothing to do; it has something to do again. */
void timeline_rest(struct timeline *t, const struct sim_p *sp);
void timeline_resume(struct timeline *t, const struct sim_p *sp);
/* It has swept a span on its way. */
void timeline_swept(struct timeline *t, const struct sim_p *sp, uint64_t ns);
/* It makes up now, until then, for time that others spent on its behalf. */
void timeline_makes_up(struct timeline *t, const struct sim_p *sp, uint64_t until);
/* What it will have to make up for is scavenging; called by the scavenger. */
void timeline_owes(struct timeline *t, const struct sim_p *sp);
/* A process was at the gate from then until now. */
void timeline_stopped(struct timeline *t, const struct process *process, uint64_t from);
/* A wait for a lock is over, which began then. */
void timeline_waited(struct timeline *t, const struct named_lock *lock, const struct process *process, uint64_t since);
/* The sweeper or the scavenger goes to work, on the time of an idle P or (NULL) of none; it is done. */
void timeline_borrow(struct timeline *t, const struct process *process, const struct sim_p *sp);
void timeline_give_back(struct timeline *t, const struct process *process);
/* Background workers mark on all Ps that have nothing to do; */
void timeline_lend_idle(struct timeline *t, uint64_t from, uint64_t to);
/* have marked: `idle` of them as `what`, the others as dedicated ones. */
void timeline_marked(struct timeline *t, uint64_t from, uint64_t to, uint32_t workers, uint32_t idle,
                     enum timeline_what what);
void timeline_sample(struct timeline *t, const struct sample *sample);
/* A cycle is over; or, with number 0, it marks still and the run is over. */
void timeline_cycle(struct timeline *t, const struct cycle_record *record);
/* The run is over: what is under way ends. */
void timeline_end(struct timeline *t, uint64_t end_ns);

#endif
