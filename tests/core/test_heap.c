/* The heap as its embedders use it: hand-computed addresses and figures, both reclaim policies, collection,
 * threads on real memory, and random operations against goheap_verify. */
#include "goheap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "heap_fixture.h"

enum { KB = 1024, PAGE = 8192 };

static struct goheap_config config_of(enum goheap_reclaim reclaim)
{
    struct goheap_config c;
    goheap_config_go119(&c);
    c.reclaim = reclaim;
    c.address_space = UINT64_C(1) << 33; /* many heaps fit where a sanitizer leaves little room */
    return c;
}

static struct goheap *new_heap(enum goheap_reclaim reclaim)
{
    struct goheap_config c = config_of(reclaim);
    struct goheap *heap = goheap_new(&c, goheap_platform_mmap());
    assert_non_null(heap);
    return heap;
}

/* Slots go up from the start of a span, spans from the start of the region. */
static void test_addresses(void **state)
{
    (void)state;
    struct goheap *heap = new_heap(GOHEAP_RECLAIM_GC);
    struct goheap_p *p = goheap_p_new(heap, NULL);
    uint64_t a = must_take(p, 33, GOHEAP_NOSCAN);
    assert_int_equal(a % (64 << 20), 0);
    assert_int_equal(must_take(p, 48, GOHEAP_NOSCAN), a + 48);
    assert_int_equal(must_take(p, 33, 0), a + PAGE);             /* pointers: a span of its own */
    assert_int_equal(must_take(p, 100 * KB, 0), a + 2 * PAGE);   /* 13 pages: still from the P's page cache, */
    assert_int_equal(must_take(p, 200 * KB, 0), a + 64 * PAGE);  /* which holds the first 64 pages; 25 are not */
    assert_int_equal(goheap_usable_size(heap, a), 48);
    assert_int_equal(goheap_usable_size(heap, a + 64 * PAGE), 25 * PAGE);
    uint64_t zero = must_take(p, 0, 0);
    assert_int_equal(must_take(p, 0, GOHEAP_NOSCAN), zero);
    assert_int_equal(goheap_usable_size(heap, zero), 0);
    verify(heap);
    goheap_delete(heap);
}

/* malloc.go: 1, 2, 4 and 8 bytes share 16; the 9 that follow do not fit. */
static void test_tiny(void **state)
{
    (void)state;
    struct goheap *heap = new_heap(GOHEAP_RECLAIM_GC);
    struct goheap_p *p = goheap_p_new(heap, NULL);
    uint64_t block = must_take(p, 1, GOHEAP_NOSCAN);
    assert_int_equal(must_take(p, 2, GOHEAP_NOSCAN), block + 2);
    assert_int_equal(must_take(p, 4, GOHEAP_NOSCAN), block + 4);
    assert_int_equal(must_take(p, 8, GOHEAP_NOSCAN), block + 8);
    uint64_t next = must_take(p, 9, GOHEAP_NOSCAN);
    assert_int_equal(next, block + 16);
    /* 12 do not fit after 9; the new block, with 4 bytes left, is no better than the old one with 7. */
    assert_int_equal(must_take(p, 12, GOHEAP_NOSCAN), block + 32);
    assert_int_equal(must_take(p, 5, GOHEAP_NOSCAN), next + 9);
    assert_true(must_take(p, 8, 0) != next + 14); /* pointers are never tiny */
    struct goheap_memstats m;
    goheap_memstats(heap, &m);
    assert_int_equal(m.mallocs, 8); /* 3 blocks, 4 that shared, 1 of 8 bytes */
    assert_int_equal(m.frees, 4);   /* Go counts the sharers as freed at once */
    assert_int_equal(m.by_size[2].mallocs, 3);
    assert_int_equal(m.heap_alloc, 3 * 16 + 8);
    verify(heap);
    goheap_delete(heap);
}

static void collect(struct goheap *heap, struct goheap_p *p)
{
    struct goheap_marked marked;
    goheap_gc_begin(heap, p);
    goheap_gc_mark_live(heap, &marked);
    goheap_gc_end(heap, &marked);
    goheap_p_begin_sweep(p);
    while (goheap_sweep_one(heap, p) != UINT64_MAX)
        ;
}

