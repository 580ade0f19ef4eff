/* What is drawn from: the figures there are, the CSV files in a run's directory, and what the run is called. */
#ifndef PLOT_DATA_H
#define PLOT_DATA_H

#include "base/error.h"

#include <limits.h>
#include <stdbool.h>

/* A CSV file, and those of its columns that are needed. */
struct plot_csv {
    const char *name, *columns[16];
};

/* plots/NAME.gp draws these. */
struct plot_figure {
    const char *name, *what; /* what: is drawn */
    struct plot_csv csv[2]; /* the second may be missing: its name is NULL */
};

enum { PLOT_FIGURES = 14 };
extern const struct plot_figure plot_figures[PLOT_FIGURES];

enum { PLOT_TITLE = 256 };

/* snprintf of a path in a directory, PATH_MAX bytes; false and *error if it does not fit. */
bool plot_join(char *path, const char *directory, const char *name, struct error *error);

/* Whether a file in a directory has the columns, and, in *has_rows, whether there are rows below them. */
bool plot_check_csv(const struct plot_csv *csv, const char *directory, bool *has_rows, struct error *error);

/* "redis.csv.zst, go1.19, 4 Ps, recorded pacing": what was run, as far as the directory says so, else the directory's
 * name; of one of several, first its name. One line, PLOT_TITLE bytes. */
void plot_title(const char *directory, bool one_of_several, char *title);

#endif
