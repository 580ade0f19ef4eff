/* Chunks, free lists, and nothing that knows what the blocks are for. */
#include "pool.h"

#include <string.h>

enum { CHUNK_BYTES = 256 << 10, BATCH = 16, CACHE_MAX = 64 };

struct gh_chunk_of_blocks {
    struct gh_chunk_of_blocks *next;
    uint64_t pad[7]; /* blocks start on a cache line of their own */
};

void gh_pool_init(struct gh_pool *pool, const struct goheap_platform *platform)
{
    memset(pool, 0, sizeof *pool);
    pool->platform = platform;
    platform->lock_init(platform->self, &pool->lock, GOHEAP_LOCK_BITS, 0);
}

void gh_pool_destroy(struct gh_pool *pool)
{
    const struct goheap_platform *platform = pool->platform;
    for (struct gh_chunk_of_blocks *c = pool->chunks, *next; c; c = next) {
        next = c->next;
        platform->metadata_free(platform->self, c, CHUNK_BYTES);
    }
    platform->lock_destroy(platform->self, &pool->lock);
}

static unsigned size_index(size_t words)
{
    unsigned k = 0;
    while ((size_t)8 << k < words)
        k++;
    return k;
}

/* Under the pool's lock. */
static struct gh_block *cut(struct gh_pool *pool, unsigned k)
{
    size_t bytes = (size_t)64 << k;
    if (pool->left < bytes) {
        struct gh_chunk_of_blocks *c = pool->platform->metadata_alloc(pool->platform->self, CHUNK_BYTES);
        if (!c)
            return NULL;
        c->next = pool->chunks;
        pool->chunks = c;
        pool->left = CHUNK_BYTES - sizeof *c;
    }
    pool->left -= bytes;
    return (struct gh_block *)((char *)pool->chunks + sizeof *pool->chunks + pool->left);
}

static struct gh_block *take_shared(struct gh_pool *pool, unsigned k)
{
    struct gh_block *b = pool->free[k];
    if (b)
        pool->free[k] = b->next;
    else
        b = cut(pool, k);
    return b;
}

static void fill(struct gh_pool *pool, struct gh_pool_cache *cache, unsigned k)
{
    pool->platform->lock(pool->platform->self, NULL, &pool->lock);
    for (unsigned i = 0; i < BATCH; i++) {
        struct gh_block *b = take_shared(pool, k);
        if (!b)
            break;
        b->next = cache->free[k];
        cache->free[k] = b;
        cache->count[k]++;
    }
    pool->platform->unlock(pool->platform->self, NULL, &pool->lock);
}

static void drain(struct gh_pool *pool, struct gh_pool_cache *cache, unsigned k, unsigned keep)
{
    pool->platform->lock(pool->platform->self, NULL, &pool->lock);
    while (cache->count[k] > keep) {
        struct gh_block *b = cache->free[k];
        cache->free[k] = b->next;
        cache->count[k]--;
        b->next = pool->free[k];
        pool->free[k] = b;
    }
    pool->platform->unlock(pool->platform->self, NULL, &pool->lock);
}

uint64_t *gh_pool_take(struct gh_pool *pool, struct gh_pool_cache *cache, size_t words)
{
    unsigned k = size_index(words);
    if (!cache->free[k])
        fill(pool, cache, k);
    struct gh_block *b = cache->free[k];
    if (!b)
        return NULL;
    cache->free[k] = b->next;
    cache->count[k]--;
    memset(b, 0, words * sizeof(uint64_t));
    return (uint64_t *)b;
}

static void give_shared(struct gh_pool *pool, struct gh_block *b, unsigned k)
{
    pool->platform->lock(pool->platform->self, NULL, &pool->lock);
    b->next = pool->free[k];
    pool->free[k] = b;
    pool->platform->unlock(pool->platform->self, NULL, &pool->lock);
}

void gh_pool_give(struct gh_pool *pool, struct gh_pool_cache *cache, uint64_t *block, size_t words)
{
    unsigned k = size_index(words);
    struct gh_block *b = (struct gh_block *)block;
    if (!cache) {
        give_shared(pool, b, k);
        return;
    }
    b->next = cache->free[k];
    cache->free[k] = b;
    if (++cache->count[k] > CACHE_MAX)
        drain(pool, cache, k, CACHE_MAX / 2);
}

void gh_pool_flush(struct gh_pool *pool, struct gh_pool_cache *cache)
{
    for (unsigned k = 0; k < GH_POOL_SIZES; k++)
        if (cache->count[k])
            drain(pool, cache, k, 0);
}

/* --- span descriptors ---------------------------------------------------------------------------------- */

enum { FIRST_CHUNK_BYTES = 64 << 10, LAST_CHUNK_BYTES = 8 << 20 };

static bool add_chunk(struct gh_descriptors *d)
{
    size_t bytes = d->chunks ? d->chunks->bytes * 2 : FIRST_CHUNK_BYTES;
    if (bytes > LAST_CHUNK_BYTES)
        bytes = LAST_CHUNK_BYTES;
    struct gh_descriptor_chunk *c = d->platform->metadata_alloc(d->platform->self, bytes);
    if (!c)
        return false;
    c->next = d->chunks;
    c->bytes = bytes;
    c->first = d->made;
    c->room = (unsigned)((bytes - sizeof *c) / sizeof c->spans[0]);
    __atomic_store_n(&d->chunks, c, __ATOMIC_RELEASE);
    return true;
}

struct gh_span *gh_descriptor_take(struct gh_descriptors *d)
{
    struct gh_span *s = d->free;
    if (s) {
        d->free = s->next;
    } else {
        if ((!d->chunks || d->chunks->used == d->chunks->room) && !add_chunk(d))
            return NULL;
        s = &d->chunks->spans[d->chunks->used];
        __atomic_store_n(&d->chunks->used, d->chunks->used + 1, __ATOMIC_RELEASE);
        __atomic_store_n(&d->made, d->made + 1, __ATOMIC_RELAXED); /* goheap_mapped_ready reads it */
    }
    s->next = NULL;
    d->in_use++;
    return s;
}

void gh_descriptor_give(struct gh_descriptors *d, struct gh_span *s)
{
    s->next = d->free;
    d->free = s;
    d->in_use--;
}

struct gh_span *gh_descriptor_at(const struct gh_descriptors *d, uint64_t index)
{
    struct gh_descriptor_chunk *c = __atomic_load_n(&d->chunks, __ATOMIC_ACQUIRE);
    while (c->first > index)
        c = c->next;
    return &c->spans[index - c->first];
}

void gh_descriptors_destroy(struct gh_descriptors *d)
{
    for (struct gh_descriptor_chunk *c = d->chunks, *next; c; c = next) {
        next = c->next;
        d->platform->metadata_free(d->platform->self, c, c->bytes);
    }
}

struct gh_span_iter gh_spans_begin(const struct gh_descriptors *d)
{
    return (struct gh_span_iter){.chunk = __atomic_load_n(&d->chunks, __ATOMIC_ACQUIRE)};
}

struct gh_span *gh_descriptors_next(struct gh_span_iter *iter)
{
    while (iter->chunk && iter->at == __atomic_load_n(&iter->chunk->used, __ATOMIC_ACQUIRE)) {
        iter->chunk = iter->chunk->next;
        iter->at = 0;
    }
    return iter->chunk ? (struct gh_span *)(uintptr_t)&iter->chunk->spans[iter->at++] : NULL;
}

struct gh_span *gh_spans_next(struct gh_span_iter *iter)
{
    struct gh_span *s;
    do {
        s = gh_descriptors_next(iter);
    } while (s && !gh_holds_objects(s));
    return s;
}
