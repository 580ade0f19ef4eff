/* A sweep's plan: the axes of a grid, and each run of it.
 *
 *     {"note": "what is asked",
 *      "traces": ["traces/redis.csv.zst"],
 *      "configs": ["go1.19", "locked-central"],         as replay's -c; left out: the default one
 *      "size_classes": ["go1.19", [[8, 1], [16, 1], ...]], names in configs/classes, or tables; optional
 *      "ps": [1, 2, 4, 8],                                optional
 *      "set": {"gogc": [50, 100], "pacing": "max"}}       any other setting, by its dotted key
 *
 * A single value stands for a list of one. The runs are the product of the lists, in the order above, those
 * of `set` in the file's order; the last varies fastest. A trace is looked for in the plan's directory, then
 * in the working directory, then in the directories above the plan's.
 *
 * Invariant: a loaded plan is sound (every trace opens, every run's configuration has passed the core's
 * check) and does not change any more, so that threads may read it side by side. A run is made from its index
 * alone.
 */
#ifndef SWEEP_PLAN_H
#define SWEEP_PLAN_H

#include "model/config.h"

#include <limits.h>

enum { PLAN_RUNS_MAX = 100000 };
enum { PLAN_SETTINGS = 2 }; /* the axes from here on are settings */

struct axis {
    const char *key; /* as the plan has it; a setting's, but for traces and configs */
    json_t *values;  /* a list, never empty */
    size_t stride;   /* runs from one value to the next */
};

struct plan {
    char path[PATH_MAX];                              /* starts its errors */
    json_t *traces, *configs, *size_classes, *ps, *set; /* as in the file; NULL: not there */
    struct axis *axes; /* the slowest first: traces, configs, and then settings */
    size_t axis_count;
    char **trace_paths;          /* of each trace, where it was found */
    struct sim_config *bases;    /* of each config */
    size_t runs;
};

/* One run. Its configuration shares no reference with the plan. */
struct plan_run {
    const char *trace, *trace_path; /* as the plan names it, and where it is; the plan's */
    struct sim_config config;
};

/* Reads and checks a plan: a path, "-", or a name in configs/plans. What it holds is plan_clear's to free,
 * also after a failure. */
bool plan_load(struct plan *plan, const char *name, struct error *error);
void plan_clear(struct plan *plan);

/* The run with an index below plan->runs, for plan_run_clear. False when memory runs out. */
bool plan_run_init(struct plan_run *run, const struct plan *plan, size_t index, struct error *error);
void plan_run_clear(struct plan_run *run);

#endif
