/* A collection cycle, as far as the heap takes part: who is marked, and the turn to the next sweep phase.
 *
 *     begin: sweep what is left --> mark: live bits become mark bits --> end: sweep_gen += 2
 *
 * An object that is live when marking starts, or is allocated before it ends, survives the cycle: that is
 * what Go's snapshot-at-the-beginning barrier and allocate-black come to (mgc.go, mbarrier.go). Every other
 * object becomes a free slot when its span is swept. Follows runtime/mgc.go of Go 1.19 (gcStart, gcSweep)
 * and mgcpacer.go (resetLive).
 */
#include "heap.h"

void goheap_gc_begin(struct goheap *heap, struct goheap_p *p)
{
    while (goheap_sweep_one(heap, p) != UINT64_MAX)
        ;
    gh_metadata_swept(heap);
    struct gh_span_iter iter = gh_spans_begin(&heap->descriptors);
    for (struct gh_span *s; (s = gh_spans_next(&iter));)
        gh_span_mark_begin(s);
    heap->marking = true;
}

/* Whether the slot with a live bit is an object, though a P may be handing out others at this moment. The cursor only
 * moves on, and is read after alloc_cache: if it is at the slot's word then, the cache was that word's, or was empty. */
static bool handed_out(const struct gh_span *s, uint64_t word, uint64_t bit)
{
    uint64_t cache = __atomic_load_n(&s->alloc_cache, __ATOMIC_ACQUIRE);
    uint64_t at = __atomic_load_n(&s->cursor, __ATOMIC_ACQUIRE) / 64u;
    if (word == at)
        return !(cache & bit);
    return word < at || (s->alloc[word] & bit); /* the sweep before the marking wrote it last */
}

static bool is_noscan(const struct goheap *heap, const struct gh_span *s, uint64_t word, uint64_t bit)
{
    return gh_is_mixed(heap, s) ? __atomic_load_n(&gh_noscan_bits(s)[word], __ATOMIC_RELAXED) & bit : gh_noscan(s);
}

bool goheap_gc_mark(struct goheap *heap, uint64_t addr, struct goheap_object *object)
{
    const struct gh_span *s = gh_span_at(heap, addr);
    if (!s || !gh_holds_objects(s))
        return false;
    uint64_t index = gh_span_index(s, addr);
    if (index >= s->objects)
        return false;
    const uint64_t word = index / 64, bit = UINT64_C(1) << index % 64;
    if (!(gh_live_load(&gh_live(s)[word]) & bit) || !handed_out(s, word, bit) || addr < gh_object_at(heap, s, index))
        return false;
    uint64_t at = gh_object_at(heap, s, index), end = s->base + (index + 1) * gh_slot_bytes(heap, s);
    *object = (struct goheap_object){at, end - at, is_noscan(heap, s, word, bit)};
    return !(__atomic_fetch_or(&gh_mark(s)[word], bit, __ATOMIC_RELAXED) & bit);
}

/* Of so many marked objects those that may hold pointers. */
static uint64_t scannable(const struct goheap *heap, const struct gh_span *s, uint64_t objects)
{
    if (!gh_is_mixed(heap, s))
        return gh_noscan(s) ? 0 : objects;
    for (unsigned w = 0; w < gh_words(s); w++)
        objects -= gh_popcount(gh_mark(s)[w] & gh_noscan_bits(s)[w]);
    return objects;
}

static void count_marked(const struct goheap *heap, struct goheap_marked *marked, const struct gh_span *s,
                         uint64_t objects)
{
    if (objects == 0)
        return;
    const uint64_t slot = gh_slot_bytes(heap, s), scan = scannable(heap, s, objects);
    const unsigned class = gh_size_class(s);
    marked->objects += objects;
    marked->spans++;
    marked->bytes += objects * slot;
    marked->class_objects[class] += objects;
    marked->class_spans[class]++;
    if (scan == 0)
        return;
    marked->scan_bytes += scan * slot;
    marked->scan_objects[class] += scan;
    marked->scan_spans[class]++;
}

void goheap_gc_mark_live(struct goheap *heap, struct goheap_marked *marked)
{
    *marked = (struct goheap_marked){0};
    struct gh_span_iter iter = gh_spans_begin(&heap->descriptors);
    for (struct gh_span *s; (s = gh_spans_next(&iter));)
        count_marked(heap, marked, s, gh_span_mark_live(s));
}

void goheap_gc_end(struct goheap *heap, struct goheap_marked *survived)
{
    *survived = (struct goheap_marked){0};
    struct gh_span_iter iter = gh_spans_begin(&heap->descriptors);
    for (struct gh_span *s; (s = gh_spans_next(&iter));)
        count_marked(heap, survived, s, gh_span_mark_new(s));
    heap->sweep_gen += 2;
    heap->sweeping = 0;
    heap->sweep_class = 0;
    gh_sweep_queue_turn(heap);
    heap->sweep_pages_per_byte = 0;
    heap->pages_swept = 0;
    heap->reclaim_index = 0;
    heap->reclaim_credit = 0;
    heap->reclaim_end = (heap->grown - heap->base) >> heap->config.page_shift;
    heap->heap_live = survived->bytes;
    heap->marking = false;
    gh_page_alloc_next_gen(&heap->pages);
    gh_stacks_sweep(heap);
}
