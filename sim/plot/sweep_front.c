/* The front of a sweep: which points are on it, which of them have room for a name, and what gnuplot draws. */
#include "plot/sweep_front.h"

#include "plot/sweep_figures.h"
#include "plot/sweep_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GROUPS = 16, NAME_LETTERS = 40 };

/* An axis is drawn in powers where its numbers are so far apart. */
static const double wide = 30;
/* Of the figure's width and height: a name's letter and line. */
static const double letter_width = 0.0078, line_height = 0.036;

/* --- the front ----------------------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
    const struct sweep_point *p = a, *q = b;
    if (p->group != q->group)
        return p->group < q->group ? -1 : 1;
    if (p->x != q->x)
        return p->x < q->x ? -1 : 1;
    if (p->y != q->y)
        return p->y < q->y ? -1 : 1;
    return p->row < q->row ? -1 : p->row > q->row;
}

void sweep_mark_front(struct sweep_point *points, size_t n)
{
    const struct sweep_point *last = NULL; /* of the group's front: the lowest so far */
    qsort(points, n, sizeof *points, by_place);
    for (size_t i = 0; i < n; i++) {
        struct sweep_point *p = &points[i];
        if (i == 0 || points[i - 1].group != p->group)
            last = NULL;
        p->front = !last || p->y < last->y || (p->y == last->y && p->x == last->x);
        if (p->front)
            last = p;
    }
}

/* --- axes and names ------------------------------------------------------------------------------------ */

struct axis {
    double least, most;
    bool powers;
};

static struct axis measure(const struct sweep_point *points, size_t n, bool of_x)
{
    struct axis axis = {.least = INFINITY, .most = -INFINITY};
    for (size_t i = 0; i < n; i++) {
        axis.least = fmin(axis.least, of_x ? points[i].x : points[i].y);
        axis.most = fmax(axis.most, of_x ? points[i].x : points[i].y);
    }
    axis.powers = axis.least > 0 && axis.most / axis.least >= wide;
    return axis;
}

/* Where a number is on an axis that is 0 to 1. */
static double place(const struct axis *axis, double number)
{
    double length = axis->powers ? log(axis->most / axis->least) : axis->most;
    return (axis->powers ? log(number / axis->least) : number) / (length > 0 ? length : 1);
}

static void name_of(const struct sweep_table *table, const struct sweep_pick *pick, size_t row, char text[SWEEP_TEXT])
{
    size_t columns[SWEEP_BYS] = {0}, n = 0;
    for (size_t b = 0; b < pick->bys; b++)
        if (strcmp(table->columns[pick->by[b]].name, "trace") != 0)
            columns[n++] = pick->by[b];
    sweep_row_text(table, row, columns, n, text);
    if (n == 0)
        text[0] = '\0';
}

/* Names stand to the upper right of points on the front, as long as none is written over another. */
static void choose_names(const struct sweep_table *table, const struct sweep_pick *pick, struct sweep_point *points,
                         size_t n)
{
    struct axis x = measure(points, n, true), y = measure(points, n, false);
    struct { double left, right, low; } boxes[SWEEP_ROWS];
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        char text[SWEEP_TEXT];
        if (!points[i].front)
            continue;
        name_of(table, pick, points[i].row, text);
        double length = (double)strlen(text) < NAME_LETTERS ? (double)strlen(text) : NAME_LETTERS;
        double left = place(&x, points[i].x), right = left + length * letter_width, low = place(&y, points[i].y);
        bool room = length > 0;
        for (size_t k = 0; room && k < count; k++)
            room = right < boxes[k].left || boxes[k].right < left || fabs(low - boxes[k].low) > line_height;
        points[i].named = room;
        if (room) {
            boxes[count].left = left;
            boxes[count].right = right;
            boxes[count++].low = low;
        }
    }
}

/* --- writing ------------------------------------------------------------------------------------------- */

static size_t trace_column(const struct sweep_table *table)
{
    size_t c = 0;
    while (c < table->column_count && strcmp(table->columns[c].name, "trace") != 0)
        c++;
    return c;
}

