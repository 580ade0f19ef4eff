/* What says of a directory which sweep it holds, so that only what belongs together is put together:
 *
 *     {"goheap": "1.0.0", "runs": 1000,
 *      "shard": {"number": 1, "of": 4},                          not there: all of it
 *      "settings": ["ps", "gogc"],                               that the runs differ in
 *      "traces": [{"name": "a.ght", "bytes": 123, "crc32c": "89abcdef"}],
 *      "configurations": "01234567"}                             CRC-32C of every run's, size classes included
 *
 * Nothing in it depends on how the plan is written, where it lies, or on the machine.
 */
#ifndef SWEEP_MANIFEST_H
#define SWEEP_MANIFEST_H

#include "sweep/plan.h"

/* Every Nth run of a plan: number - 1, number - 1 + of, ... of the indices. */
struct shard {
    uint32_t number, of; /* 1 <= number <= of; 1 of 1 is all of them */
};

/* How many of the runs are the shard's; and the index of its ith. */
size_t shard_count(const struct shard *shard, size_t runs);
size_t shard_index(const struct shard *shard, size_t i);

/* NULL with *error: a trace cannot be read, or no memory. The caller owns it. */
json_t *manifest_new(const struct plan *plan, const struct shard *shard, struct error *error);
/* Reads the one in a directory. *there: there is a file, good or not. NULL with *error if it is none or not good. */
json_t *manifest_load(const char *directory, bool *there, struct error *error);
bool manifest_save(const json_t *manifest, const char *directory, struct error *error);
/* There is none afterwards. */
bool manifest_remove(const char *directory, struct error *error);

struct shard manifest_shard(const json_t *manifest);
size_t manifest_runs(const json_t *manifest); /* of all shards together */
/* What differs, in words for "another sweep: its ..."; NULL: they are of one sweep. Shards are not looked at. */
const char *manifest_difference(const json_t *a, const json_t *b);

/* DIRECTORY/FILE in path[0..PATH_MAX). */
bool manifest_join(char *path, const char *directory, const char *file, struct error *error);

#endif
