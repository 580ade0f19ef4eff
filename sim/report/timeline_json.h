/* A run's timeline as Chrome trace events (JSON), which Perfetto and chrome://tracing open as they are.
 *
 *     {"traceEvents": [slices ("X") of Ps, workers, cycles; instants ("i") of stops; counters ("C") of the heap]}
 *
 * Written while the run goes on; memory does not grow with it. Times are virtual, in us with three decimals.
 */
#ifndef REPORT_TIMELINE_JSON_H
#define REPORT_TIMELINE_JSON_H

#include "model/sim.h"

struct timeline_writer {
    FILE *out;
    const struct sim *sim;
    struct timeline *timeline;
    bool any, any_cycle;            /* an event has been written; a cycle has */
    bool seen[TIMELINE_TRACKS];     /* a slice on such a track has */
    uint32_t workers;               /* tracks of workers that have slices */
    uint64_t live, in_use, goal;    /* bytes; what the counters are at */
};

/* Makes the sim, which has not run yet, tell its timeline; out and sim are borrowed, and out remembers failures. False
 * with *error filled in if there is no memory. */
bool report_timeline_begin(struct timeline_writer *writer, struct sim *sim, FILE *out, struct error *error);
/* Completes the document of a run that has succeeded. */
void report_timeline_end(struct timeline_writer *writer);
/* Frees what begin made; also of one that is all zero. */
void report_timeline_free(struct timeline_writer *writer);

#endif
