/* What the heap knows about itself, in the words of runtime.MemStats.
 *
 * Follows runtime/mstats.go of Go 1.19 (readmemstats_m): totals a class, tiny objects counted as allocated
 * and freed at once, HeapSys as what is in use, free and released. */
#include "heap.h"

#include <string.h>

static void add(struct gh_stats *sum, const struct gh_stats *stats, unsigned classes)
{
    for (unsigned i = 0; i < classes; i++) {
        sum->small_allocs[i] += gh_get(&stats->small_allocs[i]);
        sum->small_frees[i] += gh_get(&stats->small_frees[i]);
    }
    sum->large_allocs += gh_get(&stats->large_allocs);
    sum->large_alloc_bytes += gh_get(&stats->large_alloc_bytes);
    sum->large_frees += gh_get(&stats->large_frees);
    sum->large_free_bytes += gh_get(&stats->large_free_bytes);
    sum->tiny_allocs += gh_get(&stats->tiny_allocs);
    sum->total_alloc += gh_get(&stats->total_alloc);
    sum->total_free += gh_get(&stats->total_free);
}

/* The heap's totals and all Ps'. */
static void add_up(const struct goheap *heap, struct gh_stats *sum)
{
    memset(sum, 0, sizeof *sum);
    add(sum, &heap->stats, heap->sc.count);
    for (const struct goheap_p *p = __atomic_load_n(&heap->ps, __ATOMIC_ACQUIRE); p; p = p->next)
        add(sum, &p->stats, heap->sc.count);
}

static void add_classes(const struct goheap *heap, const struct gh_stats *sum, struct goheap_memstats *m,
                        uint64_t *total_free)
{
    for (unsigned i = 0; i < heap->sc.count; i++) {
        uint64_t size = heap->sc.classes[i].size;
        uint64_t allocs = sum->small_allocs[i], frees = sum->small_frees[i];
        m->by_size[i] = (struct goheap_by_size){(uint32_t)size, allocs, frees};
        m->total_alloc += allocs * size;
        m->mallocs += allocs;
        *total_free += frees * size;
        m->frees += frees;
    }
}

/* Bytes of whole blocks that Go's fixalloc would have taken for n things of a size. */
static uint64_t fixalloc_sys(const struct goheap *heap, uint64_t n, uint32_t size)
{
    uint64_t per_block = heap->config.descriptor_chunk / size;
    uint64_t block = heap->config.descriptor_tails ? heap->config.descriptor_chunk : per_block * size;
    return (n + per_block - 1) / per_block * block;
}

/* Under the heap lock, or an estimate. */
static uint64_t mspan_sys(const struct goheap *heap)
{
    return fixalloc_sys(heap, gh_get(&heap->descriptors.made), heap->config.mspan_bytes);
}

static uint64_t mcache_sys(const struct goheap *heap)
{
    return fixalloc_sys(heap, __atomic_load_n(&heap->p_peak, __ATOMIC_RELAXED), heap->config.mcache_bytes);
}

static void read_memstats(struct goheap *heap, struct goheap_memstats *m)
{
    struct gh_stats sum;
    add_up(heap, &sum);
    memset(m, 0, sizeof *m);
    m->total_alloc = sum.large_alloc_bytes;
    m->mallocs = sum.large_allocs;
    uint64_t total_free = sum.large_free_bytes;
    m->frees = sum.large_frees;
    add_classes(heap, &sum, m, &total_free);
    m->mallocs += sum.tiny_allocs;
    m->frees += sum.tiny_allocs;
    m->heap_alloc = m->total_alloc - total_free;
    m->heap_objects = m->mallocs - m->frees;
    m->heap_inuse = gh_get(&heap->in_use);
    m->heap_released = gh_get(&heap->released);
    m->heap_idle = gh_get(&heap->free) + m->heap_released;
    m->heap_sys = m->heap_inuse + m->heap_idle;
    m->stack_inuse = gh_get(&heap->stack_bytes);
    m->mspan_inuse = heap->descriptors.in_use * heap->config.mspan_bytes;
    m->mspan_sys = mspan_sys(heap);
    m->mcache_inuse = (uint64_t)heap->p_count * heap->config.mcache_bytes;
    m->mcache_sys = mcache_sys(heap);
    struct gh_metadata_sys sys = gh_metadata_sys(heap);
    m->gc_sys = sys.gc;
    m->other_sys = sys.other;
}

