/* What objects cost a program: one that writes to what it has got, and of whose objects most die young.
 *
 * In a loop that does nothing but allocate, the processor learns the loop and all is in the nearest cache. A program
 * has other things in there, the more the larger its heap. So calls are timed one by one, as `replay --real` times
 * them, in heaps of several sizes, and told apart by the steps that the core reports: calls that report none are those
 * of the fast path, others have changed a span.
 *
 *     batch   0 1 2 3 ...      one is chosen, the sooner the lower; one by one its objects are freed and others take
 *                              their places: what is born together dies together
 *
 * Sizes, and how long batches live, are spread over their range evenly by orders of magnitude. Large objects are
 * replaced in turn, so that it is known how much has been zeroed since one was.
 */
#include "calibrate/experiment.h"

#include "calibrate/statistics.h"
#include "real/ticks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NEAR, FAR, LARGE, LARGE_FAR, HEAPS };

static const struct objects {
    size_t n;
    double smallest, largest; /* bytes asked for */
    bool in_turn;             /* the oldest dies first */
} objects[HEAPS] = {
    [NEAR] = {1024, 16, 1024, false},
    [FAR] = {65536, 16, 1024, false},
    [LARGE] = {128, 1024, 4096, true},
    [LARGE_FAR] = {4096, 1024, 8192, true},
};

enum { BATCH = 32, SIZES = 4, PIECES = 21, PIECE = 640 };

/* What calls were for; of allocations, which memory they were for and what they met with. */
enum { PLAIN, ZEROED, REFILL, FREES, KINDS };

struct calls {
    int64_t ticks; /* without those of reading the clock */
    uint64_t count;
};

/* mmap's platform, with an ear for steps. */
struct listening {
    struct goheap_platform table; /* what the heap is given; it must not move */
    unsigned steps;               /* bits, by enum goheap_step */
    uint64_t swept;               /* slots */
};

struct program_heap {
    const struct objects *objects;
    struct listening platform;
    struct lab lab;
    size_t at;             /* object that is replaced next, unless that would be another batch's, */
    uint64_t sizes[SIZES]; /* by one of one of these sizes, bytes */
    double in_use;         /* bytes */
    struct calls calls[KINDS];
    double swept;  /* slots, by the refills */
    double zeroed; /* bytes */
};

struct program {
    const struct bench *bench;
    struct ticks ticks;
    struct program_heap heaps[HEAPS];
};

/* --- a heap -------------------------------------------------------------------------------------------- */

static void note_step(void *self, struct goheap_p *p, enum goheap_step step, uint64_t amount)
{
    (void)p;
    struct listening *l = self;
    l->steps |= 1u << step;
    if (step == GOHEAP_STEP_SWEEP)
        l->swept += amount;
}

/* Its functions have no use for self. */
static void listen(struct listening *l, const struct goheap_platform *mmap)
{
    l->table = *mmap;
    l->table.self = l;
    l->table.step = note_step;
}

/* Writes to each line of it. */
static void use(uint64_t addr, uint64_t bytes)
{
    for (uint64_t at = 0; at < bytes; at += 64)
        *(volatile char *)(uintptr_t)(addr + at) = 1;
}

/* From 1 to below `most`, the logarithms evenly spread. */
static double spread(struct lab *lab, double most)
{
    enum { STEPS = 1 << 20 };
    return pow(most, (double)lab_random(lab, STEPS) / STEPS);
}

/* Of the objects of a batch. */
static void choose_sizes(struct program_heap *h)
{
    const struct objects *o = h->objects;
    for (int i = 0; i < SIZES; i++)
        h->sizes[i] = (uint64_t)(o->smallest * spread(&h->lab, o->largest / o->smallest));
}

