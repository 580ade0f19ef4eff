/* Tests of the page allocator and the page caches: cases worked out by hand, and regions of terabytes. */
#include "page_alloc_fixture.h"

#include <time.h>

static void assert_cache_take(struct gh_page_alloc *pa, struct gh_page_cache *cache, uint64_t npages,
                              uint64_t page, uint64_t scavenged)
{
    uint64_t got;

    assert_int_equal(gh_page_cache_take(cache, pa->page_shift, npages, &got), address(pa, page));
    assert_int_equal(got, scavenged);
}

/* --- by hand --- */

static void nothing_grown(void **state)
{
    struct fixture f;
    struct gh_page_cache cache = {0, 0, 0};
    (void)state;

    start(&f, 1, 13);
    assert_int_equal(f.pa.chunk_limit, 4096);
    assert_no_take(&f.pa, 1);
    gh_page_cache_fill(&f.pa, &cache);
    assert_int_equal(cache.free, 0);
    gh_page_cache_flush(&f.pa, &cache);
    assert_int_equal(gh_page_alloc_longest_run(&f.pa), 0);
    assert_int_equal(gh_page_alloc_free_pages(&f.pa), 0);
    assert_sound(&f.pa);
    stop(&f);
}

static void metadata_refused(void **state)
{
    struct fixture f = {.platform.metadata_alloc = fixture_metadata_alloc, .refuse = true};
    (void)state;

    f.platform.self = &f;
    assert_false(gh_page_alloc_init(&f.pa, &f.platform, BASE, GIB, 13));
}

static void region_rounds_up_to_roots(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, 16 * GIB, 13);
    assert_int_equal(f.pa.summary_len[0], 1);
    stop(&f);
    start(&f, 16 * GIB + 1, 13);
    assert_int_equal(f.pa.summary_len[0], 2);
    assert_int_equal(f.pa.summary_len[4], 2 * 4096);
    stop(&f);
}

static void lowest_fit(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, GIB, 13);
    grow(&f.pa, 2);
    assert_take(&f.pa, 10, 0, 10);
    assert_take(&f.pa, 100, 10, 100);
    assert_take(&f.pa, 500, 110, 500); /* over the border between the chunks */
    give(&f.pa, 3, 2);
    give(&f.pa, 10, 100);
    assert_int_equal(f.pa.search, 3);
    assert_take(&f.pa, 3, 10, 0); /* the two free pages at 3 are too few */
    assert_int_equal(f.pa.search, 3);
    assert_take(&f.pa, 1, 3, 0);
    assert_take(&f.pa, 98, 610, 98);
    assert_take(&f.pa, 97, 13, 0);
    assert_int_equal(gh_page_alloc_free_pages(&f.pa), 1024 - 708 + 1);
    assert_int_equal(gh_page_alloc_longest_run(&f.pa), 1024 - 708);
    assert_no_take(&f.pa, 317);
    assert_take(&f.pa, 316, 708, 316);
    assert_take(&f.pa, 1, 4, 0);
    assert_no_take(&f.pa, 1);
    assert_int_equal(f.pa.search, GH_PAGE_NONE);
    grow(&f.pa, 1);
    assert_int_equal(f.pa.search, 1024);
    assert_take(&f.pa, 512, 1024, 512);
    assert_sound(&f.pa);
    stop(&f);
}

static void run_over_several_chunks(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, GIB, 13);
    grow(&f.pa, 20);
    assert_take(&f.pa, 1, 0, 1);
    assert_take(&f.pa, 5000, 1, 5000);
    assert_sound(&f.pa);
    give(&f.pa, 100, 4000);
    assert_sound(&f.pa);
    assert_int_equal(gh_page_alloc_longest_run(&f.pa), 20 * 512 - 5001);
    assert_take(&f.pa, 4001, 5001, 4001);
    assert_take(&f.pa, 4000, 100, 0);
    assert_sound(&f.pa);
    stop(&f);
}

/* Free ends on both sides of a full chunk don't add up. */
static void full_chunk_parts_runs(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, GIB, 13);
    grow(&f.pa, 8);
    assert_take(&f.pa, 8 * 512, 0, 8 * 512);
    give(&f.pa, 510, 2);
    give(&f.pa, 1024, 3);
    give(&f.pa, 1600, 4);
    assert_take(&f.pa, 4, 1600, 0);
    assert_take(&f.pa, 3, 1024, 0);
    assert_take(&f.pa, 2, 510, 0);
    assert_sound(&f.pa);
    stop(&f);
}

