/* Freeing: what becomes of a death.
 *
 *   the P owns the span         the slot is free again, at once; nothing is atomic, nothing shared
 *   another P, or none, does    the live bit is cleared; under immediate reclaim whoever watches for it is told
 *
 * No P owns a span under reclaim by collection, so that there every free is of the second kind, and the sweep
 * finds it. See span.h for the bits, owner.c and mcentral.c for those who watch.
 */
#include "fast.h"

enum goheap_result gh_misused(struct goheap *heap, enum goheap_result misuse, uint64_t addr)
{
    if (heap->misuse_told)
        heap->misuse_told(heap->misuse_user, misuse, addr);
    return misuse;
}

unsigned gh_take_deaths(struct goheap *heap, struct goheap_p *p, struct gh_span *s)
{
    unsigned misused;
    gh_step(heap, p, GOHEAP_STEP_SWEEP, s->objects);
    unsigned deaths = gh_span_take_deaths(s, heap->config.concurrent, &misused);
    s->frees_left = (uint16_t)(s->frees_left - deaths);
    gh_count(p, &gh_stats_of(heap, p)->dead_bytes, -(uint64_t)deaths * s->elem_size);
    if (misused)
        gh_misused(heap, GOHEAP_DOUBLE_FREE, s->base + (uint64_t)(misused - 1) * s->elem_size);
    return deaths;
}

/* --- by the owner -------------------------------------------------------------------------------------- */

static enum goheap_result free_owned(struct goheap_p *p, struct gh_span *s, unsigned index)
{
    if (!gh_free_slot(s, index))
        return GOHEAP_DOUBLE_FREE;
    if (--s->frees_left == 0)
        gh_owner_freed(p, s);
    return GOHEAP_OK;
}

/* --- by anybody else ----------------------------------------------------------------------------------- */

/* A large object is its span: whoever clears the live bit gives it back. */
static void free_large(struct goheap *heap, struct goheap_p *p, struct gh_span *s)
{
    struct gh_stats *stats = gh_stats_of(heap, p);
    gh_step(heap, p, GOHEAP_STEP_SWEEP, 1);
    gh_count(p, &stats->large_frees, 1);
    gh_count(p, &stats->large_free_bytes, gh_span_bytes(heap, s));
    gh_count(p, &stats->total_free, gh_span_bytes(heap, s));
    gh_mheap_free(heap, p, s);
}

/* Once the bit is clear the span may go at any moment, if this was its last object: nothing of it but `watch` is
 * looked at then, which a descriptor has whatever becomes of it. */
static enum goheap_result clear_live(struct goheap_p *p, struct gh_span *s, unsigned index)
{
    struct goheap *heap = p->heap;
    const bool large = gh_size_class(s) == 0;
    const uint64_t bytes = gh_slot_bytes(heap, s);
    uint64_t bit = UINT64_C(1) << index % 64;
    uint64_t old = gh_live_and(&gh_live(s)[index / 64], ~bit, heap->config.concurrent);
    if (!(old & bit))
        return GOHEAP_DOUBLE_FREE;
    if (large && gh_immediate(heap)) {
        free_large(heap, p, s);
        return GOHEAP_OK;
    }
    gh_count(p, &p->stats.dead_bytes, bytes);
    if (!gh_immediate(heap))
        return GOHEAP_OK;
    uint8_t watch = __atomic_load_n(&s->watch, __ATOMIC_SEQ_CST);
    if (watch == GH_WATCH_OWNER)
        gh_owner_tell(s);
    else if (watch == GH_WATCH_FULL || (watch == GH_WATCH_PARTIAL && old == bit))
        gh_central_note_death(heap, p, s);
    return GOHEAP_OK;
}

