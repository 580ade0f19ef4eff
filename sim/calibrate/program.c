/* What small objects cost a program: one that writes to what it has got, and frees what nobody can foretell.
 *
 * In a loop that does nothing but allocate, the processor learns the loop and all is in the nearest cache. A program
 * has other things in there, the more the larger its heap. So calls are timed one by one, as `replay --real` times
 * them, in heaps of several sizes. Calls that come by the platform, for another span or to give one back, do not count.
 */
#include "calibrate/experiment.h"

#include "calibrate/statistics.h"
#include "calibrate/timed_platform.h"
#include "real/ticks.h"

#include <math.h>
#include <stdlib.h>

enum { NEAR, FAR, LARGE, HEAPS };

static const struct objects {
    size_t n;
    uint64_t smallest, largest; /* bytes asked for */
} objects[HEAPS] = {
    [NEAR] = {1000, 16, 256},
    [FAR] = {64000, 16, 256},
    [LARGE] = {100, 1024, 4096},
};

enum { PIECES = 21, PIECE = 100 };

/* Calls, and the ticks that they took, those of reading the clock included. */
struct calls {
    uint64_t ticks, count;
};

struct program_heap {
    const struct objects *objects;
    struct timed_platform platform;
    struct lab lab;
    double in_use; /* bytes */
    double slot;   /* bytes, the mean of the objects' */
};

struct program {
    struct ticks ticks;
    struct program_heap heaps[HEAPS];
};

/* Writes to each line of it. */
static void use(uint64_t addr, uint64_t bytes)
{
    for (uint64_t at = 0; at < bytes; at += 64)
        *(volatile char *)(uintptr_t)(addr + at) = 1;
}

static uint64_t random_size(struct program_heap *h)
{
    return h->objects->smallest + lab_random(&h->lab, h->objects->largest - h->objects->smallest + 1);
}

static bool fill(struct program_heap *h)
{
    struct lab *lab = &h->lab;
    bool ok = true;
    for (size_t i = 0; ok && i < lab->n; i++) {
        uint64_t size = random_size(h);
        ok = (lab->objects[i] = goheap_alloc(lab->p, size, GOHEAP_NOSCAN)) != 0;
        if (ok)
            use(lab->objects[i], size);
    }
    return ok;
}

static void program_close(void *state)
{
    struct program *p = state;
    for (int i = 0; i < HEAPS; i++)
        lab_close(&p->heaps[i].lab);
    free(p);
}

static bool heap_open(struct program_heap *h, const struct bench *bench, const struct objects *which)
{
    struct goheap_gauges g;
    h->objects = which;
    timed_platform_init(&h->platform, bench->platform);
    if (!lab_open(&h->lab, &bench->configs->immediate, &h->platform.table, which->n) || !fill(h))
        return false;
    goheap_gauges(h->lab.heap, &g);
    h->in_use = (double)g.heap_inuse;
    for (size_t i = 0; i < which->n; i++)
        h->slot += (double)goheap_usable_size(h->lab.heap, h->lab.objects[i]) / (double)which->n;
    return true;
}

static void *program_open(const struct bench *bench)
{
    struct program *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    ticks_init(&p->ticks);
    for (int i = 0; i < HEAPS; i++)
        if (!heap_open(&p->heaps[i], bench, &objects[i])) {
            program_close(p);
            return NULL;
        }
    return p;
}

/* Another object for one of those that there are. */
static bool replace(const struct ticks *t, struct program_heap *h, unsigned flags, struct calls *frees,
                    struct calls *allocs)
{
    struct lab *lab = &h->lab;
    uint64_t *object = &lab->objects[lab_random(lab, lab->n)], size = random_size(h), came_by = h->platform.at;
    uint64_t began = ticks_now(t);
    goheap_free(lab->p, *object);
    uint64_t freed = ticks_now(t);
    if (h->platform.at == came_by)
        *frees = (struct calls){frees->ticks + freed - began, frees->count + 1};
    came_by = h->platform.at;
    began = ticks_now(t);
    *object = goheap_alloc(lab->p, size, GOHEAP_NOSCAN | flags);
    uint64_t allocated = ticks_now(t);
    if (h->platform.at == came_by)
        *allocs = (struct calls){allocs->ticks + allocated - began, allocs->count + 1};
    if (*object)
        use(*object, size);
    return *object != 0;
}

static double mean_ns(const struct ticks *t, const struct calls *c)
{
    return c->count ? ((double)c->ticks / (double)c->count - (double)t->cost) * t->ns : 0;
}

/* ns of an allocation and of a free in one heap. */
struct means {
    double alloc, free;
};

/* Of the means of many pieces the medians, as somebody else may have the CPU meanwhile. */
static bool run_heap(const struct ticks *t, struct program_heap *h, unsigned flags, struct means *means)
{
    double frees[PIECES], allocs[PIECES];
    for (int i = 0; i < PIECES; i++) {
        struct calls freed = {0, 0}, allocated = {0, 0};
        for (int step = 0; step < PIECE; step++)
            if (!replace(t, h, flags, &freed, &allocated))
                return false;
        frees[i] = mean_ns(t, &freed);
        allocs[i] = mean_ns(t, &allocated);
    }
    *means = (struct means){statistics_quartiles(allocs, PIECES).median, statistics_quartiles(frees, PIECES).median};
    return true;
}

static bool run_all(struct program *p, unsigned flags, struct means *means)
{
    for (int i = 0; i < HEAPS; i++)
        if (!run_heap(&p->ticks, &p->heaps[i], flags, &means[i]))
            return false;
    return true;
}

static bool program_sample(void *state, double *ns)
{
    struct program *p = state;
    const struct program_heap *near = &p->heaps[NEAR], *far = &p->heaps[FAR], *large = &p->heaps[LARGE];
    struct means plain[HEAPS], zeroed[HEAPS];
    if (!run_all(p, 0, plain) || !run_all(p, GOHEAP_ZEROED, zeroed))
        return false;
    const double doublings = log2(far->in_use / near->in_use);
    const double near_extra = zeroed[NEAR].alloc - plain[NEAR].alloc;
    const double large_extra = zeroed[LARGE].alloc - plain[LARGE].alloc;
    ns[0] = plain[NEAR].alloc;
    ns[1] = (plain[FAR].alloc - plain[NEAR].alloc) / doublings;
    ns[2] = plain[NEAR].free;
    ns[3] = (plain[FAR].free - plain[NEAR].free) / doublings;
    ns[5] = (large_extra - near_extra) / (large->slot - near->slot);
    ns[4] = near_extra - ns[5] * near->slot;
    return true;
}

const struct experiment program_experiment = {
    .findings = {FINDING(alloc, "1,000 objects of 16 to 256 B, at random one for another, each call timed"),
                 FINDING(alloc_doubling, "the same with 64,000, less that, a doubling of the heap"),
                 FINDING(free, "the objects that were there before, immediate reclaim"),
                 FINDING(free_doubling, "the same with 64,000, less that, a doubling of the heap"),
                 FINDING(zero, "the same zeroed, less not zeroed, and with 1 to 4 KiB: where a line begins"),
                 FINDING(zero_byte, "and its slope")},
    .open = program_open,
    .sample = program_sample,
    .close = program_close,
};
