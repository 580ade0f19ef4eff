/* goheap_verify: every structure against every other.
 *
 * A span in use is in one place (a P's mcache or one central list), its bits agree with its counts, its pages
 * point at it, and all pages, slots and totals add up. Meant for tests and debug builds.
 */
#include "fault.h"
#include "heap.h"

#include <string.h>

struct check {
    struct goheap *heap;
    char *why;
    size_t why_size;
    uint64_t placed;    /* spans found in an mcache or on a list */
    uint64_t in_use;    /* spans found by walking the descriptors */
    uint64_t pages;     /* of those */
    uint64_t cached_pages; /* free, in page caches */
    uint64_t allocated[GOHEAP_MAX_CLASSES]; /* slots the totals should know of */
};

#define fail(c, ...) gh_fault((c)->why, (c)->why_size, __VA_ARGS__)

typedef unsigned long long ull;

static bool is_cached(const struct goheap *heap, const struct gh_span *s)
{
    return s->sweep_gen == heap->sweep_gen + 1 || s->sweep_gen == heap->sweep_gen + 3;
}

static bool check_bits(struct check *c, const struct gh_span *s)
{
    const bool held = s->owner || is_cached(c->heap, s);
    unsigned allocated = 0;
    for (unsigned w = 0; w < gh_words(s); w++) {
        uint64_t word = gh_span_allocated(s, w), live = gh_live_load(&gh_live(s)[w]);
        uint64_t cache = w * 64 == s->cursor ? s->alloc_cache : 0;
        allocated += gh_popcount(word);
        if ((live | gh_alloc_bits(s, w) | gh_mark(s)[w] | cache) & ~gh_span_word_mask(s, w))
            return fail(c, "span 0x%llx: a bit is set beyond its %u slots", (ull)s->base, s->objects);
        if (s->owner && (cache & ~gh_alloc_bits(s, w)))
            return fail(c, "span 0x%llx: a slot to be handed out has no alloc bit", (ull)s->base);
        if (s->owner && (~live & gh_span_word_mask(s, w) & ~word))
            return fail(c, "span 0x%llx: a free slot was freed", (ull)s->base);
        if (!held && (live & ~word))
            return fail(c, "span 0x%llx: a live bit is set on a free slot", (ull)s->base);
    }
    if (!held && allocated != s->alloc_count)
        return fail(c, "span 0x%llx: %u slots are allocated, it counts %u", (ull)s->base, allocated, s->alloc_count);
    return true;
}

static bool check_pages(struct check *c, const struct gh_span *s)
{
    const struct goheap *heap = c->heap;
    for (uint64_t i = 0; i < s->pages; i++)
        if (gh_span_at(heap, s->base + (i << heap->page_shift)) != s)
            return fail(c, "span 0x%llx: page %llu does not point at it", (ull)s->base, (ull)i);
    const struct gh_class *class = &heap->sc.classes[gh_size_class(s)];
    if (class->size && (s->pages != class->pages || s->elem_size != class->size || s->objects != class->objects[gh_noscan(s)]))
        return fail(c, "span 0x%llx: not laid out as its class %u", (ull)s->base, gh_size_class(s));
    return true;
}

/* Under immediate reclaim: large objects, and spans that their P has used up. */
static bool is_on_no_list(const struct goheap *heap, const struct gh_span *s)
{
    if (gh_size_class(s) == 0)
        return gh_immediate(heap);
    return s->watch == GH_WATCH_OWNER;
}

static bool check_retired(struct check *c, const struct gh_span *s)
{
    if (s->watch == GH_WATCH_OWNER && (!s->owner || s->list || s->frees_left == 0 || gh_span_has_deaths(s)))
        return fail(c, "span 0x%llx: watched for its owner, %u of %u slots allocated", (ull)s->base, gh_span_count(s),
                    s->objects);
    return true;
}

