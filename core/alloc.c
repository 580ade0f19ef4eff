/* Allocating and freeing: the paths that every call takes.
 *
 * Follows runtime/malloc.go of Go 1.19 (mallocgc, nextFreeFast). What is not here is not on the fast path.
 */
#include "heap.h"

static void zero(struct goheap_p *p, uint64_t addr, uint64_t bytes)
{
    p->heap->platform->zero(p->heap->platform->self, p, addr, bytes);
}

/* The slow half of take_slot: the next word of bits, or the next span. */
static struct gh_span *find_slot(struct goheap_p *p, unsigned span_class, unsigned *index)
{
    struct gh_span *s = p->alloc[span_class];
    *index = gh_span_next_free(s);
    if (*index == s->objects) {
        if (!gh_mcache_refill(p, span_class))
            return NULL;
        s = p->alloc[span_class];
        *index = gh_span_next_free(s);
    }
    return s;
}

/* The next free slot of the class; its span, or NULL if the heap cannot grow. */
static inline struct gh_span *take_slot(struct goheap_p *p, unsigned span_class, unsigned *index)
{
    struct gh_span *s = p->alloc[span_class];
    if (__builtin_expect(s->alloc_cache != 0, 1)) {
        unsigned bit = (unsigned)__builtin_ctzll(s->alloc_cache);
        unsigned i = s->free_index + bit;
        /* At a word's last bit the next word has to be fetched: the slow path does that. */
        if (i < s->objects && ((i + 1) % 64 != 0 || i + 1 == s->objects)) {
            s->alloc_cache >>= bit; /* in two steps: bit + 1 may be 64 */
            s->alloc_cache >>= 1;
            s->free_index = (uint16_t)(i + 1);
            s->alloc_count++;
            *index = i;
            return s;
        }
    }
    s = find_slot(p, span_class, index);
    if (s)
        s->alloc_count++;
    return s;
}

static void add_share(struct goheap_p *p, uint8_t *share)
{
    if (p->heap->config.concurrent)
        __atomic_fetch_add(share, 1, __ATOMIC_RELAXED);
    else
        ++*share;
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
        add_share(p, &p->tiny_span->shares[gh_span_index(p->tiny_span, p->tiny)]);
        return p->tiny + offset;
    }
    unsigned index;
    struct gh_span *s = take_slot(p, heap->tiny_class, &index);
    if (!s)
        return 0;
    uint64_t addr = s->base + index * s->elem_size;
    zero(p, addr, s->elem_size);
    /* Whichever block has more room left stays current. */
    if (n < p->tiny_offset || !p->tiny) {
        gh_tiny_let_go(p);
        add_share(p, &s->shares[index]);
        p->tiny = addr;
        p->tiny_offset = n;
        p->tiny_span = s;
    }
    return addr;
}

static uint64_t alloc_class(struct goheap_p *p, unsigned size_class, unsigned flags)
{
    unsigned index;
    struct gh_span *s = take_slot(p, size_class * 2 + (flags & GOHEAP_NOSCAN), &index);
    if (!s)
        return 0;
    uint64_t addr = s->base + index * s->elem_size;
    if ((flags & GOHEAP_ZEROED) && s->need_zero)
        zero(p, addr, s->elem_size);
    return addr;
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
    gh_add(&heap->stats.large_allocs, 1);
    gh_add(&heap->stats.large_alloc_bytes, s->elem_size);
    gh_add(&heap->stats.total_alloc, s->elem_size);
    gh_add(&heap->heap_live, s->elem_size);
    s->free_index = 1;
    s->alloc_count = 1;
    s->live[0] = 1;
    bool need_zero = s->need_zero;
    uint64_t addr = (s->base + align - 1) & ~(align - 1);
    gh_central_push(heap, p, s);
    if ((flags & GOHEAP_ZEROED) && need_zero)
        zero(p, addr, size);
    return addr;
}

uint64_t goheap_alloc(struct goheap_p *p, uint64_t size, unsigned flags)
{
    struct goheap *heap = p->heap;
    if (__builtin_expect(size > GH_MAX_SMALL, 0))
        return alloc_large(p, size, 1, flags);
    if (size < heap->config.tiny_size && (flags & GOHEAP_NOSCAN) && size != 0)
        return alloc_tiny(p, size);
    if (__builtin_expect(size == 0, 0))
        return gh_zero_base(heap);
    return alloc_class(p, gh_class_of_small(&heap->sc, size), flags);
}

