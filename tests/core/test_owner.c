/* Immediate reclaim, where a P owns its spans (owner.c): which slot is handed out next, who is told of which death,
 * and what becomes of the span, all computed by hand. */
#include "owner_fixture.h"

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

/* In a span that its P allocates from, a live bit is all that changes, and the count of the P that frees. */
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
    q.stats.dead_bytes += 1024; /* counted by whoever frees */
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
        TEST(test_zeroed),
        TEST(test_figures),
    };
    alarm(60); /* a heap that is not what it should be may go round in circles */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