static bool check_spans(struct check *c)
{
    struct gh_span_iter iter = gh_spans_begin(&c->heap->descriptors);
    for (struct gh_span *s; (s = gh_spans_next(&iter));) {
        if (!check_bits(c, s) || !check_pages(c, s) || !check_retired(c, s))
            return false;
        c->in_use++;
        c->pages += s->pages;
        c->allocated[gh_size_class(s)] += s->alloc_count;
        c->placed += is_on_no_list(c->heap, s);
    }
    return true;
}

/* The second number of a class whose objects all share spans. */
static bool is_alias(const struct goheap *heap, unsigned span_class)
{
    return !heap->config.noscan_apart && span_class >= 2 && span_class % 2;
}

/* Lists that their spans do not leave, whatever becomes of them. */
static bool has_lists(const struct goheap *heap)
{
    return gh_has_central_lists(heap) && !gh_immediate(heap);
}

/* A span in an mcache is on no list, or, of those, among the full ones. */
static bool is_where_cached(const struct goheap *heap, const struct gh_span *s)
{
    return s->list == (has_lists(heap) ? &heap->central[s->span_class].full[0] : NULL);
}

static bool check_mcache(struct check *c, const struct goheap_p *p)
{
    const struct goheap *heap = c->heap;
    c->cached_pages += gh_popcount(p->pages.free);
    for (unsigned i = 0; i < heap->span_classes; i++) {
        const struct gh_span *s = p->alloc[i];
        if (s == &heap->empty || is_alias(heap, i))
            continue;
        if (s->span_class != i || !is_where_cached(heap, s) || !gh_holds_objects(s) || s->watch != GH_WATCH_NONE)
            return fail(c, "span 0x%llx: in an mcache for class %u, but of class %u or listed", (ull)s->base, i,
                        s->span_class);
        if (gh_immediate(heap) ? s->owner != p : !is_cached(heap, s))
            return fail(c, "span 0x%llx: in an mcache with sweep generation %u of %u", (ull)s->base, s->sweep_gen,
                        heap->sweep_gen);
        c->placed += !s->list;
    }
    return true;
}

/* Spans that the P has been told of, and has not looked at since. */
static bool check_news(struct check *c, const struct goheap_p *p)
{
    for (const struct gh_span *s = p->news; s; s = s->next, c->placed++)
        if (s->owner != p || s->list || s->watch != GH_WATCH_NONE)
            return fail(c, "span 0x%llx: on a P's news, and should not be", (ull)s->base);
    return true;
}

static bool check_kept(struct check *c, const struct goheap_p *p)
{
    uint64_t empty = 0;
    for (unsigned i = 0; i < c->heap->span_classes; i++) {
        for (const struct gh_span *s = p->partial[i].head; s; s = s->next) {
            if (s->list != &p->partial[i] || s->span_class != i || s->owner != p || s->watch != GH_WATCH_NONE ||
                gh_span_count(s) == s->objects)
                return fail(c, "span 0x%llx: on a P's list of class %u with room, and should not be", (ull)s->base, i);
            empty += gh_span_count(s) == 0 ? s->pages : 0;
            c->placed++;
        }
    }
    if (empty != p->kept_pages)
        return fail(c, "a P keeps %llu pages without an object, it counts %llu", (ull)empty, (ull)p->kept_pages);
    return true;
}

static bool immediate_misplaced(const struct gh_span *s, bool full)
{
    bool has_no_room = s->alloc_count == s->objects && !gh_span_has_deaths(s);
    return has_no_room != full || gh_span_all_dead(s) || s->watch != (full ? GH_WATCH_FULL : GH_WATCH_PARTIAL);
}

