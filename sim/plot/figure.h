/* Drawing a figure of one run's directory, or of several runs' side by side.
 *
 *     DIR/heap.csv --there? the columns? any rows?--> gnuplot plots/draw.gp heap --> a file, or memory
 *
 * What is wrong with the data is found in data.c. gnuplot is given absolute paths: a name that starts with < or | is a
 * command to it. */
#ifndef PLOT_FIGURE_H
#define PLOT_FIGURE_H

#include "plot/data.h"

#include <stddef.h>

enum { PLOT_MOST_RUNS = 12 };

/* A directory to draw from. */
struct plot_run {
    const char *given;        /* as the user wrote it, for messages; borrowed */
    char directory[PATH_MAX]; /* the same, absolute */
    char title[PLOT_TITLE];
};

struct plot_runs {
    char scripts[PATH_MAX]; /* where draw.gp is */
    struct plot_run *all;
    unsigned n;
};

enum plot_format { PLOT_PNG, PLOT_SVG, PLOT_PDF, PLOT_TERM, PLOT_FORMATS };
extern const char *const plot_formats[PLOT_FORMATS];

/* n, 1 to PLOT_MOST_RUNS, directories. False with *error if one of them is none, or there are no scripts; both ways
 * plot_close lets go of what is held. */
bool plot_open(struct plot_runs *runs, char *const *directories, unsigned n, struct error *error);
void plot_close(struct plot_runs *runs);

/* Whether every run has the figure's file; what is in it is found out by drawing. */
bool plot_has_data(const struct plot_runs *runs, const struct plot_figure *figure);

/* Whether the figure's files are as they should be, and it was drawn: into the file at an absolute path, of which
 * plot_is_whole knows whether all of it is there; or, for term, as many lines as standard output has. What gnuplot says
 * is shown, on stderr, only if it fails. All but PLOT_DRAWN fill in *error. */
enum plot_result { PLOT_DRAWN, PLOT_FAILED, PLOT_NO_GNUPLOT };
enum plot_result plot_draw(const struct plot_runs *runs, const struct plot_figure *figure, enum plot_format format,
                           const char *path, struct error *error);
bool plot_is_whole(const char *path, enum plot_format format);

/* Draws in SVG, into memory: *length bytes and a '\0', which the caller frees. */
enum plot_result plot_svg(const struct plot_runs *runs, const struct plot_figure *figure, char **svg, size_t *length,
                          struct error *error);

#endif
