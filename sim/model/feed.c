/* From one trace in file order to a queue of events a P, or where streams outnumber the Ps, a stream.
 *
 *     source --batches--> [window: all queues together]  P 0: e1 e4 e5   P 1: e2 e3 ...
 *
 * A stream of the trace (a recorded P or thread, or a goroutine) has the P of its number. Whichever P
 * runs out reads on, until the window is full; then it waits for the others to use theirs up, or to read on and come
 * upon an event for it. The earliest event not executed yet is always in a queue and waits for nobody, so somebody can
 * always go on.
 *
 * From the first stream on for which there is no P, queues are the streams' (sched.h), and the window is kept full; or
 * where streams are dealt out, it has the P of its number mod Ps.
 */
#include "base/pages.h"
#include "model/address_log.h"
#include "model/sim.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH = 256, MAX_PS = 4096 };

/* A P that has nothing to do until others have used up some of the window, or come upon events of its own. */
static void starve(struct sim_p *sp)
{
    sweeper_idle(sp);
    sp->starving = true;
    sp->sim->starving++;
    process_park(&sp->process);
    sweeper_busy(sp);
}

static void feed_one(struct sim_p *sp, uint64_t now)
{
    if (!sp->starving)
        return;
    sp->starving = false;
    sp->sim->starving--;
    process_wake(&sp->process, now);
}

void feed_all(struct sim *sim, uint64_t now)
{
    for (uint32_t i = 0; i < sim->p_count && sim->starving; i++)
        feed_one(sim->ps[i], now);
}

/* Room for n more events; what is queued stays in order. */
static bool make_queue_room(struct sim_p *sp, uint32_t n)
{
    if (sp->ring.count + n <= sp->ring.room)
        return true;
    return event_ring_make_room(&sp->ring, n, 2 * BATCH) || sim_fail(sp->sim, "out of memory");
}

static bool push_event(struct sim_p *sp, const struct trace_event *event)
{
    if (!make_queue_room(sp, 1))
        return false;
    event_ring_push(&sp->ring, event);
    return true;
}

/* Objects are indexed by slot; the reader hands out slots densely. */
static bool make_object_room(struct sim *sim, uint32_t slot)
{
    uint64_t room = sim->object_room ? sim->object_room : 4096;
    while (room <= slot)
        room *= 2;
    struct object *objects = pages_alloc(room * sizeof *objects);
    if (!objects)
        return sim_fail(sim, "out of memory for %llu open lifetimes", (unsigned long long)room);
    if (sim->objects) {
        memcpy(objects, sim->objects, sim->object_room * sizeof *objects);
        pages_free(sim->objects, sim->object_room * sizeof *objects);
    }
    sim->objects = objects;
    sim->object_room = room;
    return true;
}

/* Whether streams that outnumber the Ps take turns. Those dealt out to a single P keep the trace's order, which is all
 * that is known of how recorded threads alternated; goroutines are there to be scheduled. */
static bool have_turns(const struct sim_config *config)
{
    if (config->scheduler == SCHEDULER_AUTO)
        return config->ps > 1 || config->stream_by == TRACE_STREAM_BY_G;
    return config->scheduler == SCHEDULER_QUEUE;
}

/* A stream that no P is there for, nor will be. */
static inline bool is_too_many(const struct sim *sim, uint32_t stream)
{
    return stream >= sim->p_count && sim->config.ps && have_turns(&sim->config);
}

static struct sim_p *p_of_stream(struct sim *sim, uint32_t stream, uint64_t now)
{
    if (stream < sim->p_count)
        return sim->ps[stream];
    if (sim->config.ps)
        return sim->ps[stream % sim->p_count];
    if (stream >= MAX_PS) {
        sim_fail(sim, "%s: more than %d streams, give their Ps a number with -P", sim->source->name, MAX_PS);
        return NULL;
    }
    while (sim->p_count <= stream)
        if (!sim_p_new(sim, now))
            return NULL;
    return sim->ps[stream];
}

static void decide_pacing(struct sim *sim)
{
    sim->pacing = !sim->source->timed                 ? PACING_MAX
                  : sim->config.pacing == PACING_AUTO ? PACING_RECORDED
                                                      : sim->config.pacing;
}

/* What an event will need, besides a place in a queue. */
static inline bool prepare(struct sim *sim, struct trace_event *event)
{
    if (__builtin_expect(event->slot >= sim->object_room, 0) && !make_object_room(sim, event->slot))
        return false;
    if (sim->addresses && event->op == TRACE_ALLOC)
        event->number = address_log_expect(sim->addresses, event->id, event->size);
    if (event->op == TRACE_DEAD)
        sim->objects[event->slot].death_due = 1;
    __builtin_prefetch(&sim->objects[event->slot], 1);
    return true;
}

/* To streams that any P runs. */
static bool distribute_to_streams(struct sim *sim, struct trace_event *batch, size_t n, uint64_t now)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t stream = batch[i].stream;
        if (!prepare(sim, &batch[i]) || !sched_feed(sim, stream, &batch[i], now))
            return false;
    }
    return true;
}