static void test_collection_frees(void **state)
{
    (void)state;
    struct goheap *heap = new_heap(GOHEAP_RECLAIM_GC);
    struct goheap_p *p = goheap_p_new(heap, NULL);
    uint64_t a[4];
    for (int i = 0; i < 4; i++)
        a[i] = must_take(p, 4096, 0); /* two a span */
    uint64_t large = must_take(p, 40000, 0);
    must_drop(p, a[0]);
    must_drop(p, large);
    struct goheap_memstats m;
    goheap_memstats(heap, &m);
    assert_int_equal(m.frees, 0); /* a death is no free before it is swept */
    assert_int_equal(m.heap_inuse, 7 * PAGE);
    collect(heap, p);
    verify(heap);
    goheap_memstats(heap, &m);
    assert_int_equal(m.frees, 2);
    assert_int_equal(m.heap_objects, 3);
    assert_int_equal(m.heap_inuse, 2 * PAGE);
    assert_int_equal(must_take(p, 4096, 0), a[0]); /* the slot is free again */
    goheap_delete(heap);
}

/* What dies or is born while marking goes on survives that cycle, and only that one. */
static void test_deaths_while_marking(void **state)
{
    (void)state;
    struct goheap *heap = new_heap(GOHEAP_RECLAIM_GC);
    struct goheap_p *p = goheap_p_new(heap, NULL);
    uint64_t before = must_take(p, 64, 0), dead = must_take(p, 64, 0);
    must_drop(p, dead);
    struct goheap_marked marked;
    goheap_gc_begin(heap, p);
    goheap_gc_mark_live(heap, &marked);
    assert_int_equal(marked.objects, 1);
    uint64_t during = must_take(p, 64, 0);
    must_drop(p, before);
    must_drop(p, during);
    goheap_gc_end(heap, &marked);
    assert_int_equal(marked.objects, 2);
    assert_int_equal(marked.bytes, 128);
    goheap_p_begin_sweep(p);
    while (goheap_sweep_one(heap, p) != UINT64_MAX)
        ;
    verify(heap);
    struct goheap_memstats m;
    goheap_memstats(heap, &m);
    assert_int_equal(m.frees, 1);
    collect(heap, p);
    goheap_memstats(heap, &m);
    assert_int_equal(m.frees, 3);
    assert_int_equal(m.heap_inuse, 0);
    verify(heap);
    goheap_delete(heap);
}

/* A tiny block lives as long as one of its objects, and while it is the P's current one. */
static void test_tiny_deaths(void **state)
{
    (void)state;
    struct goheap *heap = new_heap(GOHEAP_RECLAIM_GC);
    struct goheap_p *p = goheap_p_new(heap, NULL);
    uint64_t a = must_take(p, 4, GOHEAP_NOSCAN), b = must_take(p, 4, GOHEAP_NOSCAN);
    must_drop(p, a);
    must_drop(p, b);
    struct goheap_marked marked;
    goheap_gc_begin(heap, p);
    goheap_gc_mark_live(heap, &marked);
    assert_int_equal(marked.objects, 1); /* gcMarkTinyAllocs */
    goheap_gc_end(heap, &marked);
    goheap_p_begin_sweep(p);
    collect(heap, p);
    struct goheap_memstats m;
    goheap_memstats(heap, &m);
    assert_int_equal(m.heap_objects, 0);
    verify(heap);
    goheap_delete(heap);
}

static void test_immediate(void **state)
{
    (void)state;
    struct goheap *heap = new_heap(GOHEAP_RECLAIM_IMMEDIATE);
    struct goheap_p *p = goheap_p_new(heap, NULL);
    uint64_t a[12];
    for (int i = 0; i < 12; i++)
        a[i] = must_take(p, 1024, 0); /* 8 a span: one full, one half used */
    must_drop(p, a[3]); /* an eighth of the full span: it is taken up again */
    for (int i = 0; i < 4; i++)
        must_take(p, 1024, 0);
    assert_int_equal(must_take(p, 1024, 0), a[3]);
    for (int i = 0; i < 8; i++)
        must_drop(p, a[i]);
    verify(heap);
    uint64_t large = must_take(p, 1 << 20, 0);
    struct goheap_gauges before, after;
    goheap_gauges(heap, &before);
    must_drop(p, large); /* the last death gives the pages back at once */
    goheap_gauges(heap, &after);
    assert_int_equal(before.heap_inuse - after.heap_inuse, 1 << 20);
    verify(heap);
    goheap_delete(heap);
}

