/* Page lists beside a naive model: an array of runs with the time of their last change, searched from end to end.
 *
 * What a take must return is worked out from what the sources say: of the shortest listed length that will do, the run
 * that was freed last; else, with best fit, the shortest large one, the lowest of those; else, as Go 1.11 looks for it,
 * by walking the only tree that the runs' priorities allow, built anew each time.
 */
#include "page_lists_fixture.h"

enum { MODEL_PAGES = 20000, MAX_RUNS = MODEL_PAGES, MAX_LIVE = 4000 };

struct model_run {
    uint64_t page, pages, released, changed;
    bool need_zero;
    uint32_t priority; /* as the run under test has it */
};

struct model {
    uint64_t random, clock, page_end;
    struct model_run runs[MAX_RUNS];
    size_t run_count;
    bool unbacked[MODEL_PAGES];
    struct gh_span *live[MAX_LIVE];
    size_t live_count;
};

static uint64_t below(struct model *m, uint64_t n)
{
    m->random = m->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (m->random >> 33) % n;
}

/* Takes a run out of the model; false if none begins, or ends, there. */
static bool cut(struct model *m, uint64_t page, bool end, struct model_run *run)
{
    for (size_t i = 0; i < m->run_count; i++) {
        *run = m->runs[i];
        if ((end ? run->page + run->pages : run->page) == page) {
            m->runs[i] = m->runs[--m->run_count];
            return true;
        }
    }
    return false;
}

static void put(struct model *m, struct model_run run)
{
    struct model_run neighbour;
    for (int end = 0; end < 2; end++) {
        if (!cut(m, end ? run.page : run.page + run.pages, end, &neighbour))
            continue;
        run.page = end ? neighbour.page : run.page;
        run.pages += neighbour.pages;
        run.released += neighbour.released;
        run.need_zero |= neighbour.need_zero;
    }
    run.changed = ++m->clock;
    m->runs[m->run_count++] = run;
}

static const struct model_run *listed_fit(const struct model *m, uint64_t npages)
{
    const struct model_run *best = NULL;
    for (size_t i = 0; i < m->run_count; i++) {
        const struct model_run *run = &m->runs[i];
        if (run->pages >= GH_LISTED_PAGES || run->pages < npages)
            continue;
        if (!best || run->pages < best->pages || (run->pages == best->pages && run->changed > best->changed))
            best = run;
    }
    return best;
}

static bool less(const struct model_run *a, const struct model_run *b)
{
    return a->pages != b->pages ? a->pages < b->pages : a->page < b->page;
}

static const struct model_run *best_fit(const struct model *m, uint64_t npages)
{
    const struct model_run *best = NULL;
    for (size_t i = 0; i < m->run_count; i++)
        if (m->runs[i].pages >= npages && (!best || less(&m->runs[i], best)))
            best = &m->runs[i];
    return best;
}

/* The root of the treap of all large runs that come after `low` and before `high`, where these are not NULL. */
static const struct model_run *tree_root(const struct model *m, const struct model_run *low,
                                         const struct model_run *high)
{
    const struct model_run *root = NULL;
    for (size_t i = 0; i < m->run_count; i++) {
        const struct model_run *run = &m->runs[i];
        if (run->pages < GH_LISTED_PAGES || (low && !less(low, run)) || (high && !less(run, high)))
            continue;
        if (!root || run->priority < root->priority)
            root = run;
    }
    return root;
}

static const struct model_run *first_fit(const struct model *m, uint64_t npages)
{
    const struct model_run *low = NULL, *high = NULL, *node;
    while ((node = tree_root(m, low, high))) {
        if (node->pages < npages) {
            low = node;
            continue;
        }
        const struct model_run *left = tree_root(m, low, node);
        if (!left || left->pages < npages)
            return node;
        high = node;
    }
    return NULL;
}

/* The priorities are the page lists' own. */
static void learn_priorities(struct model *m, const struct gh_page_lists *l)
{
    for (size_t i = 0; i < m->run_count; i++)
        m->runs[i].priority = gh_run_priority(l->ends[m->runs[i].page]);
}

