/* From ordered events to rows.
 *
 *   event, of an M with a P and a goroutine  -->  the scheduler's and collector's:  order, cycles  --\
 *                                            -->  spans', objects' and stacks':  heap_objects,      --> rows, deaths
 *                                                 heap_stacks                                     --/
 *
 * A death that is dated back to before its sweep is in the stream of the P that allocated the object, so that none has
 * to wait for another; one at its sweep is in that of the P that swept. */
#ifndef GO_TRACE_HEAP_EVENTS_H
#define GO_TRACE_HEAP_EVENTS_H

#include "go_trace/clock.h"
#include "go_trace/cycles.h"
#include "go_trace/frontier.h"
#include "go_trace/objects.h"
#include "go_trace/row_queue.h"
#include "go_trace/spans.h"
#include "go_trace/types.h"
#include "trace/row.h"

/* Of what is told at the end, and of the repairs. */
struct go_counts {
    uint64_t start_objects, start_stacks; /* there when the trace began */
    uint64_t allocations, tiny;           /* tiny: of these in a block with others */
    uint64_t frees;
    uint64_t unknown_types;
    uint64_t no_span;    /* events of objects in no known span: left out */
    uint64_t live_slots; /* allocations where an object was thought to live: it ends */
    uint64_t dead_slots; /* frees of none: left out */
    uint64_t lost_frees; /* objects in a span that goes: they end with it */
    uint64_t stacks;     /* allocations and frees of stacks where there was one, or none */
    uint64_t no_p;       /* rows of an M without a P: the P that it had last */
};

struct go_heap_events {
    struct go_taker taker; /* first: the two share their address */
    struct row_options options;
    const struct go_types *types;     /* the owner's */
    const struct go_input *input;     /* the owner's: for messages */
    struct error *error;              /* the caller's */
    struct go_order order;
    struct go_spans spans;
    struct go_objects objects; /* of tiny blocks, beside the latest; and stacks */
    struct id_map stacks;      /* by what the trace calls them: number is the stack, as objects.h has it */
    struct go_row_queue rows;
    struct go_clock clock;
    struct go_cycles cycles;
    bool begun_before; /* the collection under way, of which there is no row yet, began before the trace */
    uint64_t now;  /* ns: the greatest time of an event with a row */
    uint64_t live; /* objects */
    unsigned char *ps_seen; /* whether a P has a row, by its number */
    uint64_t ps_count;
    struct go_counts counts;
};

/* False: no memory. go_heap_events_free may be called in either case. */
bool go_heap_events_init(struct go_heap_events *events, const struct row_options *options, const struct go_types *types,
                         const struct go_input *input);
void go_heap_events_free(struct go_heap_events *events);

/* False with *error. */
bool go_heap_events_begin_generation(struct go_heap_events *events, const struct go_generation *generation,
                                     struct error *error);

/* The trace ends: all rows are released, an end for each P behind them. False with *error. */
bool go_heap_events_finish(struct go_heap_events *events, struct error *error);

/* ---- what those that take events share ---- */

/* Notes that P has a row. False: no memory. */
bool go_heap_events_see_p(struct go_heap_events *events, uint64_t p);

/* Fails for this event, of the reason or for want of memory. */
enum go_take go_heap_events_fail(struct go_heap_events *events, const struct go_event *event, const char *what);
enum go_take go_heap_events_fail_memory(struct go_heap_events *events, const struct go_event *event);

/* Adds the row, of which all but the place is set, as what the M did. When it is, and its id, are at the tail of the
 * queue. False: no memory. */
static inline __attribute__((always_inline)) bool
go_heap_events_add_row(struct go_heap_events *events, const struct go_m_state *m, struct go_row row)
{
    events->counts.no_p += m->p == GO_NONE;
    row.p = (uint32_t)m->last_p;
    row.g = m->g;
    if (row.ns > events->now)
        events->now = row.ns;
    bool seen = row.p < events->ps_count && events->ps_seen[row.p] != 0;
    return (seen || go_heap_events_see_p(events, row.p)) && go_rows_add(&events->rows, &row);
}

#endif
