/* results.csv of a sweep as a table: what succeeded, and of each column whether it says what was asked and how many
 * different values it has.
 *
 * Invariant: every row has a cell for every column. Rows beyond SWEEP_ROWS are only counted, so that memory is bounded.
 */
#ifndef PLOT_SWEEP_TABLE_H
#define PLOT_SWEEP_TABLE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { SWEEP_ROWS = 1000, SWEEP_COLUMNS = 256 };

struct sweep_column {
    char *name;
    bool asked;               /* says what was run, rather than what was found; the number of the run is neither */
    unsigned values, numbers; /* different cells; different cells that are numbers */
    unsigned *id;             /* of each row's cell: the first row that has the same */
};

struct sweep_table {
    struct sweep_column *columns;
    size_t column_count;
    char **cells; /* row by row */
    size_t rows;
    size_t failed, left_out; /* runs that failed; that succeeded, beyond SWEEP_ROWS */
};

/* False with *error naming the path and the row. The table is sweep_table_free's afterwards, both ways. */
bool sweep_table_read(struct sweep_table *table, const char *path, struct error *error);
void sweep_table_free(struct sweep_table *table);

const char *sweep_cell(const struct sweep_table *table, size_t row, size_t column);
/* Whether a cell is a finite decimal number. */
bool sweep_number(const struct sweep_table *table, size_t row, size_t column, double *number);

#endif
