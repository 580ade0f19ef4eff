/* Immediate reclaim, where a P owns its spans (owner.c): which slot is handed out next, who is told of which death,
 * and what becomes of the span, all computed by hand. The heap is verified after every allocation and free, and in the
 * end its figures are what the test has counted. Last, goheap_verify itself: damage done to a heap has to be noticed.
 *
 *     size 1024: 8 slots a page      64: 128 a page      8192: 1 a page; and here, 512: 128 in 8, 632: 64 in 5 */
#include "heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "heap_fixture.h"

enum { PAGE = 8192, KEPT = 64 /* pages of empty spans that a P keeps */ };

struct world {
    struct goheap *heap;
    struct goheap_p *p, *q;
    uint64_t mallocs, frees, bytes; /* what the heap has to count */
    struct {
        unsigned times, expected;
        enum goheap_result what;
        uint64_t addr;
    } misuse;
    uint64_t dies_meanwhile; /* an object that another thread frees while the heap reports misuse */
};

static void check(struct world *w)
{
    verify(w->heap);
    assert_int_equal(w->misuse.times, w->misuse.expected);
}

static struct gh_span *span_of(const struct world *w, uint64_t addr)
{
    return gh_span_at(w->heap, addr);
}

/* The first half of a free by another thread, which has found the span watched and is yet to tell. */
static void begin_free(struct world *w, uint64_t addr)
{
    struct gh_span *s = span_of(w, addr);
    uint64_t i = gh_span_index(s, addr);
    gh_live_and(&gh_live(s)[i / 64], ~(UINT64_C(1) << i % 64), true);
    w->frees++;
}

static void on_misuse(void *user, enum goheap_result what, uint64_t addr)
{
    struct world *w = user;
    w->misuse.times++;
    w->misuse.what = what;
    w->misuse.addr = addr;
    if (w->dies_meanwhile)
        begin_free(w, w->dies_meanwhile);
    w->dies_meanwhile = 0;
}

static uint64_t take_flags(struct world *w, struct goheap_p *p, uint64_t size, unsigned flags)
{
    uint64_t addr = goheap_alloc(p, size, flags);
    assert_true(addr != 0);
    w->mallocs++;
    w->bytes += goheap_usable_size(w->heap, addr);
    check(w);
    return addr;
}

static uint64_t take(struct world *w, struct goheap_p *p, uint64_t size)
{
    return take_flags(w, p, size, 0);
}

static void take_many(struct world *w, struct goheap_p *p, uint64_t size, uint64_t *addrs, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        addrs[i] = take(w, p, size);
}

static void drop(struct world *w, struct goheap_p *p, uint64_t addr)
{
    assert_int_equal(goheap_free(p, addr), GOHEAP_OK);
    w->frees++;
    check(w);
}

static uint64_t in_use(const struct world *w)
{
    struct goheap_gauges g;
    goheap_gauges(w->heap, &g);
    return g.heap_inuse;
}

static void assert_current(const struct goheap_p *p, const struct gh_span *s)
{
    assert_ptr_equal(p->alloc[s->span_class], s);
    assert_int_equal(s->watch, GH_WATCH_NONE);
    assert_null(s->list);
    assert_int_equal(s->notice, GH_NO_NOTICE);
}

static void assert_retired(const struct goheap_p *p, const struct gh_span *s)
{
    assert_ptr_equal(s->owner, p);
    assert_int_equal(s->watch, GH_WATCH_OWNER);
    assert_null(s->list);
}

static void assert_listed(const struct gh_span *s, const struct goheap_p *owner, const struct gh_list *list,
                          enum gh_watch watch)
{
    assert_ptr_equal(s->owner, owner);
    assert_ptr_equal(s->list, list);
    assert_int_equal(s->watch, watch);
}

/* --- a heap for each test ------------------------------------------------------------------------------ */

static uint64_t reserve_arena(void *self, uint64_t hint, uint64_t bytes, uint64_t align)
{
    return bytes > GH_ARENA_BYTES ? 0 : goheap_platform_mmap()->reserve(self, hint, bytes, align);
}

