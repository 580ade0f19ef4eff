/* A queue of events that grows with what is in it.
 *
 *     events: [ .  .  e3 e4 e5 .  .  . ]   first = 2, count = 3, room = 8
 *
 * The room is a power of two, or 0 without memory; who has a ring may read into it and use its fields.
 */
#ifndef EVENT_RING_H
#define EVENT_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "trace/trace.h"

struct event_ring {
    struct trace_event *events;
    uint32_t first, count, room;
};

/* Room for n more events; what is queued stays in order. A ring without memory gets `least` at least, a power of two.
 * False if there is no memory: the ring is as it was. */
bool event_ring_make_room(struct event_ring *ring, uint32_t n, uint32_t least);

/* At the end, and at the beginning; there is room. */
static inline void event_ring_push(struct event_ring *ring, const struct trace_event *event)
{
    ring->events[(ring->first + ring->count++) & (ring->room - 1)] = *event;
}

static inline void event_ring_unread(struct event_ring *ring, const struct trace_event *event)
{
    ring->first = (ring->first - 1) & (ring->room - 1);
    ring->events[ring->first] = *event;
    ring->count++;
}

/* Takes the first one away; there is one. */
static inline void event_ring_pop(struct event_ring *ring)
{
    ring->first = (ring->first + 1) & (ring->room - 1);
    ring->count--;
}

/* Gives the memory back: an empty ring. */
void event_ring_free(struct event_ring *ring);

#endif
