/* Giving free memory back to the OS: the mechanism of Go's scavenger. When to, and how much, is the embedder's
 * to say, but for the goals that it sets.
 *
 *     heap lock held: take a run  ->  let go: the OS unbacks it  ->  held: give it back, as scavenged
 *
 * Invariant: while the OS is at work on pages they are allocated, to nobody, so that no P uses them meanwhile.
 * With page lists it is a run at a time, under the lock, as mHeap_Scavenge in runtime/mheap.go of Go 1.5 has it.
 * Follows pageAlloc.scavenge and scavengeOne in runtime/mgcscavenge.go of Go 1.19, and what mheap.go's allocSpan does
 * of it when it takes pages.
 */
#include "heap.h"

/* scavengeOne between its two critical sections, and what it counts. Returns the bytes released. */
static uint64_t release(struct goheap *heap, struct goheap_p *p, uint64_t addr, uint64_t npages)
{
    uint64_t bytes = npages << heap->config.page_shift;

    gh_step(heap, p, GOHEAP_STEP_SCAVENGE, bytes);
    heap->platform->unuse(heap->platform->self, addr, bytes);
    gh_lock(heap, p, &heap->lock);
    /* Before another can allocate the pages, and subtract them from `released`. */
    gh_add(&heap->free, -bytes);
    gh_add(&heap->released, bytes);
    gh_page_alloc_give_scavenged(&heap->pages, addr, npages);
    gh_unlock(heap, p, &heap->lock);
    return bytes;
}

/* What of a run the OS takes back, in its own pages: scavengelist of Go 1.11 does so; 1.5 gives up if those are larger
 * than Go's. */
static void unuse_run(struct goheap *heap, uint64_t addr, uint64_t bytes)
{
    const struct goheap_platform *pf = heap->platform;
    uint64_t unit = pf->unuse_unit ? pf->unuse_unit(pf->self) : 1;
    uint64_t from = (addr + unit - 1) & ~(unit - 1), to = (addr + bytes) & ~(unit - 1);
    if (from < to)
        pf->unuse(pf->self, from, to - from);
}

/* Whole runs, in no other order than that of the lists, until there is enough. */
static uint64_t scavenge_lists(struct goheap *heap, struct goheap_p *p, uint64_t bytes)
{
    uint64_t released = 0, addr, npages;

    gh_idle_flush(heap);
    gh_lock(heap, p, &heap->lock);
    while (released < bytes) {
        uint64_t added = gh_page_lists_release(&heap->page_lists, &addr, &npages) << heap->config.page_shift;
        if (added == 0)
            break;
        gh_step(heap, p, GOHEAP_STEP_SCAVENGE, added);
        unuse_run(heap, addr, npages << heap->config.page_shift);
        gh_add(&heap->free, -added);
        gh_add(&heap->released, added);
        released += added;
    }
    gh_unlock(heap, p, &heap->lock);
    return released;
}

static uint64_t scavenge(struct goheap *heap, struct goheap_p *p, uint64_t bytes, bool force)
{
    const uint64_t page = UINT64_C(1) << heap->config.page_shift;
    uint64_t released = 0;

    if (heap->config.page_heap != GOHEAP_PAGES_RADIX)
        return scavenge_lists(heap, p, bytes);
    /* What becomes free from now on is left, else threads that allocate and free could keep this going for ever. */
    uint64_t free = gh_get(&heap->free);
    if (bytes > free)
        bytes = free;
    while (released < bytes) {
        uint64_t addr, npages, left = bytes - released;
        gh_lock(heap, p, &heap->lock);
        bool any = gh_page_alloc_take_unscavenged(&heap->pages, (left + page - 1) / page, force, &addr, &npages);
        gh_unlock(heap, p, &heap->lock);
        if (!any)
            break;
        if (npages > 0)
            released += release(heap, p, addr, npages);
    }
    return released;
}

uint64_t goheap_scavenge(struct goheap *heap, struct goheap_p *p, uint64_t bytes)
{
    gh_idle_flush(heap);
    return scavenge(heap, p, bytes, true);
}

uint64_t goheap_scavenge_background(struct goheap *heap, struct goheap_p *p, uint64_t bytes)
{
    return scavenge(heap, p, bytes, false);
}

/* --- goals --------------------------------------------------------------------------------------------- */

void goheap_scavenge_goals(struct goheap *heap, uint64_t retain, uint64_t limit)
{
    __atomic_store_n(&heap->retain_goal, retain, __ATOMIC_RELAXED);
    __atomic_store_n(&heap->memory_limit, limit, __ATOMIC_RELAXED);
}

static uint64_t excess(uint64_t bytes, uint64_t goal)
{
    return bytes > goal ? bytes - goal : 0;
}

void gh_scavenge_assist(struct goheap *heap, struct goheap_p *p, uint64_t growth, uint64_t scavenged)
{
    const uint64_t goal = gh_get(&heap->retain_goal), limit = gh_get(&heap->memory_limit);
    uint64_t bytes = 0;

    if (limit != UINT64_MAX)
        bytes = excess(goheap_mapped_ready(heap) + scavenged, limit);
    const bool force = bytes > 0;
    if (goal != UINT64_MAX && growth > 0) {
        uint64_t over = excess(gh_get(&heap->in_use) + gh_get(&heap->free) + growth, goal);
        if (over > growth)
            over = growth;
        if (over > bytes)
            bytes = over;
    }
    if (bytes > 0)
        scavenge(heap, p, bytes, force);
}
