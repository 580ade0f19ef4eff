/* The collector around the heap: when a cycle starts, how long it marks, what it stops.
 *
 *     sweep the rest, request -> STOP snapshot START -> marking -> STOP end START -> sweep
 *
 * One process runs the cycles, another sweeps in the background, on the time of Ps that have nothing to do.
 * Follows runtime/mgc.go of Go 1.19 (gcStart, gcMarkTermination, GC) and mgcpacer.go. Who marks, and for how long, is
 * marking.c's.
 */
#include "model/sim.h"

enum { WORK_BUFFERS_BYTES = 32 << 10 }; /* workbufAlloc */

static struct pacer_memory memory_now(const struct sim *sim)
{
    struct goheap_gauges g;
    goheap_gauges(sim->heap, &g);
    return (struct pacer_memory){
        .mapped_ready = goheap_mapped_ready(sim->heap),
        .heap_free = g.heap_free,
        .heap_alloc = g.total_alloc - g.total_free,
    };
}

/* For a memory limit, and for nothing else. */
struct pacer_memory collector_memory(const struct sim *sim)
{
    return sim->config.gomemlimit == UINT64_MAX ? (struct pacer_memory){0} : memory_now(sim);
}

uint64_t collector_goal(struct sim *sim)
{
    struct pacer_memory memory = collector_memory(sim);
    return pacer_goal(&sim->collector.pacer, &memory);
}

uint64_t collector_next_gc(struct sim *sim)
{
    struct pacer pacer = sim->collector.pacer;
    struct pacer_memory memory = memory_now(sim);
    if (pacer.policy.memory_limit > INT64_MAX)
        pacer.policy.memory_limit = INT64_MAX;
    return pacer_goal(&pacer, &memory);
}

/* ns that the end of an object takes whoever brings it about. Where cycles are the recorded ones, deaths have been dated
 * by what those found: no work of the program's. */
static double end_ns(const struct sim *sim, double store)
{
    const struct costs *c = &sim->config.costs;
    double farther = sim->doublings * c->free_doubling;
    if (sim->core.reclaim == GOHEAP_RECLAIM_IMMEDIATE)
        return c->free + farther;
    return sim->config.gc == GC_RECORDED ? 0 : c->death + store + farther;
}

