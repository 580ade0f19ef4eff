/* Heaps as Go 1.5 and 1.11 have them: addresses and figures on paper, the order of central lists and of sweeping, and
 * random operations against goheap_verify. */
#include "goheap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "heap_fixture.h"

enum { KB = 1024, MB = KB * KB, PAGE = 8192 };

/* Go 1.19's classes will do: those of the old ones are data. */
static struct goheap_config go15(void)
{
    struct goheap_config c;
    goheap_config_go119(&c);
    c.address_space = UINT64_C(1) << 33;
    c.page_cache = false;
    c.central_locked = true;
    c.page_heap = GOHEAP_PAGES_LISTS;
    c.central_lists = GOHEAP_CENTRAL_LISTS;
    c.sweep_order = GOHEAP_SWEEP_ALL_SPANS;
    c.noscan_apart = false;
    c.tiny_shared = false;
    c.mspan_bytes = 112;
    c.mcache_bytes = 1208;
    c.descriptor_tails = true;
    return c;
}

static struct goheap_config go111(void)
{
    struct goheap_config c = go15();
    c.page_heap = GOHEAP_PAGES_TREAP;
    c.sweep_order = GOHEAP_SWEEP_STACK;
    c.noscan_apart = true;
    c.tiny_shared = true;
    c.mspan_bytes = 152;
    c.mcache_bytes = 1736;
    return c;
}

static struct goheap *new_heap(const struct goheap_config *c)
{
    struct goheap *heap = goheap_new(c, goheap_platform_mmap());
    assert_non_null(heap);
    return heap;
}

/* A cycle, up to where sweeping begins. */
static void mark(struct goheap *heap, struct goheap_p *p)
{
    struct goheap_marked marked;
    goheap_gc_begin(heap, p);
    goheap_gc_mark_live(heap, &marked);
    goheap_gc_end(heap, &marked);
    goheap_p_begin_sweep(p);
}

static void collect(struct goheap *heap, struct goheap_p *p)
{
    mark(heap, p);
    while (goheap_sweep_one(heap, p) != UINT64_MAX)
        ;
}

/* --- Go 1.5 on paper ----------------------------------------------------------------------------------- */

/* 1.5: objects with and without pointers of a class share a span, and tiny ones do not share blocks. */
static void test_go15_addresses(void **state)
{
    (void)state;
    struct goheap_config c = go15();
    struct goheap *heap = new_heap(&c);
    struct goheap_p *p = goheap_p_new(heap, NULL);
    uint64_t a = must_take(p, 48, 0);
    assert_int_equal(must_take(p, 48, GOHEAP_NOSCAN), a + 48);
    assert_int_equal(must_take(p, 40, GOHEAP_NOSCAN), a + 2 * 48);
    uint64_t tiny = must_take(p, 1, GOHEAP_NOSCAN);
    assert_int_equal(tiny, a + PAGE);
    assert_int_equal(must_take(p, 1, GOHEAP_NOSCAN), tiny + 16);
    assert_int_equal(must_take(p, 16, 0), tiny + 32);
    assert_int_equal(must_take(p, 40 * KB, 0), a + 2 * PAGE);
    assert_int_equal(must_take(p, 8, 0), a + 7 * PAGE); /* no page cache: pages as they come */
    verify(heap);
    struct goheap_memstats m;
    goheap_memstats(heap, &m);
    assert_int_equal(m.mallocs, 8);
    assert_int_equal(m.frees, 0);
    assert_int_equal(m.by_size[2].mallocs, 3);
    assert_int_equal(m.heap_sys, MB); /* mHeap_Grow */
    assert_int_equal(m.heap_released, 0);
    assert_int_equal(m.heap_idle, MB - 8 * PAGE);
    assert_int_equal(m.mspan_inuse, 5 * 112); /* four spans, and the run of what is free */
    assert_int_equal(m.mspan_sys, 16 * KB);
    assert_int_equal(m.mcache_inuse, 1208);
    assert_int_equal(m.mcache_sys, 16 * KB);
    verify(heap);
    goheap_delete(heap);
}

