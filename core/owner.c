/* Immediate reclaim: the spans that a P owns, and nobody else allocates from.
 *
 *   mheap, central --> current --(used up)--> retired: full, on no list, watched
 *                         ^                      |  its P has freed a few of its slots,
 *                         +--- partial list <----+  or is told that another has freed one
 *
 * What the P frees itself is free again at once, but a retired span only becomes one to allocate from when an eighth
 * of it is free, so that taking it up is worth the while. What others free shows in live bits, which the P looks at
 * when a span is used up, and when it is told: the first to free in a retired span takes the watch off and puts the
 * span on its owner's `news`. Between those two steps the span is its teller's: its `next` is not to be touched and
 * its owner must not change.
 * A span without an object stays on its partial list, up to KEEP_PAGES of them a P; further ones go to mheap.
 */
#include "heap.h"

enum { KEEP_PAGES = 64, WORTHWHILE = 8 /* parts of a span, of which one must be free */ };

/* Counts the span, and adds what has been allocated and freed in it since the last time to its P's totals. */
static void settle(struct gh_span *s)
{
    struct goheap_p *p = s->owner;
    unsigned class = gh_size_class(s), count = gh_span_count(s);
    uint64_t freed = gh_freed(s), allocs = freed + count - s->alloc_count;
    gh_count(p, &p->stats.small_allocs[class], allocs);
    gh_count(p, &p->stats.total_alloc, allocs * s->elem_size);
    s->alloc_count = (uint16_t)count;
    s->frees_left = s->notice;
    if (freed == 0)
        return;
    gh_count(p, &p->stats.small_frees[class], freed);
    gh_count(p, &p->stats.total_free, freed * s->elem_size);
    s->need_zero = 1;
}

