/* Tracks of slices: what is under way on each, and what interrupts it.
 *
 * A P's track is a state that began at `since`; everything before has been told. An idle P's state can be
 * interrupted by others, whose clocks may be ahead of the moment at which the P wakes: their last piece is kept
 * back, and cut when it does.
 */
#include "model/timeline.h"

#include "model/sim.h"

#include <stdlib.h>

/* What somebody else did on an idle P's time. */
struct piece {
    bool there;
    struct timeline_slice slice;
};

struct track {
    enum timeline_what state;
    uint64_t since;
    bool resting;       /* state is running, but it has nothing to do since: idle, if that lasts */
    uint64_t rest_from;
    struct piece piece;
    uint64_t idle_ns, sweep_ns; /* of the running slice under way */
    enum timeline_what debt;    /* what was done on its behalf */
};

/* The sweeper or the scavenger at work. */
struct borrower {
    const struct sim_p *sp; /* NULL: on no P */
    uint64_t since;         /* all until then has been told */
};

struct timeline {
    const struct sim *sim;
    struct timeline_sink sink;
    struct track *ps;
    struct timeline_slice *workers; /* as many as Ps; from == to: none under way */
    uint32_t count, room;
    struct borrower sweeper, scavenger;
};

struct timeline *timeline_new(const struct sim *sim, const struct timeline_sink *sink)
{
    struct timeline *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->sim = sim;
    t->sink = *sink;
    return t;
}

void timeline_free(struct timeline *t)
{
    if (!t)
        return;
    free(t->ps);
    free(t->workers);
    free(t);
}

static bool make_room(struct timeline *t)
{
    if (t->count < t->room)
        return true;
    uint32_t room = t->room ? t->room * 2 : 16;
    struct track *ps = realloc(t->ps, room * sizeof *ps);
    if (ps)
        t->ps = ps;
    struct timeline_slice *workers = realloc(t->workers, room * sizeof *workers);
    if (workers)
        t->workers = workers;
    if (!ps || !workers)
        return false;
    t->room = room;
    return true;
}

bool timeline_p(struct timeline *t, uint64_t start)
{
    if (!make_room(t))
        return false;
    t->workers[t->count] = (struct timeline_slice){.from = 0};
    t->ps[t->count++] = (struct track){.state = TIMELINE_RUNS, .since = start, .debt = TIMELINE_FLUSHES};
    return true;
}

static struct track *track_of(struct timeline *t, const struct sim_p *sp)
{
    return &t->ps[sp->process.id];
}

/* --- telling ------------------------------------------------------------------------------------------- */

static void tell(struct timeline *t, struct track *track, const struct timeline_slice *slice)
{
    t->sink.slice(t->sink.context, TIMELINE_P, (uint32_t)(track - t->ps), slice);
    track->since = slice->to;
}

/* The state under way was so until then. */
static void tell_state(struct timeline *t, struct track *track, uint64_t to)
{
    if (to <= track->since)
        return;
    struct timeline_slice slice = {.what = track->state, .from = track->since, .to = to};
    if (track->state == TIMELINE_RUNS) {
        slice.idle_ns = track->idle_ns;
        slice.sweep_ns = track->sweep_ns;
        track->idle_ns = track->sweep_ns = 0;
    }
    tell(t, track, &slice);
}

/* It idles for long enough to be told. */
static void settle(struct timeline *t, struct track *track)
{
    if (!track->resting)
        return;
    tell_state(t, track, track->rest_from);
    track->resting = false;
    track->state = TIMELINE_IDLE;
}

/* The piece that was kept back, or what of it lies before the limit. Waits are never cut: a P that wakes while its
 * time is lent waits for its return. */
static void tell_piece(struct timeline *t, struct track *track, uint64_t limit)
{
    struct timeline_slice *slice = &track->piece.slice;
    if (!track->piece.there)
        return;
    track->piece.there = false;
    if (slice->what != TIMELINE_WAITS && slice->to > limit)
        slice->to = limit;
    if (slice->from >= slice->to && slice->what != TIMELINE_WAITS)
        return;
    tell_state(t, track, slice->from);
    tell(t, track, slice);
}

