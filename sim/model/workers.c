/* Workers on Ps of their own, and on those that have nothing else to do.
 *
 * Follows runtime/mgc.go (gcBgMarkWorker, gcMarkDone) and mgcpacer.go (findRunnableGCWorker, enlistWorker). A dedicated
 * worker that has to take its P from the program slows all busy Ps down alike, as their goroutines share the rest.
 */
#include "model/marking.h"

#define ROOT_2 1.4142135623730951

/* Of n Ps with nothing else to do, how many find something to mark. Before Green Tea, who found nothing slept, and was
 * not woken when there was something again (mgcpacer.go, enlistWorker). Of several that are alone, one has all there
 * is. Where there are dedicated workers nobody has measured it: all find something. */
static uint32_t finders(const struct sim *sim, uint32_t n)
{
    const struct marking *m = &sim->marking;
    if (sim->config.mark_wakes_idle || m->dedicated || n == 0)
        return n;
    return n == sim->p_count ? 1 : m->asleep ? 0 : n;
}

/* A P does the scavenger's work before it is an idle worker; while it is at that it does not look. */
static bool scavenges(const struct sim *sim)
{
    const struct marking *m = &sim->marking;
    return sim->scavenger.works && !m->dedicated && !m->stint.on &&
           !stint_is_fractional(m, &m->stint, sim->collector.process.now);
}

/* Who was not there when those took it does not help them with what only they see. */
static uint32_t idle_workers(const struct sim *sim)
{
    const struct marking *m = &sim->marking;
    uint32_t free = sim_idle_ps(sim) - m->naps;
    free -= free > 0 && scavenges(sim);
    uint32_t idle = free > m->dedicated ? free - m->dedicated : 0;
    if (idle > sim->p_count - m->dedicated)
        idle = sim->p_count - m->dedicated;
    idle = finders(sim, idle);
    return idle > m->takers && !mark_work_in_sight(&m->work) ? m->takers : idle;
}

/* How many work in the background now; *idle of them because their P has nothing else to do. */
static uint32_t background_workers(struct sim *sim, uint32_t *idle)
{
    const struct marking *m = &sim->marking;
    uint32_t free = sim_idle_ps(sim), busy = sim->p_count - free;
    uint32_t taken = m->dedicated > free ? m->dedicated - free : 0; /* from the program */
    double tax = taken && taken < busy ? (double)busy / (busy - taken) : 1;
    if (tax != sim->tax)
        collector_tax(sim, tax);
    *idle = idle_workers(sim);
    return m->dedicated + *idle;
}

static bool runs_program(const struct sim_p *sp)
{
    return !sp->idle && !sp->blocked;
}

/* Goroutines stand still until then. */
static void stop_goroutines(struct sim *sim, uint64_t until)
{
    for (uint32_t i = 0; i < sim->p_count; i++) {
        struct sim_p *sp = sim->ps[i];
        if (runs_program(sp) && sp->not_before < until)
            sp->not_before = until;
    }
}

/* How long it takes to stop a goroutine on another P and have it go on. */
static double stopping_ns(const struct sim *sim)
{
    return sim->config.costs.mark_done / 2; /* a third to two thirds of it, in logs of both Gos */
}

/* gcMarkDone: all Ps are asked for what they have found and not shown (forEachP). Those that run a goroutine stop it for
 * that, and it goes on before who has asked does. */
static void ask(struct sim *sim, struct process *me)
{
    const double again = 2; /* times mark_done: so soon after they have been asked it takes no longer than that */
    struct marking *m = &sim->marking;
    double ns = sim->config.costs.mark_done;
    process_sync(me); /* whoever it has just given credit goes on before that */
    if (sim_idle_ps(sim) < sim->p_count) {
        stop_goroutines(sim, me->now + (uint64_t)stopping_ns(sim));
        if (m->asked_ns == 0 || (double)(me->now - m->asked_ns) > again * ns)
            ns *= 2 * m->work.cold;
        me->now += (uint64_t)ns;
        m->asked_ns = me->now;
    }
    process_sync(me);
}

/* Goroutines were stopped when their Ps were asked. Where a P has not done its share yet a worker goes on; the goroutine
 * does on the P of who has asked, if that one has. */