/* What may hold pointers is known of each object of a shared span, and forgotten when it is swept. */
static void test_go15_scannable(void **state)
{
    (void)state;
    struct goheap_config c = go15();
    struct goheap *heap = new_heap(&c);
    struct goheap_p *p = goheap_p_new(heap, NULL);
    struct goheap_marked marked;
    struct goheap_object object;
    uint64_t a[200];
    for (int i = 0; i < 200; i++)
        a[i] = must_take(p, 80, i % 4 == 0 ? 0 : GOHEAP_NOSCAN);
    uint64_t tiny = must_take(p, 3, GOHEAP_NOSCAN), sixteen = must_take(p, 16, 0);
    goheap_gc_begin(heap, p);
    assert_true(goheap_gc_mark(heap, a[0], &object) && !object.noscan);
    assert_true(goheap_gc_mark(heap, a[130] + 79, &object) && object.noscan);
    assert_true(goheap_gc_mark(heap, tiny, &object) && object.noscan);
    assert_true(goheap_gc_mark(heap, sixteen, &object) && !object.noscan);
    goheap_gc_mark_live(heap, &marked);
    assert_int_equal(marked.bytes, 200 * 80 + 2 * 16);
    assert_int_equal(marked.scan_bytes, 50 * 80 + 16);
    goheap_gc_end(heap, &marked);
    assert_int_equal(marked.scan_bytes, 50 * 80 + 16);
    goheap_p_begin_sweep(p);
    for (int i = 0; i < 200; i++)
        must_drop(p, a[i]);
    collect(heap, p);
    for (int i = 0; i < 200; i++)
        must_take(p, 80, 0);
    goheap_gc_begin(heap, p);
    goheap_gc_mark_live(heap, &marked);
    assert_int_equal(marked.scan_bytes, 200 * 80 + 16);
    goheap_gc_end(heap, &marked);
    verify(heap);
    goheap_delete(heap);
}

/* 64 KiB at a time, 1 MiB at least, and where the heap ends. */
static void test_go15_growth(void **state)
{
    (void)state;
    struct goheap_config c = go15();
    struct goheap *heap = new_heap(&c);
    struct goheap_p *p = goheap_p_new(heap, NULL);
    struct goheap_memstats m;
    uint64_t a = must_take(p, 200 * KB, 0); /* 25 pages of 128 */
    assert_int_equal(must_take(p, 2 * MB + PAGE, 0), a + 200 * KB); /* 257 pages: 264 more join the 103 */
    goheap_memstats(heap, &m);
    assert_int_equal(m.heap_sys, MB + 2 * MB + 64 * KB);
    assert_int_equal(must_take(p, MB, 0), a + 200 * KB + 2 * MB + PAGE); /* 110 pages are left, 128 come */
    goheap_memstats(heap, &m);
    assert_int_equal(m.heap_sys, 4 * MB + 64 * KB);
    verify(heap);
    goheap_delete(heap);
}

/* nonempty from the front, whatever is swept; empty from its front, which is what was full longest. */
static void test_go15_lists(void **state)
{
    (void)state;
    struct goheap_config c = go15();
    struct goheap *heap = new_heap(&c);
    struct goheap_p *p = goheap_p_new(heap, NULL);
    uint64_t a[14];
    for (int i = 0; i < 14; i++)
        a[i] = must_take(p, 4096, 0); /* two a span: 0 to 6 */
    must_drop(p, a[2]);
    must_drop(p, a[7]);
    must_drop(p, a[8]);
    struct goheap_gauges g;
    mark(heap, p);
    goheap_gauges(heap, &g);
    assert_int_equal(g.pages_swept, 0); /* nor is the P's span 6, which is behind the others as it has been */
    verify(heap);
    assert_int_equal(must_take(p, 4096, 0), a[2]); /* 0 is swept in vain, 1 is not */
    assert_int_equal(must_take(p, 4096, 0), a[7]);
    verify(heap);
    must_drop(p, a[12]);
    must_drop(p, a[0]);
    must_drop(p, a[5]);
    collect(heap, p); /* 0, 2 and 6 come before 4, which was swept a cycle ago, as they are swept; the last in front */
    verify(heap);
    assert_int_equal(must_take(p, 4096, 0), a[12]);
    assert_int_equal(must_take(p, 4096, 0), a[5]);
    assert_int_equal(must_take(p, 4096, 0), a[0]);
    assert_int_equal(must_take(p, 4096, 0), a[8]);
    verify(heap);
    goheap_delete(heap);
}

