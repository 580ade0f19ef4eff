/* Tests of goheap_scavenge: totals worked out by hand, real memory that has to become non-resident, read zero and be
 * of use again, platforms that take memory back in units of any size, and threads that allocate meanwhile.
 */
#include "goheap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>
#include <pthread.h>

#include "heap_fixture.h"

enum { PAGE = 8192 };

static struct goheap *new_heap(const struct goheap_platform *platform)
{
    struct goheap_config c;
    goheap_config_go119(&c);
    c.reclaim = GOHEAP_RECLAIM_IMMEDIATE;
    c.concurrent = true;
    c.address_space = UINT64_C(1) << 33;
    struct goheap *heap = goheap_new(&c, platform);
    assert_non_null(heap);
    return heap;
}

static uint64_t take_pages(struct goheap_p *p, uint64_t npages)
{
    uint64_t addr = goheap_alloc(p, npages * PAGE, GOHEAP_NOSCAN);

    assert_true(addr != 0);
    return addr;
}

static void drop(struct goheap_p *p, uint64_t addr)
{
    assert_int_equal(goheap_free(p, addr), GOHEAP_OK);
}

static void assert_gauges(struct goheap *heap, uint64_t inuse, uint64_t free_pages, uint64_t released)
{
    struct goheap_gauges g;

    goheap_gauges(heap, &g);
    assert_int_equal(g.heap_inuse, inuse * PAGE);
    assert_int_equal(g.heap_free, free_pages * PAGE);
    assert_int_equal(g.heap_released, released * PAGE);
    verify(heap);
}

static void totals_follow(void **state)
{
    struct goheap *heap = new_heap(goheap_platform_mmap());
    struct goheap_p *p = goheap_p_new(heap, NULL);
    (void)state;

    assert_int_equal(goheap_scavenge(heap, p, UINT64_MAX), 0);
    uint64_t a = take_pages(p, 100), b = take_pages(p, 50), c = take_pages(p, 100);
    assert_int_equal(b, a + 100 * PAGE);
    assert_gauges(heap, 250, 0, 262);
    assert_int_equal(goheap_scavenge(heap, p, UINT64_MAX), 0);
    drop(p, a);
    drop(p, c);
    assert_gauges(heap, 50, 200, 262);
    assert_int_equal(goheap_scavenge(heap, p, 0), 0);
    assert_int_equal(goheap_scavenge(heap, p, 1), PAGE);
    assert_int_equal(goheap_scavenge(heap, NULL, 2 * PAGE + 1), 3 * PAGE);
    assert_gauges(heap, 50, 196, 266);
    assert_int_equal(take_pages(p, 101), c); /* 96 pages that are backed, and 5 */
    assert_gauges(heap, 151, 100, 261);
    assert_int_equal(goheap_scavenge(heap, NULL, UINT64_MAX), 100 * PAGE);
    assert_int_equal(goheap_scavenge(heap, NULL, UINT64_MAX), 0);
    assert_gauges(heap, 151, 0, 361);
    goheap_delete(heap);
}

static uint64_t resident_pages(uint64_t addr, uint64_t npages)
{
    static unsigned char in_core[4096];
    const uint64_t os_pages = npages * (PAGE / 4096);
    uint64_t resident = 0;

    assert_true(os_pages <= sizeof in_core);
    assert_int_equal(mincore((void *)(uintptr_t)addr, npages * PAGE, in_core), 0);
    for (uint64_t i = 0; i < os_pages; i++)
        resident += in_core[i] & 1;
    return resident / (PAGE / 4096);
}

static void assert_filled(uint64_t addr, uint64_t npages, unsigned char with)
{
    const unsigned char *bytes = (const unsigned char *)(uintptr_t)addr;

    for (uint64_t i = 0; i < npages * PAGE; i++)
        if (bytes[i] != with)
            fail_msg("byte %llu is 0x%x, not 0x%x", (unsigned long long)i, bytes[i], with);
}

