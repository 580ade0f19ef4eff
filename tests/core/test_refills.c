/* How many spans a refill sweeps before it has a free slot, on paper: with Go 1.19's bound and, as Go 1.5 and 1.11 have
 * it, without; beside all sweeps that the platform is told of. */
#include "goheap.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "heap_fixture.h"

/* Objects of which two fill a span; full spans before the collection. */
enum { SIZE = 4096, PAGE = 2 * SIZE, CLASSES = 68, SPANS = 150 };

/* A heap; the refills that the platform was told of, and the spans that were swept since they are full, by whomever. */
struct world {
    struct goheap_platform platform;
    struct goheap *heap;
    struct goheap_p *p;
    uint64_t refills, swept;
    uint64_t objects[2 * SPANS];
};

static void note_step(void *self, struct goheap_p *p, enum goheap_step step, uint64_t amount)
{
    struct world *w = self;
    (void)p;
    (void)amount;
    w->refills += step == GOHEAP_STEP_REFILL;
    w->swept += step == GOHEAP_STEP_SWEEP;
}

static struct goheap_config go119(void)
{
    struct goheap_config c;
    goheap_config_go119(&c);
    c.address_space = UINT64_C(1) << 32;
    return c;
}

static struct goheap_config old_go(enum goheap_page_heap pages, enum goheap_sweep_order order)
{
    struct goheap_config c = go119();
    c.page_cache = false;
    c.page_heap = pages;
    c.central_lists = GOHEAP_CENTRAL_LISTS;
    c.sweep_order = order;
    return c;
}

/* Full spans; the P still has the last of them. */
static void begin(struct world *w, const struct goheap_config *c)
{
    *w = (struct world){.platform = *goheap_platform_mmap()};
    w->platform.self = w;
    w->platform.step = note_step;
    w->heap = goheap_new(c, &w->platform);
    assert_non_null(w->heap);
    w->p = goheap_p_new(w->heap, NULL);
    for (unsigned i = 0; i < 2 * SPANS; i++)
        w->objects[i] = must_take(w->p, SIZE, 0);
    w->swept = 0;
}

static void end(struct world *w)
{
    verify(w->heap);
    goheap_delete(w->heap);
}

/* A cycle, up to where sweeping begins. */
static void mark(struct world *w)
{
    struct goheap_marked marked;
    goheap_gc_begin(w->heap, w->p);
    goheap_gc_mark_live(w->heap, &marked);
    goheap_gc_end(w->heap, &marked);
    goheap_p_begin_sweep(w->p);
}

/* Uses up a span, and begins another. */
static uint64_t refill(struct world *w)
{
    uint64_t addr = must_take(w->p, SIZE, 0);
    must_take(w->p, SIZE, 0);
    return addr;
}

static struct goheap_refills refills_of(const struct goheap *heap, unsigned class)
{
    struct goheap_refills all[CLASSES];
    goheap_refills(heap, all);
    return all[class];
}

/* All refills are there, and so many of all sweeps are theirs. */
static void check_sums(const struct world *w, uint64_t swept)
{
    struct goheap_refills all[CLASSES];
    uint64_t refills = 0;
    goheap_refills(w->heap, all);
    for (unsigned i = 0; i < CLASSES; i++) {
        swept -= all[i].spans_swept;
        for (unsigned b = 0; b < GOHEAP_REFILL_BUCKETS; b++)
            refills += all[i].by_swept[b];
    }
    assert_int_equal(swept, 0);
    assert_int_equal(refills, w->refills);
}

/* Of 150 full spans the P gives one back, which is swept there and then; a refill gives up after 101, the next one finds
 * the other 48, and the third nothing. */
static void test_bound(void **state)
{
    (void)state;
    static struct world w;
    struct goheap_config c = go119();
    begin(&w, &c);
    const unsigned class = goheap_class_of(w.heap, SIZE, 0);
    assert_int_equal(refills_of(w.heap, class).by_swept[0], SPANS);
    mark(&w);
    assert_int_equal(w.swept, 1);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(refill(&w), w.objects[0] + (SPANS + i) * PAGE);
    struct goheap_refills r = refills_of(w.heap, class);
    assert_int_equal(r.by_swept[0], SPANS + 1);
    assert_int_equal(r.by_swept[6], 1); /* 32 to 63 */
    assert_int_equal(r.by_swept[7], 1); /* 64 to 127 */
    assert_int_equal(r.spans_swept, 101 + 48);
    assert_int_equal(r.most_swept, 101);
    check_sums(&w, w.swept - 1);
    end(&w);
}

