/* A sweep's plan: axes, the points of their grid that are run, and each run.
 *
 *     {"note": "what is asked",
 *      "traces": ["traces/redis.csv.zst"],
 *      "configs": ["go1.19", ["go1.26", "cost/seeds"]],   as replay's -c, a list of several; left out: the default one
 *      "size_classes": ["go1.19", [[8, 1], [16, 1], ...]], any value that this setting takes; optional
 *      "ps": [1, 2, 4, 8],                                optional
 *      "set": {"gogc": [50, 100], "pacing": "max"},       any other setting, by its dotted key
 *      "list": [{"page_size": "8KiB"}, {"page_size": "16KiB", "size_classes": "pow2"}],  what goes together
 *      "skip": [{"ps": 8, "config": ["go1.19"]}],         no run agrees with all of an entry
 *      "sample": {"runs": 100, "seed": 1}}                so many of what is left, at random
 *
 * A single value stands for a list of one. The grid is the product of the lists, in the order above, those of `set` in
 * the file's order; the last varies fastest. An entry of `list` is one value of one axis, though it sets several keys,
 * "trace" and "config" among them. A trace is looked for in the plan's directory, then in the working directory, then
 * in the directories above the plan's. Nothing in a replay is drawn at random, so no run is worth repeating.
 *
 * Invariant: a loaded plan is sound (every trace opens, every run's configuration has passed the core's check) and does
 * not change any more, so that threads may read it side by side. A run is made from its index alone.
 */
#ifndef SWEEP_PLAN_H
#define SWEEP_PLAN_H

#include "model/config.h"

#include <limits.h>

enum { PLAN_RUNS_MAX = 100000, PLAN_GRID_MAX = 10000000, PLAN_SKIPS_MAX = 64 };

struct axis {
    const char *key; /* as results.csv has it; NULL: of the list, whose values are objects */
    json_t *values;  /* a list, never empty */
    uint64_t stride; /* points from one value to the next */
    uint64_t *agree; /* of each value, a bit for each entry of skip: they agree, in the keys that both have */
};

struct plan {
    char path[PATH_MAX]; /* starts its errors */
    json_t *traces, *configs, *size_classes, *ps, *set, *list, *skip, *sample; /* as in the file; NULL: not there */
    struct axis *axes; /* the slowest first */
    size_t axis_count;
    json_t *settings; /* keys of those that runs may differ in, in the order of the axes */
    json_t *trace_names; /* as the plan has them, */
    char **trace_paths;  /* and where each was found */
    size_t trace_count;
    json_t *base_names; /* what the plan says of each configuration, */
    struct sim_config *bases; /* and what that is */
    size_t base_count;
    uint64_t *points; /* of the grid: the runs, in order */
    size_t runs;
    uint32_t digest; /* of every run's trace name, settings and size classes */
};

/* One run. Its configuration shares no reference with the plan. */
struct plan_run {
    const char *trace, *trace_path; /* as the plan names it, and where it is; the plan's */
    size_t trace_number;
    struct sim_config config;
};

/* Reads and checks a plan: a path, "-", or a name in configs/plans. What it holds is plan_clear's to free,
 * also after a failure. */
bool plan_load(struct plan *plan, const char *name, struct error *error);
void plan_clear(struct plan *plan);

/* The run with an index below plan->runs, for plan_run_clear. False when memory runs out. */
bool plan_run_init(struct plan_run *run, const struct plan *plan, size_t index, struct error *error);
void plan_run_clear(struct plan_run *run);

/* --- between the files of the plan --------------------------------------------------------------------- */

/* plan_axes.c: makes plan->axes, settings, trace_names and base_names of the file's members, and checks each value. */
bool plan_make_axes(struct plan *plan, struct error *error);
/* Gives a config the value, which is copied: settings keep references, and the plan's are not to be counted by several
 * threads. source starts the error, as in settings.h. */
bool plan_apply(struct sim_config *config, const char *key, const json_t *value, const char *source,
                struct error *error);
/* Whether the key chooses the trace or the configuration, rather than being a setting of that. */
bool plan_key_chooses(const char *key);
/* The value that an axis gives the key at its i-th value, NULL if none; borrowed. */
const json_t *plan_axis_value(const struct axis *axis, size_t i, const char *key);

/* plan_grid.c: makes plan->points of the axes, skip and sample. */
bool plan_choose_points(struct plan *plan, struct error *error);
/* Which of an axis' values a point has. */
size_t plan_pick(const struct axis *axis, uint64_t point);

#endif
