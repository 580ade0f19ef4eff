/* The collector around the heap: when a cycle starts, how long it marks, what it stops.
 *
 *     sweep the rest, request -> STOP mark roots START -> marking, a share of every P -> STOP end START -> sweep
 *
 * One process runs the cycles, another sweeps in the background, on the time of Ps that have nothing to do.
 * Follows runtime/mgc.go of Go 1.19 (gcStart, gcMarkTermination, GC) and mgcpacer.go. Marking is fluid: while it
 * lasts, mark_share of the Ps' time goes to it, so that mutators are slowed by 1 / (1 - mark_share), and it lasts
 * as long as the work takes then.
 */
#include "model/sim.h"

static struct pacer_memory memory_of(const struct sim *sim)
{
    struct goheap_gauges g;
    goheap_gauges(sim->heap, &g);
    return (struct pacer_memory){
        .mapped_ready = g.mapped_ready,
        .heap_free = g.heap_free,
        .heap_alloc = g.total_alloc - g.total_free,
    };
}

uint64_t collector_goal(struct sim *sim)
{
    struct pacer_memory memory = memory_of(sim);
    return pacer_goal(&sim->collector.pacer, &memory);
}

static void set_tax(struct sim *sim, double tax)
{
    sim->tax = tax;
    sim->alloc_ns = (uint64_t)(sim->config.costs.alloc * tax + 0.5);
    sim->free_ns = sim->core.reclaim == GOHEAP_RECLAIM_IMMEDIATE ? (uint64_t)(sim->config.costs.free * tax + 0.5) : 0;
}

/* --- a cycle ------------------------------------------------------------------------------------------- */

/* Each P lets its spans go to be swept. Go's Ps do that just after the world has started
 * (mcache.prepareForSweep): the time it takes is the P's own, from now on. */
static void flush_ps(struct sim *sim, uint64_t now)
{
    for (uint32_t i = 0; i < sim->p_count; i++) {
        double ns = 0;
        sim->aside = &ns;
        goheap_p_begin_sweep(sim->ps[i]->p);
        sim->aside = NULL;
        sim->ps[i]->not_before = now + (uint64_t)ns;
    }
}

static double mark_cost(const struct sim *sim, const struct goheap_marked *marked)
{
    return (double)marked->objects * sim->config.costs.mark_object +
           (double)marked->scan_bytes * sim->config.costs.mark_byte;
}

/* Marking, from the heap's snapshot on: how long it takes at the share it gets. */
static void mark(struct sim *sim, struct process *me, double work_ns)
{
    double share = sim->config.mark_share > 0 ? sim->config.mark_share : 1;
    set_tax(sim, share < 1 ? 1 / (1 - share) : 1);
    me->now += (uint64_t)(work_ns / (share * (double)sim->p_count) + 0.5);
    process_sync(me);
    set_tax(sim, 1);
    sim->collector.mark_cpu_ns += (uint64_t)work_ns;
}

static void record_cycle(struct sim *sim, const struct cycle_record *record)
{
    struct collector *c = &sim->collector;
    c->pause_ns[c->cycles % PAUSES] = record->pause_ns;
    c->pause_end[c->cycles % PAUSES] = record->end_ns;
    c->pause_total_ns += record->pause_ns;
    c->stop_cpu_ns += record->pause_ns * sim->p_count;
    c->mark_total_ns += record->mark_ns;
    c->last_end_ns = record->end_ns;
    histogram_add(&c->pauses, record->pause_ns);
    if (c->cycles < CYCLES_KEPT)
        c->records[c->cycles] = *record;
    c->cycles++;
    c->forced_cycles += record->forced;
}