void collector_tax(struct sim *sim, double tax)
{
    const struct costs *c = &sim->config.costs;
    double store = sim->marking.on ? c->barrier + sim_shared_line(sim) : 0; /* of the pointer to the object, or of nil */
    sim->tax = tax;
    sim->alloc_ns = (uint64_t)((c->alloc + sim->doublings * c->alloc_doubling + store) * tax + 0.5);
    sim->alloc_scan_1024 = (uint64_t)(c->alloc_scan_byte * 1024 * tax + 0.5);
    sim->free_ns = (uint64_t)(end_ns(sim, store) * tax + 0.5);
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

void collector_record(struct sim *sim, struct cycle_record *record)
{
    struct collector *c = &sim->collector;
    c->pause_ns[c->cycles % PAUSES] = record->pause_ns;
    c->pause_end[c->cycles % PAUSES] = record->end_ns;
    c->pause_total_ns += record->pause_ns;
    c->stop_cpu_ns += record->pause_ns * sim->p_count;
    c->mark_total_ns += record->mark_ns;
    c->mark_cpu_ns += record->assist_ns + record->background_ns;
    c->assist_ns += record->assist_ns;
    c->last_end_ns = record->end_ns;
    histogram_add(&c->pauses, record->pause_ns);
    c->forced_cycles += record->forced;
    record->number = ++c->cycles;
    double all = (double)record->end_ns * sim->p_count;
    record->cpu_fraction = all > 0 ? (double)(c->mark_cpu_ns + c->stop_cpu_ns) / all : 0;
    if (record->number <= CYCLES_KEPT)
        c->records[record->number - 1] = *record;
    if (sim->timeline)
        timeline_cycle(sim->timeline, record);
    if (sim->listener.tell)
        sim->listener.tell(sim->listener.context, sim, record);
}

/* endCycle: what the cycle says of the next. */
static void judge_cycle(struct sim *sim, const struct cycle_record *record)
{
    const struct marking *m = &sim->marking;
    double available = (double)record->mark_ns * sim->p_count;
    pacer_end_cycle(&sim->collector.pacer, &(struct pacer_cycle){
                                               .heap_live = record->heap_end,
                                               .marked = record->heap_marked,
                                               .heap_scan = m->heap_scan,
                                               .assists = available > 0 ? m->assist_ns / available : 0,
                                               .idle = available > 0 ? m->idle_ns / available : 0,
                                           });
}

static void record_work(struct sim *sim, struct cycle_record *record)
{
    const struct marking *m = &sim->marking;
    record->trigger = sim->collector.pacer.triggered;
    record->goal = collector_next_gc(sim);
    record->assist_ns = (uint64_t)m->assist_ns;
    record->background_ns = (uint64_t)(m->dedicated_ns + m->fractional_ns + 0.5);
    record->idle_ns = (uint64_t)m->idle_ns;
}

/* Mark termination: survivors are known, the next goal is set, sweeping begins. */
static void end_marking(struct sim *sim, uint64_t now, struct cycle_record *record)
{
    struct collector *c = &sim->collector;
    struct goheap_marked survived;
    uint64_t last_goal = collector_goal(sim);
    marking_end(sim, now);
    record_work(sim, record);
    record->heap_end = goheap_heap_live(sim->heap);
    goheap_gc_end(sim->heap, &survived);
    record->heap_marked = survived.bytes;
    judge_cycle(sim, record);
    c->scan_counted = c->scan_seen = sim->accounts.scan_allocated;
    pacer_commit(&c->pacer, goheap_sweep_done(sim->heap), survived.bytes);
    struct pacer_memory memory = collector_memory(sim);
    goheap_sweep_pace(sim->heap, pacer_trigger(&c->pacer, &memory));
    record->next_goal = collector_next_gc(sim);
    scavenger_end_cycle(sim, last_goal);
    flush_ps(sim, now);
}

#ifdef GOHEAP_DEBUG
bool collector_verify(const struct sim *sim, char *why, size_t size)
{
    return goheap_verify(sim->heap, why, size);
}
#else
bool collector_verify(const struct sim *sim, char *why, size_t size)
{
    (void)sim;
    (void)why;
    (void)size;
    return true;
}
#endif

static struct pacer_progress progress_of(const struct sim *sim)
{
    return (struct pacer_progress){
        .heap_live = goheap_heap_live(sim->heap),
        .heap_scan = sim->marking.heap_scan_most,
        .work = sim->marking.done,
    };
}

/* --- work buffers -------------------------------------------------------------------------------------- */

/* The markers' work buffers are spans of 32 KiB, of which one serves eight Ps that mark nothing deep (mgcwork.go,
 * getempty): to the heap the same as a stack. The world is stopped. */
static void take_work_buffers(struct sim *sim)
{
    struct collector *c = &sim->collector;
    if (c->work_buffers || sim->p_count == 0)
        return;
    double ns = 0;
    sim->aside = &ns;
    c->work_buffers = goheap_stack_alloc(sim->ps[0]->p, WORK_BUFFERS_BYTES);
    sim->aside = NULL;
}

/* Once all is swept, whoever swept last gives them back (bgsweep, freeSomeWbufs). Inside the core. */
static void give_work_buffers(struct sim *sim, struct goheap_p *p)
{
    struct collector *c = &sim->collector;
    uint64_t buffers = c->work_buffers;
    if (buffers && !c->running && goheap_sweep_done(sim->heap)) {
        c->work_buffers = 0; /* before others run: freeing may wait for a lock */
        goheap_stack_free(p, buffers);
    }
}

/* The world is stopped: what is live now is what will be marked. */
static void begin_marking(struct sim *sim, uint64_t now, struct cycle_record *record)
{
    double ns = 0;
    sim->aside = &ns;
    goheap_gc_begin(sim->heap, NULL);
    sim->aside = NULL;
    take_work_buffers(sim);
    scavenger_wake(sim, record->start_ns);
    record->heap_start = goheap_heap_live(sim->heap);
    struct goheap_marked marked;
    goheap_gc_mark_live(sim->heap, &marked);
    marking_begin(sim, &marked, now);
    struct pacer_memory memory = collector_memory(sim);
    struct pacer_progress progress = progress_of(sim);
    pacer_start_cycle(&sim->collector.pacer, &memory, &progress);
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

void collector_doze(struct sim *sim)
{
    doze(&sim->collector.process, &sim->collector.asleep);
}

void collector_rouse(struct sim *sim, uint64_t now)
{
    struct collector *c = &sim->collector;
    if (c->asleep && c->due) {
        c->asleep = false;
        process_hasten(&c->process, now);
    } else {
        rouse(&c->process, &c->asleep, now);
    }
}

static void stop_for(struct sim *sim, struct process *me)
{
    world_stop(sim, me);
    limiter_update(&sim->limiter, me->now, sim->p_count, sim_idle_ps(sim));
}

static void start_with(struct sim *sim, struct process *me, bool marking)
{
    limiter_transition(&sim->limiter, marking, me->now, sim->p_count);
    world_start(sim, me);
}

/* From the end of marking to the world's start. */
static void terminate(struct sim *sim, struct process *me, struct cycle_record *record)
{
    uint64_t stopping = me->now;
    stop_for(sim, me);
    end_marking(sim, me->now, record);
    char why[256];
    if (!collector_verify(sim, why, sizeof why))
        sim_fail(sim, "the heap is inconsistent: %s", why);
    record->end_ns = me->now;
    record->pause_ns = record->first_stop_ns + me->now - stopping;
    collector_record(sim, record);
    account_sample(sim, me->now);
    sim->collector.running = false;
    start_with(sim, me, false);
}

/* The recorded cycle's end, or somebody who waits for this one's to go on: then that may have to come first. */
static void await_recorded_end(struct sim *sim, struct process *me)
{
    struct collector *c = &sim->collector;
    if (c->recorded.ended < c->recorded.followed)
        marking_wake(sim, me->now);
    while (c->recorded.ended < c->recorded.followed && !c->waiters.processes && !c->waiters.streams && !sim->done)
        collector_doze(sim);
}

static void run_cycle(struct sim *sim, struct process *me)
{
    struct collector *c = &sim->collector;
    struct cycle_record record = {.forced = c->forced, .by_clock = c->by_clock, .start_ns = me->now};
    stop_for(sim, me);
    account_peak(sim, me->now);
    begin_marking(sim, me->now, &record);
    start_with(sim, me, true);
    record.first_stop_ns = me->now - record.start_ns;
    marking_run(sim, me);
    if (!record.forced)
        await_recorded_end(sim, me);
    record.mark_ns = me->now - record.start_ns - record.first_stop_ns;
    if (sim->done) {
        if (sim->timeline)
            timeline_cycle(sim->timeline, &record);
        return;
    }
    terminate(sim, me, &record);
    queue_wake(&c->waiters.processes, me->now);
    sched_wake(sim, &c->waiters, me->now);
    rouse(&c->sweeper, &c->sweeper_asleep, me->now);
}

/* --- cycles --------------------------------------------------------------------------------------------- */

static void request(struct collector *c, const struct sim_p *starter, bool forced, bool by_clock)
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
        doze(me, &c->asleep);
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

static void collector_main(struct process *me, void *arg)
{
    struct sim *sim = arg;
    while (!sim->done) {
        if (is_requested(&sim->collector))
            run_cycle(sim, me);
        else
            await_request(sim, me);
    }
}

/* --- background sweeping ------------------------------------------------------------------------------- */

/* There is a P again whose time it may use. */
static void rouse_sweeper(struct sim *sim, uint64_t now)
{
    if (sim->collector.sweeper_asleep && !goheap_sweep_done(sim->heap))
        rouse(&sim->collector.sweeper, &sim->collector.sweeper_asleep, now);
}

struct sim_p *collector_idle_p(const struct sim *sim)
{
    for (uint32_t i = 0; i < sim->p_count; i++)
        if (sim->ps[i]->idle && !sim->ps[i]->lent)
            return sim->ps[i];
    return NULL;
}

void collector_borrow(struct sim *sim, struct process *me, struct sim_p *sp)
{
    if (me->now < sp->idle_since)
        me->now = sp->idle_since;
    sp->lent = true;
    if (sim->timeline)
        timeline_borrow(sim->timeline, me, sp);
    world_enter_core(sim);
}

void collector_give_back(struct sim *sim, struct process *me, struct sim_p *sp)
{
    world_leave_core(sim, me);
    if (sim->timeline)
        timeline_give_back(sim->timeline, me);
    sp->lent = false;
    sp->idle_since = me->now;
    queue_wake(&sp->wants_back, me->now);
    rouse_sweeper(sim, me->now);
}

/* One span on the time of an idle P, which cannot go on before that is done. */
static bool sweep_on(struct sim *sim, struct process *me, struct sim_p *sp)
{
    collector_borrow(sim, me, sp);
    bool more = goheap_sweep_one(sim->heap, sp->p) != UINT64_MAX;
    give_work_buffers(sim, sp->p);
    collector_give_back(sim, me, sp);
    return more;
}

/* bgsweep: in Go a goroutine that yields after each span, so that it gets what time the Ps have left. */
static void sweeper_main(struct process *me, void *arg)
{
    struct sim *sim = arg;
    while (!sim->done) {
        world_gate(sim, me);
        struct sim_p *sp = goheap_sweep_done(sim->heap) ? NULL : collector_idle_p(sim);
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
    sim->ps_idle++;
    sp->idle_since = sp->process.now;
    if (sim->timeline)
        timeline_rest(sim->timeline, sp);
    if (sim->marking.on)
        collector_rouse(sim, sp->process.now);
    rouse_sweeper(sim, sp->process.now);
}

void collector_busy(struct sim_p *sp)
{
    while (sp->lent)
        queue_park(&sp->wants_back, &sp->process);
    sp->idle = false;
    sp->sim->ps_idle--;
    if (sp->sim->timeline)
        timeline_resume(sp->sim->timeline, sp);
}

/* --- what the Ps and the run ask of it ----------------------------------------------------------------- */

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
        struct pacer_progress progress = progress_of(sim);
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
    give_work_buffers(sim, sp->p);
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

bool collector_start(struct sim *sim)
{
    struct collector *c = &sim->collector;
    const struct sim_config *config = &sim->config;
    struct pacer_policy policy = config_pacer(config);
    pacer_init(&c->pacer, &policy);
    limiter_init(&sim->limiter, config->cpu_limiter, config->mark_share);
    collector_tax(sim, 1);
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
    collector_rouse(sim, 0);
    rouse(&c->sweeper, &c->sweeper_asleep, 0);
}

void collector_destroy(struct sim *sim)
{
    if (sim->collector.started > 0)
        process_destroy(&sim->collector.process);
    if (sim->collector.started > 1)
        process_destroy(&sim->collector.sweeper);
}
