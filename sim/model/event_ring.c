/* The memory of event rings: two events a cache line. */
#include "model/event_ring.h"

#include <stdlib.h>

bool event_ring_make_room(struct event_ring *ring, uint32_t n, uint32_t least)
{
    uint64_t room = ring->room ? ring->room : least, want = (uint64_t)ring->count + n;
    if (ring->room && want <= room)
        return true;
    while (room < want)
        room *= 2;
    struct trace_event *events = room <= UINT32_MAX ? aligned_alloc(64, room * sizeof *events) : NULL;
    if (!events)
        return false;
    for (uint32_t i = 0; i < ring->count; i++)
        events[i] = ring->events[(ring->first + i) & (ring->room - 1)];
    free(ring->events);
    *ring = (struct event_ring){.events = events, .count = ring->count, .room = (uint32_t)room};
    return true;
}

void event_ring_free(struct event_ring *ring)
{
    free(ring->events);
    *ring = (struct event_ring){0};
}
