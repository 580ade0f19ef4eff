/* A platform that passes everything on to another, and times the core between the points at which it comes by.
 *
 *     core --lock, step, unlock--> timed_platform --> platform_mmap
 *                |     |      |
 *                +-----+------+---- ns and how often, for each pair of neighbouring points
 *
 * For one thread. An interval holds the time that one reading of the clock takes: timed_mean takes it off. */
#ifndef TIMED_PLATFORM_H
#define TIMED_PLATFORM_H

#include "goheap_platform.h"

enum timed_point {
    TIMED_START = GOHEAP_STEPS, /* after the steps, which are points by their own numbers */
    TIMED_HEAP,                 /* the heap lock has been taken */
    TIMED_LOCK,                 /* any other has */
    TIMED_UNLOCK,               /* a lock is about to be let go */
    TIMED_POINTS
};

struct timed_platform {
    struct goheap_platform table; /* what the heap is given; it must not move */
    const struct goheap_platform *inner;
    struct goheap_lock *heap_lock;
    unsigned last;  /* point that was passed, at, ns */
    uint64_t at;
    double clock;   /* ns that an interval in which nothing happens seems to take */
    uint64_t ns[TIMED_POINTS][TIMED_POINTS], count[TIMED_POINTS][TIMED_POINTS]; /* [from][to] */
};

/* inner is borrowed. */
void timed_platform_init(struct timed_platform *timed, const struct goheap_platform *inner);
/* Forgets all intervals; the next point begins the first. */
void timed_restart(struct timed_platform *timed);
/* ns from one point to the next, on average; 0 if they never followed each other. */
double timed_mean(const struct timed_platform *timed, unsigned from, unsigned to);

#endif