static void cache_holds_the_block_of_the_lowest_free_page(void **state)
{
    struct fixture f;
    struct gh_page_cache cache = {0, 0, 0};
    uint64_t scavenged;
    (void)state;

    start(&f, GIB, 13);
    grow(&f.pa, 1);
    assert_take(&f.pa, 80, 0, 80);
    give(&f.pa, 70, 2);
    gh_page_cache_fill(&f.pa, &cache);
    assert_int_equal(cache.base, address(&f.pa, 64));
    assert_int_equal(cache.free, UINT64_C(3) << 6 | UINT64_MAX << 16);
    assert_int_equal(cache.scavenged, UINT64_MAX << 16);
    assert_int_equal(f.pa.search, 127);
    assert_int_equal(gh_page_alloc_free_pages(&f.pa), 512 - 128);
    assert_cache_take(&f.pa, &cache, 3, 80, 3);
    assert_cache_take(&f.pa, &cache, 1, 70, 0);
    assert_int_equal(gh_page_cache_take(&cache, 13, 46, &scavenged), 0);
    assert_take(&f.pa, 1, 128, 1);

    gh_page_cache_flush(&f.pa, &cache);
    assert_int_equal(cache.free | cache.scavenged, 0);
    assert_int_equal(f.pa.search, 64); /* the block's first page, allocated as it is */
    assert_sound(&f.pa);
    assert_take(&f.pa, 1, 71, 0);
    assert_take(&f.pa, 45, 83, 45); /* still scavenged after the flush */
    stop(&f);
}

static void cache_of_the_last_block(void **state)
{
    struct fixture f;
    struct gh_page_cache cache = {0, 0, 0}, other = {0, 0, 0};
    (void)state;

    start(&f, GIB, 13);
    grow(&f.pa, 1);
    assert_take(&f.pa, 511, 0, 511);
    gh_page_cache_fill(&f.pa, &cache);
    assert_int_equal(cache.free, UINT64_C(1) << 63);
    assert_int_equal(f.pa.search, 511);
    gh_page_cache_fill(&f.pa, &other);
    assert_int_equal(other.free, 0);
    assert_int_equal(f.pa.search, GH_PAGE_NONE);
    assert_cache_take(&f.pa, &cache, 1, 511, 1);
    gh_page_cache_flush(&f.pa, &cache); /* nothing left in it */
    assert_int_equal(f.pa.search, GH_PAGE_NONE);
    assert_sound(&f.pa);
    stop(&f);
}

static void longer_than_anything(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, GIB, 13);
    grow(&f.pa, 3);
    assert_take(&f.pa, 7, 0, 7);
    for (unsigned log = 11; log < 64; log++)
        assert_no_take(&f.pa, UINT64_C(1) << log);
    assert_no_take(&f.pa, UINT64_MAX);
    assert_no_take(&f.pa, UINT64_MAX - 511);
    assert_no_take(&f.pa, 3 * 512 - 6);
    assert_take(&f.pa, 3 * 512 - 7, 7, 3 * 512 - 7);
    stop(&f);
}

static void verify_finds_corruption(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, GIB, 13);
    grow(&f.pa, 100);
    assert_take(&f.pa, 700, 0, 700);
    give(&f.pa, 40, 3);
    give(&f.pa, 200, 300);
    assert_take(&f.pa, 1, 40, 0);
    assert_sound(&f.pa);
    for (unsigned level = 0; level < GH_SUMMARY_LEVELS; level++)
        for (unsigned bit = 0; bit < 64; bit++) {
            f.pa.summary[level][0] ^= UINT64_C(1) << bit;
            assert_unsound(&f.pa);
            f.pa.summary[level][0] ^= UINT64_C(1) << bit;
        }
    f.pa.summary[4][101] = 1; /* beyond what is grown */
    assert_unsound(&f.pa);
    f.pa.summary[4][101] = 0;
    f.pa.chunks[0].allocated[3] ^= 1 << 8; /* page 200, the first of a run */
    assert_unsound(&f.pa);
    f.pa.chunks[0].allocated[3] ^= 1 << 8;
    f.pa.chunks[0].scavenged[0] ^= 1;
    assert_unsound(&f.pa);
    f.pa.chunks[0].scavenged[0] ^= 1;
    assert_int_equal(f.pa.search, 40);
    f.pa.search = 42; /* the lowest free page is 41 */
    assert_unsound(&f.pa);
    f.pa.search = 100 * GH_CHUNK_PAGES;
    assert_unsound(&f.pa);
    f.pa.search = 40;
    f.pa.chunk_end = f.pa.chunk_limit + 1;
    assert_unsound(&f.pa);
    f.pa.chunk_end = 100;
    assert_sound(&f.pa);
    stop(&f);
}

/* 62 pages is as long as it gets, and it may win over a run of 61 at a word's edge. */
static void longest_run_inside_a_word(void **state)
{
    (void)state;

    for (unsigned edge = 0; edge <= 64; edge++) {
        struct gh_chunk chunk = {{0}, {0}};
        for (unsigned i = 0; i < GH_CHUNK_PAGES / 64; i++)
            chunk.allocated[i] = UINT64_MAX;
        chunk.allocated[2] = edge < 64 ? UINT64_MAX << edge : 0;
        chunk.allocated[5] = UINT64_C(1) << 63 | 1;
        struct gh_summary got = gh_summary_unpack(gh_summary_of_chunk(&chunk));
        assert_int_equal(got.longest, edge > 62 ? edge : 62);
        assert_int_equal(got.start + got.end, 0);
    }
}

