/* A whole trace in memory, decoded once and replayed by many threads at a time.
 *
 *   trace_source --trace_array_read--> events[] (never written again) --trace_array_open--> a trace_source a run
 *
 * In the array slots are recycled as the trace's lifetimes end, in file order, which fits no replay: there a lifetime
 * ends when its free has been executed. So each source gives slots of its own, and knows who has which:
 *
 *   array's slot --run_slots--> the run's slot, until the free of it is read; then, once released --> free list
 *
 * Memory: 32 bytes an event for all runs together, and a few for each of the most lifetimes open at once a run.
 */
#ifndef TRACE_ARRAY_H
#define TRACE_ARRAY_H

#include <stdatomic.h>

#include "trace/trace.h"

/* What arrays may take together, in bytes that are left; many threads may take of it and give back. */
struct trace_budget {
    _Atomic uint64_t left;
};

struct trace_array;

/* Reads the whole source, which is borrowed. What is wrong with the trace, or with reading it, is part of the array:
 * its runs come upon it where they would in the file. NULL if it does not fit the budget, which is then as before, or
 * memory runs out: such a trace is for reading anew. */
struct trace_array *trace_array_read(struct trace_source *source, struct trace_budget *budget);

/* Gives its memory back, to the budget too. No source of it is open any more. */
void trace_array_free(struct trace_array *array);

/* The same events, or failure, as the source that was read would give. From any thread; NULL if there is no memory. */
struct trace_source *trace_array_open(const struct trace_array *array);

#endif
