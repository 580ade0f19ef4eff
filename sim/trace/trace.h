/* A trace as the replay sees it: events in file order, ids already turned into small numbers.
 *
 *   file (.csv, .csv.zst, ...)  --trace_open-->  struct trace_event batches  --->  replay
 *
 * A reader is anything that fills in struct trace_source; most give rows (row.h), of which row_events makes events.
 * Slots are dense and recycled, so that whoever replays keeps one array indexed by slot, as long as the most
 * lifetimes ever open at once.
 */
#ifndef TRACE_H
#define TRACE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum trace_op {
    TRACE_ALLOC,      /* size, slot, noscan, align_log2 */
    TRACE_FREE,       /* slot: the lifetime ends */
    TRACE_DEAD,       /* slot: last moment at which it can be reachable; a free may follow */
    TRACE_GC,         /* a forced, complete collection */
    TRACE_STATS,      /* append a MemStats snapshot */
    TRACE_STACKALLOC, /* size, slot: a goroutine stack */
    TRACE_STACKFREE,  /* slot */
    TRACE_GCBEGIN,    /* what the recorded runtime did and said; size carries the value */
    TRACE_GCEND,
    TRACE_PROCS,
    TRACE_HEAPLIVE,
    TRACE_HEAPGOAL,
    TRACE_END, /* end of a stream; its time counts */
    TRACE_OPS
};

/* A lifetime begins, or ends. (After a TRACE_DEAD it may yet.) */
static inline bool trace_op_begins(unsigned op)
{
    return op == TRACE_ALLOC || op == TRACE_STACKALLOC;
}
static inline bool trace_op_ends(unsigned op)
{
    return op == TRACE_FREE || op == TRACE_STACKFREE;
}

/* What the size of an event holds at most: a runtime's heap goal of 2^64 - 1, which is none, becomes this. */
#define TRACE_SIZE_FIELD ((UINT64_C(1) << 48) - 1)

/* Half a cache line: a replay moves tens of millions a second. */
struct trace_event {
    uint64_t time_ns;        /* from the start of the trace; 0 where the trace has no times */
    uint64_t id;             /* of the lifetime that begins, as the trace has it; a reader may leave it 0 elsewhere */
    uint64_t size : 48;      /* requested bytes; for the recorded runtime's events their value */
    uint64_t op : 8;         /* enum trace_op */
    uint64_t align_log2 : 7; /* 0: natural alignment */
    uint64_t noscan : 1;     /* 1: holds no pointers */
    uint32_t slot;           /* dense number of the lifetime */
    union {
        uint32_t stream; /* dense number of the P (thread) or goroutine, in order of first appearance */
        uint32_t number; /* the replay's own, once the event is in its stream */
    };
};

_Static_assert(sizeof(struct trace_event) == 32, "half a cache line");

enum { TRACE_STREAM_BY_P, TRACE_STREAM_BY_G };

/* The largest size a trace may ask for, in bytes: 64 TiB, the simulated address space. */
#define TRACE_MAX_SIZE (UINT64_C(1) << 46)

struct trace_source {
    /* Fills in up to max events in file order and returns how many; 0 at the end of the trace or after an
     * error, which is then in *error. */
    size_t (*read)(struct trace_source *source, struct trace_event *events, size_t max, struct error *error);
    /* The replay has executed the free of this slot: it may be handed out again. A reader never reuses a slot
     * before. */
    void (*release)(struct trace_source *source, uint32_t slot);
    /* On stderr, as row_source_tell, once all has been read; NULL: never anything. */
    void (*tell)(const struct trace_source *source);
    void (*close)(struct trace_source *source);
    const char *name; /* for messages; owned by the source */
    bool timed;       /* the trace has recorded times; known once the first event has been read */
    uint64_t bytes_done, bytes_total; /* of the file, for progress; total 0 when unknown (a pipe) */
};

/* Opens a trace by its path ("-" is standard input); the format is recognised by content, sizes and deaths that it
 * leaves open are as row_options has them by default. NULL and *error if it cannot be opened. The caller closes it. */
struct trace_source *trace_open(const char *path, int stream_by, struct error *error);

#endif