/* What a P held when the cycle ended is in front of what has room, and swept when it is taken, or by a sweeper; at once
 * if the sweeper has passed it by. */
static void test_flush(void **state)
{
    (void)state;
    struct goheap_config configs[] = {go15(), go111()};
    for (unsigned i = 0; i < 4; i++) {
        struct goheap *heap = new_heap(&configs[i % 2]);
        struct goheap_p *p = goheap_p_new(heap, NULL);
        struct goheap_marked marked;
        struct goheap_gauges g;
        uint64_t a[5];
        for (int k = 0; k < 5; k++)
            a[k] = must_take(p, 2048, 0); /* four a span */
        must_drop(p, a[1]);
        must_drop(p, a[4]);
        must_take(p, 2048, 0);
        goheap_gc_begin(heap, p);
        goheap_gc_mark_live(heap, &marked);
        goheap_gc_end(heap, &marked);
        bool late = i / 2;
        if (late)
            assert_int_equal(goheap_sweep_one(heap, NULL), 0); /* the full one, past the P's if that comes first */
        goheap_p_begin_sweep(p);
        goheap_gauges(heap, &g);
        assert_int_equal(g.pages_swept, late ? 2 : 0);
        verify(heap);
        assert_int_equal(must_take(p, 2048, 0), a[4]);
        while (goheap_sweep_one(heap, p) != UINT64_MAX)
            ;
        goheap_gauges(heap, &g);
        assert_int_equal(g.pages_swept, 2);
        verify(heap);
        goheap_delete(heap);
    }
}

/* mHeap_Reclaim: before the heap grows, a dead object that is long enough, though shorter ones have died. */
static void reclaims(const struct goheap_config *c)
{
    struct goheap *heap = new_heap(c);
    struct goheap_p *p = goheap_p_new(heap, NULL);
    struct goheap_gauges g;
    uint64_t small[4], large = 0;
    for (int i = 0; i < 4; i++) {
        small[i] = must_take(p, 40 * KB, 0);
        must_take(p, 40 * KB, 0);
        if (i == 1)
            large = must_take(p, 400 * KB, 0);
    }
    for (int i = 0; i < 4; i++)
        must_drop(p, small[i]);
    must_drop(p, large);
    mark(heap, p);
    goheap_gauges(heap, &g);
    assert_int_equal(g.pages_swept, 0);
    assert_int_equal(must_take(p, 320 * KB, 0), large);
    goheap_gauges(heap, &g);
    assert_int_equal(g.pages_swept, 50);
    /* Then as many of the short ones as it takes: the first and the third, and the second in vain. */
    assert_int_equal(must_take(p, 48 * KB, 0), large + 320 * KB);
    goheap_gauges(heap, &g);
    assert_int_equal(g.pages_swept, 50 + 3 * 5);
    verify(heap);
    goheap_delete(heap);
}

static void test_reclaim(void **state)
{
    (void)state;
    struct goheap_config a = go15(), b = go111();
    reclaims(&a);
    reclaims(&b);
}

/* --- Go 1.11 on paper ---------------------------------------------------------------------------------- */