static bool check_list(struct check *c, const struct gh_list *list, unsigned span_class, bool full, bool swept)
{
    const struct goheap *heap = c->heap;
    const struct gh_span *prev = NULL;
    for (const struct gh_span *s = list->head; s; prev = s, s = s->next) {
        if (s->list != list || s->prev != prev || s->span_class != span_class || !gh_holds_objects(s) || s->owner)
            return fail(c, "span 0x%llx: the list of class %u it is on is broken", (ull)s->base, span_class);
        if (s->sweep_gen != heap->sweep_gen - (swept ? 0 : 2))
            return fail(c, "span 0x%llx: sweep generation %u of %u on a list of %s spans", (ull)s->base, s->sweep_gen,
                        heap->sweep_gen, swept ? "swept" : "unswept");
        bool misplaced = gh_immediate(heap) ? immediate_misplaced(s, full) : (s->alloc_count == s->objects) != full;
        if (misplaced)
            return fail(c, "span 0x%llx: %u of %u slots allocated, on a list of %s spans", (ull)s->base,
                        s->alloc_count, s->objects, full ? "full" : "partly free");
        c->placed++;
    }
    return true;
}

/* A span that P may hold, in `empty`, or none does; swept or not. */
static bool check_listed(struct check *c, const struct gh_list *list, const struct gh_span *s, const struct gh_span *prev)
{
    const struct goheap *heap = c->heap;
    bool unswept = s->sweep_gen == heap->sweep_gen - 2, large = gh_size_class(s) == 0;
    const struct gh_list *home = is_cached(heap, s) || s->alloc_count == s->objects
                                     ? &heap->central[s->span_class].full[0]
                                     : &heap->central[s->span_class].partial[0];
    if (large)
        home = &heap->busy[s->pages < GH_LISTED_PAGES ? s->pages : GH_LISTED_PAGES];
    if (s->list != list || s->prev != prev || !gh_holds_objects(s) || s->owner)
        return fail(c, "span 0x%llx: the list it is on is broken", (ull)s->base);
    if (!unswept && s->sweep_gen != heap->sweep_gen && (large || !is_cached(heap, s)))
        return fail(c, "span 0x%llx: listed with sweep generation %u of %u", (ull)s->base, s->sweep_gen,
                    heap->sweep_gen);
    if (list != home)
        return fail(c, "span 0x%llx: %u of %u slots allocated, %u pages: not where it should be listed", (ull)s->base,
                    s->alloc_count, s->objects, s->pages);
    c->placed++;
    return true;
}

static bool check_one_of_lists(struct check *c, const struct gh_list *list)
{
    const struct gh_span *prev = NULL;
    for (const struct gh_span *s = list->head; s; prev = s, s = s->next)
        if (!check_listed(c, list, s, prev))
            return false;
    return list->tail == prev || fail(c, "a list ends elsewhere than it says");
}

static bool check_lists(struct check *c)
{
    for (unsigned i = 0; i < c->heap->span_classes; i++)
        for (unsigned k = 0; k < 2; k++)
            if (!check_one_of_lists(c, &c->heap->central[i].partial[k]) ||
                !check_one_of_lists(c, &c->heap->central[i].full[k]))
                return false;
    for (unsigned i = 0; i <= GH_LISTED_PAGES; i++)
        if (!check_one_of_lists(c, &c->heap->busy[i]))
            return false;
    return true;
}

/* Which of each two lists has the swept spans: the first, where immediate reclaim leaves the second empty. */
static unsigned swept_index(const struct goheap *heap)
{
    return gh_has_central_lists(heap) ? 0 : heap->sweep_gen / 2 % 2;
}

static bool check_centrals(struct check *c)
{
    if (has_lists(c->heap))
        return check_lists(c);
    unsigned swept = swept_index(c->heap);
    for (unsigned i = 0; i < c->heap->span_classes; i++) {
        const struct gh_central *central = &c->heap->central[i];
        for (unsigned k = 0; k < 2; k++)
            if (!check_list(c, &central->partial[k], i, false, k == swept) ||
                !check_list(c, &central->full[k], i, true, k == swept))
                return false;
    }
    return true;
}

static uint64_t length(const struct gh_list *list)
{
    uint64_t n = 0;
    for (const struct gh_span *s = list->head; s; s = s->next)
        n++;
    return n;
}

