/* Objects and the spans that they are in. The events are described in the runtime's traceallocfree.go.
 *
 * Invariant: what lives is in a slot of a span that is there. */
#include "go_trace/heap_objects.h"

#include <stdlib.h>

#include "go_trace/draw.h"
#include "go_trace/sizes.h"

/* What a held event may wait for, beside a slot: no slot's number is as large. */
#define ANY_SPAN (UINT64_C(1) << 61)

_Static_assert(GO_MAX_PS - 1 <= UINT16_MAX, "an object has 16 bits for its P");

/* A held event waits for what another M may yet have to tell. */
static enum go_take hold(struct go_heap_events *events, uint64_t wanted)
{
    events->taker.wanted = wanted;
    return GO_TAKE_HOLD;
}

/* For the better or the worse of it: the event is left out. */
static enum go_take leave_out(uint64_t *count)
{
    ++*count;
    return GO_TAKEN;
}

/* The number of a slot, of all in the heap: a span has no more than a page has units. */
static uint64_t number_of(const struct go_span *span, uint32_t slot)
{
    return span->page * GO_PAGE_UNITS + slot;
}

/* ---- deaths ---- */

static inline bool end_lifetime(struct go_heap_events *events, const struct go_m_state *m,
                                const struct go_event *event, struct go_object object)
{
    events->counts.frees++;
    events->live--;
    if (events->options.death == DEATH_SWEEP) {
        struct go_row row = {.op = TRACE_FREE, .ns = go_clock_ns(&events->clock, event->time),
                             .value = go_who_id(object.who)};
        return go_heap_events_add_row(events, m, row);
    }
    return go_rows_die(&events->rows, go_cycles_death(&events->cycles, &events->options, object));
}

/* Of all that is in the slot, in which there is something: the latest first. */
static bool empty_slot(struct go_heap_events *events, const struct go_m_state *m, const struct go_event *event,
                       struct go_span *span, uint32_t slot)
{
    struct go_object *object = &span->slots[slot];
    bool good = end_lifetime(events, m, event, *object);
    object->who = 0;
    while (good && span->older != NULL && span->older[slot] != 0)
        good = end_lifetime(events, m, event, go_objects_take(&events->objects, &span->older[slot]));
    go_slot_empty(span);
    return good;
}

enum go_take go_heap_object_free(struct go_heap_events *events, const struct go_m_state *m,
                                 const struct go_event *event, bool forced)
{
    struct go_span *span = go_spans_find(&events->spans, event->arg[0] / GO_PAGE_UNITS);
    if (span == NULL)
        return forced ? leave_out(&events->counts.no_span) : hold(events, ANY_SPAN);
    uint32_t slot = go_slot_of(span, event->arg[0]);
    if (!go_slot_is_taken(span, slot))
        return forced ? leave_out(&events->counts.dead_slots) : hold(events, number_of(span, slot));
    events->taker.changed = number_of(span, slot);
    return empty_slot(events, m, event, span, slot) ? GO_TAKEN : go_heap_events_fail_memory(events, event);
}

/* ---- allocations ---- */

/* Begins the life of the latest object in the slot, of so many bytes, at ns. */
static inline __attribute__((always_inline)) bool
begin_lifetime(struct go_heap_events *events, const struct go_m_state *m, uint64_t ns, struct go_span *span,
               uint32_t slot, uint32_t type, uint64_t size)
{
    struct go_row row = {.op = TRACE_ALLOC, .ns = ns, .noscan = span->noscan, .type = type, .value = size};
    if (!go_heap_events_add_row(events, m, row))
        return false;
    const struct go_row_end *tail = &events->rows.tail;
    span->slots[slot] = go_object(tail->id, tail->p, tail->when);
    events->live++;
    return true;
}

/* The number of the event's type. */
static inline uint32_t type_of(struct go_heap_events *events, const struct go_event *event)
{
    uint32_t type = go_types_find(events->types, event->arg[1]);
    events->counts.unknown_types += type == 0 && event->arg[1] != 0;
    return type;
}

/* For the size of the object of which the row comes next. */
static inline uint64_t draw_size(const struct go_heap_events *events)
{
    return events->options.size == SIZE_UNIFORM ? go_draw(events->options.seed, events->rows.tail.id + 1) : 0;
}

/* Into an empty slot. False: no memory. */
static inline __attribute__((always_inline)) bool
put_object(struct go_heap_events *events, const struct go_m_state *m, const struct go_event *event, uint64_t ns,
           struct go_span *span, uint32_t slot)
{
    uint32_t type = type_of(events, event);
    uint64_t size = go_request(events->options.size, span, events->types->list[type].size, draw_size(events));
    return go_slot_fill(span) && begin_lifetime(events, m, ns, span, slot, type, size);
}

