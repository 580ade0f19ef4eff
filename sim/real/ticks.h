/* A clock that is cheap enough to be read twice an allocation: the processor's time stamp counter where it runs at one
 * rate on all cores (x86-64, invariant TSC), else CLOCK_MONOTONIC. Neither is serialised: a reading takes its place
 * among the instructions around it within some ns, which evens out in a sum, not in a single short time. */
#ifndef TICKS_H
#define TICKS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/tsc.h"

struct ticks {
    bool tsc;
    double ns;     /* of one tick */
    uint64_t cost; /* ticks that a reading takes: the median of many */
    int64_t suspicious; /* ticks: what takes longer may have been interrupted by the OS for another's sake, */
    int64_t plausible;  /* and longer than this takes nothing that the allocator does without the OS or others, */
    double plausible_byte; /* but for so much a byte of zeroing */
};

/* Finds out all of it, in some 20 ms. */
void ticks_init(struct ticks *ticks);
/* Finds the cost of a reading anew, in less than 0.2 ms: it changes with the core's speed. */
void ticks_measure_cost(struct ticks *ticks);

static inline uint64_t ticks_monotonic_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline uint64_t ticks_now(const struct ticks *ticks)
{
    return __builtin_expect(ticks->tsc, 1) ? tsc_read() : ticks_monotonic_ns();
}

/* Ticks, which may be fewer than none, as ns; those are 0. */
static inline uint64_t ticks_to_ns(const struct ticks *ticks, int64_t n)
{
    return n > 0 ? (uint64_t)((double)n * ticks->ns + 0.5) : 0;
}

#endif
