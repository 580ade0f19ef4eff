/* What columns of results.csv and values in them are called in a figure, and text that gnuplot reads as one field. */
#ifndef PLOT_SWEEP_TEXT_H
#define PLOT_SWEEP_TEXT_H

#include "plot/sweep_table.h"

#include <stdio.h>

/* What a column's numbers count. */
enum sweep_unit { SWEEP_PLAIN, SWEEP_BYTES, SWEEP_NS };
enum sweep_unit sweep_unit(const char *column);

enum { SWEEP_TEXT = 256 };

/* "most memory mapped" of peak_mapped_bytes, "page size" of page_size. */
void sweep_column_text(const char *column, char text[SWEEP_TEXT]);
/* A value as a tick has it: "64 MiB"; of a trace or a table its name alone. */
void sweep_value_text(const char *column, const char *value, char text[SWEEP_TEXT]);
/* A value that says what it is of: "4 Ps", "GOGC 100", "no24 classes", "go1.19". */
void sweep_setting_text(const char *column, const char *value, char text[SWEEP_TEXT]);
/* The same of several columns of a row, with commas between; "all runs" of none. */
void sweep_row_text(const struct sweep_table *table, size_t row, const size_t *columns, size_t n,
                    char text[SWEEP_TEXT]);

/* A quoted field, of at most so many characters, where there are more with "…" in the middle. Control characters,
 * and what is no UTF-8, become question marks. */
void sweep_put_text(FILE *out, const char *text, size_t most);

#endif
