/* The page allocator over its summaries: the region, its growth, taking and giving back runs of pages.
 *
 * Invariant: the tables are one block of metadata_alloc memory, of which only what belongs to grown chunks
 * is written (the rest stays zero, and unbacked); a page is never allocated and scavenged at once.
 * Follows runtime/mpagealloc.go of Go 1.19; the functions followed are named below.
 */
#include "fault.h"
#include "page_alloc.h"

#include <assert.h>
#include <inttypes.h>

#include "page_summary.h"

static uint64_t page_of(const struct gh_page_alloc *pa, uint64_t addr)
{
    return (addr - pa->base) >> pa->page_shift;
}

static uint64_t address_of(const struct gh_page_alloc *pa, uint64_t page)
{
    return pa->base + (page << pa->page_shift);
}

/* Where each table begins in the block of metadata, after the chunks, and where the block ends. All in bytes. */
struct layout {
    uint64_t summary[GH_SUMMARY_LEVELS + 1]; /* the last element is where the last of them ends */
    uint64_t density;
    uint64_t end;
};

static struct layout lay_out(uint64_t chunks)
{
    struct layout at;

    at.summary[0] = chunks * sizeof(struct gh_chunk);
    for (unsigned level = 0; level < GH_SUMMARY_LEVELS; level++) {
        unsigned chunks_log = gh_summary_pages_log(level) - GH_CHUNK_PAGES_LOG;
        at.summary[level + 1] = at.summary[level] + (chunks >> chunks_log) * sizeof(uint64_t);
    }
    at.density = at.summary[GH_SUMMARY_LEVELS] + chunks / 64 * sizeof(uint64_t); /* after the index */
    at.end = at.density + chunks * sizeof(struct gh_density);
    return at;
}

/* Pages in what the platform takes back at a time (scavengeOne's minPages). */
static unsigned scavenge_unit(const struct goheap_platform *platform, unsigned page_shift)
{
    uint64_t bytes = platform->unuse_unit ? platform->unuse_unit(platform->self) : 0;
    uint64_t npages = bytes >> page_shift <= 1 ? 1 : bytes >> page_shift;

    assert((npages & (npages - 1)) == 0 && npages <= 64);
    return (unsigned)npages;
}

bool gh_page_alloc_init(struct gh_page_alloc *pa, const struct goheap_platform *platform, uint64_t base,
                        uint64_t bytes, unsigned page_shift)
{
    const unsigned root_shift = page_shift + GH_SUMMARY_ROOT_LOG;
    uint64_t roots = bytes == 0 ? 1 : ((bytes - 1) >> root_shift) + 1;
    uint64_t chunks = roots << GH_SUMMARY_ROOT_CHUNKS_LOG;
    struct layout at = lay_out(chunks);

    assert(base != 0 && (base & ((UINT64_C(1) << (page_shift + GH_CHUNK_PAGES_LOG)) - 1)) == 0);
    unsigned char *block = platform->metadata_alloc(platform->self, at.end);
    if (!block)
        return false;
    *pa = (struct gh_page_alloc){
        .platform = platform,
        .base = base,
        .page_shift = page_shift,
        .chunk_limit = chunks,
        .chunk_end = 0,
        .search = GH_PAGE_NONE,
        .scavenge_unit = scavenge_unit(platform, page_shift),
        .chunks = (struct gh_chunk *)(void *)block,
        .scavenge_index = (uint64_t *)(void *)(block + at.summary[GH_SUMMARY_LEVELS]),
        .density = (struct gh_density *)(void *)(block + at.density),
    };
    for (unsigned level = 0; level < GH_SUMMARY_LEVELS; level++) {
        pa->summary[level] = (uint64_t *)(void *)(block + at.summary[level]);
        pa->summary_len[level] = (at.summary[level + 1] - at.summary[level]) / sizeof(uint64_t);
    }
    return true;
}

void gh_page_alloc_destroy(struct gh_page_alloc *pa)
{
    struct layout at = lay_out(pa->chunk_limit);

    pa->platform->metadata_free(pa->platform->self, pa->chunks, at.end);
    *pa = (struct gh_page_alloc){.chunks = NULL};
}

/* pageAlloc.grow */
void gh_page_alloc_grow(struct gh_page_alloc *pa, uint64_t addr, uint64_t bytes)
{
    uint64_t first = page_of(pa, addr);
    uint64_t npages = bytes >> pa->page_shift;
    uint64_t chunks = npages >> GH_CHUNK_PAGES_LOG;

    assert(first == pa->chunk_end << GH_CHUNK_PAGES_LOG && "growth must go on where it ended");
    assert(chunks > 0 && chunks <= pa->chunk_limit - pa->chunk_end);
    for (uint64_t c = pa->chunk_end; c < pa->chunk_end + chunks; c++)
        for (unsigned i = 0; i < GH_CHUNK_PAGES / 64; i++)
            pa->chunks[c].scavenged[i] = UINT64_MAX;
    pa->chunk_end += chunks;
    if (first < pa->search)
        pa->search = first;
    gh_summary_update(pa, first, npages, false);
}

