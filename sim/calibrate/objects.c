/* What else objects cost: dying, and being zeroed far from the caches. */
#include "calibrate/experiment.h"

#include "calibrate/statistics.h"
#include "model/sim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- death --------------------------------------------------------------------------------------------- */

enum { OBJECTS = 1000, SMALLEST = 16, LARGEST = 256 };

static void death_close(void *state)
{
    struct lab *lab = state;
    lab_close(lab);
    free(lab);
}

static void *death_open(const struct bench *bench)
{
    struct lab *lab = calloc(1, sizeof *lab);
    if (!lab)
        return NULL;
    if (!lab_open(lab, &bench->configs->gc, bench->platform, OBJECTS)) {
        death_close(lab);
        return NULL;
    }
    for (size_t i = 0; i < OBJECTS; i++)
        lab->sizes[i] = (uint32_t)(SMALLEST + lab_random(lab, LARGEST - SMALLEST + 1));
    return lab;
}

static bool death_sample(void *state, double *ns)
{
    enum { TIMES = 10 };
    struct lab *lab = state;
    bool ok = true;
    double died = 0;
    for (int i = 0; i < TIMES; i++) {
        lab_collect(lab);
        ok &= lab_alloc_all(lab, GOHEAP_NOSCAN);
        uint64_t began = now_ns();
        lab_free_all(lab);
        died += ns_since(began);
    }
    ns[0] = died / (TIMES * OBJECTS);
    return ok;
}

const struct experiment death_experiment = {
    .findings = {FINDING(death, "1,000 objects freed, shuffled, reclaim by collection: a live bit cleared")},
    .open = death_open,
    .sample = death_sample,
    .close = death_close,
};

/* --- zero_miss ----------------------------------------------------------------------------------------- */

/* A heap of objects of one size, much larger than the cache, in which every second one, at random, is free. */
struct cold {
    struct lab lab;
    size_t taken; /* of the first half of lab.order: so many are allocated */
};

enum { COLD_SMALL = 256, COLD_LARGE = 4096, COLD_TIMES_CACHE = 4, COLD_PIECE_BYTES = 128 << 10 };

static double cold_heap_bytes(const struct bench *bench)
{
    const double most = 256 << 20;
    double bytes = COLD_TIMES_CACHE * bench->cache_bytes;
    return bytes < most ? bytes : most;
}

/* What is allocated of the first half of the shuffled objects dies. */
static void cold_thin(struct cold *c)
{
    for (size_t i = 0; i < c->taken; i++)
        goheap_free(c->lab.p, c->lab.objects[c->lab.order[i]]);
    lab_collect(&c->lab);
    c->taken = 0;
}

static bool cold_open(struct cold *c, const struct bench *bench, uint32_t size)
{
    size_t n = (size_t)(cold_heap_bytes(bench) / size);
    if (!lab_open(&c->lab, &bench->configs->gc, bench->platform, n))
        return false;
    for (size_t i = 0; i < n; i++)
        c->lab.sizes[i] = size;
    if (!lab_alloc_all(&c->lab, GOHEAP_NOSCAN))
        return false;
    for (size_t i = 0; i < n; i++)
        memset((void *)(uintptr_t)c->lab.objects[i], 1, size);
    c->taken = n / 2;
    cold_thin(c);
    return true;
}

/* ns an object of n allocations in slots that nobody has looked at for long. */
static double cold_alloc(struct cold *c, size_t n, unsigned flags, bool *ok)
{
    uint64_t began = now_ns();
    for (size_t i = 0; i < n; i++) {
        size_t at = c->lab.order[c->taken + i];
        *ok &= (c->lab.objects[at] = goheap_alloc(c->lab.p, c->lab.sizes[at], flags)) != 0;
    }
    c->taken += n;
    return ns_since(began) / (double)n;
}

/* ns that zeroing takes longer there, an object: of many pieces the medians, as somebody else may have the CPU or the
 * memory meanwhile. */
static double cold_extra(struct cold *c, const struct bench *bench, uint32_t size, bool *ok)
{
    enum { PIECES = 15 };
    const size_t n = COLD_PIECE_BYTES / size;
    double plain[PIECES], zeroed[PIECES];
    if (c->taken + 2 * n * PIECES > c->lab.n / 2)
        cold_thin(c);
    for (int i = 0; i < PIECES; i++) {
        plain[i] = cold_alloc(c, n, GOHEAP_NOSCAN, ok);
        zeroed[i] = cold_alloc(c, n, GOHEAP_NOSCAN | GOHEAP_ZEROED, ok);
    }
    const struct costs *known = bench->known;
    double farther = costs_zero_farther(known, size, log2(cold_heap_bytes(bench) / COSTS_NEAR));
    return statistics_quartiles(zeroed, PIECES).median - statistics_quartiles(plain, PIECES).median - known->zero -
           size * known->zero_byte - farther;
}

struct zero_miss {
    const struct bench *bench;
    struct cold small, large;
};

static void zero_miss_close(void *state)
{
    struct zero_miss *z = state;
    lab_close(&z->small.lab);
    lab_close(&z->large.lab);
    free(z);
}

static void *zero_miss_open(const struct bench *bench)
{
    struct zero_miss *z = calloc(1, sizeof *z);
    if (!z)
        return NULL;
    z->bench = bench;
    if (cold_open(&z->small, bench, COLD_SMALL) && cold_open(&z->large, bench, COLD_LARGE))
        return z;
    zero_miss_close(z);
    return NULL;
}

/* Of all that the model takes for a miss in a heap of this size. */
static bool zero_miss_sample(void *state, double *ns)
{
    struct zero_miss *z = state;
    bool ok = true;
    double misses = cache_miss(z->bench->cache_bytes, cold_heap_bytes(z->bench));
    ns[0] = cold_extra(&z->small, z->bench, COLD_SMALL, &ok) / COLD_SMALL / misses;
    ns[1] = cold_extra(&z->large, z->bench, COLD_LARGE, &ok) / misses;
    return ok && misses > 0;
}

const struct experiment zero_miss_experiment = {
    .findings = {FINDING(zero_miss_byte, "zeroing 256 B in a half-empty heap of 4 caches, less what is above, a byte"),
                 FINDING(zero_miss, "the same of 4 KiB, an object")},
    .cache = true,
    .open = zero_miss_open,
    .sample = zero_miss_sample,
    .close = zero_miss_close,
};
