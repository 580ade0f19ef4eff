/* What a run found, as one tree of results and the forms it is shown in.
 *
 *     struct sim --report_document--> JSON tree --+--> run.json
 *                                                 +--> classes.csv, locks.csv, waits.csv, latency.csv, cycles.csv
 *                                                 +--> the summary on stdout, a sweep's row
 *     struct sim --samples, portraits, histograms----> heap.csv, heap_map.csv, spans.csv, ... (series.h)
 *     struct sim --slices, while it runs-------------> a timeline (timeline_json.h)
 *
 * Every emitter reads the tree, so they cannot disagree. All of it is deterministic but for run.wall and, as it names
 * outputs, run.command, unless run.measured says that threads have been at it.
 */
#ifndef REPORT_H
#define REPORT_H

#include "model/sim.h"

/* What was measured of the run itself, on the wall clock. */
struct wall {
    double seconds;
};

/* The tree; NULL if there is no memory. The caller owns it. trace names what was replayed. */
json_t *report_document(struct sim *sim, const char *trace, struct wall wall);
/* Adds run.command: the words that were typed, `goheap` before those of argv. */
void report_add_command(json_t *document, int argc, char *const *argv);

/* Writes the tree as text; the stream remembers failures. */
void report_dump(const json_t *document, FILE *out);
/* Writes the tree to a path ("-": stdout). */
bool report_write_json(const json_t *document, const char *path, struct error *error);
/* Writes run.json and the CSVs into a directory that exists, telling the name of each on stderr unless quiet. */
bool report_write_directory(const json_t *document, const struct sim *sim, const char *directory, bool quiet,
                            struct error *error);
/* The readable summary. */
void report_summary(const json_t *document, FILE *out);

/* A cycle_listener: a line for the cycle, as Go's gctrace has it, on the FILE that the context is. */
void report_gctrace(void *stream, const struct sim *sim, const struct cycle_record *record);

/* What a lock is called; nothing in it needs quoting in JSON or CSV. */
enum { REPORT_LOCK_NAME = 64 };
void report_lock_name(const struct sim *sim, const struct named_lock *lock, char *name, size_t n);

/* What tiers are called. */
extern const char *const report_tiers[TIERS];

/* The member at a dotted path ("memstats.HeapSys"), or NULL; and as a number, 0 if there is none. */
const json_t *report_at(const json_t *document, const char *path);
double report_number(const json_t *document, const char *path);
/* The sum of a member ("wait_ns") over the locks that can be waited for, which span sets cannot; name: those so called,
 * NULL: all. */
double report_lock_sum(const json_t *document, const char *member, const char *name);
/* Bytes at the peak that live objects' slots and spans are larger than what was asked for: rounding, tiny blocks, tails. */
double report_internal_waste(const json_t *document);
/* Of a moment (fragmentation.peak, fragmentation.end), the bytes of free pages that the OS has not got back. */
double report_kept_pages(const json_t *moment);

#endif
