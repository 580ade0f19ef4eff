/* Collections among threads: the world stops, all that is live is marked at once, and sweeping begins.
 *
 *     trigger reached --sweep the rest--> [stop: begin, mark, end, next goal, Ps let go of their spans] --> Ps sweep
 *
 * Goals and triggers are the pacer's, told what it would be told of a cycle in which nothing is allocated and nobody
 * assists. Follows runtime/mgc.go of Go 1.19 (gcStart, gcMarkTermination, GC) as model/collector.c does. A memory limit
 * below what lives has Go collect all the time, beside the program; here, where the program stands still meanwhile, a
 * cycle on account of the limit waits until the heap has grown by something, and its turn on the CPU has come.
 */
#include "real/threads.h"

#include <sched.h>

enum { LEAST_GROWTH = 1 << 20 }; /* sweepMinHeapDistance */

/* --- the pacer ----------------------------------------------------------------------------------------- */

uint64_t collect_look(struct real *real)
{
    const struct sim *sim = &real->sim;
    const struct pacer *pacer = &sim->collector.pacer;
    struct pacer_memory memory = collector_memory(sim);
    struct pacer unlimited = *pacer;
    unlimited.policy.memory_limit = UINT64_MAX;
    real->unlimited_trigger = pacer_trigger(&unlimited, &memory);
    uint64_t limited = pacer_trigger(pacer, &memory), least = pacer->heap_marked + LEAST_GROWTH;
    if (limited < least)
        limited = least;
    return real->trigger = limited < real->unlimited_trigger ? limited : real->unlimited_trigger;
}

/* Whether the heap has reached the trigger; one that only the limit has set gives the program its time first. */
static bool is_due(const struct real *real)
{
    uint64_t live = goheap_heap_live(real->sim.heap);
    return live >= real->trigger && (live >= real->unlimited_trigger || real_now(real) >= real->rest_until);
}

/* The bucket of mgclimit.go (gcCPULimiterState.accumulate), of one P, as all stand still together. */
uint64_t collect_rest(uint64_t *fill, uint64_t program_ns, uint64_t pause_ns)
{
    const uint64_t capacity = 1000000000; /* capacityPerProc */
    *fill -= *fill < program_ns ? *fill : program_ns;
    *fill = capacity - *fill < pause_ns ? capacity : *fill + pause_ns;
    uint64_t room = capacity - *fill;
    return room < pause_ns ? pause_ns - room : 0;
}

static void start_pacer(struct sim *sim, const struct goheap_marked *marked)
{
    struct pacer_memory memory = collector_memory(sim);
    struct pacer_progress progress = {.heap_live = goheap_heap_live(sim->heap), .heap_scan = marked->scan_bytes};
    pacer_start_cycle(&sim->collector.pacer, &memory, &progress);
}

static void end_pacer(struct real *real, const struct goheap_marked *marked, uint64_t heap_end, uint64_t survived)
{
    struct sim *sim = &real->sim;
    struct pacer *pacer = &sim->collector.pacer;
    struct pacer_cycle cycle = {.heap_live = heap_end, .marked = survived, .heap_scan = marked->scan_bytes};
    pacer_end_cycle(pacer, &cycle);
    pacer_commit(pacer, goheap_sweep_done(sim->heap), survived);
    goheap_sweep_pace(sim->heap, collect_look(real));
}

/* What the heap may retain, which it sees to itself as it takes pages. */
static void set_scavenge_goals(struct sim *sim, uint64_t last_goal)
{
    struct goheap_gauges g;
    goheap_gauges(sim->heap, &g);
    uint64_t retain = scavenger_retain_goal(g.heap_inuse, collector_goal(sim), last_goal, g.heap_inuse + g.heap_free);
    if (sim->config.background_scavenge)
        goheap_scavenge_goals(sim->heap, retain, sim->config.gomemlimit);
}

void collect_init(struct real *real)
{
    struct sim *sim = &real->sim;
    struct pacer_policy policy = config_pacer(&sim->config);
    pacer_init(&sim->collector.pacer, &policy);
    if (sim->config.background_scavenge && sim->core.reclaim == GOHEAP_RECLAIM_GC)
        goheap_scavenge_goals(sim->heap, 0, sim->config.gomemlimit); /* Go has them at 0 until a cycle ends */
    collect_look(real);
}

