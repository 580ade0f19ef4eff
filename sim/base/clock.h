/* The wall clock, for what is told of a run, never for the run itself. */
#ifndef CLOCK_H
#define CLOCK_H

#include <time.h>

/* Since some moment of the past, in s. */
static inline double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#endif