/* Mark termination: survivors are known, the next goal is set, sweeping begins. */
static void end_marking(struct sim *sim, uint64_t now, struct cycle_record *record, uint64_t scan_bytes)
{
    struct collector *c = &sim->collector;
    struct goheap_marked survived;
    uint64_t last_goal = collector_goal(sim);
    record->heap_end = goheap_heap_live(sim->heap);
    goheap_gc_end(sim->heap, &survived);
    record->heap_marked = survived.bytes;
    pacer_end_cycle(&c->pacer, &(struct pacer_cycle){
                                   .heap_live = record->heap_end,
                                   .marked = survived.bytes,
                                   .scan_work = scan_bytes,
                                   .utilization = sim->config.mark_share,
                               });
    pacer_commit(&c->pacer, goheap_sweep_done(sim->heap), survived.bytes);
    struct pacer_memory memory = memory_of(sim);
    goheap_sweep_pace(sim->heap, pacer_trigger(&c->pacer, &memory));
    scavenger_end_cycle(sim, last_goal);
    flush_ps(sim, now);
}

#ifdef GOHEAP_DEBUG
static void verify(struct sim *sim)
{
    char why[256];
    if (!goheap_verify(sim->heap, why, sizeof why))
        sim_fail(sim, "the heap is inconsistent: %s", why);
}
#else
static void verify(struct sim *sim)
{
    (void)sim;
}
#endif

/* The world is stopped: what is live now is what will be marked. */
static void begin_marking(struct sim *sim, struct cycle_record *record, struct goheap_marked *marked)
{
    struct pacer *pacer = &sim->collector.pacer;
    double ns = 0;
    sim->aside = &ns;
    goheap_gc_begin(sim->heap, NULL);
    sim->aside = NULL;
    scavenger_wake(sim, record->start_ns);
    record->heap_start = goheap_heap_live(sim->heap);
    struct pacer_memory memory = memory_of(sim);
    pacer_start_cycle(pacer, &memory);
    record->goal = pacer_goal(pacer, &memory);
    goheap_gc_mark_live(sim->heap, marked);
}

/* Processes of the collector's own sleep until there is work; whoever wakes one clears its flag. */
static void doze(struct process *me, bool *asleep)
{
    *asleep = true;
    process_park(me);
}

static void rouse(struct process *process, bool *asleep, uint64_t now)
{
    if (*asleep) {
        *asleep = false;
        process_wake(process, now);
    }
}

static void run_cycle(struct sim *sim, struct process *me)
{
    struct cycle_record record = {.forced = sim->collector.forced};
    record.start_ns = me->now;
    struct goheap_marked marked;
    world_stop(sim, me);
    account_peak(sim, me->now);
    begin_marking(sim, &record, &marked);
    world_start(sim, me);
    record.pause_ns = me->now - record.start_ns;

    uint64_t marking = me->now;
    mark(sim, me, mark_cost(sim, &marked));
    if (sim->done)
        return;
    record.mark_ns = me->now - marking;

    uint64_t stopping = me->now;
    world_stop(sim, me);
    end_marking(sim, me->now, &record, marked.scan_bytes);
    verify(sim);
    record.end_ns = me->now;
    record.pause_ns += me->now - stopping;
    record_cycle(sim, &record);
    account_sample(sim, me->now);
    sim->collector.running = false;
    world_start(sim, me);
    queue_wake(&sim->collector.waiters, me->now);
    rouse(&sim->collector.sweeper, &sim->collector.sweeper_asleep, me->now);
}

static void collector_main(struct process *me, void *arg)
{
    struct sim *sim = arg;
    while (!sim->done) {
        if (sim->collector.running)
            run_cycle(sim, me);
        else
            doze(me, &sim->collector.asleep);
    }
}

/* --- background sweeping ------------------------------------------------------------------------------- */

static struct sim_p *idle_p(const struct sim *sim)
{
    for (uint32_t i = 0; i < sim->p_count; i++)
        if (sim->ps[i]->idle)
            return sim->ps[i];
    return NULL;
}

/* One span on the time of an idle P, which cannot go on before that is done. */
static bool sweep_on(struct sim *sim, struct process *me, struct sim_p *sp)
{
    if (me->now < sp->idle_since)
        me->now = sp->idle_since;
    sp->lent = true;
    world_enter_core(sim);
    bool more = goheap_sweep_one(sim->heap, sp->p) != UINT64_MAX;
    world_leave_core(sim, me);
    sp->lent = false;
    sp->idle_since = me->now;
    queue_wake(&sp->wants_back, me->now);
    return more;
}

