/* mheap: pages into spans and back, and growth.
 *
 *     page cache of the P --(empty)--> page allocator --(no run)--> grow by whole chunks
 *                                      page lists     --(no run)--> grow by a megabyte, or by arenas
 *
 * Follows runtime/mheap.go of Go 1.19: alloc, allocSpan, grow, freeSpanLocked, allocNeedsZero, and the
 * P's supply of descriptors (allocMSpanLocked, freeMSpanLocked); with page lists, that of Go 1.5 (mHeap_Alloc_m,
 * mHeap_Grow) and 1.11 (alloc_m, grow), where all of it happens under the heap lock and a P has no supply.
 */
#include "heap.h"

#include <string.h>

static uint64_t page_bytes(const struct goheap *heap, uint64_t npages)
{
    return npages << heap->config.page_shift;
}

static bool has_page_lists(const struct goheap *heap)
{
    return heap->config.page_heap != GOHEAP_PAGES_RADIX;
}

/* Bytes to ask the OS for when npages are wanted: whole chunks; in Go 1.5 a multiple of 64 KiB, of 1 MiB or more if
 * that can be had; in 1.11 whole arenas. 0 if there is no room. */
static uint64_t growth(const struct goheap *heap, uint64_t npages)
{
    enum { LISTS_UNIT = 64 << 10, LISTS_LEAST = 1 << 20 };
    uint64_t room = heap->limit - heap->grown, unit = page_bytes(heap, GH_CHUNK_PAGES), least = 0;
    if (npages > room >> heap->config.page_shift)
        return 0;
    if (heap->config.page_heap == GOHEAP_PAGES_TREAP) {
        unit = GH_ARENA_BYTES;
    } else if (heap->config.page_heap == GOHEAP_PAGES_LISTS) {
        unit = LISTS_UNIT;
        least = room < LISTS_LEAST ? 0 : LISTS_LEAST;
    }
    uint64_t ask = (page_bytes(heap, npages) + unit - 1) / unit * unit;
    if (ask < least)
        ask = least;
    return ask <= room ? ask : 0;
}

/* Under the heap lock: what was mapped where the heap ended is free. */
static bool add_pages(struct goheap *heap, uint64_t bytes)
{
    if (has_page_lists(heap)) {
        if (!gh_page_lists_grow(&heap->page_lists, bytes >> heap->config.page_shift))
            return false;
        gh_add(&heap->free, bytes); /* idle, though never used: these Gos call released what they have given back */
    } else {
        gh_page_alloc_grow(&heap->pages, heap->grown, bytes);
        gh_add(&heap->released, bytes);
    }
    __atomic_store_n(&heap->grown, heap->grown + bytes, __ATOMIC_RELAXED); /* goheap_mapped_ready reads it */
    return true;
}

/* Under the heap lock: maps enough for npages. */
static bool grow(struct goheap *heap, struct goheap_p *p, uint64_t npages)
{
    uint64_t ask = growth(heap, npages);
    if (ask == 0)
        return false;
    gh_step(heap, p, GOHEAP_STEP_GROW, ask);
    return heap->platform->map(heap->platform->self, heap->grown, ask) && add_pages(heap, ask);
}

static struct gh_span *pop_descriptor(struct goheap_p *p)
{
    struct gh_span *s = p->free_spans;
    if (s) {
        p->free_spans = s->next;
        p->free_span_count--;
    }
    return s;
}

/* Under the heap lock: a descriptor; an empty supply is first filled half. */
static struct gh_span *take_descriptor(struct goheap *heap, struct goheap_p *p)
{
    for (unsigned n = p->free_span_count == 0 ? GH_SPAN_CACHE / 2 : 0; n > 0; n--) {
        struct gh_span *s = gh_descriptor_take(&heap->descriptors);
        if (!s)
            break;
        s->next = p->free_spans;
        p->free_spans = s;
        p->free_span_count++;
    }
    return pop_descriptor(p);
}

/* The part of [base, end) that lies in one arena, from base on. */
struct part {
    struct gh_arena *arena;
    uint64_t from, to; /* offsets in it */
};

static struct part first_part(struct goheap *heap, uint64_t base, uint64_t end)
{
    uint64_t offset = base - heap->base;
    struct part part = {.arena = &heap->arenas[offset >> GH_ARENA_SHIFT], .from = offset % GH_ARENA_BYTES};
    part.to = end - base < GH_ARENA_BYTES - part.from ? part.from + (end - base) : GH_ARENA_BYTES;
    return part;
}

