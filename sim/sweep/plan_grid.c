/* Which points of the grid are run: all, but those that skip leaves out; of these a sample, if one is asked for.
 *
 * The sample is the beginning of a permutation of the grid, put in order. The permutation is a Feistel network over the
 * next power of 4, walked until it comes back into the grid, so that a grid of any size needs no memory and no point is
 * drawn twice (Black and Rogaway, "Ciphers with arbitrary finite domains", 2002: cycle walking). */
#include "sweep/plan.h"

#include "base/setting_value.h"
#include "generate/random.h"

#include <stdlib.h>
#include <string.h>

#define GRID_SAMPLED_MAX (UINT64_C(1) << 60) /* points that a sample may be of */

enum { DRAWS_MAX = 100000000 }; /* points looked at for a sample: seconds */

struct sample {
    uint64_t runs, seed;
};

static const struct setting sample_table[] = {
    {.key = "runs", .type = SETTING_U64, .offset = offsetof(struct sample, runs), .min = 1, .max = PLAN_RUNS_MAX},
    {.key = "seed", .type = SETTING_U64, .offset = offsetof(struct sample, seed)},
};

size_t plan_pick(const struct axis *axis, uint64_t point)
{
    return (size_t)(point / axis->stride % json_array_size(axis->values));
}

/* Strides, from the fastest axis on; how many points there are, 0 if there are too many. */
static uint64_t lay_out(struct plan *plan, uint64_t most)
{
    uint64_t points = 1;
    for (size_t a = plan->axis_count; a-- > 0;) {
        size_t n = json_array_size(plan->axes[a].values);
        plan->axes[a].stride = points;
        if (n > most / points)
            return 0;
        points *= n;
    }
    return points;
}

/* --- skip ---------------------------------------------------------------------------------------------- */

/* The one axis that gives the key values; NULL if there is none. */
static struct axis *axis_of(const struct plan *plan, const char *key)
{
    for (size_t a = 0; a < plan->axis_count; a++)
        for (size_t i = 0; i < json_array_size(plan->axes[a].values); i++)
            if (plan_axis_value(&plan->axes[a], i, key))
                return &plan->axes[a];
    return NULL;
}

static bool is_value(const struct axis *axis, const char *key, const json_t *wanted)
{
    for (size_t i = 0; i < json_array_size(axis->values); i++) {
        const json_t *value = plan_axis_value(axis, i, key);
        if (value && json_equal(value, wanted))
            return true;
    }
    return false;
}

static bool is_one_of(const json_t *wanted, const json_t *value)
{
    size_t i;
    const json_t *one;
    json_array_foreach(wanted, i, one)
        if (json_equal(one, value))
            return true;
    return false;
}

/* A condition that no run can meet is a slip of the pen. */
static bool check_wanted(const struct plan *plan, const struct axis *axis, const char *key, const json_t *wanted,
                         size_t entry, struct error *error)
{
    char quoted[80];
    if (is_value(axis, key, wanted))
        return true;
    setting_quote_json(wanted, quoted, sizeof quoted);
    return error_set(error, "%s: skip: entry %zu: %s: no run has %s", plan->path, entry + 1, key, quoted);
}

/* Takes the entry's bit from the axis' values that do not agree with a condition: a value, or a list of several, unless
 * that list is a value itself. */
static bool apply_condition(struct plan *plan, size_t entry, const char *key, const json_t *wanted,
                            struct error *error)
{
    struct axis *axis = axis_of(plan, key);
    if (!axis)
        return error_set(error, "%s: skip: entry %zu: \"%s\" is nothing that this plan gives values", plan->path,
                         entry + 1, key);
    bool several = json_is_array(wanted) && !is_value(axis, key, wanted);
    for (size_t i = 0; i < (several ? json_array_size(wanted) : 1); i++)
        if (!check_wanted(plan, axis, key, several ? json_array_get(wanted, i) : wanted, entry, error))
            return false;
    for (size_t i = 0; i < json_array_size(axis->values); i++) {
        const json_t *value = plan_axis_value(axis, i, key);
        if (!value || !(several ? is_one_of(wanted, value) : json_equal(wanted, value)))
            axis->agree[i] &= ~(UINT64_C(1) << entry);
    }
    return true;
}

static bool apply_skip(struct plan *plan, size_t entry, const json_t *conditions, struct error *error)
{
    const char *key;
    json_t *wanted;
    size_t count = 0;
    json_object_foreach((json_t *)conditions, key, wanted) {
        if (strcmp(key, "note") == 0)
            continue;
        if (!apply_condition(plan, entry, key, wanted, error))
            return false;
        count++;
    }
    return count || error_set(error, "%s: skip: entry %zu: expected an object of keys and their values", plan->path,
                              entry + 1);
}