static void *new_world(const struct goheap_platform *platform)
{
    struct world *w = calloc(1, sizeof *w);
    struct goheap_config c;
    goheap_config_go119(&c);
    c.reclaim = GOHEAP_RECLAIM_IMMEDIATE;
    c.concurrent = true;
    c.address_space = UINT64_C(1) << 33; /* a sanitizer leaves little room */
    for (struct goheap_size_class *class = c.table.classes; class < c.table.classes + c.table.count; class++)
        if (class->size == 512)
            class->pages = 8;
        else if (class->size == 640)
            *class = (struct goheap_size_class){632, 5};
    w->heap = goheap_new(&c, platform);
    assert_non_null(w->heap);
    w->p = goheap_p_new(w->heap, NULL);
    w->q = goheap_p_new(w->heap, NULL);
    goheap_on_misuse(w->heap, on_misuse, w);
    return w;
}

static int set_up(void **state)
{
    *state = new_world(goheap_platform_mmap());
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    struct goheap_memstats m;
    goheap_memstats(w->heap, &m);
    assert_int_equal(m.mallocs, w->mallocs);
    assert_int_equal(m.frees, w->frees);
    assert_int_equal(m.total_alloc, w->bytes);
    check(w);
    goheap_delete(w->heap);
    free(w);
    return 0;
}

/* --- what its P frees ---------------------------------------------------------------------------------- */

enum { GONE = 5 };

/* Of a full span, the slots that are gone, the first of them taken again, one more gone, and the rest taken. */
static void check_order(struct world *w, uint64_t size, unsigned slots, const unsigned gone[GONE], unsigned late,
                        const unsigned order[GONE + 1])
{
    uint64_t a[128];
    take_many(w, w->p, size, a, slots);
    for (unsigned i = 0; i < slots; i++)
        assert_int_equal(a[i], a[0] + i * size);
    for (unsigned i = 0; i < GONE; i++)
        drop(w, w->p, a[gone[i]]);
    for (unsigned i = 0; i <= GONE; i++) {
        assert_int_equal(take(w, w->p, size), a[order[i]]);
        if (i == 0)
            drop(w, w->p, a[late]);
    }
    assert_current(w->p, span_of(w, a[0]));
    assert_ptr_not_equal(span_of(w, take(w, w->p, size)), span_of(w, a[0]));
    assert_retired(w->p, span_of(w, a[0]));
}

/* Of the next word with four free slots, or with any, the lowest: 16 KiB of them or all. So 128 slots that were used up
 * begin with the two in the second word, which the cursor is at, while there are but three in the first. */
static void test_lowest_first(void **state)
{
    check_order(*state, 1024, 8, (const unsigned[]){5, 2, 7, 6, 4}, 0, (const unsigned[]){2, 4, 5, 6, 7, 0});
    check_order(*state, 512, 128, (const unsigned[]){100, 70, 20, 3, 9}, 5, (const unsigned[]){70, 100, 3, 5, 9, 20});
    check_order(*state, 64, 128, (const unsigned[]){100, 70, 20, 3, 9}, 5, (const unsigned[]){70, 100, 3, 5, 9, 20});
}

/* A retired span is taken up again when an eighth of it is free, rounded up; figures read meanwhile change nothing. */
static void test_eighth(void **state)
{
    static const struct { uint64_t size; unsigned slots, eighth; } cases[] = {
        {1024, 8, 1}, {128, 64, 8}, {64, 128, 16}, {768, 10, 2}, {192, 42, 6}, {8192, 1, 1},
    };
    struct world *w = *state;
    struct goheap_memstats m;
    for (unsigned k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        uint64_t a[129];
        take_many(w, w->p, cases[k].size, a, cases[k].slots + 1);
        struct gh_span *s = span_of(w, a[0]);
        assert_int_equal(s->objects, cases[k].slots);
        for (unsigned i = 0; i < cases[k].eighth; i++) {
            assert_retired(w->p, s);
            goheap_memstats_peek(w->heap, w->p, &m);
            drop(w, w->p, a[i]);
        }
        assert_listed(s, w->p, &w->p->partial[s->span_class], GH_WATCH_NONE);
    }
}

