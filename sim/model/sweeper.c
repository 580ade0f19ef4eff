/* The background sweeper: a process of the collector's that sweeps on the time of Ps that have nothing to do, a span
 * at a time; and how any of the runtime's own processes comes by such time. Follows runtime/mgcsweep.go (bgsweep).
 */
#include "model/sim.h"

/* There is a P again whose time it may use. */
void sweeper_rouse(struct sim *sim, uint64_t now)
{
    if (sim->collector.sweeper_asleep && !goheap_sweep_done(sim->heap))
        daemon_rouse(&sim->collector.sweeper, &sim->collector.sweeper_asleep, now);
}

struct sim_p *sweeper_idle_p(const struct sim *sim)
{
    for (uint32_t i = 0; i < sim->p_count; i++)
        if (sim->ps[i]->idle && !sim->ps[i]->lent)
            return sim->ps[i];
    return NULL;
}

void sweeper_borrow(struct sim *sim, struct process *me, struct sim_p *sp)
{
    if (me->now < sp->idle_since)
        me->now = sp->idle_since;
    sp->lent = true;
    if (sim->timeline)
        timeline_borrow(sim->timeline, me, sp);
    world_enter_core(sim);
}

void sweeper_give_back(struct sim *sim, struct process *me, struct sim_p *sp)
{
    world_leave_core(sim, me);
    if (sim->timeline)
        timeline_give_back(sim->timeline, me);
    sp->lent = false;
    sp->idle_since = me->now;
    queue_wake(&sp->wants_back, me->now);
    sweeper_rouse(sim, me->now);
}

/* One span on the time of an idle P, which cannot go on before that is done. */
static bool sweep_on(struct sim *sim, struct process *me, struct sim_p *sp)
{
    sweeper_borrow(sim, me, sp);
    bool more = goheap_sweep_one(sim->heap, sp->p) != UINT64_MAX;
    collector_give_work_buffers(sim, sp->p);
    sweeper_give_back(sim, me, sp);
    return more;
}

/* bgsweep: in Go a goroutine that yields after each span, so that it gets what time the Ps have left. */
void sweeper_main(struct process *me, void *arg)
{
    struct sim *sim = arg;
    while (!sim->done) {
        world_gate(sim, me);
        struct sim_p *sp = goheap_sweep_done(sim->heap) ? NULL : sweeper_idle_p(sim);
        if (sp && sweep_on(sim, me, sp)) {
            sim->collector.spans_swept_background++;
            process_sync(me);
        } else if (!sim->done) {
            daemon_doze(me, &sim->collector.sweeper_asleep); /* until a cycle ends, or a P is idle */
        }
    }
}

void sweeper_idle(struct sim_p *sp)
{
    struct sim *sim = sp->sim;
    sp->idle = true;
    sim->ps_idle++;
    sp->idle_since = sp->process.now;
    if (sim->timeline)
        timeline_rest(sim->timeline, sp);
    marking_seek(sim, sp->process.now);
    sweeper_rouse(sim, sp->process.now);
}

void sweeper_busy(struct sim_p *sp)
{
    while (sp->lent)
        queue_park(&sp->wants_back, &sp->process);
    sp->idle = false;
    sp->sim->ps_idle--;
    if (sp->sim->timeline)
        timeline_resume(sp->sim->timeline, sp);
}
