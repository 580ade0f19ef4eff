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
    STEP = 10000                   /* ns; background workers, and whoever scans a piece, are looked at so often */
};

/* Times its share a fractional worker does before it gives its P back: pollFractionalWorkerExit. */
#define EXIT_ABOVE 1.2

#define GOLDEN 0.6180339887498949

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

/* Of what comes next. */
static double next_byte_ns(struct sim *sim, enum marker who)
{
    struct mark_work *all = &sim->marking.work;
    struct work *next = mark_work_next(all, who);
    return byte_ns(sim, next ? next : &all->objects);
}

/* There is more in sight. */
static void tell(struct sim *sim, uint64_t now)
{
    marking_wake(sim, now);
    collector_rouse(sim, now);
}

static uint64_t take(struct sim *sim, struct process *me, enum marker who, double want, uint32_t takers,
                     struct work **kind)
{
    struct marking *m = &sim->marking;
    if (mark_work_balance(&m->work, who))
        tell(sim, me->now);
    uint64_t work = mark_work_take(&m->work, who, want, takers, kind);
    m->holders += work > 0;
    return work;
}

/* gcMarkDone, by who runs out of work last: all Ps are asked for what they have found and not shown. A worker that asks
 * stops goroutines for that. An assist has done its part then, and wakes no worker: what Ps show when they are asked
 * calls for none (gcWork.dispose, which unlike balance does not set mayNeedWorker). */
static void ask_for_work(struct sim *sim, enum marker who, uint64_t now)
{
    mark_work_publish(&sim->marking.work);
    if (who == PROGRAM)
        marking_wake(sim, now);
    for (uint32_t i = 0; i < sim->p_count && who == BACKGROUND; i++)
        if (sim->ps[i]->preempt_at > now)
            sim->ps[i]->preempt_at = now;
}

/* The process has spent the time that the work takes. */
static void complete(struct sim *sim, struct process *me, enum marker who, uint64_t work)
{
    struct marking *m = &sim->marking;
    process_sync(me);
    m->done += (double)work;
    if (--m->holders)
        return;
    m->finished = mark_work_left(&m->work) == 0;
    if (m->finished)
        collector_rouse(sim, me->now);
    else if (!mark_work_next(&m->work, BACKGROUND))
        ask_for_work(sim, who, me->now);
}

