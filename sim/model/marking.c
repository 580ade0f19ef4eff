/* The mark phase: a pool of work (work.h), and those who take from it.
 *
 *     dedicated workers (whole Ps), Ps with nothing to do --credit--> [pool] <-- assists: who allocates in debt
 *     fractional workers (a busy P's time slice is over)  --credit-->           pays with credit, then with work
 *
 * Follows runtime/mgcmark.go (gcAssistAlloc, gcDrain, gcDrainN, gcFlushBgCredit, pollFractionalWorkerExit) and
 * mgcpacer.go (startCycle, findRunnableGCWorker). Work is bytes to scan; marking takes its time with them. Whoever
 * takes some holds it until its clock has passed the time it takes; marking is over when the pool is empty and nobody
 * holds any. A dedicated worker that has to take its P from the program slows all busy Ps down alike, as their
 * goroutines share the rest.
 */
#include "model/sim.h"

enum {
    OVER_ASSIST = 64 << 10,        /* gcOverAssistWork */
    DRAIN_CHECK = 100000,          /* drainCheckThreshold */
    ASSIST_TIME_SLACK = 5000,      /* gcAssistTimeSlack, ns */
    PREPARATION = 30000,           /* ns from markStartTime to the start of the world, of 20 to 70 by program */
    STEP = 10000                   /* ns; background workers, and whoever scans a piece, are looked at so often */
};

/* Times its share a fractional worker does before it gives its P back: pollFractionalWorkerExit. */
#define EXIT_ABOVE 1.2

#define GOLDEN 0.6180339887498949
#define ROOT_2 1.4142135623730951

/* --- time slices ---------------------------------------------------------------------------------------- */

/* Multiples of an irrational number spread evenly between integers: this cycle's. */
static double spread(const struct sim *sim, double irrational)
{
    double turn = irrational * (double)(sim->collector.cycles + 1);
    return turn - (double)(uint64_t)turn;
}

/* sysmon looks around so often, and stops whom it finds for the second time (proc.go, retake): a goroutine runs for one
 * to two looks. The setting is the mean of these. */
static uint64_t look_ns(const struct sim *sim)
{
    return sim->config.timeslice_ns / 3 * 2;
}

/* A goroutine is put on its P anew after the world has been stopped, save the one that stopped it, which goes on. Where
 * sysmon's looks lie is anything. */
static void slice_from(const struct sim *sim, struct sim_p *sp, uint64_t now)
{
    sp->preempt_at = now + (uint64_t)((1 + spread(sim, GOLDEN)) * (double)look_ns(sim));
}

/* --- the pool ------------------------------------------------------------------------------------------ */

static double byte_ns(const struct sim *sim, const struct work *w)
{
    double ns = w->byte_ns + w->marks * sim_shared_line(sim);
    return ns > 0 ? ns : 1e-9;
}

/* Who a P is that runs the program. A single one does both. */
static enum marker program(const struct sim *sim)
{
    return sim->p_count == 1 ? BACKGROUND : PROGRAM;
}

/* Of what comes next to a worker. */
static double next_byte_ns(struct sim *sim, enum marker who, enum turn turn)
{
    struct mark_work *all = &sim->marking.work;
    struct work *next = mark_work_next(all, who, turn);
    return byte_ns(sim, next ? next : &all->objects);
}

/* Whoever balances wakes a worker that sleeps (mayNeedWorker). */
static uint64_t take(struct sim *sim, struct process *me, enum marker who, enum turn turn, double want, uint32_t takers,
                     struct work **kind)
{
    struct mark_work *work = &sim->marking.work;
    if (mark_work_balance(work, who))
        collector_rouse(sim, me->now);
    return mark_work_take(work, who, turn, want, takers, kind);
}

/* Who has spent the time that a piece, or a root, takes, may have found something that all see. */
static void found(struct sim *sim, uint64_t now, bool in_sight)
{
    if (in_sight)
        collector_rouse(sim, now);
}

static void credit(struct sim *sim, uint64_t work, uint64_t now)
{
    struct marking *m = &sim->marking;
    m->done += (double)work;
    m->credit += (double)work;
    if (m->credit > 0 && mark_work_left(&m->work)) /* else it is over soon */
        marking_wake(sim, now); /* gcFlushBgCredit */
}

static void begin_work(struct marking *m)
{
    m->at_work++;
}