/* Without a bound the first refill sweeps them all, the one that was given back included. */
static void check_unbounded(enum goheap_page_heap pages, enum goheap_sweep_order order)
{
    static struct world w;
    struct goheap_config c = old_go(pages, order);
    begin(&w, &c);
    mark(&w);
    assert_int_equal(w.swept, 0);
    refill(&w);
    refill(&w);
    struct goheap_refills r = refills_of(w.heap, goheap_class_of(w.heap, SIZE, 0));
    assert_int_equal(r.by_swept[0], SPANS + 1);
    assert_int_equal(r.by_swept[8], 1); /* 128 to 255 */
    assert_int_equal(r.spans_swept, SPANS);
    assert_int_equal(r.most_swept, SPANS);
    check_sums(&w, w.swept);
    end(&w);
}

static void test_no_bound(void **state)
{
    (void)state;
    check_unbounded(GOHEAP_PAGES_LISTS, GOHEAP_SWEEP_ALL_SPANS);
    check_unbounded(GOHEAP_PAGES_TREAP, GOHEAP_SWEEP_STACK);
}

/* The search ends with the first slot that is free, in the third span; spans with room before the cycle come first. */
static void test_garbage(void **state)
{
    (void)state;
    static struct world w;
    struct goheap_config c = go119();
    begin(&w, &c);
    const unsigned class = goheap_class_of(w.heap, SIZE, 0);
    must_drop(w.p, w.objects[2 * 2 + 1]);
    mark(&w);
    assert_int_equal(must_take(w.p, SIZE, 0), w.objects[2 * 2 + 1]);
    struct goheap_refills r = refills_of(w.heap, class);
    assert_int_equal(r.by_swept[2], 1); /* 2 to 3 */
    assert_int_equal(r.spans_swept, 3);
    must_drop(w.p, w.objects[7]);
    mark(&w);
    while (goheap_sweep_one(w.heap, NULL) != UINT64_MAX)
        ;
    mark(&w);
    assert_int_equal(must_take(w.p, SIZE, 0), w.objects[7]); /* partial and unswept */
    r = refills_of(w.heap, class);
    assert_int_equal(r.by_swept[1], 1);
    assert_int_equal(r.spans_swept, 4);
    assert_int_equal(r.most_swept, 3);
    end(&w);
}

/* What is swept in proportion, before the search, is no refill's. */
static void test_proportional(void **state)
{
    (void)state;
    static struct world w;
    struct goheap_config c = go119();
    begin(&w, &c);
    mark(&w);
    goheap_sweep_pace(w.heap, 0);
    refill(&w);
    assert_int_equal(w.swept, SPANS);
    struct goheap_refills r = refills_of(w.heap, goheap_class_of(w.heap, SIZE, 0));
    assert_int_equal(r.by_swept[0], SPANS + 1);
    assert_int_equal(r.most_swept, 0);
    check_sums(&w, 0);
    end(&w);
}

/* Both span classes of a size are one; under immediate reclaim nothing is counted. */
static void test_classes(void **state)
{
    (void)state;
    static struct world w;
    struct goheap_config c = go119();
    begin(&w, &c);
    must_take(w.p, SIZE, GOHEAP_NOSCAN);
    must_take(w.p, 48, 0);
    must_take(w.p, 100 * SIZE, 0);
    assert_int_equal(refills_of(w.heap, goheap_class_of(w.heap, SIZE, 0)).by_swept[0], SPANS + 1);
    assert_int_equal(refills_of(w.heap, goheap_class_of(w.heap, 48, 0)).by_swept[0], 1);
    assert_int_equal(refills_of(w.heap, 0).by_swept[0], 0);
    check_sums(&w, 0);
    end(&w);
    c.reclaim = GOHEAP_RECLAIM_IMMEDIATE;
    begin(&w, &c);
    assert_int_equal(refills_of(w.heap, goheap_class_of(w.heap, SIZE, 0)).by_swept[0], 0);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bound),   cmocka_unit_test(test_no_bound), cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_proportional), cmocka_unit_test(test_classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
