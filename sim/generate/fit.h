/* What a recorded trace is made of, as a joint histogram from which objects can be drawn.
 *
 *   events --fit_take--> cells: how many objects of a size, with or without pointers, that lived so long,
 *                               were allocated by this P and freed by that one, in this part of the trace
 *                        gaps:  from one allocation to the next, by part of the trace
 *
 * Lifetimes are in allocations: how many there were meanwhile. It is what the heap feels, and every trace has it, with
 * times or without. A window is a part of the trace, of so many allocations that there are at most FIT_WINDOWS.
 *
 * Invariant: at most FIT_CELLS cells, whatever the trace. Where there would be more, all become coarser: first windows,
 * then lifetimes and sizes, last of all threads, of which then only the hand-over as a whole is kept. */
#ifndef FIT_H
#define FIT_H

#include "base/error.h"
#include "trace/trace.h"

enum {
    FIT_WINDOWS = 256,
    FIT_CELLS = 1 << 18,
    FIT_PS = 256, /* Ps that are told apart: the first ones; others count as one of them, by number */
    FIT_GAPS = 64 /* bands of gaps: 0, and from a power of two to the next */
};

struct fit_cell {
    uint64_t size;     /* as a key: exact, or that of its band */
    uint64_t key;      /* packed, see fit.c; 0: an unused entry */
    uint64_t count;
    double sum_size;     /* of its objects, bytes */
    double sum_lifetime; /* of its objects, allocations */
};

struct fit_gaps { /* in a window */
    uint64_t count[FIT_GAPS];
    double sum[FIT_GAPS]; /* ns */
};

struct fit_object; /* one that is live */

struct fit {
    struct fit_cell *cells; /* a hash table until fit_finish; then in order: window, size, the rest */
    size_t cell_count, capacity;
    unsigned step;           /* of coarsening, so far */
    unsigned lifetime_shift, size_shift; /* what of them is left out of the keys */
    bool ps_apart;
    uint64_t (*handovers)[FIT_PS]; /* objects by P that allocates and P that frees */
    struct fit_gaps *gaps;         /* by window */
    unsigned windows;              /* at most so many */
    uint64_t width;                /* allocations of a window */
    uint64_t allocs, ended, ps;
    uint64_t clock_ns;             /* the latest time, and that of the latest allocation */
    uint64_t last_alloc_ns;
    struct fit_object *objects;    /* by slot */
    size_t object_capacity;
};

bool fit_init(struct fit *fit); /* false: no memory; fit_free may be called in either case */
void fit_free(struct fit *fit);
/* The next event, of a trace read with streams by P. False: no memory. */
bool fit_take(struct fit *fit, const struct trace_event *event);
/* After the last event: what lives still has no end. False: no memory. */
bool fit_finish(struct fit *fit);

struct fit_kind { /* a cell, unpacked */
    unsigned window;
    uint64_t size;
    double lifetime_low, lifetime_high; /* drawn evenly from between; in allocations */
    bool noscan, never_ends;
    uint8_t from, to;
};
struct fit_kind fit_kind(const struct fit *fit, const struct fit_cell *cell);

/* Around a mean within [low, high], as far on both sides as there is room on the narrower. */
void fit_around(double mean, double low, double high, double *from, double *to);

#endif
