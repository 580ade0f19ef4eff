/* Page lists on paper: which run is taken, how runs grow together, what is backed and what counts as released. */
#include "page_lists_fixture.h"

/* Takes npages and checks where they are, how many must be backed and how many no longer count as released. */
static struct gh_span *take(struct fixture *f, uint64_t npages, uint64_t page, uint64_t unbacked, uint64_t released)
{
    struct gh_taken_pages taken;
    struct gh_span *s = gh_page_lists_take(&f->l, npages, &taken);
    assert_non_null(s);
    assert_int_equal(page_of(s), page);
    assert_int_equal(s->pages, npages);
    assert_int_equal(taken.unbacked, unbacked);
    assert_int_equal(taken.released, released);
    assert_sound(f);
    return s;
}

static void give(struct fixture *f, struct gh_span *s)
{
    gh_page_lists_give(&f->l, s);
    assert_sound(f);
}

/* A run is cut from its low end, and growth joins what is free before it. */
static void test_low_end_first(void **state)
{
    (void)state;
    struct fixture f;
    struct gh_taken_pages taken;
    start(&f, GOHEAP_PAGES_LISTS, 4096);
    assert_null(gh_page_lists_take(&f.l, 1, &taken));
    assert_true(gh_page_lists_grow(&f.l, 128));
    take(&f, 1, 0, 1, 0);
    take(&f, 3, 1, 3, 0);
    assert_int_equal(f.l.free_pages, 124);
    assert_null(gh_page_lists_take(&f.l, 125, &taken));
    assert_true(gh_page_lists_grow(&f.l, 128));
    assert_int_equal(gh_page_lists_longest_run(&f.l), 252);
    take(&f, 125, 4, 125, 0);
    assert_int_equal(f.descriptors.in_use, 4); /* three spans and the run behind them */
    stop(&f);
}

/* free[n]: the shortest length that is long enough, and of that what was freed last. */
static void test_lists(void **state)
{
    (void)state;
    struct fixture f;
    struct gh_span *s[8], *between;
    start(&f, GOHEAP_PAGES_LISTS, 4096);
    assert_true(gh_page_lists_grow(&f.l, 128));
    static const uint64_t pages[] = {2, 3, 2, 5}; /* at 0, 3, 7, 10, each with a page in use behind it */
    uint64_t at = 0;
    for (int i = 0; i < 4; i++) {
        s[i] = take(&f, pages[i], at, pages[i], 0);
        between = take(&f, 1, at + pages[i], 1, 0);
        at += pages[i] + 1;
    }
    assert_int_equal(page_of(between), 15);
    for (int i = 0; i < 4; i++)
        give(&f, s[i]);
    take(&f, 2, 7, 0, 0); /* of the two of 2 pages the one freed last */
    take(&f, 2, 0, 0, 0);
    take(&f, 2, 3, 0, 0); /* none is left: the low end of the 3 */
    take(&f, 1, 5, 0, 0); /* and the page that remained of them, the shortest there is */
    take(&f, 1, 10, 0, 0);
    stop(&f);
}

/* The freed run's descriptor stays, those of the neighbours go back (mHeap_FreeSpanLocked). */
static void test_neighbours_join(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, GOHEAP_PAGES_LISTS, 4096);
    assert_true(gh_page_lists_grow(&f.l, 128));
    struct gh_span *a = take(&f, 10, 0, 10, 0), *b = take(&f, 20, 10, 20, 0), *c = take(&f, 30, 30, 30, 0);
    assert_int_equal(f.descriptors.in_use, 4);
    give(&f, a);
    give(&f, c); /* joins what was never used behind it */
    assert_int_equal(gh_page_lists_longest_run(&f.l), 98);
    assert_int_equal(f.descriptors.in_use, 3);
    give(&f, b);
    assert_int_equal(gh_page_lists_longest_run(&f.l), 128);
    assert_int_equal(f.descriptors.in_use, 1);
    assert_int_equal(f.descriptors.made, 4);
    assert_ptr_equal(f.l.large, b);
    stop(&f);
}