/* Takes one of several holders of a slot away; false if there is but one. */
static bool drop_share(struct goheap_p *p, uint8_t *share)
{
    if (!p->heap->config.concurrent) {
        if (*share == 0)
            return false;
        --*share;
        return true;
    }
    uint8_t n = __atomic_load_n(share, __ATOMIC_ACQUIRE); /* whoever is left follows those who let go */
    while (n != 0)
        if (__atomic_compare_exchange_n(share, &n, (uint8_t)(n - 1), true, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
            return true;
    return false;
}

enum goheap_result gh_tiny_release(struct goheap_p *p, struct gh_span *s, unsigned index)
{
    if (drop_share(p, &gh_shares(s)[index])) {
        gh_count(p, &p->stats.tiny_shared, UINT64_MAX); /* one less */
        return GOHEAP_OK;
    }
    return gh_is_owner(s, p) ? free_owned(p, s, index) : clear_live(p, s, index);
}

/* --- by whom? ------------------------------------------------------------------------------------------ */

/* What is wrong with an address at which no object is, s being the span that its page was last in, or NULL. */
static enum goheap_result no_object(const struct goheap *heap, const struct gh_span *s, uint64_t addr)
{
    if (addr == 0 || addr == gh_zero_base(heap))
        return GOHEAP_OK;
    return s && s->state == GH_SPAN_DEAD ? GOHEAP_DOUBLE_FREE : GOHEAP_FOREIGN;
}

static enum goheap_result free_any(struct goheap_p *p, uint64_t addr)
{
    const struct goheap *heap = p->heap;
    struct gh_span *s = gh_span_at(heap, addr);
    if (!s || !gh_holds_objects(s))
        return no_object(heap, s, addr);
    uint64_t index = gh_span_index(s, addr);
    if (index >= s->objects)
        return GOHEAP_FOREIGN;
    if (s->state == GH_SPAN_TINY) /* tiny objects lie anywhere in their block */
        return gh_tiny_release(p, s, (unsigned)index);
    if (addr != gh_object_at(heap, s, index))
        return GOHEAP_INTERIOR;
    return gh_is_owner(s, p) ? free_owned(p, s, (unsigned)index) : clear_live(p, s, (unsigned)index);
}

static __attribute__((noinline)) enum goheap_result free_slow(struct goheap_p *p, uint64_t addr)
{
    enum goheap_result result = free_any(p, addr);
    return result == GOHEAP_OK ? result : gh_misused(p->heap, result, addr);
}

void gh_free_notice(struct goheap_p *p, uint64_t addr)
{
    gh_owner_freed(p, gh_span_hint(&p->map, addr));
}

enum goheap_result goheap_free(struct goheap_p *p, uint64_t addr)
{
    enum gh_freed_own own = gh_free_own(p, addr);
    if (__builtin_expect(own == GH_FREED, 1))
        return GOHEAP_OK;
    if (own == GH_NOT_FREED)
        return free_slow(p, addr);
    gh_free_notice(p, addr);
    return GOHEAP_OK;
}

/* --- hints and questions ------------------------------------------------------------------------------- */

void goheap_prefetch_far(const struct goheap *heap, const uint64_t *addrs, unsigned n)
{
    const struct gh_page_map map = heap->map;
    for (unsigned i = 0; i < n; i++) {
        uint64_t page = (addrs[i] - map.base) >> map.page_shift;
        if (page < map.pages)
            __builtin_prefetch(&map.spans[page]);
    }
}

void goheap_prefetch_near(const struct goheap *heap, const uint64_t *addrs, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const struct gh_span *s = gh_span_hint(&heap->map, addrs[i]);
        if (!s)
            continue;
        __builtin_prefetch(s, 1);
        __builtin_prefetch(s->inline_bits, 1);
    }
}

void goheap_prefetch_bits(const struct goheap *heap, const uint64_t *addrs, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const struct gh_span *s = gh_span_hint(&heap->map, addrs[i]);
        if (s && s->alloc != s->inline_bits)
            __builtin_prefetch(&gh_live(s)[gh_span_index(s, addrs[i]) / 64], 1);
    }
}

uint64_t goheap_usable_size(const struct goheap *heap, uint64_t addr)
{
    const struct gh_span *s = gh_span_at(heap, addr);
    if (!s || !gh_holds_objects(s))
        return 0;
    uint64_t index = gh_span_index(s, addr);
    if (index >= s->objects || addr < gh_object_at(heap, s, index))
        return 0;
    return s->base + (index + 1) * gh_slot_bytes(heap, s) - addr;
}

unsigned goheap_class_of(const struct goheap *heap, uint64_t size, unsigned flags)
{
    return size == 0 ? 0 : gh_class_of(&heap->sc, size, flags & GOHEAP_NOSCAN);
}