/* True if nobody is at work any more, and nothing is in sight: all Ps are to be asked for what only they see
 * (gcMarkDone). */
static bool end_work(struct marking *m)
{
    return --m->at_work == 0 && !mark_work_in_sight(&m->work) && !m->finished;
}

/* What they have shown calls for no worker (gcWork.dispose, which unlike balance does not set mayNeedWorker). */
static void answer(struct sim *sim, uint64_t now)
{
    struct marking *m = &sim->marking;
    mark_work_publish(&m->work);
    m->finished = m->at_work == 0 && mark_work_left(&m->work) == 0;
    if (m->finished)
        collector_rouse(sim, now);
}

/* --- workers ------------------------------------------------------------------------------------------- */

/* startCycle: whole Ps to come as near as possible to the goal, or if that is far off, a part of each P besides. */
static void plan_workers(struct marking *m, double share, uint32_t ps)
{
    const double max_error = 0.3;
    double goal = share * ps;
    m->dedicated = (uint32_t)(goal + 0.5);
    m->fractional = 0;
    double error = goal > 0 ? m->dedicated / goal - 1 : 0;
    if (error >= -max_error && error <= max_error)
        return;
    m->dedicated -= m->dedicated > goal;
    m->fractional = (goal - m->dedicated) / ps;
}

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

/* In this cycle it has not been a fractional worker for more than that share of the time. */
static bool is_behind(const struct marking *m, const struct stint *s, double share, uint64_t now)
{
    return s->fractional_ns <= share * (double)(now - m->start_ns);
}

/* Before a P runs anything else it is a fractional worker, if it has not done its share yet (findRunnableGCWorker). */
static bool is_fractional(const struct marking *m, const struct stint *s, uint64_t now)
{
    return m->fractional > 0 && is_behind(m, s, m->fractional, now);
}

/* A P does the scavenger's work before it is an idle worker; while it is at that it does not look. */
static bool scavenges(const struct sim *sim)
{
    const struct marking *m = &sim->marking;
    return sim->scavenger.works && !m->dedicated && !m->stint.on &&
           !is_fractional(m, &m->stint, sim->collector.process.now);
}