/* All until then. */
static void catch_up(struct timeline *t, struct track *track, uint64_t now)
{
    tell_piece(t, track, now);
    tell_state(t, track, now);
}

/* --- of a P's own -------------------------------------------------------------------------------------- */

enum timeline_what timeline_enter(struct timeline *t, const struct sim_p *sp, enum timeline_what what)
{
    struct track *track = track_of(t, sp);
    enum timeline_what was = track->state;
    if (what == was)
        return was;
    catch_up(t, track, sp->process.now);
    track->state = what;
    return was;
}

/* A slice that interrupts the state under way. */
static void interrupt(struct timeline *t, struct track *track, struct timeline_slice slice)
{
    catch_up(t, track, slice.from);
    if (slice.from < track->since)
        slice.from = track->since;
    if (slice.from < slice.to || (slice.what == TIMELINE_WAITS && slice.from == slice.to))
        tell(t, track, &slice);
}

void timeline_did(struct timeline *t, const struct sim_p *sp, enum timeline_what what, uint64_t from)
{
    interrupt(t, track_of(t, sp), (struct timeline_slice){.what = what, .from = from, .to = sp->process.now});
}

void timeline_rest(struct timeline *t, const struct sim_p *sp)
{
    struct track *track = track_of(t, sp);
    track->resting = true;
    track->rest_from = sp->process.now;
}

void timeline_resume(struct timeline *t, const struct sim_p *sp)
{
    struct track *track = track_of(t, sp);
    uint64_t now = sp->process.now;
    if (track->resting && now - track->rest_from < TIMELINE_REST_NS) {
        track->resting = false;
        track->idle_ns += now - track->rest_from;
        return;
    }
    settle(t, track);
    catch_up(t, track, now);
    track->state = TIMELINE_RUNS;
}

void timeline_swept(struct timeline *t, const struct sim_p *sp, uint64_t ns)
{
    struct track *track = track_of(t, sp);
    if (track->state == TIMELINE_RUNS && !track->resting)
        track->sweep_ns += ns;
}

void timeline_makes_up(struct timeline *t, const struct sim_p *sp, uint64_t until)
{
    struct track *track = track_of(t, sp);
    interrupt(t, track, (struct timeline_slice){.what = track->debt, .from = sp->process.now, .to = until});
    track->debt = TIMELINE_FLUSHES;
}

void timeline_owes(struct timeline *t, const struct sim_p *sp)
{
    track_of(t, sp)->debt = TIMELINE_SCAVENGES;
}

void timeline_stopped(struct timeline *t, const struct process *process, uint64_t from)
{
    if (process->id < t->count)
        interrupt(t, &t->ps[process->id],
                  (struct timeline_slice){.what = TIMELINE_STOPPED, .from = from, .to = process->now});
}

/* --- on an idle P's time ------------------------------------------------------------------------------- */

/* False if it is a wait and what the P did then has been told already. */
static bool lend(struct timeline *t, struct track *track, struct timeline_slice slice)
{
    struct timeline_slice *last = &track->piece.slice;
    bool wait = slice.what == TIMELINE_WAITS;
    settle(t, track);
    if (track->piece.there && !wait && last->what == slice.what && last->from <= slice.from && slice.from <= last->to) {
        last->to = slice.to > last->to ? slice.to : last->to;
        return true;
    }
    tell_piece(t, track, slice.from);
    if (slice.from < track->since) {
        if (wait)
            return false;
        slice.from = track->since;
    }
    if (wait || slice.from < slice.to)
        track->piece = (struct piece){true, slice};
    return true;
}

static void tell_apart(struct timeline *t, enum timeline_track track, const struct timeline_slice *slice)
{
    t->sink.slice(t->sink.context, track, 0, slice);
}

static bool is_sweeper(const struct timeline *t, const struct process *process)
{
    return process == &t->sim->collector.sweeper;
}

static struct borrower *borrower_of(struct timeline *t, const struct process *process)
{
    return is_sweeper(t, process) ? &t->sweeper : &t->scavenger;
}

