/* The collections of the recorded program, and when an object died that one of them has found dead: the policies of
 * deaths (row.h), but for that by which it dies when it is swept.
 *
 * When objects are found dead and swept is in the runtime's mgc.go (gcStart, gcMarkTermination) and mgcsweep.go
 * (sweepLocked.sweep). */
#ifndef GO_TRACE_CYCLES_H
#define GO_TRACE_CYCLES_H

#include "go_trace/deaths.h"
#include "go_trace/objects.h"
#include "trace/row.h"

/* A collection, or what was before the first. begin: of when, as row_queue.h counts. */
struct go_cycle {
    uint64_t begin, begin_ns;
};

struct go_cycles {
    struct go_cycle latest[3]; /* the latest first */
    bool marking;
    uint64_t count;
    uint64_t late_births; /* objects found dead by a cycle that began before they did */
};

void go_cycles_begin(struct go_cycles *cycles, struct go_cycle cycle);

/* When the object died that is swept now: as the collection began that found it dead; or at some time before that,
 * since it was allocated or seen alive by the collection before. */
struct go_death go_cycles_death(struct go_cycles *cycles, const struct row_options *options, struct go_object object);

/* The latest collection ends: before this no object died that has not been swept. */
uint64_t go_cycles_end(struct go_cycles *cycles, const struct row_options *options);

#endif
