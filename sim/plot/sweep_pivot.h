/* Runs put into the cells of a table: series down, places along x across, a number for each metric. Where several runs
 * share a cell it has their mean. */
#ifndef PLOT_SWEEP_PIVOT_H
#define PLOT_SWEEP_PIVOT_H

#include "plot/sweep_pick.h"

#include <stdio.h>

struct sweep_place {
    size_t row;    /* the first run that is there: names it */
    double number; /* NaN: its value is no number; numbers come first, in order */
};

struct sweep_pivot {
    struct sweep_place *places; /* along x */
    size_t *series;             /* of each its first run, in the order of results.csv */
    size_t place_count, series_count, metric_count;
    double *sums;
    unsigned *runs;         /* of each cell */
    unsigned most;          /* runs in a cell */
    size_t series_left_out, runs_left_out; /* beyond the most series; that are at no place */
};

/* At most so many series and places, both at least 1. numbers: a run whose x is no number has no place. False without
 * memory; sweep_pivot_free is to be called both ways. */
bool sweep_pivot_make(struct sweep_pivot *pivot, const struct sweep_table *table, const struct sweep_pick *pick,
                      bool numbers, size_t most_series, size_t most_places);
void sweep_pivot_free(struct sweep_pivot *pivot);

/* NaN if no run is there. */
double sweep_pivot_at(const struct sweep_pivot *pivot, size_t series, size_t place, size_t metric);

#endif
