/* Fractional workers on Ps of the program's, whose goroutines wait meanwhile.
 *
 * Follows runtime/proc.go (schedule, retake) and mgcpacer.go (findRunnableGCWorker).
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
static bool goes_on(struct sim_p *sp)
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

static void step_of_p(struct sim_p *sp)
{
    struct sim *sim = sp->sim;
    struct marking *m = &sim->marking;
    struct process *me = &sp->process;
    struct work *kind;
    uint64_t began = me->now, work = stint_take(sim, me, &sp->stint, marking_program(sim), 1, &kind);
    me->now += (uint64_t)((double)work * marking_byte_ns(sim, kind) + 0.5);
    process_sync(me);
    stint_did(sim, me, &sp->stint, marking_program(sim), work, kind);
    m->fractional_ns += (double)(me->now - began);
    sp->stint.fractional_ns += (double)(me->now - began);
    if (sim->timeline)
        timeline_did(sim->timeline, sp, TIMELINE_FRACTIONAL, began);
}

/* A fractional worker on a P whose goroutine has been stopped. */
static void work_for_a_while(struct sim_p *sp)
{
    struct sim *sim = sp->sim;
    struct marking *m = &sim->marking;
    struct stint *s = &sp->stint;
    enum marker who = marking_program(sim);
    if (m->finished || !stint_is_fractional(m, s, sp->process.now) || !mark_work_next(&m->work, who, ROOTS_FIRST))
        return;
    stint_begin(m, s, sp->process.now);
    wait_for_a_p(sp);
    do {
        step_of_p(sp);
    } while ((s->piece || mark_work_next(&m->work, who, ROOTS_FIRST)) && !(m->waits == sp && m->comes) &&
             !stint_is_over(m, s, sp->process.now));
    if (!goes_on(sp)) {
        change_places(sp);
        return;
    }
    s->on = false;
    if (marking_end_work(m))
        marking_answer(sim, sp->process.now);
}

void fractional_preempt(struct sim_p *sp)
{
    work_for_a_while(sp);
    if (sp->stopped)
        marking_slice_from(sp->sim, sp, sp->process.now);
    else
        marking_next_slice(sp, sp->process.now);
    sp->stopped = false;
    sp->preempted = true;
}
