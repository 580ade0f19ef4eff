/* The page allocator's radix tree: see page_summary.h for what a summary is.
 *
 * Invariant: between calls an entry equals the merge of its eight children, a leaf entry what its
 * chunk's bits say, and an entry of which nothing was grown is zero. Nothing here looks beyond the grown
 * part, except at the zero siblings in a block of eight, so a huge region costs nothing until it is used.
 */
#include "page_summary.h"

#include <assert.h>

enum { WORDS = GH_CHUNK_PAGES / 64 };

/* A run that was not found in a chunk. */
#define NO_RUN UINT32_MAX

#define RUN_MASK ((UINT64_C(1) << GH_SUMMARY_ROOT_LOG) - 1)
#define ALL_FREE (UINT64_C(1) << 63)

uint64_t gh_summary_pack(struct gh_summary s)
{
    if (s.longest > RUN_MASK)
        return ALL_FREE;
    return s.start | s.longest << GH_SUMMARY_ROOT_LOG | s.end << (2 * GH_SUMMARY_ROOT_LOG);
}

struct gh_summary gh_summary_unpack(uint64_t packed)
{
    if (packed & ALL_FREE)
        return (struct gh_summary){RUN_MASK + 1, RUN_MASK + 1, RUN_MASK + 1};
    return (struct gh_summary){
        .start = packed & RUN_MASK,
        .longest = packed >> GH_SUMMARY_ROOT_LOG & RUN_MASK,
        .end = packed >> (2 * GH_SUMMARY_ROOT_LOG),
    };
}

static unsigned trailing_zeros(uint64_t word)
{
    return word ? (unsigned)__builtin_ctzll(word) : 64;
}

static unsigned leading_zeros(uint64_t word)
{
    return word ? (unsigned)__builtin_clzll(word) : 64;
}

/* The longest free run inside one of the words, if that is longer than `longest`. */
static uint64_t longest_inside_words(const struct gh_chunk *chunk, uint64_t longest)
{
    for (unsigned i = 0; i < WORDS; i++)
        for (uint64_t runs = gh_word_runs(~chunk->allocated[i], (unsigned)longest + 1); runs; longest++)
            runs &= runs >> 1;
    return longest;
}

/* pallocBits.summarize: first the runs that touch a word's edge, then the rest if they can matter. */
uint64_t gh_summary_of_chunk(const struct gh_chunk *chunk)
{
    struct gh_summary s = {0, 0, 0}; /* end: the run that reaches up to the word at hand */
    bool any_taken = false;

    for (unsigned i = 0; i < WORDS; i++) {
        uint64_t taken = chunk->allocated[i];
        if (taken == 0) {
            s.end += 64;
            continue;
        }
        s.end += trailing_zeros(taken);
        if (!any_taken)
            s.start = s.end;
        any_taken = true;
        if (s.end > s.longest)
            s.longest = s.end;
        s.end = leading_zeros(taken);
    }
    if (!any_taken)
        s.start = s.end;
    if (s.end > s.longest)
        s.longest = s.end;
    /* A run inside a word has a taken page on either side, so it has 62 pages at most. */
    if (s.longest < 62)
        s.longest = longest_inside_words(chunk, s.longest);
    return gh_summary_pack(s);
}

/* mergeSummaries */
uint64_t gh_summary_merge(const uint64_t *children, unsigned pages_log)
{
    const uint64_t full = UINT64_C(1) << pages_log;
    struct gh_summary all = gh_summary_unpack(children[0]);

    for (unsigned i = 1; i < GH_SUMMARY_FANOUT; i++) {
        struct gh_summary s = gh_summary_unpack(children[i]);
        if (all.start == i * full)
            all.start += s.start;
        if (all.end + s.start > all.longest)
            all.longest = all.end + s.start;
        if (s.longest > all.longest)
            all.longest = s.longest;
        all.end = s.end == full ? all.end + full : s.end;
    }
    return gh_summary_pack(all);
}

uint64_t gh_summary_root_end(const struct gh_page_alloc *pa)
{
    const uint64_t reach = UINT64_C(1) << GH_SUMMARY_ROOT_CHUNKS_LOG;

    return (pa->chunk_end + reach - 1) >> GH_SUMMARY_ROOT_CHUNKS_LOG;
}

/* Updates the leaves of chunks [first, last]; false if there is one only and it stays as it was. */
static bool update_leaves(struct gh_page_alloc *pa, uint64_t first, uint64_t last, bool taken)
{
    uint64_t *leaf = pa->summary[GH_SUMMARY_LEAF];
    uint64_t old = leaf[first];

    leaf[first] = gh_summary_of_chunk(&pa->chunks[first]);
    if (first == last)
        return leaf[first] != old;

    const struct gh_summary whole = {GH_CHUNK_PAGES, GH_CHUNK_PAGES, GH_CHUNK_PAGES};
    const uint64_t between = taken ? 0 : gh_summary_pack(whole);
    for (uint64_t c = first + 1; c < last; c++)
        leaf[c] = between;
    leaf[last] = gh_summary_of_chunk(&pa->chunks[last]);
    return true;
}

/* pageAlloc.update. Go's non-contiguous mode is left out: what is not contiguous lies in one chunk. */
void gh_summary_update(struct gh_page_alloc *pa, uint64_t first, uint64_t npages, bool taken)
{
    uint64_t last = first + npages - 1;
    bool changed = update_leaves(pa, first >> GH_CHUNK_PAGES_LOG, last >> GH_CHUNK_PAGES_LOG, taken);

    for (unsigned level = GH_SUMMARY_LEAF; changed && level-- > 0;) {
        const unsigned shift = gh_summary_pages_log(level);
        changed = false;
        for (uint64_t i = first >> shift; i <= last >> shift; i++) {
            const uint64_t *children = &pa->summary[level + 1][i << GH_SUMMARY_FANOUT_LOG];
            uint64_t sum = gh_summary_merge(children, gh_summary_pages_log(level + 1));
            changed |= sum != pa->summary[level][i];
            pa->summary[level][i] = sum;
        }
    }
}

