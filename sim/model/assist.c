/* Assists: a goroutine that allocates in debt while marking lasts pays with credit of the workers', then with work.
 *
 * Follows runtime/mgcmark.go (gcAssistAlloc, gcDrainN, gcParkAssist).
 */
#include "model/marking.h"

enum {
    OVER_ASSIST = 64 << 10,   /* gcOverAssistWork */
    ASSIST_TIME_SLACK = 5000, /* gcAssistTimeSlack, ns */
    FIRST_ASSIST = 18000      /* ns until a cycle's first comes to roots: 15 to 35, half in small heaps */
};

#define ROOT_3 1.7320508075688772

/* Whoever sleeps is woken for what lies behind a piece once all of that has been scanned, as after a root. */
static void scan_piece(struct sim_p *sp, uint64_t bytes)
{
    struct sim *sim = sp->sim;
    struct process *me = &sp->process;
    struct work *pieces = &sim->marking.work.pieces;
    uint64_t *left = &sp->stint.piece;
    bool in_sight = false;
    *left = bytes;
    while (*left) {
        uint64_t part = portion(MARKING_STEP / marking_byte_ns(sim, pieces), *left);
        *left -= part;
        me->now += (uint64_t)((double)part * marking_byte_ns(sim, pieces) + 0.5);
        process_sync(me);
        in_sight |= mark_work_scanned(&sim->marking.work, marking_program(sim), part, *left == 0);
    }
    if (in_sight)
        marking_show(sim, me->now);
}

/* What an assist marks of one kind of work. */
static uint64_t drain(struct sim_p *sp, double want)
{
    struct sim *sim = sp->sim;
    struct process *me = &sp->process;
    struct work *kind;
    uint64_t work = marking_take(sim, me, marking_program(sim), ROOTS_LAST, want, 1, &kind);
    if (kind == &sim->marking.work.pieces) {
        scan_piece(sp, work);
    } else {
        me->now += (uint64_t)((double)work * marking_byte_ns(sim, kind) + 0.5);
        process_sync(me);
    }
    if (mark_work_did_root(&sim->marking.work, marking_program(sim), kind))
        marking_show(sim, me->now);
    sim->marking.done += (double)work;
    return work;
}

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
    enum marker who = marking_program(sp->sim);
    return sp->preempt_at > now ? (double)(sp->preempt_at - now) / marking_next_byte_ns(sp->sim, who, ROOTS_LAST) : 0;
}

/* A cycle's first assist gets memory for buffers, and marks what it finds in those of the program's write barrier: of
 * the runtime's own, what a P points to. In logs of Go 1.26 this is nearly all of that, 45 KB, or only 10, in turns of
 * some ten cycles to whole runs; with Go 1.19 6. */
static uint64_t assist_first(struct sim_p *sp)
{
    const double all = 0.55; /* of the cycles, with Go 1.26 */
    struct sim *sim = sp->sim;
    struct mark_work *work = &sim->marking.work;
    double part = !work->hidden_spans ? 0.1 : marking_spread(sim, ROOT_3) < all ? 1 : 0.2;
    uint64_t marked = mark_work_shaded_first(work, part);
    sp->process.now += (uint64_t)(FIRST_ASSIST * work->cold * (0.6 + 0.8 * part));
    process_sync(&sp->process);
    sim->marking.done += (double)marked;
    return marked;
}

/* gcDrainN: of one kind of work after the other, until enough is done or nothing more is to be seen. */
static uint64_t drain_kinds(struct sim_p *sp, double want)
{
    uint64_t work = sp->sim->marking.assist_ns > 0 ? 0 : assist_first(sp);
    while ((double)work < want && marking_sees(sp->sim, marking_program(sp->sim), ROOTS_LAST)) {
        double slice = rest_of_slice(sp), left = want - (double)work;
        work += drain(sp, left < slice ? left : slice);
        if (sp->process.now >= sp->preempt_at)
            break;
    }
    return work;
}

static void pay_with_work(struct sim_p *sp, double want)
{
    struct sim *sim = sp->sim;
    struct marking *m = &sim->marking;
    uint64_t began = sp->process.now;
    sp->assists = true;
    marking_begin_work(m);
    uint64_t work = drain_kinds(sp, want), ns = sp->process.now - began;
    sp->assists = false;
    if (marking_end_work(m))
        marking_answer(sim, sp->process.now);
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
    if (marking_on_own_ps(sp->sim)) {
        own_worker_earn(sp);
        return true;
    }
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
        if (work > 0 && marking_sees(sim, marking_program(sim), ROOTS_LAST))
            pay_with_work(sp, work);
        else if (work > 0 && !m->finished && !park(sp, came))
            return false;
        if (sp->process.now >= sp->preempt_at)
            own_worker_preempt(sp);
    }
    return true;
}

static bool pay(struct sim_p *sp, uint64_t bytes, uint64_t came)
{
    struct sim *sim = sp->sim;
    if (sp->process.now >= sp->preempt_at)
        own_worker_preempt(sp);
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