static void after_asking(struct sim *sim, uint64_t now)
{
    struct marking *m = &sim->marking;
    bool taken = stint_is_due(m, &m->stint, now);
    for (uint32_t i = 0; i < sim->p_count; i++) {
        struct sim_p *sp = sim->ps[i];
        if (!runs_program(sp) || sp->assists || sp->stint.on)
            continue;
        marking_slice_from(sim, sp, now);
        if (!stint_is_due(m, &sp->stint, now))
            continue;
        if (taken) {
            sp->preempt_at = now;
            continue;
        }
        stint_swap(m, sp);
        taken = true;
    }
}

/* gcMarkDone: once more if anybody has had anything to show. */
static void ask_all_ps(struct sim *sim, struct process *me)
{
    struct marking *m = &sim->marking;
    m->asked = true;
    ask(sim, me);
    m->asked = false;
    if (m->finished || sim->done)
        return;
    bool flushed = marking_answer(sim, me->now);
    if (!m->finished)
        after_asking(sim, me->now);
    else if (flushed)
        ask(sim, me);
}

static void begin_stint(struct sim *sim, uint64_t now)
{
    struct marking *m = &sim->marking;
    stint_begin(m, &m->stint, now);
    m->slice_ends = marking_slice_end(sim, now);
}

/* Where another goroutine can run, but for those whose timers have gone off: an idle worker does not look at these
 * (proc.go, pollWork), and has its P until sysmon stops it. */
static bool is_wanted(const struct sim *sim, uint64_t now)
{
    const struct marking *m = &sim->marking;
    return m->waits || (m->wanted && (sim->config.sleep == SLEEP_POLLED || now >= m->slice_ends));
}

void marking_await_p(struct sim_p *sp)
{
    struct sim *sim = sp->sim;
    struct marking *m = &sim->marking;
    while (marking_on_own_ps(sim) && m->stint.on && m->background >= sim->ps_idle)
        queue_park(&m->wanted, &sp->process);
    if (!sim->sched.on)
        marking_slice_from(sim, sp, sp->process.now);
}

/* To those who wait for a P, as none is a worker; but before anything else it does its share. */
static void hand_over(struct sim *sim, struct process *me)
{
    struct marking *m = &sim->marking;
    if (!m->wanted || m->stint.on || stint_is_due(m, &m->stint, me->now))
        return;
    queue_wake(&m->wanted, me->now);
    process_sync(me);
}

static void end_stint(struct sim *sim, struct process *me)
{
    struct marking *m = &sim->marking;
    m->stint.on = false;
    if (marking_end_work(m))
        ask_all_ps(sim, me);
}

/* suspendG: the program's goroutine is stopped for its stack to be scanned by another P, save while it assists. How long
 * that takes the other. */
static double stop_for_scan(struct sim *sim, uint64_t now)
{
    struct sim_p *sp = sim->collector.starter;
    if (!sp || !runs_program(sp) || sp->assists || sp->stint.on)
        return 0;
    sp->preempt_at = now;
    sp->stopped = true;
    return stopping_ns(sim);
}

/* Of the Ps with nothing to do, those that are no idle workers: for the limiter they are as busy as with the
 * program. */
static uint32_t employed(const struct sim *sim, uint32_t idle)
{
    const struct marking *m = &sim->marking;
    uint32_t free = sim_idle_ps(sim), dedicated = m->dedicated < free ? m->dedicated : free;
    return dedicated + (m->stint.fractional ? idle : 0);
}

static void account_step(struct sim *sim, double ns, uint32_t workers, uint32_t idle)
{
    struct marking *m = &sim->marking;
    m->dedicated_ns += ns * (workers - idle);
    sim->limiter.worker_ns += ns * employed(sim, idle);
    stint_spent(sim, &m->stint, idle ? ns : 0);
    *(m->stint.fractional ? &m->fractional_ns : &m->idle_ns) += ns * idle;
}