/* Part of a run was used before, so all of it is to be zeroed; what never was stays to be backed. */
static void test_used_and_unused_join(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, GOHEAP_PAGES_LISTS, 4096);
    assert_true(gh_page_lists_grow(&f.l, 128));
    struct gh_span *s = take(&f, 10, 0, 10, 0);
    assert_int_equal(s->need_zero, 0);
    give(&f, s);
    s = take(&f, 30, 0, 20, 0);
    assert_int_equal(s->need_zero, 1);
    s = take(&f, 1, 30, 1, 0);
    assert_int_equal(s->need_zero, 1); /* the rest of such a run: Go 1.5 keeps one bit a span */
    stop(&f);
}

/* Runs of 1 MiB and more: the shortest that is long enough, the lowest of those of the same length. */
static void test_best_fit(void **state)
{
    (void)state;
    struct fixture f;
    struct gh_span *s[4];
    start(&f, GOHEAP_PAGES_LISTS, 4096);
    assert_true(gh_page_lists_grow(&f.l, 1024));
    static const uint64_t pages[] = {200, 150, 300, 150};
    uint64_t at = 0;
    for (int i = 0; i < 4; i++) {
        s[i] = take(&f, pages[i], at, pages[i], 0);
        take(&f, 1, at + pages[i], 1, 0);
        at += pages[i] + 1;
    }
    for (int i = 3; i >= 0; i--)
        give(&f, s[i]);
    /* free: 200 at 0, 150 at 201, 300 at 352, 150 at 653, and 220 at 804 */
    take(&f, 140, 201, 0, 0);
    take(&f, 140, 653, 0, 0);
    take(&f, 140, 0, 0, 0);
    take(&f, 220, 804, 220, 0);
    take(&f, 11, 140, 0, 0); /* 60 are left of the 200: a list comes before the treap */
    take(&f, 61, 352, 0, 0);
    stop(&f);
}

static struct gh_span *add_node(struct gh_span **root, struct gh_span *node, uint64_t page, uint32_t pages,
                                uint32_t priority)
{
    *node = (struct gh_span){.base = BASE + (page << PAGE_SHIFT), .pages = pages};
    gh_treap_insert(root, node, priority);
    return node;
}

/* mTreap.remove of Go 1.11 goes left only if the left child itself is long enough. */
static void test_treap(void **state)
{
    (void)state;
    struct gh_span node[5], *root = NULL;
    uint64_t runs = 0, pages = 0;
    struct gh_span *top = add_node(&root, &node[0], 0, 300, 1);
    struct gh_span *left = add_node(&root, &node[1], 1000, 130, 2);
    struct gh_span *middle = add_node(&root, &node[2], 2000, 200, 3);
    assert_ptr_equal(root, top);
    assert_ptr_equal(top->prev, left);
    assert_ptr_equal(left->next, middle);
    assert_ptr_equal(gh_treap_first_fit(root, 150), top);
    assert_ptr_equal(gh_treap_best_fit(root, 150), middle);
    assert_ptr_equal(gh_treap_first_fit(root, 130), left);
    assert_null(gh_treap_first_fit(root, 301));
    assert_null(gh_treap_best_fit(root, 301));
    /* a lower priority goes to the top, and parts the tree */
    struct gh_span *lower = add_node(&root, &node[3], 500, 200, 0);
    assert_ptr_equal(root, lower);
    assert_ptr_equal(lower->prev, left);
    assert_ptr_equal(lower->next, top);
    assert_ptr_equal(top->prev, middle);
    assert_ptr_equal(gh_treap_best_fit(root, 150), lower); /* of the same length the lower address */
    assert_true(gh_treap_verify(root, &runs, &pages));
    assert_int_equal(runs, 4);
    assert_int_equal(pages, 830);
    gh_treap_remove(&root, lower);
    assert_ptr_equal(root, top);
    assert_ptr_equal(top->prev, left);
    gh_treap_remove(&root, top);
    gh_treap_remove(&root, middle);
    gh_treap_remove(&root, left);
    assert_null(root);
}