static void step_take(struct model *m, struct fixture *f, bool treap)
{
    uint64_t kind = below(m, 100);
    uint64_t npages = 1 + (kind < 40 ? 0 : below(m, kind < 80 ? 16 : kind < 95 ? 130 : 900)), unbacked = 0;
    struct gh_taken_pages taken;
    learn_priorities(m, &f->l);
    const struct model_run *expected = listed_fit(m, npages);
    if (!expected)
        expected = treap ? first_fit(m, npages) : best_fit(m, npages);
    struct gh_span *s = m->live_count < MAX_LIVE ? gh_page_lists_take(&f->l, npages, &taken) : NULL;
    if (!expected || m->live_count == MAX_LIVE) {
        assert_null(s);
        return;
    }
    assert_non_null(s);
    assert_int_equal(page_of(s), expected->page);
    assert_int_equal(s->pages, npages);
    assert_int_equal(s->need_zero, expected->need_zero);
    assert_int_equal(taken.released, expected->released);
    struct model_run run = *expected;
    assert_true(cut(m, run.page, false, &run));
    for (uint64_t i = run.page; i < run.page + npages; i++) {
        unbacked += m->unbacked[i];
        m->unbacked[i] = false;
    }
    assert_int_equal(taken.unbacked, unbacked);
    if (run.pages > npages)
        m->runs[m->run_count++] = (struct model_run){.page = run.page + npages, .pages = run.pages - npages,
                                                     .need_zero = run.need_zero, .changed = ++m->clock};
    m->live[m->live_count++] = s;
}

static void step_give(struct model *m, struct fixture *f)
{
    if (m->live_count == 0)
        return;
    size_t i = below(m, m->live_count);
    struct gh_span *s = m->live[i];
    m->live[i] = m->live[--m->live_count];
    put(m, (struct model_run){.page = page_of(s), .pages = s->pages, .need_zero = true});
    gh_page_lists_give(&f->l, s);
}

static void step_grow(struct model *m, struct fixture *f)
{
    uint64_t pages = 1 + below(m, 600);
    if (m->page_end + pages > MODEL_PAGES)
        return;
    memset(m->unbacked + m->page_end, true, pages);
    put(m, (struct model_run){.page = m->page_end, .pages = pages});
    m->page_end += pages;
    assert_true(gh_page_lists_grow(&f->l, pages));
}

/* Whatever run it is: all of it counts as released, and did not before. */
static void step_release(struct model *m, struct fixture *f)
{
    uint64_t addr, npages, left = 0, added = gh_page_lists_release(&f->l, &addr, &npages);
    for (size_t i = 0; i < m->run_count; i++) {
        struct model_run *run = &m->runs[i];
        left += run->pages - run->released;
        if (added == 0 || run->page != (addr - BASE) >> PAGE_SHIFT)
            continue;
        assert_int_equal(npages, run->pages);
        assert_int_equal(added, run->pages - run->released);
        run->released = run->pages;
        memset(m->unbacked + run->page, true, run->pages);
    }
    assert_int_equal(added == 0, left == 0);
}

static void check(const struct model *m, const struct fixture *f)
{
    uint64_t longest = 0, free_pages = 0, released = 0;
    assert_sound(f);
    for (size_t i = 0; i < m->run_count; i++) {
        const struct model_run *run = &m->runs[i];
        const struct gh_span *s = f->l.ends[run->page];
        assert_true(s && page_of(s) == run->page && s->pages == run->pages);
        assert_int_equal(gh_run_released(s), run->released);
        free_pages += run->pages;
        released += run->released;
        longest = run->pages > longest ? run->pages : longest;
    }
    assert_int_equal(f->l.free_pages, free_pages);
    assert_int_equal(f->l.released_pages, released);
    assert_int_equal(gh_page_lists_longest_run(&f->l), longest);
    assert_int_equal(f->descriptors.in_use, m->run_count + m->live_count);
}

static void run_model(uint64_t seed, enum goheap_page_heap policy)
{
    struct fixture f;
    struct model *m = calloc(1, sizeof *m);
    uint64_t give_share = 50;
    assert_non_null(m);
    m->random = seed;
    start(&f, policy, MODEL_PAGES);
    for (unsigned i = 0; i < 12000; i++) {
        uint64_t kind = below(m, 1000);
        if (i % 1000 == 0)
            give_share = 15 + below(m, 70);
        if (kind < 20)
            step_grow(m, &f);
        else if (kind < 30)
            step_release(m, &f);
        else if (below(m, 100) < give_share)
            step_give(m, &f);
        else
            step_take(m, &f, policy == GOHEAP_PAGES_TREAP);
        if (i % 100 == 0)
            check(m, &f);
    }
    check(m, &f);
    stop(&f);
    free(m);
}

static void test_best_fit(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++)
        run_model(seed, GOHEAP_PAGES_LISTS);
}

static void test_treap(void **state)
{
    (void)state;
    for (uint64_t seed = 11; seed <= 18; seed++)
        run_model(seed, GOHEAP_PAGES_TREAP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_best_fit), cmocka_unit_test(test_treap)};
    return cmocka_run_group_tests_name("page lists beside a model", tests, NULL, NULL);
}
