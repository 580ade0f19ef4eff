/* What allocating takes in a program: the fast path, another span, zeroing near and far. */
#include "calibrate/program.h"

#include <math.h>

/* --- small objects ------------------------------------------------------------------------------------- */

enum { NEAR, FAR, MIDDLE, SMALL_HEAPS };

static void *small_open(const struct bench *bench)
{
    static const struct program_objects objects[SMALL_HEAPS] = {
        [NEAR] = {.n = 1024, .smallest = 16, .largest = 1024, .longer = 256, .plain = 2, .piece = 640},
        [FAR] = {.n = 65536, .smallest = 16, .largest = 1024, .plain = 2, .piece = 640},
        [MIDDLE] = {.n = 128, .smallest = 1024, .largest = 4096, .in_turn = true, .plain = 2, .piece = 640},
    };
    return program_open(bench, objects, SMALL_HEAPS);
}

static double zero_extra(const struct program_means *m)
{
    return m->ns[ZEROED] - m->ns[PLAIN];
}

static bool small_sample(void *state, double *ns)
{
    struct program *p = state;
    struct program_means m[SMALL_HEAPS];
    for (unsigned i = 0; i < SMALL_HEAPS; i++)
        if (!program_run(p, i, &m[i]))
            return false;
    const struct program_means *near = &m[NEAR], *far = &m[FAR], *middle = &m[MIDDLE];
    const double more_bytes = middle->bytes[ZEROED] - near->bytes[ZEROED];
    const double doublings = log2(program_in_use(p, FAR) / program_in_use(p, NEAR));
    ns[0] = near->ns[PLAIN];
    ns[1] = (far->ns[PLAIN] - near->ns[PLAIN]) / doublings;
    ns[2] = near->ns[FREES];
    ns[3] = (far->ns[FREES] - near->ns[FREES]) / doublings;
    ns[5] = (zero_extra(middle) - zero_extra(near)) / more_bytes;
    ns[4] = zero_extra(near) - ns[5] * near->bytes[ZEROED];
    ns[6] = (near->ns[REFILL] - near->ns[PLAIN] + far->ns[REFILL] - far->ns[PLAIN]) / 2;
    return true;
}

const struct experiment small_experiment = {
    .findings = {FINDING(alloc, "1,024 objects of 16 B to 1 KiB, most of which die young, each call timed"),
                 FINDING(alloc_doubling, "the same with 65,536, less that, a doubling of the heap"),
                 FINDING(free, "the objects that were there before, immediate reclaim"),
                 FINDING(free_doubling, "the same with 65,536, less that, a doubling of the heap"),
                 FINDING(zero, "those below 256 B zeroed, less not zeroed, and 128 of 1 to 4 KiB: where a line begins"),
                 FINDING(zero_byte, "and its slope"),
                 FINDING(refill, "allocating from another span, less alloc and sweeping: the mean of both heaps")},
    .open = small_open,
    .sample = small_sample,
    .close = program_close,
};

/* --- zeroing far from the caches ----------------------------------------------------------------------- */

/* A heap of each that is much larger than the caches that are near, and has the farther one to itself for a while: what
 * a sample finds there the one before it has left. */
static void *far_open(const struct bench *bench)
{
    static const struct program_objects objects = {
        .n = 4096, .smallest = 1024, .largest = 8192, .longer = 4096, .in_turn = true, .plain = 8, .piece = 640};
    return program_open(bench, &objects, 1);
}

static void *large_open(const struct bench *bench)
{
    static const struct program_objects objects = {
        .n = 192, .smallest = 33000, .largest = 93000, .in_turn = true, .plain = 8, .piece = 64,
        .steps = PROGRAM_STEP(PAGE_FIND) | PROGRAM_STEP(SPAN_ALLOC)};
    return program_open(bench, &objects, 1);
}

/* ns that zeroing takes more for each doubling of what has been zeroed since. */
static double zero_farther(const struct program *p, const struct program_means *m, enum program_kind kind)
{
    const struct costs *known = program_known(p);
    double near = known->zero + known->zero_byte * m->bytes[kind];
    return (m->ns[kind] - m->ns[PLAIN] - near) / log2(program_in_use(p, 0) / COSTS_NEAR);
}

static bool far_sample(void *state, double *ns)
{
    struct program_means m;
    if (!program_run(state, 0, &m))
        return false;
    const double shorter = zero_farther(state, &m, ZEROED), longer = zero_farther(state, &m, ZEROED_LONGER);
    ns[0] = (longer - shorter) / (m.bytes[ZEROED_LONGER] - m.bytes[ZEROED]);
    ns[1] = m.bytes[ZEROED] - shorter / ns[0];
    ns[2] = m.ns[SPAN] - m.ns[REFILL];
    return true;
}

const struct experiment far_experiment = {
    .findings = {FINDING(zero_doubling, "12 MiB of 1 to 8 KiB zeroed, oldest first, less that, a doubling: slope"),
                 FINDING(zero_buffer, "and the bytes at which that line begins"),
                 FINDING(span_setup, "there, an object of a span that is made for it, less one of another span")},
    .open = far_open,
    .sample = far_sample,
    .close = program_close,
};

static bool large_sample(void *state, double *ns)
{
    struct program_means m;
    if (!program_run(state, 0, &m))
        return false;
    ns[0] = zero_farther(state, &m, ZEROED) / (m.bytes[ZEROED] - program_known(state)->zero_buffer);
    return true;
}

const struct experiment large_experiment = {
    .findings = {FINDING(zero_large_doubling, "12 MiB of 33 to 93 KB zeroed, oldest first, less that, a doubling")},
    .open = large_open,
    .sample = large_sample,
    .close = program_close,
};
