/* goheap_walk beside what the heap counts: after random operations, every page shown once and in order, and sums of
 * what is shown that equal the gauges and the class statistics, for each page heap and both ways of reclaiming.
 */
#include "goheap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "heap_fixture.h"

enum { PS = 2, OBJECTS = 3000, STACKS = 20, STEPS = 40000, LOOK = 1000 };

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return *seed >> 33;
}

/* --- what is shown ------------------------------------------------------------------------------------- */

struct seen {
    uint64_t base;       /* address of offset 0 */
    uint64_t first, end; /* address range of what came in order */
    uint64_t objects, stacks, free, released, cached, runs;
    uint64_t tails, dead;
    struct goheap_class_stats classes[GOHEAP_MAX_CLASSES];
};

static void see_objects(struct seen *seen, const struct goheap_run *run)
{
    struct goheap_class_stats *c = &seen->classes[run->size_class];
    seen->objects += run->bytes;
    seen->tails += run->bytes - run->slots * run->slot_bytes;
    seen->dead += (run->allocated - run->live) * run->slot_bytes;
    c->spans++;
    c->pages += run->bytes / 8192;
    c->slots += run->slots;
    c->allocated += run->allocated;
    c->live += run->live;
    c->allocated_bytes += run->allocated * run->slot_bytes;
    c->live_bytes += run->live * run->slot_bytes;
}

static void see(void *user, const struct goheap_run *run)
{
    struct seen *seen = user;
    assert_true(run->bytes > 0 && run->bytes % 8192 == 0);
    assert_true(run->released <= run->bytes);
    assert_true(seen->base == 0 || run->addr - run->offset == seen->base);
    seen->base = run->addr - run->offset;
    if (run->kind == GOHEAP_RUN_CACHED) {
        seen->cached += run->bytes;
    } else {
        assert_true(seen->runs == 0 || run->addr >= seen->end);
        seen->first = seen->runs++ ? seen->first : run->addr;
        seen->end = run->addr + run->bytes;
    }
    if (run->kind == GOHEAP_RUN_OBJECTS)
        see_objects(seen, run);
    else if (run->kind == GOHEAP_RUN_STACKS)
        seen->stacks += run->bytes;
    else
        seen->free += run->bytes - run->released;
    if (run->kind == GOHEAP_RUN_FREE || run->kind == GOHEAP_RUN_CACHED)
        seen->released += run->released;
}

/* The walk, the gauges and the class statistics tell the same; returns the gauges. */
static struct goheap_gauges look(struct goheap *heap)
{
    static struct seen seen;
    static struct goheap_class_stats classes[GOHEAP_MAX_CLASSES];
    memset(&seen, 0, sizeof seen);
    memset(classes, 0, sizeof classes);
    struct goheap_gauges g;
    struct goheap_free_pages free_pages;
    goheap_walk(heap, see, &seen);
    goheap_gauges(heap, &g);
    goheap_class_stats(heap, classes);
    goheap_free_pages(heap, &free_pages);
    assert_int_equal(seen.objects, g.heap_inuse);
    assert_int_equal(seen.stacks, g.stack_inuse);
    assert_int_equal(seen.free, g.heap_free);
    assert_int_equal(seen.released, g.heap_released);
    assert_int_equal(seen.cached, free_pages.cached * 8192);
    assert_int_equal(seen.tails, g.tails);
    assert_int_equal(seen.dead, g.dead);
    assert_memory_equal(seen.classes, classes, sizeof classes);
    /* What came in order has no other gaps than the pages in caches. */
    assert_true(seen.end - seen.first <= g.heap_inuse + g.stack_inuse + g.heap_free + g.heap_released);
    return g;
}

/* --- random operations --------------------------------------------------------------------------------- */

/* What shares a block of 16 bytes, what has one of its own, and all others. */
enum kind { OTHER, TINY, SIXTEEN, KINDS };
enum { CLASS_16 = 2 };

