/* A sweep's directory:
 *
 *     DIR/manifest.json     which sweep it is (manifest.h), from before the first run on
 *     DIR/runs/0001.json    a run's document, as it is done; numbered as in the plan, whatever shard it is of
 *     DIR/results.csv       appears when all runs are done
 *
 * Invariant: each of these files is whole at every moment, and all are of the manifest's sweep. So whatever kills the
 * program, what was done is done: opening the directory again for the same sweep goes on from there.
 */
#ifndef SWEEP_OUTPUT_H
#define SWEEP_OUTPUT_H

#include "base/out_file.h"

#include <jansson.h>
#include <semaphore.h>

struct output {
    const char *directory; /* borrowed */
    bool resumed;          /* runs that are there count */
    int lock;              /* the directory, that nobody else may sweep into */
    struct out_file csv;
    FILE *csv_stream;
    sem_t writing; /* as many files may be written at once */
};

/* Makes the directory, opens results.csv, and sees to what the directory holds already. resume: runs of the same sweep
 * stay, one that is writing there is waited for, another sweep is an error. Else a finished sweep is removed, an
 * unfinished one is an error. Success ends in output_commit or output_abandon. */
bool output_open(struct output *output, const char *directory, const json_t *manifest, bool resume,
                 struct error *error);
bool output_commit(struct output *output, struct error *error);
void output_abandon(struct output *output);

/* Writes a run's document; from any thread. */
bool output_run(struct output *output, size_t index, const json_t *document, struct error *error);
/* The document of a run in a sweep's directory; NULL with *error if there is none, or it is damaged. */
json_t *output_load(const char *directory, size_t index, struct error *error);
/* Whether the directory has results.csv. */
bool output_is_finished(const char *directory);

#endif
