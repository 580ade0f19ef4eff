/* Steady churn bounds the heap: while the number of live objects stays what it is and every one of them is replaced
 * many times over, heap_sys stays near where the first turns left it, however the deaths are spread over threads and
 * sizes. What leaks a span now and then, or loses the slots that other threads freed, goes past any bound here.
 *
 *     warm-up: WARM turns  ->  heap_sys  ->  TURNS more  ->  at most twice that, and 0 in use once all are dead
 *
 * A turn replaces as many objects as live. The heap grows by 4 MiB at a time, so a few times that lives. */
#include "goheap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

enum { WARM = 2, TURNS = 12, BOUND = 2, THREADS = 4 };

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return *seed >> 33;
}

typedef uint64_t (*size_rule)(uint64_t *seed);

static uint64_t same_size(uint64_t *seed)
{
    (void)seed;
    return 320;
}

static uint64_t mixed_size(uint64_t *seed)
{
    static const uint64_t limits[] = {64, 64, 256, 256, 1024, 1024, 8192, 40000};
    return 1 + next_random(seed) % limits[next_random(seed) % 8];
}

/* --- a heap and its figures ---------------------------------------------------------------------------- */

static struct goheap *new_heap(void)
{
    struct goheap_config c;
    goheap_config_malloc(&c);
    c.address_space = UINT64_C(1) << 33; /* a sanitizer leaves little room */
    struct goheap *heap = goheap_new(&c, goheap_platform_mmap());
    assert_non_null(heap);
    return heap;
}

static uint64_t take(struct goheap_p *p, uint64_t size)
{
    uint64_t addr = goheap_alloc(p, size, 0);
    if (!addr)
        abort(); /* cmocka's assertions are not for other threads than its own */
    return addr;
}

static void drop(struct goheap_p *p, uint64_t addr)
{
    if (goheap_free(p, addr) != GOHEAP_OK)
        abort();
}

static uint64_t heap_sys(struct goheap *heap)
{
    struct goheap_memstats m;
    goheap_memstats(heap, &m);
    return m.heap_sys;
}

static void assert_bounded(struct goheap *heap, uint64_t warm)
{
    uint64_t now = heap_sys(heap);
    if (now > BOUND * warm)
        fail_msg("%llu KiB of heap after %d turns, more than %d times the %llu after %d",
                 (unsigned long long)now >> 10, WARM + TURNS, BOUND, (unsigned long long)warm >> 10, WARM);
}

/* Everything was freed: nothing is in use, and the heap is sound. */
static void end(struct goheap *heap)
{
    struct goheap_memstats m;
    goheap_memstats(heap, &m);
    assert_int_equal(m.heap_objects, 0);
    assert_int_equal(m.heap_inuse, 0);
    char why[256] = "";
    if (!goheap_verify(heap, why, sizeof why))
        fail_msg("%s", why);
    goheap_delete(heap);
}

/* --- one thread ---------------------------------------------------------------------------------------- */

static uint64_t *new_objects(size_t n)
{
    uint64_t *live = calloc(n, sizeof *live);
    assert_non_null(live);
    return live;
}

static void replace(struct goheap_p *p, uint64_t *live, size_t n, size_rule size, uint64_t *seed)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t *slot = &live[next_random(seed) % n];
        drop(p, *slot);
        *slot = take(p, size(seed));
    }
}

static void churn(size_t n, size_rule size)
{
    struct goheap *heap = new_heap();
    struct goheap_p *p = goheap_p_new(heap, NULL);
    uint64_t *live = new_objects(n), seed = 1;
    for (int turn = 0; turn < WARM; turn++)
        replace(p, live, n, size, &seed);
    uint64_t warm = heap_sys(heap);
    for (int turn = 0; turn < TURNS; turn++)
        replace(p, live, n, size, &seed);
    assert_bounded(heap, warm);
    for (size_t i = 0; i < n; i++)
        drop(p, live[i]);
    end(heap);
    free(live);
}

