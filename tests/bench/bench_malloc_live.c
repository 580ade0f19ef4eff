/* One thread with objects of one size: what the order of freeing costs.
 *
 *   pair                 a handful                        m f m f m f
 *   lifo fifo shuffle    0 .. 10,000 .. 0, by a table     m m m ... f f f
 *   random               10,000, always                   f m of a random one */
#include "bench_malloc.h"

#include <stdlib.h>

/* Beside a pair some objects of its size stay: real programs seldom have none, and a class that empties and
 * refills with each pair is a rare case that some allocators are slow at. */
enum { OBJECTS = 10000, BESIDE_PAIR = 8 };

/* --- pair ---------------------------------------------------------------------------------------------- */

struct pairs {
    size_t size;
    uint32_t count; /* in a batch: long enough that reading the clock is no part of it */
};

static void pair_batch(void *state)
{
    const struct pairs pairs = *(const struct pairs *)state; /* a size is seldom fetched from memory anew */
    for (uint32_t i = 0; i < pairs.count; i++)
        free(bench_malloc(pairs.size));
}

enum bench_status bench_pair(struct bench *b)
{
    struct pairs pairs = {.size = b->size, .count = b->size <= 4096 ? 20000 : 500};
    void *beside[BESIDE_PAIR];
    for (int i = 0; i < BESIDE_PAIR; i++)
        beside[i] = bench_malloc(b->size);
    bench_measure(b, pair_batch, &pairs, pairs.count);
    for (int i = 0; i < BESIDE_PAIR; i++)
        free(beside[i]);
    return BENCH_OK;
}

/* --- many objects of one size -------------------------------------------------------------------------- */

struct live {
    size_t size;
    uint64_t seed;
    void **objects;
    uint32_t *order; /* of freeing */
};

static struct live live_new(size_t size)
{
    struct live live = {.size = size, .seed = 42};
    live.objects = bench_pages(OBJECTS * sizeof *live.objects);
    live.order = bench_pages(OBJECTS * sizeof *live.order);
    return live;
}

static void allocate_all(struct live *live)
{
    for (uint32_t i = 0; i < OBJECTS; i++)
        live->objects[i] = bench_malloc(live->size);
}

static void order_batch(void *state)
{
    struct live *live = state;
    allocate_all(live);
    for (uint32_t i = 0; i < OBJECTS; i++)
        free(live->objects[live->order[i]]);
}

enum bench_status bench_lifo(struct bench *b)
{
    struct live live = live_new(b->size);
    for (uint32_t i = 0; i < OBJECTS; i++)
        live.order[i] = OBJECTS - 1 - i;
    bench_measure(b, order_batch, &live, OBJECTS);
    return BENCH_OK;
}

enum bench_status bench_fifo(struct bench *b)
{
    struct live live = live_new(b->size);
    for (uint32_t i = 0; i < OBJECTS; i++)
        live.order[i] = i;
    bench_measure(b, order_batch, &live, OBJECTS);
    return BENCH_OK;
}

enum bench_status bench_shuffle(struct bench *b)
{
    struct live live = live_new(b->size);
    for (uint32_t i = 0; i < OBJECTS; i++) {
        uint32_t other = bench_random_below(&live.seed, i + 1);
        live.order[i] = live.order[other];
        live.order[other] = i;
    }
    bench_measure(b, order_batch, &live, OBJECTS);
    return BENCH_OK;
}

static void random_batch(void *state)
{
    struct live *live = state;
    for (uint32_t i = 0; i < OBJECTS; i++) {
        void **object = &live->objects[bench_random_below(&live->seed, OBJECTS)];
        free(*object);
        *object = bench_malloc(live->size);
    }
}

enum bench_status bench_random(struct bench *b)
{
    struct live live = live_new(b->size);
    allocate_all(&live);
    bench_measure(b, random_batch, &live, OBJECTS);
    for (uint32_t i = 0; i < OBJECTS; i++)
        free(live.objects[i]);
    return BENCH_OK;
}