/* A P keeps its spans when figures are read: a hole is found all the same. */
static void test_hole_after_flush(void **state)
{
    (void)state;
    struct goheap *heap = new_heap(GOHEAP_RECLAIM_IMMEDIATE);
    struct goheap_p *p = goheap_p_new(heap, NULL);
    uint64_t a[8];
    for (int i = 0; i < 8; i++)
        a[i] = must_take(p, 1024, 0); /* exactly one span */
    struct goheap_memstats m;
    goheap_memstats(heap, &m);
    must_drop(p, a[3]);
    verify(heap);
    assert_int_equal(must_take(p, 1024, 0), a[3]);
    goheap_delete(heap);
}

static void test_bad_frees(void **state)
{
    (void)state;
    struct goheap *heap = new_heap(GOHEAP_RECLAIM_IMMEDIATE);
    struct goheap_p *p = goheap_p_new(heap, NULL);
    uint64_t a = must_take(p, 64, 0);
    must_take(p, 64, 0);
    int on_stack;
    assert_int_equal(goheap_free(p, (uintptr_t)&on_stack), GOHEAP_FOREIGN);
    assert_int_equal(goheap_free(p, a + 8), GOHEAP_INTERIOR);
    assert_int_equal(goheap_free(p, a + 200 * PAGE), GOHEAP_FOREIGN);
    assert_int_equal(goheap_free(p, 0), GOHEAP_OK);
    must_drop(p, a);
    assert_int_equal(goheap_free(p, a), GOHEAP_DOUBLE_FREE);
    goheap_delete(heap);
}

static void test_aligned(void **state)
{
    (void)state;
    struct goheap *heap = new_heap(GOHEAP_RECLAIM_IMMEDIATE);
    struct goheap_p *p = goheap_p_new(heap, NULL);
    for (uint64_t align = 1; align <= 1 << 20; align *= 2)
        for (uint64_t size = 1; size < 100000; size = size * 3 + 1) {
            uint64_t addr = goheap_alloc_aligned(p, size, align, 0);
            assert_true(addr != 0 && addr % align == 0);
            assert_true(goheap_usable_size(heap, addr) >= size);
            must_drop(p, addr);
        }
    assert_int_equal(goheap_alloc_aligned(p, UINT64_MAX, 1 << 20, 0), 0);
    assert_int_equal(goheap_alloc(p, UINT64_MAX - 8191, 0), 0);
    assert_int_equal(goheap_alloc(p, UINT64_C(1) << 33, 0), 0);
    verify(heap);
    goheap_delete(heap);
}

/* Hints may be given for anything, allocated and freed or not, and change nothing. */
static void test_hints(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {0, 1, 15, 16, 512, 513, KB, KB + 1, 32 * KB - 8, 32 * KB, 32 * KB + 1, UINT64_MAX};
    enum { SIZES = sizeof sizes / sizeof sizes[0] };
    struct goheap *hinted = new_heap(GOHEAP_RECLAIM_IMMEDIATE), *plain = new_heap(GOHEAP_RECLAIM_IMMEDIATE);
    struct goheap_p *p = goheap_p_new(hinted, NULL), *q = goheap_p_new(plain, NULL);
    uint64_t base = must_take(p, 8, 0) - must_take(q, 8, 0);
    for (unsigned i = 0; i < 2 * SIZES; i++) {
        uint64_t size = sizes[i / 2];
        unsigned noscan = i % 2 ? GOHEAP_NOSCAN : 0;
        goheap_prefetch_way(p, size, noscan);
        goheap_prefetch_span(p, size, noscan);
        uint64_t addr = goheap_alloc(p, size, noscan), there = goheap_alloc(q, size, noscan);
        assert_int_equal(addr, there + (size && addr ? base : 0));
        const uint64_t addrs[] = {addr, addr + 1, 0, UINT64_MAX};
        for (unsigned times = 0; times < 2; times++) {
            goheap_prefetch_far(hinted, addrs, 4);
            goheap_prefetch_near(hinted, addrs, 4);
            goheap_prefetch_bits(hinted, addrs, 4);
            if (times == 0 && i % 3) {
                must_drop(p, addr);
                must_drop(q, there);
            }
        }
    }
    struct goheap_memstats with, without;
    goheap_memstats(hinted, &with);
    goheap_memstats(plain, &without);
    assert_memory_equal(&with, &without, sizeof with);
    verify(hinted);
    goheap_delete(hinted);
    goheap_delete(plain);
}

