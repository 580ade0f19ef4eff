/* The recording: what libgoheap-record.so writes and `goheap record` reads back, one file.
 *
 *   slot 0        slot 1     slots 2-3            slot 4 ...
 *   +-----------+----------+---------------------+----------
 *   | control   | chunk of | chunk of thread 0   | chunk of        slots are RECORD_SLOT bytes,
 *   |           | thread 0 | (each twice as big) | thread 1        a chunk is one or more of them
 *   +-----------+----------+---------------------+----------
 *
 * A chunk belongs to one thread, is written front to back and never reused, so its unwritten
 * rest is zero.
 * Invariant: what lies below `committed` is complete, whatever instruction the program was
 * killed at; and an event is committed before the call it stands for becomes visible to another
 * thread (frees before the real free, allocations before malloc returns). Any prefix that a kill
 * leaves is therefore consistent. */
#ifndef PRELOAD_FORMAT_H
#define PRELOAD_FORMAT_H

#include <stdatomic.h>
#include <stdint.h>

#define RECORD_ENVIRONMENT "GOHEAP_RECORD" /* holds the path of the recording */
#define RECORD_MAGIC UINT64_C(0x31636572656f6867)       /* of the file */
#define RECORD_CHUNK_MAGIC UINT64_C(0x316b6e686365686f) /* of a chunk */

enum {
    RECORD_SLOT = 16384,   /* bytes; a multiple of the page size */
    RECORD_MAX_SLOTS = 32, /* of a chunk: busy threads take half a megabyte at a time */
};

enum record_op {
    RECORD_ALLOC = 1, /* address, size, align_log2; stamped after the real call */
    RECORD_FREE,      /* address; stamped before the real call */
    RECORD_RESIZE,    /* address: realloc is about to take it; the thread's next event is the outcome */
    RECORD_RESIZED,   /* address, size: realloc gave this one, perhaps the same */
    RECORD_CANCEL,    /* realloc failed: the old block lives on */
};

struct record_event {
    uint64_t time_ns; /* CLOCK_MONOTONIC, absolute */
    uint64_t address;
    uint64_t size; /* bytes asked for */
    uint8_t op;
    uint8_t align_log2; /* of the alignment asked for; 0: none was */
    uint8_t reserved[6];
};

struct record_chunk {
    uint64_t magic; /* RECORD_CHUNK_MAGIC */
    uint32_t thread; /* from 0, in order of each thread's first event */
    uint32_t slots;
    _Atomic uint64_t end_ns;    /* the thread has ended; 0: not as far as is known */
    _Atomic uint64_t committed; /* events */
    struct record_event events[];
};

struct record_control {
    uint64_t magic;              /* RECORD_MAGIC */
    _Atomic uint32_t owner;      /* recorded process; 0: the library was never loaded */
    _Atomic uint32_t threads;    /* numbers given out */
    _Atomic uint64_t next_slot;  /* first slot that is nobody's */
    _Atomic uint64_t first_slot; /* what lies before is of a program that replaced itself by exec */
    _Atomic uint64_t start_ns;   /* CLOCK_MONOTONIC at which the recording of this one began */
    _Atomic int32_t stop_errno;  /* why recording stopped before the program did; 0: it did not */
};

_Static_assert(sizeof(struct record_event) == 32, "events must not straddle cache lines");
_Static_assert(sizeof(struct record_chunk) == 32, "events follow the head at once");

/* How many events fit into a chunk of that many slots. */
static inline uint64_t record_chunk_capacity(uint64_t slots)
{
    return (slots * RECORD_SLOT - sizeof(struct record_chunk)) / sizeof(struct record_event);
}

#endif
