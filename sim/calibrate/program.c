/* The program's heaps, the calls that it makes, and their means. */
#include "calibrate/program.h"

#include "real/ticks.h"
#include "real/touch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIZES = 4 };

struct calls {
    double ns;    /* without reading the clock, and sweeping */
    double bytes; /* that were allocated */
    uint64_t count;
};

/* mmap's platform, with an ear for steps. */
struct listening {
    struct goheap_platform table; /* what the heap is given; it must not move */
    unsigned steps;               /* bits, by enum goheap_step */
    uint64_t sweeps, swept;       /* spans, slots */
};

struct program_heap {
    const struct program_objects *objects;
    struct listening platform;
    struct lab lab;
    size_t at;             /* object that is replaced next, unless that would be another batch's, */
    uint64_t sizes[SIZES]; /* by one of one of these sizes, bytes, */
    bool zeroes;           /* and zeroed */
    double in_use;         /* bytes */
    struct calls calls[KINDS];
};

struct program {
    const struct bench *bench;
    struct ticks ticks;
    unsigned n;
    struct program_heap heaps[PROGRAM_HEAPS];
};

/* --- a heap -------------------------------------------------------------------------------------------- */

static void note_step(void *self, struct goheap_p *p, enum goheap_step step, uint64_t amount)
{
    (void)p;
    struct listening *l = self;
    l->steps |= 1u << step;
    if (step == GOHEAP_STEP_SWEEP) {
        l->sweeps++;
        l->swept += amount;
    }
}

/* Its functions have no use for self. */
static void listen(struct listening *l, const struct goheap_platform *mmap)
{
    l->table = *mmap;
    l->table.self = l;
    l->table.step = note_step;
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
    const struct program_objects *o = h->objects;
    for (int i = 0; i < SIZES; i++)
        h->sizes[i] = (uint64_t)(o->smallest * spread(&h->lab, o->largest / o->smallest));
}

static bool fill(struct program_heap *h)
{
    struct lab *lab = &h->lab;
    bool ok = true;
    for (size_t i = 0; ok && i < lab->n; i++) {
        if (i % PROGRAM_BATCH == 0)
            choose_sizes(h);
        uint64_t size = h->sizes[i % SIZES];
        ok = (lab->objects[i] = goheap_alloc(lab->p, size, GOHEAP_NOSCAN)) != 0;
        if (ok)
            touch_object(lab->objects[i], size);
    }
    return ok;
}

void program_close(void *program)
{
    struct program *p = program;
    for (unsigned i = 0; i < p->n; i++)
        lab_close(&p->heaps[i].lab);
    free(p);
}

static bool heap_open(struct program_heap *h, const struct bench *bench, const struct program_objects *which)
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

struct program *program_open(const struct bench *bench, const struct program_objects *objects, unsigned n)
{
    struct program *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->bench = bench;
    ticks_init(&p->ticks);
    for (p->n = 0; p->n < n; p->n++)
        if (!heap_open(&p->heaps[p->n], bench, &objects[p->n])) {
            lab_close(&p->heaps[p->n].lab);
            program_close(p);
            return NULL;
        }
    return p;
}

const struct costs *program_known(const struct program *program)
{
    return program->bench->known;
}

double program_in_use(const struct program *program, unsigned heap)
{
    return program->heaps[heap].in_use;
}

/* --- its calls ----------------------------------------------------------------------------------------- */

/* Of a call for so many bytes, unless somebody else had the core meanwhile; so many ns of it are another cost's. */
static void note_call(const struct ticks *t, struct calls *calls, int64_t ticks, double bytes, double others)
{
    int64_t took = ticks - (int64_t)t->cost;
    if (took > t->plausible)
        return;
    calls->ns += (double)took * t->ns - others;
    calls->bytes += bytes;
    calls->count++;
}

/* What is zeroed of it: its slot, or of a large object as much as was asked for. */
static double bytes_of(const struct lab *lab, uint64_t addr, uint64_t size)
{
    return size > GH_MAX_SMALL ? (double)size : (double)goheap_usable_size(lab->heap, addr);
}