/* mheap.go: the heap grows by 4 MiB, all of it released until used. */
static void test_memstats_by_hand(void **state)
{
    (void)state;
    struct goheap *heap = new_heap(GOHEAP_RECLAIM_GC);
    struct goheap_p *p = goheap_p_new(heap, NULL);
    struct goheap_memstats m;
    goheap_memstats(heap, &m);
    assert_int_equal(m.heap_sys, 0);
    assert_int_equal(m.mspan_inuse, 0);
    assert_int_equal(m.mcache_inuse, 1200);
    assert_int_equal(m.mcache_sys, 13 * 1200);
    must_take(p, 10000, 0); /* class 54, 10240 bytes, 4 in 5 pages */
    must_take(p, 1, 0);     /* class 1 */
    goheap_memstats(heap, &m);
    assert_int_equal(m.heap_sys, 4 << 20);
    assert_int_equal(m.heap_inuse, 6 * PAGE);
    assert_int_equal(m.heap_released, (4 << 20) - 6 * PAGE);
    assert_int_equal(m.heap_idle, m.heap_released);
    assert_int_equal(m.heap_alloc, 10240 + 8);
    assert_int_equal(m.mallocs, 2);
    assert_int_equal(m.mspan_inuse, 64 * 144); /* the P's supply */
    assert_int_equal(m.mspan_sys, 113 * 144);
    goheap_delete(heap);
}

/* stack.go: stacks below 32 KiB share spans of 4 pages, half of one at a time goes to the P. */
static void test_stacks(void **state)
{
    (void)state;
    struct goheap *heap = new_heap(GOHEAP_RECLAIM_GC);
    struct goheap_p *p = goheap_p_new(heap, NULL);
    uint64_t stacks[40];
    for (int i = 0; i < 40; i++)
        stacks[i] = goheap_stack_alloc(p, 2048); /* 16 a span: 3 spans */
    uint64_t mid = goheap_stack_alloc(p, 9000), large = goheap_stack_alloc(p, 40000);
    assert_true(mid % 16384 == 0 && large != 0);
    struct goheap_memstats m;
    goheap_memstats(heap, &m);
    assert_int_equal(m.stack_inuse, (3 + 1) * 32 * KB + 64 * KB);
    assert_int_equal(m.heap_sys, (4 << 20) - m.stack_inuse); /* as readmemstats_m has it */
    assert_int_equal(m.heap_inuse, 0);
    verify(heap);
    assert_int_equal(goheap_free(p, mid), GOHEAP_FOREIGN);
    assert_int_equal(goheap_stack_free(p, mid + 8), GOHEAP_INTERIOR);
    for (int i = 0; i < 40; i++)
        assert_int_equal(goheap_stack_free(p, stacks[i]), GOHEAP_OK);
    assert_int_equal(goheap_stack_free(p, mid), GOHEAP_OK);
    assert_int_equal(goheap_stack_free(p, large), GOHEAP_OK);
    goheap_memstats(heap, &m);
    assert_int_equal(m.stack_inuse, 0);
    assert_int_equal(m.heap_sys, 4 << 20);
    verify(heap);
    goheap_delete(heap);
}

static void test_config_check(void **state)
{
    (void)state;
    char why[256];
    struct goheap_config c = config_of(GOHEAP_RECLAIM_GC);
    assert_true(goheap_config_check(&c, why, sizeof why));
    c.table.classes[5].size = 40;
    assert_true(goheap_config_check(&c, why, sizeof why));
    c.table.classes[5].size = 32;
    assert_false(goheap_config_check(&c, why, sizeof why));
    assert_string_equal(why, "size class 5: 32 bytes, expected more than the 32 of the class before");
    c = config_of(GOHEAP_RECLAIM_GC);
    c.table.classes[67].size = 32640;
    assert_false(goheap_config_check(&c, why, sizeof why));
    c = config_of(GOHEAP_RECLAIM_GC);
    c.tiny_size = 40;
    assert_false(goheap_config_check(&c, why, sizeof why));
    assert_null(goheap_new(&c, goheap_platform_mmap()));
    c = config_of(GOHEAP_RECLAIM_GC);
    c.table.classes[66].pages = 3; /* 24,576 bytes cannot hold one of 28,672 */
    assert_false(goheap_config_check(&c, why, sizeof why));
}