/* Takes the watch off; false if somebody else has, who will tell. */
static bool unwatch(struct gh_span *s)
{
    uint8_t watched = GH_WATCH_OWNER;
    return __atomic_compare_exchange_n(&s->watch, &watched, GH_WATCH_NONE, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

void gh_owner_tell(struct gh_span *s)
{
    if (!unwatch(s))
        return;
    struct goheap_p *p = __atomic_load_n(&s->owner, __ATOMIC_RELAXED);
    struct gh_span *next = __atomic_load_n(&p->news, __ATOMIC_RELAXED);
    do {
        s->next = next;
    } while (!__atomic_compare_exchange_n(&p->news, &next, s, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    /* Nobody may ever use an idle P again, and its objects are dying: better that they are nobody's, then. */
    if (__atomic_load_n(&p->idle, __ATOMIC_SEQ_CST))
        gh_idle_flush(p->heap);
}

/* To mheap, a span without an object that is on no list. */
static void give_back(struct goheap_p *p, struct gh_span *s)
{
    settle(s);
    gh_span_disown(s, p->heap->config.concurrent);
    gh_mheap_free(p->heap, p, s);
}

/* A span with room that is on no list becomes one to allocate from later, unless nothing is in it and enough such
 * are kept. */
static void keep(struct goheap_p *p, struct gh_span *s)
{
    settle(s);
    if (s->alloc_count == 0) {
        if (p->kept_pages + s->pages > KEEP_PAGES) {
            give_back(p, s);
            return;
        }
        p->kept_pages += s->pages;
    }
    gh_expect(s, s->alloc_count);
    gh_list_append(&p->partial[s->span_class], s);
}

static struct gh_span *take_kept(struct goheap_p *p, unsigned span_class)
{
    struct gh_span *s = gh_list_pop(&p->partial[span_class]);
    if (!s)
        return NULL;
    if (gh_freed(s) == s->alloc_count)
        p->kept_pages -= s->pages;
    gh_expect(s, GH_NO_NOTICE);
    return s;
}

/* The used-up span is let go of; false if others freed in it meanwhile, so that it is not used up. A free clears its
 * live bit before it looks for a watch, and here the watch is set before the bits are looked at: one of the two sees
 * the other. */
static bool retire(struct goheap_p *p, struct gh_span *s)
{
    if (gh_take_deaths(p->heap, p, s))
        return false;
    __atomic_store_n(&s->watch, GH_WATCH_OWNER, __ATOMIC_SEQ_CST);
    gh_expect(s, (s->objects + WORTHWHILE - 1u) / WORTHWHILE);
    if (!gh_span_has_deaths(s) || !unwatch(s))
        return true;
    gh_expect(s, GH_NO_NOTICE);
    gh_take_deaths(p->heap, p, s);
    return false;
}

/* Looks at the spans that the P was told of. */
static void hear(struct goheap_p *p)
{
    if (!__atomic_load_n(&p->news, __ATOMIC_RELAXED))
        return;
    struct gh_span *s = __atomic_exchange_n(&p->news, NULL, __ATOMIC_ACQUIRE);
    for (struct gh_span *next; s; s = next) {
        next = s->next;
        s->next = NULL;
        gh_take_deaths(p->heap, p, s);
        /* The P may have found the death by itself, and have used the span up again, before it was told. */
        if (gh_span_count(s) < s->objects || !retire(p, s))
            keep(p, s);
    }
}

void gh_owner_freed(struct goheap_p *p, struct gh_span *s)
{
    if (s == p->alloc[s->span_class]) {
        settle(s); /* GH_NO_NOTICE frees */
    } else if (!s->list) {
        gh_expect(s, GH_NO_NOTICE);
        if (unwatch(s)) /* else it will be heard of */
            keep(p, s);
    } else if (p->kept_pages + s->pages <= KEEP_PAGES) {
        p->kept_pages += s->pages;
    } else {
        gh_list_remove(s);
        give_back(p, s);
    }
}

/* --- refill -------------------------------------------------------------------------------------------- */

static struct gh_span *take_fresh(struct goheap_p *p, unsigned span_class)
{
    struct goheap *heap = p->heap;
    struct gh_span *s = gh_mheap_alloc(heap, p, heap->sc.classes[span_class >> 1].pages, span_class);
    if (s)
        gh_span_own(s, p, p->heap->config.concurrent);
    return s;
}

bool gh_owner_refill(struct goheap_p *p, unsigned span_class)
{
    struct goheap *heap = p->heap;
    struct gh_span *s = p->alloc[span_class];
    if (s != &heap->empty) {
        settle(s);
        if (!retire(p, s))
            return true;
        gh_mcache_set(p, span_class, NULL);
    }
    hear(p);
    s = take_kept(p, span_class);
    if (!s)
        s = gh_central_adopt(heap, p, span_class);
    if (!s)
        s = take_fresh(p, span_class);
    if (s)
        gh_mcache_set(p, span_class, s);
    return s != NULL;
}

/* --- letting go ---------------------------------------------------------------------------------------- */

/* A span that is on no list, and not watched, is nobody's. */
static void disown(struct goheap_p *p, struct gh_span *s)
{
    settle(s); /* before, too, for the range of frees_left */
    gh_take_deaths(p->heap, p, s);
    settle(s);
    if (s->alloc_count == 0) {
        give_back(p, s);
        return;
    }
    gh_span_disown(s, p->heap->config.concurrent);
    gh_central_place(p->heap, p, s);
}

/* Retired spans are on no list, so all of the heap's are looked at; those that somebody is about to tell of remain.
 * Returns the others, linked by next, and whether some remain. */
static struct gh_span *unwatch_all(struct goheap_p *p, bool *remain)
{
    struct goheap *heap = p->heap;
    struct gh_span *found = NULL;
    *remain = false;
    gh_lock(heap, p, &heap->lock);
    struct gh_span_iter iter = gh_spans_begin(&heap->descriptors);
    for (struct gh_span *s; (s = gh_descriptors_next(&iter));) {
        if (!gh_is_owner(s, p))
            continue;
        if (unwatch(s)) {
            s->next = found;
            found = s;
        } else {
            *remain = true;
        }
    }
    gh_unlock(heap, p, &heap->lock);
    return found;
}

void gh_owner_release_all(struct goheap_p *p)
{
    enum { PATIENCE = 1000 }; /* in the child of a fork, nobody may be there any more to tell */
    struct goheap *heap = p->heap;
    bool remain = true;
    for (int i = 0; remain && i < PATIENCE; i++) {
        hear(p);
        for (unsigned class = 0; class < heap->span_classes; class++) {
            for (struct gh_span *s; (s = take_kept(p, class));)
                disown(p, s);
            if (p->alloc[class] != &heap->empty)
                disown(p, p->alloc[class]);
            gh_mcache_set(p, class, NULL);
        }
        struct gh_span *s = unwatch_all(p, &remain);
        for (struct gh_span *next; s; s = next) {
            next = s->next;
            s->next = NULL;
            disown(p, s);
        }
    }
}

/* Counts the span; how many frees the owner still waits for stays the same. */
static void count(struct gh_span *s)
{
    uint16_t left = s->frees_left;
    settle(s);
    gh_expect(s, s->notice == GH_NO_NOTICE ? GH_NO_NOTICE : left);
}

void gh_owner_settle_all(struct goheap_p *p)
{
    struct gh_span_iter iter = gh_spans_begin(&p->heap->descriptors);
    for (struct gh_span *s; (s = gh_descriptors_next(&iter));)
        if (gh_is_owner(s, p))
            count(s);
}

/* What is free in the span is so, and counted. */
static void reclaim_owned(struct goheap_p *p, struct gh_span *s)
{
    count(s);
    gh_take_deaths(p->heap, p, s);
    count(s);
    if (s->list)
        gh_expect(s, s->alloc_count);
    if (s->alloc_count != 0)
        return;
    if (s->list)
        gh_list_remove(s);
    else if (s == p->alloc[s->span_class])
        gh_mcache_set(p, s->span_class, NULL);
    else
        unwatch(s);
    give_back(p, s);
}

static void reclaim_unowned(struct goheap *heap, struct gh_span *s)
{
    unsigned deaths = gh_span_drop_deaths(s);
    if (deaths == 0)
        return;
    s->alloc_count = (uint16_t)(s->alloc_count - deaths);
    s->need_zero = 1;
    gh_add(&heap->stats.small_frees[gh_size_class(s)], deaths);
    gh_add(&heap->stats.total_free, (uint64_t)deaths * s->elem_size);
    gh_add(&heap->stats.dead_bytes, -(uint64_t)deaths * s->elem_size);
}

void gh_owner_reclaim(struct goheap *heap)
{
    for (struct goheap_p *p = heap->ps; p; p = p->next) {
        hear(p);
        p->kept_pages = 0; /* none will be */
    }
    struct gh_span_iter iter = gh_spans_begin(&heap->descriptors);
    for (struct gh_span *s; (s = gh_spans_next(&iter));) {
        if (s->owner)
            reclaim_owned(s->owner, s);
        else if (gh_size_class(s) != 0)
            reclaim_unowned(heap, s);
    }
}
