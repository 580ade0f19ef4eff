/* mcache: the spans a P allocates from, one a span class, and the P's tiny block.
 *
 * Follows runtime/mcache.go of Go 1.19 (refill, releaseAll, prepareForSweep). Totals learn of allocations
 * only here, when a span goes back and its bits are counted: the fast path counts nothing.
 * Invariant: a span in an mcache is on no list, and no other P touches more of it than live bits.
 */
#include "heap.h"

/* Adds what the P has allocated from the span since it took it to the totals. */
static void count_allocs(struct goheap_p *p, struct gh_span *s)
{
    unsigned count = gh_span_count(s);
    uint64_t used = count - s->alloc_count;
    gh_count(p, &p->stats.small_allocs[gh_size_class(s)], used);
    gh_count(p, &p->stats.total_alloc, used * s->elem_size);
    s->alloc_count = (uint16_t)count;
}

static void count_tiny(struct goheap_p *p)
{
    gh_count(p, &p->stats.tiny_allocs, p->tiny_allocs);
    p->tiny_allocs = 0;
}

static uint64_t room_bytes(const struct gh_span *s)
{
    return (uint64_t)(s->objects - s->alloc_count) * s->elem_size;
}

/* Sizes of the class that `direct` is for, in eighths: the first and the one after the last. */
static unsigned first_eighth(const struct goheap *heap, unsigned class)
{
    unsigned after = heap->sc.classes[class - 1].size / GH_SMALL_DIV + 1;
    return after < GH_DIRECT ? after : GH_DIRECT;
}

/* What the P allocates from in the class is at hand for its sizes. */
static void set_direct(struct goheap_p *p, unsigned class, unsigned noscan)
{
    struct goheap *heap = p->heap;
    unsigned from = first_eighth(heap, class), to = class + 1 < heap->sc.count ? first_eighth(heap, class + 1) : GH_DIRECT;
    if (gh_header_of(&heap->sc, heap->sc.classes[class].size, noscan))
        return; /* its objects do not begin where their slots do */
    for (unsigned i = from; i < to; i++)
        if ((i - 1) * GH_SMALL_DIV + 1 >= heap->least[noscan])
            p->direct[noscan][i] = p->alloc[class * 2 + noscan];
}

void gh_mcache_set(struct goheap_p *p, unsigned span_class, struct gh_span *s)
{
    struct goheap *heap = p->heap;
    unsigned class = span_class / 2, noscan = span_class % 2;
    p->alloc[span_class] = s ? s : &heap->empty;
    if (class == 0)
        return;
    set_direct(p, class, noscan);
    /* One span for either number; but it is at hand only for objects with pointers: alloc_class notes the others. */
    if (!heap->config.noscan_apart)
        p->alloc[span_class ^ 1] = p->alloc[span_class];
}

/* All the slots left count as live from now on, for the pacer, and the span's tail too (gcController.update in
 * refill): a cycle's end puts that right. */
static void install(struct goheap_p *p, unsigned span_class, struct gh_span *s)
{
    struct goheap *heap = p->heap;
    __atomic_store_n(&s->sweep_gen, heap->sweep_gen + 3, __ATOMIC_RELEASE);
    gh_add(&heap->heap_live, room_bytes(s) + gh_tail_bytes(heap, s));
    gh_mcache_set(p, span_class, s);
}

bool gh_mcache_refill(struct goheap_p *p, unsigned span_class)
{
    struct goheap *heap = p->heap;
    struct gh_span *s = p->alloc[span_class];
    gh_step(heap, p, GOHEAP_STEP_REFILL, 1);
    if (span_class == heap->tiny_class)
        count_tiny(p);
    if (!heap->config.noscan_apart)
        span_class &= ~1u;
    if (gh_immediate(heap))
        return gh_owner_refill(p, span_class);
    if (s != &heap->empty) {
        count_allocs(p, s);
        gh_mcache_set(p, span_class, NULL);
        gh_central_give(heap, p, s);
    }
    s = gh_central_take(heap, p, span_class);
    if (!s)
        return false;
    install(p, span_class, s);
    return true;
}

void gh_tiny_let_go(struct goheap_p *p)
{
    if (p->tiny) {
        struct gh_span *s = p->tiny_span;
        gh_count(p, &p->stats.tiny_shared, 1); /* the P no longer keeps it */
        gh_tiny_release(p, s, (unsigned)gh_span_index(s, p->tiny));
    }
    p->tiny = 0;
    p->tiny_offset = 0;
    p->tiny_span = NULL;
}

void gh_mcache_settle(struct goheap_p *p)
{
    gh_tiny_let_go(p);
    count_tiny(p);
}

void gh_mcache_release_all(struct goheap_p *p)
{
    struct goheap *heap = p->heap;
    gh_mcache_settle(p);
    if (gh_immediate(heap)) {
        gh_owner_release_all(p);
        return;
    }
    for (unsigned i = 0; i < heap->span_classes; i++) {
        struct gh_span *s = p->alloc[i];
        if (s == &heap->empty)
            continue;
        count_allocs(p, s);
        /* A span cached since before the cycle's end was left out of heap_live when that was reset. */
        if (__atomic_load_n(&s->sweep_gen, __ATOMIC_RELAXED) != heap->sweep_gen + 1)
            gh_add(&heap->heap_live, -room_bytes(s));
        gh_mcache_set(p, i, NULL);
        gh_central_give(heap, p, s);
    }
}

void goheap_p_begin_sweep(struct goheap_p *p)
{
    if (p->flush_gen == p->heap->sweep_gen)
        return;
    gh_mcache_release_all(p);
    gh_stacks_release(p);
    p->flush_gen = p->heap->sweep_gen;
}
