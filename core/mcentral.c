/* mcentral: the spans of one span class that no P holds.
 *
 *                       reclaim by collection             immediate reclaim
 *     partial[swept]    room, swept                       some slot is free or dead
 *     partial[unswept]  had room before this cycle        -
 *     full[swept]       no room                           no slot free or dead
 *     full[unswept]     had none before this cycle        -
 *
 * Under immediate reclaim a P keeps the spans that it has used up (owner.c): only those of Ps that are gone are here.
 *
 * These are the lists of Go from 1.15 on; with GOHEAP_CENTRAL_LISTS, reclaim by collection has those of mcentral_lists.c,
 * and immediate reclaim the swept ones of these.
 * Which of the two partial and full lists is the swept one alternates with the sweep generation, so that a
 * cycle's end turns all lists over by changing one number. Under reclaim by collection they are queues, as Go's span
 * sets are (mspanset.go: pop takes what was pushed first). Follows runtime/mcentral.go of Go 1.19; the
 * locks are Go's up to 1.15, or stand for its later lock-free span sets (GOHEAP_LOCK_SETS).
 */
#include "heap.h"

#include <string.h>

static unsigned swept_index(const struct goheap *heap)
{
    return gh_has_central_lists(heap) ? 0 : heap->sweep_gen / 2 % 2;
}

static bool has_room(const struct gh_span *s)
{
    return s->alloc_count < s->objects;
}

static struct gh_span *pop(struct goheap *heap, struct gh_central *c, struct gh_list *list)
{
    struct gh_span *s = gh_list_pop(list);
    if (s)
        gh_metadata_pop(heap, c, list);
    return s;
}

/* The best candidate on the lists, in Go's order; *unswept says that it has to be swept first. */
static struct gh_span *pop_candidate(struct goheap *heap, struct goheap_p *p, struct gh_central *c, bool may_sweep,
                                     bool *unswept)
{
    unsigned swept = swept_index(heap);
    gh_lock(heap, p, &c->lock);
    struct gh_span *s = pop(heap, c, &c->partial[swept]);
    *unswept = false;
    if (!s && may_sweep) {
        s = pop(heap, c, &c->partial[1 - swept]);
        if (!s)
            s = pop(heap, c, &c->full[1 - swept]);
        *unswept = s != NULL;
    }
    gh_unlock(heap, p, &c->lock);
    return s;
}

/* A span with room from the lists, swept on the way if need be; NULL if there is none within the budget. *swept: how
 * many spans were, whatever there is. */
static struct gh_span *take_listed(struct goheap *heap, struct goheap_p *p, unsigned span_class, uint64_t *swept)
{
    struct gh_central *c = &heap->central[span_class];
    struct gh_span *s = NULL;
    bool may_sweep = gh_sweep_begin(heap);
    *swept = 0;
    for (int budget = GH_SWEEP_BUDGET; budget >= 0; budget--) {
        bool unswept;
        s = pop_candidate(heap, p, c, may_sweep, &unswept);
        if (!s)
            break;
        if (unswept) {
            if (!gh_sweep_claim(heap, s)) {
                s = NULL;
                continue;
            }
            gh_sweep_span(heap, p, s, true);
            ++*swept;
        }
        if (has_room(s))
            break;
        gh_central_push(heap, p, s);
        s = NULL;
    }
    if (may_sweep)
        gh_sweep_end(heap);
    return s;
}

/* 0, 1, 2 to 3, 4 to 7, ... */
static unsigned refill_bucket(uint64_t swept)
{
    unsigned bits = swept ? 64u - (unsigned)__builtin_clzll(swept) : 0;
    return bits < GOHEAP_REFILL_BUCKETS ? bits : GOHEAP_REFILL_BUCKETS - 1;
}

static void count_refill(struct goheap_refills *r, uint64_t swept)
{
    gh_add(&r->by_swept[refill_bucket(swept)], 1);
    gh_add(&r->spans_swept, swept);
    uint64_t most = gh_get(&r->most_swept);
    while (swept > most && !__atomic_compare_exchange_n(&r->most_swept, &most, swept, true, __ATOMIC_RELAXED,
                                                        __ATOMIC_RELAXED))
        ;
}

struct gh_span *gh_central_take(struct goheap *heap, struct goheap_p *p, unsigned span_class)
{
    uint64_t npages = heap->sc.classes[span_class >> 1].pages;
    gh_sweep_pay(heap, p, npages << heap->config.page_shift, 0);
    bool lists = gh_has_central_lists(heap);
    uint64_t swept;
    struct gh_span *s = lists ? gh_lists_take(heap, p, span_class, &swept) : take_listed(heap, p, span_class, &swept);
    count_refill(&heap->central[span_class].refills, swept);
    if (!s) {
        s = gh_mheap_alloc(heap, p, npages, span_class);
        if (s && lists)
            gh_lists_add(heap, p, s);
    }
    if (s)
        gh_span_cache(s, heap->config.concurrent);
    return s;
}

static void add_refills(struct goheap_refills *sum, const struct goheap_refills *r)
{
    sum->spans_swept += gh_get(&r->spans_swept);
    uint64_t most = gh_get(&r->most_swept);
    if (most > sum->most_swept)
        sum->most_swept = most;
    for (unsigned i = 0; i < GOHEAP_REFILL_BUCKETS; i++)
        sum->by_swept[i] += gh_get(&r->by_swept[i]);
}

