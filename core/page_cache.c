/* Page caches: an aligned block of 64 pages that a P has taken from the page allocator at once.
 *
 * Invariant: a page whose bit is set in `free` is allocated as far as the page allocator knows;
 * `scavenged` is a subset of `free`. Follows runtime/mpagecache.go of Go 1.19, whose flush forgets to tell the
 * scavenger of the pages it gives back.
 */
#include <assert.h>

#include "page_alloc.h"
#include "page_summary.h"

enum { CACHE_PAGES = 64 };

/* The lowest free page, or GH_PAGE_NONE: the chunk of `search` if it has one, else down the tree. */
static uint64_t lowest_free_page(const struct gh_page_alloc *pa)
{
    uint64_t c = pa->search >> GH_CHUNK_PAGES_LOG;

    if (c >= pa->chunk_end)
        return GH_PAGE_NONE;
    if (pa->summary[GH_SUMMARY_LEAF][c] != 0) {
        unsigned first_free;
        unsigned from = (unsigned)(pa->search % GH_CHUNK_PAGES);
        return (c << GH_CHUNK_PAGES_LOG) + gh_chunk_find(&pa->chunks[c], 1, from, &first_free);
    }
    uint64_t search; /* not needed: the caller sets it past the whole block */
    return gh_summary_find(pa, 1, &search);
}

/* pageAlloc.allocToCache */
void gh_page_cache_fill(struct gh_page_alloc *pa, struct gh_page_cache *cache)
{
    assert(cache->free == 0);
    *cache = (struct gh_page_cache){0, 0, 0};
    uint64_t page = lowest_free_page(pa);
    if (page == GH_PAGE_NONE) {
        pa->search = GH_PAGE_NONE;
        return;
    }

    uint64_t first = page - page % CACHE_PAGES;
    struct gh_chunk *chunk = &pa->chunks[first >> GH_CHUNK_PAGES_LOG];
    unsigned word = (unsigned)(first % GH_CHUNK_PAGES) / CACHE_PAGES;
    cache->base = pa->base + (first << pa->page_shift);
    cache->free = ~chunk->allocated[word];
    cache->scavenged = chunk->scavenged[word] & cache->free;
    chunk->allocated[word] |= cache->free;
    chunk->scavenged[word] &= ~cache->free;
    gh_density_take_bits(pa, first, cache->free);
    gh_summary_update(pa, first, CACHE_PAGES, true);
    /* Not one further: Go keeps `search` within what is grown. */
    pa->search = first + CACHE_PAGES - 1;
}

/* pageCache.alloc */
uint64_t gh_page_cache_take(struct gh_page_cache *cache, unsigned page_shift, uint64_t npages,
                            uint64_t *scavenged)
{
    *scavenged = 0;
    assert(npages > 0 && npages < CACHE_PAGES);
    uint64_t runs = gh_word_runs(cache->free, (unsigned)npages);
    if (runs == 0)
        return 0;

    unsigned first = (unsigned)__builtin_ctzll(runs);
    uint64_t taken = ((UINT64_C(1) << npages) - 1) << first;
    *scavenged = (uint64_t)__builtin_popcountll(cache->scavenged & taken);
    cache->free &= ~taken;
    cache->scavenged &= ~taken;
    return cache->base + ((uint64_t)first << page_shift);
}

/* pageCache.flush */
void gh_page_cache_flush(struct gh_page_alloc *pa, struct gh_page_cache *cache)
{
    if (cache->free == 0)
        return;
    uint64_t first = (cache->base - pa->base) >> pa->page_shift;
    struct gh_chunk *chunk = &pa->chunks[first >> GH_CHUNK_PAGES_LOG];
    unsigned word = (unsigned)(first % GH_CHUNK_PAGES) / CACHE_PAGES;

    chunk->allocated[word] &= ~cache->free;
    chunk->scavenged[word] |= cache->scavenged;
    /* As Go has it: the block's first page, even if only later ones are free. */
    if (first < pa->search)
        pa->search = first;
    if (cache->free & ~cache->scavenged)
        gh_scavenge_mark(pa, first, CACHE_PAGES);
    gh_density_give_bits(pa, first, cache->free);
    gh_summary_update(pa, first, CACHE_PAGES, false);
    *cache = (struct gh_page_cache){0, 0, 0};
}
