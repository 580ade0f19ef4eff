/* mcentral before Go 1.15, and the sweeping that goes with it.
 *
 *     nonempty   spans with room                      new in front, taken from the front, swept or not
 *     empty      full ones, and those in mcaches      new at the back: swept ones are behind unswept ones
 *     busy[n]    large objects' spans of n pages      the same
 *
 * A span stays on its list while it is swept, and one that a P takes goes to the back of `empty`, so that a P that has
 * used its span up gives it back by doing nothing. Follows runtime/mcentral.go of Go 1.5 (mCentral_CacheSpan,
 * mCentral_UncacheSpan, mCentral_FreeSpan), which is that of 1.11 under other names, mgcsweep.go (sweepone) of both, and
 * mheap.go (mHeap_Reclaim). Reclaim by collection only: under immediate reclaim mcentral.c has the lists.
 * What differs between the two is the order in which sweepers that need nothing in particular go (gh_sweep_queue).
 * Invariant: a swept span that no P holds is on `nonempty` if it has room, and on `empty` if not; its sweep_gen says
 * that it is swept no sooner than it is there.
 */
#include "heap.h"

static uint32_t gen_of(const struct gh_span *s)
{
    return __atomic_load_n(&s->sweep_gen, __ATOMIC_ACQUIRE);
}

static bool has_room(const struct gh_span *s)
{
    return s->alloc_count < s->objects;
}

static void move_to_back(struct gh_list *list, struct gh_span *s)
{
    gh_list_remove(s);
    gh_list_append(list, s);
}

/* --- what is next to sweep ----------------------------------------------------------------------------- */

static size_t stack_bytes(const struct goheap *heap)
{
    return (size_t)heap->map.pages * sizeof(struct gh_span *);
}

bool gh_sweep_queue_init(struct goheap *heap)
{
    if (heap->config.sweep_order != GOHEAP_SWEEP_STACK)
        return true;
    for (unsigned i = 0; i < 2; i++)
        heap->queue.spans[i] = heap->platform->metadata_alloc(heap->platform->self, stack_bytes(heap));
    if (heap->queue.spans[0] && heap->queue.spans[1])
        return true;
    gh_sweep_queue_destroy(heap);
    return false;
}

void gh_sweep_queue_destroy(struct goheap *heap)
{
    for (unsigned i = 0; i < 2; i++)
        if (heap->queue.spans[i])
            heap->platform->metadata_free(heap->platform->self, heap->queue.spans[i], stack_bytes(heap));
    heap->queue = (struct gh_sweep_queue){.at = 0};
}

/* The stacks change roles by themselves, as they go by sweep_gen. */
void gh_sweep_queue_turn(struct goheap *heap)
{
    heap->queue.at = 0;
    heap->queue.end = heap->descriptors.made;
}

/* gcSweepBuf.push. What is added in a cycle is in use until it ends: there are no more than pages. */
void gh_sweep_queue_add(struct goheap *heap, struct gh_span *s)
{
    struct gh_sweep_queue *q = &heap->queue;
    if (heap->config.sweep_order != GOHEAP_SWEEP_STACK)
        return;
    unsigned swept = heap->sweep_gen / 2 % 2;
    uint64_t at = __atomic_fetch_add(&q->count[swept], 1, __ATOMIC_RELAXED);
    __atomic_store_n(&q->spans[swept][at], s, __ATOMIC_RELEASE);
}

