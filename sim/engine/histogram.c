/* Putting histograms together, and reading them back. */
#include "engine/histogram.h"

uint64_t histogram_top(unsigned bucket)
{
    if (bucket < HISTOGRAM_SUB)
        return bucket;
    unsigned shift = bucket / HISTOGRAM_SUB - 1;
    uint64_t lead = bucket - shift * HISTOGRAM_SUB;
    return ((lead + 1) << shift) - 1;
}

void histogram_merge(struct histogram *to, const struct histogram *from)
{
    to->count += from->count;
    to->sum += from->sum;
    to->max = from->max > to->max ? from->max : to->max;
    for (unsigned b = 0; b < HISTOGRAM_BUCKETS; b++)
        to->buckets[b] += from->buckets[b];
}

uint64_t histogram_quantile(const struct histogram *h, double q)
{
    if (h->count == 0)
        return 0;
    uint64_t rank = (uint64_t)(q * (double)h->count);
    if ((double)rank < q * (double)h->count || rank == 0)
        rank++;
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen >= rank)
            return histogram_top(i) < h->max ? histogram_top(i) : h->max;
    }
    return h->max;
}
