/* Pareto fronts: of points of which less of both is better, those that no other one beats in both. */
#ifndef PLOT_SWEEP_FRONT_H
#define PLOT_SWEEP_FRONT_H

#include <stdbool.h>
#include <stddef.h>

struct sweep_point {
    double x, y;
    size_t row, group; /* fronts are of a group's points */
    bool front, named; /* on it; and there is room for its name */
};

/* Sorts points by group, then x, then y, and sets `front`: no other point of its group is as low in both and lower in
 * one. Points that are the same share their fate. */
void sweep_mark_front(struct sweep_point *points, size_t n);

#endif
