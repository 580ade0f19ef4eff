/* From ordered events to rows.
 *
 *   event, of an M with a P and a goroutine  -->  the scheduler's and collector's:  order
 *                                            -->  spans' and objects':  spans, objects  -->  rows
 *
 * Here are the policies of deaths (row.h), the repairs, and their counts. A death that is dated back to before its
 * sweep is in the stream of the P that allocated the object, so that none has to wait for another; one at its sweep is
 * in that of the P that swept. */
#ifndef GO_TRACE_HEAP_EVENTS_H
#define GO_TRACE_HEAP_EVENTS_H

#include "go_trace/frontier.h"
#include "go_trace/objects.h"
#include "go_trace/row_queue.h"
#include "go_trace/spans.h"
#include "go_trace/types.h"
#include "trace/row.h"

/* From ticks to ns: ns at the moment ticks, and from there on by frequency. */
struct go_clock {
    uint64_t ticks, ns, frequency;
    uint64_t tick_ns; /* of one tick, where that is a whole number, as on Linux; else 0 */
};

/* A collection, or what was before the first. begin: of when, as row_queue.h counts. */
struct go_cycle {
    uint64_t begin, begin_ns;
};

struct go_counts {
    uint64_t start_objects, start_stacks; /* there when the trace began */
    uint64_t allocations, tiny;           /* tiny: of these in a block with others */
    uint64_t frees;
    uint64_t cycles;
    uint64_t unknown_types;
    uint64_t no_span;    /* events of objects in no known span: left out */
    uint64_t live_slots; /* allocations where an object was thought to live: it ends */
    uint64_t dead_slots; /* frees of none: left out */
    uint64_t lost_frees; /* objects in a span that goes: they end with it */
    uint64_t stacks;     /* allocations and frees of stacks where there was one, or none */
    uint64_t no_p;       /* rows of an M without a P: the P that it had last */
    uint64_t late_births; /* objects found dead by a cycle that began before they did */
};

struct go_heap_events {
    struct go_taker taker; /* first: the two share their address */
    struct row_options options;
    const struct go_types *types;     /* the owner's */
    const struct go_input *input;     /* the owner's: for messages */
    struct error *error;              /* the caller's */
    struct go_order order;
    struct go_spans spans;
    struct go_objects objects; /* and stacks */
    struct id_map stacks;      /* by what the trace calls them: number is their slot, as objects.h has it */
    struct go_row_queue rows;
    struct go_clock clock;
    struct go_cycle cycles[3]; /* the latest first */
    bool marking;
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

#endif
