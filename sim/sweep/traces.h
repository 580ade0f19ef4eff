/* The traces of a sweep, each decoded once for all of its runs.
 *
 *     unread --first run that wants it--> being read --+--> held   (runs have sources over one array)
 *                                                      +--> streamed   (too long: each run reads the file)
 *
 * An array is there from the first run that wants it to the end of the last one. Goroutines and Ps as streams make two
 * arrays of a trace. A trace with a single run is never held.
 */
#ifndef SWEEP_TRACES_H
#define SWEEP_TRACES_H

#include "sweep/plan.h"
#include "trace/trace_array.h"

#include <pthread.h>

struct held_trace;

struct traces {
    struct trace_budget budget;
    struct held_trace *held; /* for each of the plan's traces: by P, by goroutine */
    size_t held_count;
    pthread_mutex_t lock;
    pthread_cond_t read; /* one of those that were being read has been */
};

/* budget: bytes that all arrays may take at once. */
bool traces_init(struct traces *traces, size_t trace_count, uint64_t budget, struct error *error);
void traces_clear(struct traces *traces);

/* The next three from any thread. Says before the first run that there will be one more of this kind. */
void traces_expect(struct traces *traces, const struct plan_run *run);
/* The trace of a run, from the start; waits while another run decodes it. NULL with *error. The caller closes it. */
struct trace_source *traces_open(struct traces *traces, const struct plan_run *run, struct error *error);
/* One of the runs that were expected is over, opened or not; its source is closed. */
void traces_done(struct traces *traces, const struct plan_run *run);

#endif