/* Who was not there when those took it does not help them with what only they see. */
static uint32_t idle_workers(const struct sim *sim)
{
    const struct marking *m = &sim->marking;
    uint32_t free = sim_idle_ps(sim) - (sim_idle_ps(sim) > 0 && scavenges(sim));
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

/* --- stints -------------------------------------------------------------------------------------------- */

static bool is_to_mark(struct marking *m, const struct stint *s, uint64_t now)
{
    return is_fractional(m, s, now) && mark_work_in_sight(&m->work);
}

static void begin_stint(struct marking *m, struct stint *s, uint64_t now)
{
    s->on = true;
    s->fractional = is_fractional(m, s, now);
    s->unchecked = 0;
    begin_work(m);
}

/* What it is at before it is looked at again: so much of it. */
static uint64_t take_step(struct sim *sim, struct process *me, struct stint *s, enum marker who, uint32_t workers,
                          struct work **kind)
{
    struct work *pieces = &sim->marking.work.pieces;
    *kind = pieces;
    double step = STEP / next_byte_ns(sim, who, ROOTS_FIRST) * workers;
    if (!s->piece) {
        uint64_t work = take(sim, me, who, ROOTS_FIRST, step, workers, kind);
        if (*kind != pieces)
            return work;
        s->piece = work;
    }
    uint64_t part = portion(STEP / byte_ns(sim, pieces) * workers, s->piece);
    s->piece -= part;
    return part;
}

/* What that was worth. A piece counts when it is done (gcDrain flushes its credit after each object). */
static void did_step(struct sim *sim, struct process *me, struct stint *s, enum marker who, uint64_t work,
                     const struct work *kind)
{
    struct marking *m = &sim->marking;
    if (kind == &m->work.pieces) {
        s->found |= mark_work_scanned(&m->work, who, work, s->piece == 0);
        s->piece_done += work;
        if (s->piece)
            return;
        found(sim, me->now, s->found);
        work = s->piece_done;
        s->piece_done = 0;
        s->found = false;
    } else if (mark_work_is_root(&m->work, kind)) {
        found(sim, me->now, mark_work_did_root(&m->work, who, kind));
        s->unchecked += DRAIN_CHECK;
    }
    s->unchecked += (double)work;
    credit(sim, work, me->now);
}

/* A worker looks after each root, and now and then: a fractional one whether it has done its share, and somewhat more
 * (pollFractionalWorkerExit), an idle one whether there is a goroutine to run (pollWork). */
static bool is_over(struct marking *m, struct stint *s, uint64_t now)
{
    if (s->piece || s->unchecked < DRAIN_CHECK * m->work.shown)
        return false;
    s->unchecked = 0;
    return s->fractional ? !is_behind(m, s, EXIT_ABOVE * m->fractional, now) : m->waits != NULL;
}

/* --- Ps with nothing else to do ------------------------------------------------------------------------ */

static void swap_stints(struct marking *m, struct sim_p *sp)
{
    struct stint mine = sp->stint;
    sp->stint = m->stint;
    m->stint = mine;
}

static bool runs_program(const struct sim_p *sp)
{
    return !sp->idle && !sp->blocked;
}

/* gcMarkDone: all Ps are asked for what they have found and not shown (forEachP), for which those that run a goroutine
 * stop it; until then it goes on. */
static void ask(struct sim *sim, struct process *me)
{
    process_sync(me); /* whoever it has just given credit goes on before that */
    if (sim_idle_ps(sim) < sim->p_count)
        me->now += (uint64_t)sim->config.costs.mark_done;
    process_sync(me);
}

/* Goroutines were stopped when their Ps were asked. Where a P has not done its share yet a worker goes on; the goroutine
 * does on the P of who has asked, if that one has. */
static void after_asking(struct sim *sim, uint64_t now)
{
    struct marking *m = &sim->marking;
    bool taken = is_to_mark(m, &m->stint, now);
    for (uint32_t i = 0; i < sim->p_count; i++) {
        struct sim_p *sp = sim->ps[i];
        if (!runs_program(sp) || sp->assists || sp->stint.on)
            continue;
        slice_from(sim, sp, now);
        if (!is_to_mark(m, &sp->stint, now))
            continue;
        if (taken) {
            sp->preempt_at = now;
            continue;
        }
        swap_stints(m, sp);
        taken = true;
    }
}

/* Who is asked last, and has found nothing since, is asked once more. */
static void ask_all_ps(struct sim *sim, struct process *me)
{
    struct marking *m = &sim->marking;
    ask(sim, me);
    if (m->finished || sim->done)
        return;
    answer(sim, me->now);
    if (m->finished)
        ask(sim, me);
    else
        after_asking(sim, me->now);
}

static void end_stint(struct sim *sim, struct process *me)
{
    struct marking *m = &sim->marking;
    m->stint.on = false;
    if (end_work(m))
        ask_all_ps(sim, me);
}

/* suspendG: the program's goroutine is stopped for its stack to be scanned by another P, save while it assists. How long
 * that takes the other. */
static double stop_for_scan(struct sim *sim, uint64_t now)
{
    double ns = 0;
    for (uint32_t i = 0; i < sim->p_count; i++) {
        struct sim_p *sp = sim->ps[i];
        if (sp != sim->collector.starter || !runs_program(sp) || sp->assists || sp->stint.on)
            continue;
        sp->preempt_at = now;
        sp->stopped = true;
        ns = sim->config.costs.mark_done / 3;
    }
    return ns;
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
    m->stint.fractional_ns += idle && m->stint.fractional ? ns : 0;
    *(m->stint.fractional ? &m->fractional_ns : &m->idle_ns) += ns * idle;
}

static void work_in_background(struct sim *sim, struct process *me, uint32_t workers, uint32_t idle)
{
    struct marking *m = &sim->marking;
    struct work *kind;
    if (!m->stint.on)
        begin_stint(m, &m->stint, me->now);
    if (mark_work_in_sight(&m->work))
        m->takers = workers;
    uint64_t began = me->now, work = take_step(sim, me, &m->stint, BACKGROUND, workers, &kind);
    double ns = (double)work * byte_ns(sim, kind) / workers;
    if (kind == &m->work.roots[STACK])
        ns += stop_for_scan(sim, began);
    me->now += (uint64_t)(ns + 0.5);
    if (sim->timeline)
        timeline_lend_idle(sim->timeline, began, me->now);
    process_sync(me);
    did_step(sim, me, &m->stint, BACKGROUND, work, kind);
    account_step(sim, ns, workers, idle);
    if (sim->timeline)
        timeline_marked(sim->timeline, began, me->now, workers, idle,
                        m->stint.fractional ? TIMELINE_FRACTIONAL : TIMELINE_IDLE_MARKS);
    if (is_over(m, &m->stint, me->now))
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
    const double least = 0.2, most = 1.8; /* of the mean, in logs of both Gos on 2 Ps */
    struct marking *m = &sim->marking;
    double mean = sim->config.costs.worker_wake * m->work.cold;
    if (!m->finished && !m->dedicated && !m->seeks && sim_idle_ps(sim) < sim->p_count) {
        me->now += (uint64_t)(mean * (least + (most - least) * spread(sim, ROOT_2)));
        process_sync(me);
    }
    m->seeks = false;
}

static void sleep_on(struct sim *sim, struct process *me)
{
    collector_doze(sim);
    arrive(sim, me);
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
        credit(sim, s->piece_done, me->now);
    s->piece = s->piece_done = 0;
    if (s->on) {
        end_stint(sim, me);
    } else if (m->at_work == 0 && workers && mark_work_left(&m->work)) { /* who had it has not come to it */
        mark_work_publish(&m->work);
    } else {
        m->asleep |= workers && !sim->config.mark_wakes_idle;
        if (m->at_work == 0 && workers)
            answer(sim, me->now);
        if (!m->finished)
            sleep_on(sim, me);
    }
}

void marking_run(struct sim *sim, struct process *me)
{
    struct marking *m = &sim->marking;
    arrive(sim, me);
    while (!m->finished && !sim->done) {
        uint32_t idle, workers = background_workers(sim, &idle);
        if (workers && m->waits && !m->stint.on && !is_to_mark(m, &m->stint, me->now)) {
            /* it takes the goroutine over, as soon as that's P looks up */
            m->comes = true;
            at_work(sim, 0);
            collector_doze(sim);
        } else if (workers && (m->stint.piece || mark_work_next(&m->work, BACKGROUND, ROOTS_FIRST))) {
            at_work(sim, workers);
            work_in_background(sim, me, workers, idle);
        } else {
            stop_work(sim, me, workers);
        }
    }
}

static void scan_pieces(struct sim *sim, struct process *me, uint64_t left)
{
    struct work *pieces = &sim->marking.work.pieces;
    bool in_sight = false;
    while (left) {
        uint64_t part = portion(STEP / byte_ns(sim, pieces), left);
        left -= part;
        me->now += (uint64_t)((double)part * byte_ns(sim, pieces) + 0.5);
        process_sync(me);
        in_sight |= mark_work_scanned(&sim->marking.work, program(sim), part, left == 0);
    }
    found(sim, me->now, in_sight);
}

/* What an assist marks of one kind of work. */
static uint64_t drain(struct sim_p *sp, double want)
{
    struct sim *sim = sp->sim;
    struct process *me = &sp->process;
    struct work *kind;
    uint64_t work = take(sim, me, program(sim), ROOTS_LAST, want, 1, &kind);
    if (kind == &sim->marking.work.pieces) {
        scan_pieces(sim, me, work);
    } else {
        me->now += (uint64_t)((double)work * byte_ns(sim, kind) + 0.5);
        process_sync(me);
    }
    found(sim, me->now, mark_work_did_root(&sim->marking.work, program(sim), kind));
    sim->marking.done += (double)work;
    return work;
}

/* --- fractional workers on Ps of the program's --------------------------------------------------------- */

/* Another P takes the goroutine over and leaves its own share of marking to this one: the two change places. */
static void change_places(struct sim_p *sp)
{
    struct marking *m = &sp->sim->marking;
    swap_stints(m, sp);
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
    uint64_t began = me->now, work = take_step(sim, me, &sp->stint, program(sim), 1, &kind);
    me->now += (uint64_t)((double)work * byte_ns(sim, kind) + 0.5);
    process_sync(me);
    did_step(sim, me, &sp->stint, program(sim), work, kind);
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
    enum marker who = program(sim);
    if (m->finished || m->fractional == 0 || !is_behind(m, s, m->fractional, sp->process.now) ||
        !mark_work_next(&m->work, who, ROOTS_FIRST))
        return;
    begin_stint(m, s, sp->process.now);
    wait_for_a_p(sp);
    do {
        step_of_p(sp);
    } while ((s->piece || mark_work_next(&m->work, who, ROOTS_FIRST)) && !(m->waits == sp && m->comes) &&
             !is_over(m, s, sp->process.now));
    if (!goes_on(sp)) {
        change_places(sp);
        return;
    }
    s->on = false;
    if (end_work(m))
        answer(sim, sp->process.now);
}

/* The slice that a goroutine has then, if each that ended was followed by another. */
static void next_slice(struct sim_p *sp, uint64_t now)
{
    uint64_t slice = 2 * look_ns(sp->sim);
    if (sp->preempt_at <= now)
        sp->preempt_at = now + slice - (slice ? (now - sp->preempt_at) % slice : 0);
}

/* Where others wait for the P, one of them takes it over as soon as the event under way is done. */
static void preempt(struct sim_p *sp)
{
    work_for_a_while(sp);
    if (sp->stopped)
        slice_from(sp->sim, sp, sp->process.now);
    else
        next_slice(sp, sp->process.now);
    sp->stopped = false;
    sp->preempted = true;
}

/* --- assists ------------------------------------------------------------------------------------------- */

/* Pays with what background workers have earned; returns the work that remains to be done. */
static double pay_with_credit(struct sim_p *sp)
{
    struct marking *m = &sp->sim->marking;
    const struct pacer *pacer = &sp->sim->collector.pacer;
    double debt = -sp->assist_bytes, work = pacer->work_per_byte * debt;
    if (work < OVER_ASSIST * m->work.shown) {
        work = OVER_ASSIST * m->work.shown;
        debt = pacer->bytes_per_work * work;
    }
    if (m->credit <= 0)
        return work;
    double paid = m->credit < work ? m->credit : work;
    sp->assist_bytes += m->credit < work ? 1 + pacer->bytes_per_work * paid : debt;
    m->credit -= paid;
    return work - paid;
}

/* Of what comes next, in bytes, until the goroutine is to stop. */
static double rest_of_slice(struct sim_p *sp)
{
    uint64_t now = sp->process.now;
    enum marker who = program(sp->sim);
    return sp->preempt_at > now ? (double)(sp->preempt_at - now) / next_byte_ns(sp->sim, who, ROOTS_LAST) : 0;
}

/* gcDrainN: of one kind of work after the other, until enough is done or nothing more is to be seen. */
static uint64_t drain_kinds(struct sim_p *sp, double want)
{
    struct marking *m = &sp->sim->marking;
    uint64_t work = 0;
    do {
        double slice = rest_of_slice(sp), left = want - (double)work;
        work += drain(sp, left < slice ? left : slice);
    } while ((double)work < want && sp->process.now < sp->preempt_at &&
             mark_work_next(&m->work, program(sp->sim), ROOTS_LAST));
    return work;
}

static void pay_with_work(struct sim_p *sp, double want)
{
    struct sim *sim = sp->sim;
    struct marking *m = &sim->marking;
    uint64_t began = sp->process.now;
    sp->assists = true;
    begin_work(m);
    uint64_t work = drain_kinds(sp, want), ns = sp->process.now - began;
    sp->assists = false;
    if (end_work(m))
        answer(sim, sp->process.now);
    if (m->finished && !m->finisher)
        m->finisher = sp;
    sp->assist_bytes += 1 + sim->collector.pacer.bytes_per_work * (double)work;
    m->assist_ns += (double)ns;
    if (sim->timeline)
        timeline_did(sim->timeline, sp, TIMELINE_ASSISTS, began);
    sim->limiter.assist_ns += ns;
    if (sim->limiter.assist_ns > ASSIST_TIME_SLACK)
        limiter_update(&sim->limiter, sp->process.now, sim->p_count, sim_idle_ps(sim));
}

/* gcParkAssist. A goroutine that leaves its P comes back to the same allocation. */
static bool park(struct sim_p *sp, uint64_t came)
{
    struct stream *s = sp->stream;
    if (s) {
        s->owes = true;
        s->came = came;
        sp->sim->paying++;
    }
    return marking_wait(sp, &sp->sim->marking.parked);
}

/* False if the goroutine has left its P, in debt. */
static bool assist(struct sim_p *sp, uint64_t came)
{
    struct sim *sim = sp->sim;
    struct marking *m = &sim->marking;
    while (sp->assist_bytes < 0 && m->on && !m->finished && !sim->failed) {
        process_sync(&sp->process);
        if (sim->limiter.limiting)
            return true;
        double work = pay_with_credit(sp);
        if (work > 0 && mark_work_next(&m->work, program(sim), ROOTS_LAST))
            pay_with_work(sp, work);
        else if (work > 0 && !m->finished && !park(sp, came))
            return false;
        if (sp->process.now >= sp->preempt_at)
            preempt(sp);
    }
    return true;
}

static bool pay(struct sim_p *sp, uint64_t bytes, uint64_t came)
{
    struct sim *sim = sp->sim;
    if (sp->process.now >= sp->preempt_at)
        preempt(sp);
    if (limiter_is_due(&sim->limiter, sp->process.now))
        limiter_update(&sim->limiter, sp->process.now, sim->p_count, sim_idle_ps(sim));
    sp->assist_bytes -= (double)bytes;
    return sp->assist_bytes >= 0 || assist(sp, came);
}

uint64_t marking_pay(struct sim_p *sp, uint64_t bytes)
{
    struct sim *sim = sp->sim;
    struct stream *s = sp->stream;
    uint64_t came = sp->process.now;
    if (s && s->owes) { /* it has come before; what it owes, it owes still */
        came = s->came;
        s->owes = false;
        sim->paying--;
        bytes = 0;
    }
    if (sim->marking.on && !pay(sp, bytes, came))
        return MARKING_LEFT;
    world_gate(sim, &sp->process);
    return came;
}

bool marking_wait(struct sim_p *sp, struct waiters *waiters)
{
    struct sim *sim = sp->sim;
    if (sim->sched.on) {
        sched_leave(sp, waiters);
        return false;
    }
    enum timeline_what was = sim_p_does(sp, waiters == sim->awaiting ? TIMELINE_AWAITS : TIMELINE_PARKED);
    sp->blocked = true;
    sim->ps_blocked++;
    marking_seek(sim, sp->process.now);
    queue_park(&waiters->processes, &sp->process);
    sim->ps_blocked--;
    sp->blocked = false;
    sim_p_does(sp, was);
    return true;
}

void marking_seek(struct sim *sim, uint64_t now)
{
    if (!sim->marking.on)
        return;
    sim->marking.asleep = false;
    sim->marking.seeks = true;
    collector_rouse(sim, now);
}

/* --- the phase ----------------------------------------------------------------------------------------- */

/* The starter's goroutine goes on in its slice, or in one that followed; on one P, where it ends most cycles as well, it
 * may be anywhere in it. Where others wait for another P, one of them takes it. */
static void begin_slices(struct sim *sim, const struct sim_p *starter, uint64_t now)
{
    for (uint32_t i = 0; i < sim->p_count; i++) {
        struct sim_p *sp = sim->ps[i];
        sp->assist_bytes = 0;
        sp->stint = (struct stint){0};
        sp->assists = sp->stopped = false;
        if (sp != starter && sim->sched.on)
            sp->preempt_at = now;
        else if (sp != starter)
            slice_from(sim, sp, now);
        else if (sim->p_count == 1)
            sp->preempt_at = now + (uint64_t)(spread(sim, GOLDEN) * 2 * (double)look_ns(sim));
        else
            next_slice(sp, now);
    }
}

static void end_slices(struct sim *sim, uint64_t now)
{
    for (uint32_t i = 0; i < sim->p_count; i++)
        if (sim->ps[i] != sim->marking.finisher && !sim->sched.on)
            slice_from(sim, sim->ps[i], now);
}

void marking_begin(struct sim *sim, const struct goheap_marked *marked, uint64_t now)
{
    struct marking *m = &sim->marking;
    *m = (struct marking){.on = true, .start_ns = now > PREPARATION ? now - PREPARATION : 0};
    const struct collector *c = &sim->collector;
    m->heap_scan_most = c->pacer.last_heap_scan + c->scan_seen - c->scan_counted; /* heapScan */
    plan_workers(m, sim->config.mark_share, sim->p_count);
    mark_work_plan(&m->work, sim, marked, m->dedicated == 0); /* with dedicated workers nobody has measured it */
    m->heap_scan = m->work.heap;
    m->takers = 1;
    begin_slices(sim, sim->collector.starter, now);
    sim->paying++;
    collector_tax(sim, 1);
}

void marking_wake(struct sim *sim, uint64_t now)
{
    queue_wake(&sim->marking.parked.processes, now);
    sched_wake(sim, &sim->marking.parked, now);
}

void marking_end(struct sim *sim, uint64_t now)
{
    sim->marking.on = false;
    end_slices(sim, now);
    sim->paying--;
    collector_tax(sim, 1);
    marking_wake(sim, now);
}