/* Spans of a page without an object: 64 stay, the others go to mheap at once. */
static void test_kept(void **state)
{
    struct world *w = *state;
    uint64_t a[KEPT + 3], b[17], c[2], all = (KEPT + 3 + 3 + 4) * PAGE;
    take_many(w, w->p, PAGE, a, KEPT + 3);
    take_many(w, w->p, 1024, b, 17);
    take_many(w, w->p, 2 * PAGE, c, 2);
    for (unsigned i = 0; i < KEPT - 1; i++)
        drop(w, w->p, a[i]);
    for (unsigned i = 0; i < 15; i++) /* listed since its first death, each of two; the first is the 64th */
        drop(w, w->p, b[i]);
    assert_int_equal(w->p->kept_pages, KEPT);
    assert_int_equal(in_use(w), all);
    drop(w, w->p, b[15]);
    assert_int_equal(in_use(w), all - PAGE);
    drop(w, w->p, a[KEPT - 1]);
    drop(w, w->p, a[KEPT]);
    assert_int_equal(in_use(w), all - 3 * PAGE);
    drop(w, w->p, a[KEPT + 2]); /* the current span stays */
    assert_int_equal(in_use(w), all - 3 * PAGE);
    assert_int_equal(take(w, w->p, PAGE), a[KEPT + 2]);
    assert_int_equal(take(w, w->p, PAGE), a[0]); /* first in, first out */
    assert_int_equal(w->p->kept_pages, KEPT - 1);
    drop(w, w->p, c[0]); /* two pages, where there is room for one */
    assert_int_equal(in_use(w), all - 5 * PAGE);
    assert_int_equal(w->p->kept_pages, KEPT - 1);
}

/* Counting down to as good as never: as if that many had been allocated and freed before, but for one. */
static void test_no_notice(void **state)
{
    struct world *w = *state;
    uint64_t a[3];
    take_many(w, w->p, 1024, a, 3);
    struct gh_span *s = span_of(w, a[0]);
    s->frees_left = 1;
    drop(w, w->p, a[1]);
    assert_int_equal(s->frees_left, GH_NO_NOTICE);
    assert_current(w->p, s);
    w->mallocs += GH_NO_NOTICE - 1;
    w->frees += GH_NO_NOTICE - 1;
    w->bytes += (uint64_t)(GH_NO_NOTICE - 1) * 1024;
    drop(w, w->p, a[0]);
    assert_int_equal(s->frees_left, GH_NO_NOTICE - 1);
    struct goheap_memstats m;
    goheap_memstats_peek(w->heap, w->p, &m);
    assert_int_equal(m.heap_objects, 1);
    enum { TURNS = GH_NO_NOTICE + 5000 }; /* as it comes to pass */
    for (unsigned i = 0; i < TURNS; i++)
        goheap_free(w->p, goheap_alloc(w->p, 1024, 0));
    w->mallocs += TURNS;
    w->frees += TURNS;
    w->bytes += TURNS * UINT64_C(1024);
    assert_current(w->p, s);
    assert_int_equal(s->frees_left, GH_NO_NOTICE - 5000);
    check(w);
}

/* Others' frees come on top of as many of its own as are counted at once. */
static void free_beyond_notice(struct world *w, uint64_t size)
{
    uint64_t a[3];
    take_many(w, w->p, size, a, 3);
    span_of(w, a[0])->frees_left = 1;
    w->mallocs += GH_NO_NOTICE - 1;
    w->frees += GH_NO_NOTICE - 1;
    w->bytes += (GH_NO_NOTICE - 1) * size;
    drop(w, w->q, a[1]);
    drop(w, w->q, a[2]);
}

static void test_beyond_notice(void **state)
{
    struct world *w = *state;
    struct goheap_memstats m;
    free_beyond_notice(w, 1024);
    goheap_memstats(w->heap, &m);
    assert_int_equal(m.frees, w->frees);
    free_beyond_notice(w, 64);
    goheap_p_delete(w->p);
    check(w);
}

/* --- what others free ---------------------------------------------------------------------------------- */

/* In a span that its P allocates from, a live bit is all that changes. */
static void test_one_bit(void **state)
{
    struct world *w = *state;
    uint64_t a[5];
    take_many(w, w->p, 1024, a, 5);
    struct gh_span *s = span_of(w, a[0]), span;
    struct goheap_p p, q;
    static struct goheap heap;
    memcpy(&span, s, sizeof span);
    memcpy(&p, w->p, sizeof p);
    memcpy(&q, w->q, sizeof q);
    memcpy(&heap, w->heap, sizeof heap);
    drop(w, w->q, a[1]);
    assert_ptr_equal(gh_live(s), &s->inline_bits[1]);
    assert_int_equal(*gh_live(s), 0xff - 2);
    span.inline_bits[1] = 0xff - 2;
    assert_memory_equal(&span, s, sizeof span);
    assert_memory_equal(&p, w->p, sizeof p);
    assert_memory_equal(&q, w->q, sizeof q);
    assert_memory_equal(&heap, w->heap, sizeof heap);
    for (unsigned i = 5; i < 8; i++)
        assert_int_equal(take(w, w->p, 1024), a[0] + i * 1024);
    assert_int_equal(take(w, w->p, 1024), a[1]); /* the refill has found it */
    assert_current(w->p, s);
}

