/* Sweeping: deaths become free slots, empty spans go back to mheap.
 *
 * Spans are swept by whoever comes first: a refill that needs one (mcentral), an allocation that pays its
 * share (gh_sweep_pay), mheap before it grows (gh_sweep_reclaim), the background sweeper (goheap_sweep_one).
 * A sweeper claims a span by moving its sweep_gen from -2 to -1; whoever fails to claim leaves it alone.
 * Follows runtime/mgcsweep.go and mheap.go (reclaim) of Go 1.19. A claimed span is taken off its list, where
 * Go leaves it to be skipped later.
 */
#include "heap.h"

bool gh_sweep_begin(struct goheap *heap)
{
    uint32_t state = __atomic_load_n(&heap->sweeping, __ATOMIC_RELAXED);
    do {
        if (state & GH_SWEEP_DRAINED)
            return false;
    } while (!__atomic_compare_exchange_n(&heap->sweeping, &state, state + 1, true, __ATOMIC_ACQUIRE,
                                          __ATOMIC_RELAXED));
    return true;
}

void gh_sweep_end(struct goheap *heap)
{
    __atomic_fetch_sub(&heap->sweeping, 1, __ATOMIC_RELEASE);
}

bool goheap_sweep_done(const struct goheap *heap)
{
    return __atomic_load_n(&heap->sweeping, __ATOMIC_ACQUIRE) == GH_SWEEP_DRAINED;
}

bool gh_sweep_claim(struct goheap *heap, struct gh_span *s)
{
    uint32_t unswept = heap->sweep_gen - 2;
    if (__atomic_load_n(&s->sweep_gen, __ATOMIC_RELAXED) != unswept)
        return false; /* and nothing was written, as it may be a P's */
    return __atomic_compare_exchange_n(&s->sweep_gen, &unswept, heap->sweep_gen - 1, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED);
}

/* Turns what is not marked into free slots and counts them; returns the slots still allocated. */
static unsigned sweep_bits(struct goheap *heap, struct goheap_p *p, struct gh_span *s)
{
    struct gh_stats *stats = gh_stats_of(heap, p);
    gh_step(heap, p, GOHEAP_STEP_SWEEP, s->objects);
    gh_metadata_bits(heap, s->objects, 1);
    unsigned before = s->alloc_count;
    unsigned left = gh_span_take_marked(s, heap->config.concurrent);
    for (unsigned w = 0; gh_is_mixed(heap, s) && w < gh_words(s); w++)
        gh_noscan_bits(s)[w] &= s->alloc[w];
    s->alloc_count = (uint16_t)left;
    uint64_t freed = before - left;
    if (freed == 0)
        return left;
    s->need_zero = 1;
    uint64_t bytes = freed * gh_slot_bytes(heap, s);
    if (gh_size_class(s) != 0) {
        gh_count(p, &stats->small_frees[gh_size_class(s)], freed);
    } else {
        gh_count(p, &stats->large_frees, 1);
        gh_count(p, &stats->large_free_bytes, bytes);
    }
    gh_count(p, &stats->total_free, bytes);
    gh_count(p, &stats->dead_bytes, -bytes);
    return left;
}

bool gh_sweep_span(struct goheap *heap, struct goheap_p *p, struct gh_span *s, bool keep)
{
    gh_add(&heap->pages_swept, s->pages);
    unsigned left = sweep_bits(heap, p, s);
    if (gh_has_central_lists(heap) && !keep)
        return gh_lists_swept(heap, p, s, left);
    __atomic_store_n(&s->sweep_gen, heap->sweep_gen, __ATOMIC_RELEASE);
    if (keep) {
        gh_sweep_queue_add(heap, s);
        return false;
    }
    if (left == 0) {
        gh_mheap_free(heap, p, s);
        return true;
    }
    gh_central_push(heap, p, s);
    return false;
}

/* nextSpanForSweep: class by class, full spans before partial ones. */
static struct gh_span *next_unswept(struct goheap *heap, struct goheap_p *p)
{
    if (heap->config.sweep_order != GOHEAP_SWEEP_BY_CLASS)
        return gh_sweep_queue_next(heap);
    unsigned unswept = 1 - heap->sweep_gen / 2 % 2;
    uint32_t at = __atomic_load_n(&heap->sweep_class, __ATOMIC_RELAXED);
    for (; at < heap->span_classes * 2; at++) {
        struct gh_central *c = &heap->central[at / 2];
        struct gh_list *list = at % 2 == 0 ? &c->full[unswept] : &c->partial[unswept];
        if (gh_list_is_empty(list))
            continue;
        gh_lock(heap, p, &c->lock);
        struct gh_span *s = gh_list_pop(list);
        if (s)
            gh_metadata_pop(heap, c, list);
        gh_unlock(heap, p, &c->lock);
        if (s) {
            __atomic_store_n(&heap->sweep_class, at, __ATOMIC_RELAXED);
            return s;
        }
    }
    __atomic_store_n(&heap->sweep_class, at, __ATOMIC_RELAXED);
    return NULL;
}

