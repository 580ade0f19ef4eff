/* The queue of streams, and what a P does that is done with one. */
#include "model/sched.h"

#include "model/sim.h"

#include <stdlib.h>

enum { LEAST_ROOM = 8 }; /* events, of a stream's ring: there may be many streams */

/* --- the queue ----------------------------------------------------------------------------------------- */

/* The queue holds a copy of the time, so that a comparison reads no stream unless times are equal. */
static bool place_before(struct sched_place a, struct sched_place b)
{
    return a.ready_at != b.ready_at ? a.ready_at < b.ready_at : a.stream->number < b.stream->number;
}

static struct stream *first_of(const struct sched *q)
{
    return q->queued ? q->queue[0].stream : NULL;
}

static void put(struct sched *q, struct stream *s)
{
    struct sched_place place = {s->ready_at, s};
    uint32_t at = q->queued++;
    for (; at > 0 && place_before(place, q->queue[(at - 1) / 2]); at = (at - 1) / 2)
        q->queue[at] = q->queue[(at - 1) / 2];
    q->queue[at] = place;
}

static struct stream *take_first(struct sched *q)
{
    struct stream *first = first_of(q);
    struct sched_place last = q->queue[--q->queued];
    uint32_t at = 0;
    for (uint32_t child; (child = 2 * at + 1) < q->queued; at = child) {
        if (child + 1 < q->queued)
            child += place_before(q->queue[child + 1], q->queue[child]);
        if (!place_before(q->queue[child], last))
            break;
        q->queue[at] = q->queue[child];
    }
    q->queue[at] = last;
    return first;
}

/* --- streams come into being --------------------------------------------------------------------------- */

static bool make_stream_room(struct sched *q)
{
    if (q->stream_count < q->stream_room)
        return true;
    uint64_t room = q->stream_room ? q->stream_room * UINT64_C(2) : 64;
    if (room > UINT32_MAX)
        return false;
    struct stream **streams = realloc(q->streams, room * sizeof(struct stream *));
    if (streams)
        q->streams = streams;
    struct sched_place *queue = realloc(q->queue, room * sizeof *queue);
    if (queue)
        q->queue = queue;
    if (!streams || !queue)
        return false;
    q->stream_room = (uint32_t)room;
    return true;
}

static struct stream *new_stream(struct sim *sim)
{
    struct sched *q = &sim->sched;
    struct stream *s = make_stream_room(q) ? calloc(1, sizeof *s) : NULL;
    if (!s) {
        sim_fail(sim, "out of memory for stream %u", q->stream_count);
        return NULL;
    }
    s->number = q->stream_count;
    q->streams[q->stream_count++] = s;
    return s;
}

/* When its next event may happen, by the pacing. */
static void set_time(const struct sim *sim, struct stream *s, uint64_t now)
{
    const struct trace_event *event = &s->ring.events[s->ring.first];
    uint64_t time = now;
    if (sim->pacing == PACING_RECORDED)
        time = event->time_ns;
    else if (sim->pacing == PACING_THINK)
        time = s->ready_at + (event->time_ns > s->last_time ? event->time_ns - s->last_time : 0);
    s->last_time = event->time_ns;
    s->ready_at = time < now ? now : time;
}

/* The event in hand goes back to the others, of which it is the first. */
static bool put_back(struct sim_p *sp, struct stream *s)
{
    if (!event_ring_make_room(&s->ring, 1, LEAST_ROOM))
        return sim_fail(sp->sim, "out of memory");
    event_ring_unread(&s->ring, &sp->event);
    sp->sim->buffered++;
    return true;
}

/* A P's queue becomes a stream, which the P begins with: in the midst of an event, or between two. */
static bool go_over(struct sim_p *sp, struct stream *s, uint64_t now)
{
    struct sim *sim = sp->sim;
    struct process *me = &sp->process;
    s->ring = sp->ring;
    sp->ring = (struct event_ring){0};
    s->last_time = sp->last_time;
    s->ready_at = me->now;
    sp->ran_last = s->number;
    sp->preempt_at = now + sim->config.timeslice_ns;
    sp->preempted = false;
    if (sp->starving)
        return true;
    sp->stream = s;
    s->held = true;
    if (sp->in_hand) {
        if (!put_back(sp, s))
            return false;
    } else if (s->ring.count) {
        set_time(sim, s, me->now);
    }
    if (sp->waits) { /* it looks again whether there is something to do now */
        sp->waits = sp->in_hand = false;
        process_hasten(me, now);
    }
    return true;
}

