/* How values lie by magnitude: how many objects, and how many bytes they had, between two powers of two. */
#ifndef SPREAD_H
#define SPREAD_H

#include "engine/histogram.h"

/* Band 0 holds the value 0, band b from 1 on the values from 2^(b - 1) to 2^b - 1. */
enum { SPREAD_BANDS = 65 };

struct spread {
    struct histogram values; /* for quantiles, which are at most 1/32 too high */
    double sum;              /* values.sum may overflow, this only loses its last digits */
    uint64_t objects[SPREAD_BANDS], bytes[SPREAD_BANDS];
};

static inline unsigned spread_band(uint64_t value)
{
    return value == 0 ? 0 : 64u - (unsigned)__builtin_clzll(value);
}

static inline uint64_t spread_from(unsigned band)
{
    return band == 0 ? 0 : UINT64_C(1) << (band - 1);
}

/* The largest value of a band. */
static inline uint64_t spread_to(unsigned band)
{
    return band == 0 ? 0 : UINT64_MAX >> (64 - band);
}

/* An object of so many bytes. */
static inline void spread_add(struct spread *spread, uint64_t value, uint64_t bytes)
{
    unsigned band = spread_band(value);
    histogram_add(&spread->values, value);
    spread->sum += (double)value;
    spread->objects[band]++;
    spread->bytes[band] += bytes;
}

static inline double spread_mean(const struct spread *spread)
{
    return spread->values.count == 0 ? 0 : spread->sum / (double)spread->values.count;
}

#endif
