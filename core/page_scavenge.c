/* Pages to scavenge: free ones that the OS still backs, found from the highest address down.
 *
 *   index   ..0 0 1 0 1 1 0 | 0 0 0 ..         a bit a chunk; none at or above scavenge_end
 *               |
 *   chunk   [ used | free, backed | free, scavenged | used ]
 *                    <--- run --->
 *
 * Invariant: a chunk with a run has its bit. The converse does not hold: pages leave by being allocated, which
 * nobody tells the index; the next search that looks in vain clears the bit.
 * Follows runtime/mgcscavenge.go of Go 1.19 (scavengeOne, findScavengeCandidate, scavengeIndex). As the heap lock is
 * held around every call, the index needs none of Go's atomics. Later Go's index is in scavenge_density.c.
 */
#include <assert.h>

#include "page_alloc.h"
#include "page_summary.h"

enum { WORDS = GH_CHUNK_PAGES / 64, LAST_PAGE = GH_CHUNK_PAGES - 1 };

/* What the OS may back with one huge page if it is never taken apart (physHugePageSize). Here a constant, so that
 * the same runs are found on every machine; a chunk of the smallest pages is one, no chunk is less. */
enum { HUGE_PAGE_SHIFT = 21 };

/* Pages of a chunk; none if npages is 0. */
struct run {
    unsigned first, npages;
};

/* --- the index ----------------------------------------------------------------------------------------- */

/* scavengeIndex.mark */
void gh_scavenge_mark(struct gh_page_alloc *pa, uint64_t page, uint64_t npages)
{
    uint64_t first = page >> GH_CHUNK_PAGES_LOG;
    uint64_t last = (page + npages - 1) >> GH_CHUNK_PAGES_LOG;

    if (pa->by_density)
        return;
    for (uint64_t word = first / 64; word <= last / 64; word++) {
        uint64_t bits = UINT64_MAX;
        if (word == first / 64)
            bits &= UINT64_MAX << first % 64;
        if (word == last / 64)
            bits &= UINT64_MAX >> (63 - last % 64);
        pa->scavenge_index[word] |= bits;
    }
    if (last >= pa->scavenge_end)
        pa->scavenge_end = last + 1;
}

/* scavengeIndex.clear */
static void unmark(struct gh_page_alloc *pa, uint64_t c)
{
    pa->scavenge_index[c / 64] &= ~(UINT64_C(1) << c % 64);
}

/* scavengeIndex.find: whether any chunk is marked; *c and scavenge_end become the highest one's. */
static bool highest_marked(struct gh_page_alloc *pa, uint64_t *c)
{
    for (uint64_t word = (pa->scavenge_end + 63) / 64; word-- > 0;) {
        uint64_t bits = pa->scavenge_index[word];
        if (bits == 0)
            continue;
        *c = word * 64 + 63 - (unsigned)__builtin_clzll(bits);
        pa->scavenge_end = *c + 1;
        return true;
    }
    pa->scavenge_end = 0;
    return false;
}

/* --- runs in a chunk ----------------------------------------------------------------------------------- */

/* The word with every unit filled, of which a bit is set (fillAligned). A unit is 1, 2, 4, ... 64 bits. */
static uint64_t fill_units(uint64_t word, unsigned unit)
{
    const uint64_t one_unit = UINT64_MAX >> (64 - unit);
    const uint64_t lowest = UINT64_MAX / one_unit; /* the lowest bit of each */

    for (unsigned step = 1; step < unit; step *= 2)
        word |= word >> step;
    return (word & lowest) * one_unit;
}

/* The pages of a chunk's word that cannot be given back, with the units that they spoil. */
static uint64_t unfit(const struct gh_chunk *chunk, unsigned word, unsigned unit)
{
    return fill_units(chunk->allocated[word] | chunk->scavenged[word], unit);
}

static unsigned leading_zeros(uint64_t word)
{
    return word ? (unsigned)__builtin_clzll(word) : 64;
}

/* The highest run of whole units, all of it, from the word of page `from` down. */
static struct run highest_run(const struct gh_chunk *chunk, unsigned unit, unsigned from)
{
    uint64_t taken = UINT64_MAX;
    unsigned i = from / 64 + 1;

    while (taken == UINT64_MAX && i > 0)
        taken = unfit(chunk, --i, unit);
    if (taken == UINT64_MAX)
        return (struct run){0, 0};

