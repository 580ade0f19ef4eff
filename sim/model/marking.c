/* The mark phase: a pool of work (work.h), and those who take from it.
 *
 *     dedicated workers (whole Ps), Ps with nothing to do (workers.c) --credit--> [pool] <-- assists (assist.c): who
 *     a busy P's own worker (own_worker.c), when its slice is over    --credit-->           allocates in debt pays with
 *     or its goroutine waits for credit                                                     credit, then with work
 *
 * Follows runtime/mgcmark.go (gcDrain, gcFlushBgCredit), mgc.go (gcMarkDone) and mgcpacer.go (startCycle). Work is bytes
 * to scan; marking takes its time with them. Workers and assists are at work until their clocks have passed that time;
 * marking is over when nobody is, and all Ps have been asked for what only they see.
 */
#include "model/marking.h"

enum {
    PREPARATION = 60000 /* ns from markStartTime to the first root, of 25 to 70 by program; half in small heaps */
};

#define GOLDEN 0.6180339887498949

/* --- time slices ---------------------------------------------------------------------------------------- */

double marking_spread(const struct sim *sim, double irrational)
{
    double turn = irrational * (double)(sim->collector.cycles + 1);
    return turn - (double)(uint64_t)turn;
}

/* sysmon looks around so often, and stops whom it finds for the second time (proc.go, retake): a goroutine runs for one
 * to two looks. The setting is the mean of these. */
static uint64_t look_ns(const struct sim *sim)
{
    return sim->config.timeslice_ns / 3 * 2;
}

/* As is done after the world has been stopped, save with the one that stopped it, which goes on. Where sysmon's looks lie
 * is anything. */
uint64_t marking_slice_end(const struct sim *sim, uint64_t now)
{
    return now + (uint64_t)((1 + marking_spread(sim, GOLDEN)) * (double)look_ns(sim));
}

void marking_slice_from(const struct sim *sim, struct sim_p *sp, uint64_t now)
{
    sp->preempt_at = marking_slice_end(sim, now);
}

void marking_next_slice(struct sim_p *sp, uint64_t now)
{
    uint64_t slice = 2 * look_ns(sp->sim);
    if (sp->preempt_at <= now)
        sp->preempt_at = now + slice - (slice ? (now - sp->preempt_at) % slice : 0);
}

/* --- the pool ------------------------------------------------------------------------------------------ */

double marking_byte_ns(const struct sim *sim, const struct work *w)
{
    double ns = w->byte_ns + w->firsts * sim_shared_line(sim);
    return ns > 0 ? ns : 1e-9;
}

/* A single P does both. */
enum marker marking_program(const struct sim *sim)
{
    return sim->p_count == 1 ? BACKGROUND : PROGRAM;
}

double marking_next_byte_ns(struct sim *sim, enum marker who, enum turn turn)
{
    struct mark_work *all = &sim->marking.work;
    struct work *next = mark_work_next(all, who, turn);
    return marking_byte_ns(sim, next ? next : &all->objects);
}

/* Whoever balances wakes a worker that sleeps (mayNeedWorker). */
uint64_t marking_take(struct sim *sim, struct process *me, enum marker who, enum turn turn, double want, uint32_t takers,
                     struct work **kind)
{
    struct mark_work *work = &sim->marking.work;
    if (mark_work_balance(work, who))
        marking_show(sim, me->now);
    return mark_work_take(work, who, turn, want, takers, kind);
}

/* At work, and not amid a piece. */
static bool may_give(const struct sim *sim, enum marker who)
{
    const struct stint *background = &sim->marking.stint;
    if (who == BACKGROUND)
        return background->on && !background->piece;
    for (uint32_t i = 0; i < sim->p_count; i++) {
        const struct sim_p *sp = sim->ps[i];
        if ((sp->assists || sp->stint.on) && !sp->stint.piece)
            return true;
    }
    return false;
}

/* Real ones look after each object whether to balance. */
bool marking_sees(struct sim *sim, enum marker who, enum turn turn)
{
    struct mark_work *work = &sim->marking.work;
    enum marker other = who == PROGRAM ? BACKGROUND : PROGRAM;
    return mark_work_next(work, who, turn) || (may_give(sim, other) && mark_work_balance(work, other));
}

void marking_credit(struct sim *sim, uint64_t work, uint64_t now)
{
    struct marking *m = &sim->marking;
    m->done += (double)work;
    m->credit += (double)work;
    if (m->credit > 0 && mark_work_left(&m->work)) /* else it is over soon */
        marking_wake(sim, now); /* gcFlushBgCredit */
}

void marking_begin_work(struct marking *m)
{
    m->at_work++;
}

/* True if nobody is at work any more, and nothing is in sight: all Ps are to be asked for what only they see
 * (gcMarkDone). */
bool marking_end_work(struct marking *m)
{
    return --m->at_work == 0 && !mark_work_in_sight(&m->work) && !m->finished && !m->asked;
}

