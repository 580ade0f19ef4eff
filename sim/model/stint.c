/* A worker, from when it finds something to mark until it looks what else its P has to do (gcBgMarkWorker).
 *
 * Follows runtime/mgcmark.go (gcDrain, pollFractionalWorkerExit) and mgcpacer.go (findRunnableGCWorker).
 */
#include "model/marking.h"

enum {
    DRAIN_CHECK = 100000 /* drainCheckThreshold */
};

/* Times its share a fractional worker does before it gives its P back: pollFractionalWorkerExit. */
#define EXIT_ABOVE 1.2

/* In this cycle it has not been a fractional worker for more than that share of the time. */
static bool is_behind(const struct marking *m, const struct stint *s, double share, uint64_t now)
{
    return s->fractional_ns <= share * (double)(now - m->start_ns);
}

/* Before a P runs anything else it is a fractional worker, if it has not done its share yet (findRunnableGCWorker). */
bool stint_is_fractional(const struct marking *m, const struct stint *s, uint64_t now)
{
    return m->fractional > 0 && is_behind(m, s, m->fractional, now);
}

bool stint_is_due(struct marking *m, const struct stint *s, uint64_t now)
{
    return stint_is_fractional(m, s, now) && mark_work_in_sight(&m->work);
}

void stint_begin(struct marking *m, struct stint *s, uint64_t now)
{
    s->on = true;
    s->fractional = stint_is_fractional(m, s, now);
    s->unchecked = 0;
    marking_begin_work(m);
}

/* What it is at before it is looked at again: so much of it. */
uint64_t stint_take(struct sim *sim, struct process *me, struct stint *s, enum marker who, uint32_t workers,
                    struct work **kind)
{
    struct work *pieces = &sim->marking.work.pieces;
    *kind = pieces;
    double step = MARKING_STEP / marking_next_byte_ns(sim, who, ROOTS_FIRST) * workers;
    if (!s->piece) {
        uint64_t work = marking_take(sim, me, who, ROOTS_FIRST, step, workers, kind);
        if (*kind != pieces)
            return work;
        s->piece = work;
    }
    uint64_t part = portion(MARKING_STEP / marking_byte_ns(sim, pieces) * workers, s->piece);
    s->piece -= part;
    return part;
}

/* What that was worth. A piece counts when it is done (gcDrain flushes its credit after each object). */
void stint_did(struct sim *sim, struct process *me, struct stint *s, enum marker who, uint64_t work,
               const struct work *kind)
{
    struct marking *m = &sim->marking;
    if (kind == &m->work.pieces) {
        s->found |= mark_work_scanned(&m->work, who, work, s->piece == 0);
        s->piece_done += work;
        if (s->piece)
            return;
        if (s->found)
            marking_show(sim, me->now);
        work = s->piece_done;
        s->piece_done = 0;
        s->found = false;
    } else if (mark_work_is_root(&m->work, kind)) {
        if (mark_work_did_root(&m->work, who, kind))
            marking_show(sim, me->now);
        s->unchecked += DRAIN_CHECK;
    }
    s->unchecked += (double)work;
    marking_credit(sim, work, me->now);
}

/* A worker looks after each root, and now and then: a fractional one whether it has done its share, and somewhat more
 * (pollFractionalWorkerExit), an idle one whether there is a goroutine to run (pollWork). */
bool stint_is_over(struct marking *m, struct stint *s, bool wanted, uint64_t now)
{
    if (s->piece || s->unchecked < DRAIN_CHECK * m->work.shown)
        return false;
    s->unchecked = 0;
    return s->fractional ? !is_behind(m, s, EXIT_ABOVE * m->fractional, now) : wanted;
}

/* A single P is the background's and the program's. */
static struct stint *same_p(struct sim *sim, const struct stint *s)
{
    struct stint *background = &sim->marking.stint;
    if (sim->p_count > 1)
        return NULL;
    return s == background ? &sim->ps[0]->stint : background;
}

void stint_spent(struct sim *sim, struct stint *s, double ns)
{
    struct stint *same = same_p(sim, s);
    if (!s->fractional)
        return;
    s->fractional_ns += ns;
    if (same)
        same->fractional_ns = s->fractional_ns;
}

void stint_swap(struct marking *m, struct sim_p *sp)
{
    struct stint mine = sp->stint;
    sp->stint = m->stint;
    m->stint = mine;
}
