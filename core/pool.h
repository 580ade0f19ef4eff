/* Memory for the core's own small things: span descriptors and bitmaps.
 *
 * Both are cut from chunks of platform metadata, recycled by free lists and returned only with the heap, so
 * that a stale pointer to a descriptor stays readable. Descriptors are counted as Go's fixalloc counts its
 * mspans, because MemStats reports that (mfixalloc.go).
 */
#ifndef GH_POOL_H
#define GH_POOL_H

#include "span.h"

enum { GH_POOL_SIZES = 12 }; /* blocks of 8 << k words: enough for the bits and shares of GH_MAX_SLOTS slots */

struct gh_block {
    struct gh_block *next;
};

struct gh_chunk_of_blocks; /* what blocks are cut from */

struct gh_pool {
    const struct goheap_platform *platform;
    struct goheap_lock lock;
    struct gh_block *free[GH_POOL_SIZES];
    struct gh_chunk_of_blocks *chunks;
    size_t left; /* bytes left in the newest chunk */
};

/* A P's own supply, so that setting up a span takes no lock. */
struct gh_pool_cache {
    struct gh_block *free[GH_POOL_SIZES];
    unsigned count[GH_POOL_SIZES];
};

void gh_pool_init(struct gh_pool *pool, const struct goheap_platform *platform);
void gh_pool_destroy(struct gh_pool *pool);
/* `words` zeroed 64-bit words; NULL if memory cannot be had. */
uint64_t *gh_pool_take(struct gh_pool *pool, struct gh_pool_cache *cache, size_t words);
/* cache may be NULL: the block then goes straight back. */
void gh_pool_give(struct gh_pool *pool, struct gh_pool_cache *cache, uint64_t *block, size_t words);
/* Hands a P's supply back. */
void gh_pool_flush(struct gh_pool *pool, struct gh_pool_cache *cache);

/* Span descriptors; under the heap lock. */
struct gh_descriptors {
    const struct goheap_platform *platform;
    struct gh_descriptor_chunk *chunks;
    struct gh_span *free;
    uint64_t in_use; /* handed out, those in Ps' supplies included */
    uint64_t made;   /* ever cut; atomic: others look */
};

/* Each chunk is twice as large as the one before, up to a limit: large ones are few and can lie on huge pages. */
struct gh_descriptor_chunk {
    struct gh_descriptor_chunk *next;
    size_t bytes;
    uint64_t first; /* descriptors made before those of this chunk */
    unsigned used, room;
    _Alignas(128) struct gh_span spans[]; /* neighbouring lines come into the cache together */
};

struct gh_span *gh_descriptor_take(struct gh_descriptors *d);
void gh_descriptor_give(struct gh_descriptors *d, struct gh_span *s);
void gh_descriptors_destroy(struct gh_descriptors *d);
/* The descriptor that was made after `index` others, below `made`. Other threads may go on. O(chunks). */
struct gh_span *gh_descriptor_at(const struct gh_descriptors *d, uint64_t index);

/* Visits every span that holds objects. The world is stopped. */
struct gh_span_iter {
    const struct gh_descriptor_chunk *chunk;
    unsigned at;
};
struct gh_span_iter gh_spans_begin(const struct gh_descriptors *d);
struct gh_span *gh_spans_next(struct gh_span_iter *iter);
/* Visits every descriptor, dead or in use. Other threads may go on; what they make meanwhile may be missed. */
struct gh_span *gh_descriptors_next(struct gh_span_iter *iter);

#endif
