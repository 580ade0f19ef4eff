/* What a sweep found: a row of cells a run, made from its tree of results, and the forms rows are shown in.
 *
 *     tree of a run (or, of one that failed, just run.trace and run.config)
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
    json_t **rows; /* by the run's index; each slot is written once, by whoever ran it */
    size_t count;
};

/* Room for a plan's runs; the plan has to stay as long. */
bool results_init(struct results *results, const struct plan *plan, struct error *error);
void results_clear(struct results *results);

/* The tree of a run that failed: what was to be run. */
json_t *results_unfinished(const struct plan_run *run);
/* Keeps the row of a run. failure: NULL, or why it failed. */
void results_take(struct results *results, size_t index, const json_t *document, const char *failure);
/* Why a run failed; NULL if it did not. */
const char *results_failure(const struct results *results, size_t index);

void results_csv(const struct results *results, FILE *out);
json_t *results_json(const struct results *results);
/* For people: of each run what sets it apart and the main figures; the first rows only, where there are many.
 * False if memory runs out. */
bool results_table(const struct results *results, FILE *out);

#endif
