/* What objects cost that the P's own spans serve: allocating, freeing, zeroing. */
#include "calibrate/experiment.h"

#include "calibrate/statistics.h"
#include "model/sim.h"

#include <stdlib.h>
#include <string.h>

enum { OBJECTS = 1000, SMALLEST = 16, LARGEST = 256 };

/* --- a heap whose spans never run out ------------------------------------------------------------------ */

struct objects {
    const struct bench *bench;
    struct lab lab;
    double bytes; /* of all slots */
};

static void random_sizes(struct lab *lab)
{
    for (size_t i = 0; i < lab->n; i++)
        lab->sizes[i] = (uint32_t)(SMALLEST + lab_random(lab, LARGEST - SMALLEST + 1));
}

/* Spans so large that one a class is enough: no allocation is a refill. */
static struct goheap_config roomy(const struct goheap_config *config)
{
    enum { TIMES = 16 };
    struct goheap_config c = *config;
    for (unsigned i = 1; i < c.table.count && c.table.classes[i].size <= LARGEST; i++)
        c.table.classes[i].pages *= TIMES;
    return c;
}

static void objects_close(void *state)
{
    struct objects *o = state;
    lab_close(&o->lab);
    free(o);
}

static struct objects *objects_new(const struct bench *bench, const struct goheap_config *config)
{
    struct objects *o = calloc(1, sizeof *o);
    if (!o)
        return NULL;
    o->bench = bench;
    bool ok = lab_open(&o->lab, config, bench->platform, OBJECTS);
    if (ok) {
        random_sizes(&o->lab);
        ok = lab_alloc_all(&o->lab, GOHEAP_NOSCAN);
    }
    if (!ok) {
        objects_close(o);
        return NULL;
    }
    for (size_t i = 0; i < OBJECTS; i++)
        o->bytes += (double)goheap_usable_size(o->lab.heap, o->lab.objects[i]);
    lab_free_all(&o->lab);
    return o;
}

static void *roomy_open(const struct bench *bench)
{
    struct goheap_config config = roomy(&bench->configs->immediate);
    return objects_new(bench, &config);
}

/* ns of allocating all objects, and of freeing them; *ok turns false if the heap cannot grow. */
static double time_alloc(struct lab *lab, unsigned flags, bool *ok)
{
    uint64_t began = now_ns();
    *ok &= lab_alloc_all(lab, flags);
    return ns_since(began);
}

static double time_free(struct lab *lab)
{
    uint64_t began = now_ns();
    lab_free_all(lab);
    return ns_since(began);
}

/* --- alloc, free --------------------------------------------------------------------------------------- */

static bool objects_sample(void *state, double *ns)
{
    enum { TIMES = 20 };
    struct objects *o = state;
    bool ok = true;
    double alloc = 0, freed = 0;
    for (int i = 0; i < TIMES; i++) {
        alloc += time_alloc(&o->lab, GOHEAP_NOSCAN, &ok);
        freed += time_free(&o->lab);
    }
    ns[0] = alloc / (TIMES * OBJECTS);
    ns[1] = freed / (TIMES * OBJECTS);
    return ok;
}

const struct experiment objects_experiment = {
    .findings = {FINDING(alloc, "1,000 objects of 16 to 256 B from the P's own spans, sizes mixed, nothing zeroed"),
                 FINDING(free, "the same objects freed by their owner, shuffled, immediate reclaim")},
    .open = roomy_open,
    .sample = objects_sample,
    .close = objects_close,
};

/* --- zero_byte ----------------------------------------------------------------------------------------- */

/* The same allocations with and without zeroing: all slots have been used before, and fit into a second-level cache. */
static bool zero_sample(void *state, double *ns)
{
    enum { TIMES = 20 };
    struct objects *o = state;
    bool ok = true;
    double plain = 0, zeroed = 0;
    for (int i = 0; i < TIMES; i++) {
        plain += time_alloc(&o->lab, GOHEAP_NOSCAN, &ok);
        lab_free_all(&o->lab);
        zeroed += time_alloc(&o->lab, GOHEAP_NOSCAN | GOHEAP_ZEROED, &ok);
        lab_free_all(&o->lab);
    }
    ns[0] = (zeroed - plain) / (TIMES * o->bytes);
    return ok;
}

const struct experiment zero_experiment = {
    .findings = {FINDING(zero_byte, "the same objects in used slots, zeroed less not zeroed, a byte")},
    .open = roomy_open,
    .sample = zero_sample,
    .close = objects_close,
};

/* --- death --------------------------------------------------------------------------------------------- */

static void *death_open(const struct bench *bench)
{
    return objects_new(bench, &bench->configs->gc);
}

static bool death_sample(void *state, double *ns)
{
    enum { TIMES = 10 };
    struct objects *o = state;
    bool ok = true;
    double freed = 0;
    for (int i = 0; i < TIMES; i++) {
        lab_collect(&o->lab);
        ok &= lab_alloc_all(&o->lab, GOHEAP_NOSCAN);
        freed += time_free(&o->lab);
    }
    ns[0] = freed / (TIMES * OBJECTS);
    return ok;
}

const struct experiment death_experiment = {
    .findings = {FINDING(death, "1,000 objects freed, shuffled, reclaim by collection: a live bit cleared")},
    .open = death_open,
    .sample = death_sample,
    .close = objects_close,
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
    return statistics_quartiles(zeroed, PIECES).median - statistics_quartiles(plain, PIECES).median -
           size * bench->known->zero_byte;
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
    .findings = {FINDING(zero_miss_byte, "zeroing 256 B in a half-empty heap of 4 caches, less in cache, a byte"),
                 FINDING(zero_miss, "the same of 4 KiB, an object")},
    .cache = true,
    .open = zero_miss_open,
    .sample = zero_miss_sample,
    .close = zero_miss_close,
};
