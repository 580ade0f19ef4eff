/* The collector around the heap: what a cycle does, and what it stops.
 *
 *     requested (cycles.c) -> STOP snapshot START -> marking (marking.c) -> STOP end START -> sweep (sweeper.c)
 *
 * A process of its own runs the cycles. Follows runtime/mgc.go of Go 1.19 (gcStart, gcMarkTermination) and mgcpacer.go.
 */
#include "model/sim.h"

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

/* Of a barrier's cost, the mean: a pointer to what has just been allocated, and marked, takes half; nil over a pointer,
 * whose object may have to be found and marked, one and a half. Growing heaps, whose objects do not die yet, are the
 * faster for it while they are marked. */
static const double new_store = 0.5, last_store = 1.5;

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
    double store = sim->marking.on ? c->barrier : 0;
    sim->tax = tax;
    sim->alloc_ns = (uint64_t)((c->alloc + sim->doublings * c->alloc_doubling + store * new_store) * tax + 0.5);
    sim->alloc_scan_1024 = (uint64_t)(c->alloc_scan_byte * 1024 * tax + 0.5);
    sim->free_ns = (uint64_t)(end_ns(sim, store * last_store) * tax + 0.5);
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

struct pacer_progress collector_progress(const struct sim *sim)
{
    return (struct pacer_progress){
        .heap_live = goheap_heap_live(sim->heap),
        .heap_scan = sim->marking.heap_scan_most,
        .work = sim->marking.done,
    };
}

/* --- a cycle's beginning -------------------------------------------------------------------------------- */

/* On no process' time. */
static void take_work_buffers(struct sim *sim, const struct goheap_marked *marked)
{
    double ns = 0;
    if (sim->p_count == 0)
        return;
    sim->aside = &ns;
    work_buffers_take(&sim->collector.work_buffers, sim, marked, sim->ps[0]->p, sim->p_count);
    sim->aside = NULL;
}

/* Whoever swept last does it. */
void collector_give_work_buffers(struct sim *sim, struct goheap_p *p)
{
    struct collector *c = &sim->collector;
    if (c->work_buffers.count && !c->running && goheap_sweep_done(sim->heap))
        work_buffers_give(&c->work_buffers, p);
}

/* The world is stopped: what is live now is what will be marked. */
static void begin_marking(struct sim *sim, uint64_t now, struct cycle_record *record)
{
    double ns = 0;
    sim->aside = &ns;
    goheap_gc_begin(sim->heap, NULL);
    sim->aside = NULL;
    scavenger_wake(sim, record->start_ns);
    record->heap_start = goheap_heap_live(sim->heap);
    struct goheap_marked marked;
    goheap_gc_mark_live(sim->heap, &marked);
    take_work_buffers(sim, &marked);
    marking_begin(sim, &marked, now);
    struct pacer_memory memory = collector_memory(sim);
    struct pacer_progress progress = collector_progress(sim);
    pacer_start_cycle(&sim->collector.pacer, &memory, &progress);
}

void collector_doze(struct sim *sim)
{
    daemon_doze(&sim->collector.process, &sim->collector.asleep);
}

void collector_rouse(struct sim *sim, uint64_t now)
{
    struct collector *c = &sim->collector;
    if (c->asleep && c->due) {
        c->asleep = false;
        process_hasten(&c->process, now);
    } else {
        daemon_rouse(&c->process, &c->asleep, now);
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

void collector_run_cycle(struct sim *sim, struct process *me)
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
    sweeper_rouse(sim, me->now);
}

/* --- the run ------------------------------------------------------------------------------------------ */

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
    daemon_rouse(&c->sweeper, &c->sweeper_asleep, 0);
}

void collector_destroy(struct sim *sim)
{
    if (sim->collector.started > 0)
        process_destroy(&sim->collector.process);
    if (sim->collector.started > 1)
        process_destroy(&sim->collector.sweeper);
}
