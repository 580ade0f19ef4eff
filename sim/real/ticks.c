/* How fast the clock goes, and what it costs to read it. */
#include "real/ticks.h"

#include <stdlib.h>

enum { RATE_NS = 20 * 1000 * 1000, READINGS = 4001, SUSPICIOUS_NS = 100 * 1000, PLAUSIBLE_NS = 20 * 1000,
       PLAUSIBLE_BYTE_NS = 2 };

static double rate(const struct ticks *ticks)
{
    uint64_t began_ns = ticks_monotonic_ns(), began = ticks_now(ticks), ns;
    while ((ns = ticks_monotonic_ns() - began_ns) < RATE_NS)
        ;
    uint64_t n = ticks_now(ticks) - began;
    return n ? (double)ns / (double)n : 1;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

void ticks_measure_cost(struct ticks *ticks)
{
    uint64_t took[READINGS];
    uint64_t last = ticks_now(ticks);
    for (unsigned i = 0; i < READINGS; i++) {
        uint64_t now = ticks_now(ticks);
        took[i] = now - last;
        last = now;
    }
    qsort(took, READINGS, sizeof took[0], by_size);
    ticks->cost = took[READINGS / 2];
}

void ticks_init(struct ticks *ticks)
{
    *ticks = (struct ticks){.tsc = tsc_is_invariant(), .ns = 1};
    if (ticks->tsc)
        ticks->ns = rate(ticks);
    ticks_measure_cost(ticks);
    ticks->suspicious = (int64_t)(SUSPICIOUS_NS / ticks->ns);
    ticks->plausible = (int64_t)(PLAUSIBLE_NS / ticks->ns);
    ticks->plausible_byte = PLAUSIBLE_BYTE_NS / ticks->ns;
}
