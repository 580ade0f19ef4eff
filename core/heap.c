/* Heaps and Ps: how they come to be and how they end. */
#include "heap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SWEEP_GEN = 4 }; /* above GH_GEN_NONE by more than the generations that are told apart */

/* What only goes together. */
static bool check_policies(const struct goheap_config *c, char *why, size_t n)
{
    bool radix = c->page_heap == GOHEAP_PAGES_RADIX, sets = c->central_lists == GOHEAP_CENTRAL_SETS;
    if (!radix && c->page_cache)
        snprintf(why, n, "page caches, expected with a radix tree of pages only");
    else if (!radix && c->address_space >> c->page_shift > UINT32_MAX)
        snprintf(why, n, "an address space of %llu pages, expected no more than 2^32 without a radix tree of them",
                 (unsigned long long)(c->address_space >> c->page_shift));
    else if (radix && !sets)
        snprintf(why, n, "nonempty and empty central lists, expected with lists of pages only");
    else if (sets != (c->sweep_order == GOHEAP_SWEEP_BY_CLASS))
        snprintf(why, n, "sweeping class by class, expected with span sets, and only with them");
    else if (!c->noscan_apart && (c->header_bytes || c->pointer_bits_max))
        snprintf(why, n, "headers or pointer bits, expected where objects without pointers have spans of their own");
    else
        return true;
    return false;
}

bool goheap_config_check(const struct goheap_config *c, char *why, size_t n)
{
    if (c->page_shift < 12 || c->page_shift > 16) {
        snprintf(why, n, "pages of 2^%u bytes, expected 2^12 to 2^16", c->page_shift);
        return false;
    }
    if (c->address_space < UINT64_C(1) << 32 || c->address_space > UINT64_C(1) << 46) {
        snprintf(why, n, "an address space of %llu bytes, expected 2^32 to 2^46",
                 (unsigned long long)c->address_space);
        return false;
    }
    if (c->arena_base % (UINT64_C(1) << GH_ARENA_SHIFT) != 0 || c->arena_base > UINT64_C(1) << 46) {
        snprintf(why, n, "an arena base of 0x%llx, expected a multiple of 64 MiB up to 2^46",
                 (unsigned long long)c->arena_base);
        return false;
    }
    if (c->mspan_bytes == 0 || c->mcache_bytes == 0 || c->descriptor_chunk < c->mspan_bytes ||
        c->descriptor_chunk < c->mcache_bytes) {
        snprintf(why, n, "descriptor sizes, expected at least 1 byte each and no more than a block of them");
        return false;
    }
    if (!check_policies(c, why, n) || !gh_size_classes_check(c, why, n))
        return false;
    if (c->tiny_size == 0)
        return true;
    for (unsigned i = 1; i < c->table.count; i++)
        if (c->table.classes[i].size == c->tiny_size && c->tiny_size <= 128)
            return true;
    snprintf(why, n, "tiny blocks of %u bytes, expected 0 or the size of a class up to 128", c->tiny_size);
    return false;
}

static size_t arena_table_bytes(const struct goheap *heap)
{
    return (size_t)((heap->limit - heap->base) >> GH_ARENA_SHIFT) * sizeof(struct gh_arena);
}

static size_t central_bytes(const struct goheap *heap)
{
    return heap->span_classes * sizeof(struct gh_central);
}

static void init_locks(struct goheap *heap)
{
    const struct goheap_platform *pf = heap->platform;
    pf->lock_init(pf->self, &heap->lock, GOHEAP_LOCK_HEAP, 0);
    enum goheap_lock_kind kind = heap->config.central_locked ? GOHEAP_LOCK_CENTRAL : GOHEAP_LOCK_SETS;
    for (unsigned i = 0; i < GH_STACK_ORDERS; i++)
        pf->lock_init(pf->self, &heap->stacks[i].lock, GOHEAP_LOCK_STACKS, i);
    for (unsigned i = 0; i < heap->span_classes; i++)
        pf->lock_init(pf->self, &heap->central[i].lock, kind, i);
}

/* What does not depend on where the region is. */
static void init_fields(struct goheap *heap)
{
    gh_size_classes_init(&heap->sc, &heap->config);
    heap->span_classes = heap->sc.count * 2;
    heap->page_shift = heap->config.page_shift;
    heap->least[0] = 1;
    heap->least[GOHEAP_NOSCAN] = heap->config.tiny_size ? heap->config.tiny_size : 1;
    if (heap->config.tiny_size)
        heap->tiny_class = gh_class_of_small(&heap->sc, heap->config.tiny_size) * 2 + heap->config.noscan_apart;
    heap->descriptors.platform = heap->platform;
    heap->sweep_gen = FIRST_SWEEP_GEN;
    heap->sweeping = GH_SWEEP_DRAINED;
    heap->retain_goal = heap->memory_limit = UINT64_MAX;
}