/* --- random operations --------------------------------------------------------------------------------- */

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return *seed >> 33;
}

static uint64_t random_size(uint64_t *seed)
{
    static const uint64_t limits[] = {16, 64, 512, 4096, 40000, 300000};
    return next_random(seed) % limits[next_random(seed) % 6];
}

static bool filled_with(const unsigned char *bytes, uint64_t size, unsigned char value)
{
    return size == 0 || (bytes[0] == value && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/* Two Ps on one thread, objects filled with a pattern that must still be there when they die. */
static void churn(enum goheap_reclaim reclaim, bool locked)
{
    enum { LIVE = 2000, STEPS = 60000 };
    struct goheap_config c = config_of(reclaim);
    c.central_locked = locked;
    struct goheap *heap = goheap_new(&c, goheap_platform_mmap());
    struct goheap_p *p[2] = {goheap_p_new(heap, NULL), goheap_p_new(heap, NULL)};
    static struct { uint64_t addr, size; } live[LIVE];
    memset(live, 0, sizeof live);
    uint64_t seed = 7, mallocs = 0;
    for (int i = 0; i < STEPS; i++) {
        uint64_t k = next_random(&seed) % LIVE;
        struct goheap_p *q = p[next_random(&seed) % 2];
        if (live[k].addr) {
            assert_true(filled_with((void *)(uintptr_t)live[k].addr, live[k].size, (unsigned char)k));
            must_drop(q, live[k].addr);
        }
        unsigned flags = (unsigned)next_random(&seed) & 3;
        live[k].size = random_size(&seed);
        live[k].addr = must_take(q, live[k].size, flags);
        mallocs += live[k].size != 0;
        unsigned char *bytes = (void *)(uintptr_t)live[k].addr;
        if (flags & GOHEAP_ZEROED)
            assert_true(filled_with(bytes, live[k].size, 0));
        memset(bytes, (unsigned char)k, live[k].size);
        if (i % 5000 == 0 && reclaim == GOHEAP_RECLAIM_GC) {
            struct goheap_marked marked;
            goheap_gc_begin(heap, p[0]);
            goheap_gc_mark_live(heap, &marked);
            goheap_gc_end(heap, &marked);
            goheap_p_begin_sweep(p[0]);
            goheap_p_begin_sweep(p[1]);
            goheap_sweep_pace(heap, marked.bytes + (2 << 20));
        }
        if (i % 1000 == 0)
            verify(heap);
    }
    struct goheap_memstats m;
    goheap_memstats(heap, &m);
    assert_int_equal(m.mallocs, mallocs);
    for (int k = 0; k < LIVE; k++)
        if (live[k].addr)
            must_drop(p[k % 2], live[k].addr);
    if (reclaim == GOHEAP_RECLAIM_GC) {
        collect(heap, p[0]);
        goheap_p_begin_sweep(p[1]);
        collect(heap, p[0]);
        goheap_p_begin_sweep(p[1]);
    }
    goheap_memstats(heap, &m);
    assert_int_equal(m.heap_objects, 0);
    assert_int_equal(m.heap_inuse, 0);
    verify(heap);
    goheap_p_delete(p[1]);
    verify(heap);
    goheap_delete(heap);
}

static void test_churn_gc(void **state)
{
    (void)state;
    churn(GOHEAP_RECLAIM_GC, false);
}

static void test_churn_immediate(void **state)
{
    (void)state;
    churn(GOHEAP_RECLAIM_IMMEDIATE, true);
}

/* --- threads on real memory ---------------------------------------------------------------------------- */

enum { THREADS = 4, MAILBOX = 512, ROUNDS = 100000 };

struct shared {
    struct goheap *heap;
    uint64_t mailbox[MAILBOX]; /* objects in flight: whoever takes one out checks and frees it */
};

struct worker {
    struct shared *shared;
    uint64_t seed;
    pthread_t thread;
    bool ok;
};

/* Objects carry their own size in their first word and a pattern made of it after. */
static void write_object(uint64_t addr, uint64_t words)
{
    uint64_t *w = (uint64_t *)(uintptr_t)addr;
    for (uint64_t i = 0; i < words; i++)
        w[i] = i == 0 ? words : words * 31 + i;
}

static bool object_intact(uint64_t addr)
{
    const uint64_t *w = (const uint64_t *)(uintptr_t)addr;
    for (uint64_t i = 1; i < w[0]; i++)
        if (w[i] != w[0] * 31 + i)
            return false;
    return true;
}

static void *work(void *arg)
{
    struct worker *me = arg;
    struct shared *sh = me->shared;
    struct goheap_p *p = goheap_p_new(sh->heap, NULL);
    me->ok = true;
    for (int i = 0; i < ROUNDS && me->ok; i++) {
        uint64_t words = 1 + random_size(&me->seed) / 64;
        uint64_t addr = goheap_alloc(p, words * 8, (unsigned)me->seed & GOHEAP_NOSCAN);
        if (!addr) {
            me->ok = false;
            break;
        }
        write_object(addr, words);
        uint64_t *slot = &sh->mailbox[next_random(&me->seed) % MAILBOX];
        uint64_t other = __atomic_exchange_n(slot, addr, __ATOMIC_ACQ_REL);
        if (other)
            me->ok = object_intact(other) && goheap_free(p, other) == GOHEAP_OK;
    }
    goheap_p_delete(p);
    return NULL;
}

/* Every object is freed, mostly by another thread than allocated it; nothing is lost. */
static void test_threads(void **state)
{
    (void)state;
    struct goheap_config c = config_of(GOHEAP_RECLAIM_IMMEDIATE);
    c.concurrent = true;
    static struct shared sh;
    memset(&sh, 0, sizeof sh);
    sh.heap = goheap_new(&c, goheap_platform_mmap());
    struct worker workers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.shared = &sh, .seed = i + 1};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_true(workers[i].ok);
    }
    verify(sh.heap);
    struct goheap_p *p = goheap_p_new(sh.heap, NULL);
    for (unsigned i = 0; i < MAILBOX; i++)
        if (sh.mailbox[i]) {
            assert_true(object_intact(sh.mailbox[i]));
            must_drop(p, sh.mailbox[i]);
        }
    verify(sh.heap);
    struct goheap_memstats m;
    goheap_memstats(sh.heap, &m);
    /* Go counts the 8-byte objects that shared a tiny block as freed at once, so objects is exact. */
    assert_int_equal(m.heap_objects, 0);
    assert_int_equal(m.heap_inuse, 0);
    goheap_delete(sh.heap);
}