/* In a full span that its P has left, the first death is news. */
static void test_news(void **state)
{
    struct world *w = *state;
    uint64_t a[16];
    take_many(w, w->p, 1024, a, 9);
    struct gh_span *s = span_of(w, a[0]);
    assert_retired(w->p, s);
    assert_null(w->p->news);
    for (unsigned i = 3; i <= 4; i++) {
        drop(w, w->q, a[i]);
        assert_ptr_equal(w->p->news, s);
        assert_null(s->next);
        assert_int_equal(s->watch, GH_WATCH_NONE);
    }
    drop(w, w->p, a[6]); /* an eighth, but the span is on the way to its P already */
    assert_null(s->list);
    take_many(w, w->p, 1024, a + 9, 7);
    assert_int_equal(take(w, w->p, 1024), a[3]);
    assert_current(w->p, s);
    assert_null(w->p->news);
    assert_int_equal(take(w, w->p, 1024), a[4]);
    assert_int_equal(take(w, w->p, 1024), a[6]);
}

/* Two have found the span watched: one tells. And none does where its P has taken it up again. */
static void test_told_once(void **state)
{
    struct world *w = *state;
    uint64_t a[17];
    take_many(w, w->p, 1024, a, 17);
    struct gh_span *s = span_of(w, a[0]), *t = span_of(w, a[8]);
    begin_free(w, a[1]);
    begin_free(w, a[2]);
    gh_owner_tell(s);
    gh_owner_tell(s);
    assert_ptr_equal(w->p->news, s);
    assert_null(s->next);
    begin_free(w, a[9]);
    drop(w, w->p, a[10]);
    gh_owner_tell(t);
    assert_ptr_equal(w->p->news, s);
    assert_null(s->next);
    assert_listed(t, w->p, &w->p->partial[t->span_class], GH_WATCH_NONE);
    check(w);
}

/* The P finds a death by itself, and has used the span up again when it is told: there is nothing in the news. */
static void test_told_late(void **state)
{
    struct world *w = *state;
    uint64_t a[16], b[8];
    take_many(w, w->p, 1024, a, 9);
    struct gh_span *s = span_of(w, a[0]);
    begin_free(w, a[1]);
    drop(w, w->p, a[6]); /* an eighth */
    take_many(w, w->p, 1024, a + 9, 7);
    assert_int_equal(take(w, w->p, 1024), a[6]);
    assert_int_equal(take(w, w->p, 1024), a[1]);
    take_many(w, w->p, 1024, b, 8);
    assert_retired(w->p, s);
    gh_owner_tell(s);
    assert_ptr_equal(w->p->news, s);
    assert_ptr_not_equal(span_of(w, take(w, w->p, 1024)), s);
    assert_null(w->p->news);
    assert_retired(w->p, s);
}

/* An object dies when its P has looked for deaths for the last time and does not watch yet: nobody will tell. A
 * misuse to report is where a test can come in between, so the span is given up with a slot to spare. */
static void test_death_between(void **state)
{
    struct world *w = *state;
    uint64_t a[8];
    take_many(w, w->p, 1024, a, 8);
    struct gh_span *s = span_of(w, a[0]);
    drop(w, w->p, a[5]);
    assert_int_equal(goheap_free(w->q, a[5]), GOHEAP_OK);
    w->dies_meanwhile = a[2];
    assert_true(gh_owner_refill(w->p, s->span_class));
    w->misuse.expected++;
    assert_current(w->p, s);
    assert_int_equal(take(w, w->p, 1024), a[2]);
    assert_int_equal(take(w, w->p, 1024), a[5]);
}

/* --- Ps that end, and idle ones ------------------------------------------------------------------------ */