/* Marks pages [first, end) of a chunk as allocated and backed; returns how many were scavenged. */
static unsigned take_in_chunk(struct gh_chunk *chunk, unsigned first, unsigned end)
{
    unsigned scavenged = 0;

    for (unsigned i = first / 64; i * 64 < end; i++) {
        uint64_t bits = gh_bits_in_word(i, first, end);
        scavenged += (unsigned)__builtin_popcountll(chunk->scavenged[i] & bits);
        chunk->allocated[i] |= bits;
        chunk->scavenged[i] &= ~bits;
    }
    return scavenged;
}

static void give_in_chunk(struct gh_chunk *chunk, unsigned first, unsigned end)
{
    for (unsigned i = first / 64; i * 64 < end; i++)
        chunk->allocated[i] &= ~gh_bits_in_word(i, first, end);
}

/* The part of [page, end) in the chunk of `page`, as [*first, returned value) within that chunk. */
static unsigned clip_to_chunk(uint64_t page, uint64_t end, unsigned *first)
{
    uint64_t left = end - page;

    *first = (unsigned)(page % GH_CHUNK_PAGES);
    return left < GH_CHUNK_PAGES - *first ? *first + (unsigned)left : GH_CHUNK_PAGES;
}

/* pageAlloc.allocRange; returns the number of scavenged pages. */
static uint64_t take_range(struct gh_page_alloc *pa, uint64_t page, uint64_t npages)
{
    uint64_t scavenged = 0;

    for (uint64_t at = page, end = page + npages; at < end;) {
        unsigned first, last = clip_to_chunk(at, end, &first);
        scavenged += take_in_chunk(&pa->chunks[at >> GH_CHUNK_PAGES_LOG], first, last);
        at += last - first;
    }
    gh_density_take(pa, page, npages);
    gh_summary_update(pa, page, npages, true);
    return scavenged;
}

/* The first half of pageAlloc.alloc: the lowest run of npages, in *search what `search` may become. */
static uint64_t find_run(const struct gh_page_alloc *pa, uint64_t npages, uint64_t *search)
{
    uint64_t c = pa->search >> GH_CHUNK_PAGES_LOG;
    unsigned from = (unsigned)(pa->search % GH_CHUNK_PAGES);

    /* A run that fits in the chunk of `search` needs no descent. */
    if (npages <= GH_CHUNK_PAGES - from &&
        gh_summary_unpack(pa->summary[GH_SUMMARY_LEAF][c]).longest >= npages) {
        unsigned first_free;
        unsigned page = gh_chunk_find(&pa->chunks[c], npages, from, &first_free);
        *search = (c << GH_CHUNK_PAGES_LOG) + first_free;
        return (c << GH_CHUNK_PAGES_LOG) + page;
    }
    return gh_summary_find(pa, npages, search);
}

/* pageAlloc.alloc */
uint64_t gh_page_alloc_take(struct gh_page_alloc *pa, uint64_t npages, uint64_t *scavenged)
{
    uint64_t search;

    assert(npages > 0);
    *scavenged = 0;
    if (pa->search >> GH_CHUNK_PAGES_LOG >= pa->chunk_end)
        return 0;
    uint64_t page = find_run(pa, npages, &search);
    if (page == GH_PAGE_NONE) {
        /* Longer runs fail for want of contiguity; a single page only if nothing at all is free. */
        if (npages == 1)
            pa->search = GH_PAGE_NONE;
        return 0;
    }
    *scavenged = take_range(pa, page, npages);
    if (search > pa->search)
        pa->search = search;
    return address_of(pa, page);
}

/* pageAlloc.free */
void gh_page_alloc_give(struct gh_page_alloc *pa, uint64_t addr, uint64_t npages)
{
    uint64_t page = page_of(pa, addr);
    uint64_t end = page + npages;

    assert(npages > 0 && page < end && end <= pa->chunk_end << GH_CHUNK_PAGES_LOG);
    if (page < pa->search)
        pa->search = page;
    for (uint64_t at = page; at < end;) {
        unsigned first, last = clip_to_chunk(at, end, &first);
        give_in_chunk(&pa->chunks[at >> GH_CHUNK_PAGES_LOG], first, last);
        at += last - first;
    }
    gh_scavenge_mark(pa, page, npages);
    gh_density_give(pa, page, npages);
    gh_summary_update(pa, page, npages, false);
}

