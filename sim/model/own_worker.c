/* A worker on a P of the program's: when its goroutine's slice is over, which then waits, or waits for credit.
 *
 * Follows runtime/proc.go (schedule, findRunnable, retake) and mgcpacer.go (findRunnableGCWorker).
 */
#include "model/marking.h"

/* Another P takes the goroutine over and leaves its own share of marking to this one: the two change places. */
static void change_places(struct sim_p *sp)
{
    struct marking *m = &sp->sim->marking;
    stint_swap(m, sp);
    m->takers = 1;
    mark_work_swap(&m->work);
}

/* Until then, or until this P is done itself, its goroutine waits; a P that sleeps is woken (schedule, tryWakeP). */
static void wait_for_a_p(struct sim_p *sp)
{
    struct marking *m = &sp->sim->marking;
    if (m->waits)
        return;
    m->waits = sp;
    m->asleep = false;
    collector_rouse(sp->sim, sp->process.now);
}

/* False: its goroutine is on another P, as this one's worker is in the background. */
static bool keeps_goroutine(struct sim_p *sp)
{
    struct marking *m = &sp->sim->marking;
    if (m->waits != sp)
        return true;
    bool comes = m->comes;
    m->waits = NULL;
    m->comes = false;
    if (comes)
        collector_rouse(sp->sim, sp->process.now);
    return !comes;
}

static void step(struct sim_p *sp)
{
    struct sim *sim = sp->sim;
    struct marking *m = &sim->marking;
    struct process *me = &sp->process;
    struct stint *s = &sp->stint;
    struct work *kind;
    uint64_t began = me->now, work = stint_take(sim, me, s, marking_program(sim), 1, &kind);
    me->now += (uint64_t)((double)work * marking_byte_ns(sim, kind) + 0.5);
    process_sync(me);
    stint_did(sim, me, s, marking_program(sim), work, kind);
    double ns = (double)(me->now - began);
    *(s->fractional ? &m->fractional_ns : &m->idle_ns) += ns;
    stint_spent(sim, s, ns);
    if (sim->timeline)
        timeline_did(sim->timeline, sp, s->fractional ? TIMELINE_FRACTIONAL : TIMELINE_IDLE_MARKS, began);
}

static bool sees_work(const struct sim_p *sp)
{
    return marking_sees(sp->sim, marking_program(sp->sim), ROOTS_FIRST);
}

static bool goes_on_marking(struct sim_p *sp, bool wanted)
{
    struct stint *s = &sp->stint;
    return (s->piece || sees_work(sp)) && !stint_is_over(&sp->sim->marking, s, wanted, sp->process.now);
}

static void leave(struct sim_p *sp)
{
    sp->stint.on = false;
    if (marking_end_work(&sp->sim->marking))
        marking_answer(sp->sim, sp->process.now);
}

/* A fractional worker on a P whose goroutine has been stopped. */
static void work_for_a_while(struct sim_p *sp)
{
    struct marking *m = &sp->sim->marking;
    if (m->finished || !stint_is_fractional(m, &sp->stint, sp->process.now) || !sees_work(sp))
        return;
    stint_begin(m, &sp->stint, sp->process.now);
    wait_for_a_p(sp);
    do {
        step(sp);
    } while (!(m->waits == sp && m->comes) && goes_on_marking(sp, false));
    if (keeps_goroutine(sp))
        leave(sp);
    else
        change_places(sp);
}

void own_worker_preempt(struct sim_p *sp)
{
    work_for_a_while(sp);
    if (sp->stopped)
        marking_slice_from(sp->sim, sp, sp->process.now);
    else
        marking_next_slice(sp, sp->process.now);
    sp->stopped = false;
    sp->preempted = true;
}

/* Until there is credit, which the worker itself may have earned. */
static void work_until_wanted(struct sim_p *sp)
{
    struct marking *m = &sp->sim->marking;
    stint_begin(m, &sp->stint, sp->process.now);
    do {
        step(sp);
    } while (goes_on_marking(sp, m->credit > 0));
    leave(sp);
}

static void nap(struct sim_p *sp)
{
    struct marking *m = &sp->sim->marking;
    sp->naps = true;
    m->naps++;
    marking_park(sp, &m->parked);
    m->naps--;
    sp->naps = false;
}

void own_worker_earn(struct sim_p *sp)
{
    struct sim *sim = sp->sim;
    struct marking *m = &sim->marking;
    do {
        if (sees_work(sp))
            work_until_wanted(sp);
        else
            nap(sp);
    } while (m->on && !m->finished && m->credit <= 0 && !sim->failed);
    marking_slice_from(sim, sp, sp->process.now);
    work_for_a_while(sp); /* the goroutine can go on, but a fractional worker comes first (findRunnable) */
}
