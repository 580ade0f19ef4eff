/* What is drawn at random: by the seed, for each lifetime numbers of its own. */
#ifndef GO_TRACE_DRAW_H
#define GO_TRACE_DRAW_H

#include <stdint.h>

/* The finaliser of splitmix64. */
static inline uint64_t go_draw(uint64_t seed, uint64_t number)
{
    uint64_t x = seed + number * UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

#endif
