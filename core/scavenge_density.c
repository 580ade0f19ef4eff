/* Which chunks the scavenger looks at, by how full they are: memory that is nearly all in use is left in peace, so that
 * the OS can keep it in huge pages.
 *
 *     generation   g-1                  | g                       one a collection cycle
 *     chunk        last_in_use = 505    | in_use = 40, has_free   dense in g-1: not before g+1
 *
 * Invariant: in_use is what the chunk's bits say, but for pages that are with the OS at the moment (take_unscavenged).
 * The background scavenger's cursor only rises as a generation ends: what becomes free in a cycle waits for the next.
 * Follows runtime/mgcscavenge.go of Go 1.26 (scavengeIndex, scavChunkData), where it has been since 1.21. As the heap
 * lock is held around every call, cursors need none of Go's marks.
 */
#include "page_alloc.h"
#include "page_summary.h"

enum { DENSE_PAGES = GH_CHUNK_PAGES * 31 / 32 }; /* scavChunkHiOccPages, 96.875 % */

static struct gh_density *changing(struct gh_page_alloc *pa, uint64_t c)
{
    struct gh_density *d = &pa->density[c];

    if (d->gen != pa->gen) {
        d->last_in_use = d->in_use;
        d->gen = pa->gen;
    }
    return d;
}

/* scavChunkData.alloc */
static void take(struct gh_page_alloc *pa, uint64_t c, unsigned npages)
{
    struct gh_density *d = changing(pa, c);

    d->in_use = (uint16_t)(d->in_use + npages);
    if (d->in_use == GH_CHUNK_PAGES)
        d->has_free = false;
}

/* scavengeIndex.free, of which `end` is the page after the highest. */
static void give(struct gh_page_alloc *pa, uint64_t c, unsigned npages, uint64_t end)
{
    struct gh_density *d = changing(pa, c);

    d->in_use = (uint16_t)(d->in_use - npages);
    d->has_free = true;
    if (pa->freed_end < end)
        pa->freed_end = end;
    if (pa->cursor[true] < end)
        pa->cursor[true] = end;
}

/* The end of the part of [page, end) that is in the chunk of `page`. */
static uint64_t part_end(uint64_t page, uint64_t end)
{
    uint64_t chunk_end = (page | (GH_CHUNK_PAGES - 1)) + 1;

    return end < chunk_end ? end : chunk_end;
}

void gh_density_take(struct gh_page_alloc *pa, uint64_t page, uint64_t npages)
{
    if (!pa->by_density)
        return;
    for (uint64_t end = page + npages, to; page < end; page = to) {
        to = part_end(page, end);
        take(pa, page >> GH_CHUNK_PAGES_LOG, (unsigned)(to - page));
    }
}

void gh_density_give(struct gh_page_alloc *pa, uint64_t page, uint64_t npages)
{
    if (!pa->by_density)
        return;
    for (uint64_t end = page + npages, to; page < end; page = to) {
        to = part_end(page, end);
        give(pa, page >> GH_CHUNK_PAGES_LOG, (unsigned)(to - page), to);
    }
}

void gh_density_take_bits(struct gh_page_alloc *pa, uint64_t first, uint64_t bits)
{
    if (pa->by_density && bits)
        take(pa, first >> GH_CHUNK_PAGES_LOG, (unsigned)__builtin_popcountll(bits));
}

void gh_density_give_bits(struct gh_page_alloc *pa, uint64_t first, uint64_t bits)
{
    if (pa->by_density && bits)
        give(pa, first >> GH_CHUNK_PAGES_LOG, (unsigned)__builtin_popcountll(bits),
             first + 64 - (unsigned)__builtin_clzll(bits));
}

/* scavChunkData.shouldScavenge */
static bool is_wanted(const struct gh_page_alloc *pa, uint64_t c, bool force)
{
    const struct gh_density *d = &pa->density[c];

    if (!d->has_free || force)
        return d->has_free;
    return d->in_use < DENSE_PAGES && (d->gen != pa->gen || d->last_in_use < DENSE_PAGES);
}

/* scavengeIndex.find */
bool gh_density_find(struct gh_page_alloc *pa, bool force, uint64_t *chunk, unsigned *from)
{
    uint64_t end = pa->cursor[force];

    if (end == 0)
        return false;
    const uint64_t start = (end - 1) >> GH_CHUNK_PAGES_LOG;
    for (uint64_t c = start + 1; c-- > 0;) {
        if (!is_wanted(pa, c, force))
            continue;
        if (c != start)
            pa->cursor[force] = (c + 1) << GH_CHUNK_PAGES_LOG;
        *chunk = c;
        *from = (unsigned)((pa->cursor[force] - 1) % GH_CHUNK_PAGES);
        return true;
    }
    pa->cursor[force] = 0;
    return false;
}

void gh_page_alloc_next_gen(struct gh_page_alloc *pa)
{
    pa->gen++;
    if (pa->cursor[false] < pa->freed_end)
        pa->cursor[false] = pa->freed_end;
    pa->freed_end = 0;
}
