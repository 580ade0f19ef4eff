/* A program's published mix of sizes: 100 MiB live, sizes drawn by their allocation rates, random objects replaced.
 *
 *   file: size, rate, live  --scale-->  so many objects of each size
 *                           --draw--->  2^18 sizes to allocate, beforehand: the draw is not timed
 *
 *   step: malloc (size drawn) -> displaces a random object of its size -> that waits in a pool -> free of a
 *   random one in the pool
 *
 * Invariant: the number live of each size stays as scaled; beyond it there are what waits, MIX_PENDING at most. */
#include "bench_malloc.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    MIX_LIVE_BYTES = 100 << 20,
    MIX_SIZES = 2048,     /* rows at most */
    MIX_LARGEST = 1 << 20, /* larger ones are too few to be scaled down */
    MIX_DRAWS = 1 << 18,  /* sizes drawn beforehand, by rate; used again and again */
    MIX_PENDING = 256,    /* displaced, not yet freed: or a free would always make room for the very next malloc */
    MIX_BATCH = 10000
};

struct mix_size {
    size_t size;
    double rate; /* from mix_scale on: of this row and all before */
    double live;
    uint32_t first, count; /* its objects among all; count may be 0: then it dies soon after birth */
};

struct mix {
    struct mix_size sizes[MIX_SIZES];
    uint32_t n_sizes;
    uint16_t draws[MIX_DRAWS];
    uint32_t at; /* of draws */
    void **objects;
    uint32_t n_objects;
    void *pending[MIX_PENDING];
    uint64_t seed;
};

static void *new_filled(size_t size)
{
    void *block = bench_malloc(size);
    bench_touch(block, size);
    return block;
}

static bool mix_read(struct mix *mix, FILE *file)
{
    char line[256];
    double rate = 0, live = 0;
    while (fgets(line, sizeof line, file)) {
        struct mix_size row = {0};
        uint64_t size;
        if (sscanf(line, "%" SCNu64 ", %lf, %lf", &size, &row.rate, &row.live) != 3 || row.rate < 0 || row.live < 0)
            return false;
        if (size == 0 || size > MIX_LARGEST)
            continue;
        if (mix->n_sizes == MIX_SIZES)
            return false;
        row.size = (size_t)size;
        mix->sizes[mix->n_sizes++] = row;
        rate += row.rate;
        live += row.live;
    }
    return rate > 0 && live > 0;
}

/* How many of each size are live: the bytes that rounding takes from one size go to the next. */
static void mix_scale(struct mix *mix)
{
    double bytes = 0, rest = 0, rate = 0;
    for (uint32_t i = 0; i < mix->n_sizes; i++)
        bytes += mix->sizes[i].live * (double)mix->sizes[i].size;
    for (uint32_t i = 0; i < mix->n_sizes; i++) {
        struct mix_size *s = &mix->sizes[i];
        rest += s->live * (double)s->size * MIX_LIVE_BYTES / bytes;
        s->first = mix->n_objects;
        s->count = (uint32_t)(rest / (double)s->size);
        rest -= (double)s->count * (double)s->size;
        mix->n_objects += s->count;
        rate += s->rate;
        s->rate = rate;
    }
}

static uint16_t mix_draw(struct mix *mix)
{
    double total = mix->sizes[mix->n_sizes - 1].rate;
    double at = (double)(bench_random_u64(&mix->seed) >> 11) / (double)(UINT64_C(1) << 53) * total;
    uint32_t low = 0, high = mix->n_sizes - 1;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (mix->sizes[middle].rate > at)
            high = middle;
        else
            low = middle + 1;
    }
    return (uint16_t)low;
}

static void mix_prepare(struct mix *mix)
{
    mix_scale(mix);
    mix->seed = 42;
    for (uint32_t i = 0; i < MIX_DRAWS; i++)
        mix->draws[i] = mix_draw(mix);
    mix->objects = bench_pages(mix->n_objects * sizeof *mix->objects);
}

/* All sizes are born in a random order, as a program's would be, not one size after another. */
static void mix_fill(struct mix *mix)
{
    size_t *order = bench_pages(mix->n_objects * sizeof *order);
    uint32_t *where = bench_pages(mix->n_objects * sizeof *where);
    for (uint32_t s = 0, i = 0; s < mix->n_sizes; s++) {
        for (uint32_t end = i + mix->sizes[s].count; i < end; i++) {
            uint32_t other = bench_random_below(&mix->seed, i + 1);
            order[i] = order[other];
            where[i] = where[other];
            order[other] = mix->sizes[s].size;
            where[other] = i;
        }
    }
    for (uint32_t i = 0; i < mix->n_objects; i++)
        mix->objects[where[i]] = new_filled(order[i]);
}

static void mix_batch(void *state)
{
    struct mix *mix = state;
    for (uint32_t i = 0; i < MIX_BATCH; i++) {
        const struct mix_size *s = &mix->sizes[mix->draws[mix->at]];
        mix->at = (mix->at + 1) % MIX_DRAWS;
        void *block = new_filled(s->size);
        if (s->count) {
            void **object = &mix->objects[s->first + bench_random_below(&mix->seed, s->count)];
            void *displaced = *object;
            *object = block;
            block = displaced;
        }
        void **pending = &mix->pending[bench_random_below(&mix->seed, MIX_PENDING)];
        free(*pending);
        *pending = block;
    }
}

enum bench_status bench_mix(struct bench *b)
{
    struct mix *mix = bench_pages(sizeof *mix);
    FILE *file = fopen(b->operand, "r");
    if (!file)
        return bench_fail(BENCH_ABSENT, "%s: not there", b->operand);
    bool good = mix_read(mix, file);
    fclose(file);
    if (!good)
        return bench_fail(BENCH_FAILED, "%s: rows of size, rate, live are expected", b->operand);
    mix_prepare(mix);
    mix_fill(mix);
    bench_measure(b, mix_batch, mix, MIX_BATCH);
    return BENCH_OK;
}
