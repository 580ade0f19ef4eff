/* Defaults are the first that say something, in the order of results.csv: which is that of the plan. */
#include "plot/sweep_pick.h"

#include "base/nearest.h"

#include <string.h>

static const struct sweep_choice no_choice = {.x = NULL};
static const char *const metrics[] = {"peak_mapped_bytes", "gc_cpu_ns", "lock_wait_ns"};
enum { METRICS = sizeof metrics / sizeof metrics[0] };

/* Two that are traded for each other: the first pair that has so many different numbers each. */
static const struct { const char *x, *y; } trades[] = {
    {"classes", "internal_waste_bytes"}, {"gc_cpu_ns", "peak_mapped_bytes"}, {"ps", "lock_wait_ns"}};
enum { TRADES = sizeof trades / sizeof trades[0], FRONT_POINTS = 4 };

/* --- columns by name ----------------------------------------------------------------------------------- */

/* column_count: there is none. */
static size_t find(const struct sweep_table *table, const char *name)
{
    size_t c = 0;
    while (c < table->column_count && strcmp(table->columns[c].name, name) != 0)
        c++;
    return c;
}

static unsigned numbers(const struct sweep_table *table, size_t c)
{
    return c < table->column_count ? table->columns[c].numbers : 0;
}

static bool take(const struct sweep_table *table, const char *name, bool number, size_t *column, struct error *error)
{
    *column = find(table, name);
    if (*column < table->column_count)
        return !number || table->columns[*column].numbers ||
               error_set(error, "column \"%s\" of results.csv holds no numbers", name);
    struct nearest nearest;
    nearest_start(&nearest, name, strlen(name));
    for (size_t c = 0; c < table->column_count; c++)
        nearest_offer(&nearest, table->columns[c].name, strlen(table->columns[c].name));
    if (nearest.best)
        return error_set(error, "results.csv has no column \"%.60s\"; did you mean \"%.60s\"?", name, nearest.best);
    return error_set(error, "results.csv has no column \"%.60s\" (its first line names them)", name);
}

/* --- x and y ------------------------------------------------------------------------------------------- */

/* Of what was asked: the most different numbers, or values; column_count if none has two. */
static size_t most_different(const struct sweep_table *table, bool number)
{
    size_t best = table->column_count;
    unsigned most = 1;
    for (size_t c = 0; c < table->column_count; c++) {
        const struct sweep_column *column = &table->columns[c];
        unsigned n = number ? column->numbers : column->values;
        if (column->asked && n > most) {
            most = n;
            best = c;
        }
    }
    return best;
}

static void default_metrics(const struct sweep_table *table, const struct sweep_pick *pick, size_t *y, size_t *ys)
{
    for (size_t m = 0; m < METRICS; m++) {
        size_t c = find(table, metrics[m]);
        if (numbers(table, c) > 1 && c != pick->x)
            y[(*ys)++] = c;
    }
    for (size_t c = 0; c < table->column_count && *ys == 0; c++)
        if (!table->columns[c].asked && numbers(table, c) > 1 && c != pick->x &&
            strcmp(table->columns[c].name, "run") != 0)
            y[(*ys)++] = c;
}

static enum sweep_outcome pick_metrics(const struct sweep_table *table, const struct sweep_choice *choice,
                                       struct sweep_pick *pick, struct error *error)
{
    for (; pick->ys < choice->ys; pick->ys++)
        if (!take(table, choice->y[pick->ys], true, &pick->y[pick->ys], error))
            return SWEEP_WRONG;
    if (pick->ys == 0)
        default_metrics(table, pick, pick->y, &pick->ys);
    if (pick->ys)
        return SWEEP_GOOD;
    error_set(error, "no metric differs between the runs");
    return SWEEP_NOTHING;
}

/* --- by ------------------------------------------------------------------------------------------------ */

bool sweep_split(const struct sweep_table *table, size_t column, unsigned *group)
{
    const unsigned *id = table->columns[column].id;
    unsigned was[SWEEP_ROWS];
    bool split = false;
    memcpy(was, group, table->rows * sizeof *was);
    for (unsigned i = 0; i < table->rows; i++) {
        unsigned first = was[i];
        while (was[first] != was[i] || id[first] != id[i])
            first++;
        group[i] = first;
        split = split || first != was[i];
    }
    return split;
}

/* given: where a row is along x is one of the things that tell it from others. */
static enum sweep_outcome pick_by(const struct sweep_table *table, const struct sweep_choice *choice, bool given,
                                  struct sweep_pick *pick, struct error *error)
{
    unsigned group[SWEEP_ROWS] = {0};
    for (; pick->bys < choice->bys; pick->bys++)
        if (!take(table, choice->by[pick->bys], false, &pick->by[pick->bys], error))
            return SWEEP_WRONG;
    if (pick->bys)
        return SWEEP_GOOD;
    if (given)
        sweep_split(table, pick->x, group);
    for (size_t c = 0; c < table->column_count && pick->bys < SWEEP_BYS; c++)
        if (table->columns[c].asked && c != pick->x && sweep_split(table, c, group))
            pick->by[pick->bys++] = c;
    return SWEEP_GOOD;
}

