/* The lines and the grid of a sweep, and what they share with the front. */
#include "plot/sweep_figures.h"

#include "plot/sweep_pivot.h"
#include "plot/sweep_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SERIES = 16, PLACES = SWEEP_ROWS, GRID_ROWS = 24, GRID_COLUMNS = 16 };

/* From here on an axis is better drawn in powers. */
static const double wide = 8;
/* Of an axis' length: a letter of a tick's name, and the room beside it. */
static const double tick_letter = 0.0125, tick_beside = 0.02;

/* --- pieces -------------------------------------------------------------------------------------------- */

void sweep_end_block(FILE *out)
{
    fputs("\n\n", out);
}

void sweep_put_column(FILE *out, const struct sweep_table *table, size_t column)
{
    char text[SWEEP_TEXT];
    sweep_column_text(table->columns[column].name, text);
    sweep_put_text(out, text, 60);
    fprintf(out, "\t%d", (int)sweep_unit(table->columns[column].name));
}

static void note_count(FILE *note, size_t n, const char *one, const char *several)
{
    if (n)
        fprintf(note, "; %zu %s", n, n == 1 ? one : several);
}

/* What was asked and is the same everywhere: only what somebody reading the figure has to know. */
static void note_common(FILE *note, const struct sweep_table *table)
{
    static const char *const names[] = {"config", "trace", "size_classes", "ps", "gogc", "pacing"};
    const char *separator = ": ";
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++)
        for (size_t c = 0; c < table->column_count; c++) {
            char text[SWEEP_TEXT];
            if (strcmp(table->columns[c].name, names[n]) != 0 || table->columns[c].values != 1)
                continue;
            sweep_setting_text(names[n], sweep_cell(table, 0, c), text);
            fprintf(note, "%s%.60s", separator, text);
            separator = ", ";
        }
}

void sweep_put_note(FILE *out, const struct sweep_table *table, const char *title, struct sweep_omitted omitted)
{
    char text[8 * SWEEP_TEXT] = "";
    FILE *note = fmemopen(text, sizeof text, "w");
    if (!note)
        abort();
    fprintf(note, "%.60s", title);
    note_common(note, table);
    if (omitted.mean_of > 1)
        fprintf(note, "; means of up to %u runs", omitted.mean_of);
    note_count(note, table->failed, "failed run left out", "failed runs left out");
    note_count(note, omitted.series, "series left out", "series left out");
    note_count(note, omitted.columns, "column left out", "columns left out");
    note_count(note, omitted.runs, "run without such a number left out", "runs without such a number left out");
    note_count(note, table->left_out, "row beyond the 1,000th left out", "rows beyond the 1,000th left out");
    fclose(note);
    sweep_put_text(out, text, 130);
}

static void put_series(FILE *out, const struct sweep_table *table, const struct sweep_pick *pick,
                       const struct sweep_pivot *pivot, size_t most)
{
    for (size_t s = 0; s < pivot->series_count; s++) {
        char text[SWEEP_TEXT];
        sweep_row_text(table, pivot->series[s], pick->by, pick->bys, text);
        sweep_put_text(out, text, most);
        fputc('\n', out);
    }
    sweep_end_block(out);
}

static enum sweep_outcome out_of_memory(struct error *error)
{
    error_set(error, "out of memory");
    return SWEEP_WRONG;
}

/* --- lines --------------------------------------------------------------------------------------------- */

static bool in_powers(const struct sweep_pivot *pivot)
{
    double first = pivot->places[0].number, last = pivot->places[pivot->place_count - 1].number;
    return first > 0 && last / first >= wide;
}

/* Places that have room for a name, from the left; always the first. */
static void put_ticks(FILE *out, const struct sweep_table *table, size_t column, const struct sweep_pivot *pivot)
{
    bool powers = in_powers(pivot);
    double first = pivot->places[0].number, last = pivot->places[pivot->place_count - 1].number, before = -1;
    double length = powers ? log(last / first) : last - first;
    for (size_t i = 0; i < pivot->place_count; i++) {
        double x = pivot->places[i].number, at = (powers ? log(x / first) : x - first) / (length > 0 ? length : 1);
        char text[SWEEP_TEXT];
        sweep_value_text(table->columns[column].name, sweep_cell(table, pivot->places[i].row, column), text);
        if (i && at - before < (double)strlen(text) * tick_letter + tick_beside)
            continue;
        before = at;
        fprintf(out, "%.17g\t", x);
        sweep_put_text(out, text, 12);
        fputc('\n', out);
    }
    sweep_end_block(out);
}

static void put_number(FILE *out, double number)
{
    fprintf(out, isnan(number) ? "\tNaN" : "\t%.17g", number);
}

/* All places, whether there is a run or not: a block that is empty would not be counted. */
static void put_points(FILE *out, const struct sweep_pivot *pivot, size_t series)
{
    for (size_t p = 0; p < pivot->place_count; p++) {
        fprintf(out, "%.17g", pivot->places[p].number);
        for (size_t m = 0; m < pivot->metric_count; m++)
            put_number(out, sweep_pivot_at(pivot, series, p, m));
        fputc('\n', out);
    }
    sweep_end_block(out);
}

/* The smallest and largest number of a metric in the cells; false if there is none. */
static bool cell_range(const struct sweep_pivot *pivot, size_t metric, double *least, double *most)
{
    *least = INFINITY;
    *most = -INFINITY;
    for (size_t s = 0; s < pivot->series_count; s++)
        for (size_t p = 0; p < pivot->place_count; p++) {
            *least = fmin(*least, sweep_pivot_at(pivot, s, p, metric));
            *most = fmax(*most, sweep_pivot_at(pivot, s, p, metric));
        }
    return *least <= *most;
}