static bool fill(struct program_heap *h)
{
    struct lab *lab = &h->lab;
    bool ok = true;
    for (size_t i = 0; ok && i < lab->n; i++) {
        if (i % BATCH == 0)
            choose_sizes(h);
        uint64_t size = h->sizes[i % SIZES];
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
    listen(&h->platform, bench->platform);
    if (!lab_open(&h->lab, &bench->configs->immediate, &h->platform.table, which->n) || !fill(h))
        return false;
    goheap_gauges(h->lab.heap, &g);
    h->in_use = (double)g.heap_inuse;
    return true;
}

static void *program_open(const struct bench *bench)
{
    struct program *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->bench = bench;
    ticks_init(&p->ticks);
    for (int i = 0; i < HEAPS; i++)
        if (!heap_open(&p->heaps[i], bench, &objects[i])) {
            program_close(p);
            return NULL;
        }
    return p;
}

/* --- its calls ----------------------------------------------------------------------------------------- */

/* Unless somebody else had the core meanwhile. */
static void note_call(const struct ticks *t, struct calls *calls, uint64_t began, uint64_t ended)
{
    int64_t took = (int64_t)(ended - began) - (int64_t)t->cost;
    if (took > t->plausible)
        return;
    calls->ticks += took;
    calls->count++;
}

static void note_alloc(const struct ticks *t, struct program_heap *h, unsigned flags, uint64_t began, uint64_t ended)
{
    const struct listening *l = &h->platform;
    const unsigned refill = 1u << GOHEAP_STEP_REFILL | 1u << GOHEAP_STEP_SWEEP;
    if (l->steps == 0) {
        note_call(t, &h->calls[flags & GOHEAP_ZEROED ? ZEROED : PLAIN], began, ended);
    } else if (l->steps == refill && !(flags & GOHEAP_ZEROED)) {
        note_call(t, &h->calls[REFILL], began, ended);
        h->swept += (double)l->swept;
    }
}

/* All of a batch, one by one, then another's. */
static size_t next_object(struct program_heap *h)
{
    const size_t batches = h->lab.n / BATCH;
    if (h->at % BATCH == 0) {
        size_t next = h->objects->in_turn ? h->at / BATCH % batches : (size_t)spread(&h->lab, (double)batches) - 1;
        h->at = next * BATCH;
        choose_sizes(h);
    }
    return h->at++;
}

/* Another object for one of those that there are. */
static bool replace(const struct ticks *t, struct program_heap *h)
{
    struct lab *lab = &h->lab;
    struct listening *l = &h->platform;
    uint64_t *object = &lab->objects[next_object(h)], size = h->sizes[lab_random(lab, SIZES)];
    unsigned flags = lab_random(lab, 2) ? GOHEAP_ZEROED : 0;
    l->steps = 0;
    uint64_t began = ticks_now(t);
    goheap_free(lab->p, *object);
    uint64_t ended = ticks_now(t);
    if (l->steps == 0)
        note_call(t, &h->calls[FREES], began, ended);
    l->steps = 0;
    l->swept = 0;
    began = ticks_now(t);
    *object = goheap_alloc(lab->p, size, GOHEAP_NOSCAN | flags);
    ended = ticks_now(t);
    note_alloc(t, h, flags, began, ended);
    if (*object)
        use(*object, size);
    if (flags & GOHEAP_ZEROED && l->steps == 0)
        h->zeroed += (double)goheap_usable_size(lab->heap, *object);
    return *object != 0;
}

/* ns of each kind of call in one heap; slots that a refill swept, bytes that were zeroed. 0 where there was none. */
enum { SWEPT = KINDS, ZEROED_BYTES, VALUES };
struct means {
    double of[VALUES];
};

static double mean(double sum, const struct calls *calls)
{
    return calls->count ? sum / (double)calls->count : 0;
}

static bool run_piece(const struct ticks *t, struct program_heap *h, struct means *m)
{
    for (int kind = 0; kind < KINDS; kind++)
        h->calls[kind] = (struct calls){0, 0};
    h->swept = h->zeroed = 0;
    for (int step = 0; step < PIECE; step++)
        if (!replace(t, h))
            return false;
    for (int kind = 0; kind < KINDS; kind++)
        m->of[kind] = mean((double)h->calls[kind].ticks * t->ns, &h->calls[kind]);
    m->of[SWEPT] = mean(h->swept, &h->calls[REFILL]);
    m->of[ZEROED_BYTES] = mean(h->zeroed, &h->calls[ZEROED]);
    return true;
}

/* Of the pieces that have such a value; 0 if none has. */
static double median_of(const struct means *pieces, int which)
{
    double values[PIECES];
    size_t n = 0;
    for (int i = 0; i < PIECES; i++)
        if (pieces[i].of[which] != 0)
            values[n++] = pieces[i].of[which];
    return n ? statistics_quartiles(values, n).median : 0;
}

/* Of the means of many pieces the medians, as the core's speed may change. */
static bool run_heap(const struct ticks *t, struct program_heap *h, struct means *means)
{
    struct means pieces[PIECES];
    for (int i = 0; i < PIECES; i++)
        if (!run_piece(t, h, &pieces[i]))
            return false;
    for (int which = 0; which < VALUES; which++)
        means->of[which] = median_of(pieces, which);
    return true;
}

/* --- what they say ------------------------------------------------------------------------------------- */

static double zero_extra(const struct means *m)
{
    return m->of[ZEROED] - m->of[PLAIN];
}

static double refill(const struct costs *known, const struct means *m)
{
    return m->of[REFILL] - m->of[PLAIN] - known->sweep_span - m->of[SWEPT] * known->sweep_object;
}

static double doublings(const struct program_heap *near, const struct program_heap *far)
{
    return log2(far->in_use / near->in_use);
}

static bool program_sample(void *state, double *ns)
{
    struct program *p = state;
    const struct program_heap *h = p->heaps;
    struct means m[HEAPS];
    for (int i = 0; i < HEAPS; i++)
        if (!run_heap(&p->ticks, &p->heaps[i], &m[i]))
            return false;
    const struct means *near = &m[NEAR], *far = &m[FAR], *large = &m[LARGE], *large_far = &m[LARGE_FAR];
    const double farther = doublings(&h[NEAR], &h[FAR]), larger = large->of[ZEROED_BYTES] - near->of[ZEROED_BYTES];
    ns[0] = near->of[PLAIN];
    ns[1] = (far->of[PLAIN] - near->of[PLAIN]) / farther;
    ns[2] = near->of[FREES];
    ns[3] = (far->of[FREES] - near->of[FREES]) / farther;
    ns[5] = (zero_extra(large) - zero_extra(near)) / larger;
    ns[4] = zero_extra(near) - ns[5] * near->of[ZEROED_BYTES];
    const double far_byte = (zero_extra(large_far) - ns[4]) / large_far->of[ZEROED_BYTES];
    ns[6] = (far_byte - ns[5]) / doublings(&h[LARGE], &h[LARGE_FAR]);
    ns[7] = (refill(p->bench->known, near) + refill(p->bench->known, far)) / 2;
    return true;
}

const struct experiment program_experiment = {
    .findings = {FINDING(alloc, "1,024 objects of 16 B to 1 KiB, most of which die young, each call timed"),
                 FINDING(alloc_doubling, "the same with 65,536, less that, a doubling of the heap"),
                 FINDING(free, "the objects that were there before, immediate reclaim"),
                 FINDING(free_doubling, "the same with 65,536, less that, a doubling of the heap"),
                 FINDING(zero, "the same zeroed, less not zeroed, and 128 of 1 to 4 KiB: where a line begins"),
                 FINDING(zero_byte, "and its slope"),
                 FINDING(zero_doubling, "and, of 4,096 of 1 to 8 KiB, the oldest dying first, less that, a doubling"),
                 FINDING(refill, "allocating from another span, less alloc and sweeping: the mean of both heaps")},
    .open = program_open,
    .sample = program_sample,
    .close = program_close,
};