/* The first stream too many: what is in the Ps' queues goes to streams, and the rest of the batch, which lies in one of
 * those queues, after it. */
static bool go_over_to_streams(struct sim *sim, const struct trace_event *rest, size_t n, uint64_t now)
{
    struct trace_event batch[BATCH];
    memcpy(batch, rest, n * sizeof *batch);
    return distribute_to_streams(sim, batch, n, now);
}

/* Events of other Ps go to their queues; those of `reader` close ranks where they are. */
static bool distribute(struct sim *sim, struct sim_p *reader, struct trace_event *batch, size_t n, uint64_t now)
{
    uint32_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (__builtin_expect(is_too_many(sim, batch[i].stream), 0)) {
            if (reader)
                reader->ring.count = kept;
            return go_over_to_streams(sim, batch + i, n - i, now);
        }
        struct sim_p *sp = p_of_stream(sim, batch[i].stream, now);
        if (!sp || !prepare(sim, &batch[i]))
            return false;
        if (sp != reader) {
            if (!push_event(sp, &batch[i]))
                return false;
            if (__builtin_expect(sp->starving, 0))
                feed_one(sp, now);
        } else {
            if (kept != i)
                batch[kept] = batch[i];
            kept++;
        }
    }
    if (reader)
        reader->ring.count = kept;
    return true;
}

/* How many there are; 0 at the end, or if the run has failed. */
static size_t read_batch(struct sim *sim, struct trace_event *batch)
{
    size_t n = sim->source->read(sim->source, batch, BATCH, sim->error);
    if (n == 0) {
        sim->source_ended = true;
        sim->failed |= sim->error->text[0] != '\0';
    } else if (sim->pacing == PACING_AUTO) {
        decide_pacing(sim);
    }
    sim->buffered += n;
    return n;
}

bool feed_read(struct sim *sim, struct sim_p *reader, uint64_t now)
{
    struct trace_event own[BATCH], *batch = own;
    if (reader) { /* its queue is empty: the batch is read right into it */
        if (!make_queue_room(reader, BATCH))
            return false;
        reader->ring.first = 0;
        batch = reader->ring.events;
    }
    size_t n = read_batch(sim, batch);
    return n ? distribute(sim, reader, batch, n, now) : !sim->failed;
}

bool feed_fill(struct sim *sim, uint64_t now)
{
    struct trace_event batch[BATCH];
    size_t n;
    while (sim->buffered < sim->config.window && (n = read_batch(sim, batch)) > 0)
        if (!distribute_to_streams(sim, batch, n, now))
            return false;
    return !sim->failed;
}

/* Addresses that a group of coming events frees. */
static unsigned freed_in_group(const struct sim_p *sp, uint32_t ahead, uint64_t *addrs)
{
    const struct trace_event *e = &sp->ring.events[(sp->ring.first + ahead) & (sp->ring.room - 1)];
    unsigned n = 0;
    for (unsigned i = 0; i < LOOK_GROUP; i++) {
        addrs[n] = sp->sim->objects[e[i].slot].addr;
        n += e[i].op == TRACE_FREE;
    }
    return n;
}

/* What coming frees will touch is fetched in steps, each of which needs the one before: the object (when its
 * event is queued), the way to its span, the span, its bits. Random frees miss the cache in all of them. A group
 * of events takes a step each time the P has come to the next group. */
static void look_ahead(struct sim_p *sp)
{
    const struct goheap *heap = sp->sim->heap;
    struct look *groups = sp->look;
    unsigned at = sp->look_at;
    struct look *far = &groups[at], *near = &groups[(at + 2) % 3], *bits = &groups[(at + 1) % 3];
    sp->look_at = (uint8_t)((at + 1) % 3);
    far->n = sp->ring.count < 4 * LOOK_GROUP ? 0 : freed_in_group(sp, 3 * LOOK_GROUP, far->addrs);
    goheap_prefetch_far(heap, far->addrs, far->n);
    goheap_prefetch_near(heap, near->addrs, near->n);
    goheap_prefetch_bits(heap, bits->addrs, bits->n);
}

bool feed_next(struct sim_p *sp, struct trace_event *event)
{
    struct sim *sim = sp->sim;
    while (sp->ring.count == 0) {
        if (sim->sched.on)
            return sched_next(sp, event);
        if (sim->source_ended || sim->failed)
            return false;
        sp->in_hand = false;
        if (sim->buffered < sim->config.window) {
            if (!feed_read(sim, sp, sp->process.now))
                return false;
        } else {
            starve(sp);
        }
    }
    if (sp->ring.first % LOOK_GROUP == 0 && !feed_takes_turns(sim))
        look_ahead(sp);
    *event = sp->ring.events[sp->ring.first];
    event_ring_pop(&sp->ring);
    sim->buffered--;
    if (__builtin_expect(sim->starving != 0, 0) && (sim->buffered <= sim->config.window / 2 || sim->failed))
        feed_all(sim, sp->process.now);
    return true;
}

void feed_destroy(struct sim *sim)
{
    if (sim->objects)
        pages_free(sim->objects, sim->object_room * sizeof *sim->objects);
}