void goheap_memstats(struct goheap *heap, struct goheap_memstats *m)
{
    for (struct goheap_p *p = heap->ps; p; p = p->next) {
        if (gh_immediate(heap))
            gh_mcache_settle(p);
        else
            gh_mcache_release_all(p);
        gh_stacks_release(p);
    }
    if (gh_immediate(heap))
        gh_owner_reclaim(heap);
    read_memstats(heap, m);
}

void goheap_memstats_peek(struct goheap *heap, struct goheap_p *p, struct goheap_memstats *m)
{
    if (p && gh_immediate(heap))
        gh_owner_settle_all(p);
    gh_lock(heap, p, &heap->lock); /* for the counts of Ps and descriptors */
    read_memstats(heap, m);
    gh_unlock(heap, p, &heap->lock);
}

static void add_bytes_of(const struct gh_stats *stats, struct goheap_gauges *g)
{
    g->total_alloc += gh_get(&stats->total_alloc);
    g->total_free += gh_get(&stats->total_free);
    g->dead += gh_get(&stats->dead_bytes);
    g->tiny_shared += (int64_t)gh_get(&stats->tiny_shared);
}

/* What Ps count each for themselves, without the totals by class. */
static void add_up_bytes(const struct goheap *heap, struct goheap_gauges *g)
{
    g->total_alloc = g->total_free = g->dead = 0;
    g->tiny_shared = 0;
    add_bytes_of(&heap->stats, g);
    for (const struct goheap_p *p = __atomic_load_n(&heap->ps, __ATOMIC_ACQUIRE); p; p = p->next)
        add_bytes_of(&p->stats, g);
}

uint64_t goheap_heap_live(const struct goheap *heap)
{
    if (!gh_immediate(heap))
        return gh_get(&heap->heap_live);
    struct goheap_gauges g;
    add_up_bytes(heap, &g);
    return g.total_alloc - g.total_free;
}

uint64_t goheap_mapped_ready(const struct goheap *heap)
{
    struct gh_metadata_sys sys = gh_metadata_sys(heap);
    return gh_get(&heap->in_use) + gh_get(&heap->free) + gh_get(&heap->stack_bytes) + mspan_sys(heap) +
           mcache_sys(heap) + sys.gc + sys.other + heap->config.runtime_bytes;
}

void goheap_gauges(const struct goheap *heap, struct goheap_gauges *g)
{
    *g = (struct goheap_gauges){
        .heap_inuse = gh_get(&heap->in_use),
        .heap_free = gh_get(&heap->free),
        .heap_released = gh_get(&heap->released),
        .stack_inuse = gh_get(&heap->stack_bytes),
        .pages_swept = gh_get(&heap->pages_swept),
        .tails = gh_get(&heap->tail_bytes),
    };
    add_up_bytes(heap, g);
    g->heap_live = gh_immediate(heap) ? g->total_alloc - g->total_free : gh_get(&heap->heap_live);
}

void goheap_class_stats(struct goheap *heap, struct goheap_class_stats *stats)
{
    memset(stats, 0, heap->sc.count * sizeof *stats);
    struct gh_span_iter iter = gh_spans_begin(&heap->descriptors);
    for (struct gh_span *s; (s = gh_spans_next(&iter));) {
        struct goheap_class_stats *c = &stats[gh_size_class(s)];
        c->spans++;
        c->pages += s->pages;
        c->slots += s->objects;
        struct gh_slots n = gh_slots_of(heap, s);
        c->allocated += n.allocated;
        c->allocated_bytes += n.allocated * gh_slot_bytes(heap, s);
        c->live += n.live;
        c->live_bytes += n.live * gh_slot_bytes(heap, s);
    }
}

void goheap_free_pages(const struct goheap *heap, struct goheap_free_pages *f)
{
    bool radix = heap->config.page_heap == GOHEAP_PAGES_RADIX;
    f->pages = radix ? gh_page_alloc_free_pages(&heap->pages) : heap->page_lists.free_pages;
    f->longest_run =
        radix ? gh_page_alloc_longest_run(&heap->pages) : gh_page_lists_longest_run(&heap->page_lists);
    f->cached = 0;
    for (const struct goheap_p *p = heap->ps; p; p = p->next)
        f->cached += gh_popcount(p->pages.free);
}
