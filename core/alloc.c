/* Allocating: the path that every call takes.
 *
 * Follows runtime/malloc.go of Go 1.19 (mallocgc, nextFreeFast). What is not here is not on the fast path.
 */
#include "fast.h"

static void zero(struct goheap_p *p, uint64_t addr, uint64_t bytes)
{
    p->heap->platform->zero(p->heap->platform->self, p, addr, bytes);
}

/* The next word of bits, or the next span; NULL if the heap cannot grow. */
static struct gh_span *find_slots(struct goheap_p *p, unsigned span_class)
{
    struct gh_span *s = p->alloc[span_class];
    if (gh_span_next_word(s))
        return s;
    if (!gh_mcache_refill(p, span_class))
        return NULL;
    s = p->alloc[span_class];
    return s->alloc_cache || gh_span_next_word(s) ? s : NULL;
}

static void add_share(struct goheap_p *p, uint8_t *share)
{
    if (p->heap->config.concurrent)
        __atomic_fetch_add(share, 1, __ATOMIC_RELAXED);
    else
        ++*share;
}

/* The object that was put at addr has no pointers, in a span where others have. */
static void note_noscan(const struct goheap *heap, struct gh_span *s, uint64_t addr)
{
    if (!gh_is_mixed(heap, s))
        return;
    uint64_t index = gh_span_index(s, addr), *word = &gh_noscan_bits(s)[index / 64];
    __atomic_store_n(word, *word | UINT64_C(1) << index % 64, __ATOMIC_RELAXED);
}

/* Objects of a few bytes without pointers share a block: malloc.go, the tiny allocator. */
static uint64_t alloc_tiny(struct goheap_p *p, uint64_t size)
{
    struct goheap *heap = p->heap;
    uint32_t n = (uint32_t)size;
    uint32_t align = n % 8 == 0 ? 8 : n % 4 == 0 ? 4 : n % 2 == 0 ? 2 : 1;
    uint32_t offset = (p->tiny_offset + align - 1) & ~(align - 1);
    if (p->tiny && offset + n <= heap->config.tiny_size) {
        p->tiny_offset = offset + n;
        p->tiny_allocs++;
        gh_count(p, &p->stats.tiny_shared, 1);
        add_share(p, &gh_shares(p->tiny_span)[gh_span_index(p->tiny_span, p->tiny)]);
        return p->tiny + offset;
    }
    struct gh_span *s = p->alloc[heap->tiny_class];
    if (!s->alloc_cache && !(s = find_slots(p, heap->tiny_class)))
        return 0;
    uint64_t addr = gh_take_slot(s);
    zero(p, addr, s->elem_size);
    note_noscan(heap, s, addr);
    /* Whichever block has more room left stays current. */
    if (n < p->tiny_offset || (!p->tiny && heap->config.tiny_shared)) {
        gh_tiny_let_go(p);
        add_share(p, &gh_shares(s)[gh_span_index(s, addr)]);
        p->tiny = addr;
        p->tiny_offset = n;
        p->tiny_span = s;
    }
    return addr;
}

/* Zeroes the slot if it may be dirty. What was freed since the P took the span may be handed out as it is. */
static uint64_t zeroed(struct goheap_p *p, const struct gh_span *s, uint64_t addr)
{
    if (s->need_zero || (s->owner && gh_freed(s)))
        zero(p, addr, s->elem_size);
    return addr;
}

static uint64_t alloc_class(struct goheap_p *p, unsigned size_class, unsigned flags)
{
    unsigned span_class = size_class * 2 + (flags & GOHEAP_NOSCAN);
    struct gh_span *s = p->alloc[span_class];
    if (!s->alloc_cache && !(s = find_slots(p, span_class)))
        return 0;
    uint64_t addr = gh_take_slot(s);
    if (flags & GOHEAP_NOSCAN)
        note_noscan(p->heap, s, addr);
    return flags & GOHEAP_ZEROED ? zeroed(p, s, addr) : addr;
}

