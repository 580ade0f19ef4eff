/* Goroutine stacks: powers of two from 2 KiB, out of spans that the collector does not see.
 *
 *     below 32 KiB   the P's supply of that order --(empty, overfull)--> pool of the order --> mheap, 4 pages
 *     above          a span of its own
 *
 * Follows runtime/stack.go of Go 1.19 (stackalloc, stackpoolalloc, stackcacherefill, freeStackSpans), with the
 * free lists in the span's bits instead of in the stacks themselves.
 * Invariant: a pool's list holds its spans that have a free stack; a live bit says that a stack is taken or
 * lies in a P's supply.
 */
#include "heap.h"

enum { MIN_LOG = 11, POOL_SPAN_BYTES = 32 << 10 };

static unsigned order_of(uint64_t bytes)
{
    return (unsigned)__builtin_ctzll(bytes) - MIN_LOG;
}

static uint64_t pages_for(const struct goheap *heap, uint64_t bytes)
{
    uint64_t page = UINT64_C(1) << heap->config.page_shift;
    return (bytes + page - 1) / page;
}

/* Under the pool's lock. */
static uint64_t pool_take(struct goheap *heap, struct goheap_p *p, unsigned order)
{
    struct gh_list *list = &heap->stacks[order].partial;
    struct gh_span *s = list->head;
    if (!s) {
        s = gh_mheap_alloc_manual(heap, p, pages_for(heap, POOL_SPAN_BYTES));
        if (!s)
            return 0;
        s->elem_size = UINT32_C(1) << (order + MIN_LOG);
        s->objects = (uint16_t)(gh_span_bytes(heap, s) / s->elem_size);
        gh_list_push(list, s);
    }
    /* Go's list is threaded from the first stack on, so the last comes out first. */
    uint64_t free = ~*gh_live(s) & gh_span_word_mask(s, 0);
    unsigned index = 63u - (unsigned)__builtin_clzll(free);
    *gh_live(s) |= UINT64_C(1) << index;
    if (++s->alloc_count == s->objects)
        gh_list_remove(s);
    return s->base + (uint64_t)index * s->elem_size;
}

/* Under the pool's lock. */
static void pool_give(struct goheap *heap, struct goheap_p *p, unsigned order, uint64_t addr)
{
    struct gh_span *s = gh_span_at(heap, addr);
    if (s->alloc_count == s->objects)
        gh_list_push(&heap->stacks[order].partial, s);
    *gh_live(s) &= ~(UINT64_C(1) << (addr - s->base) / s->elem_size);
    if (--s->alloc_count == 0 && !heap->marking) {
        gh_list_remove(s);
        gh_mheap_free(heap, p, s);
    }
}

static void supply_fill(struct goheap_p *p, unsigned order)
{
    struct goheap *heap = p->heap;
    struct gh_stack_supply *supply = &p->stacks[order];
    gh_lock(heap, p, &heap->stacks[order].lock);
    while ((uint64_t)supply->count << (order + MIN_LOG) < POOL_SPAN_BYTES / 2) {
        uint64_t addr = pool_take(heap, p, order);
        if (!addr)
            break;
        supply->addr[supply->count++] = addr;
    }
    gh_unlock(heap, p, &heap->stacks[order].lock);
}

static void supply_drain(struct goheap_p *p, unsigned order, uint64_t keep_bytes)
{
    struct goheap *heap = p->heap;
    struct gh_stack_supply *supply = &p->stacks[order];
    gh_lock(heap, p, &heap->stacks[order].lock);
    while ((uint64_t)supply->count << (order + MIN_LOG) > keep_bytes)
        pool_give(heap, p, order, supply->addr[--supply->count]);
    gh_unlock(heap, p, &heap->stacks[order].lock);
}

void gh_stacks_release(struct goheap_p *p)
{
    for (unsigned order = 0; order < GH_STACK_ORDERS; order++)
        if (p->stacks[order].count)
            supply_drain(p, order, 0);
}

/* Spans that became empty while marking, when none may be freed. */
void gh_stacks_sweep(struct goheap *heap)
{
    for (unsigned order = 0; order < GH_STACK_ORDERS; order++) {
        if (!heap->stacks[order].partial.head)
            continue;
        gh_lock(heap, NULL, &heap->stacks[order].lock);
        for (struct gh_span *s = heap->stacks[order].partial.head, *next; s; s = next) {
            next = s->next;
            if (s->alloc_count == 0) {
                gh_list_remove(s);
                gh_mheap_free(heap, NULL, s);
            }
        }
        gh_unlock(heap, NULL, &heap->stacks[order].lock);
    }
}

/* What a stack of a size takes: the next power of two, 2 KiB at least. */
static uint64_t round_up(uint64_t bytes)
{
    uint64_t size = UINT64_C(1) << MIN_LOG;
    while (size < bytes)
        size *= 2;
    return size;
}

uint64_t goheap_stack_alloc(struct goheap_p *p, uint64_t bytes)
{
    struct goheap *heap = p->heap;
    if (bytes > heap->config.address_space)
        return 0;
    uint64_t size = round_up(bytes);
    if (size < POOL_SPAN_BYTES) {
        struct gh_stack_supply *supply = &p->stacks[order_of(size)];
        if (!supply->count)
            supply_fill(p, order_of(size));
        return supply->count ? supply->addr[--supply->count] : 0;
    }
    struct gh_span *s = gh_mheap_alloc_manual(heap, p, pages_for(heap, size));
    if (!s)
        return 0;
    *gh_live(s) = 1;
    s->alloc_count = 1;
    return s->base;
}

enum goheap_result goheap_stack_free(struct goheap_p *p, uint64_t addr)
{
    struct goheap *heap = p->heap;
    struct gh_span *s = gh_span_at(heap, addr);
    if (!s || s->state != GH_SPAN_MANUAL)
        return GOHEAP_FOREIGN;
    uint64_t offset = addr - s->base, size = gh_slot_bytes(heap, s);
    if (offset % size != 0)
        return GOHEAP_INTERIOR;
    if (!(*gh_live(s) & UINT64_C(1) << offset / size))
        return GOHEAP_DOUBLE_FREE;
    if (s->objects == 1) {
        s->alloc_count = 0;
        gh_mheap_free(heap, p, s);
        return GOHEAP_OK;
    }
    unsigned order = order_of(s->elem_size);
    struct gh_stack_supply *supply = &p->stacks[order];
    if (supply->count << (order + MIN_LOG) >= POOL_SPAN_BYTES)
        supply_drain(p, order, POOL_SPAN_BYTES / 2);
    supply->addr[supply->count++] = addr;
    return GOHEAP_OK;
}
