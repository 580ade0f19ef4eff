/* Paths of straight lines, made short. */
#ifndef SVG_PATH_H
#define SVG_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Writes the path data of "M x,y L x,y x,y ... Z", or of a polygon's points "x,y x,y ..." (the first is then where it
 * begins), as relative moves in tenths. Points that are rounded onto the one before, or lie on a horizontal or vertical
 * line between their neighbours, are left out. *empty: nothing is to be seen of it, and nothing was written. False if
 * it is anything else. text has length bytes and something behind them that is no part of a number. */
bool svg_path_shorten(FILE *out, const char *text, size_t length, bool *empty);

#endif
