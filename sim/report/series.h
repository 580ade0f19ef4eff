/* What is drawn and too much for the tree: as CSV, each in long form with a header, straight from the run. */
#ifndef SERIES_H
#define SERIES_H

#include "model/sim.h"

/* The samples: the heap over time, and what makes it up. */
void series_heap(FILE *f, const struct sim *sim);
/* A row a cell of the heap's map, in a grid without gaps: where a column was not looked at, what was seen last; nothing
 * of columns before the first that was. Only a header if there is no map. */
void series_heap_map(FILE *f, const struct sim *sim);
/* Spans by size class and by how much of them lives, at the peak and at the end. */
void series_spans(FILE *f, const struct sim *sim);
/* Free runs by length, likewise. */
void series_free_runs(FILE *f, const struct sim *sim);
/* Refills by size class and by how many spans they swept. */
void series_refills(FILE *f, const struct sim *sim);
/* How many allocations took how long, by tier and in all. */
void series_latency(FILE *f, const struct sim *sim);

#endif