/* scavengelist: a run counts as released as a whole, and taking any of it ends that; the OS backs what is used. */
static void test_release(void **state)
{
    (void)state;
    struct fixture f;
    uint64_t addr, npages;
    start(&f, GOHEAP_PAGES_LISTS, 4096);
    assert_true(gh_page_lists_grow(&f.l, 128));
    struct gh_span *a = take(&f, 10, 0, 10, 0), *b = take(&f, 5, 10, 5, 0);
    give(&f, a);
    assert_int_equal(gh_page_lists_release(&f.l, &addr, &npages), 10); /* the shortest run first */
    assert_int_equal(addr, BASE);
    assert_int_equal(npages, 10);
    assert_int_equal(gh_page_lists_release(&f.l, &addr, &npages), 113);
    assert_int_equal(gh_page_lists_release(&f.l, &addr, &npages), 0);
    assert_int_equal(f.l.released_pages, 123);
    take(&f, 2, 0, 2, 10);
    assert_int_equal(f.l.released_pages, 113);
    take(&f, 8, 2, 8, 0); /* not released any more, and not backed either */
    assert_int_equal(gh_page_lists_release(&f.l, &addr, &npages), 0);
    give(&f, b);
    assert_int_equal(f.l.released_pages, 113);
    assert_int_equal(gh_page_lists_release(&f.l, &addr, &npages), 5); /* all of the run is told to the OS again */
    assert_int_equal(npages, 118);
    take(&f, 118, 10, 118, 118);
    stop(&f);
}

/* Without a descriptor for the rest nothing is taken. */
static void test_no_descriptor(void **state)
{
    (void)state;
    struct fixture f;
    struct gh_taken_pages taken;
    start(&f, GOHEAP_PAGES_TREAP, 1 << 20);
    f.refuse = true;
    assert_false(gh_page_lists_grow(&f.l, 8192));
    assert_int_equal(f.l.page_end, 0);
    f.refuse = false;
    assert_true(gh_page_lists_grow(&f.l, 8192));
    f.refuse = true;
    unsigned taken_pages = 0;
    while (gh_page_lists_take(&f.l, 1, &taken))
        taken_pages++;
    assert_true(taken_pages > 0 && taken_pages < 8192);
    assert_int_equal(f.l.free_pages, 8192 - taken_pages);
    assert_sound(&f);
    stop(&f);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct fixture f = {.refuse = true, .platform.metadata_alloc = fixture_metadata_alloc,
                        .platform.metadata_free = fixture_metadata_free};
    f.platform.self = &f;
    f.descriptors.platform = &f.platform;
    assert_false(gh_page_lists_init(&f.l, GOHEAP_PAGES_LISTS, &f.descriptors, BASE, 1 << 30, PAGE_SHIFT));
}

/* verify finds damage of each kind. */
static void test_verify(void **state)
{
    (void)state;
    struct fixture f;
    char why[200];
    start(&f, GOHEAP_PAGES_LISTS, 4096);
    assert_true(gh_page_lists_grow(&f.l, 512));
    struct gh_span *a = take(&f, 5, 0, 5, 0), *b = take(&f, 1, 5, 1, 0), *c = take(&f, 200, 6, 200, 0);
    take(&f, 1, 206, 1, 0);
    give(&f, a);
    give(&f, c);
    uint64_t *counts[] = {&f.l.free_pages, &f.l.released_pages, &a->inline_bits[0], &c->inline_bits[0], &a->base};
    for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        *counts[i] += 1000;
        assert_false(gh_page_lists_verify(&f.l, why, sizeof why));
        *counts[i] -= 1000;
    }
    a->pages++;
    assert_false(gh_page_lists_verify(&f.l, why, sizeof why));
    a->pages--;
    f.l.large->inline_bits[1] = UINT32_MAX;
    bool alone = !f.l.large->prev && !f.l.large->next;
    assert_true(alone || !gh_page_lists_verify(&f.l, why, sizeof why));
    f.l.large->inline_bits[1] = 0;
    f.l.ends[5] = b; /* as if the page between were free */
    assert_false(gh_page_lists_verify(&f.l, why, sizeof why));
    f.l.ends[5] = NULL;
    assert_sound(&f);
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_low_end_first),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_neighbours_join),
        cmocka_unit_test(test_used_and_unused_join),
        cmocka_unit_test(test_best_fit),
        cmocka_unit_test(test_treap),
        cmocka_unit_test(test_release),
        cmocka_unit_test(test_no_descriptor),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_verify),
    };
    return cmocka_run_group_tests_name("page lists", tests, NULL, NULL);
}
