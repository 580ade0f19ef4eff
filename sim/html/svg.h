/* gnuplot's SVG as a part of a page: what is drawn and nothing else.
 *
 *   <?xml ...><svg ...>...</svg>  --svg_inline-->  <svg role="img" viewBox="..."><title>..<desc>..  ...</svg>
 *
 * Only elements and attributes of svg.c's lists come through, texts are escaped anew, ids get a prefix of the figure's
 * own, nothing refers to anything outside. Coordinates are rounded to tenths of a unit and marks of a plot put into
 * one path, which makes it some five times smaller. */
#ifndef SVG_H
#define SVG_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct svg_label {
    const char *id;          /* letters, digits and dashes; of no other figure on the page */
    const char *title;       /* what the figure is */
    const char *description; /* what it says, for those who do not see it */
};

/* svg: length bytes, then a '\0'. False with *error if it is not an SVG as gnuplot writes them; then some of it may
 * have been written. */
bool svg_inline(FILE *out, const char *svg, size_t length, const struct svg_label *label, struct error *error);

#endif