/* The heap begins with an arena of 64 MiB, none of which counts as released. */
static void test_go111_initial_heap(void **state)
{
    (void)state;
    struct goheap_config c = go111();
    struct goheap *heap = new_heap(&c);
    struct goheap_p *p = goheap_p_new(heap, NULL);
    struct goheap_memstats m;
    goheap_memstats(heap, &m);
    assert_int_equal(m.heap_sys, 0);
    uint64_t a = must_take(p, 1, GOHEAP_NOSCAN);
    goheap_memstats(heap, &m);
    assert_int_equal(m.heap_sys, 64 * MB);
    assert_int_equal(m.heap_idle, 64 * MB - PAGE);
    assert_int_equal(m.heap_released, 0);
    assert_int_equal(m.mspan_inuse, 2 * 152);
    must_take(p, 64 * MB, 0); /* another arena, joined to what is left of the first */
    goheap_memstats(heap, &m);
    assert_int_equal(m.heap_sys, 128 * MB);
    assert_int_equal(must_take(p, PAGE, 0), a + 64 * MB + PAGE);
    verify(heap);
    goheap_delete(heap);
}

/* sweepSpans: what was allocated last is swept first; all spans: what was made first. */
static void sweeps(const struct goheap_config *c, bool last_first)
{
    struct goheap *heap = new_heap(c);
    struct goheap_p *p = goheap_p_new(heap, NULL);
    static const uint64_t pages[] = {5, 6, 7, 8};
    for (int i = 0; i < 4; i++)
        must_drop(p, must_take(p, pages[i] * PAGE, 0));
    mark(heap, p);
    for (int i = 0; i < 4; i++)
        assert_int_equal(goheap_sweep_one(heap, p), pages[last_first ? 3 - i : i]);
    assert_int_equal(goheap_sweep_one(heap, p), UINT64_MAX);
    assert_true(goheap_sweep_done(heap));
    verify(heap);
    goheap_delete(heap);
}

static void test_sweep_order(void **state)
{
    (void)state;
    struct goheap_config a = go15(), b = go111();
    sweeps(&a, false);
    sweeps(&b, true);
}

/* Pages given back to the OS count as released until some of their run are used. */
static void test_scavenge(void **state)
{
    (void)state;
    struct goheap_config c = go15();
    struct goheap *heap = new_heap(&c);
    struct goheap_p *p = goheap_p_new(heap, NULL);
    struct goheap_memstats m;
    uint64_t a = must_take(p, 80 * KB, 0);
    memset((void *)(uintptr_t)a, 1, 80 * KB);
    must_take(p, 40 * KB, 0);
    must_drop(p, a);
    collect(heap, p);
    assert_int_equal(goheap_scavenge(heap, p, 1), 80 * KB); /* a whole run */
    goheap_memstats(heap, &m);
    assert_int_equal(m.heap_released, 80 * KB);
    assert_int_equal(m.heap_sys, MB);
    verify(heap);
    assert_int_equal(goheap_scavenge(heap, p, UINT64_MAX), MB - 120 * KB);
    assert_int_equal(goheap_scavenge(heap, p, UINT64_MAX), 0);
    verify(heap);
    uint64_t b = must_take(p, 40 * KB, GOHEAP_ZEROED);
    assert_int_equal(b, a);
    assert_int_equal(*(char *)(uintptr_t)b, 0);
    goheap_memstats(heap, &m);
    assert_int_equal(m.heap_released, MB - 120 * KB); /* 40 KiB of 80 are in use, the rest idle */
    assert_int_equal(m.heap_idle, MB - 80 * KB);
    verify(heap);
    goheap_delete(heap);
}

/* --- what goes together -------------------------------------------------------------------------------- */

static void refuse(struct goheap_config c)
{
    char why[256] = "";
    assert_false(goheap_config_check(&c, why, sizeof why));
    assert_true(strlen(why) > 20);
}

static void test_config_check(void **state)
{
    (void)state;
    char why[256];
    struct goheap_config c = go15(), radix;
    assert_true(goheap_config_check(&c, why, sizeof why));
    c = go111();
    assert_true(goheap_config_check(&c, why, sizeof why));
    c.page_cache = true;
    refuse(c);
    c = go111();
    c.sweep_order = GOHEAP_SWEEP_BY_CLASS;
    refuse(c);
    c.central_lists = GOHEAP_CENTRAL_SETS;
    assert_true(goheap_config_check(&c, why, sizeof why));
    c = go111();
    c.page_heap = GOHEAP_PAGES_RADIX;
    refuse(c);
    goheap_config_go119(&radix);
    radix.sweep_order = GOHEAP_SWEEP_STACK;
    refuse(radix);
    c = go15();
    c.header_bytes = 8;
    c.pointer_bits_max = 512;
    refuse(c);
    c = go15();
    c.page_shift = 12;
    c.address_space = UINT64_C(1) << 46;
    refuse(c);
}