/* mcache.go, allocLarge; extra bytes are for aligning the object inside its span. */
static uint64_t alloc_large(struct goheap_p *p, uint64_t size, uint64_t align, unsigned flags)
{
    struct goheap *heap = p->heap;
    uint64_t page = UINT64_C(1) << heap->config.page_shift;
    uint64_t extra = align > page ? align - page : 0;
    if (size > heap->config.address_space || extra > heap->config.address_space)
        return 0;
    uint64_t npages = (size + extra + page - 1) >> heap->config.page_shift;
    gh_sweep_pay(heap, p, npages * page, npages);
    struct gh_span *s = gh_mheap_alloc(heap, p, npages, flags & GOHEAP_NOSCAN);
    if (!s)
        return 0;
    gh_count(p, &p->stats.large_allocs, 1);
    gh_count(p, &p->stats.large_alloc_bytes, npages * page);
    gh_count(p, &p->stats.total_alloc, npages * page);
    s->alloc_cache = 0;
    s->alloc_count = 1;
    *gh_live(s) = 1;
    bool need_zero = s->need_zero;
    uint64_t addr = (s->base + align - 1) & ~(align - 1);
    s->lead_pages = (uint32_t)((addr - s->base) >> heap->page_shift);
    if (!gh_immediate(heap)) { /* else its death is the span's, whoever brings it about */
        gh_add(&heap->heap_live, npages * page);
        gh_central_push(heap, p, s);
    }
    if ((flags & GOHEAP_ZEROED) && need_zero)
        zero(p, addr, size);
    return addr;
}

static __attribute__((noinline)) uint64_t alloc_slow(struct goheap_p *p, uint64_t size, unsigned flags)
{
    struct goheap *heap = p->heap;
    if (size > heap->sc.max_small)
        return alloc_large(p, size, 1, flags);
    if (size == 0)
        return gh_zero_base(heap);
    if (size < heap->least[flags & GOHEAP_NOSCAN])
        return alloc_tiny(p, size);
    uint32_t header = gh_header_of(&heap->sc, size, flags & GOHEAP_NOSCAN);
    uint64_t slot = alloc_class(p, gh_class_of_small(&heap->sc, size + header), flags);
    return slot ? slot + header : 0;
}

uint64_t goheap_alloc(struct goheap_p *p, uint64_t size, unsigned flags)
{
    struct gh_span *s = gh_span_at_hand(p, size, flags);
    if (__builtin_expect(!s, 0))
        return alloc_slow(p, size, flags);
    uint64_t addr = gh_take_slot(s);
    return __builtin_expect(flags & GOHEAP_ZEROED, 0) ? zeroed(p, s, addr) : addr;
}

/* The smallest class whose objects are aligned so, 0 if there is none: behind a header none is. */
static unsigned aligned_class(const struct goheap *heap, uint64_t size, uint64_t align, unsigned flags)
{
    if (size > heap->sc.max_small || align > UINT64_C(1) << heap->config.page_shift)
        return 0;
    for (unsigned c = gh_class_of_small(&heap->sc, size); c < heap->sc.count; c++)
        if (heap->sc.classes[c].size % align == 0)
            return gh_header_of(&heap->sc, heap->sc.classes[c].size, flags & GOHEAP_NOSCAN) ? 0 : c;
    return 0;
}

uint64_t goheap_alloc_aligned(struct goheap_p *p, uint64_t size, uint64_t align, unsigned flags)
{
    struct goheap *heap = p->heap;
    if (size == 0)
        return gh_zero_base(heap);
    unsigned c = aligned_class(heap, size, align, flags);
    return c ? alloc_class(p, c, flags) : alloc_large(p, size, align, flags);
}

/* --- hints --------------------------------------------------------------------------------------------- */

/* Where the P keeps the span that it allocates such an object from; NULL where it keeps none. */
static struct gh_span *const *way(const struct goheap_p *p, uint64_t size, unsigned flags)
{
    unsigned noscan = flags & GOHEAP_NOSCAN;
    if (size <= GH_SMALL_MAX)
        return &p->direct[noscan][(size + GH_SMALL_DIV - 1) / GH_SMALL_DIV];
    unsigned class = gh_class_of(&p->heap->sc, size, noscan);
    return class ? &p->alloc[class * 2 + noscan] : NULL;
}

void goheap_prefetch_way(const struct goheap_p *p, uint64_t size, unsigned flags)
{
    __builtin_prefetch(way(p, size, flags));
}

void goheap_prefetch_span(const struct goheap_p *p, uint64_t size, unsigned flags)
{
    struct gh_span *const *at = way(p, size, flags);
    if (at)
        __builtin_prefetch(*at, 1);
}
