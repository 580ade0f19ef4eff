/* What an experiment works with: a heap of the real core on real memory, its one P, some objects, a clock.
 *
 * Heaps are as several threads would use them, though one does, as it is their costs that are wanted. */
#ifndef LAB_H
#define LAB_H

#include "base/error.h"
#include "goheap.h"

#include <stdint.h>
#include <time.h>

/* The cores that are measured. */
struct lab_configs {
    struct goheap_config gc;        /* the default generation's: span sets, radix page heap, page caches */
    struct goheap_config immediate; /* the same with immediate reclaim */
    struct goheap_config lists;     /* Go 1.11's central lists, behind locks */
};

/* Reads them from the configurations that come with goheap. */
bool lab_configs_load(struct lab_configs *configs, struct error *error);

struct lab {
    struct goheap *heap;
    struct goheap_p *p;
    uint64_t *objects; /* addresses; 0: none */
    uint32_t *sizes;   /* what is asked for, in bytes */
    uint32_t *order;   /* 0 .. n - 1, shuffled */
    size_t n;
    uint64_t seed;
};

/* A heap of this config on this platform, with room for n objects. False if memory cannot be had; lab_close is due
 * in either case. */
bool lab_open(struct lab *lab, const struct goheap_config *config, const struct goheap_platform *platform, size_t n);
void lab_close(struct lab *lab);

/* The same numbers in every run, from 0 to below - 1. */
uint64_t lab_random(struct lab *lab, uint64_t below);

/* Allocates all n objects, by their sizes. False if the heap cannot grow. */
bool lab_alloc_all(struct lab *lab, unsigned flags);
/* Frees all objects, in the shuffled order. */
void lab_free_all(struct lab *lab);
/* A collection that marks what lives, and sweeps all. */
void lab_collect(struct lab *lab);
/* The same up to where sweeping begins. */
void lab_collect_unswept(struct lab *lab);
/* Slots a span of the class that serves a size. */
double lab_slots(struct lab *lab, uint64_t size);

/* Since some moment of the past, in ns. */
static inline uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Since then, in ns. */
static inline double ns_since(uint64_t then)
{
    return (double)(now_ns() - then);
}

#endif