/* find1, findSmallN: a run of up to 64 pages crosses one border between words at most. */
static unsigned find_small(const struct gh_chunk *chunk, unsigned npages, unsigned from,
                           unsigned *first_free)
{
    unsigned before = 0; /* free pages just below the word at hand */

    *first_free = NO_RUN;
    for (unsigned i = from / 64; i < WORDS; i++) {
        uint64_t taken = chunk->allocated[i];
        if (taken == UINT64_MAX) {
            before = 0;
            continue;
        }
        if (*first_free == NO_RUN)
            *first_free = i * 64 + trailing_zeros(~taken);
        if (before + trailing_zeros(taken) >= npages)
            return i * 64 - before;
        uint64_t runs = gh_word_runs(~taken, npages);
        if (runs)
            return i * 64 + trailing_zeros(runs);
        before = leading_zeros(taken);
    }
    return NO_RUN;
}

/* findLargeN: a run of more than 64 pages starts in a word's top bits or at its beginning. */
static unsigned find_large(const struct gh_chunk *chunk, unsigned npages, unsigned from,
                           unsigned *first_free)
{
    unsigned size = 0; /* of the run that reaches up to the word at hand */

    *first_free = NO_RUN;
    for (unsigned i = from / 64; i < WORDS; i++) {
        uint64_t taken = chunk->allocated[i];
        if (*first_free == NO_RUN && taken != UINT64_MAX)
            *first_free = i * 64 + trailing_zeros(~taken);
        unsigned more = trailing_zeros(taken);
        if (size + more >= npages)
            return i * 64 - size;
        size = taken == 0 ? size + 64 : leading_zeros(taken);
    }
    return NO_RUN;
}

unsigned gh_chunk_find(const struct gh_chunk *chunk, uint64_t npages, unsigned from,
                       unsigned *first_free)
{
    unsigned page = npages <= 64 ? find_small(chunk, (unsigned)npages, from, first_free)
                                 : find_large(chunk, (unsigned)npages, from, first_free);

    assert(page != NO_RUN && "bad summary data");
    return page;
}

/* A search on its way down the tree. */
struct descent {
    uint64_t npages;
    uint64_t entry; /* where the next level's block begins, in entries; in the end, the chunk */
    /* The window [free_first, free_last] of pages that is certain to hold the heap's first free page.
     * It narrows while the search descends into what it first finds, and stays once that was passed by. */
    uint64_t free_first, free_last;
};

/* find's foundFree: something in the npages pages from `page` on is free. */
static void narrow_window(struct descent *d, uint64_t page, uint64_t npages)
{
    uint64_t last = page + npages - 1;

    if (d->free_first <= page && last <= d->free_last) {
        d->free_first = page;
        d->free_last = last;
    }
}

/* Searches one block of a level. Returns the first page of a run that begins an entry or spans several;
 * else GH_PAGE_NONE, *inside saying whether the run is to be found inside d->entry, one level down. */
static uint64_t search_block(const struct gh_page_alloc *pa, struct descent *d, unsigned level,
                             bool *inside)
{
    const unsigned shift = gh_summary_pages_log(level);
    const uint64_t full = UINT64_C(1) << shift;
    const uint64_t block_end = level == 0 ? gh_summary_root_end(pa) : d->entry + GH_SUMMARY_FANOUT;
    const uint64_t hint = pa->search >> shift;
    /* In the block that holds `search`, what lies below it isn't worth a look. */
    uint64_t i = hint >= d->entry && hint < block_end ? hint : d->entry;
    uint64_t run = 0; /* free pages just below entry i */

    *inside = false;
    for (; i < block_end; i++) {
        uint64_t packed = pa->summary[level][i];
        if (packed == 0) {
            run = 0;
            continue;
        }
        narrow_window(d, i << shift, full);
        struct gh_summary s = gh_summary_unpack(packed);
        if (run + s.start >= d->npages)
            return (i << shift) - run;
        if (s.longest >= d->npages) {
            d->entry = i;
            *inside = true;
            return GH_PAGE_NONE;
        }
        run = s.start == full ? run + full : s.end;
    }
    return GH_PAGE_NONE;
}

/* pageAlloc.find */
uint64_t gh_summary_find(const struct gh_page_alloc *pa, uint64_t npages, uint64_t *search)
{
    struct descent d = {.npages = npages, .entry = 0, .free_first = 0, .free_last = UINT64_MAX};

    for (unsigned level = 0; level < GH_SUMMARY_LEVELS; level++) {
        bool inside;
        if (level > 0)
            d.entry <<= GH_SUMMARY_FANOUT_LOG;
        uint64_t page = search_block(pa, &d, level, &inside);
        if (page != GH_PAGE_NONE) {
            *search = d.free_first;
            return page;
        }
        if (!inside) {
            assert(level == 0 && "bad summary data");
            return GH_PAGE_NONE;
        }
    }

    uint64_t chunk_first = d.entry << GH_CHUNK_PAGES_LOG;
    unsigned first_free;
    unsigned page = gh_chunk_find(&pa->chunks[d.entry], npages, 0, &first_free);
    narrow_window(&d, chunk_first + first_free, GH_CHUNK_PAGES - first_free);
    *search = d.free_first;
    return chunk_first + page;
}