void goheap_refills(const struct goheap *heap, struct goheap_refills *refills)
{
    memset(refills, 0, heap->sc.count * sizeof *refills);
    for (unsigned i = 0; i < heap->span_classes; i++)
        add_refills(&refills[i / 2], &heap->central[i].refills);
}

void gh_central_push(struct goheap *heap, struct goheap_p *p, struct gh_span *s)
{
    if (gh_has_central_lists(heap))
        return; /* a large object's span, which mheap has listed */
    struct gh_central *c = &heap->central[s->span_class];
    unsigned swept = swept_index(heap);
    struct gh_list *list = has_room(s) ? &c->partial[swept] : &c->full[swept];
    gh_lock(heap, p, &c->lock);
    gh_list_append(list, s);
    gh_metadata_push(heap, c, list);
    gh_unlock(heap, p, &c->lock);
}

void gh_central_give(struct goheap *heap, struct goheap_p *p, struct gh_span *s)
{
    if (gh_has_central_lists(heap)) {
        gh_lists_give(heap, p, s);
        return;
    }
    gh_span_uncache(s, heap->config.concurrent);
    bool stale = s->sweep_gen == heap->sweep_gen + 1;
    __atomic_store_n(&s->sweep_gen, stale ? heap->sweep_gen - 1 : heap->sweep_gen, __ATOMIC_RELEASE);
    if (stale)
        gh_sweep_span(heap, p, s, false);
    else
        gh_central_push(heap, p, s);
}

/* --- immediate reclaim --------------------------------------------------------------------------------- */

/* What a span that nobody owns is to be watched for; GH_WATCH_NONE: nothing, all of it is dead. */
static enum gh_watch news_wanted(const struct gh_span *s)
{
    if (gh_span_all_dead(s))
        return GH_WATCH_NONE;
    return has_room(s) || gh_span_has_deaths(s) ? GH_WATCH_PARTIAL : GH_WATCH_FULL;
}

static void set_watch(struct gh_span *s, enum gh_watch watch)
{
    __atomic_store_n(&s->watch, (uint8_t)watch, __ATOMIC_SEQ_CST);
}

/* Under the class's lock: lists the span by what its live bits say. The watch is set before they are read
 * again, and a free clears its bit before it reads the watch: one of the two sees the other. True if the
 * span is all dead and now on no list. */
static bool place(struct goheap *heap, struct gh_central *c, struct gh_span *s)
{
    enum gh_watch watch, wanted = news_wanted(s);
    do {
        watch = wanted;
        set_watch(s, watch);
        wanted = news_wanted(s);
    } while (wanted != watch); /* deaths only add up: at most twice */
    if (watch == GH_WATCH_NONE)
        return true;
    unsigned swept = swept_index(heap);
    gh_list_push(watch == GH_WATCH_FULL ? &c->full[swept] : &c->partial[swept], s);
    return false;
}

/* All of the span is dead, and it is on no list. */
static void free_dead(struct goheap *heap, struct goheap_p *p, struct gh_span *s)
{
    struct gh_stats *stats = gh_stats_of(heap, p);
    uint64_t deaths = gh_span_count(s);
    gh_step(heap, p, GOHEAP_STEP_SWEEP, s->objects);
    gh_count(p, &stats->small_frees[gh_size_class(s)], deaths);
    gh_count(p, &stats->total_free, deaths * s->elem_size);
    gh_count(p, &stats->dead_bytes, -deaths * s->elem_size);
    gh_mheap_free(heap, p, s);
}

void gh_central_place(struct goheap *heap, struct goheap_p *p, struct gh_span *s)
{
    struct gh_central *c = &heap->central[s->span_class];
    gh_lock(heap, p, &c->lock);
    bool dead = place(heap, c, s);
    gh_unlock(heap, p, &c->lock);
    if (dead)
        free_dead(heap, p, s);
}

/* Whether the span is on one of the class's lists. Under the class's lock that stays so. */
static bool is_listed(const struct gh_central *c, const struct gh_span *s)
{
    const struct gh_list *list = gh_list_of(s);
    return list == &c->partial[0] || list == &c->partial[1] || list == &c->full[0] || list == &c->full[1];
}

void gh_central_note_death(struct goheap *heap, struct goheap_p *p, struct gh_span *s)
{
    /* The span may have been taken, freed and even reused for another class since the caller looked. It is
     * what it was if it is on one of these lists; then looking at it again does no harm, news or not. */
    struct gh_central *c = &heap->central[__atomic_load_n(&s->span_class, __ATOMIC_RELAXED)];
    gh_lock(heap, p, &c->lock);
    bool dead = false;
    if (is_listed(c, s)) {
        gh_list_remove(s);
        dead = place(heap, c, s);
    }
    gh_unlock(heap, p, &c->lock);
    if (dead)
        free_dead(heap, p, s);
}

struct gh_span *gh_central_adopt(struct goheap *heap, struct goheap_p *p, unsigned span_class)
{
    struct gh_central *c = &heap->central[span_class];
    struct gh_list *partial = &c->partial[swept_index(heap)];
    if (gh_list_is_empty(partial))
        return NULL;
    gh_lock(heap, p, &c->lock);
    struct gh_span *s = gh_list_pop(partial);
    if (s) {
        set_watch(s, GH_WATCH_NONE);
        gh_span_own(s, p, heap->config.concurrent);
    }
    gh_unlock(heap, p, &c->lock);
    if (s) {
        gh_take_deaths(heap, p, s);
    }
    return s;
}