/* What an allocation of so many bytes, of which so many were asked for, was; KINDS if it is of no interest. */
static enum program_kind kind_of(const struct program_heap *h, uint64_t addr, double bytes, uint64_t size)
{
    const struct program_objects *o = h->objects;
    const unsigned steps = h->platform.steps, refill = PROGRAM_STEP(REFILL) | PROGRAM_STEP(SWEEP);
    if (size < PROGRAM_TINY)
        return addr % PROGRAM_TINY ? SHARED : KINDS;
    if (steps == o->steps)
        return !h->zeroes ? PLAIN : o->longer > 0 && bytes >= o->longer ? ZEROED_LONGER : ZEROED;
    if (h->zeroes)
        return KINDS;
    return steps == refill ? REFILL : steps == (refill | PROGRAM_STEP(SPAN_ALLOC)) ? SPAN : KINDS;
}

static void note_alloc(const struct program *p, struct program_heap *h, int64_t ticks, uint64_t addr, uint64_t size)
{
    const struct listening *l = &h->platform;
    const struct costs *known = p->bench->known;
    double sweeping = (double)l->sweeps * known->sweep_span + (double)l->swept * known->sweep_object;
    double bytes = bytes_of(&h->lab, addr, size);
    enum program_kind kind = kind_of(h, addr, bytes, size);
    if (kind != KINDS)
        note_call(&p->ticks, &h->calls[kind], ticks, bytes, sweeping);
}

/* All of a batch, one by one, then another's. */
static size_t next_object(struct program_heap *h)
{
    const size_t batches = h->lab.n / PROGRAM_BATCH;
    if (h->at % PROGRAM_BATCH == 0) {
        size_t next = h->objects->in_turn ? h->at / PROGRAM_BATCH % batches
                                          : (size_t)spread(&h->lab, (double)batches) - 1;
        h->at = next * PROGRAM_BATCH;
        h->zeroes = lab_random(&h->lab, h->objects->plain) != 0;
        choose_sizes(h);
    }
    return h->at++;
}

/* Another object for one of those that there are. */
static bool replace(const struct program *p, struct program_heap *h)
{
    const struct ticks *t = &p->ticks;
    struct lab *lab = &h->lab;
    struct listening *l = &h->platform;
    uint64_t *object = &lab->objects[next_object(h)], size = h->sizes[lab_random(lab, SIZES)];
    const unsigned flags = GOHEAP_NOSCAN | (h->zeroes ? GOHEAP_ZEROED : 0);
    l->steps = 0;
    uint64_t began = ticks_now(t);
    goheap_free(lab->p, *object);
    uint64_t ended = ticks_now(t);
    if (l->steps == 0)
        note_call(t, &h->calls[FREES], (int64_t)(ended - began), 0, 0);
    l->steps = 0;
    l->sweeps = l->swept = 0;
    began = ticks_now(t);
    *object = goheap_alloc(lab->p, size, flags);
    ended = ticks_now(t);
    if (!*object)
        return false;
    note_alloc(p, h, (int64_t)(ended - began), *object, size);
    touch_object(*object, size);
    return true;
}

/* Means, which have in them what makes single calls slow now and then, as a program's have. */
bool program_run(struct program *program, unsigned heap, struct program_means *means)
{
    struct program_heap *h = &program->heaps[heap];
    ticks_measure_cost(&program->ticks);
    memset(h->calls, 0, sizeof h->calls);
    for (int i = 0; i < h->objects->replaced; i++)
        if (!replace(program, h))
            return false;
    for (int kind = 0; kind < KINDS; kind++) {
        const struct calls *c = &h->calls[kind];
        means->ns[kind] = c->count ? c->ns / (double)c->count : 0;
        means->bytes[kind] = c->count ? c->bytes / (double)c->count : 0;
    }
    return true;
}
