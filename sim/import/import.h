/* What the readers of other tools' texts share: calls of the allocator go in, rows come out.
 *
 *   lines --a format's line()--> import_thread, import_time: who calls, and when
 *                                import_alloc, import_free, import_realloc --addresses to lifetimes--> rows
 *
 * A block's address becomes the id of its lifetime, a new one each time. What a format's calls cannot mean is repaired
 * and counted: a block allocated where one is live ends that one; a free of what is not live is left out. So the rows
 * are sound whatever the file says: each id is allocated once and freed at most once, later.
 *
 * Memory is proportional to the most blocks live, and the most threads running, at any one time. */
#ifndef IMPORT_H
#define IMPORT_H

#include "import/text_lines.h"
#include "trace/lifetimes.h"
#include "trace/row.h"

struct import;

/* Columns of formats that say so. */
enum {
    IMPORT_TIME = 1u << ROW_T_NS,
    IMPORT_THREAD = 1u << ROW_P | 1u << ROW_G,
    IMPORT_ALIGN = 1u << ROW_ALIGN,
};

/* A format's struct begins with its struct import. */
struct import_format {
    size_t size;      /* of the format's struct */
    uint16_t columns; /* as a row_source has them, beside those that all formats have */
    /* What a line says that is not empty; false after import_fail. Calls import_start before all else that makes rows,
     * and makes at most IMPORT_ROWS of them. */
    bool (*line)(struct import *import, struct text line);
    /* Takes those calls off the lines ahead that it knows at a glance, up to a line that is anything else, or not
     * wholly in the chunk, for which there is the function above; and while there is import_room. False after
     * import_fail. NULL: it knows none. */
    bool (*calls)(struct import *import);
    /* After the last line: import_finish, or what the format has to say about the end; false after import_fail. */
    bool (*finish)(struct import *import);
    void (*release)(struct import *import); /* what the format's struct owns; NULL: nothing */
};

/* What is repaired or left out, counted. */
enum import_count {
    IMPORT_UNKNOWN_FREES,
    IMPORT_LIVE_ADDRESSES,
    IMPORT_FAILED_CALLS,
    IMPORT_LATE_TIMES,
    IMPORT_LOST_TIMES,
    IMPORT_OTHER_PROCESSES,
    IMPORT_BROKEN_CALLS,
    IMPORT_COUNTS
};

/* The rows of one line: four about the trace; the end of the old block, the end of one that was live, and the new
 * one. */
enum { IMPORT_ROWS = 8 };

struct import_thread {
    uint64_t number; /* 1 for the first thread that made a row, 2 for the second, ...; 0: it has made none yet */
    uint64_t latest_ns;
};

struct import {
    struct row_source source; /* first: the two share their address */
    const struct import_format *format;
    struct text_lines lines;
    struct lifetimes blocks;  /* by address, while they are live */
    uint64_t *ids;            /* of the blocks, by slot */
    size_t ids_capacity;
    uint64_t last_id;
    struct lifetimes tids;    /* threads that have not ended, by their id in the file */
    struct import_thread *threads; /* by slot */
    size_t threads_capacity;
    uint64_t thread_count;    /* that made a row; ended ones too */
    uint32_t thread;          /* the current one's slot */
    uint64_t tid;             /* ... and its id in the file */
    uint64_t latest_ns;       /* where there are no threads */
    bool has_thread, started, timed, salvage, done;
    bool cut;                 /* the file's last line has no line feed */
    const char *note;         /* about the end of the file, for tell; NULL: nothing */
    uint64_t counts[IMPORT_COUNTS];
    struct trace_row *rows;   /* where those of the next lines go: the caller's, or own_rows */
    size_t row_count, row_room;
    struct trace_row own_rows[IMPORT_ROWS]; /* of a line for whose rows the caller may not have enough room */
    size_t own_next, own_count;             /* of them */
    struct error failure, salvaged;
};

/* How many rows there is room for. */
static inline size_t import_room(const struct import *import)
{
    return import->row_room - import->row_count;
}

/* Takes the stream over. NULL with *error set if there is no memory or no reading the file. */
struct row_source *import_open(const struct import_format *format, struct byte_stream *bytes,
                               const struct row_options *options, struct error *error);

/* Sets the failure to "NAME:LINE: ..."; false. */
bool import_fail(struct import *import, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The failure that a line is not what it should be: "expected WHAT, got \"LINE\"". */
bool import_unexpected(struct import *import, const char *what, struct text line);

/* The rows about the trace. source: "source=...", the caller's, to stay as long as the import. timed: calls have times;
 * import_time says them. */
void import_start(struct import *import, const char *source, bool timed);

/* At the end of a file: it fails if there was nothing in it that made it start, and no beginning of a line either. */
bool import_finish(struct import *import);

/* What follows is by this thread. A thread that comes after the end of one with the same id is a new one. */
bool import_thread(struct import *import, uint64_t tid);
void import_thread_end(struct import *import);

/* What follows happens so many ns after the start of the trace; in a thread, time does not go back. */
bool import_time(struct import *import, uint64_t ns);

/* A call that returned this address; 0: it failed. align: as it was asked for, rounded up to a power of two; 0: not. */
bool import_alloc(struct import *import, uint64_t address, uint64_t size, uint64_t align);
/* calloc. */
bool import_alloc_array(struct import *import, uint64_t address, uint64_t count, uint64_t size);
bool import_free(struct import *import, uint64_t address);
/* One of these calls will soon be about the block at this address. */
void import_fetch(const struct import *import, uint64_t address);
/* old, which may be 0, ends and address begins; address 0: nothing happened, unless size is 0: then old ends. */
bool import_realloc(struct import *import, uint64_t old, uint64_t address, uint64_t size);

#endif
