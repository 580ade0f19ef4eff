/* Tests of the page allocator and the page caches: cases worked out by hand, then long random runs beside
 * a model that knows nothing but an array of pages, then regions of terabytes. Addresses, scavenged counts
 * and cache contents must agree with the model's at every step.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <cmocka.h>

#include "page_alloc.h"
#include "page_summary.h"

#define BASE UINT64_C(0xc000000000)
#define GIB (UINT64_C(1) << 30)

/* A platform with metadata and nothing else, and a page allocator in it. */
struct fixture {
    struct goheap_platform platform;
    struct gh_page_alloc pa;
    void *block; /* the metadata in use */
    size_t block_bytes;
    bool refuse; /* metadata_alloc fails */
};

static void *fixture_metadata_alloc(void *self, size_t bytes)
{
    struct fixture *f = self;

    assert_null(f->block);
    if (f->refuse)
        return NULL;
    void *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(block, MAP_FAILED);
    f->block = block;
    f->block_bytes = bytes;
    return block;
}

static void fixture_metadata_free(void *self, void *memory, size_t bytes)
{
    struct fixture *f = self;

    assert_ptr_equal(memory, f->block);
    assert_int_equal(bytes, f->block_bytes);
    munmap(memory, bytes);
    f->block = NULL;
}

static void start(struct fixture *f, uint64_t bytes, unsigned page_shift)
{
    *f = (struct fixture){.platform.metadata_alloc = fixture_metadata_alloc,
                          .platform.metadata_free = fixture_metadata_free};
    f->platform.self = f;
    assert_true(gh_page_alloc_init(&f->pa, &f->platform, BASE, bytes, page_shift));
}

static void stop(struct fixture *f)
{
    gh_page_alloc_destroy(&f->pa);
    assert_null(f->block);
}

static void assert_sound(const struct gh_page_alloc *pa)
{
    char why[200] = "";

    if (!gh_page_alloc_verify(pa, why, sizeof why))
        fail_msg("%s", why);
    assert_string_equal(why, "");
}

static void assert_unsound(const struct gh_page_alloc *pa)
{
    char why[200] = "";

    assert_false(gh_page_alloc_verify(pa, why, sizeof why));
    assert_true(strlen(why) > 10);
}

static uint64_t address(const struct gh_page_alloc *pa, uint64_t page)
{
    return pa->base + (page << pa->page_shift);
}

static void grow(struct gh_page_alloc *pa, uint64_t chunks)
{
    gh_page_alloc_grow(pa, address(pa, pa->chunk_end * GH_CHUNK_PAGES),
                       (chunks * GH_CHUNK_PAGES) << pa->page_shift);
}

static void assert_take(struct gh_page_alloc *pa, uint64_t npages, uint64_t page, uint64_t scavenged)
{
    uint64_t got;

    assert_int_equal(gh_page_alloc_take(pa, npages, &got), address(pa, page));
    assert_int_equal(got, scavenged);
}

static void assert_no_take(struct gh_page_alloc *pa, uint64_t npages)
{
    uint64_t scavenged;

    assert_int_equal(gh_page_alloc_take(pa, npages, &scavenged), 0);
}

static void give(struct gh_page_alloc *pa, uint64_t page, uint64_t npages)
{
    gh_page_alloc_give(pa, address(pa, page), npages);
}

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

/* --- beside a model --- */

enum { MODEL_CHUNKS = 64, MODEL_PAGES = MODEL_CHUNKS * GH_CHUNK_PAGES, CACHES = 5 };

enum owner { OWNER_NOBODY, OWNER_USER, OWNER_CACHE }; /* OWNER_CACHE + i: cache i */

struct model {
    uint64_t random;
    uint64_t pages; /* grown */
    unsigned char owner[MODEL_PAGES];
    bool scavenged[MODEL_PAGES];
    struct { uint64_t page, npages; } live[MODEL_PAGES];
    size_t live_count;
    struct gh_page_cache cache[CACHES];
};

/* splitmix64, below n */
static uint64_t below(struct model *m, uint64_t n)
{
    uint64_t z = m->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (z ^ z >> 31) % n;
}

/* The first page of the lowest run of npages pages of one owner in [from, end), or MODEL_PAGES. */
static uint64_t model_find(const struct model *m, unsigned owner, uint64_t from, uint64_t end,
                           uint64_t npages)
{
    uint64_t run = 0;

    for (uint64_t page = from; page < end; page++) {
        run = m->owner[page] == owner ? run + 1 : 0;
        if (run == npages)
            return page + 1 - npages;
    }
    return MODEL_PAGES;
}