/* gcSweepBuf.pop: nobody pushes onto this stack meanwhile. */
static struct gh_span *pop_unswept(struct goheap *heap)
{
    struct gh_sweep_queue *q = &heap->queue;
    unsigned unswept = 1 - heap->sweep_gen / 2 % 2;
    uint64_t count = gh_get(&q->count[unswept]);
    __atomic_fetch_add(&q->at, 1, __ATOMIC_SEQ_CST); /* before its sweep_gen is looked at: see give_unswept */
    do {
        if (count == 0)
            return NULL;
    } while (!__atomic_compare_exchange_n(&q->count[unswept], &count, count - 1, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    return __atomic_load_n(&q->spans[unswept][count - 1], __ATOMIC_ACQUIRE);
}

struct gh_span *gh_sweep_queue_next(struct goheap *heap)
{
    struct gh_sweep_queue *q = &heap->queue;
    if (heap->config.sweep_order == GOHEAP_SWEEP_STACK)
        return pop_unswept(heap);
    for (;;) {
        uint64_t at = gh_get(&q->at);
        if (at >= q->end)
            return NULL;
        if (__atomic_compare_exchange_n(&q->at, &at, at + 1, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
            return gh_descriptor_at(&heap->descriptors, at);
    }
}

/* --- mcentral ------------------------------------------------------------------------------------------ */

/* Under the class's lock: the first span with room that nobody sweeps; *claimed says that it is to be swept first. */
static struct gh_span *take_nonempty(struct goheap *heap, struct gh_central *c, bool *claimed)
{
    for (struct gh_span *s = c->partial[0].head; s; s = s->next) {
        *claimed = gh_sweep_claim(heap, s);
        if (!*claimed && gen_of(s) != heap->sweep_gen)
            continue;
        gh_list_remove(s);
        gh_list_append(&c->full[0], s);
        return s;
    }
    return NULL;
}

/* Under the class's lock: the first of the full spans that is to be swept, claimed, or NULL. It may have no room. What
 * is cached since before the cycle's end is still a P's. */
static struct gh_span *claim_empty(struct goheap *heap, struct gh_central *c)
{
    for (struct gh_span *s = c->full[0].head; s; s = s->next) {
        if (gh_sweep_claim(heap, s)) {
            move_to_back(&c->full[0], s);
            return s;
        }
        uint32_t gen = gen_of(s);
        if (gen == heap->sweep_gen || gen == heap->sweep_gen + 3)
            return NULL;
    }
    return NULL;
}

struct gh_span *gh_lists_take(struct goheap *heap, struct goheap_p *p, unsigned span_class, uint64_t *swept)
{
    struct gh_central *c = &heap->central[span_class];
    struct gh_span *s;
    bool claimed, sweeping = gh_sweep_begin(heap);
    *swept = 0;
    do {
        gh_lock(heap, p, &c->lock);
        s = take_nonempty(heap, c, &claimed);
        if (!s) {
            s = claim_empty(heap, c);
            claimed = s != NULL;
        }
        gh_unlock(heap, p, &c->lock);
        *swept += claimed;
        if (claimed)
            gh_sweep_span(heap, p, s, true);
    } while (s && !has_room(s));
    if (sweeping)
        gh_sweep_end(heap);
    return s;
}

void gh_lists_add(struct goheap *heap, struct goheap_p *p, struct gh_span *s)
{
    struct gh_central *c = &heap->central[s->span_class];
    gh_lock(heap, p, &c->lock);
    gh_list_append(&c->full[0], s);
    gh_unlock(heap, p, &c->lock);
}

/* The span is nobody's from now on, of that sweep generation; a full one is on the right list already. */
static void uncache(struct goheap *heap, struct goheap_p *p, struct gh_span *s, uint32_t gen)
{
    struct gh_central *c = &heap->central[s->span_class];
    if (!has_room(s)) {
        __atomic_store_n(&s->sweep_gen, gen, __ATOMIC_SEQ_CST);
        return;
    }
    gh_lock(heap, p, &c->lock);
    gh_list_remove(s);
    gh_list_push(&c->partial[0], s);
    __atomic_store_n(&s->sweep_gen, gen, __ATOMIC_SEQ_CST);
    gh_unlock(heap, p, &c->lock);
}

/* The span was cached when the cycle ended: Go gives it back just before, with the world stopped, so that it is one to
 * be swept like any other. Here sweepers may have passed it by as a P's. They say that they take one before they look
 * at its generation, and here that is set before it is looked whether they have: one of the two sees the other. */
static void give_unswept(struct goheap *heap, struct goheap_p *p, struct gh_span *s)
{
    uncache(heap, p, s, heap->sweep_gen - 2);
    if (__atomic_load_n(&heap->queue.at, __ATOMIC_SEQ_CST) != 0 && gh_sweep_claim(heap, s))
        gh_sweep_span(heap, p, s, false);
}

void gh_lists_give(struct goheap *heap, struct goheap_p *p, struct gh_span *s)
{
    gh_span_uncache(s, heap->config.concurrent);
    if (gen_of(s) == heap->sweep_gen + 1) /* a sweeper may be about to find that it cannot claim it */
        give_unswept(heap, p, s);
    else
        uncache(heap, p, s, heap->sweep_gen);
}

static bool free_span(struct goheap *heap, struct goheap_p *p, struct gh_span *s)
{
    gh_mheap_free(heap, p, s);
    return true;
}

bool gh_lists_swept(struct goheap *heap, struct goheap_p *p, struct gh_span *s, unsigned left)
{
    struct gh_central *c = &heap->central[s->span_class];
    bool large = gh_size_class(s) == 0;
    if (left > 0)
        gh_sweep_queue_add(heap, s);
    if (!large) {
        gh_lock(heap, p, &c->lock);
        if (left == 0) {
            gh_list_remove(s);
        } else if (s->list == &c->full[0] && has_room(s)) {
            gh_list_remove(s);
            gh_list_push(&c->partial[0], s);
        }
    }
    __atomic_store_n(&s->sweep_gen, heap->sweep_gen, __ATOMIC_RELEASE);
    if (!large)
        gh_unlock(heap, p, &c->lock);
    return left == 0 && free_span(heap, p, s);
}

/* --- mHeap_Reclaim ------------------------------------------------------------------------------------- */

/* Under the heap lock: the first unswept span of a list of large objects' spans, claimed, or NULL. */
static struct gh_span *claim_busy(struct goheap *heap, struct gh_list *list)
{
    for (struct gh_span *s = list->head; s; s = s->next) {
        if (gh_sweep_claim(heap, s)) {
            move_to_back(list, s);
            return s;
        }
        if (gen_of(s) == heap->sweep_gen)
            return NULL;
    }
    return NULL;
}

/* mHeap_ReclaimList: how many pages of spans on the list were freed, npages or more if there were so many. Under the
 * heap lock, but for the sweeping. */
static uint64_t reclaim_list(struct goheap *heap, struct goheap_p *p, struct gh_list *list, uint64_t npages)
{
    uint64_t freed = 0;
    struct gh_span *s;
    while (freed < npages && (s = claim_busy(heap, list))) {
        uint64_t pages = s->pages;
        gh_unlock(heap, p, &heap->lock);
        if (gh_sweep_span(heap, p, s, false))
            freed += pages;
        gh_lock(heap, p, &heap->lock);
    }
    return freed;
}

/* Under the heap lock. Large objects of the size that is needed, or above: one is enough. */
static bool reclaim_longer(struct goheap *heap, struct goheap_p *p, uint64_t npages)
{
    uint64_t first = npages < GH_LISTED_PAGES ? npages : GH_LISTED_PAGES;
    for (uint64_t i = first; i <= GH_LISTED_PAGES; i++)
        if (reclaim_list(heap, p, &heap->busy[i], npages))
            return true;
    return false;
}

void gh_lists_reclaim(struct goheap *heap, struct goheap_p *p, uint64_t npages)
{
    if (!gh_sweep_begin(heap))
        return;
    gh_lock(heap, p, &heap->lock);
    bool done = reclaim_longer(heap, p, npages);
    uint64_t freed = 0;
    for (uint64_t i = 0; !done && i < npages && i < GH_LISTED_PAGES; i++) {
        freed += reclaim_list(heap, p, &heap->busy[i], npages - freed);
        done = freed >= npages;
    }
    gh_unlock(heap, p, &heap->lock);
    gh_sweep_end(heap);
    while (!done) {
        uint64_t n = goheap_sweep_one(heap, p);
        done = n == UINT64_MAX || (freed += n) >= npages;
    }
}
