/* The page heap before Go 1.14: free pages in runs, each with a span descriptor of its own.
 *
 *   free[1]     run - run - run              runs of so many pages, what was freed last first
 *   ...
 *   free[127]   run
 *   large       a treap of longer runs, by pages, then by address (page_treap.h)
 *   ends        by page: the run that begins or ends there, so that a neighbour is found at once
 *
 * Follows runtime/mheap.go of Go 1.5 (mHeap_AllocSpanLocked, mHeap_FreeSpanLocked, bestFit) and of Go 1.11
 * (allocSpanLocked, freeSpanLocked), which differ in how a long run is picked. Runs that touch are one run. A run is
 * cut from its low end: its descriptor becomes the span's, the rest gets a new one.
 * Two things are kept apart. What Go counts as released (npreleased) is a number a run, and taking any part of the run
 * ends it for the whole; whether a page is backed by the OS is a bit a page, clear from its first use to its release.
 * Invariant: every free page is in one run, no two runs touch, and each is on the list or in the treap of its length.
 * The caller holds the heap lock around every call.
 */
#ifndef GH_PAGE_LISTS_H
#define GH_PAGE_LISTS_H

#include "pool.h"

enum { GH_LISTED_PAGES = 128 }; /* runs of so many pages or more are large (_MaxMHeapList) */

struct gh_page_lists {
    const struct goheap_platform *platform; /* borrowed; source of the tables' memory */
    struct gh_descriptors *descriptors;     /* borrowed; those of spans, too */
    uint64_t base;                          /* first address of the region */
    unsigned page_shift;                    /* log2 of the page size */
    uint64_t page_limit;                    /* pages in the region */
    uint64_t page_end;                      /* pages grown so far: [0, page_end) */
    uint64_t free_pages, released_pages;    /* in runs; of those, what Go counts as released */
    struct gh_span *(*fit)(struct gh_span *root, uint64_t npages); /* picks a large run */
    struct gh_list free[GH_LISTED_PAGES];   /* by pages; free[0] stays empty */
    struct gh_span *large;                  /* root of the treap */
    uint32_t random;                        /* of the treap's priorities */
    struct gh_span **ends;                  /* by page: NULL inside runs and where no run is */
    uint64_t *unbacked;                     /* a bit a page */
};

/* What came with pages that were taken, in pages: to be backed by the OS before use, and no longer released by Go's
 * count, which may be more than were taken. */
struct gh_taken_pages {
    uint64_t unbacked, released;
};

/* Prepares for a region of `bytes` at `base`, with no page grown yet; best fit as in Go 1.5 for GOHEAP_PAGES_LISTS, as
 * in Go 1.11 for GOHEAP_PAGES_TREAP. False if the tables' memory cannot be had; nothing is kept then. */
bool gh_page_lists_init(struct gh_page_lists *l, enum goheap_page_heap policy, struct gh_descriptors *descriptors,
                        uint64_t base, uint64_t bytes, unsigned page_shift);
void gh_page_lists_destroy(struct gh_page_lists *l);

/* Adds npages pages, never used, behind those grown before. False if there is no descriptor for them. */
bool gh_page_lists_grow(struct gh_page_lists *l, uint64_t npages);

/* Takes npages >= 1 pages. Returns a descriptor with their base, their number and whether they are to be zeroed; NULL
 * if no run is long enough, or there is no descriptor for the rest of one. */
struct gh_span *gh_page_lists_take(struct gh_page_lists *l, uint64_t npages, struct gh_taken_pages *taken);
/* Gives pages back that were used, with their descriptor, which is on no list. */
void gh_page_lists_give(struct gh_page_lists *l, struct gh_span *s);

/* Pages in the longest run. */
uint64_t gh_page_lists_longest_run(const struct gh_page_lists *l);

/* The scavenger's: a run that is not released as a whole, in the order of mHeap_Scavenge, counts as such from now on.
 * It stays where it is. Returns how many pages that adds to those released, 0 if there is no such run. */
uint64_t gh_page_lists_release(struct gh_page_lists *l, uint64_t *addr, uint64_t *npages);

/* Checks every run against the lists, the treap, the table of ends and the counts; false at the first thing that does
 * not hold, with a sentence in why. */
bool gh_page_lists_verify(const struct gh_page_lists *l, char *why, size_t why_size);

#endif