static void release_region(struct goheap *heap)
{
    const struct goheap_platform *pf = heap->platform;
    if (heap->map.spans)
        pf->metadata_free(pf->self, heap->map.spans, heap->map.pages * sizeof(struct gh_span *));
    if (heap->arenas)
        pf->metadata_free(pf->self, heap->arenas, arena_table_bytes(heap));
    pf->unreserve(pf->self, heap->base, heap->limit - heap->base);
}

static bool init_pages(struct goheap *heap, uint64_t bytes)
{
    if (heap->config.page_heap == GOHEAP_PAGES_RADIX) {
        bool ok = gh_page_alloc_init(&heap->pages, heap->platform, heap->base, bytes, heap->config.page_shift);
        heap->pages.by_density = ok && heap->config.scavenge_index == GOHEAP_SCAVENGE_SPARSE;
        return ok;
    }
    return gh_page_lists_init(&heap->page_lists, heap->config.page_heap, &heap->descriptors, heap->base, bytes,
                              heap->config.page_shift);
}

static void destroy_pages(struct goheap *heap)
{
    if (heap->config.page_heap == GOHEAP_PAGES_RADIX)
        gh_page_alloc_destroy(&heap->pages);
    else
        gh_page_lists_destroy(&heap->page_lists);
}

/* The region and the tables whose size goes with its own. */
static bool take_region(struct goheap *heap, uint64_t bytes)
{
    const struct goheap_platform *pf = heap->platform;
    heap->base = pf->reserve(pf->self, heap->config.arena_base, bytes, GH_ARENA_BYTES);
    if (!heap->base)
        return false;
    heap->limit = heap->base + bytes;
    heap->grown = heap->base;
    heap->map = (struct gh_page_map){heap->base, bytes >> heap->page_shift, heap->page_shift, NULL};
    heap->arenas = pf->metadata_alloc(pf->self, arena_table_bytes(heap));
    heap->map.spans = pf->metadata_alloc(pf->self, heap->map.pages * sizeof(struct gh_span *));
    if (heap->arenas && heap->map.spans && gh_sweep_queue_init(heap)) {
        if (init_pages(heap, bytes))
            return true;
        gh_sweep_queue_destroy(heap);
    }
    release_region(heap);
    return false;
}

/* The largest address space up to what the config asks for: a limit on the process may leave less. */
static bool take_largest_region(struct goheap *heap)
{
    for (uint64_t bytes = heap->config.address_space; bytes >= GH_ARENA_BYTES; bytes /= 2)
        if (take_region(heap, bytes))
            return true;
    return false;
}

struct goheap *goheap_new(const struct goheap_config *config, const struct goheap_platform *platform)
{
    char why[1];
    if (!goheap_config_check(config, why, sizeof why))
        return NULL;
    struct goheap *heap = platform->metadata_alloc(platform->self, sizeof *heap);
    if (!heap)
        return NULL;
    heap->config = *config;
    heap->platform = platform;
    init_fields(heap);
    heap->central = platform->metadata_alloc(platform->self, central_bytes(heap));
    if (!heap->central || !take_largest_region(heap)) {
        if (heap->central)
            platform->metadata_free(platform->self, heap->central, central_bytes(heap));
        platform->metadata_free(platform->self, heap, sizeof *heap);
        return NULL;
    }
    init_locks(heap);
    gh_pool_init(&heap->bits, platform);
    return heap;
}

void goheap_delete(struct goheap *heap)
{
    const struct goheap_platform *pf = heap->platform;
    for (struct goheap_p *p = heap->ps, *next; p; p = next) {
        next = p->next;
        pf->metadata_free(pf->self, p, p->bytes);
    }
    for (unsigned i = 0; i < heap->span_classes; i++)
        pf->lock_destroy(pf->self, &heap->central[i].lock);
    for (unsigned i = 0; i < GH_STACK_ORDERS; i++)
        pf->lock_destroy(pf->self, &heap->stacks[i].lock);
    pf->lock_destroy(pf->self, &heap->lock);
    gh_pool_destroy(&heap->bits);
    gh_descriptors_destroy(&heap->descriptors);
    destroy_pages(heap);
    gh_sweep_queue_destroy(heap);
    release_region(heap);
    pf->metadata_free(pf->self, heap->central, central_bytes(heap));
    pf->metadata_free(pf->self, heap, sizeof *heap);
}

/* --- Ps ------------------------------------------------------------------------------------------------ */

/* Off one of the lists that next_idle links; NULL if it is empty. */
static struct goheap_p *pop_p(struct goheap *heap, struct goheap_p **list)
{
    gh_lock(heap, NULL, &heap->lock);
    struct goheap_p *p = *list;
    if (p) {
        __atomic_store_n(list, p->next_idle, __ATOMIC_RELAXED);
        __atomic_store_n(&p->idle, false, __ATOMIC_RELAXED);
    }
    gh_unlock(heap, NULL, &heap->lock);
    return p;
}

static void push_p(struct goheap_p **list, struct goheap_p *p)
{
    p->next_idle = *list;
    __atomic_store_n(list, p, __ATOMIC_RELAXED);
}