/* What went into a span set and not out of it is on the list, unless it was reclaimed from its middle. */
static bool check_sets(struct check *c)
{
    const struct goheap *heap = c->heap;
    uint64_t blocks = 0;
    if (gh_immediate(heap) || has_lists(heap))
        return true;
    for (unsigned i = 0; i < heap->span_classes; i++)
        for (unsigned k = 0; k < 4; k++) {
            const struct gh_central *central = &heap->central[i];
            const struct gh_set *set = &central->sets[k];
            uint64_t listed = length(k < 2 ? &central->partial[k] : &central->full[k - 2]);
            if (set->tail - set->head < listed)
                return fail(c, "class %u: %llu spans are listed, %u went in and %u out", i, (ull)listed, set->tail,
                            set->head);
            blocks += gh_set_blocks(set);
        }
    return blocks == heap->metadata.set_blocks ||
           fail(c, "span sets have %llu blocks, the heap counts %llu", (ull)blocks, (ull)heap->metadata.set_blocks);
}

static uint64_t counted_objects(const struct gh_stats *stats, unsigned class)
{
    return class ? stats->small_allocs[class] - stats->small_frees[class] : stats->large_allocs - stats->large_frees;
}

static bool has_page_lists(const struct goheap *heap)
{
    return heap->config.page_heap != GOHEAP_PAGES_RADIX;
}

static bool check_totals(struct check *c)
{
    const struct goheap *heap = c->heap;
    unsigned shift = heap->config.page_shift;
    if (c->placed != c->in_use)
        return fail(c, "%llu spans are in use, %llu are in an mcache or listed", (ull)c->in_use, (ull)c->placed);
    if (c->pages << shift != heap->in_use || c->pages != heap->pages_in_use)
        return fail(c, "spans hold %llu pages, the heap counts %llu", (ull)c->pages, (ull)heap->pages_in_use);
    uint64_t free_pages = c->cached_pages + (has_page_lists(heap) ? heap->page_lists.free_pages
                                                                  : gh_page_alloc_free_pages(&heap->pages));
    if (free_pages << shift != heap->free + heap->released)
        return fail(c, "%llu pages are free, the heap counts %llu", (ull)free_pages,
                    (ull)((heap->free + heap->released) >> shift));
    uint64_t all = c->pages + free_pages + (heap->stack_bytes >> shift);
    if (all << shift != heap->grown - heap->base)
        return fail(c, "%llu pages are in use or free, %llu were grown", (ull)all,
                    (ull)((heap->grown - heap->base) >> shift));
    for (unsigned i = 0; i < heap->sc.count; i++) {
        uint64_t counted = counted_objects(&heap->stats, i);
        for (const struct goheap_p *p = heap->ps; p; p = p->next)
            counted += counted_objects(&p->stats, i);
        if (counted != c->allocated[i])
            return fail(c, "size class %u: %llu slots are allocated, the totals say %llu", i, (ull)c->allocated[i],
                        (ull)counted);
    }
    return true;
}

static bool check_page_lists(struct check *c)
{
    const struct goheap *heap = c->heap;
    uint64_t released = heap->page_lists.released_pages << heap->config.page_shift;
    if (released != heap->released)
        return fail(c, "%llu bytes are released, the heap counts %llu", (ull)released, (ull)heap->released);
    return gh_page_lists_verify(&heap->page_lists, c->why, c->why_size);
}

bool goheap_verify(struct goheap *heap, char *why, size_t why_size)
{
    struct check c = {.heap = heap, .why = why, .why_size = why_size};
    if (!check_spans(&c))
        return false;
    for (const struct goheap_p *p = heap->ps; p; p = p->next)
        if (!check_mcache(&c, p) || !check_kept(&c, p) || !check_news(&c, p))
            return false;
    if (!check_centrals(&c) || !check_sets(&c) || !check_totals(&c))
        return false;
    return has_page_lists(heap) ? check_page_lists(&c) : gh_page_alloc_verify(&heap->pages, why, why_size);
}