    unsigned above = leading_zeros(~taken);
    unsigned end = (i + 1) * 64 - above;
    taken <<= above; /* what moves in is free, but lies below the word */
    unsigned npages = taken ? leading_zeros(taken) : 64 - above;
    while (taken == 0 && i > 0) {
        taken = unfit(chunk, --i, unit);
        npages += leading_zeros(taken);
    }
    return (struct run){end - npages, npages};
}

/* The upper max_pages of a run, in whole units. Where that ends inside a huge page of which all is in the run, that
 * page is included. */
static struct run upper_part(struct run run, uint64_t max_pages, unsigned unit, unsigned huge_pages)
{
    uint64_t want = (max_pages + unit - 1) & ~(uint64_t)(unit - 1);
    if (want >= run.npages)
        return run;

    unsigned end = run.first + run.npages;
    unsigned first = end - (unsigned)want;
    unsigned huge_first = first & ~(huge_pages - 1);
    if (huge_first >= run.first && huge_first + huge_pages <= end)
        first = huge_first;
    return (struct run){first, end - first};
}

/* findScavengeCandidate */
static struct run find_candidate(const struct gh_page_alloc *pa, uint64_t c, unsigned from, uint64_t max_pages)
{
    /* The summary spares a look at the bits of chunks that filled up again. */
    if (gh_summary_unpack(pa->summary[GH_SUMMARY_LEAF][c]).longest < pa->scavenge_unit)
        return (struct run){0, 0};

    struct run run = highest_run(&pa->chunks[c], pa->scavenge_unit, from);
    uint64_t most = max_pages < GH_CHUNK_PAGES ? max_pages : GH_CHUNK_PAGES;
    return upper_part(run, most, pa->scavenge_unit, 1U << (HUGE_PAGE_SHIFT - pa->page_shift));
}

bool gh_scavenge_would_find(const struct gh_page_alloc *pa, uint64_t c)
{
    bool marked = pa->scavenge_index[c / 64] >> c % 64 & 1;

    if (pa->by_density) {
        unsigned in_use = 0;
        for (unsigned i = 0; i < WORDS; i++)
            in_use += (unsigned)__builtin_popcountll(pa->chunks[c].allocated[i]);
        return pa->density[c].in_use == in_use;
    }
    if (marked)
        return c < pa->scavenge_end;
    return highest_run(&pa->chunks[c], pa->scavenge_unit, LAST_PAGE).npages == 0;
}

/* --- taking and giving --------------------------------------------------------------------------------- */

/* The first half of scavengeOne: nobody else gets at the run while the OS has it. */
bool gh_page_alloc_take_unscavenged(struct gh_page_alloc *pa, uint64_t max_pages, bool force, uint64_t *addr,
                                    uint64_t *npages)
{
    uint64_t c;
    unsigned from = LAST_PAGE; /* Go 1.19's scavengeOne never starts anywhere else */

    assert(max_pages > 0);
    if (!(pa->by_density ? gh_density_find(pa, force, &c, &from) : highest_marked(pa, &c)))
        return false;
    struct run run = find_candidate(pa, c, from, max_pages);
    uint64_t page = (c << GH_CHUNK_PAGES_LOG) + run.first;
    *addr = pa->base + (page << pa->page_shift);
    *npages = run.npages;
    if (run.npages == 0) {
        unmark(pa, c);
        pa->density[c].has_free = false; /* setEmpty */
        return true;
    }
    for (unsigned i = run.first / 64; i * 64 < run.first + run.npages; i++)
        pa->chunks[c].allocated[i] |= gh_bits_in_word(i, run.first, run.first + run.npages);
    gh_summary_update(pa, page, run.npages, true);
    return true;
}

/* The second half of scavengeOne. */
void gh_page_alloc_give_scavenged(struct gh_page_alloc *pa, uint64_t addr, uint64_t npages)
{
    uint64_t page = (addr - pa->base) >> pa->page_shift;
    struct gh_chunk *chunk = &pa->chunks[page >> GH_CHUNK_PAGES_LOG];
    unsigned first = (unsigned)(page % GH_CHUNK_PAGES);
    unsigned end = first + (unsigned)npages;

    assert(npages > 0 && npages <= GH_CHUNK_PAGES - first);
    for (unsigned i = first / 64; i * 64 < end; i++) {
        uint64_t bits = gh_bits_in_word(i, first, end);
        chunk->allocated[i] &= ~bits;
        chunk->scavenged[i] |= bits;
    }
    if (page < pa->search)
        pa->search = page;
    gh_summary_update(pa, page, npages, false);
}