/* What they have shown calls for no worker (gcWork.dispose, which unlike balance does not set mayNeedWorker). */
bool marking_answer(struct sim *sim, uint64_t now)
{
    struct marking *m = &sim->marking;
    bool flushed = mark_work_publish(&m->work);
    m->finished = m->at_work == 0 && mark_work_left(&m->work) == 0;
    if (m->finished)
        collector_rouse(sim, now);
    return flushed;
}

/* --- the phase ----------------------------------------------------------------------------------------- */

/* startCycle: whole Ps to come as near as possible to the goal, or if that is far off, a part of each P besides. */
static void plan_workers(struct marking *m, double share, uint32_t ps)
{
    const double max_error = 0.3;
    double goal = share * ps;
    m->dedicated = (uint32_t)(goal + 0.5);
    m->fractional = 0;
    double error = goal > 0 ? m->dedicated / goal - 1 : 0;
    if (error >= -max_error && error <= max_error)
        return;
    m->dedicated -= m->dedicated > goal;
    m->fractional = (goal - m->dedicated) / ps;
}

void marking_seek(struct sim *sim, uint64_t now)
{
    if (!sim->marking.on)
        return;
    sim->marking.asleep = false;
    sim->marking.seeks = true;
    collector_rouse(sim, now);
}

void marking_park(struct sim_p *sp, struct waiters *waiters)
{
    struct sim *sim = sp->sim;
    enum timeline_what was = sim_p_does(sp, waiters == sim->awaiting ? TIMELINE_AWAITS : TIMELINE_PARKED);
    sp->blocked = true;
    sim->ps_blocked++;
    queue_park(&waiters->processes, &sp->process);
    sim->ps_blocked--;
    sp->blocked = false;
    sim_p_does(sp, was);
}

bool marking_on_own_ps(const struct sim *sim)
{
    return !sim->sched.on && !sim->marking.dedicated;
}

/* Before Green Tea a P that sleeps is not (enlistWorker). */
void marking_show(struct sim *sim, uint64_t now)
{
    collector_rouse(sim, now);
    if (sim->config.mark_wakes_idle && sim->marking.naps)
        queue_wake(&sim->marking.parked.processes, now);
}

bool marking_wait(struct sim_p *sp, struct waiters *waiters)
{
    struct sim *sim = sp->sim;
    if (sim->sched.on) {
        sched_leave(sp, waiters);
        return false;
    }
    marking_seek(sim, sp->process.now);
    marking_park(sp, waiters);
    return true;
}

/* The starter's goroutine goes on in its slice, or in one that followed; on one P, where it ends most cycles as well, it
 * may be anywhere in it. Where others wait for another P, one of them takes it. */
static void begin_slices(struct sim *sim, const struct sim_p *starter, uint64_t now)
{
    for (uint32_t i = 0; i < sim->p_count; i++) {
        struct sim_p *sp = sim->ps[i];
        sp->assist_bytes = 0;
        sp->stint = (struct stint){0};
        sp->assists = sp->stopped = false;
        if (sp != starter && sim->sched.on)
            sp->preempt_at = now;
        else if (sp != starter)
            marking_slice_from(sim, sp, now);
        else if (sim->p_count == 1)
            sp->preempt_at = now + (uint64_t)(marking_spread(sim, GOLDEN) * 2 * (double)look_ns(sim));
        else
            marking_next_slice(sp, now);
    }
}

static void end_slices(struct sim *sim, uint64_t now)
{
    for (uint32_t i = 0; i < sim->p_count; i++)
        if (sim->ps[i] != sim->marking.finisher && !sim->sched.on)
            marking_slice_from(sim, sim->ps[i], now);
}

void marking_begin(struct sim *sim, const struct goheap_marked *marked, uint64_t now)
{
    struct marking *m = &sim->marking;
    *m = (struct marking){.on = true};
    const struct collector *c = &sim->collector;
    m->heap_scan_most = c->pacer.last_heap_scan + c->scan_seen - c->scan_counted; /* heapScan */
    plan_workers(m, sim->config.mark_share, sim->p_count);
    mark_work_plan(&m->work, sim, marked, m->dedicated == 0); /* with dedicated workers nobody has measured it */
    m->heap_scan = m->work.heap;
    const uint64_t prepared = (uint64_t)(PREPARATION * m->work.cold);
    m->start_ns = now > prepared ? now - prepared : 0;
    m->takers = 1;
    begin_slices(sim, sim->collector.starter, now);
    sim->paying++;
    collector_tax(sim, 1);
}

void marking_wake(struct sim *sim, uint64_t now)
{
    queue_wake(&sim->marking.parked.processes, now);
    sched_wake(sim, &sim->marking.parked, now);
}

void marking_end(struct sim *sim, uint64_t now)
{
    sim->marking.on = false;
    end_slices(sim, now);
    sim->paying--;
    collector_tax(sim, 1);
    marking_wake(sim, now);
}
