/* libgoheap: Go's memory allocator as a library.
 *
 *     goheap_alloc(p) -> tiny block | the P's span of that class | mcentral | mheap | the OS
 *
 * A heap is a handle; there is no global state, so any number of heaps live side by side. Each thread of
 * work has a P of its own (Go's word for a processor): the P's caches are touched by one thread at a time,
 * which is the embedder's promise. Bookkeeping is kept apart from the objects, which are never read or
 * written, zeroing apart; goheap_platform.h says how memory, locks and the clock are had.
 *
 * Unless stated otherwise: sizes are bytes, addresses are uint64_t, a function may be called from any
 * thread whose P it is given, and "the world is stopped" means that no thread is inside the heap.
 */
#ifndef GOHEAP_H
#define GOHEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "goheap_platform.h"

#ifdef __cplusplus
extern "C" {
#endif

#define GOHEAP_API __attribute__((visibility("default")))

/* The version of this header. The major number is that of the ABI (libgoheap.so.1) and part of every symbol's
 * version (GOHEAP_1): it changes when a function or a struct below does in a way that compiled callers notice. */
#define GOHEAP_VERSION_MAJOR 1
#define GOHEAP_VERSION_MINOR 0
#define GOHEAP_VERSION_PATCH 0
/* The version of the library that runs, "1.0.0": static. */
GOHEAP_API const char *goheap_version(void);

struct goheap;
struct goheap_p;

/* --- configuration ------------------------------------------------------------------------------------ */

/* A size class: objects of `size` bytes in spans of `pages` pages. */
struct goheap_size_class {
    uint32_t size;
    uint32_t pages;
};

enum { GOHEAP_MAX_CLASSES = 256 }; /* size classes, class 0 (large objects) included */

/* A table of size classes: classes[0] is {0, 0} and stands for large objects, sizes ascend from 1. */
struct goheap_class_table {
    unsigned count; /* class 0 included: 68 in Go 1.19 */
    struct goheap_size_class classes[GOHEAP_MAX_CLASSES];
};

enum goheap_reclaim {
    GOHEAP_RECLAIM_GC,       /* Go: a death is seen by the sweep after the next collection */
    GOHEAP_RECLAIM_IMMEDIATE /* C: the next refill, or a span's last death, sees it */
};

/* Which chunks (4 MiB at 8 KiB pages) with free pages the background scavenger looks at. */
enum goheap_scavenge_index {
    GOHEAP_SCAVENGE_FREED, /* Go 1.19: any in which pages became free */
    GOHEAP_SCAVENGE_SPARSE /* Go 1.21: of these, once a cycle has passed, those that were not nearly full in it */
};

/* Where free pages are kept, which of them are taken, and how much is asked of the OS at a time. */
enum goheap_page_heap {
    GOHEAP_PAGES_RADIX, /* Go from 1.14 on: a bitmap below a radix tree, lowest address first; 4 MiB */
    GOHEAP_PAGES_LISTS, /* Go 1.5: a list for each length below 1 MiB, best fit from there on; 1 MiB */
    GOHEAP_PAGES_TREAP  /* Go 1.11: the same lists, a treap from there on; 64 MiB */
};

/* How the spans of a class that no P holds are kept, and who reclaims pages for an allocation. */
enum goheap_central_lists {
    GOHEAP_CENTRAL_SETS, /* Go from 1.15 on: partial and full, swept and not; unmarked spans are found by address */
    GOHEAP_CENTRAL_LISTS /* Go to 1.14: nonempty and empty, swept or not; large objects' spans by length */
};

/* In which order the spans that a cycle left unswept are swept, unless somebody needs one before. */
enum goheap_sweep_order {
    GOHEAP_SWEEP_BY_CLASS,  /* Go from 1.15 on: class by class */
    GOHEAP_SWEEP_ALL_SPANS, /* Go 1.5: as their descriptors were made */
    GOHEAP_SWEEP_STACK      /* Go 1.11: what was last swept or allocated first */
};

struct goheap_config {
    struct goheap_class_table table;
    unsigned page_shift;         /* log2 of the page size; 13 */
    uint32_t tiny_size;          /* bytes of a tiny block, a class of the table; 0: no tiny allocator */
    bool tiny_shared;            /* a tiny block is kept for others to share, which Go 1.5 forgot to */
    bool noscan_apart;           /* objects without pointers have spans of their own (from Go 1.9 on) */
    bool page_cache;             /* each P keeps up to 64 pages; with GOHEAP_PAGES_RADIX only */
    bool central_locked;         /* span lists behind a lock a class (Go <= 1.15), else span sets */
    enum goheap_page_heap page_heap;
    enum goheap_central_lists central_lists; /* GOHEAP_CENTRAL_LISTS: not with GOHEAP_PAGES_RADIX, */
    enum goheap_sweep_order sweep_order;     /* and not with GOHEAP_SWEEP_BY_CLASS, nor the others without it */
    bool concurrent;             /* several threads use the heap at once */
    enum goheap_reclaim reclaim;
    enum goheap_scavenge_index scavenge_index;
    uint64_t arena_base;         /* where the region is wished for; 0xc000000000 */
    uint64_t address_space;      /* bytes of address space to reserve, the most the heap can ever map */
    uint32_t mspan_bytes;        /* size of Go's span descriptor, of its mcache, and of the block they are */
    uint32_t mcache_bytes;       /* cut from: what MemStats reports of them */
    uint32_t descriptor_chunk;
    uint32_t arena_table_bytes;  /* the same of what Go keeps about 64 MiB (heapArena), */
    uint32_t span_block_bytes;   /* and of a block of 512 entries of a span set */
    uint64_t runtime_bytes;      /* that the runtime around the heap has mapped: a memory limit counts them, too */
    bool descriptor_tails;       /* what is left over of such a block counts, too (fixalloc of Go 1.5 and 1.11) */
    /* Where Go keeps what the collector has to know of an object, as far as it takes room from objects. All 0, up to
     * Go 1.21: elsewhere. */
    uint32_t header_bytes;       /* before an object with pointers of more than pointer_bits_max bytes; and all that is
                                    larger than 32 KiB less a header has a span of its own */
    uint32_t pointer_bits_max;   /* slots of up to so many bytes that may hold pointers: a bit a word, in the span */
    uint32_t mark_bytes;         /* for mark bits, in spans of slots of mark_from to pointer_bits_max bytes */
    uint32_t mark_from;
    bool released_is_zero;       /* pages that were given back to the OS need no zeroing when they come again */
};

/* Go 1.19's settings: its 68 classes, 8 KiB pages, tiny blocks of 16 bytes, reclaim by collection. */
GOHEAP_API void goheap_config_go119(struct goheap_config *config);

/* What a malloc wants instead: immediate reclaim, several threads, no tiny blocks, and classes of which all that
 * hold 16 bytes or more are multiples of 16, as C's alignment asks. */
GOHEAP_API void goheap_config_malloc(struct goheap_config *config);

/* Checks a table against what the allocator needs; on failure false and a sentence in why. */
GOHEAP_API bool goheap_config_check(const struct goheap_config *config, char *why, size_t why_size);

/* --- life ---------------------------------------------------------------------------------------------- */

/* The operating system: mmap, pthread mutexes. Static, stateless. */
GOHEAP_API const struct goheap_platform *goheap_platform_mmap(void);

/* A heap with nothing in it. The platform is borrowed and must outlive it; the config is copied. NULL if
 * the config fails goheap_config_check or memory cannot be had. */
GOHEAP_API struct goheap *goheap_new(const struct goheap_config *config, const struct goheap_platform *platform);
/* Returns everything to the platform, Ps included. No thread may be inside the heap. */
GOHEAP_API void goheap_delete(struct goheap *heap);

/* A P. user is the embedder's own, handed back by goheap_p_user: platforms use it to find their P. NULL if
 * memory cannot be had. */
GOHEAP_API struct goheap_p *goheap_p_new(struct goheap *heap, void *user);
/* Gives the P's spans and pages back to the heap. */
GOHEAP_API void goheap_p_delete(struct goheap_p *p);
GOHEAP_API void *goheap_p_user(const struct goheap_p *p);

/* For threads that come and go: an idle P, with the spans it holds, or else a new one (user NULL); NULL if memory
 * cannot be had. */
GOHEAP_API struct goheap_p *goheap_p_acquire(struct goheap *heap);
/* Leaves a P idle for the next goheap_p_acquire. The heap takes what idle Ps hold before it grows, when it is scavenged,
 * and when somebody frees in their spans. */
GOHEAP_API void goheap_p_release(struct goheap_p *p);

/* fork in a concurrent heap: between goheap_lock_all, by the thread that forks, and goheap_unlock_all, in the parent
 * and in the child, no other thread is inside the shared parts of the heap. In the child, Ps of threads other than
 * the one that forked must not be used any more; what they cached stays out of use there. */
GOHEAP_API void goheap_lock_all(struct goheap *heap);
GOHEAP_API void goheap_unlock_all(struct goheap *heap);

/* --- objects ------------------------------------------------------------------------------------------- */

enum {
    GOHEAP_NOSCAN = 1, /* the object holds no pointers: it shares spans with its like, and may be tiny */
    GOHEAP_ZEROED = 2  /* the memory is to be zero */
};

/* Allocates size bytes; the address, or 0 if the heap cannot grow. Addresses are aligned as Go aligns: to
 * the largest power of two that divides the class size, tiny objects to what their size is a multiple of.
 * O(1); one bit scan when the P's span has room. */
GOHEAP_API uint64_t goheap_alloc(struct goheap_p *p, uint64_t size, unsigned flags);
/* The same at a multiple of align, a power of two. Never tiny. */
GOHEAP_API uint64_t goheap_alloc_aligned(struct goheap_p *p, uint64_t size, uint64_t align, unsigned flags);

enum goheap_result {
    GOHEAP_OK,
    GOHEAP_FOREIGN,    /* no object of this heap lies there */
    GOHEAP_INTERIOR,   /* inside an object, not at its start */
    GOHEAP_DOUBLE_FREE /* the object was freed before */
};

/* The object at addr is dead. Any P may free any object; addr may be 0 or the zero-size address. O(1). Under reclaim by
 * collection its live bit is cleared; under immediate reclaim the slot is free at once if p holds the span, else one
 * atomic operation clears the live bit and the P that holds the span sees it at its next refill. */
GOHEAP_API enum goheap_result goheap_free(struct goheap_p *p, uint64_t addr);

/* Is told of every misuse that a function also returns, and of those that only come to light later: an object freed
 * by two Ps may be found when its span is next looked at, one of them if there are several. May be called with locks held: it must not call the heap,
 * and may end the process. NULL: nobody is told. To be set before the heap is used by several threads. */
GOHEAP_API void goheap_on_misuse(struct goheap *heap,
                                 void (*told)(void *user, enum goheap_result misuse, uint64_t addr), void *user);

/* Hints for whoever knows its frees in advance: brings what freeing n addresses will touch into the cache, first
 * the way to their spans (far), then the spans themselves (near), then their bits where these lie apart. Each
 * needs the one before to have arrived. No effect otherwise; any addresses will do. */
GOHEAP_API void goheap_prefetch_far(const struct goheap *heap, const uint64_t *addrs, unsigned n);
GOHEAP_API void goheap_prefetch_near(const struct goheap *heap, const uint64_t *addrs, unsigned n);
GOHEAP_API void goheap_prefetch_bits(const struct goheap *heap, const uint64_t *addrs, unsigned n);
/* The same for allocating such an object: the P's way to the span it allocates from (way), then the span. */
GOHEAP_API void goheap_prefetch_way(const struct goheap_p *p, uint64_t size, unsigned flags);
GOHEAP_API void goheap_prefetch_span(const struct goheap_p *p, uint64_t size, unsigned flags);

/* Bytes of the slot that addr lies in, 0 if in none. For a tiny object: to the end of its block. */
GOHEAP_API uint64_t goheap_usable_size(const struct goheap *heap, uint64_t addr);

/* The size class that serves a size of at least 1 with such flags: 0 for large objects. Tiny ones count as if they did
 * not share a block. */
GOHEAP_API unsigned goheap_class_of(const struct goheap *heap, uint64_t size, unsigned flags);

/* A goroutine stack: the next power of two from 2 KiB up; the address, or 0 if the heap cannot grow. Not an
 * object: neither marked nor swept. Not for concurrent heaps with several Ps freeing each other's stacks. */
GOHEAP_API uint64_t goheap_stack_alloc(struct goheap_p *p, uint64_t bytes);
GOHEAP_API enum goheap_result goheap_stack_free(struct goheap_p *p, uint64_t addr);

/* --- collection ---------------------------------------------------------------------------------------- */

/* A cycle: begin (world stopped; what the last cycle left is swept, on p's account or nobody's), mark, end (world
 * stopped; unmarked objects become reclaimable as their spans are swept). Objects allocated in between survive.
 * Meant for GOHEAP_RECLAIM_GC. */
GOHEAP_API void goheap_gc_begin(struct goheap *heap, struct goheap_p *p);

struct goheap_marked {
    uint64_t objects;
    uint64_t spans;      /* that they lie in */
    uint64_t bytes;      /* slot bytes of all marked objects */
    uint64_t class_objects[GOHEAP_MAX_CLASSES]; /* objects by size class; 0: large ones */
    uint64_t class_spans[GOHEAP_MAX_CLASSES];   /* and the spans that they lie in */
    uint64_t scan_bytes; /* the part of them in spans whose objects may hold pointers */
    uint64_t scan_objects[GOHEAP_MAX_CLASSES]; /* those objects, */
    uint64_t scan_spans[GOHEAP_MAX_CLASSES];   /* and their spans */
};
/* Marks every object whose live bit is set: the world is stopped. For embedders whose objects die by
 * goheap_free. O(spans). */
GOHEAP_API void goheap_gc_mark_live(struct goheap *heap, struct goheap_marked *marked);

struct goheap_object {
    uint64_t addr, size; /* of its slot */
    bool noscan;
};
/* For embedders that trace: marks the object that addr points at or into; true if it lives and was not marked yet,
 * with where it is in *object. Between goheap_gc_begin and _end, by any number of threads at once, beside others that
 * allocate; what they have allocated survives without a mark, too. O(1). */
GOHEAP_API bool goheap_gc_mark(struct goheap *heap, uint64_t addr, struct goheap_object *object);
/* Ends marking and begins the sweep phase; what survives, allocations since begin included, is added up
 * in *survived. */
GOHEAP_API void goheap_gc_end(struct goheap *heap, struct goheap_marked *survived);
/* Lets this P notice the new cycle: its cached spans go back and are swept (Go's prepareForSweep). To be
 * called for each P after goheap_gc_end, before it allocates. */
GOHEAP_API void goheap_p_begin_sweep(struct goheap_p *p);

/* Sweeps one span, on p's account or, where p is NULL, on nobody's (a background sweeper): its pages if the span
 * became free, 0 if not; UINT64_MAX when nothing is left to sweep. */
GOHEAP_API uint64_t goheap_sweep_one(struct goheap *heap, struct goheap_p *p);
GOHEAP_API bool goheap_sweep_done(const struct goheap *heap);
/* Sets how many pages to sweep for each byte allocated so that sweeping ends before the live heap reaches
 * trigger (gcPaceSweeper). To be called after goheap_gc_end. */
GOHEAP_API void goheap_sweep_pace(struct goheap *heap, uint64_t trigger);

/* --- memory back to the OS ----------------------------------------------------------------------------- */

/* Releases free pages, highest addresses first, until `bytes` bytes are released or none is left; returns how many
 * bytes it released. They stay mapped and are backed again when used. p: on whose account, may be NULL. Any thread;
 * the heap lock is let go between runs of pages. */
GOHEAP_API uint64_t goheap_scavenge(struct goheap *heap, struct goheap_p *p, uint64_t bytes);
/* The same for a scavenger that runs beside a collector: only what the config's scavenge_index leaves to it, and
 * without taking what idle Ps hold. */
GOHEAP_API uint64_t goheap_scavenge_background(struct goheap *heap, struct goheap_p *p, uint64_t bytes);
/* What the heap sees to itself as it takes pages for spans: memory that it retains (in use or free, not released) is
 * released when it grows beyond `retain`, and all that is mapped and not released is kept within `limit`, as far as
 * free pages do it. UINT64_MAX: no bound, as in a new heap. Any thread. */
GOHEAP_API void goheap_scavenge_goals(struct goheap *heap, uint64_t retain, uint64_t limit);
/* Gives the heap the pages that the P has in reserve: an idle P's would be out of the scavenger's reach. */
GOHEAP_API void goheap_p_release_pages(struct goheap_p *p);

/* --- figures ------------------------------------------------------------------------------------------- */

struct goheap_by_size {
    uint32_t size;
    uint64_t mallocs, frees;
};

/* The allocator's part of runtime.MemStats, with Go's meanings (mstats.go, readmemstats_m). The collector's
 * fields (NextGC, NumGC, pauses) are the embedder's. */
struct goheap_memstats {
    uint64_t total_alloc, mallocs, frees;
    uint64_t heap_alloc, heap_sys, heap_idle, heap_inuse, heap_released, heap_objects;
    uint64_t stack_inuse; /* bytes of pages that hold stacks */
    uint64_t mspan_inuse, mspan_sys, mcache_inuse, mcache_sys;
    uint64_t gc_sys, other_sys; /* what Go's runtime would keep about this heap; 0 under immediate reclaim */
    struct goheap_by_size by_size[GOHEAP_MAX_CLASSES]; /* as many as the table has classes */
};
/* Flushes every P's cache, as ReadMemStats does, and reads. The world is stopped. O(Ps x classes). */
GOHEAP_API void goheap_memstats(struct goheap *heap, struct goheap_memstats *stats);

/* The same without a flush, while other threads go on: what p has done is counted to the last object, what the others
 * have done up to when they last took a span. p may be NULL. O(Ps x classes + spans). */
GOHEAP_API void goheap_memstats_peek(struct goheap *heap, struct goheap_p *p, struct goheap_memstats *stats);

/* Totals that can be read at any time without disturbing anything; consistent if the world is stopped. */
struct goheap_gauges {
    uint64_t heap_live;     /* bytes the pacer counts as live: Go's gcController.heapLive */
    uint64_t total_alloc;   /* slot bytes allocated, by spans handed back so far */
    uint64_t total_free;    /* slot bytes swept */
    uint64_t heap_inuse, heap_free, heap_released; /* bytes of pages */
    uint64_t stack_inuse;
    uint64_t pages_swept;   /* since the cycle's sweep began */
    uint64_t tails;         /* bytes of heap_inuse behind the last slots of spans, too few for one more */
    uint64_t dead;          /* bytes of slots whose object goheap_free has ended, and that are not free yet; of no use
                               where the embedder finds out by itself what is dead */
    int64_t tiny_shared;    /* live tiny objects, less the blocks that they lie in or that Ps keep for more of them */
};
GOHEAP_API void goheap_gauges(const struct goheap *heap, struct goheap_gauges *gauges);
GOHEAP_API uint64_t goheap_heap_live(const struct goheap *heap);
/* All that is mapped and not released, in the heap, its tables, and runtime_bytes beside them: Go's
 * gcController.mappedReady, which a memory limit is held against. O(Ps). */
GOHEAP_API uint64_t goheap_mapped_ready(const struct goheap *heap);

/* What the spans of one class hold, both span classes together. */
struct goheap_class_stats {
    uint64_t spans, pages;
    uint64_t slots;     /* room for objects */
    uint64_t allocated; /* slots taken, dead and not yet swept ones included */
    uint64_t live;      /* slots whose object is live */
    uint64_t allocated_bytes, live_bytes; /* the last two in bytes of slots */
};
/* Fills in one entry a class of the table. The world is stopped. O(spans). */
GOHEAP_API void goheap_class_stats(struct goheap *heap, struct goheap_class_stats *stats);

/* What it took to find the next span of a class for a P that had used one up: spans that were swept in the search for a
 * free slot, which ends in one that has it, or when all of the class are swept, or, from Go 1.15 on, after 101 of them
 * (mcentral.cacheSpan); mheap comes next. What was swept in proportion to allocations is not in it (goheap_sweep_pace). */
enum { GOHEAP_REFILL_BUCKETS = 20 };
struct goheap_refills {
    uint64_t spans_swept, most_swept;         /* in all, and by one refill */
    uint64_t by_swept[GOHEAP_REFILL_BUCKETS]; /* refills that swept 0, 1, 2 to 3, 4 to 7, ...; the last: or more */
};
/* Fills in one entry a class of the table: refills since the heap began; all 0 under immediate reclaim, where a P
 * looks at spans of its own. At any time, consistent if the world is stopped. */
GOHEAP_API void goheap_refills(const struct goheap *heap, struct goheap_refills *refills);

struct goheap_free_pages {
    uint64_t pages;       /* free in the page allocator */
    uint64_t longest_run; /* of them in a row */
    uint64_t cached;      /* free in the Ps' page caches */
};
/* The world is stopped. O(chunks grown + Ps). */
GOHEAP_API void goheap_free_pages(const struct goheap *heap, struct goheap_free_pages *free);

/* A run of pages that are the same thing. */
enum goheap_run_kind {
    GOHEAP_RUN_OBJECTS, /* a span of objects */
    GOHEAP_RUN_STACKS,  /* a span of stacks */
    GOHEAP_RUN_FREE,    /* free; two that touch, of which one is released, are one to the page allocator */
    GOHEAP_RUN_CACHED   /* free, in a P's page cache */
};

struct goheap_run {
    enum goheap_run_kind kind;
    uint64_t addr, bytes;
    uint64_t offset;                /* of addr, from the lowest address that the heap can have */
    uint64_t released;              /* free and cached ones: so many of the bytes, all or none unless page_heap counts
                                       them by run */
    /* spans of objects */
    unsigned size_class;            /* 0: a large object */
    uint64_t slots, allocated, live; /* as in goheap_class_stats */
    uint64_t slot_bytes;            /* of one; a large object's is all of the span */
};
/* Shows every page that was grown to visit, which must not call the heap: runs in order of address, and those in page
 * caches at last. The world is stopped. O(spans + pages / 64 + Ps). */
GOHEAP_API void goheap_walk(const struct goheap *heap, void (*visit)(void *user, const struct goheap_run *run),
                            void *user);

/* Walks every structure and checks every invariant; false at the first that does not hold, with a sentence
 * in why. The world is stopped. O(heap). */
GOHEAP_API bool goheap_verify(struct goheap *heap, char *why, size_t why_size);

#ifdef __cplusplus
}
#endif
#endif
