/* What a sweep found: a row of cells a run, made from its tree of results, and the forms rows are shown in.
 *
 *     tree of a run (or, of one that failed, error, run.trace and run.config)
 *          --results_row--> [1, "go1.19", ...] --+--> results.csv
 *                                                +--> a JSON array of objects
 *                                                +--> a table to read
 *
 * A row depends on its tree and its number only: a tree read back from runs/NNNN.json gives the same row.
 */
#ifndef SWEEP_RESULTS_H
#define SWEEP_RESULTS_H

#include "report/report.h"
#include "sweep/plan.h"

struct result_column {
    const char *name;
    const char *path, *or_path;                /* in the tree; the second is for what has no first */
    json_t *(*derive)(const json_t *document); /* what is no single member of it; NULL: not there */
    bool asked;                                /* says what was run, rather than what was found */
    const char *heading; /* in the table for people; NULL: only there if asked, and not the same in all runs */
    double unit;         /* by which that table divides a figure; 0: no figure */
};

struct results {
    struct result_column *columns;
    size_t column_count;
    json_t **rows; /* each slot is written once, by whoever ran it */
    size_t count;
};

/* Room for so many rows; settings are keys that runs differ in, as in the plan, and have to stay as long. */
bool results_init(struct results *results, size_t rows, const json_t *settings, struct error *error);
void results_clear(struct results *results);

/* The tree of a run that failed: why, and what was to be run. NULL if there is no memory. */
json_t *results_unfinished(const struct plan_run *run, const char *failure);
/* Keeps a row, the ith of them: of the plan's run with this index. */
void results_take(struct results *results, size_t i, size_t index, const json_t *document);
/* Why the run of a row failed; NULL if it did not. */
const char *results_failure(const struct results *results, size_t i);
/* The number of a row's run, as results.csv has it. */
size_t results_number(const struct results *results, size_t i);

void results_csv(const struct results *results, FILE *out);
json_t *results_json(const struct results *results);
/* For people: of each run what sets it apart and the main figures; the first rows only, where there are many.
 * False if memory runs out. */
bool results_table(const struct results *results, FILE *out);

#endif