static bool begin(struct sim *sim, uint64_t now)
{
    sim->sched.on = true;
    if (!idle_ps_init(&sim->sched.idle, sim->p_count))
        return sim_fail(sim, "out of memory");
    for (uint32_t i = 0; i < sim->p_count; i++) {
        struct stream *s = new_stream(sim);
        if (!s || !go_over(sim->ps[i], s, now))
            return false;
    }
    feed_all(sim, now);
    return true;
}

void sched_destroy(struct sim *sim)
{
    struct sched *q = &sim->sched;
    for (uint32_t i = 0; i < q->stream_count; i++) {
        event_ring_free(&q->streams[i]->ring);
        free(q->streams[i]);
    }
    free(q->streams);
    free(q->queue);
    idle_ps_destroy(&q->idle);
}

/* --- into the queue ------------------------------------------------------------------------------------ */

/* It can go on, at ready_at: on a P with nothing to do that waits for none, or for one that comes later. */
static void queue_up(struct sim *sim, struct stream *s)
{
    struct sched *q = &sim->sched;
    struct sim_p *sp = idle_ps_first(&q->idle);
    struct stream *instead = sp ? sp->stream : NULL;
    if (!sp || (instead && !stream_before(s, instead))) {
        put(q, s);
        return;
    }
    sp->stream = s;
    s->held = true;
    idle_ps_replaced(&q->idle);
    if (instead) {
        instead->held = false;
        put(q, instead);
        process_hasten(&sp->process, s->ready_at);
    } else {
        process_wake(&sp->process, s->ready_at);
    }
}

bool sched_feed(struct sim *sim, uint32_t number, const struct trace_event *event, uint64_t now)
{
    struct sched *q = &sim->sched;
    if (!q->on && !begin(sim, now))
        return false;
    while (number >= q->stream_count)
        if (!new_stream(sim))
            return false;
    struct stream *s = q->streams[number];
    if (!event_ring_make_room(&s->ring, 1, LEAST_ROOM))
        return sim_fail(sim, "out of memory");
    event_ring_push(&s->ring, event);
    if (s->ring.count > 1)
        return true;
    set_time(sim, s, now);
    if (!s->held)
        queue_up(sim, s);
    return true;
}

static void go_on(struct sim *sim, struct stream *s, uint64_t now)
{
    s->ready_at = now;
    queue_up(sim, s);
}

void sched_wake(struct sim *sim, struct waiters *waiters, uint64_t now)
{
    struct stream *s = waiters->streams;
    waiters->streams = NULL;
    for (struct stream *next; s; s = next) {
        next = s->next;
        go_on(sim, s, now);
    }
}

void sched_wake_for(struct sim *sim, struct waiters *waiters, uint32_t slot, uint64_t now)
{
    struct stream **at = &waiters->streams;
    while (*at) {
        struct stream *s = *at;
        if (s->awaits == slot) {
            *at = s->next;
            go_on(sim, s, now);
        } else {
            at = &s->next;
        }
    }
}

/* --- a P and its stream -------------------------------------------------------------------------------- */

/* What a goroutine may allocate before it has to assist is its own, while marking lasts. */
static void save_credit(const struct sim_p *sp)
{
    const struct sim *sim = sp->sim;
    sp->stream->assist_bytes = sim->marking.on ? sp->assist_bytes : 0;
    sp->stream->assist_cycles = sim->collector.cycles;
}

static void load_credit(struct sim_p *sp)
{
    const struct stream *s = sp->stream;
    sp->assist_bytes = s->assist_cycles == sp->sim->collector.cycles ? s->assist_bytes : 0;
}

static void put_down(struct sim_p *sp)
{
    sp->stream->held = false;
    sp->stream = NULL;
}

