/* Which columns of a sweep are drawn: those the user names, and for the rest those that say most.
 *
 *     x   the column along the axis. By default: of what was asked, the one with the most different numbers
 *     y   metrics. By default: most memory mapped, the collector's time, waits for locks, as far as they differ
 *     by  what tells series from each other. By default: what else was asked, differs, and does not follow from the
 *         columns before it
 */
#ifndef PLOT_SWEEP_PICK_H
#define PLOT_SWEEP_PICK_H

#include "plot/sweep_table.h"

enum { SWEEP_METRICS = 4, SWEEP_BYS = 16 };

/* As the user has it; names are borrowed, x may be NULL. */
struct sweep_choice {
    const char *x, *y[SWEEP_METRICS], *by[SWEEP_BYS];
    size_t ys, bys;
};

/* Columns, by number. */
struct sweep_pick {
    size_t x, y[SWEEP_METRICS], by[SWEEP_BYS];
    size_t ys, bys;
};

/* There is nothing to draw, or what the user asked for is wrong: *error says why. */
enum sweep_outcome { SWEEP_GOOD, SWEEP_NOTHING, SWEEP_WRONG };

/* For lines (x is a number), a grid (x is what has most numbers, else most values), and a front (x is a metric, or
 * Ps; one y). The choice may be NULL. */
enum sweep_outcome sweep_pick_lines(const struct sweep_table *table, const struct sweep_choice *choice,
                                    struct sweep_pick *pick, struct error *error);
enum sweep_outcome sweep_pick_grid(const struct sweep_table *table, const struct sweep_choice *choice,
                                   struct sweep_pick *pick, struct error *error);
enum sweep_outcome sweep_pick_front(const struct sweep_table *table, const struct sweep_choice *choice,
                                    struct sweep_pick *pick, struct error *error);

/* Splits groups of rows: group[i] is the first row of row i's group, and afterwards of those of it that agree with row
 * i in the column. All rows are one group if all are 0. Whether any was split. */
bool sweep_split(const struct sweep_table *table, size_t column, unsigned *group);

#endif
