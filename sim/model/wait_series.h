/* Waits over virtual time: how many began in each stretch of it, and how long was waited during it.
 *
 * Stretches double their width when a run grows longer than they reach, so memory is bounded and nothing is lost:
 * the sums over a series are always the totals of what was added. Widths are 1 ms times a power of two, or by one.
 */
#ifndef WAIT_SERIES_H
#define WAIT_SERIES_H

#include <stdint.h>

enum { WAIT_BUCKETS = 1024, WAIT_FIRST_WIDTH_NS = 15625 /* 1 ms / 64 */ };

struct wait_bucket {
    uint64_t begun;   /* waits that began then */
    uint64_t wait_ns; /* what all that waited then waited, so wait_ns / width is how many waited on average */
};

struct wait_series {
    uint64_t width_ns;
    uint32_t used; /* buckets up to the last one in which anything was waited */
    struct wait_bucket buckets[WAIT_BUCKETS];
};

/* All zero bytes but for the width. */
static inline void wait_series_init(struct wait_series *series)
{
    series->width_ns = WAIT_FIRST_WIDTH_NS;
}

/* A wait from one time to another, in ns; they may be the same. */
void wait_series_add(struct wait_series *series, uint64_t from, uint64_t to);

/* Adds all of another series, whose buckets may be of another width; the wider one is the result's. */
void wait_series_merge(struct wait_series *series, const struct wait_series *other);

/* Doubles the width until it is at least so much, which is the width of some series. */
void wait_series_widen(struct wait_series *series, uint64_t width_ns);

#endif
