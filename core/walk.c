/* What every page is: spans, and free pages between them, in order of address.
 *
 *     page map --a span begins here--> its slots
 *              --none does-----------> page allocator: the run of free bits of one kind | page lists: the run itself
 *                                      neither: in a P's page cache, or on its way from one to the other
 */
#include "heap.h"
#include "page_treap.h"

struct walk {
    const struct goheap *heap;
    void (*visit)(void *user, const struct goheap_run *run);
    void *user;
};

/* Nobody holds it and nothing is in it: it comes from mheap or goes there, and its bits may have gone ahead. */
static bool in_passing(const struct goheap *heap, const struct gh_span *s)
{
    return !s->owner && s->alloc_count == 0 && s->sweep_gen == heap->sweep_gen;
}

struct gh_slots gh_slots_of(const struct goheap *heap, const struct gh_span *s)
{
    struct gh_slots n = {0, 0};
    if (in_passing(heap, s))
        return n;
    for (unsigned w = 0; w < gh_words(s); w++) {
        uint64_t allocated = gh_span_allocated(s, w);
        n.allocated += gh_popcount(allocated);
        n.live += gh_popcount(gh_live_load(&gh_live(s)[w]) & allocated);
    }
    return n;
}

static void show_span(const struct walk *walk, const struct gh_span *s)
{
    struct goheap_run run = {.kind = GOHEAP_RUN_STACKS,
                             .addr = s->base,
                             .bytes = gh_span_bytes(walk->heap, s),
                             .offset = s->base - walk->heap->base};
    if (gh_holds_objects(s)) {
        struct gh_slots n = gh_slots_of(walk->heap, s);
        run.kind = GOHEAP_RUN_OBJECTS;
        run.size_class = gh_size_class(s);
        run.slots = s->objects;
        run.allocated = n.allocated;
        run.live = n.live;
        run.slot_bytes = gh_slot_bytes(walk->heap, s);
    }
    walk->visit(walk->user, &run);
}

static void show_free(const struct walk *walk, enum goheap_run_kind kind, uint64_t addr, uint64_t pages,
                      uint64_t released)
{
    unsigned shift = walk->heap->page_shift;
    struct goheap_run run = {.kind = kind,
                             .addr = addr,
                             .bytes = pages << shift,
                             .offset = addr - walk->heap->base,
                             .released = released << shift};
    walk->visit(walk->user, &run);
}

/* The page allocator's run of free pages that begins with a page, up to the first one that is taken, or of which the
 * OS has not what it has of this one; none if this one is taken. */
static uint64_t free_bits(const struct walk *walk, uint64_t page, uint64_t end)
{
    const struct gh_page_alloc *pa = &walk->heap->pages;
    const struct gh_chunk *first = &pa->chunks[page / GH_CHUNK_PAGES];
    const unsigned at = (unsigned)(page % GH_CHUNK_PAGES);
    const uint64_t scavenged = first->scavenged[at / 64] >> at % 64 & 1 ? UINT64_MAX : 0;
    uint64_t next = page;
    while (next < end) {
        const struct gh_chunk *chunk = &pa->chunks[next / GH_CHUNK_PAGES];
        const unsigned w = (unsigned)(next % GH_CHUNK_PAGES) / 64;
        uint64_t other = (chunk->allocated[w] | (chunk->scavenged[w] ^ scavenged)) >> next % 64;
        if (other) {
            next += (unsigned)__builtin_ctzll(other);
            break;
        }
        next += 64 - next % 64;
    }
    if (next > page)
        show_free(walk, GOHEAP_RUN_FREE, pa->base + (page << pa->page_shift), next - page, scavenged ? next - page : 0);
    return next - page;
}

/* The same of the page lists, whose runs say how much of them is released. */
static uint64_t free_run(const struct walk *walk, uint64_t page)
{
    const struct gh_page_lists *lists = &walk->heap->page_lists;
    const struct gh_span *run = lists->ends[page];
    if (!run || run->base != lists->base + (page << lists->page_shift))
        return 0;
    show_free(walk, GOHEAP_RUN_FREE, run->base, run->pages, gh_run_released(run));
    return run->pages;
}

/* From an address; returns how many pages there were, at least one. */
static uint64_t show_next(const struct walk *walk, uint64_t addr)
{
    const struct goheap *heap = walk->heap;
    const struct gh_span *s = gh_span_at(heap, addr);
    if (s && s->base == addr && s->state != GH_SPAN_DEAD) {
        show_span(walk, s);
        return s->pages;
    }
    uint64_t page = (addr - heap->base) >> heap->page_shift, end = (heap->grown - heap->base) >> heap->page_shift;
    uint64_t pages = heap->config.page_heap == GOHEAP_PAGES_RADIX ? free_bits(walk, page, end) : free_run(walk, page);
    return pages ? pages : 1;
}

/* A P's cached pages, in runs. */
static void show_cached(const struct walk *walk, const struct gh_page_cache *cache)
{
    for (uint64_t left = cache->free; left;) {
        unsigned from = (unsigned)__builtin_ctzll(left);
        uint64_t after = ~(left >> from), run = after ? (unsigned)__builtin_ctzll(after) : 64;
        uint64_t bits = (run < 64 ? (UINT64_C(1) << run) - 1 : UINT64_MAX) << from;
        show_free(walk, GOHEAP_RUN_CACHED, cache->base + ((uint64_t)from << walk->heap->page_shift), run,
                  gh_popcount(cache->scavenged & bits));
        left &= ~bits;
    }
}

void goheap_walk(const struct goheap *heap, void (*visit)(void *user, const struct goheap_run *run), void *user)
{
    const struct walk walk = {.heap = heap, .visit = visit, .user = user};
    for (uint64_t addr = heap->base; addr < heap->grown;)
        addr += show_next(&walk, addr) << heap->page_shift;
    for (const struct goheap_p *p = heap->ps; p; p = p->next)
        show_cached(&walk, &p->pages);
}