/* Gives npages pages to the user; returns how many were scavenged. */
static uint64_t model_take(struct model *m, uint64_t page, uint64_t npages)
{
    uint64_t scavenged = 0;

    for (uint64_t i = page; i < page + npages; i++) {
        scavenged += m->scavenged[i];
        m->scavenged[i] = false;
        m->owner[i] = OWNER_USER;
    }
    m->live[m->live_count].page = page;
    m->live[m->live_count++].npages = npages;
    return scavenged;
}

/* Compares what a take returned with what the model says, `expected` being the page or MODEL_PAGES. */
static void check_take(struct model *m, const struct gh_page_alloc *pa, uint64_t expected, uint64_t npages,
                       uint64_t addr, uint64_t scavenged)
{
    if (expected == MODEL_PAGES) {
        assert_int_equal(addr, 0);
        return;
    }
    assert_int_equal(addr, address(pa, expected));
    assert_int_equal(scavenged, model_take(m, expected, npages));
}

static uint64_t random_npages(struct model *m)
{
    uint64_t kind = below(m, 100);

    return 1 + (kind < 50 ? 0 : below(m, kind < 80 ? 16 : kind < 92 ? 130 : kind < 98 ? 700 : 5000));
}

static void step_take(struct model *m, struct gh_page_alloc *pa)
{
    uint64_t npages = random_npages(m);
    uint64_t scavenged;
    uint64_t addr = gh_page_alloc_take(pa, npages, &scavenged);

    check_take(m, pa, model_find(m, OWNER_NOBODY, 0, m->pages, npages), npages, addr, scavenged);
}

/* Gives a whole live run back, or a piece of one. */
static void step_give(struct model *m, struct gh_page_alloc *pa)
{
    if (m->live_count == 0)
        return;
    size_t i = below(m, m->live_count);
    uint64_t page = m->live[i].page;
    uint64_t npages = m->live[i].npages;
    if (npages > 1 && below(m, 3) == 0) {
        npages = 1 + below(m, npages - 1);
        m->live[i].page += npages;
        m->live[i].npages -= npages;
    } else {
        m->live[i] = m->live[--m->live_count];
    }
    memset(m->owner + page, OWNER_NOBODY, npages);
    give(pa, page, npages);
}

static void fill(struct model *m, struct gh_page_alloc *pa, unsigned i)
{
    struct gh_page_cache *cache = &m->cache[i];
    uint64_t lowest = model_find(m, OWNER_NOBODY, 0, m->pages, 1);
    uint64_t first = lowest - lowest % 64;

    gh_page_cache_fill(pa, cache);
    if (lowest == MODEL_PAGES) {
        assert_int_equal(cache->free, 0);
        return;
    }
    assert_int_equal(cache->base, address(pa, first));
    for (unsigned bit = 0; bit < 64; bit++) {
        bool is_free = m->owner[first + bit] == OWNER_NOBODY;
        assert_int_equal(cache->free >> bit & 1, is_free);
        assert_int_equal(cache->scavenged >> bit & 1, is_free && m->scavenged[first + bit]);
        if (is_free)
            m->owner[first + bit] = (unsigned char)(OWNER_CACHE + i);
    }
    assert_int_equal(pa->search, first + 63);
}

static void step_cache_take(struct model *m, struct gh_page_alloc *pa)
{
    unsigned i = (unsigned)below(m, CACHES);
    struct gh_page_cache *cache = &m->cache[i];
    uint64_t npages = 1 + below(m, below(m, 2) ? 16 : below(m, 10) ? 1 : 63);
    uint64_t scavenged;

    if (cache->free == 0)
        fill(m, pa, i);
    uint64_t first = cache->free ? (cache->base - BASE) >> pa->page_shift : 0;
    uint64_t expected = model_find(m, OWNER_CACHE + i, first, cache->free ? first + 64 : 0, npages);
    uint64_t addr = gh_page_cache_take(cache, pa->page_shift, npages, &scavenged);
    check_take(m, pa, expected, npages, addr, scavenged);
}

static void step_flush(struct model *m, struct gh_page_alloc *pa)
{
    unsigned i = (unsigned)below(m, CACHES);

    gh_page_cache_flush(pa, &m->cache[i]);
    for (uint64_t page = 0; page < m->pages; page++)
        if (m->owner[page] == OWNER_CACHE + i)
            m->owner[page] = OWNER_NOBODY;
}

