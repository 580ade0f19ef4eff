/* What those who mark have in common: the pool, stints, time slices. Others see marking through sim.h. */
#ifndef MARKING_H
#define MARKING_H

#include "model/sim.h"

enum { MARKING_STEP = 10000 }; /* ns; workers, and whoever scans a piece, are looked at so often */

/* --- marking.c --- */

/* Multiples of an irrational number spread evenly between integers: this cycle's, 0 to 1. */
double marking_spread(const struct sim *sim, double irrational);
/* Who is put on a P now is stopped then. */
uint64_t marking_slice_end(const struct sim *sim, uint64_t now);
/* A goroutine is. */
void marking_slice_from(const struct sim *sim, struct sim_p *sp, uint64_t now);
/* The slice that a goroutine has after one that has ended, if each that ended was followed by another. */
void marking_next_slice(struct sim_p *sp, uint64_t now);
/* How long a byte takes, more than 0. */
double marking_byte_ns(const struct sim *sim, const struct work *kind);
/* The same of what comes next. */
double marking_next_byte_ns(struct sim *sim, enum marker who, enum turn turn);
/* Who a P is that runs the program. */
enum marker marking_program(const struct sim *sim);
/* As mark_work_take, after it has given some of what it has away, if it has much. */
uint64_t marking_take(struct sim *sim, struct process *me, enum marker who, enum turn turn, double want, uint32_t takers,
                      struct work **kind);
/* Something is in its sight: else others give it some of what they have, but for those amid a piece. */
bool marking_sees(struct sim *sim, enum marker who, enum turn turn);
/* So much has been done in the background. */
void marking_credit(struct sim *sim, uint64_t work, uint64_t now);
/* A worker or an assist begins, and ends. True if nobody is at work any more, and nothing is in sight: all Ps are to be
 * asked for what only they see. */
void marking_begin_work(struct marking *m);
bool marking_end_work(struct marking *m);
/* They have been: all of it is everyone's. If there is none, and nobody at work, marking is finished. True if anything
 * has become everyone's since they were asked last. */
bool marking_answer(struct sim *sim, uint64_t now);

/* A P whose goroutine waits for credit marks with what it has found itself, as a worker of its own; else the background
 * does on it: where goroutines change Ps, and with dedicated workers, of whom nobody has measured it. */
bool marking_on_own_ps(const struct sim *sim);
/* The P has something to do again: as soon as one of those with nothing else to do looks up, where all are marking. */
void marking_await_p(struct sim_p *sp);
/* Its goroutine has nothing to do until it is woken. */
void marking_park(struct sim_p *sp, struct waiters *waiters);
/* More is in sight, who sleeps is woken to look for it. */
void marking_show(struct sim *sim, uint64_t now);

/* --- stint.c --- */

/* Before its P runs anything else the worker is a fractional one, which has not done its share yet. */
bool stint_is_fractional(const struct marking *m, const struct stint *s, uint64_t now);
/* And there is something to mark. */
bool stint_is_due(struct marking *m, const struct stint *s, uint64_t now);
void stint_begin(struct marking *m, struct stint *s, uint64_t now);
/* What it does next before it is looked at again, of one kind: bytes, for all of so many workers alike. Their time has to
 * pass before stint_did(). */
uint64_t stint_take(struct sim *sim, struct process *me, struct stint *s, enum marker who, uint32_t workers,
                    struct work **kind);
void stint_did(struct sim *sim, struct process *me, struct stint *s, enum marker who, uint64_t work,
               const struct work *kind);
/* So much of its P's time. */
void stint_spent(struct sim *sim, struct stint *s, double ns);
/* It looks, now and then, and leaves; an idle one if its P is wanted. */
bool stint_is_over(struct marking *m, struct stint *s, bool wanted, uint64_t now);
/* The P with nothing else to do and this one change places. */
void stint_swap(struct marking *m, struct sim_p *sp);

/* --- own_worker.c --- */

/* The goroutine's slice is over: a worker does its P's share. Where others wait for the P, one of them takes it over as
 * soon as the event under way is done. */
void own_worker_preempt(struct sim_p *sp);
/* The goroutine waits for credit: a worker does whatever there is to do. */
void own_worker_earn(struct sim_p *sp);

#endif