/* Room for the objects that are in a slot with others. */
static bool add_older(struct go_span *span)
{
    return span->older != NULL || (span->older = calloc(span->slot_count, sizeof *span->older)) != NULL;
}

/* Into a block of tiny objects that has been begun. Each P fills one of its own (runtime/malloc.go, mallocgcTiny), but
 * the event may come from another, where the goroutine went on in the meantime. False: no memory. */
static bool join(struct go_heap_events *events, const struct go_m_state *m, const struct go_event *event,
                 struct go_span *span, uint32_t slot)
{
    events->counts.tiny++;
    events->counts.allocations++;
    if (events->options.size == SIZE_SLOT)
        return true;
    uint32_t type = type_of(events, event);
    bool second_half = event->arg[0] != span->page * GO_PAGE_UNITS + slot * span->slot / 8;
    uint64_t size = go_tiny_request(events->options.size, second_half, events->types->list[type].size,
                                    draw_size(events));
    return add_older(span) && go_objects_add(&events->objects, &span->older[slot], span->slots[slot]) &&
           begin_lifetime(events, m, go_clock_ns(&events->clock, event->time), span, slot, type, size);
}

enum go_take go_heap_object_exists(struct go_heap_events *events, const struct go_m_state *m,
                                   const struct go_event *event)
{
    struct go_span *span = go_spans_find(&events->spans, event->arg[0] / GO_PAGE_UNITS);
    if (span == NULL)
        return leave_out(&events->counts.no_span);
    uint32_t slot = go_slot_of(span, event->arg[0]);
    if (go_slot_is_taken(span, slot))
        return leave_out(&events->counts.live_slots);
    events->counts.start_objects++;
    if (!put_object(events, m, event, 0, span, slot))
        return go_heap_events_fail_memory(events, event);
    events->cycles.latest[0].begin = events->rows.tail.when;
    return GO_TAKEN;
}

enum go_take go_heap_object_alloc(struct go_heap_events *events, const struct go_m_state *m,
                                  const struct go_event *event, bool forced)
{
    struct go_span *span = go_spans_find(&events->spans, event->arg[0] / GO_PAGE_UNITS);
    if (span == NULL)
        return forced ? leave_out(&events->counts.no_span) : hold(events, ANY_SPAN);
    uint32_t slot = go_slot_of(span, event->arg[0]);
    if (go_slot_is_taken(span, slot)) {
        if (go_span_is_tiny(span))
            return join(events, m, event, span, slot) ? GO_TAKEN : go_heap_events_fail_memory(events, event);
        if (!forced)
            return hold(events, number_of(span, slot));
        events->counts.live_slots++;
        if (!empty_slot(events, m, event, span, slot))
            return go_heap_events_fail_memory(events, event);
    }
    events->taker.changed = number_of(span, slot);
    events->counts.allocations++;
    return put_object(events, m, event, go_clock_ns(&events->clock, event->time), span, slot)
               ? GO_TAKEN
               : go_heap_events_fail_memory(events, event);
}

/* ---- spans ---- */

/* Its objects end, where their frees are missing. */
static bool remove_span(struct go_heap_events *events, const struct go_m_state *m, const struct go_event *event,
                        struct go_span *span)
{
    for (uint32_t slot = 0; span->live > 0; slot++) {
        if (!go_slot_is_taken(span, slot))
            continue;
        events->counts.lost_frees++;
        if (!empty_slot(events, m, event, span, slot))
            return false;
    }
    go_spans_remove(&events->spans, span);
    return true;
}

enum go_take go_heap_span_take(struct go_heap_events *events, const struct go_m_state *m, const struct go_event *event,
                               bool forced)
{
    struct go_span span, *other;
    bool heap;
    if (!go_span_describe(&span, event->arg[0], event->arg[1], event->arg[2], &heap))
        return go_heap_events_fail(events, event,
                                   "expected a span of a size class that there is, of as many pages as it has");
    if (!heap)
        return GO_TAKEN;
    while ((other = go_spans_overlap(&events->spans, &span)) != NULL) {
        if (!forced)
            return hold(events, ANY_SPAN);
        if (!remove_span(events, m, event, other))
            return go_heap_events_fail_memory(events, event);
    }
    events->taker.changed = ANY_SPAN;
    return go_spans_add(&events->spans, &span) ? GO_TAKEN : go_heap_events_fail_memory(events, event);
}

enum go_take go_heap_span_free(struct go_heap_events *events, const struct go_m_state *m,
                               const struct go_event *event)
{
    struct go_span *span = go_spans_find(&events->spans, event->arg[0]);
    if (span != NULL && span->page == event->arg[0] && !remove_span(events, m, event, span))
        return go_heap_events_fail_memory(events, event);
    events->taker.changed = ANY_SPAN;
    return GO_TAKEN;
}