/* Programs are not traded for each other: runs of each trace are a group. How many; of each its first row. */
static size_t group_points(const struct sweep_table *table, const struct sweep_pick *pick, struct sweep_point *points,
                           size_t *n, size_t group_row[GROUPS], struct sweep_omitted *omitted)
{
    size_t trace = trace_column(table), groups = 0, group_of[SWEEP_ROWS];
    for (size_t i = 0; i < table->rows; i++) {
        size_t first = trace < table->column_count ? table->columns[trace].id[i] : 0;
        if (first == i)
            group_of[i] = groups++;
        struct sweep_point p = {.row = i, .group = group_of[first]};
        if (p.group >= GROUPS) {
            omitted->series += first == i;
            continue;
        }
        if (first == i)
            group_row[p.group] = i;
        if (sweep_number(table, i, pick->x, &p.x) && sweep_number(table, i, pick->y[0], &p.y))
            points[(*n)++] = p;
        else
            omitted->runs++;
    }
    return groups < GROUPS ? groups : GROUPS;
}

static void put_groups(FILE *out, const struct sweep_table *table, const size_t *group_row, size_t groups)
{
    size_t trace = trace_column(table);
    for (size_t g = 0; g < groups; g++) {
        char text[SWEEP_TEXT] = "runs";
        if (trace < table->column_count)
            sweep_value_text("trace", sweep_cell(table, group_row[g], trace), text);
        sweep_put_text(out, text, 30);
        fputc('\n', out);
    }
    sweep_end_block(out);
}

static void put_points(FILE *out, const struct sweep_table *table, const struct sweep_pick *pick,
                       const struct sweep_point *points, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char text[SWEEP_TEXT];
        name_of(table, pick, points[i].row, text);
        fprintf(out, "%.17g\t%.17g\t%zu\t%d\t%d\t", points[i].x, points[i].y, points[i].group + 1, points[i].front,
                points[i].named);
        sweep_put_text(out, points[i].named ? text : "-", NAME_LETTERS);
        fputc('\n', out);
    }
    sweep_end_block(out);
}

/* A staircase's corners: from each point of the front to the right as far as the next, then down to it. */
static void put_staircase(FILE *out, const struct sweep_point *points, size_t n, size_t group)
{
    const struct sweep_point *last = NULL;
    for (size_t i = 0; i < n; i++) {
        if (points[i].group != group || !points[i].front)
            continue;
        if (last)
            fprintf(out, "%.17g\t%.17g\n", points[i].x, last->y);
        fprintf(out, "%.17g\t%.17g\n", points[i].x, points[i].y);
        last = &points[i];
    }
    if (!last)
        fputs("NaN\tNaN\n", out);
    sweep_end_block(out);
}

static void put_axis(FILE *out, const struct sweep_table *table, size_t column, const struct axis *axis)
{
    fputc('\t', out);
    sweep_put_column(out, table, column);
    fprintf(out, "\t%d\t%.17g\t%.17g", axis->powers, axis->least, axis->most);
}

/* Blocks: note, then of x and of y name, unit, 1 if in powers, least and most, groups | names of groups | points: x, y,
 * group, on the front, named, name | a staircase for each group. */
static void put_front(FILE *out, const struct sweep_table *table, const struct sweep_pick *pick,
                      const struct sweep_point *points, size_t n, const size_t *group_row, size_t groups)
{
    struct axis x = measure(points, n, true), y = measure(points, n, false);
    put_axis(out, table, pick->x, &x);
    put_axis(out, table, pick->y[0], &y);
    fprintf(out, "\t%zu\n", groups);
    sweep_end_block(out);
    put_groups(out, table, group_row, groups);
    put_points(out, table, pick, points, n);
    for (size_t g = 0; g < groups; g++)
        put_staircase(out, points, n, g);
}

enum sweep_outcome sweep_front(const struct sweep_table *table, const struct sweep_choice *choice, const char *title,
                               FILE *out, struct error *error)
{
    struct sweep_pick pick;
    struct sweep_point points[SWEEP_ROWS];
    struct sweep_omitted omitted = {.mean_of = 0};
    size_t n = 0, group_row[GROUPS];
    enum sweep_outcome outcome = sweep_pick_front(table, choice, &pick, error);
    if (outcome != SWEEP_GOOD)
        return outcome;
    size_t groups = group_points(table, &pick, points, &n, group_row, &omitted);
    if (n == 0) {
        error_set(error, "no run has both numbers");
        return SWEEP_NOTHING;
    }
    sweep_mark_front(points, n);
    choose_names(table, &pick, points, n);
    sweep_put_note(out, table, title, omitted);
    put_front(out, table, &pick, points, n, group_row, groups);
    return SWEEP_GOOD;
}