static struct goheap_p *make_p(struct goheap *heap)
{
    size_t bytes = sizeof(struct goheap_p) + heap->span_classes * sizeof(struct gh_list);
    struct goheap_p *p = heap->platform->metadata_alloc(heap->platform->self, bytes);
    if (!p)
        return NULL;
    p->heap = heap;
    p->bytes = bytes;
    p->map = heap->map;
    p->partial = (struct gh_list *)(p + 1);
    for (unsigned i = 0; i < GH_DIRECT; i++)
        p->direct[0][i] = p->direct[1][i] = &heap->empty;
    for (unsigned i = 0; i < heap->span_classes; i++)
        p->alloc[i] = &heap->empty;
    return p;
}

struct goheap_p *goheap_p_new(struct goheap *heap, void *user)
{
    struct goheap_p *p = __atomic_load_n(&heap->spare, __ATOMIC_RELAXED) ? pop_p(heap, &heap->spare) : NULL;
    bool made = !p;
    if (made && !(p = make_p(heap)))
        return NULL;
    p->user = user;
    gh_lock(heap, p, &heap->lock);
    p->flush_gen = heap->sweep_gen;
    if (made) {
        p->next = heap->ps;
        __atomic_store_n(&heap->ps, p, __ATOMIC_RELEASE);
    }
    if (++heap->p_count > heap->p_peak)
        __atomic_store_n(&heap->p_peak, heap->p_count, __ATOMIC_RELAXED); /* goheap_mapped_ready reads it */
    gh_unlock(heap, p, &heap->lock);
    return p;
}

/* Gives the heap all that the P holds. */
static void flush_p(struct goheap_p *p)
{
    struct goheap *heap = p->heap;
    gh_mcache_release_all(p);
    gh_stacks_release(p);
    gh_pool_flush(&heap->bits, &p->bits);
    gh_lock(heap, p, &heap->lock);
    gh_page_cache_flush(&heap->pages, &p->pages);
    while (p->free_spans) {
        struct gh_span *s = p->free_spans;
        p->free_spans = s->next;
        gh_descriptor_give(&heap->descriptors, s);
    }
    p->free_span_count = 0;
    gh_unlock(heap, p, &heap->lock);
}

void goheap_p_release_pages(struct goheap_p *p)
{
    struct goheap *heap = p->heap;
    gh_lock(heap, p, &heap->lock);
    gh_page_cache_flush(&heap->pages, &p->pages);
    gh_unlock(heap, p, &heap->lock);
}

void goheap_p_delete(struct goheap_p *p)
{
    struct goheap *heap = p->heap;
    flush_p(p);
    gh_lock(heap, p, &heap->lock);
    heap->p_count--;
    push_p(&heap->spare, p);
    gh_unlock(heap, p, &heap->lock);
}

void gh_idle_flush(struct goheap *heap)
{
    for (struct goheap_p *p; (p = pop_p(heap, &heap->idle));)
        goheap_p_delete(p);
}

struct goheap_p *goheap_p_acquire(struct goheap *heap)
{
    struct goheap_p *p = pop_p(heap, &heap->idle);
    return p ? p : goheap_p_new(heap, NULL);
}

void goheap_p_release(struct goheap_p *p)
{
    struct goheap *heap = p->heap;
    gh_lock(heap, p, &heap->lock);
    push_p(&heap->idle, p);
    __atomic_store_n(&p->idle, true, __ATOMIC_SEQ_CST);
    gh_unlock(heap, p, &heap->lock);
    if (__atomic_load_n(&p->news, __ATOMIC_SEQ_CST)) /* as gh_owner_tell has it */
        gh_idle_flush(heap);
}

void goheap_on_misuse(struct goheap *heap, void (*told)(void *user, enum goheap_result misuse, uint64_t addr),
                      void *user)
{
    heap->misuse_told = told;
    heap->misuse_user = user;
}

/* Lock order: central, stacks, heap, bits. */
void goheap_lock_all(struct goheap *heap)
{
    for (unsigned i = 0; i < heap->span_classes; i++)
        gh_lock(heap, NULL, &heap->central[i].lock);
    for (unsigned i = 0; i < GH_STACK_ORDERS; i++)
        gh_lock(heap, NULL, &heap->stacks[i].lock);
    gh_lock(heap, NULL, &heap->lock);
    gh_lock(heap, NULL, &heap->bits.lock);
}

void goheap_unlock_all(struct goheap *heap)
{
    gh_unlock(heap, NULL, &heap->bits.lock);
    gh_unlock(heap, NULL, &heap->lock);
    for (unsigned i = 0; i < GH_STACK_ORDERS; i++)
        gh_unlock(heap, NULL, &heap->stacks[i].lock);
    for (unsigned i = 0; i < heap->span_classes; i++)
        gh_unlock(heap, NULL, &heap->central[i].lock);
}

void *goheap_p_user(const struct goheap_p *p)
{
    return p->user;
}
