/* The page allocator: which pages of the heap's region are free, lowest address first.
 *
 *   level 0   | start max end | ...          each summary entry packs, in pages, the free run at its start,
 *   ...           /  8  \                    the longest one inside and the one at its end
 *   level 4   | start max end | ...          one entry a chunk
 *   chunks    [512 bits allocated][512 bits scavenged]
 *   index     1 bit a chunk: pages to scavenge may be in it; or, by density, 12 bytes a chunk
 *
 * Follows runtime/mpagealloc.go, mpagecache.go and mgcscavenge.go of Go 1.19 (pageAlloc, pallocSum, pageCache,
 * scavengeIndex), with the tables sized for one contiguous region instead of the whole address space. Exact
 * address-ordered first fit.
 * Invariant: no free page lies below `search`; every summary equals what its children (or bits) say; a chunk
 * with pages to scavenge has its bit in the index and lies below `scavenge_end`.
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

/* What the index by density knows of a chunk (scavChunkData). */
struct gh_density {
    uint16_t in_use;             /* pages allocated */
    uint16_t last_in_use;        /* the same when gen became the generation */
    uint32_t gen;                /* generation of the last change */
    bool has_free;               /* it may have pages to scavenge */
};

struct gh_page_alloc {
    const struct goheap_platform *platform; /* borrowed; source of the tables' memory */
    uint64_t base;                          /* first address of the region, a multiple of a chunk's bytes */
    unsigned page_shift;                    /* log2 of the page size */
    uint64_t chunk_limit;                   /* chunks in the region */
    uint64_t chunk_end;                     /* chunks grown so far: [0, chunk_end) */
    uint64_t search;                        /* page number: every page below is allocated or not grown */
    uint64_t scavenge_end;                  /* chunks from here on have no bit in the index */
    unsigned scavenge_unit;                 /* pages that memory is given back in: 1, 2, 4, ... 64 */
    struct gh_chunk *chunks;                /* chunk_limit of them, backed where touched */
    uint64_t *summary[GH_SUMMARY_LEVELS];   /* level 4 has one entry a chunk, each level above an eighth */
    uint64_t summary_len[GH_SUMMARY_LEVELS];
    uint64_t *scavenge_index;               /* a bit a chunk */
    /* scavenge_density.c, if by_density, which is to be set before the first growth */
    bool by_density;
    struct gh_density *density;             /* by chunk */
    uint32_t gen;                           /* cycles so far */
    uint64_t freed_end;                     /* pages from here on did not become free in this generation */
    uint64_t cursor[2];                     /* pages from here on are not looked at: in the background, by force */
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

/* page_scavenge.c: free pages that the OS still backs, for it to have them back. */

/* Looks for the highest run of such pages, in one chunk a call: the highest that the index names; with force, one by
 * density names all that may have some. False if it names none. Else takes the run and says where it is, or, with *npages 0, that the chunk had none and left the index.
 * A run is whole scavenge units, of max_pages >= 1 pages or what there is; more only to fill the lowest unit, and
 * so as not to break a huge page. One look at a chunk, and 64 chunks at a time past those that the index leaves out,
 * which are not passed again until pages above them become free. */
bool gh_page_alloc_take_unscavenged(struct gh_page_alloc *pa, uint64_t max_pages, bool force, uint64_t *addr,
                                    uint64_t *npages);
/* Gives such a run back, as scavenged. */
void gh_page_alloc_give_scavenged(struct gh_page_alloc *pa, uint64_t addr, uint64_t npages);

/* A collection cycle has ended (scavengeIndex.nextGen). */
void gh_page_alloc_next_gen(struct gh_page_alloc *pa);

/* For the page allocator's own files: npages >= 1 pages became free without being scavenged (scavengeIndex.mark). */
void gh_scavenge_mark(struct gh_page_alloc *pa, uint64_t page, uint64_t npages);
/* The same, for verify: whether the search would find what chunk c has to scavenge, or its density is known. */
bool gh_scavenge_would_find(const struct gh_page_alloc *pa, uint64_t c);

/* scavenge_density.c, for the page allocator's own files too; nothing happens unless by_density. */

/* Pages were taken, or became free: a run of them, or those of a 64-page word whose bits are set. */
void gh_density_take(struct gh_page_alloc *pa, uint64_t page, uint64_t npages);
void gh_density_give(struct gh_page_alloc *pa, uint64_t page, uint64_t npages);
void gh_density_take_bits(struct gh_page_alloc *pa, uint64_t first, uint64_t bits);
void gh_density_give_bits(struct gh_page_alloc *pa, uint64_t first, uint64_t bits);
/* The highest chunk to look at, and the page in it from which to look down; false if there is none. */
bool gh_density_find(struct gh_page_alloc *pa, bool force, uint64_t *chunk, unsigned *from);

/* Recomputes every summary and checks it, `search` and the index; false at the first thing that does not hold, with
 * a sentence in why. */
bool gh_page_alloc_verify(const struct gh_page_alloc *pa, char *why, size_t why_size);

#endif