/* Fills in axis->agree. */
static bool apply_skips(struct plan *plan, struct error *error)
{
    size_t n = json_is_array(plan->skip) ? json_array_size(plan->skip) : plan->skip != NULL;
    if (n > PLAN_SKIPS_MAX)
        return error_set(error, "%s: skip: more than %d entries", plan->path, PLAN_SKIPS_MAX);
    for (size_t a = 0; a < plan->axis_count; a++) {
        size_t values = json_array_size(plan->axes[a].values);
        plan->axes[a].agree = malloc(values * sizeof *plan->axes[a].agree);
        if (!plan->axes[a].agree)
            return error_set(error, "out of memory");
        for (size_t i = 0; i < values; i++)
            plan->axes[a].agree[i] = n < PLAN_SKIPS_MAX ? (UINT64_C(1) << n) - 1 : UINT64_MAX;
    }
    for (size_t entry = 0; entry < n; entry++)
        if (!apply_skip(plan, entry, json_is_array(plan->skip) ? json_array_get(plan->skip, entry) : plan->skip, error))
            return false;
    return true;
}

static bool is_skipped(const struct plan *plan, uint64_t point)
{
    uint64_t agree = UINT64_MAX;
    for (size_t a = 0; a < plan->axis_count && agree; a++)
        agree &= plan->axes[a].agree[plan_pick(&plan->axes[a], point)];
    return agree != 0;
}

/* --- points -------------------------------------------------------------------------------------------- */

static bool choose_all(struct plan *plan, uint64_t points, struct error *error)
{
    for (uint64_t point = 0; point < points; point++) {
        if (is_skipped(plan, point))
            continue;
        if (plan->runs == PLAN_RUNS_MAX)
            return error_set(error, "%s: more than %d runs", plan->path, PLAN_RUNS_MAX);
        plan->points[plan->runs++] = point;
    }
    return plan->runs || error_set(error, "%s: skip leaves nothing to run", plan->path);
}

enum { ROUNDS = 6 };

struct permutation {
    uint64_t keys[ROUNDS], points;
    unsigned half; /* bits */
};

static void permutation_init(struct permutation *p, uint64_t points, uint64_t seed)
{
    struct random random;
    random_seed(&random, seed);
    for (unsigned i = 0; i < ROUNDS; i++)
        p->keys[i] = random_u64(&random);
    p->points = points;
    p->half = 1;
    while (UINT64_C(1) << 2 * p->half < points)
        p->half++;
}

static uint64_t permute_once(const struct permutation *p, uint64_t x)
{
    uint64_t mask = (UINT64_C(1) << p->half) - 1, left = x >> p->half, right = x & mask;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct random mixed;
        random_seed(&mixed, right ^ p->keys[i]);
        uint64_t next = left ^ (mixed.s[0] & mask);
        left = right;
        right = next;
    }
    return left << p->half | right;
}

static uint64_t permute(const struct permutation *p, uint64_t point)
{
    do
        point = permute_once(p, point);
    while (point >= p->points);
    return point;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static bool choose_sample(struct plan *plan, const struct sample *sample, uint64_t points, struct error *error)
{
    struct permutation permutation;
    permutation_init(&permutation, points, sample->seed);
    for (uint64_t drawn = 0; plan->runs < sample->runs; drawn++) {
        if (drawn == points || drawn == DRAWS_MAX)
            return error_set(error, "%s: sample: expected at most the %zu runs that there are%s, got %llu", plan->path,
                             plan->runs, drawn == points ? "" : " among the first 100 million drawn",
                             (unsigned long long)sample->runs);
        uint64_t point = permute(&permutation, drawn);
        if (!is_skipped(plan, point))
            plan->points[plan->runs++] = point;
    }
    qsort(plan->points, plan->runs, sizeof *plan->points, by_number);
    return true;
}

static bool read_sample(const struct plan *plan, struct sample *sample, struct error *error)
{
    char source[PATH_MAX + 16];
    snprintf(source, sizeof source, "%s: sample", plan->path);
    return settings_load_json(sample_table, sizeof sample_table / sizeof sample_table[0], sample, plan->sample, source,
                              error) &&
           (sample->runs || error_set(error, "%s: expected a number of runs", source));
}

bool plan_choose_points(struct plan *plan, struct error *error)
{
    struct sample sample = {.runs = 0};
    uint64_t most = plan->sample ? GRID_SAMPLED_MAX : PLAN_GRID_MAX, points = lay_out(plan, most);
    if (!points)
        return error_set(error, "%s: more than %llu combinations", plan->path, (unsigned long long)most);
    plan->points = calloc(PLAN_RUNS_MAX, sizeof *plan->points); /* touched as far as there are runs */
    if (!plan->points)
        return error_set(error, "out of memory");
    if (!apply_skips(plan, error))
        return false;
    return plan->sample ? read_sample(plan, &sample, error) && choose_sample(plan, &sample, points, error)
                        : choose_all(plan, points, error);
}
