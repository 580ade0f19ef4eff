/* Tests of how the page allocator finds pages to scavenge: runs worked out by hand, the index, and a terabyte. */
#include "page_alloc_fixture.h"

#include <time.h>

/* A page allocator of whole chunks, all of it allocated. */
static void start_full(struct fixture *f, uint64_t chunks, unsigned page_shift, uint64_t unit)
{
    start_with_unit(f, (chunks * GH_CHUNK_PAGES) << page_shift, page_shift, unit);
    grow(&f->pa, chunks);
    assert_take(&f->pa, chunks * GH_CHUNK_PAGES, 0, chunks * GH_CHUNK_PAGES);
}

static void assert_run(struct gh_page_alloc *pa, uint64_t max_pages, uint64_t page, uint64_t npages)
{
    uint64_t addr, got;

    assert_true(take_unscavenged(pa, max_pages, &addr, &got));
    assert_int_equal((addr - pa->base) >> pa->page_shift, page);
    assert_int_equal(got, npages);
    assert_sound(pa);
    gh_page_alloc_give_scavenged(pa, addr, got);
    assert_sound(pa);
}

static void assert_no_run(struct gh_page_alloc *pa)
{
    uint64_t addr, npages;

    assert_false(take_unscavenged(pa, UINT64_MAX, &addr, &npages));
    assert_int_equal(pa->scavenge_end, 0);
    assert_sound(pa);
}

static void new_pages_are_scavenged(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, GIB, 13);
    assert_no_run(&f.pa);
    grow(&f.pa, 3);
    assert_no_run(&f.pa);
    stop(&f);
}

static void highest_run_first(void **state)
{
    struct fixture f;
    (void)state;

    start_full(&f, 3, 13, 1);
    give(&f.pa, 100, 10);
    give(&f.pa, 600, 20);
    give(&f.pa, 630, 5);
    give(&f.pa, 1500, 36); /* up to the end */
    give(&f.pa, 0, 1);
    assert_run(&f.pa, UINT64_MAX, 1500, 36);
    assert_run(&f.pa, 36, 630, 5);
    assert_int_equal(f.pa.scavenge_end, 2);
    give(&f.pa, 1100, 1); /* above where the search had come to */
    assert_run(&f.pa, 36, 1100, 1);
    assert_run(&f.pa, 36, 600, 20);
    assert_run(&f.pa, 36, 100, 10);
    assert_run(&f.pa, 36, 0, 1);
    assert_no_run(&f.pa);
    /* They were free all along, and have to be backed now. */
    assert_take(&f.pa, 36, 1500, 36);
    assert_take(&f.pa, 1, 0, 1);
    stop(&f);
}

static void runs_are_cut_to_what_is_asked_for(void **state)
{
    struct fixture f;
    (void)state;

    start_full(&f, 1, 13, 1);
    give(&f.pa, 60, 140); /* over two words' borders */
    assert_run(&f.pa, 7, 193, 7);
    assert_run(&f.pa, 1, 192, 1);
    assert_run(&f.pa, 130, 62, 130);
    assert_run(&f.pa, 3, 60, 2);
    assert_no_run(&f.pa);
    stop(&f);
}

static void runs_end_with_their_chunk(void **state)
{
    struct fixture f;
    (void)state;

    start_full(&f, 4, 13, 1);
    give(&f.pa, 500, 1036);
    assert_run(&f.pa, UINT64_MAX, 1024, 512);
    assert_run(&f.pa, UINT64_MAX, 512, 512);
    assert_run(&f.pa, UINT64_MAX, 500, 12);
    assert_no_run(&f.pa);
    stop(&f);
}

/* Taken by a scavenger and not given back yet: not free, for anybody. */
static void runs_at_the_os_are_taken(void **state)
{
    struct fixture f;
    uint64_t addr, npages;
    (void)state;

    start_full(&f, 1, 13, 1);
    give(&f.pa, 10, 4);
    assert_true(take_unscavenged(&f.pa, 2, &addr, &npages));
    assert_int_equal(gh_page_alloc_free_pages(&f.pa), 2);
    assert_no_take(&f.pa, 3);
    assert_run(&f.pa, 2, 10, 2);
    assert_no_run(&f.pa);
    assert_take(&f.pa, 2, 10, 2);
    assert_no_take(&f.pa, 1);
    gh_page_alloc_give_scavenged(&f.pa, addr, npages);
    assert_take(&f.pa, 1, 12, 1);
    assert_sound(&f.pa);
    stop(&f);
}

/* 2 MiB are 256 of these pages. */
static void huge_pages_are_not_broken(void **state)
{
    struct fixture f;
    (void)state;

    start_full(&f, 2, 13, 1);
    give(&f.pa, 512, 512);
    assert_run(&f.pa, 10, 768, 256);  /* 10 would break it */
    assert_take(&f.pa, 1, 512, 0);
    assert_run(&f.pa, 255, 513, 255); /* one page of it is in use already */
    give(&f.pa, 100, 411);
    assert_run(&f.pa, 10, 501, 10);   /* the upper one has lost its last page */
    assert_run(&f.pa, 246, 255, 246); /* starts in the lower one, which begins below what is free */
    assert_run(&f.pa, 500, 100, 155);
    give(&f.pa, 0, 100);
    assert_run(&f.pa, 1, 99, 1);      /* the rest of the lower one is scavenged */
    stop(&f);

    start_full(&f, 1, 12, 1); /* all 512 are one huge page */
    give(&f.pa, 0, 512);
    assert_run(&f.pa, 1, 0, 512);
    stop(&f);
}