struct world {
    struct goheap *heap;
    struct goheap_p *ps[PS];
    uint64_t objects[OBJECTS], stacks[STACKS], seed;
    enum kind kinds[OBJECTS];
    int64_t of_kind[KINDS]; /* live */
    bool collects;
};

/* Tiny, small, of a few pages, and seldom larger ones. */
static uint64_t some_size(uint64_t *seed)
{
    static const uint64_t limits[] = {16, 16, 128, 512, 2048, 2048, 40000, 300000};
    return 1 + next_random(seed) % limits[next_random(seed) % 8];
}

static void collect(struct world *w)
{
    struct goheap_marked marked;
    goheap_gc_begin(w->heap, w->ps[0]);
    goheap_gc_mark_live(w->heap, &marked);
    goheap_gc_end(w->heap, &marked);
    for (int i = 0; i < PS; i++)
        goheap_p_begin_sweep(w->ps[i]);
    for (uint64_t n = next_random(&w->seed) % 200; n > 0 && goheap_sweep_one(w->heap, NULL) != UINT64_MAX; n--)
        ;
}

static void replace(struct world *w)
{
    uint64_t i = next_random(&w->seed) % OBJECTS;
    struct goheap_p *p = w->ps[next_random(&w->seed) % PS];
    if (w->objects[i]) {
        must_drop(p, w->objects[i]);
        w->objects[i] = 0;
        w->of_kind[w->kinds[i]]--;
    }
    if (next_random(&w->seed) % 3 == 0)
        return;
    uint64_t size = some_size(&w->seed);
    unsigned flags = next_random(&w->seed) % 2 ? GOHEAP_NOSCAN : 0;
    w->objects[i] = must_take(p, size, flags);
    w->kinds[i] = flags && size < 16 ? TINY : goheap_class_of(w->heap, size, flags) == CLASS_16 ? SIXTEEN : OTHER;
    w->of_kind[w->kinds[i]]++;
}

static void replace_stack(struct world *w)
{
    uint64_t *stack = &w->stacks[next_random(&w->seed) % STACKS];
    if (*stack)
        assert_int_equal(goheap_stack_free(w->ps[0], *stack), GOHEAP_OK);
    *stack = goheap_stack_alloc(w->ps[0], UINT64_C(2048) << next_random(&w->seed) % 6);
    assert_true(*stack != 0);
}

static void step(struct world *w)
{
    uint64_t what = next_random(&w->seed) % 4000;
    if (what == 0 && w->collects)
        collect(w);
    else if (what == 1)
        goheap_scavenge(w->heap, NULL, next_random(&w->seed) % (1 << 20));
    else if (what < 50)
        replace_stack(w);
    else
        replace(w);
}

/* And tiny objects make up so many blocks. */
static void look_tiny(struct world *w)
{
    static struct goheap_class_stats classes[GOHEAP_MAX_CLASSES];
    struct goheap_gauges g = look(w->heap);
    goheap_class_stats(w->heap, classes);
    assert_int_equal(classes[CLASS_16].live, w->of_kind[SIXTEEN] + w->of_kind[TINY] - g.tiny_shared);
}

static void run(const struct goheap_config *config)
{
    static struct world w;
    w = (struct world){.seed = 7, .collects = config->reclaim == GOHEAP_RECLAIM_GC};
    w.heap = goheap_new(config, goheap_platform_mmap());
    assert_non_null(w.heap);
    for (int i = 0; i < PS; i++)
        w.ps[i] = goheap_p_new(w.heap, NULL);
    look(w.heap);
    for (int i = 1; i <= STEPS; i++) {
        step(&w);
        if (i % LOOK == 0)
            look_tiny(&w);
    }
    for (int i = 0; i < OBJECTS; i++)
        must_drop(w.ps[i % PS], w.objects[i]);
    for (int i = 0; w.collects && i < 2; i++)
        collect(&w);
    while (w.collects && goheap_sweep_one(w.heap, NULL) != UINT64_MAX)
        ;
    struct goheap_memstats m;
    goheap_memstats(w.heap, &m); /* Ps let go of what they hold */
    struct goheap_gauges g = look(w.heap);
    assert_int_equal(m.heap_inuse, g.heap_inuse);
    assert_int_equal(g.tiny_shared, 0);
    if (!w.collects)
        assert_int_equal(g.heap_inuse + g.tails + g.dead, 0);
    verify(w.heap);
    goheap_delete(w.heap);
}

