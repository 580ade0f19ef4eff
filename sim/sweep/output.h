/* A sweep's directory:
 *
 *     DIR/results.csv       appears when all runs are done
 *     DIR/runs/0001.json    a run's document, as it is done; numbered as the rows are
 *
 * Invariant: what is in it is of one sweep. Opening the directory removes what an earlier one left there.
 */
#ifndef SWEEP_OUTPUT_H
#define SWEEP_OUTPUT_H

#include "base/out_file.h"

#include <jansson.h>
#include <semaphore.h>

struct output {
    const char *directory; /* borrowed */
    struct out_file csv;
    FILE *csv_stream;
    sem_t writing; /* as many files may be written at once */
};

/* Makes the directory, empties it, opens results.csv. Success ends in output_commit or output_abandon. */
bool output_open(struct output *output, const char *directory, struct error *error);
bool output_commit(struct output *output, struct error *error);
void output_abandon(struct output *output);

/* Writes a run's document; from any thread. */
bool output_run(struct output *output, size_t index, const json_t *document, struct error *error);

#endif
