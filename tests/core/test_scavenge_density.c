/* Tests of the index by density: which chunks the background scavenger is shown, and when. Chunks have 512 pages; 496 in
 * use are dense. Pages are counted from the region's base.
 */
#include "page_alloc_fixture.h"

/* So many chunks, all in use. */
static void start_full(struct fixture *f, uint64_t chunks)
{
    start(f, GIB, 13);
    f->pa.by_density = true;
    grow(&f->pa, chunks);
    assert_take(&f->pa, chunks * 512, 0, chunks * 512);
    assert_sound(&f->pa);
}

static void assert_run(struct fixture *f, uint64_t max_pages, uint64_t page, uint64_t npages)
{
    uint64_t addr, got;

    assert_true(take_unscavenged(&f->pa, max_pages, &addr, &got));
    assert_int_equal(addr, address(&f->pa, page));
    assert_int_equal(got, npages);
    gh_page_alloc_give_scavenged(&f->pa, addr, got);
    assert_sound(&f->pa);
}

static void assert_no_run(struct fixture *f)
{
    uint64_t addr, got;

    assert_false(take_unscavenged(&f->pa, UINT64_MAX, &addr, &got));
}

static void what_is_freed_waits_for_the_next_cycle(void **state)
{
    struct fixture f;
    (void)state;

    start_full(&f, 4);
    give(&f.pa, 1024, 100);
    give(&f.pa, 520, 40);
    assert_no_run(&f);
    gh_page_alloc_next_gen(&f.pa);
    assert_run(&f, 8, 1116, 8);
    give(&f.pa, 600, 50); /* below what is being looked at: seen in this cycle */
    give(&f.pa, 1600, 50); /* above: not before the next */
    assert_run(&f, UINT64_MAX, 1024, 92);
    assert_run(&f, UINT64_MAX, 600, 50);
    assert_run(&f, UINT64_MAX, 520, 40);
    assert_no_run(&f);
    gh_page_alloc_next_gen(&f.pa);
    assert_run(&f, UINT64_MAX, 1600, 50);
    assert_no_run(&f);
    gh_page_alloc_next_gen(&f.pa); /* nothing new */
    assert_no_run(&f);
    stop(&f);
}

/* In its own chunk, what became free above the cursor's 64 pages is lost until more does: as Go has it (setEmpty). */
static void a_chunk_is_done_with_from_the_cursor_down(void **state)
{
    struct fixture f;
    (void)state;

    start_full(&f, 1);
    give(&f.pa, 10, 50);
    gh_page_alloc_next_gen(&f.pa);
    assert_run(&f, 1, 59, 1);
    give(&f.pa, 200, 50);
    assert_run(&f, UINT64_MAX, 10, 49);
    assert_no_run(&f);
    gh_page_alloc_next_gen(&f.pa);
    assert_no_run(&f);
    give(&f.pa, 100, 1);
    gh_page_alloc_next_gen(&f.pa);
    assert_run(&f, UINT64_MAX, 100, 1);
    assert_no_run(&f);
    give(&f.pa, 300, 1);
    gh_page_alloc_next_gen(&f.pa);
    assert_run(&f, UINT64_MAX, 300, 1);
    assert_run(&f, UINT64_MAX, 200, 50);
    stop(&f);
}

static void dense_chunks_are_left_alone(void **state)
{
    struct fixture f;
    uint64_t addr, npages;
    (void)state;

    start_full(&f, 2);
    give(&f.pa, 512, 16); /* 496 left */
    gh_page_alloc_next_gen(&f.pa);
    assert_no_run(&f);
    give(&f.pa, 528, 1); /* 495, but 496 when the cycle began */
    assert_no_run(&f);
    gh_page_alloc_next_gen(&f.pa);
    assert_run(&f, UINT64_MAX, 512, 17);

    give(&f.pa, 0, 10);
    gh_page_alloc_next_gen(&f.pa);
    assert_no_run(&f);
    assert_true(gh_page_alloc_take_unscavenged(&f.pa, UINT64_MAX, true, &addr, &npages)); /* by force, all the same */
    assert_int_equal(addr, address(&f.pa, 0));
    assert_int_equal(npages, 10);
    gh_page_alloc_give_scavenged(&f.pa, addr, npages);
    stop(&f);
}

/* A chunk that is dense, or was when the cycle began. */
static void density_is_remembered_for_a_cycle(void **state)
{
    struct fixture f;
    (void)state;

    start_full(&f, 1);
    gh_page_alloc_next_gen(&f.pa);
    give(&f.pa, 0, 400); /* 512 when the cycle began */
    assert_no_run(&f);
    gh_page_alloc_next_gen(&f.pa);
    assert_run(&f, 1, 399, 1);
    assert_take(&f.pa, 390, 0, 0); /* 502 in use */
    assert_no_run(&f);
    give(&f.pa, 0, 390); /* not dense any more, but all chunks have been looked at */
    assert_no_run(&f);
    gh_page_alloc_next_gen(&f.pa);
    assert_run(&f, 1, 398, 1);
    stop(&f);
}

static void page_caches_count_as_in_use(void **state)
{
    struct fixture f;
    struct gh_page_cache cache = {0, 0, 0};
    uint64_t scavenged;
    (void)state;

    start_full(&f, 1);
    give(&f.pa, 100, 20);
    gh_page_cache_fill(&f.pa, &cache); /* of 64 to 127 */
    assert_int_equal(f.pa.density[0].in_use, 512);
    assert_int_equal(gh_page_cache_take(&cache, 13, 2, &scavenged), address(&f.pa, 100));
    gh_page_cache_flush(&f.pa, &cache);
    assert_int_equal(f.pa.density[0].in_use, 494);
    assert_int_equal(f.pa.freed_end, 120);
    gh_page_alloc_next_gen(&f.pa);
    assert_run(&f, UINT64_MAX, 102, 18);
    f.pa.density[0].in_use++;
    assert_unsound(&f.pa);
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_freed_waits_for_the_next_cycle),
        cmocka_unit_test(a_chunk_is_done_with_from_the_cursor_down),
        cmocka_unit_test(dense_chunks_are_left_alone),
        cmocka_unit_test(density_is_remembered_for_a_cycle),
        cmocka_unit_test(page_caches_count_as_in_use),
    };

    return cmocka_run_group_tests_name("density of chunks", tests, NULL, NULL);
}