/* --- random operations --------------------------------------------------------------------------------- */

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return *seed >> 33;
}

static uint64_t random_size(uint64_t *seed)
{
    static const uint64_t limits[] = {16, 64, 512, 4096, 40000, 300000, 3000000};
    uint64_t k = next_random(seed) % 40;
    return next_random(seed) % limits[k == 0 ? 6 : k % 6];
}

static bool filled_with(const unsigned char *bytes, uint64_t size, unsigned char value)
{
    return size == 0 || (bytes[0] == value && memcmp(bytes, bytes + 1, size - 1) == 0);
}

enum { LIVE = 2000, STEPS = 40000 };

struct churn {
    struct goheap *heap;
    struct goheap_p *p[2];
    uint64_t seed, mallocs;
    struct { uint64_t addr, size; } live[LIVE];
};

static void replace_one(struct churn *t)
{
    uint64_t k = next_random(&t->seed) % LIVE;
    struct goheap_p *q = t->p[next_random(&t->seed) % 2];
    if (t->live[k].addr) {
        assert_true(filled_with((void *)(uintptr_t)t->live[k].addr, t->live[k].size, (unsigned char)k));
        must_drop(q, t->live[k].addr);
    }
    unsigned flags = (unsigned)next_random(&t->seed) & 3;
    t->live[k].size = random_size(&t->seed);
    t->live[k].addr = must_take(q, t->live[k].size, flags);
    t->mallocs += t->live[k].size != 0;
    unsigned char *bytes = (void *)(uintptr_t)t->live[k].addr;
    if (flags & GOHEAP_ZEROED)
        assert_true(filled_with(bytes, t->live[k].size, 0));
    memset(bytes, (unsigned char)k, t->live[k].size);
}

static void cycle(struct churn *t)
{
    struct goheap_marked marked;
    goheap_gc_begin(t->heap, t->p[0]);
    goheap_gc_mark_live(t->heap, &marked);
    for (int i = 0; i < 50; i++)
        replace_one(t); /* while marking goes on */
    goheap_gc_end(t->heap, &marked);
    goheap_p_begin_sweep(t->p[0]);
    goheap_p_begin_sweep(t->p[1]);
    goheap_sweep_pace(t->heap, marked.bytes + (8 << 20));
}

static void churn(struct goheap_config c)
{
    struct churn *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->heap = new_heap(&c);
    t->p[0] = goheap_p_new(t->heap, NULL);
    t->p[1] = goheap_p_new(t->heap, NULL);
    t->seed = 7;
    bool gc = c.reclaim == GOHEAP_RECLAIM_GC;
    for (int i = 0; i < STEPS; i++) {
        replace_one(t);
        if (gc && i % 4000 == 0)
            cycle(t);
        if (gc && i % 7 == 0 && i % 3000 > 1000)
            goheap_sweep_one(t->heap, NULL); /* a background sweeper */
        if (i % 5000 == 2500)
            goheap_scavenge(t->heap, t->p[0], next_random(&t->seed) % (64 << 20));
        if (i % 500 == 0)
            verify(t->heap);
    }
    struct goheap_memstats m;
    goheap_memstats(t->heap, &m);
    verify(t->heap);
    assert_int_equal(m.mallocs, t->mallocs);
    for (int k = 0; k < LIVE; k++)
        if (t->live[k].addr)
            must_drop(t->p[k % 2], t->live[k].addr);
    for (int i = 0; gc && i < 2; i++) {
        mark(t->heap, t->p[0]);
        goheap_p_begin_sweep(t->p[1]);
        collect(t->heap, t->p[0]);
        goheap_p_begin_sweep(t->p[1]);
    }
    goheap_memstats(t->heap, &m);
    assert_int_equal(m.heap_objects, 0);
    assert_int_equal(m.heap_inuse, 0);
    struct goheap_free_pages free_pages;
    goheap_free_pages(t->heap, &free_pages);
    assert_int_equal(free_pages.pages * PAGE, m.heap_sys);
    assert_int_equal(free_pages.longest_run, free_pages.pages);
    verify(t->heap);
    goheap_p_delete(t->p[1]);
    verify(t->heap);
    goheap_delete(t->heap);
    free(t);
}

