/* What allocating takes in a program: the fast path, another span, zeroing near and far. */
#include "calibrate/program.h"

#include <math.h>

/* --- small objects ------------------------------------------------------------------------------------- */

enum { NEAR, FAR, MIDDLE, TINY, SMALL_HEAPS };

static void *small_open(const struct bench *bench)
{
    static const struct program_objects objects[SMALL_HEAPS] = {
        [NEAR] = {.n = 1024, .smallest = 16, .largest = 1024, .longer = 256, .plain = 2, .replaced = 13000},
        [FAR] = {.n = 65536, .smallest = 16, .largest = 1024, .plain = 2, .replaced = 13000},
        [MIDDLE] = {.n = 32, .smallest = 1024, .largest = 3072, .in_turn = true, .plain = 2, .replaced = 13000},
        [TINY] = {.n = 1024, .smallest = 2, .largest = 256, .plain = 2, .replaced = 13000},
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
    ns[7] = m[TINY].ns[SHARED] - m[TINY].ns[PLAIN];
    ns[6] = (near->ns[REFILL] - near->ns[PLAIN] + far->ns[REFILL] - far->ns[PLAIN]) / 2;
    return true;
}

const struct experiment small_experiment = {
    .findings = {FINDING(alloc, "1,024 objects of 16 B to 1 KiB, most of which die young, each call timed"),
                 FINDING(alloc_doubling, "the same with 65,536, less that, a doubling of the heap"),
                 FINDING(free, "the objects that were there before, immediate reclaim"),
                 FINDING(free_doubling, "the same with 65,536, less that, a doubling of the heap"),
                 FINDING(zero, "those below 256 B zeroed, less not zeroed, and 32 of 1 to 3 KiB: where a line begins"),
                 FINDING(zero_byte, "and its slope"),
                 FINDING(refill, "allocating from another span, less alloc and sweeping: the mean of both heaps"),
                 FINDING(tiny, "1,024 objects of 2 to 256 B: one below 16 in a block that others have, less others")},
    .open = small_open,
    .sample = small_sample,
    .close = program_close,
};

/* --- zeroing far from the caches ----------------------------------------------------------------------- */

/* Objects of 2 to 32 KiB, so many bytes of them, 12,000 each with what spans have left over. */
#define FAR_OBJECTS(all) (((all) / 12000 + PROGRAM_BATCH - 1) / PROGRAM_BATCH * PROGRAM_BATCH)
#define FAR_HEAP(all)                                                                                                \
    {.n = FAR_OBJECTS(all), .smallest = 2048, .largest = 32768, .longer = 8192, .in_turn = true, .plain = 8,           \
     .replaced = FAR_OBJECTS(all) + 1500}

/* One for each distance in zero_far: as the oldest die first, so much has been zeroed since. */
static void *far_open(const struct bench *bench)
{
    static const struct program_objects objects[COSTS_FAR] = {
        FAR_HEAP(COSTS_NEAR), FAR_HEAP(COSTS_NEAR << 2), FAR_HEAP(COSTS_NEAR << 4), FAR_HEAP(COSTS_NEAR << 6),
        FAR_HEAP(COSTS_NEAR << 8)};
    return program_open(bench, objects, COSTS_FAR);
}

/* As far away as the last but one of these. */
static void *large_open(const struct bench *bench)
{
    static const struct program_objects objects = {
        .n = 256, .smallest = 33000, .largest = 93000, .in_turn = true, .plain = 8, .replaced = 1300,
        .steps = PROGRAM_STEP(PAGE_FIND) | PROGRAM_STEP(SPAN_ALLOC)};
    return program_open(bench, &objects, 1);
}

/* ns that zeroing takes more than near. */
static double zero_more(const struct costs *known, const struct program_means *m, enum program_kind kind)
{
    return m->ns[kind] - m->ns[PLAIN] - known->zero - known->zero_byte * m->bytes[kind];
}

/* Where a line through what shorter and longer ones take more begins, in bytes: of all distances together. */
static double zero_buffer(const struct costs *known, const struct program_means m[COSTS_FAR])
{
    double shorter = 0, longer = 0, short_ns = 0, long_ns = 0;
    for (unsigned i = 0; i < COSTS_FAR; i++) {
        shorter += m[i].bytes[ZEROED] / COSTS_FAR;
        longer += m[i].bytes[ZEROED_LONGER] / COSTS_FAR;
        short_ns += zero_more(known, &m[i], ZEROED);
        long_ns += zero_more(known, &m[i], ZEROED_LONGER);
    }
    return shorter - short_ns * (longer - shorter) / (long_ns - short_ns);
}

static bool far_sample(void *state, double *ns)
{
    enum { SPANS = 2 }; /* of 4 MiB: a heap as most programs have */
    const struct costs *known = program_known(state);
    struct program_means m[COSTS_FAR];
    for (unsigned i = 0; i < COSTS_FAR; i++) {
        if (!program_run(state, i, &m[i]) || /* which brings all of it to where it is to be, and the other heaps away */
            !program_run(state, i, &m[i]))
            return false;
        ns[i] = zero_more(known, &m[i], ZEROED_LONGER) / (m[i].bytes[ZEROED_LONGER] - known->zero_buffer);
    }
    ns[COSTS_FAR] = zero_buffer(known, m);
    ns[COSTS_FAR + 1] = m[SPANS].ns[SPAN] - m[SPANS].ns[REFILL];
    return true;
}

const struct experiment far_experiment = {
    .findings = {FINDING_OF("zero_256k", zero_far[0], "256 KiB of 2 to 32 KiB zeroed, oldest first, less near, a byte"),
                 FINDING_OF("zero_1m", zero_far[1], "the same of 1 MiB"),
                 FINDING_OF("zero_4m", zero_far[2], "of 4 MiB"),
                 FINDING_OF("zero_16m", zero_far[3], "of 16 MiB"),
                 FINDING_OF("zero_64m", zero_far[4], "of 64 MiB"),
                 FINDING(zero_buffer, "the bytes at which a line through those below 8 KiB and those above it begins"),
                 FINDING(span_setup, "in 4 MiB, an object of a span that is made for it, less one of another span")},
    .open = far_open,
    .sample = far_sample,
    .close = program_close,
};

static bool large_sample(void *state, double *ns)
{
    const struct costs *known = program_known(state);
    struct program_means m;
    if (!program_run(state, 0, &m))
        return false;
    double byte = zero_more(known, &m, ZEROED) / (m.bytes[ZEROED] - known->zero_buffer);
    ns[0] = byte / costs_zero_far(known, log2(program_in_use(state, 0) / COSTS_NEAR));
    return true;
}

const struct experiment large_experiment = {
    .findings = {FINDING(zero_large, "16 MiB of 33 to 93 KB zeroed, oldest first: the same, as a part of zero_16m")},
    .open = large_open,
    .sample = large_sample,
    .close = program_close,
};