/* bgsweep: in Go a goroutine that yields after each span, so that it gets what time the Ps have left. */
static void sweeper_main(struct process *me, void *arg)
{
    struct sim *sim = arg;
    while (!sim->done) {
        world_gate(sim, me);
        struct sim_p *sp = goheap_sweep_done(sim->heap) ? NULL : idle_p(sim);
        if (sp && sweep_on(sim, me, sp)) {
            sim->collector.spans_swept_background++;
            process_sync(me);
        } else if (!sim->done) {
            doze(me, &sim->collector.sweeper_asleep); /* until a cycle ends, or a P is idle */
        }
    }
}

void collector_idle(struct sim_p *sp)
{
    struct sim *sim = sp->sim;
    sp->idle = true;
    sp->idle_since = sp->process.now;
    if (sim->collector.sweeper_asleep && !goheap_sweep_done(sim->heap))
        rouse(&sim->collector.sweeper, &sim->collector.sweeper_asleep, sp->process.now);
}

void collector_busy(struct sim_p *sp)
{
    while (sp->lent)
        queue_park(&sp->wants_back, &sp->process);
    sp->idle = false;
}

/* --- what the Ps and the run ask of it ----------------------------------------------------------------- */

static void request(struct sim *sim, bool forced, uint64_t now)
{
    struct collector *c = &sim->collector;
    c->running = true;
    c->forced = forced;
    rouse(&c->process, &c->asleep, now);
}

static bool trigger_reached(struct sim *sim)
{
    struct pacer_memory memory = memory_of(sim);
    return goheap_heap_live(sim->heap) >= pacer_trigger(&sim->collector.pacer, &memory);
}

void collector_check(struct sim *sim, struct sim_p *sp)
{
    struct collector *c = &sim->collector;
    sp->check_gc = false;
    if (c->running || sim->core.reclaim != GOHEAP_RECLAIM_GC)
        return;
    if (!trigger_reached(sim))
        return;
    /* gcStart: whoever starts a cycle sweeps first what the last one left. */
    world_enter_core(sim);
    while (!c->running && goheap_sweep_one(sim->heap, sp->p) != UINT64_MAX)
        ;
    world_leave_core(sim, &sp->process);
    if (!c->running && trigger_reached(sim))
        request(sim, false, sp->process.now);
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
}

void collector_force(struct sim_p *sp)
{
    struct sim *sim = sp->sim;
    struct collector *c = &sim->collector;
    if (sim->core.reclaim != GOHEAP_RECLAIM_GC)
        return;
    process_sync(&sp->process);
    while (c->running)
        queue_park(&c->waiters, &sp->process);
    uint64_t cycles = c->cycles + 1;
    request(sim, true, sp->process.now);
    queue_park(&c->waiters, &sp->process);
    sweep_to_the_end(sp, cycles);
}

bool collector_start(struct sim *sim)
{
    struct collector *c = &sim->collector;
    const struct sim_config *config = &sim->config;
    pacer_init(&c->pacer, config->gogc, config->gomemlimit, config->heap_minimum, config->mark_share);
    set_tax(sim, 1);
    /* Above every P's number: at equal times the Ps go first. */
    if (!engine_spawn(&sim->engine, &c->process, UINT32_MAX - 1, 0, collector_main, sim))
        return sim_fail(sim, "out of memory");
    c->started = 1;
    if (config->background_sweep) {
        if (!engine_spawn(&sim->engine, &c->sweeper, UINT32_MAX, 0, sweeper_main, sim))
            return sim_fail(sim, "out of memory");
        c->started = 2;
    }
    return true;
}

void collector_stop(struct sim *sim)
{
    struct collector *c = &sim->collector;
    sim->done = true;
    scavenger_stop(sim);
    rouse(&c->process, &c->asleep, 0);
    rouse(&c->sweeper, &c->sweeper_asleep, 0);
}

void collector_destroy(struct sim *sim)
{
    if (sim->collector.started > 0)
        process_destroy(&sim->collector.process);
    if (sim->collector.started > 1)
        process_destroy(&sim->collector.sweeper);
}
