/* The background scavenger: a process that gives free pages back to the OS while the heap retains more than it should.
 *
 *     parked --woken: a cycle begins, or all is swept--> run for 1 ms of work, 64 KiB at a time --> sleep --> run ...
 *        ^--------------------------- nothing released: goals are met, or nothing left ----------------+
 *
 * Goals are set as a cycle ends. A wake-up ends a sleep early, too. Runs on the time of an idle P, else of the first.
 * Follows runtime/mgcscavenge.go (bgscavenge, scavengerState) and proc.go (sysmon), alike in Go 1.19 and 1.26.
 */
#include "model/scavenger.h"

#include <math.h>

#include "model/sim.h"

enum {
    QUANTUM = 64 << 10,          /* scavengeQuantum */
    OS_PAGE = 4096,              /* physPageSize */
    NS_PER_OS_PAGE = 10000,      /* approxWorkedNSPerPhysicalPage, where work takes no time */
    SYSMON_NS = 10 * 1000 * 1000 /* sysmon looks once in so long in a program with little to do */
};

/* --- pacing -------------------------------------------------------------------------------------------- */

#define STARTING_RATIO 0.001          /* startingScavSleepRatio */
#define IDEAL_FRACTION 0.01           /* scavengePercent */
#define COOLDOWN_NS INT64_C(5000000000)

/* uint64(float64), for what fits. */
static uint64_t to_bytes(double bytes)
{
    return bytes >= 0x1p64 ? UINT64_MAX : (uint64_t)bytes;
}

uint64_t scavenger_retain_goal(uint64_t in_use, uint64_t goal, uint64_t last_goal, uint64_t retained)
{
    uint64_t retain = to_bytes((double)in_use * ((double)goal / (double)last_goal));
    retain += retain / 10; /* retainExtraPercent */
    retain = (retain + OS_PAGE - 1) & ~(uint64_t)(OS_PAGE - 1);
    return retained <= retain || retained - retain < OS_PAGE ? UINT64_MAX : retain;
}

uint64_t scavenger_limit_goal(uint64_t limit, double part, uint64_t mapped_ready)
{
    uint64_t goal = limit == UINT64_MAX ? UINT64_MAX : to_bytes((double)limit * part);
    return mapped_ready <= goal ? UINT64_MAX : goal;
}

void scavenger_pacing_init(struct scavenger_pacing *pacing)
{
    *pacing = (struct scavenger_pacing){.sleep_ratio = STARTING_RATIO};
}

static double at_least_min_work(double worked)
{
    return worked < SCAVENGER_MIN_WORK_NS ? SCAVENGER_MIN_WORK_NS : worked;
}

uint64_t scavenger_pacing_sleep(const struct scavenger_pacing *pacing, double worked)
{
    return (uint64_t)(at_least_min_work(worked) / pacing->sleep_ratio);
}

/* piController.next with the constants of scavengerState.init; false if it ran out of bounds. */
static bool control(struct scavenger_pacing *pacing, double input, double period)
{
    const double kp = 0.3375, ti = 3.2e6, tt = 1e9, min = 0.001, max = 1000;
    double raw = kp * (IDEAL_FRACTION - input) + pacing->integral;
    double output = raw < min ? min : raw > max ? max : raw;
    pacing->integral += (kp * period / ti) * (IDEAL_FRACTION - input) + (period / tt) * (output - raw);
    pacing->sleep_ratio = output;
    return isfinite(raw) && isfinite(pacing->integral);
}

void scavenger_pacing_slept(struct scavenger_pacing *pacing, double worked, uint64_t slept, uint32_t ps)
{
    worked = at_least_min_work(worked);
    double period = (double)slept + worked;
    if (pacing->cooldown_ns > 0) {
        pacing->cooldown_ns -= (double)pacing->cooldown_ns < period ? pacing->cooldown_ns : (int64_t)period;
    } else if (!control(pacing, worked / (period * (double)ps), period)) {
        scavenger_pacing_init(pacing);
        pacing->cooldown_ns = COOLDOWN_NS;
    }
}

/* --- goals --------------------------------------------------------------------------------------------- */

static uint64_t retained(const struct goheap_gauges *g)
{
    return g->heap_inuse + g->heap_free;
}

/* Pages in reserve of Ps that do nothing would be out of reach (gcMarkTermination, since Go 1.21). */
static void take_idle_pages(struct sim *sim)
{
    double ns = 0;
    sim->aside = &ns;
    for (uint32_t i = 0; i < sim->p_count; i++)
        if (sim->ps[i]->idle)
            goheap_p_release_pages(sim->ps[i]->p);
    sim->aside = NULL;
}

void scavenger_end_cycle(struct sim *sim, uint64_t last_goal)
{
    struct scavenger *s = &sim->scavenger;
    struct goheap_gauges g;
    goheap_gauges(sim->heap, &g);
    s->retain_goal = scavenger_retain_goal(g.heap_inuse, collector_goal(sim), last_goal, retained(&g));
    s->limit_goal = scavenger_limit_goal(sim->config.gomemlimit, sim->config.scavenge_limit_part,
                                         goheap_mapped_ready(sim->heap));
    if (s->started)
        goheap_scavenge_goals(sim->heap, s->retain_goal, sim->config.gomemlimit);
    if (sim->config.idle_page_flush)
        take_idle_pages(sim);
}

static bool goals_are_met(struct sim *sim)
{
    struct goheap_gauges g;
    goheap_gauges(sim->heap, &g);
    const uint64_t limit = sim->scavenger.limit_goal;
    return retained(&g) <= sim->scavenger.retain_goal &&
           (limit == UINT64_MAX || goheap_mapped_ready(sim->heap) <= limit);
}

