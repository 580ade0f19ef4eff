/* Immediate reclaim: what is noticed when it goes wrong. Objects freed twice, in their middle, or that are none; and
 * goheap_verify itself: damage done to a heap has to be noticed. */
#include "owner_fixture.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_misuse_by_owner),
        TEST(test_misuse_by_others),
        TEST(test_misuse_of_nothing),
        TEST(test_verify),
    };
    alarm(60); /* a heap that is not what it should be may go round in circles */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
