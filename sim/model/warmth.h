/* How long ago memory was zeroed, which says how far from the processor it is when it is zeroed again.
 *
 *     bytes zeroed so far:  0 ----------- stamp of a page ------------------ now
 *                                         \--- so much has come between ---/
 *
 * What has come between, by the OS in fresh spans as well, pushes out of the caches, from the nearest to the farthest;
 * so distance is told in doublings of COSTS_NEAR. Pages that the OS has not backed yet, as nobody has touched them, are
 * known as well: of a span that a P has taken fresh, those that it has not come to. Like a cache, this forgets: it has
 * room for so many pages. */
#ifndef WARMTH_H
#define WARMTH_H

#include <stdint.h>

enum { WARMTH_PAGE = 4096 /* bytes: what the OS backs at once */ };

struct warmth;

/* Spans that a P allocates from and was the first to get, one a span class; empty where it was not. */
struct fresh_span {
    uint64_t from, to; /* addresses */
};

/* NULL if there is no memory: 4 MiB. */
struct warmth *warmth_new(void);
void warmth_free(struct warmth *w);

/* Memory is zeroed. Returns its distance in doublings, COSTS_NEAREST or more, or `unknown` if it has been forgotten;
 * *unbacked gets the bytes of pages that had to be backed for it. */
double warmth_zero(struct warmth *w, uint64_t addr, uint64_t bytes, double unknown, uint64_t *unbacked);

/* A P goes on from the span that it had, all of which has been touched by then, to another, of which an object is at
 * addr: `bytes` of it have never been backed, 0 if it is an old one. */
void warmth_take_span(struct warmth *w, struct fresh_span *span, uint64_t addr, uint64_t bytes);

#endif
