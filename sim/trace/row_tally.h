/* What a trace is made of, counted as its rows go by. */
#ifndef ROW_TALLY_H
#define ROW_TALLY_H

#include "trace/row.h"

struct row_tally {
    uint64_t rows[ROW_OPS]; /* by op */
    /* Objects from their alloc to their dead or free, whichever comes first; no stacks. */
    uint64_t live, live_bytes, peak_live, peak_bytes; /* the peaks need not be at the same time */
    uint64_t *sizes; /* by slot: requested bytes + 1 of the object that lives there; 0: none does */
    size_t capacity;
};

/* Zeroed is empty. The next n rows, as row_checks_take_all tells them. False: no memory. */
bool row_tally_take(struct row_tally *tally, const struct trace_event *events, size_t n);
void row_tally_free(struct row_tally *tally);

#endif
