/* The two paths that nearly every call takes, to be inlined by who calls them: goheap_alloc, goheap_free, and a malloc.
 *
 *   alloc   p->direct[size / 8] --> span: a bit of alloc_cache cleared
 *   free    map.spans[page]      --> span, p's own: an alloc bit cleared, a count taken down
 *
 * No lock, no atomic operation, no call; what is not this simple is left to alloc.c and free.c, untouched.
 */
#ifndef GH_FAST_H
#define GH_FAST_H

#include "heap.h"

/* The next slot of a span that has one at hand. */
static inline uint64_t gh_take_slot(struct gh_span *s)
{
    uint64_t index = s->cursor + (unsigned)__builtin_ctzll(s->alloc_cache);
    __atomic_store_n(&s->alloc_cache, s->alloc_cache & (s->alloc_cache - 1), __ATOMIC_RELAXED);
    return s->base + index * s->elem_size;
}

/* The P's span for a size if it has a slot at hand; else NULL. */
static inline struct gh_span *gh_span_at_hand(struct goheap_p *p, uint64_t size, unsigned flags)
{
    if (__builtin_expect(size > GH_SMALL_MAX, 0))
        return NULL;
    struct gh_span *s = p->direct[flags & GOHEAP_NOSCAN][(size + GH_SMALL_DIV - 1) / GH_SMALL_DIV];
    return __builtin_expect(s->alloc_cache != 0, 1) ? s : NULL;
}

/* The slot, by its index, is free again; false if it was. For the span's owner. */
static inline bool gh_free_slot(struct gh_span *s, uint64_t index)
{
    const uint64_t bit = UINT64_C(1) << index % 64;
    if (__builtin_expect((index & ~UINT64_C(63)) == s->cursor, 1)) {
        if (__builtin_expect(!(s->in_hand & ~s->alloc_cache & bit), 0))
            return false;
        s->in_hand ^= bit;
        return true;
    }
    uint64_t *alloc = &s->alloc[index / 64];
    if (__builtin_expect(!(*alloc & bit), 0))
        return false;
    *alloc ^= bit;
    return true;
}

enum gh_freed_own {
    GH_NOT_FREED, /* it lies in no span of p's own, or something is wrong with it */
    GH_FREED,
    GH_FREED_NOTICE /* and gh_free_notice is to be called */
};

/* Frees the object at addr if that is simple. */
static inline enum gh_freed_own gh_free_own(struct goheap_p *p, uint64_t addr)
{
    struct gh_span *s = gh_span_hint(&p->map, addr);
    if (__builtin_expect(!s || !gh_is_owner(s, p), 0))
        return GH_NOT_FREED;
    const uint64_t offset = addr - s->base;
    const struct gh_quotient at = gh_divide(offset, s->div_magic);
    if (__builtin_expect(offset >= s->extent || !at.exact || !gh_free_slot(s, at.slot), 0))
        return GH_NOT_FREED;
    return __builtin_expect(--s->frees_left != 0, 1) ? GH_FREED : GH_FREED_NOTICE;
}

#endif