/* --- threads and a collector ----------------------------------------------------------------------------- */

enum { PHASES = 12, STEPS = 8000 };

struct mutator {
    struct shared *shared;
    struct goheap_p *p;
    pthread_barrier_t *stop, *start; /* everybody is outside the heap between the two */
    uint64_t seed;
    pthread_t thread;
    bool ok;
};

/* Objects pass from thread to thread; a death is a free, and the memory comes back through collections. */
static void *mutate(void *arg)
{
    struct mutator *me = arg;
    me->ok = true;
    for (int phase = 0; phase < PHASES; phase++) {
        for (int i = 0; i < STEPS; i++) {
            uint64_t words = 1 + random_size(&me->seed) / 64;
            uint64_t addr = goheap_alloc(me->p, words * 8, (unsigned)me->seed & GOHEAP_NOSCAN);
            write_object(addr, words);
            uint64_t *slot = &me->shared->mailbox[next_random(&me->seed) % MAILBOX];
            uint64_t other = __atomic_exchange_n(slot, addr, __ATOMIC_ACQ_REL);
            if (other)
                me->ok &= object_intact(other) && goheap_free(me->p, other) == GOHEAP_OK;
        }
        pthread_barrier_wait(me->stop);
        pthread_barrier_wait(me->start);
    }
    return NULL;
}

