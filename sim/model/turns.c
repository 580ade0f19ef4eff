/* What is fetched for turns to come, where a P's turn is one event, and much passes through the cache until its next.
 *
 * At a turn's end the event then in hand is noted. What it will touch is fetched a step every few turns, each of which
 * needs the one before:
 *
 *            1                             2                     3             4
 *   free     object                        way to its span       its span      its bits
 *   alloc    object, way to the P's span   the P's span
 *
 * A group of events at a time: what one finds out of the TLB's reach holds up whatever comes after it, but not the
 * others.
 */
#include "model/sim.h"

static void fetch_objects(const struct sim *sim, const struct turns *group)
{
    for (unsigned i = 0; i < TURN_GROUP; i++) {
        const struct trace_event *event = &group->events[i];
        __builtin_prefetch(&sim->objects[event->slot], 1);
        goheap_prefetch_way(group->ps[i], event->size, event->noscan ? GOHEAP_NOSCAN : 0);
    }
}

/* An event that does not allocate has a size of 0, for which nothing is fetched that would not be there. */
static void fetch_ways(const struct sim *sim, struct turns *group)
{
    struct look *freed = &group->freed;
    freed->n = 0;
    for (unsigned i = 0; i < TURN_GROUP; i++) {
        const struct trace_event *event = &group->events[i];
        freed->addrs[freed->n] = sim->objects[event->slot].addr;
        freed->n += event->op == TRACE_FREE;
        goheap_prefetch_span(group->ps[i], event->size, event->noscan ? GOHEAP_NOSCAN : 0);
    }
    goheap_prefetch_far(sim->heap, freed->addrs, freed->n);
}

/* The group that was the last, or the last but so many, to be full; NULL if there have been none so far. */
static struct turns *group_before(struct sim *sim, unsigned groups)
{
    uint64_t full = sim->turns_noted / TURN_GROUP;
    return full > groups ? &sim->turns[(full - 1 - groups) % TURN_GROUPS] : NULL;
}

static void fetch(struct sim *sim)
{
    struct turns *group;
    if ((group = group_before(sim, 3)))
        goheap_prefetch_bits(sim->heap, group->freed.addrs, group->freed.n);
    if ((group = group_before(sim, 2)))
        goheap_prefetch_near(sim->heap, group->freed.addrs, group->freed.n);
    if ((group = group_before(sim, 1)))
        fetch_ways(sim, group);
    fetch_objects(sim, group_before(sim, 0));
}

void turns_note(const struct sim_p *sp)
{
    struct sim *sim = sp->sim;
    struct turns *group = &sim->turns[sim->turns_noted / TURN_GROUP % TURN_GROUPS];
    unsigned at = sim->turns_noted++ % TURN_GROUP;
    group->events[at] = sp->event;
    group->ps[at] = sp->p;
    const struct event_ring *ring = sp->stream ? &sp->stream->ring : &sp->ring;
    if (ring->room)
        __builtin_prefetch(&ring->events[(ring->first + 2) & (ring->room - 1)]);
    if (at == TURN_GROUP - 1)
        fetch(sim);
}