static void released_memory_leaves_and_comes_back(void **state)
{
    enum { NPAGES = 1000 };
    struct goheap *heap = new_heap(goheap_platform_mmap());
    struct goheap_p *p = goheap_p_new(heap, NULL);
    (void)state;

    uint64_t below = take_pages(p, 20), a = take_pages(p, NPAGES), above = take_pages(p, 20);
    memset((void *)(uintptr_t)below, 0x11, 20 * PAGE);
    memset((void *)(uintptr_t)a, 0xee, NPAGES * PAGE);
    memset((void *)(uintptr_t)above, 0x22, 20 * PAGE);
    drop(p, a);
    assert_int_equal(resident_pages(a, NPAGES), NPAGES);
    assert_int_equal(goheap_scavenge(heap, p, 100 * PAGE), 100 * PAGE);
    assert_int_equal(resident_pages(a, NPAGES), NPAGES - 100);
    assert_int_equal(resident_pages(a + (NPAGES - 100) * PAGE, 100), 0);
    assert_int_equal(goheap_scavenge(heap, p, UINT64_MAX), (NPAGES - 100) * PAGE);
    assert_int_equal(resident_pages(a, NPAGES), 0);
    assert_filled(a, NPAGES, 0);
    assert_int_equal(goheap_alloc(p, NPAGES * PAGE, GOHEAP_NOSCAN), a);
    memset((void *)(uintptr_t)a, 0x33, NPAGES * PAGE);
    assert_filled(a, NPAGES, 0x33);
    assert_filled(below, 20, 0x11);
    assert_filled(above, 20, 0x22);
    verify(heap);
    goheap_delete(heap);
}

/* The mmap platform, watched. */
struct watch {
    struct goheap_platform platform;
    int locked; /* locks held; one thread only */
    uint64_t unit;
    uint64_t unused, stepped, faulted; /* bytes */
};

static void watch_unuse(void *self, uint64_t addr, uint64_t bytes)
{
    struct watch *w = self;

    assert_int_equal(w->locked, 0);
    assert_int_equal(addr % w->unit | bytes % w->unit, 0);
    w->unused += bytes;
    goheap_platform_mmap()->unuse(NULL, addr, bytes);
}

static uint64_t watch_unuse_unit(void *self)
{
    return ((struct watch *)self)->unit;
}

static void watch_lock(void *self, struct goheap_p *p, struct goheap_lock *lock)
{
    ((struct watch *)self)->locked++;
    goheap_platform_mmap()->lock(NULL, p, lock);
}

static void watch_unlock(void *self, struct goheap_p *p, struct goheap_lock *lock)
{
    ((struct watch *)self)->locked--;
    goheap_platform_mmap()->unlock(NULL, p, lock);
}

static void watch_step(void *self, struct goheap_p *p, enum goheap_step step, uint64_t amount)
{
    struct watch *w = self;
    (void)p;

    w->stepped += step == GOHEAP_STEP_SCAVENGE ? amount : 0;
    w->faulted += step == GOHEAP_STEP_FAULT ? amount : 0;
}

/* xorshift64*, below n */
static uint64_t below_n(uint64_t *random, uint64_t n)
{
    *random ^= *random >> 12;
    *random ^= *random << 25;
    *random ^= *random >> 27;
    return (*random * UINT64_C(0x2545f4914f6cdd1d) >> 32) % n;
}

/* An object carries its size in its first word and a number of its own in its last. */
static uint64_t make_object(struct goheap_p *p, uint64_t *random)
{
    uint64_t kind = below_n(random, 10);
    uint64_t words = 2 + below_n(random, kind < 6 ? 100 : kind < 9 ? 2000 : 40000);
    uint64_t addr = goheap_alloc(p, words * 8, 0);
    uint64_t *w = (uint64_t *)(uintptr_t)addr;

    if (!addr)
        return 0;
    w[0] = words;
    w[words - 1] = words * 31 + addr;
    return addr;
}

static bool drop_object(struct goheap_p *p, uint64_t addr)
{
    const uint64_t *w = (const uint64_t *)(uintptr_t)addr;
    uint64_t words = w[0];

    return words >= 2 && w[words - 1] == words * 31 + addr && goheap_free(p, addr) == GOHEAP_OK;
}

enum { LIVE = 400 };

static void churn(uint64_t unit, unsigned steps)
{
    struct watch w = {.platform = *goheap_platform_mmap(), .unit = unit};
    w.platform.self = &w;
    w.platform.unuse = watch_unuse;
    w.platform.unuse_unit = watch_unuse_unit;
    w.platform.lock = watch_lock;
    w.platform.unlock = watch_unlock;
    w.platform.step = watch_step;
    struct goheap *heap = new_heap(&w.platform);
    struct goheap_p *p = goheap_p_new(heap, NULL);
    uint64_t live[LIVE] = {0}, random = unit + 1, released = 0;

    for (unsigned i = 0; i < steps; i++) {
        uint64_t *slot = &live[below_n(&random, LIVE)];
        assert_true(!*slot || drop_object(p, *slot));
        *slot = below_n(&random, 3) ? make_object(p, &random) : 0;
        if (i % 50 == 0)
            released += goheap_scavenge(heap, p, below_n(&random, 3) ? below_n(&random, 1 << 20) : UINT64_MAX);
        if (i % 500 == 0)
            verify(heap);
    }
    verify(heap);
    assert_true(released > 0);
    assert_int_equal(w.unused, released);
    assert_int_equal(w.stepped, released);
    struct goheap_gauges g;
    goheap_gauges(heap, &g);
    assert_int_equal(g.heap_inuse + g.heap_free, w.faulted - w.unused); /* what the OS backs, both ways */
    goheap_p_delete(p);
    verify(heap);
    goheap_delete(heap);
}