uint64_t goheap_sweep_one(struct goheap *heap, struct goheap_p *p)
{
    if (!gh_sweep_begin(heap))
        return UINT64_MAX;
    uint64_t result = UINT64_MAX;
    struct gh_span *s;
    while ((s = next_unswept(heap, p)) && !gh_sweep_claim(heap, s))
        ;
    if (s) {
        uint64_t npages = s->pages;
        bool freed = gh_sweep_span(heap, p, s, false);
        if (freed)
            gh_add(&heap->reclaim_credit, npages);
        result = freed ? npages : 0;
    } else {
        if (!(__atomic_fetch_or(&heap->sweeping, GH_SWEEP_DRAINED, __ATOMIC_RELAXED) & GH_SWEEP_DRAINED))
            gh_step(heap, p, GOHEAP_STEP_SWEPT, 0);
    }
    gh_sweep_end(heap);
    return result;
}

/* gcPaceSweeper. */
void goheap_sweep_pace(struct goheap *heap, uint64_t trigger)
{
    heap->sweep_pages_per_byte = 0;
    if (goheap_sweep_done(heap))
        return;
    const int64_t page = INT64_C(1) << heap->config.page_shift;
    int64_t distance = (int64_t)(trigger - heap->heap_live) - (1 << 20);
    if (distance < page)
        distance = page;
    int64_t left = (int64_t)(heap->pages_in_use - heap->pages_swept);
    if (left <= 0)
        return;
    heap->sweep_pages_per_byte = (double)left / (double)distance;
    heap->sweep_live_basis = heap->heap_live;
    heap->pages_swept_basis = heap->pages_swept;
}

/* deductSweepCredit. */
void gh_sweep_pay(struct goheap *heap, struct goheap_p *p, uint64_t span_bytes, uint64_t caller_pages)
{
    if (heap->sweep_pages_per_byte == 0 || goheap_sweep_done(heap))
        return;
    uint64_t live = gh_get(&heap->heap_live);
    uint64_t fresh = span_bytes + (live > heap->sweep_live_basis ? live - heap->sweep_live_basis : 0);
    int64_t target = (int64_t)(heap->sweep_pages_per_byte * (double)fresh) - (int64_t)caller_pages;
    while (target > (int64_t)(gh_get(&heap->pages_swept) - heap->pages_swept_basis))
        if (goheap_sweep_one(heap, p) == UINT64_MAX)
            break;
}

/* --- mheap.reclaim ------------------------------------------------------------------------------------- */

/* The span that begins at this page and is unswept with nothing marked in it, claimed and off its list. */
static struct gh_span *claim_dead_span(struct goheap *heap, struct goheap_p *p, uint64_t addr)
{
    struct gh_span *s = gh_span_at(heap, addr);
    if (!s || __atomic_load_n(&s->sweep_gen, __ATOMIC_ACQUIRE) != heap->sweep_gen - 2 ||
        __atomic_load_n(&s->base, __ATOMIC_RELAXED) != addr || __atomic_load_n(&s->any_marked, __ATOMIC_RELAXED) ||
        !gh_sweep_claim(heap, s))
        return NULL;
    struct gh_central *c = &heap->central[s->span_class];
    gh_lock(heap, p, &c->lock);
    if (s->list)
        gh_list_remove(s);
    gh_unlock(heap, p, &c->lock);
    return s;
}

/* Looks through GH_RECLAIM_CHUNK pages; how many it freed. */
static uint64_t reclaim_chunk(struct goheap *heap, struct goheap_p *p, uint64_t first_page)
{
    uint64_t freed = 0;
    for (uint64_t i = 0; i < GH_RECLAIM_CHUNK; i++) {
        struct gh_span *s = claim_dead_span(heap, p, heap->base + ((first_page + i) << heap->config.page_shift));
        if (!s)
            continue;
        uint64_t npages = s->pages;
        if (gh_sweep_span(heap, p, s, false))
            freed += npages;
    }
    return freed;
}

static uint64_t take_credit(struct goheap *heap, uint64_t npages)
{
    uint64_t credit = gh_get(&heap->reclaim_credit), take;
    do {
        take = credit < npages ? credit : npages;
    } while (take && !__atomic_compare_exchange_n(&heap->reclaim_credit, &credit, credit - take, true,
                                                  __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return take;
}

void gh_sweep_reclaim(struct goheap *heap, struct goheap_p *p, uint64_t npages)
{
    if (gh_has_central_lists(heap)) {
        gh_lists_reclaim(heap, p, npages);
        return;
    }
    if (gh_get(&heap->reclaim_index) >= heap->reclaim_end || !gh_sweep_begin(heap))
        return;
    while ((npages -= take_credit(heap, npages)) > 0) {
        uint64_t at = __atomic_fetch_add(&heap->reclaim_index, GH_RECLAIM_CHUNK, __ATOMIC_RELAXED);
        if (at >= heap->reclaim_end)
            break;
        uint64_t freed = reclaim_chunk(heap, p, at);
        if (freed > npages) {
            gh_add(&heap->reclaim_credit, freed - npages);
            break;
        }
        npages -= freed;
    }
    gh_sweep_end(heap);
}
