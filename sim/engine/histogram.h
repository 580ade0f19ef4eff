/* Durations by magnitude: 32 buckets a power of two, so that a percentile is at most 1/32 too high. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_SUB = 32, HISTOGRAM_BUCKETS = 60 * HISTOGRAM_SUB };

struct histogram {
    uint64_t count, sum, max;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

static inline unsigned histogram_bucket(uint64_t value)
{
    if (value < HISTOGRAM_SUB)
        return (unsigned)value;
    unsigned shift = 58u - (unsigned)__builtin_clzll(value); /* leaves the top 6 bits: 32..63 */
    return shift * HISTOGRAM_SUB + (unsigned)(value >> shift);
}

static inline void histogram_add(struct histogram *h, uint64_t value)
{
    h->count++;
    h->sum += value;
    if (value > h->max)
        h->max = value;
    h->buckets[histogram_bucket(value)]++;
}

/* The largest value that a bucket is for. */
uint64_t histogram_top(unsigned bucket);
/* Adds all that another has. */
void histogram_merge(struct histogram *to, const struct histogram *from);
/* The largest value that lies in the bucket of the q-quantile (0 < q <= 1), at most max; 0 when empty. */
uint64_t histogram_quantile(const struct histogram *h, double q);

#endif