/* Two full spans, one with holes, one begun: all go to the central lists, and from there to another P. */
static void test_delete(void **state)
{
    struct world *w = *state;
    uint64_t a[27];
    take_many(w, w->p, 1024, a, 27);
    drop(w, w->p, a[18]);
    drop(w, w->p, a[21]);
    goheap_p_delete(w->p);
    check(w);
    struct gh_span *full = span_of(w, a[0]), *dying = span_of(w, a[8]);
    struct gh_central *c = &w->heap->central[full->span_class];
    unsigned swept = w->heap->sweep_gen / 2 % 2;
    assert_listed(full, NULL, &c->full[swept], GH_WATCH_FULL);
    assert_listed(dying, NULL, &c->full[swept], GH_WATCH_FULL);
    assert_listed(span_of(w, a[16]), NULL, &c->partial[swept], GH_WATCH_PARTIAL);
    assert_listed(span_of(w, a[24]), NULL, &c->partial[swept], GH_WATCH_PARTIAL);
    for (unsigned i = 3; i < 8; i++) /* the list is last in, first out */
        assert_int_equal(take(w, w->q, 1024), a[24] + i * 1024);
    assert_int_equal(take(w, w->q, 1024), a[18]);
    assert_int_equal(take(w, w->q, 1024), a[21]);
    for (unsigned i = 8; i < 15; i++) {
        drop(w, w->q, a[i]);
        assert_listed(dying, NULL, &c->partial[swept], GH_WATCH_PARTIAL);
    }
    assert_int_equal(in_use(w), 4 * PAGE);
    drop(w, w->q, a[15]);
    assert_int_equal(in_use(w), 3 * PAGE);
    drop(w, w->q, a[5]);
    assert_listed(full, NULL, &c->partial[swept], GH_WATCH_PARTIAL);
    assert_int_equal(take(w, w->q, 1024), a[5]);
    assert_current(w->q, full);
}

static void test_idle(void **state)
{
    struct world *w = *state;
    uint64_t a[11];
    take_many(w, w->p, 1024, a, 11);
    struct gh_span *full = span_of(w, a[0]), *current = span_of(w, a[8]);
    goheap_p_release(w->p);
    check(w);
    assert_ptr_equal(goheap_p_acquire(w->heap), w->p);
    assert_current(w->p, current);
    assert_retired(w->p, full);
    assert_int_equal(take(w, w->p, 1024), a[8] + 3 * 1024);
    goheap_p_release(w->p);
    drop(w, w->q, a[9]); /* where it would allocate from, which it may look at or not */
    assert_true(w->p->idle);
    drop(w, w->q, a[2]); /* where it would not */
    assert_false(w->p->idle);
    assert_null(full->owner);
    assert_null(current->owner);
    assert_int_equal(take(w, w->q, 1024), a[9]);
    for (unsigned i = 4; i < 8; i++)
        assert_int_equal(take(w, w->q, 1024), a[8] + i * 1024);
    assert_int_equal(take(w, w->q, 1024), a[2]);
    uint64_t next = take(w, w->q, 1024);
    drop(w, w->p = goheap_p_acquire(w->heap), a[2]);
    assert_ptr_equal(w->q->news, full);
    goheap_p_release(w->q); /* with news */
    assert_null(full->owner);
    check(w);
    for (unsigned i = 1; i < 8; i++)
        assert_int_equal(take(w, w->p, 1024), next + i * 1024);
    assert_int_equal(take(w, w->p, 1024), a[2]);
}

/* 64 MiB are all there is. An idle P has 64 pages without an object: too few to be worth growing the heap. */
static void test_idle_before_growing(void **state)
{
    struct goheap_platform platform = *goheap_platform_mmap();
    platform.reserve = reserve_arena;
    struct world *w = new_world(&platform);
    *state = w;
    uint64_t a[KEPT], first = KEPT * PAGE, chunk = GH_CHUNK_PAGES * PAGE;
    take_many(w, w->p, PAGE, a, KEPT);
    assert_int_equal(take(w, w->q, chunk - first), a[0] + first);
    take(w, w->q, GH_ARENA_BYTES - chunk);
    for (unsigned i = 0; i < KEPT; i++)
        drop(w, w->p, a[i]);
    assert_int_equal(in_use(w), GH_ARENA_BYTES);
    assert_int_equal(goheap_alloc(w->q, first, 0), 0);
    assert_int_equal(goheap_alloc(w->q, 1024, 0), 0);
    goheap_p_release(w->p);
    assert_int_equal(take(w, w->q, first), a[0]);
    assert_int_equal(goheap_alloc(w->q, 1024, 0), 0);
    check(w);
    tear_down(state);
}