static void test_same_size(void **state)
{
    (void)state;
    churn(30000, same_size);
}

static void test_mixed_sizes(void **state)
{
    (void)state;
    churn(8000, mixed_size);
}

/* Each turn has a size of its own, the bytes stay the same: pages go from class to class. */
static void test_size_after_size(void **state)
{
    (void)state;
    enum { BYTES = 12 << 20, SMALLEST = 48 };
    struct goheap *heap = new_heap();
    struct goheap_p *p = goheap_p_new(heap, NULL);
    uint64_t *live = new_objects(BYTES / SMALLEST);
    uint64_t warm = 0;
    size_t n = 0;
    for (int turn = 0; turn < WARM + TURNS; turn++) {
        for (size_t i = 0; i < n; i++)
            drop(p, live[i]);
        uint64_t size = SMALLEST + (uint64_t)turn * 112;
        n = (size_t)(BYTES / size);
        for (size_t i = 0; i < n; i++)
            live[i] = take(p, size);
        if (turn + 1 == WARM)
            warm = heap_sys(heap);
    }
    assert_bounded(heap, warm);
    for (size_t i = 0; i < n; i++)
        drop(p, live[i]);
    end(heap);
    free(live);
}

/* --- several threads ----------------------------------------------------------------------------------- */

/* A P that does nothing keeps what others free in its spans until it looks, so a thread that replaced everything
 * while the rest sleep would double the heap. These go in step: no thread is ahead by more than a STEPth of a turn. */
enum { STEP = 8 };

struct shared {
    struct goheap *heap;
    size_rule size;
    size_t n;
    _Atomic uint64_t *live; /* one object a slot, whoever replaces it frees it */
    pthread_barrier_t step;
};

struct worker {
    struct shared *shared;
    uint64_t seed;
    int steps;
    pthread_t thread;
};

/* With THREADS of them each does its part of every turn. */
static void *replace_shared(void *arg)
{
    struct worker *me = arg;
    struct shared *sh = me->shared;
    struct goheap_p *p = goheap_p_acquire(sh->heap);
    if (!p)
        abort();
    for (int step = 0; step < me->steps; step++) {
        pthread_barrier_wait(&sh->step);
        for (size_t i = 0; i < sh->n / THREADS / STEP; i++) {
            _Atomic uint64_t *slot = &sh->live[next_random(&me->seed) % sh->n];
            uint64_t addr = take(p, sh->size(&me->seed));
            drop(p, atomic_exchange_explicit(slot, addr, memory_order_acq_rel));
        }
    }
    goheap_p_release(p);
    return NULL;
}

static void run_threads(struct shared *sh, int steps, uint64_t seed)
{
    struct worker workers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.shared = sh, .seed = seed * THREADS + i, .steps = steps};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, replace_shared, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
}

/* New threads take over every `stint` steps; what the Ps of the old ones held must be found. */
static void churn_shared(size_t n, size_rule size, int stint)
{
    struct shared sh = {.heap = new_heap(), .size = size, .n = n};
    sh.live = calloc(n, sizeof *sh.live);
    assert_non_null(sh.live);
    pthread_barrier_init(&sh.step, NULL, THREADS);
    run_threads(&sh, WARM * STEP, 1);
    uint64_t warm = heap_sys(sh.heap);
    for (int step = 0; step < TURNS * STEP; step += stint)
        run_threads(&sh, stint, (uint64_t)step + 2);
    assert_bounded(sh.heap, warm);
    struct goheap_p *p = goheap_p_acquire(sh.heap);
    for (size_t i = 0; i < n; i++)
        drop(p, sh.live[i]);
    goheap_p_release(p);
    end(sh.heap);
    pthread_barrier_destroy(&sh.step);
    free(sh.live);
}

static void test_threads_same_size(void **state)
{
    (void)state;
    churn_shared(30000, same_size, TURNS * STEP);
}

