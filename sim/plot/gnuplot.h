/* Running gnuplot: without a shell, without the user's own settings, and dead with us. */
#ifndef PLOT_GNUPLOT_H
#define PLOT_GNUPLOT_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { GNUPLOT_NOT_FOUND = 127 }; /* the status if there is none */

/* What gnuplot said, on whichever stream: as much as fits, without white space at its end. */
struct gnuplot_talk {
    char text[4096];
    size_t used;
};

/* Runs it to its end, argv[0] being its name. Its exit status, GNUPLOT_NOT_FOUND, or -1 and *error. */
int gnuplot_run(char *const *argv, struct gnuplot_talk *talk, struct error *error);

/* Whether a file ends in what a whole figure does: gnuplot looks at no write's result. */
bool gnuplot_finished(const char *path, const char *ending);

#endif
