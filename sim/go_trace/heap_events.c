/* What the recorded heap did, event by event: whose the event is, and what the scheduler and the collector did. */
#include "go_trace/heap_events.h"

#include <stdlib.h>
#include <string.h>

#include "go_trace/heap_objects.h"
#include "go_trace/heap_stacks.h"

#define ADDRESS_LIMIT (UINT64_C(1) << 61) /* units of 8 bytes */

void go_heap_events_free(struct go_heap_events *events)
{
    go_order_free(&events->order);
    go_spans_free(&events->spans);
    go_objects_free(&events->objects);
    id_map_free(&events->stacks);
    go_rows_free(&events->rows);
    free(events->ps_seen);
}

enum go_take go_heap_events_fail(struct go_heap_events *events, const struct go_event *event, const char *what)
{
    go_fail(events->error, events->input, event->offset, "%s", what);
    return GO_TAKE_FAILED;
}

enum go_take go_heap_events_fail_memory(struct go_heap_events *events, const struct go_event *event)
{
    return go_heap_events_fail(events, event, "out of memory");
}

bool go_heap_events_begin_generation(struct go_heap_events *events, const struct go_generation *generation,
                                     struct error *error)
{
    bool is_first = events->clock.frequency == 0;
    uint64_t start = is_first && generation->snapshot_time != 0 ? generation->snapshot_time : generation->min_time;
    go_clock_begin_generation(&events->clock, start, generation->frequency);
    return go_order_begin_generation(&events->order, generation->number) ||
           go_fail(error, events->input, events->input->offset, "out of memory");
}

bool go_heap_events_see_p(struct go_heap_events *events, uint64_t p)
{
    if (p >= events->ps_count) {
        uint64_t count = p + 1 > events->ps_count * 2 ? p + 1 : events->ps_count * 2;
        unsigned char *larger = realloc(events->ps_seen, count);
        if (larger == NULL)
            return false;
        memset(larger + events->ps_count, 0, count - events->ps_count);
        events->ps_seen = larger;
        events->ps_count = count;
    }
    events->ps_seen[p] = 1;
    return true;
}

/* ---- collections ---- */

/* What is released is for the reader to take. */
static bool end_cycle(struct go_heap_events *events)
{
    uint64_t limit = go_cycles_end(&events->cycles, &events->options);
    events->taker.pause = true;
    return events->options.death == DEATH_SWEEP || go_rows_release(&events->rows, limit);
}

static bool add_cycle(struct go_heap_events *events, const struct go_m_state *m, const struct go_event *event)
{
    struct go_row row = {.op = TRACE_GCBEGIN, .ns = go_clock_ns(&events->clock, event->time)};
    if (!go_heap_events_add_row(events, m, row))
        return false;
    go_cycles_begin(&events->cycles, (struct go_cycle){.begin = events->rows.tail.when, .begin_ns = row.ns});
    return true;
}

/* The collection in which the trace begins has its row where the world starts again after what was there has been
 * told (trace.go, StartTrace): that has not been allocated in it. */
static bool add_cycle_begun_before(struct go_heap_events *events, const struct go_m_state *m,
                                   const struct go_event *event)
{
    if (!events->begun_before || event->op == GO_SPAN || event->op == GO_HEAP_OBJECT || event->op == GO_GOROUTINE_STACK)
        return true;
    events->begun_before = false;
    return add_cycle(events, m, event);
}

/* The row of a scheduler's or collector's event, if it has one. */
static enum go_take tell_runtime(struct go_heap_events *events, const struct go_m_state *m,
                                 const struct go_event *event)
{
    static const unsigned char ops[] = {
        [GO_PROCS_CHANGE] = TRACE_PROCS,
        [GO_GC_END] = TRACE_GCEND,
        [GO_HEAP_ALLOC] = TRACE_HEAPLIVE,
        [GO_HEAP_GOAL] = TRACE_HEAPGOAL,
    };
    if (event->op == GO_GC_BEGIN)
        return add_cycle(events, m, event) ? GO_TAKEN : go_heap_events_fail_memory(events, event);
    if (event->op == GO_GC_ACTIVE && !events->cycles.marking)
        events->cycles.marking = events->begun_before = true;
    if (event->op >= sizeof ops || ops[event->op] == 0)
        return GO_TAKEN;
    struct go_row row = {.op = ops[event->op], .ns = go_clock_ns(&events->clock, event->time),
                         .value = event->op != GO_GC_END ? event->arg[0] : 0};
    if (!go_heap_events_add_row(events, m, row))
        return go_heap_events_fail_memory(events, event);
    return event->op != GO_GC_END || end_cycle(events) ? GO_TAKEN : go_heap_events_fail_memory(events, event);
}