static void runs_are_whole_units(void **state)
{
    struct fixture f;
    (void)state;

    start_full(&f, 1, 13, 4);
    give(&f.pa, 10, 7); /* 12 to 15 are whole */
    assert_run(&f.pa, 1, 12, 4);
    assert_no_run(&f.pa);
    give(&f.pa, 8, 2);
    assert_run(&f.pa, UINT64_MAX, 8, 4);
    give(&f.pa, 120, 40);
    assert_run(&f.pa, 5, 152, 8);
    assert_run(&f.pa, 31, 120, 32);
    give(&f.pa, 191, 130); /* 192 to 319 are whole */
    assert_run(&f.pa, 512, 192, 128);
    give(&f.pa, 17, 3);    /* 16 was free before */
    assert_run(&f.pa, 512, 16, 4);
    assert_no_run(&f.pa);
    stop(&f);
}

static void caches_give_back_what_can_be_scavenged(void **state)
{
    struct fixture f;
    struct gh_page_cache cache = {0, 0, 0};
    uint64_t scavenged;
    (void)state;

    start(&f, GIB, 13);
    grow(&f.pa, 1);
    assert_take(&f.pa, 20, 0, 20);
    give(&f.pa, 4, 5);
    gh_page_cache_fill(&f.pa, &cache); /* 4 to 8, and 20 to 63, scavenged */
    assert_no_run(&f.pa);
    assert_true(gh_page_cache_take(&cache, 13, 2, &scavenged) != 0);
    gh_page_cache_flush(&f.pa, &cache);
    assert_run(&f.pa, UINT64_MAX, 6, 3);
    gh_page_cache_fill(&f.pa, &cache);
    gh_page_cache_flush(&f.pa, &cache);
    assert_int_equal(f.pa.scavenge_end, 1); /* nothing to scavenge in what came back, */
    assert_no_run(&f.pa);                   /* which the search finds out */
    stop(&f);
}

static void index_follows(void **state)
{
    struct fixture f;
    uint64_t addr, npages;
    (void)state;

    start_full(&f, 200, 13, 1);
    give(&f.pa, 60 * 512 + 511, 512 * 70); /* chunks 60 to 130, in three words */
    assert_int_equal(f.pa.scavenge_index[0], UINT64_C(0xf) << 60);
    assert_int_equal(f.pa.scavenge_index[1], UINT64_MAX);
    assert_int_equal(f.pa.scavenge_index[2], 7);
    assert_int_equal(f.pa.scavenge_end, 131);
    assert_take(&f.pa, 512 * 70, 60 * 512 + 511, 0);
    assert_true(gh_page_alloc_take_unscavenged(&f.pa, 1, false, &addr, &npages)); /* one look, in vain */
    assert_int_equal(npages, 0);
    assert_int_equal(f.pa.scavenge_index[2], 3);
    assert_no_run(&f.pa);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(f.pa.scavenge_index[i], 0);

    give(&f.pa, 512 * 64, 1);
    f.pa.scavenge_index[1] = 0;
    assert_unsound(&f.pa);
    f.pa.scavenge_index[1] = 1;
    assert_sound(&f.pa);
    f.pa.scavenge_end = 64;
    assert_unsound(&f.pa);
    stop(&f);
}

static double cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* 1 TiB: 262,144 chunks, with something in each, in one only, or in none. */
static void huge_heaps(void **state)
{
    const uint64_t chunks = UINT64_C(1) << 18;
    struct fixture f;
    double begin = cpu_seconds();
    uint64_t addr, npages, total = 0;
    (void)state;

    start_full(&f, chunks, 13, 1);
    give(&f.pa, 0, chunks * GH_CHUNK_PAGES);
    while (take_unscavenged(&f.pa, UINT64_MAX, &addr, &npages)) {
        gh_page_alloc_give_scavenged(&f.pa, addr, npages);
        total += npages;
    }
    assert_int_equal(total, chunks * GH_CHUNK_PAGES);
    assert_take(&f.pa, total, 0, total);
    give(&f.pa, 5, total - 5);
    assert_take(&f.pa, total - 5, 5, 0);
    give(&f.pa, 5, 1);
    assert_true(take_unscavenged(&f.pa, 1, &addr, &npages));
    assert_int_equal(addr, address(&f.pa, 5));
    for (unsigned i = 0; i < 1000; i++) {
        give(&f.pa, total - 1 - i, 1);
        assert_true(take_unscavenged(&f.pa, 1, &addr, &npages));
        assert_int_equal(addr, address(&f.pa, total - 1 - i));
        assert_false(take_unscavenged(&f.pa, 1, &addr, &npages)); /* all the way down */
    }
    assert_true(cpu_seconds() - begin < 2.0);
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_pages_are_scavenged),
        cmocka_unit_test(highest_run_first),
        cmocka_unit_test(runs_are_cut_to_what_is_asked_for),
        cmocka_unit_test(runs_end_with_their_chunk),
        cmocka_unit_test(runs_at_the_os_are_taken),
        cmocka_unit_test(huge_pages_are_not_broken),
        cmocka_unit_test(runs_are_whole_units),
        cmocka_unit_test(caches_give_back_what_can_be_scavenged),
        cmocka_unit_test(index_follows),
        cmocka_unit_test(huge_heaps),
    };

    return cmocka_run_group_tests_name("pages to scavenge", tests, NULL, NULL);
}
