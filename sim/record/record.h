/* From the recording that libgoheap-record.so writes (preload/format.h) to a trace: one stream a thread, merged by
 * time, addresses turned into one id a lifetime.
 *
 *     struct record_merge *merge = record_merge_open(path, &options, error);
 *     while (the program runs)
 *         record_merge_pass(merge, error);                  or never: then all of it is done at the end
 *     record_merge_finish(merge, &end, &summary, error);
 *     record_merge_close(merge);
 */
#ifndef RECORD_H
#define RECORD_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "trace/row_output.h"

struct record_summary {
    uint64_t allocs, frees;
    uint64_t threads;
    uint64_t unknown_frees; /* dropped: of blocks from before the recording began */
    uint64_t missed_frees;  /* added: the address was allocated again */
    uint64_t peak_bytes, peak_blocks; /* requested bytes, blocks at that moment */
    uint64_t end_bytes, end_blocks;   /* still live at the end */
    uint64_t duration_ns;
    int stop_errno; /* not 0: recording stopped before the program did */
};

struct record_options {
    const char *program;                      /* for the trace's meta rows */
    const char *trace;                        /* the path to write to, its end says in which format */
    const volatile sig_atomic_t *interrupted; /* becomes nonzero: give up */
};

/* A moment by both clocks. */
struct record_moment {
    uint64_t ticks; /* as the recording has them */
    uint64_t ns;    /* CLOCK_MONOTONIC */
};

struct record_merge;

/* The columns of the rows. */
enum {
    RECORD_COLUMNS = 1 << ROW_T_NS | 1 << ROW_P | 1 << ROW_OP | 1 << ROW_ID | 1 << ROW_SIZE | 1 << ROW_ALIGN |
                     1 << ROW_TYPE
};

/* Makes an empty recording for the library to fill. */
bool record_create(const char *path, struct error *error);

/* Opens the recording and the trace; NULL with *error. The options are the caller's until the close. */
struct record_merge *record_merge_open(const char *recording, const struct record_options *options,
                                       struct error *error);

struct record_moment record_merge_now(const struct record_merge *merge);

/* While the program runs: writes the rows of what happened before the last pass, and gives their place in the recording
 * back. If the program has become another by exec, the trace is begun anew. After a false, with *error, the
 * program is no longer recorded, and only the close is left. */
bool record_merge_pass(struct record_merge *merge, struct error *error);

/* After the program's end: the rest, and the trace is in its place; false with *error, and it is not. */
bool record_merge_finish(struct record_merge *merge, const struct record_moment *end, struct record_summary *summary,
                         struct error *error);

void record_merge_close(struct record_merge *merge);

#endif