/* Whether some of the pages were used before; they all count as used from now on. */
static bool needs_zero(struct goheap *heap, uint64_t base, uint64_t bytes)
{
    bool need = false;
    for (uint64_t end = base + bytes; base < end;) {
        struct part part = first_part(heap, base, end);
        uint64_t zeroed = __atomic_load_n(&part.arena->zeroed, __ATOMIC_RELAXED);
        need |= part.from < zeroed;
        while (part.to > zeroed && !__atomic_compare_exchange_n(&part.arena->zeroed, &zeroed, part.to, false,
                                                                __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            ;
        base += part.to - part.from;
    }
    return need;
}

/* Makes every page point at its span. */
static void set_spans(struct goheap *heap, struct gh_span *s)
{
    unsigned shift = heap->page_shift;
    struct gh_span **spans = heap->map.spans;
    __atomic_store_n(&spans[(s->base - heap->base) >> shift], s, __ATOMIC_RELEASE);
    for (uint64_t base = s->base, end = base + page_bytes(heap, s->pages); base < end;) {
        struct part part = first_part(heap, base, end);
        uint64_t bytes = part.to - part.from, first = (base - heap->base) >> shift;
        if (bytes == GH_ARENA_BYTES)
            __atomic_store_n(&part.arena->whole, s, __ATOMIC_RELEASE);
        else
            for (uint64_t i = 0; i < bytes >> shift; i++)
                __atomic_store_n(&spans[first + i], s, __ATOMIC_RELEASE);
        base += bytes;
    }
}

/* Words for bits, and for the shares behind them, that do not fit into the descriptor. */
static size_t extra_words(const struct goheap *heap, const struct gh_span *s, bool tiny)
{
    bool mixed = gh_is_mixed(heap, s);
    if (gh_words(s) <= 1 && !tiny && !mixed)
        return 0;
    return gh_words(s) * (size_t)(GH_BITMAPS + mixed) + (tiny ? (s->objects + 7u) / 8 : 0);
}

/* Points the span at its bits; of shares there are none yet. */
static bool attach_bits(struct goheap *heap, struct goheap_p *p, struct gh_span *s, bool tiny)
{
    size_t words = extra_words(heap, s, tiny);
    s->alloc = words ? gh_pool_take(&heap->bits, &p->bits, words) : s->inline_bits;
    return s->alloc != NULL;
}

static void detach_bits(struct goheap *heap, struct goheap_p *p, struct gh_span *s)
{
    size_t words = extra_words(heap, s, s->state == GH_SPAN_TINY);
    if (words)
        gh_pool_give(&heap->bits, p ? &p->bits : NULL, s->alloc, words);
}

/* The descriptor becomes a span of these pages; false, and it stays dead, if there is no memory for its bits. */
static bool make_span(struct goheap *heap, struct goheap_p *p, struct gh_span *s, uint64_t base, uint64_t npages,
                      uint64_t scavenged, unsigned span_class)
{
    const struct gh_class *c = &heap->sc.classes[span_class >> 1];
    __atomic_store_n(&s->base, base, __ATOMIC_RELAXED);
    s->pages = (uint32_t)npages;
    __atomic_store_n(&s->span_class, (uint16_t)span_class, __ATOMIC_RELAXED); /* a late free may look */
    s->elem_size = c->size;
    s->objects = (uint16_t)(c->size ? c->objects[span_class & 1] : 1);
    s->div_magic = c->div_magic;
    bool tiny = heap->tiny_class && span_class == heap->tiny_class;
    bool exact = !tiny && gh_header_of(&heap->sc, c->size, span_class & 1) == 0;
    s->extent = exact ? s->objects * c->size : 0; /* else objects do not begin where their slot does */
    if (!attach_bits(heap, p, s, tiny))
        return false;
    gh_span_reset(s, gh_immediate(heap));
    __atomic_store_n(&s->watch, GH_WATCH_NONE, __ATOMIC_RELAXED);
    bool fresh = heap->config.released_is_zero && scavenged == npages;
    s->need_zero = needs_zero(heap, base, page_bytes(heap, npages)) && !fresh;
    s->next = NULL; /* prev and list are: it came off its list as gh_list_remove leaves it; owner is, too */
    s->state = tiny ? GH_SPAN_TINY : GH_SPAN_IN_USE;
    __atomic_store_n(&s->sweep_gen, heap->sweep_gen, __ATOMIC_RELEASE);
    set_spans(heap, s);
    return true;
}

/* Pages for a span from wherever they are nearest; the descriptor may come along. 0 if there are none. */
static uint64_t take_pages(struct goheap *heap, struct goheap_p *p, uint64_t npages, uint64_t *scavenged,
                           uint64_t *growth, struct gh_span **descriptor)
{
    uint64_t base = 0;
    if (heap->config.page_cache && npages < GH_PAGE_CACHE_MAX_PAGES) {
        if (p->pages.free == 0) {
            gh_lock(heap, p, &heap->lock);
            gh_step(heap, p, GOHEAP_STEP_PAGE_CACHE, 64);
            gh_page_cache_fill(&heap->pages, &p->pages);
            gh_unlock(heap, p, &heap->lock);
        }
        base = gh_page_cache_take(&p->pages, heap->config.page_shift, npages, scavenged);
        if (base && (*descriptor = pop_descriptor(p)))
            return base;
    }
    gh_lock(heap, p, &heap->lock);
    if (!base) {
        gh_step(heap, p, GOHEAP_STEP_PAGE_FIND, npages);
        base = gh_page_alloc_take(&heap->pages, npages, scavenged);
        if (!base && heap->idle) {
            gh_unlock(heap, p, &heap->lock);
            gh_idle_flush(heap);
            gh_lock(heap, p, &heap->lock);
            base = gh_page_alloc_take(&heap->pages, npages, scavenged);
        }
        uint64_t grown = heap->grown;
        if (!base && grow(heap, p, npages))
            base = gh_page_alloc_take(&heap->pages, npages, scavenged);
        *growth = heap->grown - grown;
    }
    if (base)
        *descriptor = take_descriptor(heap, p);
    gh_unlock(heap, p, &heap->lock);
    return base;
}

/* Pages that could not become a span go back. */
static void give_pages(struct goheap *heap, struct goheap_p *p, uint64_t base, uint64_t npages,
                       struct gh_span *descriptor)
{
    gh_lock(heap, p, &heap->lock);
    gh_page_alloc_give(&heap->pages, base, npages);
    if (descriptor)
        gh_descriptor_give(&heap->descriptors, descriptor);
    gh_unlock(heap, p, &heap->lock);
}

static void count_pages(struct goheap *heap, struct goheap_p *p, uint64_t bytes, uint64_t scavenged)
{
    if (scavenged)
        gh_step(heap, p, GOHEAP_STEP_FAULT, scavenged);
    gh_add(&heap->released, -scavenged);
    gh_add(&heap->free, -(bytes - scavenged));
}

/* Under the heap lock: the list of spans in use by large objects of so many pages. */
static struct gh_list *busy_list(struct goheap *heap, uint64_t npages)
{
    return &heap->busy[npages < GH_LISTED_PAGES ? npages : GH_LISTED_PAGES];
}

/* Under the heap lock, which is let go of for idle Ps to be flushed: a run of the page lists. */
static struct gh_span *take_run(struct goheap *heap, struct goheap_p *p, uint64_t npages,
                                struct gh_taken_pages *taken)
{
    gh_step(heap, p, GOHEAP_STEP_PAGE_FIND, npages);
    struct gh_span *s = gh_page_lists_take(&heap->page_lists, npages, taken);
    if (!s && heap->idle) {
        gh_unlock(heap, p, &heap->lock);
        gh_idle_flush(heap);
        gh_lock(heap, p, &heap->lock);
        s = gh_page_lists_take(&heap->page_lists, npages, taken);
    }
    if (!s && grow(heap, p, npages))
        s = gh_page_lists_take(&heap->page_lists, npages, taken);
    return s;
}

/* Under the heap lock: a run becomes a span; NULL, and it is a run again, if there is no memory for its bits. */
static struct gh_span *use_run(struct goheap *heap, struct goheap_p *p, struct gh_span *s, unsigned span_class)
{
    uint8_t need_zero = s->need_zero;
    uint64_t npages = s->pages;
    if (!make_span(heap, p, s, s->base, npages, 0, span_class)) {
        gh_page_lists_give(&heap->page_lists, s);
        gh_add(&heap->free, page_bytes(heap, npages));
        return NULL;
    }
    s->need_zero |= need_zero;
    gh_step(heap, p, GOHEAP_STEP_SPAN_ALLOC, npages);
    return s;
}

/* alloc_span with page lists. The whole of the run that the pages came from no longer counts as released. */
static struct gh_span *alloc_listed(struct goheap *heap, struct goheap_p *p, uint64_t npages, unsigned span_class,
                                    bool manual)
{
    struct gh_taken_pages taken = {0, 0};
    gh_lock(heap, p, &heap->lock);
    struct gh_span *s = npages <= UINT32_MAX ? take_run(heap, p, npages, &taken) : NULL;
    if (s) {
        gh_add(&heap->released, -page_bytes(heap, taken.released));
        gh_add(&heap->free, page_bytes(heap, taken.released) - page_bytes(heap, npages));
        s = use_run(heap, p, s, span_class);
    }
    if (s && !manual && !gh_immediate(heap)) {
        if (gh_has_central_lists(heap) && gh_size_class(s) == 0)
            gh_list_append(busy_list(heap, npages), s);
        gh_sweep_queue_add(heap, s);
    }
    gh_unlock(heap, p, &heap->lock);
    if (taken.unbacked)
        gh_step(heap, p, GOHEAP_STEP_FAULT, page_bytes(heap, taken.unbacked));
    if (s && s->need_zero && gh_size_class(s) != 0) { /* a large object is zeroed if it asks for it */
        heap->platform->zero(heap->platform->self, p, s->base, gh_span_bytes(heap, s));
        s->need_zero = 0;
    }
    return s;
}

static struct gh_span *alloc_span(struct goheap *heap, struct goheap_p *p, uint64_t npages, unsigned span_class,
                                  bool manual)
{
    if (has_page_lists(heap))
        return alloc_listed(heap, p, npages, span_class, manual);
    uint64_t scavenged = 0, growth = 0;
    struct gh_span *s = NULL;
    uint64_t base = npages <= UINT32_MAX ? take_pages(heap, p, npages, &scavenged, &growth, &s) : 0;
    if (!base)
        return NULL;
    gh_scavenge_assist(heap, p, growth, page_bytes(heap, scavenged));
    uint64_t bytes = page_bytes(heap, npages);
    count_pages(heap, p, bytes, page_bytes(heap, scavenged));
    if (!s || !make_span(heap, p, s, base, npages, scavenged, span_class)) {
        give_pages(heap, p, base, npages, s);
        gh_add(&heap->free, bytes);
        return NULL;
    }
    gh_step(heap, p, GOHEAP_STEP_SPAN_ALLOC, npages);
    return s;
}

struct gh_span *gh_mheap_alloc(struct goheap *heap, struct goheap_p *p, uint64_t npages, unsigned span_class)
{
    if (!goheap_sweep_done(heap))
        gh_sweep_reclaim(heap, p, npages);
    struct gh_span *s = alloc_span(heap, p, npages, span_class, false);
    if (s) {
        gh_metadata_bits(heap, s->objects, 2);
        gh_add(&heap->in_use, page_bytes(heap, npages));
        gh_add(&heap->tail_bytes, gh_tail_bytes(heap, s));
        gh_add(&heap->pages_in_use, npages);
    }
    return s;
}

struct gh_span *gh_mheap_alloc_manual(struct goheap *heap, struct goheap_p *p, uint64_t npages)
{
    struct gh_span *s = alloc_span(heap, p, npages, 0, true);
    if (s) {
        s->state = GH_SPAN_MANUAL;
        *gh_live(s) = 0;
        __atomic_store_n(&s->sweep_gen, GH_GEN_NONE, __ATOMIC_RELEASE); /* no sweeper may take it for unswept */
        gh_add(&heap->stack_bytes, page_bytes(heap, npages));
    }
    return s;
}

/* Under the heap lock: the pages are free, and the descriptor is at hand for others, or stays with them. */
static void free_pages(struct goheap *heap, struct goheap_p *p, struct gh_span *s)
{
    if (has_page_lists(heap)) {
        if (s->list)
            gh_list_remove(s);
        gh_page_lists_give(&heap->page_lists, s);
        return;
    }
    gh_page_alloc_give(&heap->pages, s->base, s->pages);
    if (p && p->free_span_count < GH_SPAN_CACHE) {
        s->next = p->free_spans;
        p->free_spans = s;
        p->free_span_count++;
    } else {
        gh_descriptor_give(&heap->descriptors, s);
    }
}

void gh_mheap_free(struct goheap *heap, struct goheap_p *p, struct gh_span *s)
{
    uint64_t bytes = page_bytes(heap, s->pages);
    gh_step(heap, p, GOHEAP_STEP_SPAN_FREE, s->pages);
    detach_bits(heap, p, s);
    gh_lock(heap, p, &heap->lock);
    gh_add(&heap->free, bytes);
    if (gh_holds_objects(s)) {
        gh_add(&heap->pages_in_use, -(uint64_t)s->pages);
        gh_add(&heap->in_use, -bytes);
        gh_add(&heap->tail_bytes, -gh_tail_bytes(heap, s));
    } else {
        gh_add(&heap->stack_bytes, -bytes);
    }
    s->state = GH_SPAN_DEAD;
    __atomic_store_n(&s->watch, GH_WATCH_NONE, __ATOMIC_RELAXED);
    __atomic_store_n(&s->sweep_gen, GH_GEN_NONE, __ATOMIC_RELEASE);
    free_pages(heap, p, s);
    gh_unlock(heap, p, &heap->lock);
}
