/* Goroutine stacks, by what the trace calls them: there is one, or there is none. */
#include "go_trace/heap_stacks.h"

enum { MOST_STACK_ORDER = 47 };

/* What was there when the trace began came at time 0. */
static uint64_t ns_of(const struct go_heap_events *events, const struct go_event *event)
{
    return event->op == GO_GOROUTINE_STACK ? 0 : go_clock_ns(&events->clock, event->time);
}

static bool end_stack(struct go_heap_events *events, const struct go_m_state *m, const struct go_event *event,
                      struct id_entry *entry)
{
    struct go_object stack = go_objects_take(&events->objects, &entry->number);
    id_map_remove(&events->stacks, entry);
    struct go_row row = {.op = TRACE_STACKFREE, .ns = ns_of(events, event), .value = go_who_id(stack.who)};
    return go_heap_events_add_row(events, m, row);
}

static bool begin_stack(struct go_heap_events *events, const struct go_m_state *m, const struct go_event *event)
{
    struct go_row row = {.op = TRACE_STACKALLOC, .ns = ns_of(events, event),
                         .value = UINT64_C(1) << (event->arg[1] - 1)};
    const struct go_row_end *tail = &events->rows.tail;
    bool added;
    if (!go_heap_events_add_row(events, m, row))
        return false;
    events->counts.start_stacks += event->op == GO_GOROUTINE_STACK;
    struct go_object stack = go_object(tail->id, tail->p, tail->when);
    struct id_entry *entry = id_map_put(&events->stacks, event->arg[0], &added);
    return entry != NULL && go_objects_add(&events->objects, &entry->number, stack);
}

enum go_take go_heap_stacks_take(struct go_heap_events *events, const struct go_m_state *m,
                                 const struct go_event *event)
{
    bool frees = event->op == GO_GOROUTINE_STACK_FREE;
    if (!frees && (event->arg[1] == 0 || event->arg[1] > MOST_STACK_ORDER))
        return go_heap_events_fail(events, event, "expected a stack of a power of two up to 2^46 bytes");
    struct id_entry *there = id_map_find(&events->stacks, event->arg[0]);
    events->counts.stacks += (there != NULL) != frees;
    bool good = there == NULL || end_stack(events, m, event, there);
    return good && (frees || begin_stack(events, m, event)) ? GO_TAKEN : go_heap_events_fail_memory(events, event);
}
