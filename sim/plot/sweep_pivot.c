/* Rows to cells: by the first row that has the same x, and the first of the same series. */
#include "plot/sweep_pivot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NOWHERE = SWEEP_ROWS };

static int by_number(const void *a, const void *b)
{
    const struct sweep_place *x = a, *y = b;
    if (isnan(x->number) != isnan(y->number))
        return isnan(x->number) ? 1 : -1;
    if (!isnan(x->number) && x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static void find_places(struct sweep_pivot *pivot, const struct sweep_table *table, size_t column, bool numbers)
{
    for (size_t i = 0; i < table->rows; i++) {
        struct sweep_place place = {.row = i, .number = NAN};
        bool is_number = sweep_number(table, i, column, &place.number);
        if (table->columns[column].id[i] == i && (is_number || !numbers))
            pivot->places[pivot->place_count++] = place;
    }
    qsort(pivot->places, pivot->place_count, sizeof pivot->places[0], by_number);
}

/* Series are groups of rows; each row's is series_of[group[row]]. */
static void find_series(struct sweep_pivot *pivot, size_t rows, const unsigned *group, size_t most, size_t *series_of)
{
    for (size_t i = 0; i < rows; i++) {
        series_of[i] = NOWHERE;
        if (group[i] != i)
            continue;
        if (pivot->series_count == most) {
            pivot->series_left_out++;
            continue;
        }
        series_of[i] = pivot->series_count;
        pivot->series[pivot->series_count++] = i;
    }
}

static size_t cell(const struct sweep_pivot *pivot, size_t series, size_t place)
{
    return series * pivot->place_count + place;
}

static void add_run(struct sweep_pivot *pivot, const struct sweep_table *table, const struct sweep_pick *pick,
                    size_t row, size_t at)
{
    for (size_t m = 0; m < pivot->metric_count; m++) {
        double number = NAN;
        sweep_number(table, row, pick->y[m], &number);
        pivot->sums[at * pivot->metric_count + m] += number;
    }
    pivot->runs[at]++;
    if (pivot->runs[at] > pivot->most)
        pivot->most = pivot->runs[at];
}

/* Places are few beside the rows, or as many: both ways a row's is found by the first row of its value. */
static void add_runs(struct sweep_pivot *pivot, const struct sweep_table *table, const struct sweep_pick *pick,
                     const unsigned *group, const size_t *series_of)
{
    size_t place_of[SWEEP_ROWS];
    for (size_t i = 0; i < table->rows; i++)
        place_of[i] = NOWHERE;
    for (size_t p = 0; p < pivot->place_count; p++)
        place_of[pivot->places[p].row] = p;
    for (size_t i = 0; i < table->rows; i++) {
        size_t place = place_of[table->columns[pick->x].id[i]], series = series_of[group[i]];
        if (place == NOWHERE)
            pivot->runs_left_out++;
        else if (series != NOWHERE)
            add_run(pivot, table, pick, i, cell(pivot, series, place));
    }
}

bool sweep_pivot_make(struct sweep_pivot *pivot, const struct sweep_table *table, const struct sweep_pick *pick,
                      bool numbers, size_t most_series, size_t most_places)
{
    unsigned group[SWEEP_ROWS] = {0};
    size_t series_of[SWEEP_ROWS];
    memset(pivot, 0, sizeof *pivot);
    pivot->places = calloc(table->rows, sizeof *pivot->places);
    pivot->series = calloc(most_series, sizeof *pivot->series);
    if (!pivot->places || !pivot->series)
        return false;
    find_places(pivot, table, pick->x, numbers);
    if (pivot->place_count > most_places)
        pivot->place_count = most_places;
    for (size_t b = 0; b < pick->bys; b++)
        sweep_split(table, pick->by[b], group);
    find_series(pivot, table->rows, group, most_series, series_of);
    pivot->metric_count = pick->ys;
    size_t cells = pivot->series_count * pivot->place_count;
    pivot->sums = calloc(cells * pick->ys + 1, sizeof *pivot->sums);
    pivot->runs = calloc(cells + 1, sizeof *pivot->runs);
    if (!pivot->sums || !pivot->runs)
        return false;
    add_runs(pivot, table, pick, group, series_of);
    return true;
}

void sweep_pivot_free(struct sweep_pivot *pivot)
{
    free(pivot->places);
    free(pivot->series);
    free(pivot->sums);
    free(pivot->runs);
}

double sweep_pivot_at(const struct sweep_pivot *pivot, size_t series, size_t place, size_t metric)
{
    size_t at = cell(pivot, series, place);
    return pivot->runs[at] ? pivot->sums[at * pivot->metric_count + metric] / pivot->runs[at] : (double)NAN;
}
