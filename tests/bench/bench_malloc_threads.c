/* Threads that free what others allocated.
 *
 *   cross    producer --malloc--> ring of batches --> consumer --free-->    each pinned to a core, if there are two
 *   larson   a seat with slots of random sizes; its thread replaces random ones, ends, and a new thread takes the
 *            seat over with all that lives in it
 *
 * Times are wall times, since threads that wait for each other's locks or lines are what is measured. */
#include "bench_malloc.h"

#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>

static int cores(cpu_set_t *allowed)
{
    CPU_ZERO(allowed);
    return sched_getaffinity(0, sizeof *allowed, allowed) == 0 ? CPU_COUNT(allowed) : 1;
}

/* --- cross --------------------------------------------------------------------------------------------- */

enum { BATCH = 128, RING = 64, SPINS = 2000 };

/* Single producer, single consumer. Batches emptied .. filled - 1 are in the ring, RING at most; one whose first
 * block is NULL is the last. */
struct ring {
    alignas(64) atomic_ulong filled;
    alignas(64) atomic_ulong emptied;
    alignas(64) void *batch[RING][BATCH];
};

static void wait_a_little(unsigned *spins)
{
    if (++*spins % SPINS == 0)
        sched_yield();
}

static void pin_to(const cpu_set_t *allowed, int nth)
{
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, allowed) && nth-- == 0) {
            cpu_set_t one;
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            pthread_setaffinity_np(pthread_self(), sizeof one, &one);
            return;
        }
    }
}

static void *consume(void *state)
{
    struct ring *ring = state;
    cpu_set_t allowed;
    if (cores(&allowed) > 1)
        pin_to(&allowed, 1);
    for (unsigned long at = 0;; at++) {
        unsigned spins = 0;
        while (atomic_load_explicit(&ring->filled, memory_order_acquire) == at)
            wait_a_little(&spins);
        void **batch = ring->batch[at % RING];
        if (!batch[0])
            return NULL;
        for (int i = 0; i < BATCH; i++)
            free(batch[i]);
        atomic_store_explicit(&ring->emptied, at + 1, memory_order_release);
    }
}

/* A batch of size 0 ends it. */
static void produce(struct ring *ring, unsigned long at, size_t size)
{
    unsigned spins = 0;
    while (at - atomic_load_explicit(&ring->emptied, memory_order_acquire) == RING)
        wait_a_little(&spins);
    void **batch = ring->batch[at % RING];
    batch[0] = NULL;
    for (int i = 0; i < BATCH && size; i++)
        batch[i] = bench_malloc(size);
    atomic_store_explicit(&ring->filled, at + 1, memory_order_release);
}

enum bench_status bench_cross(struct bench *b)
{
    struct ring *ring = bench_pages(sizeof *ring);
    pthread_t consumer;
    cpu_set_t allowed;
    if (pthread_create(&consumer, NULL, consume, ring) != 0)
        return bench_fail(BENCH_FAILED, "no thread");
    if (cores(&allowed) > 1)
        pin_to(&allowed, 0);
    unsigned long at = 0;
    while (at < RING) /* the first time round is not counted */
        produce(ring, at++, b->size);
    uint64_t began = bench_now(BENCH_WALL);
    do {
        produce(ring, at++, b->size);
        b->ops += BATCH;
    } while (bench_now(BENCH_WALL) - began < b->budget_ns);
    produce(ring, at, 0);
    pthread_join(consumer, NULL);
    b->spent_ns = bench_now(BENCH_WALL) - began;
    b->clock = BENCH_WALL;
    return BENCH_OK;
}

/* --- larson -------------------------------------------------------------------------------------------- */

enum {
    SLOTS = 5000, /* of a seat */
    LIFE = 50000, /* replacements until a thread ends */
    SMALLEST = 8,
    LARGEST = 1000,
    MAX_SEATS = 8
};

struct seat {
    alignas(64) void *slots[SLOTS];
    uint64_t seed;
    uint64_t ops;
    uint64_t until; /* wall time */
};

static size_t random_size(uint64_t *seed)
{
    return SMALLEST + bench_random_below(seed, LARGEST - SMALLEST + 1);
}

static void *sit(void *state)
{
    struct seat *seat = state;
    uint64_t seed = seat->seed;
    for (int i = 0; i < LIFE; i++) {
        void **slot = &seat->slots[bench_random_below(&seed, SLOTS)];
        free(*slot);
        *slot = bench_malloc(random_size(&seed));
    }
    seat->seed = seed;
    seat->ops += LIFE;
    return NULL;
}

/* Sees to it that somebody sits there until the time is over. */
static void *keep_occupied(void *state)
{
    struct seat *seat = state;
    pthread_t thread;
    do {
        if (pthread_create(&thread, NULL, sit, seat) != 0)
            exit((int)bench_fail(BENCH_FAILED, "no thread"));
        pthread_join(thread, NULL);
    } while (bench_now(BENCH_WALL) < seat->until);
    return NULL;
}

static void fill(struct seat *seat, uint64_t seed)
{
    seat->seed = seed;
    for (int i = 0; i < SLOTS; i++)
        seat->slots[i] = bench_malloc(random_size(&seat->seed));
}

enum bench_status bench_larson(struct bench *b)
{
    cpu_set_t allowed;
    int available = cores(&allowed);
    int n = available < 2 ? 2 : available > MAX_SEATS ? MAX_SEATS : available;
    struct seat *seats = bench_pages((size_t)n * sizeof *seats);
    pthread_t keepers[MAX_SEATS];
    for (int i = 0; i < n; i++)
        fill(&seats[i], 42 + (uint64_t)i);
    uint64_t began = bench_now(BENCH_WALL);
    for (int i = 0; i < n; i++) {
        seats[i].until = began + b->budget_ns;
        if (pthread_create(&keepers[i], NULL, keep_occupied, &seats[i]) != 0)
            return bench_fail(BENCH_FAILED, "no thread");
    }
    for (int i = 0; i < n; i++) {
        pthread_join(keepers[i], NULL);
        b->ops += seats[i].ops;
    }
    b->spent_ns = (bench_now(BENCH_WALL) - began) * (uint64_t)n;
    b->clock = BENCH_WALL;
    return BENCH_OK;
}
