/* From the recording that libgoheap-record.so left (preload/format.h) to the rows of a trace: one stream
 * a thread, merged by time, addresses turned into one id a lifetime. */
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
    const char *program;                     /* for the trace's meta rows */
    uint64_t end_ns;                         /* CLOCK_MONOTONIC at which the program ended */
    const volatile sig_atomic_t *interrupted; /* becomes nonzero: give up */
};

/* The columns of the rows, for whoever opens the output. */
enum {
    RECORD_COLUMNS = 1 << ROW_T_NS | 1 << ROW_P | 1 << ROW_OP | 1 << ROW_ID | 1 << ROW_SIZE | 1 << ROW_ALIGN |
                     1 << ROW_TYPE
};

/* Makes an empty recording for the library to fill. */
bool record_create(const char *path, struct error *error);

/* Writes the rows of `file`, an open recording that nobody writes to any more; the caller closes `out`. */
bool record_merge(int file, const struct record_options *options, struct row_output *out,
                  struct record_summary *summary, struct error *error);

#endif