static void test_threads_mixed_sizes(void **state)
{
    (void)state;
    churn_shared(8000, mixed_size, TURNS * STEP);
}

static void test_threads_come_and_go(void **state)
{
    (void)state;
    churn_shared(8000, mixed_size, 1);
}

/* The worst for a heap whose Ps keep what they have: one P after the other replaces everything while the rest sleep.
 * Each may be left with a heap's worth of its own, and no more than that however long it goes on. */
static void test_ps_take_turns(void **state)
{
    (void)state;
    enum { N = 8000 };
    struct goheap *heap = new_heap();
    struct goheap_p *p[THREADS];
    for (int i = 0; i < THREADS; i++)
        p[i] = goheap_p_new(heap, NULL);
    uint64_t *live = new_objects(N), seed = 1, warm = 0;
    for (int turn = 0; turn < WARM + 4 * TURNS; turn++) {
        replace(p[turn / 2 % THREADS], live, N, mixed_size, &seed);
        if (turn + 1 == WARM)
            warm = heap_sys(heap);
    }
    assert_in_range(heap_sys(heap), 0, (THREADS + 1) * warm);
    for (size_t i = 0; i < N; i++)
        drop(p[0], live[i]);
    end(heap);
    free(live);
}

/* --- one makes, another frees -------------------------------------------------------------------------- */

enum { BATCH = 250, QUEUE = 64, BATCHES = 4000 };

/* A ring of batches: a slot is the maker's while full is false, else the other's. */
struct ring {
    struct goheap *heap;
    struct {
        _Atomic bool full;
        uint64_t addr[BATCH];
    } slot[QUEUE];
};

static void wait_until(_Atomic bool *flag, bool value)
{
    while (atomic_load_explicit(flag, memory_order_acquire) != value)
        sched_yield();
}

static void *consume(void *arg)
{
    struct ring *ring = arg;
    struct goheap_p *p = goheap_p_acquire(ring->heap);
    if (!p)
        abort();
    for (size_t b = 0; b < BATCHES; b++) {
        wait_until(&ring->slot[b % QUEUE].full, true);
        for (size_t i = 0; i < BATCH; i++)
            drop(p, ring->slot[b % QUEUE].addr[i]);
        atomic_store_explicit(&ring->slot[b % QUEUE].full, false, memory_order_release);
    }
    goheap_p_release(p);
    return NULL;
}

/* No thread ever frees what it allocated: the maker's spans come back to it all the same. The heap may hold what is
 * under way (QUEUE batches, 5 MB) and as much again: nothing here depends on when the warm-up ends. */
static void test_producer_and_consumer(void **state)
{
    (void)state;
    struct ring *ring = calloc(1, sizeof *ring);
    assert_non_null(ring);
    ring->heap = new_heap();
    pthread_t consumer;
    assert_int_equal(pthread_create(&consumer, NULL, consume, ring), 0);
    struct goheap_p *p = goheap_p_acquire(ring->heap);
    for (size_t b = 0; b < BATCHES; b++) {
        wait_until(&ring->slot[b % QUEUE].full, false);
        for (size_t i = 0; i < BATCH; i++)
            ring->slot[b % QUEUE].addr[i] = take(p, 320);
        atomic_store_explicit(&ring->slot[b % QUEUE].full, true, memory_order_release);
    }
    goheap_p_release(p);
    pthread_join(consumer, NULL);
    uint64_t under_way = QUEUE * BATCH * 320;
    assert_in_range(heap_sys(ring->heap), 1, BOUND * (under_way + (4 << 20)));
    end(ring->heap);
    free(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_size),
        cmocka_unit_test(test_mixed_sizes),
        cmocka_unit_test(test_size_after_size),
        cmocka_unit_test(test_threads_same_size),
        cmocka_unit_test(test_threads_mixed_sizes),
        cmocka_unit_test(test_threads_come_and_go),
        cmocka_unit_test(test_ps_take_turns),
        cmocka_unit_test(test_producer_and_consumer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