static void step_grow(struct model *m, struct gh_page_alloc *pa)
{
    uint64_t chunks = 1 + below(m, 8);

    if (pa->chunk_end + chunks > MODEL_CHUNKS)
        return;
    grow(pa, chunks);
    for (uint64_t end = m->pages + chunks * GH_CHUNK_PAGES; m->pages < end; m->pages++)
        m->scavenged[m->pages] = true;
}

/* Compares the whole state, bit by bit. */
static void check_model(const struct model *m, const struct gh_page_alloc *pa)
{
    uint64_t free_pages = 0;
    uint64_t run = 0;
    uint64_t longest = 0;

    assert_sound(pa);
    for (uint64_t page = 0; page < m->pages; page++) {
        const struct gh_chunk *chunk = &pa->chunks[page / GH_CHUNK_PAGES];
        uint64_t word = page % GH_CHUNK_PAGES / 64;
        bool is_free = m->owner[page] == OWNER_NOBODY;
        if ((chunk->allocated[word] >> page % 64 & 1) == is_free ||
            (chunk->scavenged[word] >> page % 64 & 1) != (is_free && m->scavenged[page]))
            fail_msg("page %llu differs from the model's", (unsigned long long)page);
        free_pages += is_free;
        run = is_free ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    assert_int_equal(gh_page_alloc_free_pages(pa), free_pages);
    assert_int_equal(gh_page_alloc_longest_run(pa), longest);
}

static void run_model(uint64_t seed, unsigned page_shift, unsigned steps)
{
    struct fixture f;
    struct model *m = calloc(1, sizeof *m);
    uint64_t give_share = 50; /* of 100 takes and gives; drifts, so that the heap fills and empties */

    assert_non_null(m);
    m->random = seed;
    start(&f, (uint64_t)MODEL_PAGES << page_shift, page_shift);
    for (unsigned i = 0; i < steps; i++) {
        uint64_t kind = below(m, 1000);
        if (i % 2000 == 0)
            give_share = 20 + below(m, 60);
        if (kind < 2)
            step_grow(m, &f.pa);
        else if (kind < 20)
            step_flush(m, &f.pa);
        else if (kind < 300)
            step_cache_take(m, &f.pa);
        else if (below(m, 100) < give_share)
            step_give(m, &f.pa);
        else
            step_take(m, &f.pa);
        if (i % 250 == 0)
            check_model(m, &f.pa);
    }
    check_model(m, &f.pa);
    stop(&f);
    free(m);
}

static void agrees_with_the_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++)
        run_model(seed, 12 + (unsigned)(seed % 5), 20000);
}

/* Chunks of every density, so that the longest run is at an edge, over words or inside one. */
static void chunk_summaries_agree_with_counting(void **state)
{
    struct model rng = {.random = 7};
    (void)state;

    for (unsigned round = 0; round < 20000; round++) {
        struct gh_chunk chunk = {{0}, {0}};
        struct gh_summary expected = {0, 0, 0};
        uint64_t density = 1 + below(&rng, below(&rng, 2) ? 8 : 300);
        for (unsigned page = 0; page < GH_CHUNK_PAGES; page++) {
            if (round > 0 && below(&rng, density) == 0)
                chunk.allocated[page / 64] |= UINT64_C(1) << page % 64;
            bool taken = chunk.allocated[page / 64] >> page % 64 & 1;
            expected.end = taken ? 0 : expected.end + 1;
            expected.longest = expected.end > expected.longest ? expected.end : expected.longest;
            expected.start = expected.end == page + 1 ? expected.end : expected.start;
        }
        struct gh_summary got = gh_summary_unpack(gh_summary_of_chunk(&chunk));
        assert_int_equal(got.start, expected.start);
        assert_int_equal(got.longest, expected.longest);
        assert_int_equal(got.end, expected.end);
    }
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
        cmocka_unit_test(verify_finds_corruption),
        cmocka_unit_test(longest_run_inside_a_word),
        cmocka_unit_test(chunk_summaries_agree_with_counting),
        cmocka_unit_test(agrees_with_the_model),
        cmocka_unit_test(huge_region_costs_what_is_used),
        cmocka_unit_test(runs_over_root_entries),
        cmocka_unit_test(run_of_exactly_a_root_entry),
    };

    return cmocka_run_group_tests_name("page allocator", tests, NULL, NULL);
}