/* It runs the stream from now on. */
static void take_up(struct sim_p *sp)
{
    struct sim *sim = sp->sim;
    struct process *me = &sp->process;
    struct stream *s = sp->stream;
    histogram_add(&sim->sched.latency, me->now - s->ready_at);
    if (s->number != sp->ran_last) {
        sim->sched.switches++;
        sp->ran_last = s->number;
        me->now += (uint64_t)(sim->config.costs.goroutine_switch * sim->tax + 0.5);
    }
    s->ready_at = me->now;
    load_credit(sp);
    sp->preempt_at = me->now + sim->config.timeslice_ns;
    sp->preempted = false;
}

void sched_leave(struct sim_p *sp, struct waiters *waiters)
{
    struct stream *s = sp->stream;
    save_credit(sp);
    put_down(sp);
    s->next = waiters->streams;
    waiters->streams = s;
    sp->sim->events--; /* it has not happened yet */
}

/* The event that it took last has happened. */
static void complete(struct sim_p *sp)
{
    struct sim *sim = sp->sim;
    struct stream *s = sp->stream;
    uint64_t now = sp->process.now;
    event_ring_pop(&s->ring);
    sim->buffered--;
    s->ready_at = now;
    if (s->ring.count)
        set_time(sim, s, now);
    else
        event_ring_free(&s->ring);
}

static bool goes_on(const struct sim_p *sp)
{
    const struct stream *s = sp->stream;
    uint64_t now = sp->process.now;
    return s && s->ring.count && s->ready_at <= now && now < sp->preempt_at && !sp->preempted;
}

/* The stream that comes next; it may be the P's own again, or none. */
static void choose(struct sim_p *sp)
{
    struct sched *q = &sp->sim->sched;
    uint64_t now = sp->process.now;
    if (sp->stream && sp->stream->ring.count == 0)
        put_down(sp);
    struct stream *own = sp->stream, *next = first_of(q);
    bool over = own && own->ready_at <= now;
    if (over)
        own->ready_at = now; /* goschedImpl: behind those that wait already */
    if (own && (!next || stream_before(own, next)))
        return;
    if (own) {
        put_down(sp);
        q->preemptions += over;
    }
    if (!next)
        return;
    sp->stream = take_first(q);
    sp->stream->held = true;
    if (own)
        queue_up(sp->sim, own);
}

/* Nothing to run before the time of its stream, or without one, before it is given one. */
static void be_idle(struct sim_p *sp)
{
    struct process *me = &sp->process;
    struct idle_ps *idle = &sp->sim->sched.idle;
    sweeper_idle(sp);
    idle_ps_add(idle, sp);
    if (sp->stream) {
        me->now = sp->stream->ready_at;
        process_sync(me);
    } else {
        process_park(me);
    }
    if (sp->idle_place)
        idle_ps_remove(idle, sp);
    sweeper_busy(sp);
}

static bool all_is_done(const struct sim *sim)
{
    return sim->failed || (sim->source_ended && sim->buffered == 0);
}

/* findRunnable: a stream that can go on, unless the P has been woken for nothing. False if nothing is left to run. */
static bool find_work(struct sim_p *sp)
{
    struct process *me = &sp->process;
    process_sync(me);
    if (sp->stream)
        save_credit(sp);
    choose(sp);
    if (all_is_done(sp->sim))
        return false;
    if (!sp->stream || sp->stream->ready_at > me->now)
        be_idle(sp);
    if (sp->stream)
        take_up(sp);
    return true;
}

bool sched_next(struct sim_p *sp, struct trace_event *event)
{
    if (sp->idle)
        sweeper_busy(sp);
    if (sp->stream && sp->in_hand)
        complete(sp);
    if (sp->process.now < sp->not_before)
        sim_p_make_up(sp);
    if (feed_is_low(sp->sim) && !feed_fill(sp->sim, sp->process.now))
        return false;
    if (!goes_on(sp))
        do { /* whatever is taken up is run for an event at least */
            if (!find_work(sp))
                return false;
        } while (!sp->stream);
    const struct event_ring *ring = &sp->stream->ring;
    *event = ring->events[ring->first];
    sp->last_time = event->time_ns; /* it has its time */
    return true;
}

void sched_end(struct sim *sim, uint64_t now)
{
    struct idle_ps *idle = &sim->sched.idle;
    for (struct sim_p *sp; (sp = idle_ps_first(idle)) && !sp->stream;) {
        idle_ps_remove(idle, sp);
        process_wake(&sp->process, now);
    }
}
