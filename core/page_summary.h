/* The page allocator's radix tree: packed summaries, how they are kept true and how they are searched.
 *
 *     bit 63         42..62      21..41      0..20
 *   | all free |   end run  |  longest  |  start run |      one summary, its runs counted in pages
 *
 * Zero is "nothing free", which is also what a part of the region that was never grown says. The
 * largest run, 2^21 pages at the root, has no room in 21 bits: bit 63 stands for all three being 2^21.
 * Page numbers here count from the region's base. Follows runtime/mpagealloc.go (pallocSum, update,
 * find) and mpallocbits.go (pallocBits) of Go 1.19. Only the page_*.c files use this.
 */
#ifndef GH_PAGE_SUMMARY_H
#define GH_PAGE_SUMMARY_H

#include "page_alloc.h"

enum {
    GH_CHUNK_PAGES_LOG = 9,
    GH_SUMMARY_LEAF = GH_SUMMARY_LEVELS - 1,
    GH_SUMMARY_FANOUT = 1 << GH_SUMMARY_FANOUT_LOG,
    /* log2 of the pages under one root entry, and so the width of a packed run (logMaxPackedValue) */
    GH_SUMMARY_ROOT_LOG = GH_CHUNK_PAGES_LOG + GH_SUMMARY_LEAF * GH_SUMMARY_FANOUT_LOG,
    /* log2 of the chunks under one root entry */
    GH_SUMMARY_ROOT_CHUNKS_LOG = GH_SUMMARY_ROOT_LOG - GH_CHUNK_PAGES_LOG
};

_Static_assert(GH_CHUNK_PAGES == 1 << GH_CHUNK_PAGES_LOG, "the chunk's two sizes disagree");
_Static_assert(3 * GH_SUMMARY_ROOT_LOG <= 63, "three runs and the flag must fit in 64 bits");

/* `search` when nothing is free (maxSearchAddr), and a page that was not found. */
#define GH_PAGE_NONE UINT64_MAX

/* Free pages at the start, longest run, free pages at the end. */
struct gh_summary {
    uint64_t start, longest, end;
};

/* log2 of the pages that one entry of a level stands for (levelLogPages). */
static inline unsigned gh_summary_pages_log(unsigned level)
{
    return GH_CHUNK_PAGES_LOG + (GH_SUMMARY_LEAF - level) * GH_SUMMARY_FANOUT_LOG;
}

uint64_t gh_summary_pack(struct gh_summary s);
struct gh_summary gh_summary_unpack(uint64_t packed);

/* The summary of a chunk's bits. */
uint64_t gh_summary_of_chunk(const struct gh_chunk *chunk);
/* The summary of the GH_SUMMARY_FANOUT entries at children, each of them for 2^pages_log pages. */
uint64_t gh_summary_merge(const uint64_t *children, unsigned pages_log);
/* Root entries that stand for anything grown. */
uint64_t gh_summary_root_end(const struct gh_page_alloc *pa);

/* Brings the tree up to date after bits of the npages pages from `first` on changed. Where these lie in
 * more than one chunk, all of them were taken (taken) or became free (!taken). */
void gh_summary_update(struct gh_page_alloc *pa, uint64_t first, uint64_t npages, bool taken);

/* Searches the tree from `search` on for the lowest run of npages free pages. Returns its first page, and
 * in *search the best new `search` that could be deduced on the way; or GH_PAGE_NONE. */
uint64_t gh_summary_find(const struct gh_page_alloc *pa, uint64_t npages, uint64_t *search);
/* The same in a chunk that is known to have such a run, from the 64-page word of page `from` on; pages are
 * counted from the chunk's first. *first_free becomes the lowest free page found on the way. */
unsigned gh_chunk_find(const struct gh_chunk *chunk, uint64_t npages, unsigned from,
                       unsigned *first_free);

/* The bits of a chunk's word that belong to pages [first, end) of the chunk; at least one does. */
static inline uint64_t gh_bits_in_word(unsigned word, unsigned first, unsigned end)
{
    unsigned low = first > word * 64 ? first - word * 64 : 0;
    unsigned high = end < (word + 1) * 64 ? end - word * 64 : 64;

    return UINT64_MAX >> (64 - (high - low)) << low;
}

/* The positions in word where at least n (1..64) consecutive set bits begin. */
static inline uint64_t gh_word_runs(uint64_t word, unsigned n)
{
    /* Each step doubles the length that a set bit vouches for, the last one less (findBitRange64). */
    for (unsigned left = n - 1, length = 1; left > 0 && word; length *= 2) {
        unsigned step = left < length ? left : length;
        word &= word >> step;
        left -= step;
    }
    return word;
}

#endif