uint64_t gh_page_alloc_longest_run(const struct gh_page_alloc *pa)
{
    const uint64_t full = UINT64_C(1) << GH_SUMMARY_ROOT_LOG;
    uint64_t longest = 0;
    uint64_t run = 0; /* free pages just below entry i */

    for (uint64_t i = 0; i < gh_summary_root_end(pa); i++) {
        struct gh_summary s = gh_summary_unpack(pa->summary[0][i]);
        if (run + s.start > longest)
            longest = run + s.start;
        if (s.longest > longest)
            longest = s.longest;
        run = s.end == full ? run + full : s.end;
    }
    return longest;
}

uint64_t gh_page_alloc_free_pages(const struct gh_page_alloc *pa)
{
    uint64_t npages = 0;

    for (uint64_t c = 0; c < pa->chunk_end; c++)
        for (unsigned i = 0; i < GH_CHUNK_PAGES / 64; i++)
            npages += (uint64_t)__builtin_popcountll(~pa->chunks[c].allocated[i]);
    return npages;
}

static bool verify_chunk(const struct gh_page_alloc *pa, uint64_t c, char *why, size_t why_size)
{
    const struct gh_chunk *chunk = &pa->chunks[c];

    for (unsigned i = 0; i < GH_CHUNK_PAGES / 64; i++) {
        uint64_t free = ~chunk->allocated[i];
        uint64_t page = c * GH_CHUNK_PAGES + i * 64;
        uint64_t lowest = free ? page + (uint64_t)__builtin_ctzll(free) : GH_PAGE_NONE;
        if (lowest < pa->search)
            return gh_fault(why, why_size, "page %" PRIu64 " is free, but the search starts at %" PRIu64,
                         lowest, pa->search);
        if (chunk->allocated[i] & chunk->scavenged[i])
            return gh_fault(why, why_size, "one of pages %" PRIu64 " to +63 is allocated and scavenged", page);
    }
    if (!gh_scavenge_would_find(pa, c))
        return gh_fault(why, why_size, pa->by_density ? "chunk %" PRIu64 " is not as full as the index has it"
                                                   : "chunk %" PRIu64 " has pages to scavenge that the index does not lead to", c);
    return true;
}

static uint64_t expected_summary(const struct gh_page_alloc *pa, unsigned level, uint64_t i)
{
    if (level < GH_SUMMARY_LEAF)
        return gh_summary_merge(&pa->summary[level + 1][i << GH_SUMMARY_FANOUT_LOG],
                                gh_summary_pages_log(level + 1));
    return i < pa->chunk_end ? gh_summary_of_chunk(&pa->chunks[i]) : 0;
}

/* Checks one level against the next one, as far as the last root entry in use reaches. */
static bool verify_level(const struct gh_page_alloc *pa, unsigned level, char *why, size_t why_size)
{
    uint64_t end = gh_summary_root_end(pa) << (level * GH_SUMMARY_FANOUT_LOG);

    for (uint64_t i = 0; i < end; i++) {
        struct gh_summary is = gh_summary_unpack(pa->summary[level][i]);
        struct gh_summary should = gh_summary_unpack(expected_summary(pa, level, i));
        if (is.start != should.start || is.longest != should.longest || is.end != should.end)
            return gh_fault(why, why_size,
                         "summary %" PRIu64 " of level %u says %" PRIu64 " %" PRIu64 " %" PRIu64
                         ", what lies below it %" PRIu64 " %" PRIu64 " %" PRIu64,
                         i, level, is.start, is.longest, is.end, should.start, should.longest,
                         should.end);
    }
    return true;
}

bool gh_page_alloc_verify(const struct gh_page_alloc *pa, char *why, size_t why_size)
{
    if (pa->chunk_end > pa->chunk_limit)
        return gh_fault(why, why_size, "%" PRIu64 " chunks are grown, of %" PRIu64, pa->chunk_end,
                     pa->chunk_limit);
    if (pa->search != GH_PAGE_NONE && pa->search >> GH_CHUNK_PAGES_LOG >= pa->chunk_end)
        return gh_fault(why, why_size, "the search starts at page %" PRIu64 ", which isn't grown",
                     pa->search);
    for (uint64_t c = 0; c < pa->chunk_end; c++)
        if (!verify_chunk(pa, c, why, why_size))
            return false;
    for (unsigned level = 0; level < GH_SUMMARY_LEVELS; level++)
        if (!verify_level(pa, level, why, why_size))
            return false;
    return true;
}