/* --- misuse -------------------------------------------------------------------------------------------- */

static void misused(struct world *w, enum goheap_result what, uint64_t addr)
{
    w->misuse.expected++;
    assert_int_equal(w->misuse.what, what);
    assert_int_equal(w->misuse.addr, addr);
    check(w);
}

static void free_wrongly(struct world *w, struct goheap_p *p, uint64_t addr, enum goheap_result what)
{
    assert_int_equal(goheap_free(p, addr), what);
    misused(w, what, addr);
}

static void test_misuse_by_owner(void **state)
{
    struct world *w = *state;
    uint64_t a[70], b[8];
    take_many(w, w->p, 64, a, 70);
    take_many(w, w->p, 1024, b, 8);
    drop(w, w->p, a[10]); /* a word that the cursor has left; a[74] is still to be handed out */
    free_wrongly(w, w->p, a[10], GOHEAP_DOUBLE_FREE);
    drop(w, w->p, a[66]); /* the cursor's */
    free_wrongly(w, w->p, a[66], GOHEAP_DOUBLE_FREE);
    free_wrongly(w, w->p, a[0] + 70 * 64, GOHEAP_DOUBLE_FREE); /* to be handed out for the first time */
    drop(w, w->p, b[2]);
    drop(w, w->p, b[5]);
    assert_int_equal(take(w, w->p, 1024), b[2]);
    free_wrongly(w, w->p, b[5], GOHEAP_DOUBLE_FREE); /* and again */
    free_wrongly(w, w->p, b[4] + 8, GOHEAP_INTERIOR);
    assert_int_equal(take(w, w->p, 1024), b[5]);
}

/* What two have freed comes to light when the P next looks at the span, whoever was first. */
static void find_late(struct world *w, struct goheap_p *first, struct goheap_p *second)
{
    uint64_t a[65], last = 0;
    take_many(w, w->p, 128, a, 65);
    drop(w, first, a[2]);
    assert_int_equal(goheap_free(second, a[2]), GOHEAP_OK);
    for (unsigned i = 0; i < 64; i++) { /* until then the heap is not what it should be: not verified */
        assert_int_equal(w->misuse.times, w->misuse.expected);
        last = goheap_alloc(w->p, 128, 0);
    }
    assert_int_equal(last, a[2]);
    w->mallocs += 64;
    w->bytes += 64 * 128;
    misused(w, GOHEAP_DOUBLE_FREE, a[2]);
}

static void test_misuse_by_others(void **state)
{
    struct world *w = *state;
    uint64_t a = take(w, w->p, 64), b = take(w, w->p, 64);
    free_wrongly(w, w->q, b + 8, GOHEAP_INTERIOR);
    drop(w, w->q, a);
    free_wrongly(w, w->q, a, GOHEAP_DOUBLE_FREE);
    free_wrongly(w, w->q, a, GOHEAP_DOUBLE_FREE);
    find_late(w, w->p, w->q);
    find_late(w, w->q, w->p);
}

static void test_misuse_of_nothing(void **state)
{
    struct world *w = *state;
    int on_stack;
    uint64_t end = take(w, w->p, 632) + 5 * PAGE, large = take(w, w->p, 40000), small = take(w, w->p, 1024);
    struct goheap_p *ps[] = {w->p, w->q};
    for (unsigned i = 0; i < 2; i++) {
        free_wrongly(w, ps[i], (uintptr_t)&on_stack, GOHEAP_FOREIGN);
        free_wrongly(w, ps[i], large + 200 * PAGE, GOHEAP_FOREIGN); /* no span was there */
        free_wrongly(w, ps[i], end - 1, GOHEAP_FOREIGN); /* what 64 slots leave */
        free_wrongly(w, ps[i], end - 512, GOHEAP_FOREIGN);
        free_wrongly(w, ps[i], large + PAGE, GOHEAP_INTERIOR);
        assert_int_equal(goheap_free(ps[i], 0), GOHEAP_OK);
        assert_int_equal(goheap_free(ps[i], goheap_alloc(ps[i], 0, 0)), GOHEAP_OK);
    }
    goheap_p_delete(w->p);
    drop(w, w->q, large);
    drop(w, w->q, small);
    assert_int_equal(in_use(w), 5 * PAGE);
    free_wrongly(w, w->q, large, GOHEAP_DOUBLE_FREE);
    free_wrongly(w, w->q, small, GOHEAP_DOUBLE_FREE);
    goheap_on_misuse(w->heap, NULL, NULL);
    assert_int_equal(goheap_free(w->q, small), GOHEAP_DOUBLE_FREE);
    check(w);
}