/* The process has spent the time that a part of a piece takes. */
static void show(struct sim *sim, struct process *me, enum marker who, uint64_t bytes, bool last)
{
    process_sync(me);
    if (mark_work_scanned(&sim->marking.work, who, bytes, last))
        tell(sim, me->now);
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

/* Who was not there when those took it does not help them with what only they see. */
static uint32_t idle_workers(const struct sim *sim)
{
    const struct marking *m = &sim->marking;
    uint32_t free = sim_idle_ps(sim), idle = free > m->dedicated ? free - m->dedicated : 0;
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

/* A P with nothing else to do is a fractional worker first, where there are such. Having done more than its share when
 * it looks, for the first time after it has marked a root or a piece, it goes on as an idle one: until there is a
 * goroutine to take, or another P has nothing to do, the scheduler is not asked again (findRunnableGCWorker). It does
 * not look while it is at a piece, whose work counts when all of it is done. */
static void count_idle(struct marking *m, double work, double ns, uint32_t idle, uint64_t now)
{
    double passed = (double)(now - m->start_ns) * idle;
    bool looks = m->piece == 0 && (!m->late || m->work.begun || !m->work.unscanned);
    if (idle != m->idle_ps) {
        m->idle_ps = idle;
        m->idle_is_fractional = m->idle_fractional_ns < m->fractional * passed;
    } else if (looks && (!m->looked || m->idle_work >= DRAIN_CHECK * m->work.shown * (double)idle)) {
        m->looked = true;
        m->idle_work = 0;
        m->idle_is_fractional &= m->idle_fractional_ns <= EXIT_ABOVE * m->fractional * passed;
    }
    m->idle_work += work * idle;
    m->idle_fractional_ns += m->idle_is_fractional ? ns * idle : 0;
    *(m->idle_is_fractional ? &m->fractional_ns : &m->idle_ns) += ns * idle;
}

/* Of the Ps with nothing to do, those that are no idle workers: for the limiter they are as busy as with the
 * program. */
static uint32_t employed(const struct sim *sim, uint32_t idle)
{
    const struct marking *m = &sim->marking;
    uint32_t free = sim_idle_ps(sim), dedicated = m->dedicated < free ? m->dedicated : free;
    return dedicated + (m->idle_is_fractional ? idle : 0);
}

/* What background workers do of the next kind of work before they are looked at again. */
static uint64_t background_step(struct sim *sim, struct process *me, uint32_t workers, struct work **kind)
{
    struct marking *m = &sim->marking;
    struct work *pieces = &m->work.pieces;
    if (mark_work_in_sight(&m->work))
        m->takers = workers;
    mark_work_roots_first(&m->work);
    *kind = m->piece ? pieces : mark_work_next(&m->work, BACKGROUND);
    double step = STEP / byte_ns(sim, *kind) * workers;
    if (*kind != pieces)
        return take(sim, me, BACKGROUND, step, workers, kind);
    if (!m->piece)
        m->piece = take(sim, me, BACKGROUND, 0, workers, kind);
    uint64_t part = portion(step, m->piece);
    m->piece -= part;
    m->piece_done += part;
    return part;
}

/* What that was worth. A piece counts when it is done (gcDrain flushes its credit after each object). */
static uint64_t background_done(struct sim *sim, struct process *me, uint64_t work, const struct work *kind)
{
    struct marking *m = &sim->marking;
    if (kind == &m->work.pieces) {
        show(sim, me, BACKGROUND, work, m->piece == 0);
        if (m->piece)
            return 0;
        work = m->piece_done;
        m->piece_done = 0;
    }
    complete(sim, me, BACKGROUND, work);
    m->credit += (double)work;
    if (m->credit >= OVER_ASSIST * m->work.shown && mark_work_left(&m->work)) /* else it is over soon */
        marking_wake(sim, me->now); /* gcFlushBgCredit */
    return work;
}

static void work_in_background(struct sim *sim, struct process *me, uint32_t workers, uint32_t idle)
{
    struct marking *m = &sim->marking;
    struct work *kind;
    uint32_t busy = employed(sim, idle);
    uint64_t work = background_step(sim, me, workers, &kind);
    double ns = (double)work * byte_ns(sim, kind) / workers;
    uint64_t began = me->now;
    me->now += (uint64_t)(ns + 0.5);
    if (sim->timeline)
        timeline_lend_idle(sim->timeline, began, me->now);
    work = background_done(sim, me, work, kind);
    m->dedicated_ns += ns * (workers - idle);
    sim->limiter.worker_ns += ns * busy;
    if (idle)
        count_idle(m, (double)work / workers, ns, idle, me->now);
    if (sim->timeline)
        timeline_marked(sim->timeline, began, me->now, workers, idle,
                        m->idle_is_fractional ? TIMELINE_FRACTIONAL : TIMELINE_IDLE_MARKS);
}

static void at_work(struct sim *sim, uint32_t workers)
{
    if (sim->marking.background == workers)
        return;
    sim->marking.background = workers;
    collector_tax(sim, sim->tax);
}

/* No P is left for background workers, or nothing is in sight, until a P has nothing to do, or all is done. Others go
 * on with a piece that is not done. */
static void stop_work(struct sim *sim, struct process *me, uint32_t workers)
{
    struct marking *m = &sim->marking;
    at_work(sim, 0);
    m->asleep |= workers && !sim->config.mark_wakes_idle;
    mark_work_give_back(&m->work, BACKGROUND, m->piece);
    if (m->piece) {
        uint64_t done = m->piece_done;
        m->piece = m->piece_done = 0;
        m->credit += (double)done;
        complete(sim, me, BACKGROUND, done); /* meanwhile something may have come in sight */
    } else {
        collector_doze(sim);
    }
}

/* gcMarkDone: before marking counts as done all Ps are asked, a few times, for what they have found and not told
 * (forEachP), for which those that run a goroutine stop, most of the time. */
static void ask_all_ps(struct sim *sim, struct process *me)
{
    if (sim->p_count == 1)
        return;
    me->now += (uint64_t)sim->config.costs.mark_done;
    process_sync(me);
}

void marking_run(struct sim *sim, struct process *me)
{
    struct marking *m = &sim->marking;
    while (!m->finished && !sim->done) {
        uint32_t idle, workers = background_workers(sim, &idle);
        if (workers && !m->dedicated && me->now < m->others_at) {
            me->now = m->others_at;
            process_sync(me);
        } else if (workers && (m->piece || mark_work_next(&m->work, BACKGROUND))) {
            at_work(sim, workers);
            work_in_background(sim, me, workers, idle);
        } else if (workers && m->holders == 0) { /* who had it has not come to it */
            mark_work_publish(&m->work);
        } else {
            stop_work(sim, me, workers);
        }
    }
    if (!sim->done)
        ask_all_ps(sim, me);
}

static void scan_pieces(struct sim *sim, struct process *me, uint64_t left)
{
    struct work *pieces = &sim->marking.work.pieces;
    while (left) {
        uint64_t part = portion(STEP / byte_ns(sim, pieces), left);
        left -= part;
        me->now += (uint64_t)((double)part * byte_ns(sim, pieces) + 0.5);
        show(sim, me, program(sim), part, left == 0);
    }
}

/* What a P marks itself, in a program's or a worker's name, of what is in sight; *ns is the time that it took. */
static uint64_t drain(struct sim_p *sp, double want, uint64_t *ns)
{
    struct sim *sim = sp->sim;
    struct process *me = &sp->process;
    struct work *kind;
    uint64_t began = me->now, work = take(sim, me, program(sim), want, 1, &kind);
    if (kind == &sim->marking.work.pieces)
        scan_pieces(sim, me, work);
    else
        me->now += (uint64_t)((double)work * byte_ns(sim, kind) + 0.5);
    *ns = me->now - began;
    complete(sim, me, program(sim), work);
    return work;
}

static bool above_share(const struct sim_p *sp, double share)
{
    const struct marking *m = &sp->sim->marking;
    uint64_t now = sp->process.now;
    return now > m->start_ns && (double)sp->fractional_ns > share * (double)(now - m->start_ns);
}

/* Another P has nothing to do but mark. When it next looks, half a step later or after its piece, it sees that a
 * goroutine waits, but works off its own share before it takes it. */
static uint64_t taken_over_at(struct sim_p *sp, uint32_t idle)
{
    struct marking *m = &sp->sim->marking;
    double passed = (double)(sp->process.now - m->start_ns), had = m->idle_fractional_ns / idle;
    double share = m->fractional, left = 1 - EXIT_ABOVE * share;
    double until_it_looks = m->piece ? (double)m->piece * byte_ns(sp->sim, &m->work.pieces)
                                     : DRAIN_CHECK * m->work.shown / 2 * next_byte_ns(sp->sim, BACKGROUND);
    m->idle_is_fractional = had < share * passed;
    if (!m->idle_is_fractional)
        return sp->process.now + (uint64_t)until_it_looks;
    m->idle_work = 0;
    if (left <= 0)
        return UINT64_MAX;
    return sp->process.now + (uint64_t)((EXIT_ABOVE * share * passed - had) / left + until_it_looks);
}

/* It takes the goroutine over and leaves its own marking to this one. The two change places, which is to say that they
 * change what they have done so far. */
static void change_places(struct sim_p *sp, uint32_t idle)
{
    struct marking *m = &sp->sim->marking;
    double others = m->idle_fractional_ns / idle, mine = (double)sp->fractional_ns;
    m->idle_fractional_ns += mine - others;
    sp->fractional_ns = (uint64_t)others;
    m->idle_work = 0;
    m->idle_is_fractional = true;
    m->takers = 1;
    mark_work_swap(&m->work);
    if (mark_work_next(&m->work, BACKGROUND))
        collector_rouse(sp->sim, sp->process.now);
}

/* A P that is to mark wakes one that sleeps (schedule, tryWakeP), which finds the goroutine. What it had to mark that
 * others did not see, the one that marks has now. */
static void wake_for(struct sim_p *sp)
{
    change_places(sp, 1);
    marking_seek(sp->sim, sp->process.now);
}

/* A fractional worker on a P whose goroutine has been preempted. */
static void work_for_a_while(struct sim_p *sp)
{
    struct marking *m = &sp->sim->marking;
    if (m->fractional == 0 || above_share(sp, m->fractional))
        return;
    uint32_t idle = idle_workers(sp->sim);
    if (idle == 0 && sim_idle_ps(sp->sim) > m->dedicated) {
        wake_for(sp);
        return;
    }
    uint64_t taken_at = idle ? taken_over_at(sp, idle) : UINT64_MAX;
    mark_work_roots_first(&m->work);
    while (mark_work_next(&m->work, program(sp->sim)) && !m->finished) {
        uint64_t ns;
        m->credit += (double)drain(sp, DRAIN_CHECK * m->work.shown / (idle ? 2 : 1), &ns);
        m->fractional_ns += (double)ns;
        sp->fractional_ns += ns;
        if (sp->sim->timeline)
            timeline_did(sp->sim->timeline, sp, TIMELINE_FRACTIONAL, sp->process.now - ns);
        if (sp->process.now >= taken_at || above_share(sp, EXIT_ABOVE * m->fractional))
            break;
    }
    if (sp->process.now >= taken_at)
        change_places(sp, idle);
}

/* sysmon looks around so often, and stops whom it finds for the second time (proc.go, retake): a goroutine runs for one
 * to two looks. The setting is the mean of these. */
static uint64_t look_ns(const struct sim *sim)
{
    return sim->config.timeslice_ns / 3 * 2;
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
    next_slice(sp, sp->process.now);
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
    return sp->preempt_at > now ? (double)(sp->preempt_at - now) / next_byte_ns(sp->sim, program(sp->sim)) : 0;
}

/* gcDrainN: of one kind of work after the other, until enough is done or nothing more is to be seen. */
static uint64_t drain_kinds(struct sim_p *sp, double want, uint64_t *ns)
{
    struct marking *m = &sp->sim->marking;
    uint64_t work = 0;
    *ns = 0;
    do {
        double slice = rest_of_slice(sp), left = want - (double)work;
        uint64_t took;
        work += drain(sp, left < slice ? left : slice, &took);
        *ns += took;
    } while ((double)work < want && !m->finished && sp->process.now < sp->preempt_at &&
             mark_work_next(&m->work, program(sp->sim)));
    return work;
}

static void pay_with_work(struct sim_p *sp, double want)
{
    struct sim *sim = sp->sim;
    struct marking *m = &sim->marking;
    uint64_t began = sp->process.now, ns, work = drain_kinds(sp, want, &ns);
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
        if (work > 0 && mark_work_next(&m->work, program(sim)))
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
    collector_rouse(sim, now);
}

/* --- the phase ----------------------------------------------------------------------------------------- */

/* Multiples of an irrational number spread evenly between integers: this cycle's. */
static double spread(const struct sim *sim, double irrational)
{
    double turn = irrational * (double)(sim->collector.cycles + 1);
    return turn - (double)(uint64_t)turn;
}

/* A goroutine is put on its P anew after the world has been stopped, save the one that stopped it, which goes on. Where
 * sysmon's looks lie is anything. */
static void slice_from(const struct sim *sim, struct sim_p *sp, uint64_t now)
{
    sp->preempt_at = now + (uint64_t)((1 + spread(sim, GOLDEN)) * (double)look_ns(sim));
}

/* The starter's goroutine goes on in its slice, or in one that followed, unless it is stopped at once for its stack to
 * be scanned; on one P, where it ends most cycles as well, it may be anywhere in it. Where others wait for another P, one
 * of them takes it. */
static void begin_slices(struct sim *sim, const struct sim_p *starter, uint64_t now)
{
    for (uint32_t i = 0; i < sim->p_count; i++) {
        struct sim_p *sp = sim->ps[i];
        sp->assist_bytes = 0;
        sp->fractional_ns = 0;
        if (sp != starter && sim->sched.on)
            sp->preempt_at = now;
        else if (sp != starter)
            slice_from(sim, sp, now);
        else if (sim->p_count == 1)
            sp->preempt_at = now + (uint64_t)(spread(sim, GOLDEN) * 2 * (double)look_ns(sim));
        else if (sim->marking.stops)
            slice_from(sim, sp, now);
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

/* How a cycle begins is a matter of microseconds. In some the starter's own assist is the first to scan its goroutine's
 * stack, and has the large object that it finds there; a P with nothing else to do, which had to be woken, finds other
 * roots if it is quick (Go 1.26), or none. In others that P has the piece, and looks only after it whether it has done
 * its share, if it was too late for a root; a goroutine that is not assisting just then is stopped (suspendG), and put
 * on its P anew. Execution traces of Go 1.19 and 1.26 on 2 Ps show all three. */
static void begin_race(struct sim *sim, uint64_t now)
{
    /* Parts of all cycles: 0 to 0.6, 0.2 to 0.7, and 0.1 to 0.6, by program. */
    const double starter = 0.3, late = 0.5, stops = 0.35;
    const uint64_t wake_ns = 32000;
    struct marking *m = &sim->marking;
    double turn = spread(sim, 1.4142135623730951);
    m->takers = 1;
    m->late = turn >= 1 - late;
    m->stops = turn >= 1 - stops && sim->p_count > 1 && !m->dedicated;
    m->others_at = now;
    m->idle_is_fractional = m->fractional > 0;
    if (turn >= starter)
        return;
    mark_work_keep_pieces(&m->work, program(sim), !sim->config.mark_wakes_idle);
    m->others_at += wake_ns;
    m->asleep = !sim->config.mark_wakes_idle;
    m->idle_ps = idle_workers(sim);
    m->idle_is_fractional = false;
}

void marking_begin(struct sim *sim, const struct goheap_marked *marked, uint64_t now)
{
    struct marking *m = &sim->marking;
    *m = (struct marking){.on = true, .start_ns = now};
    const struct collector *c = &sim->collector;
    m->heap_scan_most = c->pacer.last_heap_scan + c->scan_seen - c->scan_counted; /* heapScan */
    plan_workers(m, sim->config.mark_share, sim->p_count);
    mark_work_plan(&m->work, sim, marked, m->dedicated == 0); /* with dedicated workers nobody has measured it */
    m->heap_scan = m->work.heap;
    begin_race(sim, now);
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