/* Blocks: note, x axis, its unit, 1 if in powers, fewest and most, metrics, series | each metric's name, unit, most |
 * ticks: x, name | names of series | of each series its points: x, metrics. */
static void put_lines(FILE *out, const struct sweep_table *table, const struct sweep_pick *pick,
                      const struct sweep_pivot *pivot, const char *title)
{
    sweep_put_note(out, table, title,
                   (struct sweep_omitted){.series = pivot->series_left_out, .runs = pivot->runs_left_out,
                                          .mean_of = pivot->most});
    fputc('\t', out);
    sweep_put_column(out, table, pick->x);
    fprintf(out, "\t%d\t%.17g\t%.17g\t%zu\t%zu\n", in_powers(pivot), pivot->places[0].number,
            pivot->places[pivot->place_count - 1].number, pivot->metric_count, pivot->series_count);
    sweep_end_block(out);
    for (size_t m = 0; m < pick->ys; m++) {
        double least, most;
        sweep_put_column(out, table, pick->y[m]);
        fprintf(out, "\t%.17g\n", cell_range(pivot, m, &least, &most) ? most : 0);
    }
    sweep_end_block(out);
    put_ticks(out, table, pick->x, pivot);
    put_series(out, table, pick, pivot, 34);
    for (size_t s = 0; s < pivot->series_count; s++)
        put_points(out, pivot, s);
}

enum sweep_outcome sweep_lines(const struct sweep_table *table, const struct sweep_choice *choice, const char *title,
                               FILE *out, struct error *error)
{
    struct sweep_pick pick;
    struct sweep_pivot pivot;
    enum sweep_outcome outcome = sweep_pick_lines(table, choice, &pick, error);
    if (outcome != SWEEP_GOOD)
        return outcome;
    bool ok = sweep_pivot_make(&pivot, table, &pick, true, SERIES, PLACES);
    if (ok)
        put_lines(out, table, &pick, &pivot, title);
    sweep_pivot_free(&pivot);
    return ok ? SWEEP_GOOD : out_of_memory(error);
}

/* --- a grid -------------------------------------------------------------------------------------------- */

/* Each: column, row, number, and how dark it is, 0 to 1: in powers where numbers are far apart. */
static void put_cells(FILE *out, const struct sweep_pivot *pivot)
{
    double least, most;
    cell_range(pivot, 0, &least, &most);
    bool powers = least > 0 && most / least >= wide;
    double length = powers ? log(most / least) : most - least;
    for (size_t s = 0; s < pivot->series_count; s++)
        for (size_t p = 0; p < pivot->place_count; p++) {
            double x = sweep_pivot_at(pivot, s, p, 0), dark = powers ? log(x / least) : x - least;
            if (!isnan(x))
                fprintf(out, "%zu\t%zu\t%.17g\t%.17g\n", p + 1, s + 1, x, length > 0 ? dark / length : 0);
        }
    sweep_end_block(out);
}

/* Blocks: note, x axis, its unit, metric, its unit, columns, rows, the largest number | names of columns | of rows |
 * cells. */
static void put_grid(FILE *out, const struct sweep_table *table, const struct sweep_pick *pick,
                     const struct sweep_pivot *pivot, const char *title)
{
    double least, most;
    cell_range(pivot, 0, &least, &most);
    size_t hidden = table->columns[pick->x].values - pivot->place_count;
    sweep_put_note(out, table, title,
                   (struct sweep_omitted){.series = pivot->series_left_out, .columns = hidden,
                                          .mean_of = pivot->most});
    fputc('\t', out);
    sweep_put_column(out, table, pick->x);
    fputc('\t', out);
    sweep_put_column(out, table, pick->y[0]);
    fprintf(out, "\t%zu\t%zu\t%.17g\n", pivot->place_count, pivot->series_count, most);
    sweep_end_block(out);
    for (size_t p = 0; p < pivot->place_count; p++) {
        char text[SWEEP_TEXT];
        sweep_value_text(table->columns[pick->x].name, sweep_cell(table, pivot->places[p].row, pick->x), text);
        sweep_put_text(out, text, 16);
        fputc('\n', out);
    }
    sweep_end_block(out);
    put_series(out, table, pick, pivot, 34);
    put_cells(out, pivot);
}

enum sweep_outcome sweep_grid(const struct sweep_table *table, const struct sweep_choice *choice, const char *title,
                              FILE *out, struct error *error)
{
    struct sweep_pick pick;
    struct sweep_pivot pivot;
    double least, most;
    enum sweep_outcome outcome = sweep_pick_grid(table, choice, &pick, error);
    if (outcome != SWEEP_GOOD)
        return outcome;
    bool ok = sweep_pivot_make(&pivot, table, &pick, false, GRID_ROWS, GRID_COLUMNS);
    if (ok && !cell_range(&pivot, 0, &least, &most)) {
        error_set(error, "no cell has a number");
        outcome = SWEEP_NOTHING;
    } else if (ok) {
        put_grid(out, table, &pick, &pivot, title);
    }
    sweep_pivot_free(&pivot);
    return ok ? outcome : out_of_memory(error);
}

sweep_writer *sweep_writer_of(const char *figure)
{
    static const struct { const char *name; sweep_writer *writer; } writers[] = {
        {"lines", sweep_lines}, {"grid", sweep_grid}, {"front", sweep_front}};
    for (size_t i = 0; i < sizeof writers / sizeof writers[0]; i++)
        if (strcmp(writers[i].name, figure) == 0)
            return writers[i].writer;
    return NULL;
}
