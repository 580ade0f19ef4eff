/* A generation of a Go execution trace: the batches between two tables, about a second of the program.
 *
 *   records --go_loader--> timed events by M, in the order of the file      (held, each batch until it has been read)
 *                      --> types, frequency                                  (kept)
 *                      --> stacks, strings, samples, clocks                  (checked and dropped)
 *
 * Types and, up to Go 1.24, the frequency come last in a generation: so it is loaded before its first event is read.
 * Every event's opcode and numbers have been checked by then. No more than one generation is in memory. */
#ifndef GO_TRACE_GENERATION_H
#define GO_TRACE_GENERATION_H

#include "go_trace/framing.h"
#include "go_trace/types.h"
#include "trace/lifetimes.h"

/* What one M wrote. */
struct go_m_batches {
    uint64_t m; /* GO_NONE: what was written for no M */
    struct go_batch *first, *last;
};

struct go_generation {
    uint64_t number;
    uint64_t frequency; /* ticks a second */
    uint64_t min_time;  /* of its batches: ticks */
    uint64_t snapshot_time; /* of the first span that was there when the trace began: ticks; 0: there is none */
    bool has_strings;       /* a table of them */
    struct go_m_batches *ms; /* in order of first appearance */
    size_t m_count, m_capacity;
    struct id_map by_m; /* to indices into ms */
};

struct go_loader {
    struct go_input input;
    unsigned version;
    bool salvage;            /* what is broken ends the trace and is no error */
    bool done;               /* no generation follows */
    bool is_object_trace;    /* a batch or an event of allocations has been seen */
    struct go_batch *spill;  /* the first of the generation that follows */
    struct go_types types;
    uint64_t frequency;      /* of the latest generation; 0: none yet */
    bool frequency_assumed;  /* it is not in the trace, of which the end is missing */
    struct error damage;     /* what ended the trace when salvaging */
};

/* Reads the header. The stream stays the caller's. False with *error; go_loader_free may be called in either case. */
bool go_loader_init(struct go_loader *loader, struct byte_stream *bytes, bool salvage, struct error *error);
void go_loader_free(struct go_loader *loader);

/* Fills *generation, which the caller frees in either case. False at the end, and with *error after a failure. */
bool go_loader_next(struct go_loader *loader, struct go_generation *generation, struct error *error);
void go_generation_free(struct go_generation *generation);

#endif