/* --- zeroes and figures -------------------------------------------------------------------------------- */

static void take_zeroed(struct world *w, struct goheap_p *p, uint64_t size, uint64_t addr)
{
    assert_int_equal(take_flags(w, p, size, GOHEAP_ZEROED), addr);
    unsigned char *bytes = (unsigned char *)(uintptr_t)addr;
    for (uint64_t i = 0; i < size; i++)
        assert_int_equal(bytes[i], 0);
    memset(bytes, 0xff, size);
}

static void test_zeroed(void **state)
{
    struct world *w = *state;
    struct goheap_memstats m;
    uint64_t a = take(w, w->p, 1024), large = take(w, w->p, 40000);
    memset((void *)(uintptr_t)a, 0xff, 1024);
    memset((void *)(uintptr_t)large, 0xff, 40000);
    for (unsigned i = 1; i < 8; i++)
        take_zeroed(w, w->p, 1024, a + i * 1024);
    drop(w, w->p, a + 3 * 1024);
    take_zeroed(w, w->p, 1024, a + 3 * 1024);
    drop(w, w->p, a + 6 * 1024);
    goheap_memstats_peek(w->heap, w->p, &m);
    take_zeroed(w, w->p, 1024, a + 6 * 1024);
    drop(w, w->q, a + 5 * 1024);
    take_zeroed(w, w->p, 1024, a + 5 * 1024);
    drop(w, w->p, large);
    goheap_p_delete(w->p);
    drop(w, w->q, a + 1024);
    take_zeroed(w, w->q, 1024, a + 1024); /* adopted with a death in it */
    take_zeroed(w, w->q, 40000, large);
}

/* 8 of 1024 bytes, 3 of 64, one of 40,000 in 5 pages of its own. */
static void test_figures(void **state)
{
    struct world *w = *state;
    struct goheap_memstats m;
    uint64_t a[8], b[3], large = take(w, w->p, 40000);
    take_many(w, w->p, 1024, a, 8);
    take_many(w, w->p, 64, b, 3);
    drop(w, w->p, a[0]);
    drop(w, w->p, b[2]);
    drop(w, w->q, a[7]);
    drop(w, w->q, large);
    for (unsigned i = 0; i < 2; i++) { /* who owns nothing knows of large objects only */
        goheap_memstats_peek(w->heap, i ? w->q : NULL, &m);
        assert_int_equal(m.mallocs, 1);
        assert_int_equal(m.frees, 1);
        assert_int_equal(m.total_alloc, 5 * PAGE);
    }
    for (unsigned i = 0; i < 2; i++) { /* all that p has done; the death of a[7] is not yet seen */
        goheap_memstats_peek(w->heap, w->p, &m);
        check(w);
        assert_int_equal(m.mallocs, 12);
        assert_int_equal(m.frees, 3);
        assert_int_equal(m.total_alloc, 8 * 1024 + 3 * 64 + 5 * PAGE);
        assert_int_equal(m.heap_alloc, 7 * 1024 + 2 * 64);
        assert_int_equal(m.heap_inuse, 2 * PAGE);
    }
    goheap_memstats(w->heap, &m);
    assert_int_equal(m.frees, 4);
    assert_int_equal(m.heap_alloc, 6 * 1024 + 2 * 64);
    assert_int_equal(m.by_size[goheap_class_of(w->heap, 1024, 0)].frees, 2);
    assert_int_equal(m.by_size[goheap_class_of(w->heap, 64, 0)].mallocs, 3);
}

/* --- what goheap_verify notices ------------------------------------------------------------------------ */

static void notices(struct world *w, void *at, size_t bytes, uint64_t value, const char *complaint)
{
    uint64_t good = 0;
    char why[256] = "";
    memcpy(&good, at, bytes);
    assert_int_not_equal(good, value);
    memcpy(at, &value, bytes);
    bool ok = goheap_verify(w->heap, why, sizeof why);
    memcpy(at, &good, bytes);
    if (ok || !strstr(why, complaint))
        fail_msg("expected \"%s\", not \"%s\"", complaint, why);
    check(w);
}

