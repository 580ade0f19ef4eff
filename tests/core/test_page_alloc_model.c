/* The page allocator, the page caches and the scavenger's runs beside a model that knows nothing but an array of
 * pages: in long random runs, addresses, scavenged counts and cache contents must agree with the model's at every
 * step.
 */
#include "page_alloc_fixture.h"

#include <stdlib.h>

enum { MODEL_CHUNKS = 64, MODEL_PAGES = MODEL_CHUNKS * GH_CHUNK_PAGES, CACHES = 5, SCAVENGERS = 3 };

enum owner { OWNER_NOBODY, OWNER_USER, OWNER_SCAVENGER, OWNER_CACHE }; /* OWNER_CACHE + i: cache i */

struct pages {
    uint64_t page, npages;
};

struct model {
    uint64_t random;
    uint64_t pages; /* grown */
    unsigned char owner[MODEL_PAGES];
    bool scavenged[MODEL_PAGES];
    struct pages live[MODEL_PAGES];
    size_t live_count;
    struct gh_page_cache cache[CACHES];
    struct pages scavenging[SCAVENGERS]; /* what each is giving back to the OS just now */
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

static bool model_can_scavenge(const struct model *m, uint64_t first, uint64_t npages)
{
    for (uint64_t page = first; page < first + npages; page++)
        if (m->owner[page] != OWNER_NOBODY || m->scavenged[page])
            return false;
    return true;
}

/* What a scavenger gets that asks for max pages, in whole units and without breaking huge pages; 0 pages if none. */
static struct pages model_find_unscavenged(const struct model *m, uint64_t max, uint64_t unit, uint64_t huge)
{
    uint64_t end = m->pages, first;

    while (end > 0 && !model_can_scavenge(m, end - unit, unit))
        end -= unit;
    if (end == 0)
        return (struct pages){0, 0};
    uint64_t chunk = (end - 1) / GH_CHUNK_PAGES * GH_CHUNK_PAGES;
    for (first = end; first > chunk && model_can_scavenge(m, first - unit, unit);)
        first -= unit;
    uint64_t lowest = first;
    while (end - first >= max + unit)
        first += unit;
    uint64_t huge_first = first / huge * huge;
    if (huge_first >= lowest && huge_first + huge <= end)
        first = huge_first;
    return (struct pages){first, end - first};
}

/* One of the scavengers takes a run, or gives back the one that it has. */
static void step_scavenge(struct model *m, struct gh_page_alloc *pa)
{
    struct pages *run = &m->scavenging[below(m, SCAVENGERS)];
    uint64_t addr, npages, max = below(m, 3) ? 1 + below(m, 300) : UINT64_MAX - 64;

    if (run->npages > 0) {
        gh_page_alloc_give_scavenged(pa, address(pa, run->page), run->npages);
        memset(m->owner + run->page, OWNER_NOBODY, run->npages);
        memset(m->scavenged + run->page, true, run->npages);
        run->npages = 0;
        return;
    }
    *run = model_find_unscavenged(m, max, pa->scavenge_unit, (UINT64_C(2) << 20) >> pa->page_shift);
    if (run->npages == 0) {
        assert_false(take_unscavenged(pa, max, &addr, &npages));
        return;
    }
    assert_true(take_unscavenged(pa, max, &addr, &npages));
    assert_int_equal(addr, address(pa, run->page));
    assert_int_equal(npages, run->npages);
    memset(m->owner + run->page, OWNER_SCAVENGER, npages);
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

static void run_model(uint64_t seed, unsigned page_shift, uint64_t unit, unsigned steps)
{
    struct fixture f;
    struct model *m = calloc(1, sizeof *m);
    uint64_t give_share = 50; /* of 100 takes and gives; drifts, so that the heap fills and empties */

    assert_non_null(m);
    m->random = seed;
    start_with_unit(&f, (uint64_t)MODEL_PAGES << page_shift, page_shift, unit);
    for (unsigned i = 0; i < steps; i++) {
        uint64_t kind = below(m, 1000);
        if (i % 2000 == 0)
            give_share = 20 + below(m, 60);
        if (kind < 2)
            step_grow(m, &f.pa);
        else if (kind < 20)
            step_flush(m, &f.pa);
        else if (kind < 50)
            step_scavenge(m, &f.pa);
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
    static const uint64_t units[] = {1, 2, 16, 64};
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++)
        run_model(seed, 12 + (unsigned)(seed % 5), units[seed % 4], 20000);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunk_summaries_agree_with_counting),
        cmocka_unit_test(agrees_with_the_model),
    };

    return cmocka_run_group_tests_name("page allocator beside a model", tests, NULL, NULL);
}