/* --- the process --------------------------------------------------------------------------------------- */

/* On the time of an idle P, which cannot go on before that is done. */
static uint64_t scavenge_on(struct sim *sim, struct process *me, struct sim_p *sp)
{
    sweeper_borrow(sim, me, sp);
    uint64_t released = goheap_scavenge_background(sim->heap, sp->p, QUANTUM);
    sweeper_give_back(sim, me, sp);
    return released;
}

/* All Ps are busy: the first one stands aside, between two events, or if one is inside the core meets us there. */
static uint64_t scavenge_instead(struct sim *sim, struct process *me)
{
    double ns = 0;
    sim->aside = sim->busy == 0 ? &ns : NULL;
    if (sim->timeline)
        timeline_borrow(sim->timeline, me, NULL);
    world_enter_core(sim);
    uint64_t released = goheap_scavenge_background(sim->heap, NULL, QUANTUM);
    world_leave_core(sim, me);
    sim->aside = NULL;
    me->now += (uint64_t)ns;
    if (sim->timeline)
        timeline_give_back(sim->timeline, me);
    if (sim->p_count && sim->ps[0]->not_before < me->now) {
        sim->ps[0]->not_before = me->now;
        if (sim->timeline)
            timeline_owes(sim->timeline, sim->ps[0]);
    }
    return released;
}

static uint64_t scavenge(struct sim *sim, struct process *me, double *worked)
{
    struct sim_p *sp = sweeper_idle_p(sim);
    if (sp && me->now < sp->idle_since)
        me->now = sp->idle_since;
    uint64_t began = me->now;
    uint64_t released = sp ? scavenge_on(sim, me, sp) : scavenge_instead(sim, me);
    *worked += me->now > began ? (double)(me->now - began) : (double)(released / OS_PAGE) * NS_PER_OS_PAGE;
    return released;
}

/* scavengerState.run */
static uint64_t run(struct sim *sim, struct process *me, double *worked)
{
    uint64_t all = 0, released = QUANTUM;
    *worked = 0;
    sim->scavenger.works = true;
    while (*worked < SCAVENGER_MIN_WORK_NS && released >= QUANTUM) {
        process_sync(me);
        world_gate(sim, me);
        if (sim->done || goals_are_met(sim))
            break;
        released = scavenge(sim, me, worked);
        all += released;
        if (me->now >= sim->accounts.next_sample)
            account_sample(sim, me->now);
    }
    sim->scavenger.works = false;
    marking_seek(sim, me->now);
    sim->scavenger.released += all;
    sim->scavenger.worked_ns += (uint64_t)*worked;
    return all;
}

static void park(struct scavenger *s, struct process *me)
{
    s->state = SCAVENGER_PARKED;
    if (s->sysmon) { /* it was to be woken while it ran */
        s->state = SCAVENGER_DUE;
        me->now += SYSMON_NS;
        process_sync(me);
    } else {
        process_park(me);
    }
    s->state = SCAVENGER_RUNS;
    s->sysmon = false;
}

/* scavengerState.sleep */
static void sleep_after(struct sim *sim, struct process *me, double worked)
{
    struct scavenger *s = &sim->scavenger;
    uint64_t began = me->now, sleep = scavenger_pacing_sleep(&s->pacing, worked);
    if (s->sysmon && sleep > SYSMON_NS)
        sleep = SYSMON_NS;
    s->state = SCAVENGER_DUE;
    me->now += sleep;
    process_sync(me);
    s->state = SCAVENGER_RUNS;
    s->sysmon = false;
    scavenger_pacing_slept(&s->pacing, worked, me->now - began, sim->p_count);
}

static void scavenger_main(struct process *me, void *arg)
{
    struct sim *sim = arg;
    park(&sim->scavenger, me);
    while (!sim->done) {
        double worked;
        if (run(sim, me, &worked) == 0)
            park(&sim->scavenger, me);
        else
            sleep_after(sim, me, worked);
    }
}

/* Parked or asleep, it runs at a time, or before. */
static void wake_by(struct scavenger *s, uint64_t time)
{
    if (s->state == SCAVENGER_PARKED)
        process_wake(&s->process, time);
    else if (s->state == SCAVENGER_DUE)
        process_hasten(&s->process, time);
    else
        return;
    s->state = SCAVENGER_DUE;
}

void scavenger_wake(struct sim *sim, uint64_t now)
{
    if (sim->scavenger.started)
        wake_by(&sim->scavenger, now);
}

void scavenger_ready(struct sim *sim)
{
    if (!sim->scavenger.started || !sim->engine.current)
        return;
    sim->scavenger.sysmon = true;
    wake_by(&sim->scavenger, sim->engine.current->now + SYSMON_NS);
}

bool scavenger_start(struct sim *sim)
{
    struct scavenger *s = &sim->scavenger;
    scavenger_pacing_init(&s->pacing);
    if (!sim->config.background_scavenge || sim->core.reclaim != GOHEAP_RECLAIM_GC)
        return true;
    if (!engine_spawn(&sim->engine, &s->process, UINT32_MAX - 2, 0, scavenger_main, sim))
        return sim_fail(sim, "out of memory");
    s->started = true;
    goheap_scavenge_goals(sim->heap, s->retain_goal, sim->config.gomemlimit); /* none yet: Go has them at 0 till then */
    return true;
}

void scavenger_stop(struct sim *sim)
{
    scavenger_wake(sim, 0);
}

void scavenger_destroy(struct sim *sim)
{
    if (sim->scavenger.started)
        process_destroy(&sim->scavenger.process);
}