#define NOTICES(field, value, complaint) notices(w, &(field), sizeof(field), (uint64_t)(value), complaint)

static void notices_in_owned(struct world *w, struct gh_span *retired, struct gh_span *listed, struct gh_span *current)
{
    struct gh_list *partial = &w->p->partial[listed->span_class];
    NOTICES(*gh_live(retired), 0xfe, "watched for its owner");
    NOTICES(retired->frees_left, 0, "watched for its owner");
    NOTICES(retired->list, partial, "watched for its owner");
    NOTICES(retired->owner, NULL, "watched for its owner");
    NOTICES(listed->list, NULL, "on a P's list");
    NOTICES(listed->owner, w->q, "on a P's list");
    NOTICES(listed->in_hand, 0xff, "on a P's list");
    NOTICES(listed->watch, GH_WATCH_FULL, "on a P's list");
    NOTICES(partial->head, NULL, "are in an mcache or listed");
    NOTICES(w->p->kept_pages, 1, "a P keeps 0 pages without an object, it counts 1");
    NOTICES(current->in_hand, 0xdf, "a slot to be handed out has no alloc bit");
    NOTICES(*gh_live(current), 0xdf, "a free slot was freed");
    NOTICES(current->in_hand, 0x1ff, "beyond its 8 slots");
    NOTICES(current->watch, GH_WATCH_OWNER, "in an mcache");
    NOTICES(current->list, partial, "in an mcache");
    NOTICES(current->owner, w->q, "in an mcache");
    NOTICES(current->span_class, 2, "not laid out as its class 1");
    NOTICES(w->p->alloc[4], current, "in an mcache for class 4");
}

static void notices_in_central(struct world *w, struct gh_span *full, struct gh_span *partial)
{
    NOTICES(*gh_live(partial), 7, "a live bit is set on a free slot");
    NOTICES(partial->alloc_count, 3, "2 slots are allocated, it counts 3");
    NOTICES(partial->watch, GH_WATCH_NONE, "on a list of partly free spans");
    NOTICES(partial->list, NULL, "is broken");
    NOTICES(partial->prev, full, "is broken");
    NOTICES(partial->sweep_gen, 0, "sweep generation 0");
    NOTICES(full->watch, GH_WATCH_PARTIAL, "on a list of full spans");
    NOTICES(*gh_live(full), 7, "on a list of full spans");
    NOTICES(full->list->head, NULL, "are in an mcache or listed");
}

static void test_verify(void **state)
{
    struct world *w = *state;
    struct goheap *heap = w->heap;
    uint64_t a[17], b[6];
    take_many(w, w->p, 1024, a, 17);
    drop(w, w->p, a[8]);
    take_many(w, w->q, 2048, b, 6); /* 4 a page */
    goheap_p_delete(w->q);
    notices_in_owned(w, span_of(w, a[0]), span_of(w, a[8]), span_of(w, a[16]));
    notices_in_central(w, span_of(w, b[0]), span_of(w, b[4]));
    NOTICES(heap->map.spans[(a[0] - heap->base) / PAGE], span_of(w, a[8]), "page 0 does not point at it");
    NOTICES(heap->in_use, 6 * PAGE, "spans hold 5 pages");
    NOTICES(heap->pages_in_use, 4, "spans hold 5 pages, the heap counts 4");
    NOTICES(heap->free, heap->free + PAGE, "pages are free, the heap counts");
    NOTICES(heap->stack_bytes, PAGE, "pages are in use or free");
    NOTICES(w->p->stats.small_frees[goheap_class_of(heap, 1024, 0)], 7, "slots are allocated, the totals say");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lowest_first),
        TEST(test_eighth),
        TEST(test_kept),
        TEST(test_no_notice),
        TEST(test_beyond_notice),
        TEST(test_one_bit),
        TEST(test_news),
        TEST(test_told_once),
        TEST(test_told_late),
        TEST(test_death_between),
        TEST(test_delete),
        TEST(test_idle),
        cmocka_unit_test(test_idle_before_growing),
        TEST(test_misuse_by_owner),
        TEST(test_misuse_by_others),
        TEST(test_misuse_of_nothing),
        TEST(test_zeroed),
        TEST(test_figures),
        TEST(test_verify),
    };
    alarm(60); /* a heap that is not what it should be may go round in circles */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
