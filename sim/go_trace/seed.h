/* What the tables of ids are seeded with (lifetimes.h): nothing that is read depends on it. */
#ifndef GO_TRACE_SEED_H
#define GO_TRACE_SEED_H

#include <stdint.h>
#include <sys/random.h>

static inline uint64_t go_table_seed(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed)
        return UINT64_C(0x9e3779b97f4a7c15);
    return seed;
}

#endif