/* Beside a small heap the program's P has a table in its own cache, as it has written it last. */
static double byte_ns(const struct sim *sim, const struct work *kind)
{
    const double elsewhere = 0.6; /* longer on another P: in logs of both Gos 240 us for what that P does in 150 */
    const struct mark_work *w = &sim->marking.work;
    double near = kind == &w->pieces && sim->p_count > 1 ? 2 * (1 - w->cold) : 0;
    return marking_byte_ns(sim, kind) * (1 + elsewhere * near);
}

static void work_in_background(struct sim *sim, struct process *me, uint32_t workers, uint32_t idle)
{
    struct marking *m = &sim->marking;
    struct work *kind;
    if (!m->stint.on)
        begin_stint(sim, me->now);
    if (mark_work_in_sight(&m->work))
        m->takers = workers;
    uint64_t began = me->now, work = stint_take(sim, me, &m->stint, BACKGROUND, workers, &kind);
    double ns = (double)work * byte_ns(sim, kind) / workers;
    if (kind == &m->work.roots[STACK])
        ns += stop_for_scan(sim, began);
    me->now += (uint64_t)(ns + 0.5);
    if (sim->timeline)
        timeline_lend_idle(sim->timeline, began, me->now);
    process_sync(me);
    stint_did(sim, me, &m->stint, BACKGROUND, work, kind);
    account_step(sim, ns, workers, idle);
    if (sim->timeline)
        timeline_marked(sim->timeline, began, me->now, workers, idle,
                        m->stint.fractional ? TIMELINE_FRACTIONAL : TIMELINE_IDLE_MARKS);
    if (stint_is_over(m, &m->stint, is_wanted(sim, me->now), me->now))
        end_stint(sim, me);
}

static void at_work(struct sim *sim, uint32_t workers)
{
    if (sim->marking.background == workers)
        return;
    sim->marking.background = workers;
    collector_tax(sim, sim->tax);
}

/* A P that sleeps is there so long after it has been woken. One whose own goroutine waits is there at once; with
 * dedicated workers nobody has measured it. */
static void arrive(struct sim *sim, struct process *me)
{
    const double least = 0.3, most = 1.7; /* of the mean, in logs of both Gos on 2 Ps */
    struct marking *m = &sim->marking;
    double mean = sim->config.costs.worker_wake * m->work.cold;
    if (!m->finished && !m->dedicated && !m->seeks && sim_idle_ps(sim) < sim->p_count) {
        me->now += (uint64_t)(mean * (least + (most - least) * marking_spread(sim, ROOT_2)));
        process_sync(me);
    }
    m->seeks = false;
}

/* No P is left for background workers, or nothing is in sight, until a P has nothing to do, or all is done. Others go
 * on with a piece that is not done. */
static void stop_work(struct sim *sim, struct process *me, uint32_t workers)
{
    struct marking *m = &sim->marking;
    struct stint *s = &m->stint;
    at_work(sim, 0);
    mark_work_give_back(&m->work, BACKGROUND, s->piece);
    if (s->piece_done)
        marking_credit(sim, s->piece_done, me->now);
    s->piece = s->piece_done = 0;
    s->found = false;
    if (s->on) {
        end_stint(sim, me);
    } else if (m->at_work == 0 && workers) { /* who has anything has not come to it */
        marking_answer(sim, me->now);
    } else {
        m->asleep |= workers && !sim->config.mark_wakes_idle;
        collector_doze(sim);
        arrive(sim, me);
    }
}

void marking_run(struct sim *sim, struct process *me)
{
    struct marking *m = &sim->marking;
    arrive(sim, me);
    while (!m->finished && !sim->done) {
        hand_over(sim, me);
        uint32_t idle, workers = background_workers(sim, &idle);
        /* it takes the goroutine over, as soon as that's P looks up */
        m->comes = workers && m->waits && !m->stint.on && !stint_is_due(m, &m->stint, me->now);
        if (m->comes) {
            at_work(sim, 0);
            collector_doze(sim);
        } else if (workers && (m->stint.piece || marking_sees(sim, BACKGROUND, ROOTS_FIRST))) {
            at_work(sim, workers);
            work_in_background(sim, me, workers, idle);
        } else {
            stop_work(sim, me, workers);
        }
    }
    queue_wake(&m->wanted, me->now);
}