uint64_t goheap_alloc_aligned(struct goheap_p *p, uint64_t size, uint64_t align, unsigned flags)
{
    struct goheap *heap = p->heap;
    if (size == 0)
        return gh_zero_base(heap);
    uint64_t page = UINT64_C(1) << heap->config.page_shift;
    if (size <= GH_MAX_SMALL && align <= page)
        for (unsigned c = gh_class_of_small(&heap->sc, size); c < heap->sc.count; c++)
            if (heap->sc.classes[c].size % align == 0)
                return alloc_class(p, c, flags);
    return alloc_large(p, size, align, flags);
}

/* --- freeing ------------------------------------------------------------------------------------------- */

/* Takes one of several holders of a slot away; false if there is but one. */
static bool drop_share(struct goheap_p *p, uint8_t *share)
{
    if (!p->heap->config.concurrent) {
        if (*share == 0)
            return false;
        --*share;
        return true;
    }
    uint8_t n = __atomic_load_n(share, __ATOMIC_RELAXED);
    while (n != 0)
        if (__atomic_compare_exchange_n(share, &n, (uint8_t)(n - 1), true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
            return true;
    return false;
}

enum goheap_result gh_slot_release(struct goheap_p *p, struct gh_span *s, unsigned index)
{
    struct goheap *heap = p->heap;
    if (s->shares && drop_share(p, &s->shares[index]))
        return GOHEAP_OK;
    uint64_t bit = UINT64_C(1) << index % 64;
    uint64_t old = gh_live_and(&s->live[index / 64], ~bit, heap->config.concurrent);
    if (!(old & bit))
        return GOHEAP_DOUBLE_FREE;
    uint8_t watch = __atomic_load_n(&s->watch, __ATOMIC_SEQ_CST);
    if (__builtin_expect(watch != GH_WATCH_NONE, 0) && (watch == GH_WATCH_FULL || old == bit))
        gh_central_note_death(heap, p, s);
    return GOHEAP_OK;
}

enum goheap_result goheap_free(struct goheap_p *p, uint64_t addr)
{
    struct goheap *heap = p->heap;
    struct gh_span *s = gh_span_at(heap, addr);
    if (!s || addr - s->base >= s->pages << heap->config.page_shift || s->state != GH_SPAN_IN_USE)
        return addr == 0 || addr == gh_zero_base(heap) ? GOHEAP_OK : GOHEAP_FOREIGN;
    unsigned index = (unsigned)gh_span_index(s, addr);
    if (index >= s->objects)
        return GOHEAP_FOREIGN;
    /* Tiny objects lie anywhere in their block, and large ones may have been moved up to be aligned. */
    if (addr - s->base != index * s->elem_size && !s->shares && s->span_class > 1)
        return GOHEAP_INTERIOR;
    return gh_slot_release(p, s, index);
}

void goheap_prefetch_far(const struct goheap *heap, const uint64_t *addrs, unsigned n)
{
    const uint64_t bytes = heap->limit - heap->base;
    const unsigned shift = heap->config.page_shift;
    for (unsigned i = 0; i < n; i++) {
        uint64_t offset = addrs[i] - heap->base;
        if (offset >= bytes)
            continue;
        struct gh_span **spans = heap->arenas[offset >> GH_ARENA_SHIFT].spans;
        if (spans)
            __builtin_prefetch(&spans[(offset & (GH_ARENA_BYTES - 1)) >> shift]);
    }
}

void goheap_prefetch_near(const struct goheap *heap, const uint64_t *addrs, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const struct gh_span *s = gh_span_at(heap, addrs[i]);
        if (!s)
            continue;
        __builtin_prefetch(s, 1);
        __builtin_prefetch(s->inline_bits, 1);
    }
}

void goheap_prefetch_bits(const struct goheap *heap, const uint64_t *addrs, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const struct gh_span *s = gh_span_at(heap, addrs[i]);
        if (s && s->live != s->inline_bits)
            __builtin_prefetch(&s->live[gh_span_index(s, addrs[i]) / 64], 1);
    }
}

uint64_t goheap_usable_size(const struct goheap *heap, uint64_t addr)
{
    const struct gh_span *s = gh_span_at(heap, addr);
    if (!s || addr - s->base >= s->pages << heap->config.page_shift || s->state != GH_SPAN_IN_USE)
        return 0;
    uint64_t index = gh_span_index(s, addr);
    return index < s->objects ? s->base + (index + 1) * s->elem_size - addr : 0;
}

unsigned goheap_class_of(const struct goheap *heap, uint64_t size)
{
    return size > GH_MAX_SMALL || size == 0 ? 0 : gh_class_of_small(&heap->sc, size);
}