/* ---- events ---- */

static inline enum go_take take_heap_event(struct go_heap_events *events, const struct go_m_state *m,
                                           const struct go_event *event, bool forced)
{
    if (event->arg[0] >= ADDRESS_LIMIT)
        return go_heap_events_fail(events, event, "expected an address below 2^64");
    switch (event->op) {
    case GO_SPAN:
    case GO_SPAN_ALLOC:
        return go_heap_span_take(events, m, event, forced);
    case GO_SPAN_FREE:
        return go_heap_span_free(events, m, event);
    case GO_HEAP_OBJECT:
        return go_heap_object_exists(events, m, event);
    case GO_HEAP_OBJECT_ALLOC:
        return go_heap_object_alloc(events, m, event, forced);
    case GO_HEAP_OBJECT_FREE:
        return go_heap_object_free(events, m, event, forced);
    default:
        return go_heap_stacks_take(events, m, event);
    }
}

/* state: the M's before the event, which may change it. */
static enum go_take take_runtime_event(struct go_heap_events *events, struct go_writer *writer, struct go_m_state state,
                                       const struct go_event *event)
{
    switch (go_order_take(&events->order, writer, event)) {
    case GO_ORDER_NEXT:
        return tell_runtime(events, &state, event);
    case GO_ORDER_NOT_YET:
        return GO_TAKE_NOT_YET;
    case GO_ORDER_NO_MEMORY:
        return go_heap_events_fail_memory(events, event);
    case GO_ORDER_BROKEN:
        break;
    }
    go_fail(events->error, events->input, event->offset, "expected %s: the events are in no possible order",
            events->order.broken);
    return GO_TAKE_FAILED;
}

/* Any event, of any M. What happens is what the M does with the P and the goroutine that it has before. */
static __attribute__((noinline)) enum go_take take_any(struct go_heap_events *events, struct go_writer *writer,
                                                       const struct go_event *event, bool forced)
{
    static const struct go_m_state none = {.m = GO_NONE, .p = GO_NONE, .g = GO_NONE};
    const struct go_m_state *m = writer->m != GO_NONE ? go_sched_m(&events->order.sched, writer) : &none;
    if (m == NULL || (m != &none && !add_cycle_begun_before(events, m, event)))
        return go_heap_events_fail_memory(events, event);
    if (event->op < GO_SPAN)
        return take_runtime_event(events, writer, *m, event);
    if (m == &none)
        return go_heap_events_fail(events, event, "expected an event of a thread, got one of none");
    return take_heap_event(events, m, event, forced);
}

/* Nearly all are the heap's, of Ms that have been seen before. */
static enum go_take take(struct go_taker *taker, struct go_writer *writer, const struct go_event *event, bool forced)
{
    struct go_heap_events *events = (struct go_heap_events *)taker;
    if (event->op < GO_SPAN || writer->state == 0 || events->begun_before)
        return take_any(events, writer, event, forced);
    return take_heap_event(events, &events->order.sched.ms[writer->state - 1], event, forced);
}

bool go_heap_events_init(struct go_heap_events *events, const struct row_options *options, const struct go_types *types,
                         const struct go_input *input)
{
    memset(events, 0, sizeof *events);
    events->taker.take = take;
    events->options = *options;
    events->types = types;
    events->input = input;
    go_rows_init(&events->rows, options->death == DEATH_UNIFORM, types);
    if (options->death == DEATH_SWEEP)
        events->rows.limit = UINT64_MAX;
    bool order = go_order_init(&events->order), spans = go_spans_init(&events->spans);
    bool stacks = id_map_init(&events->stacks, id_map_seed());
    return order && spans && stacks;
}

bool go_heap_events_finish(struct go_heap_events *events, struct error *error)
{
    for (uint64_t p = 0; p < events->ps_count; p++) {
        struct go_row row = {.op = TRACE_END, .ns = events->now, .p = (uint32_t)p, .g = GO_NONE};
        if (events->ps_seen[p] && !go_rows_add(&events->rows, &row))
            return go_fail(error, events->input, events->input->offset, "out of memory");
    }
    return go_rows_release(&events->rows, UINT64_MAX) ||
           go_fail(error, events->input, events->input->offset, "out of memory");
}