/* --- large regions --- */

static size_t resident_bytes(const struct fixture *f)
{
    const size_t page = 4096;
    const size_t slice = (size_t)64 << 20; /* of the metadata, so that the answer fits in a small array */
    static unsigned char in_core[((size_t)64 << 20) / 4096];
    size_t bytes = 0;

    for (size_t at = 0; at < f->block_bytes; at += slice) {
        size_t length = f->block_bytes - at < slice ? f->block_bytes - at : slice;
        assert_int_equal(mincore((char *)f->block + at, length, in_core), 0);
        for (size_t i = 0; i < (length + page - 1) / page; i++)
            bytes += in_core[i] & 1 ? page : 0;
    }
    return bytes;
}

static double cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void huge_region_costs_what_is_used(void **state)
{
    struct fixture f;
    double begin = cpu_seconds();
    (void)state;

    for (unsigned page_shift = 12; page_shift <= 16; page_shift++) {
        start(&f, UINT64_C(1) << 46, page_shift);
        grow(&f.pa, 16);
        for (unsigned i = 0; i < 1000; i++)
            assert_take(&f.pa, 3, 3 * i, 3);
        assert_no_take(&f.pa, UINT64_C(1) << 40);
        assert_sound(&f.pa);
        assert_in_range(resident_bytes(&f), 1, 512 << 10);
        stop(&f);
    }
    assert_true(cpu_seconds() - begin < 1.0);
}

static void runs_over_root_entries(void **state)
{
    const uint64_t root = UINT64_C(1) << 21; /* pages: 16 GiB */
    const uint64_t run = 40 * GIB >> 13;     /* 2.5 root entries */
    struct fixture f;
    double begin = cpu_seconds();
    (void)state;

    start(&f, UINT64_C(1) << 46, 13);
    grow(&f.pa, 15 * root / GH_CHUNK_PAGES);
    assert_int_equal(gh_page_alloc_longest_run(&f.pa), 15 * root);
    assert_take(&f.pa, 1, 0, 1);
    for (uint64_t i = 0; i < 5; i++)
        assert_take(&f.pa, run, 1 + i * run, run);
    assert_no_take(&f.pa, run);
    give(&f.pa, 1 + run, run);
    give(&f.pa, 1 + 3 * run, run);
    assert_sound(&f.pa);
    assert_no_take(&f.pa, run + 1);
    assert_take(&f.pa, run, 1 + run, 0);
    give(&f.pa, 1 + 2 * run, run); /* two runs together now */
    assert_int_equal(gh_page_alloc_longest_run(&f.pa), 2 * run);
    assert_take(&f.pa, 2 * run, 1 + 2 * run, 0);
    assert_sound(&f.pa);
    /* 15 root entries have 61440 chunks of 128 bytes, and 8 bytes and some a chunk in summaries. */
    assert_in_range(resident_bytes(&f), 1, 10 << 20);
    assert_true(cpu_seconds() - begin < 2.0);
    stop(&f);
}

/* The whole of a root entry is the one value that 21 bits cannot hold. */
static void run_of_exactly_a_root_entry(void **state)
{
    const uint64_t root = UINT64_C(1) << 21;
    struct fixture f;
    (void)state;

    start(&f, UINT64_C(1) << 40, 12);
    grow(&f.pa, 3 * root / GH_CHUNK_PAGES);
    assert_take(&f.pa, root, 0, root);
    assert_int_equal(f.pa.summary[0][0], 0);
    assert_int_equal(f.pa.summary[0][1], UINT64_C(1) << 63);
    assert_take(&f.pa, 1, root, 1);
    assert_no_take(&f.pa, 2 * root);
    assert_take(&f.pa, root, root + 1, root); /* ends one page into the third entry */
    give(&f.pa, 0, root);
    assert_int_equal(f.pa.summary[0][0], UINT64_C(1) << 63);
    assert_take(&f.pa, root, 0, 0);
    assert_take(&f.pa, root - 1, 2 * root + 1, root - 1);
    assert_no_take(&f.pa, 1);
    assert_sound(&f.pa);
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_grown),
        cmocka_unit_test(metadata_refused),
        cmocka_unit_test(region_rounds_up_to_roots),
        cmocka_unit_test(lowest_fit),
        cmocka_unit_test(run_over_several_chunks),
        cmocka_unit_test(full_chunk_parts_runs),
        cmocka_unit_test(cache_holds_the_block_of_the_lowest_free_page),
        cmocka_unit_test(cache_of_the_last_block),
        cmocka_unit_test(longer_than_anything),
        cmocka_unit_test(longest_run_inside_a_word),
        cmocka_unit_test(verify_finds_corruption),
        cmocka_unit_test(huge_region_costs_what_is_used),
        cmocka_unit_test(runs_over_root_entries),
        cmocka_unit_test(run_of_exactly_a_root_entry),
    };

    return cmocka_run_group_tests_name("page allocator", tests, NULL, NULL);
}
