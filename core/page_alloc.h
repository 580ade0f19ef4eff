/* The page allocator: which pages of the heap's region are free, lowest address first.
 *
 *   level 0   | start max end | ...          each summary entry packs, in pages, the free run at its start,
 *   ...           /  8  \                    the longest one inside and the one at its end
 *   level 4   | start max end | ...          one entry a chunk
 *   chunks    [512 bits allocated][512 bits scavenged]
 *
 * Follows runtime/mpagealloc.go and mpagecache.go of Go 1.19 (pageAlloc, pallocSum, pageCache), with the
 * tables sized for one contiguous region instead of the whole address space. Exact address-ordered first fit.
 * Invariant: no free page lies below `search`; every summary equals what its children (or bits) say.
 * A bit set in `scavenged` says that the page, once allocated, must be backed by the OS first.
 * The caller holds the heap lock around every call, page_cache_alloc apart (the cache belongs to one P).
 */
#ifndef GH_PAGE_ALLOC_H
#define GH_PAGE_ALLOC_H

#include "goheap_platform.h"

enum {
    GH_CHUNK_PAGES = 512,     /* pages a chunk (pallocChunkPages) */
    GH_SUMMARY_LEVELS = 5,    /* summaryLevels */
    GH_SUMMARY_FANOUT_LOG = 3 /* children an entry, as a power of two (summaryLevelBits) */
};

struct gh_chunk {
    uint64_t allocated[GH_CHUNK_PAGES / 64];
    uint64_t scavenged[GH_CHUNK_PAGES / 64];
};

struct gh_page_alloc {
    const struct goheap_platform *platform; /* borrowed; source of the tables' memory */
    uint64_t base;                          /* first address of the region, a multiple of a chunk's bytes */
    unsigned page_shift;                    /* log2 of the page size */
    uint64_t chunk_limit;                   /* chunks in the region */
    uint64_t chunk_end;                     /* chunks grown so far: [0, chunk_end) */
    uint64_t search;                        /* page number: every page below is allocated or not grown */
    struct gh_chunk *chunks;                /* chunk_limit of them, backed where touched */
    uint64_t *summary[GH_SUMMARY_LEVELS];   /* level 4 has one entry a chunk, each level above an eighth */
    uint64_t summary_len[GH_SUMMARY_LEVELS];
};

/* Up to 64 pages in one aligned block, owned by a P: it allocates from them without the heap lock. */
struct gh_page_cache {
    uint64_t base;      /* address of the block's first page */
    uint64_t free;      /* bit i: page i is in the cache and free */
    uint64_t scavenged; /* bit i: that page must be backed first */
};

/* Prepares for a region of `bytes` (rounded up to the reach of a root entry) at `base`, with no page grown
 * yet. False if the tables' memory cannot be had; nothing is kept then. */
bool gh_page_alloc_init(struct gh_page_alloc *pa, const struct goheap_platform *platform, uint64_t base,
                        uint64_t bytes, unsigned page_shift);
void gh_page_alloc_destroy(struct gh_page_alloc *pa);

/* Adds [addr, addr+bytes) as free, scavenged pages; both multiples of a chunk, inside the region. The grown
 * part of the region stays contiguous from its base: addr is where the last growth ended. */
void gh_page_alloc_grow(struct gh_page_alloc *pa, uint64_t addr, uint64_t bytes);

/* Takes the lowest run of npages >= 1 free pages. Returns its address and in *scavenged how many of the
 * pages must be backed, or 0 if no run is long enough. */
uint64_t gh_page_alloc_take(struct gh_page_alloc *pa, uint64_t npages, uint64_t *scavenged);
/* Gives npages pages back, as not scavenged. */
void gh_page_alloc_give(struct gh_page_alloc *pa, uint64_t addr, uint64_t npages);

/* Longest free run in pages, and free pages in all (those in page caches are not free here). The first is
 * O(root entries), the second O(chunks). */
uint64_t gh_page_alloc_longest_run(const struct gh_page_alloc *pa);
uint64_t gh_page_alloc_free_pages(const struct gh_page_alloc *pa);

/* Moves the aligned 64-page block around the lowest free page into an empty cache (allocToCache); the cache
 * stays empty if the heap has no free page. */
void gh_page_cache_fill(struct gh_page_alloc *pa, struct gh_page_cache *cache);
/* Takes the lowest run of npages (1..63) from the cache; 0 if there is none. */
uint64_t gh_page_cache_take(struct gh_page_cache *cache, unsigned page_shift, uint64_t npages, uint64_t *scavenged);
/* Gives what is left in the cache back, scavenged pages as such (pageCache.flush), and empties it. */
void gh_page_cache_flush(struct gh_page_alloc *pa, struct gh_page_cache *cache);

/* Recomputes every summary and checks it and `search`; false at the first thing that does not hold, with a
 * sentence in why. */
bool gh_page_alloc_verify(const struct gh_page_alloc *pa, char *why, size_t why_size);

#endif