static void random_use_by_any_unit(void **state)
{
    (void)state;
    churn(4096, 20000);
    churn(PAGE, 20000);
    churn(16 * 1024, 20000);
    churn(64 * 1024, 20000);
}

/* --- threads ------------------------------------------------------------------------------------------- */

enum { MUTATORS = 3, ROUNDS = 15000 };

struct shared {
    struct goheap *heap;
    uint64_t mailbox[LIVE]; /* objects in flight: whoever takes one out checks and frees it */
    unsigned running;       /* mutators */
    uint64_t released;      /* bytes, by both scavengers */
};

struct mutator {
    struct shared *shared;
    uint64_t random;
    pthread_t thread;
    bool ok;
};

static void *mutate(void *arg)
{
    struct mutator *me = arg;
    struct shared *sh = me->shared;
    struct goheap_p *p = goheap_p_new(sh->heap, NULL);

    me->ok = true;
    for (int i = 0; i < ROUNDS && me->ok; i++) {
        uint64_t addr = i % 4 ? make_object(p, &me->random) : 0;
        uint64_t other = __atomic_exchange_n(&sh->mailbox[below_n(&me->random, LIVE)], addr, __ATOMIC_ACQ_REL);
        me->ok = (addr || i % 4 == 0) && (!other || drop_object(p, other));
    }
    goheap_p_delete(p);
    __atomic_sub_fetch(&sh->running, 1, __ATOMIC_RELEASE);
    return NULL;
}

static void *scavenge(void *arg)
{
    struct shared *sh = arg;

    for (unsigned i = 0; __atomic_load_n(&sh->running, __ATOMIC_ACQUIRE) > 0; i++)
        __atomic_fetch_add(&sh->released, goheap_scavenge(sh->heap, NULL, i % 4 ? 64 << 10 : UINT64_MAX),
                           __ATOMIC_RELAXED);
    return NULL;
}

static void beside_threads(void **state)
{
    static struct shared sh;
    struct mutator mutators[MUTATORS];
    pthread_t scavengers[2];
    (void)state;

    sh = (struct shared){.heap = new_heap(goheap_platform_mmap()), .running = MUTATORS};
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&scavengers[i], NULL, scavenge, &sh), 0);
    for (unsigned i = 0; i < MUTATORS; i++) {
        mutators[i] = (struct mutator){.shared = &sh, .random = i + 1};
        assert_int_equal(pthread_create(&mutators[i].thread, NULL, mutate, &mutators[i]), 0);
    }
    for (unsigned i = 0; i < MUTATORS; i++) {
        pthread_join(mutators[i].thread, NULL);
        assert_true(mutators[i].ok);
    }
    for (unsigned i = 0; i < 2; i++)
        pthread_join(scavengers[i], NULL);
    assert_true(sh.released > 0);
    verify(sh.heap);
    struct goheap_p *p = goheap_p_new(sh.heap, NULL);
    for (unsigned i = 0; i < LIVE; i++)
        assert_true(!sh.mailbox[i] || drop_object(p, sh.mailbox[i]));
    goheap_p_delete(p);
    goheap_scavenge(sh.heap, NULL, UINT64_MAX);
    struct goheap_gauges g;
    goheap_gauges(sh.heap, &g);
    assert_int_equal(g.heap_inuse, 0);
    assert_int_equal(g.heap_free, 0); /* the Ps and their caches are gone: everything is out */
    verify(sh.heap);
    goheap_delete(sh.heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(totals_follow),
        cmocka_unit_test(released_memory_leaves_and_comes_back),
        cmocka_unit_test(random_use_by_any_unit),
        cmocka_unit_test(beside_threads),
    };

    return cmocka_run_group_tests_name("scavenging", tests, NULL, NULL);
}