/* The work of a borrower since it was last told. */
static void tell_work(struct timeline *t, const struct process *process, uint64_t to)
{
    struct borrower *b = borrower_of(t, process);
    bool sweeps = is_sweeper(t, process);
    struct timeline_slice slice = {.what = sweeps ? TIMELINE_SWEEPS : TIMELINE_SCAVENGES, .from = b->since, .to = to};
    if (b->sp)
        lend(t, track_of(t, b->sp), slice);
    else if (slice.from < slice.to)
        tell_apart(t, sweeps ? TIMELINE_SWEEPER : TIMELINE_SCAVENGER, &slice);
    b->since = to;
}

void timeline_borrow(struct timeline *t, const struct process *process, const struct sim_p *sp)
{
    *borrower_of(t, process) = (struct borrower){sp, process->now};
}

void timeline_give_back(struct timeline *t, const struct process *process)
{
    tell_work(t, process, process->now);
}

/* --- waits --------------------------------------------------------------------------------------------- */

static void borrower_waited(struct timeline *t, const struct process *process, const struct timeline_slice *slice)
{
    struct borrower *b = borrower_of(t, process);
    tell_work(t, process, slice->from);
    if (!b->sp || !lend(t, track_of(t, b->sp), *slice))
        tell_apart(t, is_sweeper(t, process) ? TIMELINE_SWEEPER : TIMELINE_SCAVENGER, slice);
    b->since = slice->to;
}

void timeline_waited(struct timeline *t, const struct named_lock *lock, const struct process *process, uint64_t since)
{
    struct timeline_slice slice = {
        .what = TIMELINE_WAITS, .from = since, .to = process->now, .lock = lock, .holder = lock->last_holder};
    if (process->id < t->count)
        interrupt(t, &t->ps[process->id], slice);
    else if (process == &t->sim->collector.process)
        tell_apart(t, TIMELINE_COLLECTOR, &slice);
    else
        borrower_waited(t, process, &slice);
}

/* --- marking in the background ------------------------------------------------------------------------- */

static void end_worker(struct timeline *t, uint32_t number)
{
    struct timeline_slice *worker = &t->workers[number];
    if (worker->from < worker->to)
        t->sink.slice(t->sink.context, TIMELINE_WORKER, number, worker);
    worker->from = worker->to;
}

static void worker_marked(struct timeline *t, uint32_t number, struct timeline_slice slice)
{
    struct timeline_slice *worker = &t->workers[number];
    if (worker->from < worker->to && worker->what == slice.what && worker->to == slice.from) {
        worker->to = slice.to;
        return;
    }
    end_worker(t, number);
    *worker = slice;
}

void timeline_lend_idle(struct timeline *t, uint64_t from, uint64_t to)
{
    for (uint32_t i = 0; i < t->sim->p_count; i++) {
        const struct sim_p *sp = t->sim->ps[i];
        if ((sp->idle && !sp->lent) || (sp->blocked && !sp->naps))
            lend(t, &t->ps[i], (struct timeline_slice){.what = TIMELINE_LENDS, .from = from, .to = to});
    }
}

void timeline_marked(struct timeline *t, uint64_t from, uint64_t to, uint32_t workers, uint32_t idle,
                     enum timeline_what what)
{
    for (uint32_t i = 0; i < workers; i++)
        worker_marked(t, i, (struct timeline_slice){
                                .what = i < workers - idle ? TIMELINE_DEDICATED : what, .from = from, .to = to});
}

/* --- all else ------------------------------------------------------------------------------------------ */

void timeline_sample(struct timeline *t, const struct sample *sample)
{
    t->sink.sample(t->sink.context, sample);
}

void timeline_cycle(struct timeline *t, const struct cycle_record *record)
{
    for (uint32_t i = 0; i < t->count; i++)
        end_worker(t, i);
    t->sink.cycle(t->sink.context, record);
}

void timeline_end(struct timeline *t, uint64_t end_ns)
{
    for (uint32_t i = 0; i < t->count; i++) {
        settle(t, &t->ps[i]);
        catch_up(t, &t->ps[i], end_ns);
        end_worker(t, i);
    }
}