/* --- all of it ----------------------------------------------------------------------------------------- */

/* x is picked: that there is something along it, and what there is to show. */
static enum sweep_outcome pick_rest(const struct sweep_table *table, const struct sweep_choice *choice,
                                    unsigned different, struct sweep_pick *pick, struct error *error)
{
    if (different < 2) {
        error_set(error, "all runs have the same %s", table->columns[pick->x].name);
        return SWEEP_NOTHING;
    }
    enum sweep_outcome outcome = pick_metrics(table, choice, pick, error);
    return outcome == SWEEP_GOOD ? pick_by(table, choice, true, pick, error) : outcome;
}

static bool any_row(const struct sweep_table *table, struct error *error)
{
    return table->rows || error_set(error, "no run of the sweep succeeded");
}

static enum sweep_outcome pick_axis(const struct sweep_table *table, const struct sweep_choice *choice, bool number,
                                    struct sweep_pick *pick, struct error *error)
{
    *pick = (struct sweep_pick){.ys = 0};
    if (!any_row(table, error))
        return SWEEP_NOTHING;
    if (choice->x)
        return take(table, choice->x, number, &pick->x, error) ? SWEEP_GOOD : SWEEP_WRONG;
    pick->x = most_different(table, true);
    if (pick->x == table->column_count && !number)
        pick->x = most_different(table, false);
    if (pick->x < table->column_count)
        return SWEEP_GOOD;
    error_set(error, number ? "nothing that was varied is a number" : "nothing was varied");
    return SWEEP_NOTHING;
}

enum sweep_outcome sweep_pick_lines(const struct sweep_table *table, const struct sweep_choice *choice,
                                    struct sweep_pick *pick, struct error *error)
{
    choice = choice ? choice : &no_choice;
    enum sweep_outcome outcome = pick_axis(table, choice, true, pick, error);
    return outcome == SWEEP_GOOD ? pick_rest(table, choice, table->columns[pick->x].numbers, pick, error) : outcome;
}

enum sweep_outcome sweep_pick_grid(const struct sweep_table *table, const struct sweep_choice *choice,
                                   struct sweep_pick *pick, struct error *error)
{
    choice = choice ? choice : &no_choice;
    enum sweep_outcome outcome = pick_axis(table, choice, false, pick, error);
    if (outcome == SWEEP_GOOD)
        outcome = pick_rest(table, choice, table->columns[pick->x].values, pick, error);
    if (outcome == SWEEP_GOOD && pick->bys == 0) {
        error_set(error, "only %s was varied", table->columns[pick->x].name);
        return SWEEP_NOTHING;
    }
    pick->ys = 1;
    return outcome;
}

/* Those of the trade that the user does not say. */
static enum sweep_outcome pick_trade(const struct sweep_table *table, const struct sweep_choice *choice,
                                     struct sweep_pick *pick, struct error *error)
{
    unsigned needed = choice->x || choice->ys ? 2 : FRONT_POINTS;
    for (size_t t = 0; t < TRADES; t++) {
        const char *x = choice->x ? choice->x : trades[t].x, *y = choice->ys ? choice->y[0] : trades[t].y;
        bool half = choice->x && !choice->ys;
        if ((half && strcmp(x, trades[t].x) != 0) || strcmp(x, y) == 0)
            continue;
        pick->x = find(table, x);
        pick->y[0] = find(table, y);
        pick->ys = 1;
        if (numbers(table, pick->x) >= needed && numbers(table, pick->y[0]) >= needed)
            return SWEEP_GOOD;
    }
    error_set(error, "no two metrics to be traded for each other have %u different numbers each (name them by --x and "
              "--y)", needed);
    return SWEEP_NOTHING;
}

enum sweep_outcome sweep_pick_front(const struct sweep_table *table, const struct sweep_choice *choice,
                                    struct sweep_pick *pick, struct error *error)
{
    choice = choice ? choice : &no_choice;
    size_t ignored;
    *pick = (struct sweep_pick){.ys = 0};
    if (!any_row(table, error))
        return SWEEP_NOTHING;
    if ((choice->x && !take(table, choice->x, true, &ignored, error)) ||
        (choice->ys && !take(table, choice->y[0], true, &ignored, error)))
        return SWEEP_WRONG;
    enum sweep_outcome outcome = pick_trade(table, choice, pick, error);
    return outcome == SWEEP_GOOD ? pick_by(table, choice, table->columns[pick->x].asked, pick, error) : outcome;
}
