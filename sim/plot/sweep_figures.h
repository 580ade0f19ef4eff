/* Figures of a sweep: what gnuplot is to draw, worked out of results.csv.
 *
 *     results.csv --> sweep_table --> sweep_pick --> sweep_pivot --> numbers and names for plots/lines.gp, grid.gp
 *                                         `--------> points and staircases for plots/front.gp
 *
 * What is written are blocks of lines with tabs between fields and two empty lines behind, as gnuplot counts them by
 * `index`: a row of facts, then lists. Text is quoted and harmless; where it is written it says what the blocks are.
 * Tabs, because gnuplot ends a quoted field at the separator all the same. */
#ifndef PLOT_SWEEP_FIGURES_H
#define PLOT_SWEEP_FIGURES_H

#include "plot/sweep_pick.h"

#include <stdio.h>

/* title: of the sweep. *error is filled in unless SWEEP_GOOD; then what was written is of no use. */
typedef enum sweep_outcome sweep_writer(const struct sweep_table *table, const struct sweep_choice *choice,
                                        const char *title, FILE *out, struct error *error);
sweep_writer sweep_lines, sweep_grid, sweep_front;

/* Of the figure of a name; NULL: it is not made of a sweep's table. */
sweep_writer *sweep_writer_of(const char *figure);

/* --- between the files --------------------------------------------------------------------------------- */

/* A quoted field: the title, what all runs have in common, and what is not shown. */
struct sweep_omitted {
    size_t series, columns, runs; /* there is no room for; whose x is no number */
    unsigned mean_of;    /* as many runs at most are one point */
};
void sweep_put_note(FILE *out, const struct sweep_table *table, const char *title, struct sweep_omitted omitted);
/* Two fields: a column's name for people, and which unit it has: 0 none, 1 bytes, 2 ns. */
void sweep_put_column(FILE *out, const struct sweep_table *table, size_t column);
void sweep_end_block(FILE *out);

#endif