/* Whoever sees that all is swept gives the work buffers back; one of them does. */
static void give_work_buffers(struct real_p *rp)
{
    struct sim *sim = &rp->real->sim;
    if (goheap_sweep_done(sim->heap))
        work_buffers_give(&sim->collector.work_buffers, rp->p);
}

/* --- a cycle ------------------------------------------------------------------------------------------- */

/* The world is stopped. */
static void mark(struct real *real, struct cycle_record *record, struct goheap_marked *marked)
{
    struct sim *sim = &real->sim;
    decode_fold(real);
    account_peak(sim, record->start_ns);
    goheap_gc_begin(sim->heap, NULL);
    record->heap_start = record->heap_end = goheap_heap_live(sim->heap);
    goheap_gc_mark_live(sim->heap, marked);
    work_buffers_take(&sim->collector.work_buffers, sim, marked, real->ps[0]->p, real->p_count);
    start_pacer(sim, marked);
    record->trigger = sim->collector.pacer.triggered;
    record->goal = collector_next_gc(sim);
}

static void turn(struct real *real, struct cycle_record *record, const struct goheap_marked *marked)
{
    struct sim *sim = &real->sim;
    struct goheap_marked survived;
    uint64_t last_goal = collector_goal(sim);
    goheap_gc_end(sim->heap, &survived);
    record->heap_marked = survived.bytes;
    end_pacer(real, marked, record->heap_end, survived.bytes);
    record->next_goal = collector_next_gc(sim);
    set_scavenge_goals(sim, last_goal);
    for (uint32_t i = 0; i < real->p_count; i++)
        goheap_p_begin_sweep(real->ps[i]->p);
}

/* The cycle is over, and not recorded yet. */
static void set_rest(struct real *real, const struct cycle_record *record)
{
    uint64_t last = real->sim.collector.last_end_ns;
    uint64_t program = record->start_ns > last ? record->start_ns - last : 0;
    if (real->sim.config.cpu_limiter)
        real->rest_until = record->end_ns + collect_rest(&real->limiter_fill, program, record->pause_ns);
}

/* The world is stopped, and was to be from start_ns on. */
static void cycle(struct real *real, bool forced, uint64_t start_ns)
{
    struct cycle_record record = {.forced = forced, .start_ns = start_ns};
    struct goheap_marked marked;
    mark(real, &record, &marked);
    record.first_stop_ns = real_now(real) - start_ns;
    turn(real, &record, &marked);
    record.end_ns = real_now(real);
    record.pause_ns = record.end_ns - start_ns;
    char why[256];
    if (!collector_verify(&real->sim, why, sizeof why))
        real_fail(real, "the heap is inconsistent: %s", why);
    set_rest(real, &record);
    collector_record(&real->sim, &record);
    account_sample(&real->sim, record.end_ns);
}

/* --- what the Ps ask of it ----------------------------------------------------------------------------- */

/* Since when the world was to stop: not from before others stopped it, for which this P has waited. */
static uint64_t stop(struct real *real)
{
    stops_claim(&real->stops, true);
    uint64_t start_ns = real_now(real);
    stops_wait(&real->stops);
    return start_ns;
}

/* gcStart: whoever starts a cycle sweeps first what the last one left; another may have started one meanwhile. */
static void start(struct real_p *rp)
{
    struct real *real = rp->real;
    while (!stops_wanted(&real->stops) && goheap_sweep_one(real->sim.heap, rp->p) != UINT64_MAX)
        ;
    uint64_t start_ns = stop(real);
    collect_look(real);
    if (is_due(real))
        cycle(real, false, start_ns);
    stops_end(&real->stops, true);
}

void collect_check(struct real_p *rp)
{
    rp->check_gc = false;
    if (rp->real->sim.core.reclaim != GOHEAP_RECLAIM_GC)
        return;
    give_work_buffers(rp);
    if (is_due(rp->real))
        start(rp);
}

void collect_force(struct real_p *rp)
{
    struct real *real = rp->real;
    struct sim *sim = &real->sim;
    if (sim->core.reclaim != GOHEAP_RECLAIM_GC)
        return;
    uint64_t start_ns = stop(real);
    cycle(real, true, start_ns);
    uint64_t cycles = sim->collector.cycles;
    stops_end(&real->stops, true);
    while (sim->collector.cycles == cycles && !goheap_sweep_done(sim->heap)) {
        if (goheap_sweep_one(sim->heap, rp->p) == UINT64_MAX)
            sched_yield(); /* others are sweeping still */
        stops_check(&real->stops);
    }
    give_work_buffers(rp);
}
