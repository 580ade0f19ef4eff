/* Doing a plan's runs, or a shard of them, and joining shards.
 *
 *     plan, shard --each run on a thread--> a document --+--> DIR/runs/NNNN.json
 *     shards' directories --each run------> a document --+--> the row of it
 *
 * A run's document is written before its row is made, and rows are made of nothing else: those that were there when a
 * sweep is resumed, or that another machine made, give the same rows.
 */
#ifndef SWEEP_RUNNER_H
#define SWEEP_RUNNER_H

#include "sweep/manifest.h"
#include "sweep/output.h"
#include "sweep/results.h"

/* Called now and then: of n runs so many are done, found of them because they were done already. */
struct runner_watch {
    void (*tell)(void *context, size_t done, size_t n, size_t found); /* NULL: nobody watches */
    void *context;
};

/* Runs what is not there yet, and fills in the rows, in the shard's order. memory: bytes for decoded traces. A run that
 * fails is a row; what cannot be written, or no memory, ends it all: false. */
bool runner_sweep(const struct plan *plan, const struct shard *shard, struct output *output, struct results *results,
                  unsigned jobs, uint64_t memory, const struct runner_watch *watch, struct error *error);

/* A sweep's shards, finished. */
struct shards {
    const char **directories; /* by number - 1; the paths are borrowed */
    uint32_t count;
    json_t *manifest; /* of the whole */
};

/* Looks whether the directories hold one sweep's shards, each of them once. What it holds is shards_clear's to free,
 * also after a failure. */
bool shards_open(struct shards *shards, char **directories, size_t n, struct error *error);
void shards_clear(struct shards *shards);
/* Writes all their runs, and fills in the rows, in the plan's order. */
bool runner_merge(const struct shards *shards, struct output *output, struct results *results, unsigned jobs,
                  const struct runner_watch *watch, struct error *error);

#endif