static void test_churn_go15(void **state)
{
    (void)state;
    churn(go15());
}

static void test_churn_go111(void **state)
{
    (void)state;
    churn(go111());
}

/* Page lists do not need the central lists of their time. */
static void test_churn_sets(void **state)
{
    (void)state;
    struct goheap_config c = go111();
    c.central_lists = GOHEAP_CENTRAL_SETS;
    c.sweep_order = GOHEAP_SWEEP_BY_CLASS;
    churn(c);
}

static void test_churn_immediate(void **state)
{
    (void)state;
    struct goheap_config c = go15();
    c.reclaim = GOHEAP_RECLAIM_IMMEDIATE;
    churn(c);
    c = go111();
    c.reclaim = GOHEAP_RECLAIM_IMMEDIATE;
    churn(c);
}

/* --- threads ------------------------------------------------------------------------------------------- */

enum { THREADS = 4, CYCLES = 20, OPERATIONS = 3000, HELD = 300 };

struct worker {
    struct goheap *heap;
    pthread_barrier_t *stop;
    uint64_t seed, held[HELD];
    bool leads;
};

/* All stop for the mark phase; then each allocates, frees and sweeps, at the same time as the others. */
static void *work(void *arg)
{
    struct worker *w = arg;
    struct goheap_p *p = goheap_p_new(w->heap, NULL);
    for (int c = 0; c < CYCLES; c++) {
        for (int i = 0; i < OPERATIONS; i++) {
            uint64_t *held = &w->held[next_random(&w->seed) % HELD];
            if (*held)
                goheap_free(p, *held);
            *held = goheap_alloc(p, 1 + random_size(&w->seed) / 4, (unsigned)next_random(&w->seed) & GOHEAP_NOSCAN);
            if (i % 5 == 0)
                goheap_sweep_one(w->heap, p);
        }
        pthread_barrier_wait(w->stop);
        if (w->leads) {
            struct goheap_marked marked;
            goheap_gc_begin(w->heap, p);
            goheap_gc_mark_live(w->heap, &marked);
            goheap_gc_end(w->heap, &marked);
        }
        pthread_barrier_wait(w->stop);
        goheap_p_begin_sweep(p);
    }
    goheap_p_delete(p);
    return NULL;
}

static void run_threads(struct goheap_config c)
{
    pthread_t threads[THREADS];
    static struct worker workers[THREADS];
    pthread_barrier_t stop;
    c.concurrent = true;
    struct goheap *heap = new_heap(&c);
    assert_int_equal(pthread_barrier_init(&stop, NULL, THREADS), 0);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.heap = heap, .stop = &stop, .seed = (uint64_t)i + 1, .leads = i == 0};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    verify(heap);
    pthread_barrier_destroy(&stop);
    goheap_delete(heap);
}

static void test_threads(void **state)
{
    (void)state;
    run_threads(go15());
    run_threads(go111());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_go15_addresses),
        cmocka_unit_test(test_go15_scannable),
        cmocka_unit_test(test_go15_growth),
        cmocka_unit_test(test_go15_lists),
        cmocka_unit_test(test_flush),
        cmocka_unit_test(test_reclaim),
        cmocka_unit_test(test_go111_initial_heap),
        cmocka_unit_test(test_sweep_order),
        cmocka_unit_test(test_scavenge),
        cmocka_unit_test(test_config_check),
        cmocka_unit_test(test_churn_go15),
        cmocka_unit_test(test_churn_go111),
        cmocka_unit_test(test_churn_sets),
        cmocka_unit_test(test_churn_immediate),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests_name("heaps of old", tests, NULL, NULL);
}
