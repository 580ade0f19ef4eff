/* Threads that free what others allocated.
 *
 *   cross    producer --malloc--> ring of batches --> consumer --free-->    each pinned to a core, if there are two
 *   larson   a seat with slots of random sizes; its thread replaces random ones, ends, and a new thread takes the
 *            seat over with all that lives in it
 *
 * Times are wall times, since threads that wait for each other's locks or lines are what is measured. They are
 * taken in laps of a millisecond or so; of larson a lap is a thread's work, without its creation and its end. A
 * lap in which the kernel took a core away from these threads for somebody else's does not count, unless all are
 * like that. */
#include "bench_malloc.h"

#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>

static int cores(cpu_set_t *allowed)
{
    CPU_ZERO(allowed);
    return sched_getaffinity(0, sizeof *allowed, allowed) == 0 ? CPU_COUNT(allowed) : 1;
}

/* --- laps ---------------------------------------------------------------------------------------------- */

struct laps {
    uint64_t ns, ops;           /* of all laps */
    uint64_t calm_ns, calm_ops; /* of those without preemption, in it or in the one before (it may last) */
    bool was_calm;              /* the one before */
    uint64_t began;
    long preempted; /* so often, when it began */
};

static long preemptions(int whose)
{
    struct rusage usage;
    getrusage(whose, &usage);
    return usage.ru_nivcsw;
}

/* whose: RUSAGE_SELF, all threads of the process, or RUSAGE_THREAD. */
static void lap_begin(struct laps *laps, int whose)
{
    laps->preempted = preemptions(whose);
    laps->began = bench_now(BENCH_WALL);
}

static void lap_end(struct laps *laps, int whose, uint64_t ops)
{
    uint64_t ns = bench_now(BENCH_WALL) - laps->began;
    laps->ns += ns;
    laps->ops += ops;
    bool calm = preemptions(whose) == laps->preempted;
    if (calm && laps->was_calm) {
        laps->calm_ns += ns;
        laps->calm_ops += ops;
    }
    laps->was_calm = calm;
}

/* On a busy machine it takes longer, but not for ever. */
static bool laps_suffice(const struct laps *laps, uint64_t budget_ns)
{
    return laps->calm_ns >= budget_ns / 2 || laps->ns >= 4 * budget_ns;
}

static void add_laps(struct bench *b, const struct laps *laps)
{
    b->clock = BENCH_WALL;
    b->spent_ns += laps->calm_ops ? laps->calm_ns : laps->ns;
    b->ops += laps->calm_ops ? laps->calm_ops : laps->ops;
}

/* --- cross --------------------------------------------------------------------------------------------- */

enum { BATCH = 128, RING = 64, LAP = RING };

/* Single producer, single consumer. Batches emptied .. filled - 1 are in the ring, RING at most; one whose first
 * block is NULL is the last. */
struct ring {
    alignas(64) atomic_ulong filled;
    alignas(64) atomic_ulong emptied;
    alignas(64) void *batch[RING][BATCH];
    bool one_core; /* for both threads */
};

/* On a core of its own a thread stays there: yielding it to somebody else's would cost whole time slices. */
static void wait_a_little(const struct ring *ring)
{
    if (ring->one_core)
        sched_yield();
}

/* The nth core, if there are so many. */
static void pin_to(int nth)
{
    cpu_set_t allowed, one;
    cores(&allowed);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &allowed) && nth-- == 0) {
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
    pin_to(1);
    for (unsigned long at = 0;; at++) {
        while (atomic_load_explicit(&ring->filled, memory_order_acquire) == at)
            wait_a_little(ring);
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
    while (at - atomic_load_explicit(&ring->emptied, memory_order_acquire) == RING)
        wait_a_little(ring);
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
    ring->one_core = cores(&allowed) == 1;
    if (pthread_create(&consumer, NULL, consume, ring) != 0)
        return bench_fail(BENCH_FAILED, "no thread");
    pin_to(0);
    unsigned long at = 0;
    while (at < RING) /* the first time round is not counted */
        produce(ring, at++, b->size);
    struct laps laps = {0};
    do {
        lap_begin(&laps, RUSAGE_SELF);
        for (int i = 0; i < LAP; i++)
            produce(ring, at++, b->size);
        lap_end(&laps, RUSAGE_SELF, LAP * BATCH);
    } while (!laps_suffice(&laps, b->budget_ns));
    produce(ring, at, 0);
    pthread_join(consumer, NULL);
    add_laps(b, &laps);
    return BENCH_OK;
}

/* --- larson -------------------------------------------------------------------------------------------- */

enum {
    SLOTS = 5000, /* of a seat */
    LIFE = 20000, /* replacements until a thread ends: a lap */
    SMALLEST = 8,
    LARGEST = 1000,
    MAX_SEATS = 8
};

struct seat {
    alignas(64) void *slots[SLOTS];
    uint64_t seed;
    uint64_t budget_ns;
    struct laps laps; /* of those who sit here, one after another; each is alone with it */
};

static size_t random_size(uint64_t *seed)
{
    return SMALLEST + bench_random_below(seed, LARGEST - SMALLEST + 1);
}

static void *sit(void *state)
{
    struct seat *seat = state;
    uint64_t seed = seat->seed;
    lap_begin(&seat->laps, RUSAGE_THREAD);
    for (int i = 0; i < LIFE; i++) {
        void **slot = &seat->slots[bench_random_below(&seed, SLOTS)];
        free(*slot);
        *slot = bench_malloc(random_size(&seed));
    }
    seat->seed = seed;
    lap_end(&seat->laps, RUSAGE_THREAD, LIFE);
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
    } while (!laps_suffice(&seat->laps, seat->budget_ns));
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
    for (int i = 0; i < n; i++) {
        seats[i].budget_ns = b->budget_ns;
        if (pthread_create(&keepers[i], NULL, keep_occupied, &seats[i]) != 0)
            return bench_fail(BENCH_FAILED, "no thread");
    }
    for (int i = 0; i < n; i++) {
        pthread_join(keepers[i], NULL);
        add_laps(b, &seats[i].laps);
    }
    return BENCH_OK;
}
