/* When collections begin: the heap has reached the trigger, somebody calls runtime.GC, the last one was long ago; or
 * the recorded ones began.
 *
 *     Ps: collector_check, _force, _follow --request--> collector_main, a process --> collector_run_cycle
 *                                          the clock --^
 *
 * Follows runtime/mgc.go of Go 1.19 (gcTrigger.test, gcStart, GC) and proc.go (sysmon, forcegchelper).
 */
#include "model/sim.h"

static void request(struct collector *c, struct sim_p *starter, bool forced, bool by_clock)
{
    c->running = true;
    c->forced = forced;
    c->by_clock = by_clock;
    c->starter = starter;
}

/* Nothing but the scavenger will do anything any more. A run that hangs must not be kept alive by collections. */
static bool nobody_goes_on(const struct sim *sim)
{
    const struct scavenger *s = &sim->scavenger;
    return engine_ready(&sim->engine) == (uint32_t)(s->started && s->state == SCAVENGER_DUE);
}

/* When the last cycle will have been too long ago (gcTriggerTime, forcegcperiod); UINT64_MAX: never. */
static uint64_t due_by_clock(const struct sim *sim)
{
    const uint64_t period = sim->config.gc_period_ns;
    bool ever = period > 0 && sim->collector.cycles > 0 && sim->config.gogc >= 0 && sim->config.gc == GC_PACED;
    return ever ? sim->collector.last_end_ns + period : UINT64_MAX;
}

/* Sleeps until somebody has requested a cycle, or one is due: as proc.go's sysmon and forcegchelper see to it. */
static void await_request(struct sim *sim, struct process *me)
{
    struct collector *c = &sim->collector;
    uint64_t due = due_by_clock(sim);
    if (due == UINT64_MAX || nobody_goes_on(sim)) {
        daemon_doze(me, &c->asleep);
        return;
    }
    c->asleep = c->due = true;
    me->now = me->now < due ? due : me->now;
    process_sync(me);
    c->due = false;
    if (!c->asleep)
        return;
    c->asleep = false;
    if (!nobody_goes_on(sim))
        request(c, NULL, false, true);
}

/* One has been requested; or a recorded one has begun, maybe while the one before was under way. */
static bool is_requested(struct collector *c)
{
    if (!c->running && c->recorded.followed < c->recorded.begun) {
        c->recorded.followed++;
        request(c, c->recorded.starter, false, false);
    }
    return c->running;
}

void collector_main(struct process *me, void *arg)
{
    struct sim *sim = arg;
    while (!sim->done) {
        if (is_requested(&sim->collector))
            collector_run_cycle(sim, me);
        else
            await_request(sim, me);
    }
}

/* --- what the Ps ask for ------------------------------------------------------------------------------- */

static void request_cycle(struct sim_p *sp, bool forced)
{
    request(&sp->sim->collector, sp, forced, false);
    collector_rouse(sp->sim, sp->process.now);
}

static bool trigger_reached(struct sim *sim)
{
    struct pacer_memory memory = collector_memory(sim);
    return goheap_heap_live(sim->heap) >= pacer_trigger(&sim->collector.pacer, &memory);
}

/* gcStart: whoever starts a cycle sweeps first what the last one left. */
static void sweep_before(struct sim_p *sp)
{
    struct sim *sim = sp->sim;
    enum timeline_what was = sim_p_does(sp, TIMELINE_SWEEPS);
    world_enter_core(sim);
    while (!sim->collector.running && goheap_sweep_one(sim->heap, sp->p) != UINT64_MAX)
        ;
    world_leave_core(sim, &sp->process);
    sim_p_does(sp, was);
}

void collector_check(struct sim *sim, struct sim_p *sp)
{
    struct collector *c = &sim->collector;
    sp->check_gc = false;
    if (sim->marking.on) {
        struct pacer_memory memory = collector_memory(sim);
        struct pacer_progress progress = collector_progress(sim);
        pacer_revise(&c->pacer, &memory, &progress);
    } else {
        c->scan_seen = sim->accounts.scan_allocated;
    }
    if (c->running || sim->core.reclaim != GOHEAP_RECLAIM_GC || sim->config.gc == GC_RECORDED)
        return;
    if (!trigger_reached(sim))
        return;
    sweep_before(sp);
    if (!c->running && trigger_reached(sim))
        request_cycle(sp, false);
}

void collector_follow(struct sim_p *sp, bool begins)
{
    struct sim *sim = sp->sim;
    struct collector *c = &sim->collector;
    if (sim->config.gc != GC_RECORDED || sim->core.reclaim != GOHEAP_RECLAIM_GC)
        return;
    process_sync(&sp->process);
    if (begins) {
        sweep_before(sp);
        c->recorded.begun++;
        c->recorded.starter = sp;
    } else {
        c->recorded.ended++;
    }
    collector_rouse(sim, sp->process.now);
}

/* GC() sweeps what is left itself, then waits for those who are sweeping still. */
static void sweep_to_the_end(struct sim_p *sp, uint64_t cycles)
{
    struct sim *sim = sp->sim;
    struct process *me = &sp->process;
    bool more = true;
    while (sim->collector.cycles == cycles && !goheap_sweep_done(sim->heap)) {
        world_gate(sim, me);
        if (more) {
            world_enter_core(sim);
            more = goheap_sweep_one(sim->heap, sp->p) != UINT64_MAX;
            world_leave_core(sim, me);
        } else {
            me->now += 100; /* Gosched */
        }
        process_sync(me);
    }
    world_gate(sim, me);
    world_enter_core(sim);
    collector_give_work_buffers(sim, sp->p);
    world_leave_core(sim, me);
}

/* A cycle of its own, after the one under way. False if its stream waits elsewhere for either. */
static bool run_forced_cycle(struct sim_p *sp, uint64_t *cycle)
{
    struct collector *c = &sp->sim->collector;
    while (c->running) {
        if (c->recorded.ended < c->recorded.followed)
            collector_rouse(sp->sim, sp->process.now);
        if (!marking_wait(sp, &c->waiters))
            return false;
    }
    *cycle = c->cycles + 1;
    request_cycle(sp, true);
    if (sp->stream)
        sp->stream->cycle = *cycle;
    return marking_wait(sp, &c->waiters);
}

void collector_force(struct sim_p *sp)
{
    struct sim *sim = sp->sim;
    if (sim->core.reclaim != GOHEAP_RECLAIM_GC)
        return;
    process_sync(&sp->process);
    uint64_t cycle = sp->stream ? sp->stream->cycle : 0;
    if (!cycle && !run_forced_cycle(sp, &cycle))
        return;
    if (sp->stream)
        sp->stream->cycle = 0;
    enum timeline_what was = sim_p_does(sp, TIMELINE_SWEEPS);
    sweep_to_the_end(sp, cycle);
    sim_p_does(sp, was);
}