static struct goheap_config config_of(enum goheap_page_heap pages)
{
    struct goheap_config c;
    goheap_config_go119(&c);
    c.address_space = UINT64_C(1) << 33;
    c.page_heap = pages;
    if (pages == GOHEAP_PAGES_RADIX)
        return c;
    c.page_cache = false;
    c.central_locked = true;
    c.central_lists = GOHEAP_CENTRAL_LISTS;
    c.noscan_apart = c.tiny_shared = pages == GOHEAP_PAGES_TREAP;
    c.sweep_order = pages == GOHEAP_PAGES_LISTS ? GOHEAP_SWEEP_ALL_SPANS : GOHEAP_SWEEP_STACK;
    return c;
}

static void test_collection(void **state)
{
    (void)state;
    for (int pages = GOHEAP_PAGES_RADIX; pages <= GOHEAP_PAGES_TREAP; pages++) {
        struct goheap_config c = config_of((enum goheap_page_heap)pages);
        run(&c);
    }
}

static void test_immediate(void **state)
{
    (void)state;
    for (int pages = GOHEAP_PAGES_RADIX; pages <= GOHEAP_PAGES_TREAP; pages++) {
        struct goheap_config c = config_of((enum goheap_page_heap)pages);
        c.reclaim = GOHEAP_RECLAIM_IMMEDIATE;
        run(&c);
    }
}

/* --- by hand ------------------------------------------------------------------------------------------- */

struct shown {
    struct goheap_run runs[16];
    unsigned n;
};

static void note(void *user, const struct goheap_run *run)
{
    struct shown *shown = user;
    assert_true(shown->n < 16);
    shown->runs[shown->n++] = *run;
}

/* Two large objects, a hole of two pages between them that is then released. */
static void test_holes(void **state)
{
    (void)state;
    struct goheap_config c = config_of(GOHEAP_PAGES_RADIX);
    c.reclaim = GOHEAP_RECLAIM_IMMEDIATE;
    c.page_cache = false;
    struct goheap *heap = goheap_new(&c, goheap_platform_mmap());
    struct goheap_p *p = goheap_p_new(heap, NULL);
    uint64_t a = must_take(p, 5 * 8192, 0), hole = must_take(p, 6 * 8192, 0), b = must_take(p, 7 * 8192 - 1, 0);
    must_drop(p, hole);
    struct shown shown = {.n = 0};
    goheap_walk(heap, note, &shown);
    assert_int_equal(shown.n, 4);
    assert_int_equal(shown.runs[0].offset, 0);
    assert_true(shown.runs[0].kind == GOHEAP_RUN_OBJECTS && shown.runs[0].addr == a && shown.runs[0].bytes == 5 * 8192);
    assert_true(shown.runs[0].size_class == 0 && shown.runs[0].slots == 1 && shown.runs[0].live == 1);
    assert_true(shown.runs[1].kind == GOHEAP_RUN_FREE && shown.runs[1].addr == hole && shown.runs[1].bytes == 6 * 8192);
    assert_int_equal(shown.runs[1].released, 0);
    assert_true(shown.runs[2].addr == b && shown.runs[2].slot_bytes == 7 * 8192);
    assert_int_equal(shown.runs[3].bytes, (512 - 18) * 8192);
    assert_int_equal(shown.runs[3].released, shown.runs[3].bytes); /* never used */
    goheap_scavenge(heap, p, UINT64_MAX);
    shown.n = 0;
    goheap_walk(heap, note, &shown);
    assert_int_equal(shown.n, 4);
    assert_int_equal(shown.runs[1].released, 6 * 8192);
    goheap_delete(heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_collection),
        cmocka_unit_test(test_immediate),
        cmocka_unit_test(test_holes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