/* Sweeping goes on beside the mutators, by refills, in proportion and for reclaim; what marking saw survives. */
static void test_threads_and_collections(void **state)
{
    (void)state;
    struct goheap_config c = config_of(GOHEAP_RECLAIM_GC);
    c.concurrent = true;
    static struct shared sh;
    memset(&sh, 0, sizeof sh);
    sh.heap = goheap_new(&c, goheap_platform_mmap());
    pthread_barrier_t stop, start;
    pthread_barrier_init(&stop, NULL, THREADS + 1);
    pthread_barrier_init(&start, NULL, THREADS + 1);
    struct mutator mutators[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        mutators[i] = (struct mutator){.shared = &sh, .p = goheap_p_new(sh.heap, NULL), .stop = &stop, .start = &start,
                                       .seed = i + 1};
        assert_int_equal(pthread_create(&mutators[i].thread, NULL, mutate, &mutators[i]), 0);
    }
    for (int phase = 0; phase < PHASES; phase++) {
        struct goheap_marked marked;
        pthread_barrier_wait(&stop);
        verify(sh.heap);
        goheap_gc_begin(sh.heap, NULL);
        goheap_gc_mark_live(sh.heap, &marked);
        goheap_gc_end(sh.heap, &marked);
        for (unsigned i = 0; i < THREADS; i++)
            goheap_p_begin_sweep(mutators[i].p);
        goheap_sweep_pace(sh.heap, marked.bytes + (4 << 20));
        pthread_barrier_wait(&start);
        for (int k = 0; k < 50; k++)
            goheap_sweep_one(sh.heap, NULL);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(mutators[i].thread, NULL);
        assert_true(mutators[i].ok);
    }
    for (unsigned i = 0; i < MAILBOX; i++)
        if (sh.mailbox[i])
            must_drop(mutators[0].p, sh.mailbox[i]);
    for (int k = 0; k < 2; k++) {
        collect(sh.heap, mutators[0].p);
        for (unsigned i = 1; i < THREADS; i++)
            goheap_p_begin_sweep(mutators[i].p);
    }
    verify(sh.heap);
    struct goheap_memstats m;
    goheap_memstats(sh.heap, &m);
    assert_int_equal(m.heap_objects, 0);
    assert_int_equal(m.heap_inuse, 0);
    pthread_barrier_destroy(&stop);
    pthread_barrier_destroy(&start);
    goheap_delete(sh.heap);
}

/* A hundred heaps in one process know nothing of each other. */
static void test_many_heaps(void **state)
{
    (void)state;
    struct goheap *heaps[100];
    for (int i = 0; i < 100; i++) {
        heaps[i] = new_heap(GOHEAP_RECLAIM_GC);
        struct goheap_p *p = goheap_p_new(heaps[i], NULL);
        for (int k = 0; k <= i; k++)
            must_take(p, 100, 0);
    }
    for (int i = 0; i < 100; i++) {
        struct goheap_memstats m;
        goheap_memstats(heaps[i], &m);
        assert_int_equal(m.mallocs, (uint64_t)i + 1);
        goheap_delete(heaps[i]);
    }
}

/* A span of whole arenas where many small ones were: each of its pages is its own, whatever they were in before. */
static void test_large_over_small(void **state)
{
    (void)state;
    enum { MB = KB * KB, SMALL = 40 };
    struct goheap *heap = new_heap(GOHEAP_RECLAIM_IMMEDIATE);
    struct goheap_p *p = goheap_p_new(heap, NULL);
    uint64_t small[SMALL];
    for (int i = 0; i < SMALL; i++)
        small[i] = must_take(p, 4 * MB, GOHEAP_NOSCAN);
    for (int i = 0; i < SMALL; i++)
        must_drop(p, small[i]);
    uint64_t large = must_take(p, 150 * MB, GOHEAP_NOSCAN);
    assert_int_equal(large, small[0]);
    for (uint64_t at = 1; at < 150; at++)
        assert_int_equal(goheap_usable_size(heap, large + at * MB), (150 - at) * MB);
    verify(heap);
    must_drop(p, large);
    assert_int_equal(goheap_free(p, small[20]), GOHEAP_DOUBLE_FREE);
    goheap_delete(heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_tiny),
        cmocka_unit_test(test_collection_frees),
        cmocka_unit_test(test_deaths_while_marking),
        cmocka_unit_test(test_tiny_deaths),
        cmocka_unit_test(test_immediate),
        cmocka_unit_test(test_hole_after_flush),
        cmocka_unit_test(test_bad_frees),
        cmocka_unit_test(test_aligned),
        cmocka_unit_test(test_hints),
        cmocka_unit_test(test_memstats_by_hand),
        cmocka_unit_test(test_stacks),
        cmocka_unit_test(test_config_check),
        cmocka_unit_test(test_churn_gc),
        cmocka_unit_test(test_churn_immediate),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_threads_and_collections),
        cmocka_unit_test(test_many_heaps),
        cmocka_unit_test(test_large_over_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
