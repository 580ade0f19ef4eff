/* The heap and its Ps: what lives where, and who may touch it.
 *
 *   struct goheap_p   touched only by the thread that runs the P (while the world is stopped, by whoever stopped it)
 *   struct gh_central one a span class; its lists under its lock
 *   struct goheap     pages, arenas, descriptors: under the heap lock; totals: relaxed atomics
 *
 * Lock order: central, then heap, then pool. Nothing is called with a lock held but what that lock protects.
 */
#ifndef GH_HEAP_H
#define GH_HEAP_H

#include "page_alloc.h"
#include "page_lists.h"
#include "pool.h"
#include "span.h"

#define GH_ARENA_BYTES (UINT64_C(1) << GH_ARENA_SHIFT)

enum {
    GH_ARENA_SHIFT = 26,         /* 64 MiB (heapArenaBytes) */
    GH_SPAN_CACHE = 128,         /* descriptors a P may keep (p.mspancache) */
    GH_RECLAIM_CHUNK = 512,      /* pages looked at a time (pagesPerReclaimerChunk) */
    GH_SWEEP_BUDGET = 100,       /* spans a refill sweeps before it asks mheap (mcentral.cacheSpan) */
    GH_PAGE_CACHE_MAX_PAGES = 16 /* smaller spans come from the P's page cache (pageCachePages/4) */
};

/* 64 MiB of the region. */
struct gh_arena {
    struct gh_span *whole; /* the span that all of it belongs, or last belonged, to; or NULL */
    uint64_t zeroed;       /* offset below which pages have been used before (heapArena.zeroedBase) */
};

/* From addresses to spans; fixed once the heap is there, so that each P has a copy. */
struct gh_page_map {
    uint64_t base;          /* of the region */
    uint64_t pages;         /* in it */
    unsigned page_shift;
    struct gh_span **spans; /* by page: the span it belongs, or last belonged, to, or NULL. Of a span that covers whole
                               arenas, only the first page and those outside them: terabytes are to cost little */
};

/* How many spans went through a list since it was last empty at a cycle's begin, and the blocks its index has room
 * for: what Go's span set of that purpose would be like. */
struct gh_set {
    uint32_t head, tail;
    uint32_t spine;
};

struct gh_central {
    struct goheap_lock lock;
    /* Two of each; which one holds the swept spans alternates from cycle to cycle (mcentral.go). With
     * GOHEAP_CENTRAL_LISTS the first of each are nonempty and empty, whatever is swept (mcentral_lists.c). */
    struct gh_list partial[2], full[2];
    struct gh_set sets[4]; /* of partial, and of full */
    struct goheap_refills refills; /* relaxed atomics */
};

/* Of what Go's runtime keeps about the heap; see metadata.c. */
struct gh_metadata {
    uint64_t bits;           /* bytes of bitmaps asked for in this cycle */
    uint64_t current_arenas, previous_arenas, free_arenas; /* of bitmaps */
    uint64_t set_blocks, set_blocks_peak; /* of span sets */
    uint64_t spines;         /* bytes of all that there ever were */
};

struct gh_metadata_sys {
    uint64_t gc, other; /* MemStats' GCSys and OtherSys */
};

enum { GH_DIRECT = GH_SMALL_MAX / GH_SMALL_DIV + 1 }; /* sizes, in eighths, of which a P knows the span */

/* Stacks of 2, 4, 8 and 16 KiB come from pools; see stack.c. */
enum { GH_STACK_ORDERS = 4, GH_STACK_SUPPLY = 16 };

struct gh_stack_pool {
    struct goheap_lock lock;
    struct gh_list partial;
};

struct gh_stack_supply {
    uint32_t count;
    uint64_t addr[GH_STACK_SUPPLY];
};

/* Totals since the heap began: each P's own, which it alone writes, and the heap's for what no P has done. Their sum is
 * what counts. Relaxed atomics. */
struct gh_stats {
    uint64_t small_allocs[GOHEAP_MAX_CLASSES], small_frees[GOHEAP_MAX_CLASSES];
    uint64_t large_allocs, large_alloc_bytes, large_frees, large_free_bytes;
    uint64_t tiny_allocs; /* objects that shared a block with an earlier one */
    uint64_t total_alloc, total_free;
    /* What there is of them now, as sums: what one has made another may end. */
    uint64_t dead_bytes;  /* of slots told to be dead and not free yet */
    uint64_t tiny_shared; /* holders of tiny blocks, Ps not counted, less the blocks */
};

struct goheap_p {
    struct goheap *heap;
    struct gh_page_map map; /* the heap's */
    /* mcache: what it allocates from, by whether objects have no pointers and by size in eighths, rounded up; and by
     * span class. &heap->empty where there is none, and in `direct` for what is not simply a slot of that size. Set by
     * gh_mcache_set. */
    struct gh_span *direct[2][GH_DIRECT];
    struct gh_span *alloc[GOHEAP_MAX_CLASSES * 2];
    struct gh_list *partial; /* immediate reclaim, by span class: more spans of its own, with a free slot each */
    struct gh_span *news;   /* immediate reclaim: full spans of its own in which others have freed; linked by next */
    uint64_t kept_pages;    /* of spans on `partial` without an object */

    uint64_t tiny;        /* current tiny block, or 0; the P itself is one of its holders */
    struct gh_span *tiny_span; /* that it lies in */
    uint32_t tiny_offset; /* first unused byte in it */
    uint32_t flush_gen;   /* sweep_gen that this P has noticed */
    uint64_t tiny_allocs; /* not yet in the totals */

    struct gh_page_cache pages;
    struct gh_span *free_spans; /* descriptors at hand */
    unsigned free_span_count;   /* of them */
    struct gh_pool_cache bits;
    struct gh_stack_supply stacks[GH_STACK_ORDERS];
    void *user;
    struct goheap_p *next; /* on heap->ps */
    struct goheap_p *next_idle; /* on heap->idle or heap->spare */
    bool idle;             /* on heap->idle */
    struct gh_stats stats;
    size_t bytes;          /* of this allocation */
};

/* What is next to be swept: in GOHEAP_SWEEP_ALL_SPANS a range of descriptors; in GOHEAP_SWEEP_STACK two stacks of
 * spans, of which one holds the swept ones, alternating as the span sets do. Atomics. */
struct gh_sweep_queue {
    uint64_t at;               /* how many have been taken since the cycle's end; 0: nothing is swept yet */
    uint64_t end;              /* descriptors, in the order in which they were made */
    struct gh_span **spans[2]; /* room for as many as the region has pages */
    uint64_t count[2];
};

struct goheap {
    uint64_t base, limit;    /* the region */
    struct gh_page_map map;  /* of it */
    unsigned page_shift;     /* config's */
    uint32_t least[2];       /* smallest size that is neither 0 nor tiny, of objects with pointers and without */
    struct gh_size_classes sc;
    struct gh_arena *arenas; /* by (addr - base) >> GH_ARENA_SHIFT */
    const struct goheap_platform *platform;
    struct goheap_config config;
    unsigned span_classes;   /* sc.count x 2 */
    unsigned tiny_class;     /* span class of tiny blocks, 0 if there is no tiny allocator */
    struct gh_central *central; /* by span class */
    struct gh_span empty;    /* what an mcache holds where it holds nothing: a span without slots */

    struct goheap_lock lock;
    struct gh_page_alloc pages;   /* GOHEAP_PAGES_RADIX; else page_lists */
    struct gh_page_lists page_lists;
    struct gh_list busy[GH_LISTED_PAGES + 1]; /* GOHEAP_CENTRAL_LISTS: large objects' spans by pages; last: more */
    uint64_t grown;               /* region address up to which pages are mapped */
    struct gh_descriptors descriptors;
    struct goheap_p *ps;          /* every P that ever was: their memory stays, so that anybody may walk them */
    struct goheap_p *idle;        /* those between goheap_p_release and goheap_p_acquire */
    struct goheap_p *spare;       /* those deleted */
    unsigned p_count, p_peak;
    struct gh_stack_pool stacks[GH_STACK_ORDERS];
    struct gh_pool bits;          /* bitmaps of spans with more than 64 slots */

    bool marking;                 /* between goheap_gc_begin and _end */
    uint32_t sweep_gen;           /* += 2 a cycle */
    uint32_t sweeping;            /* sweeps under way, and GH_SWEEP_DRAINED (activeSweep) */
    uint32_t sweep_class;         /* next list to sweep from: span class x 2, + 1 for partial */
    uint64_t pages_in_use, pages_swept, pages_swept_basis, sweep_live_basis;
    double sweep_pages_per_byte;  /* 0: no proportional sweeping */
    uint64_t reclaim_index, reclaim_credit, reclaim_end; /* pages */
    struct gh_sweep_queue queue;  /* unless it goes class by class */

    void (*misuse_told)(void *user, enum goheap_result misuse, uint64_t addr);
    void *misuse_user;

    uint64_t heap_live;
    uint64_t in_use, free, released; /* bytes of pages: in spans; mapped but not; given back or never used */
    uint64_t stack_bytes;            /* of pages in spans of stacks; not in in_use */
    uint64_t tail_bytes;             /* of in_use: behind the last slots of spans */
    uint64_t retain_goal, memory_limit; /* goheap_scavenge_goals */
    struct gh_metadata metadata;
    struct gh_stats stats;
};

#define GH_SWEEP_DRAINED (UINT32_C(1) << 31)

static inline void gh_add(uint64_t *total, uint64_t n)
{
    __atomic_fetch_add(total, n, __ATOMIC_RELAXED);
}

/* A total of p's, or where p is NULL of the heap's. */
static inline void gh_count(const struct goheap_p *p, uint64_t *total, uint64_t n)
{
    if (p)
        __atomic_store_n(total, *total + n, __ATOMIC_RELAXED);
    else
        gh_add(total, n);
}

static inline uint64_t gh_get(const uint64_t *total)
{
    return __atomic_load_n(total, __ATOMIC_RELAXED);
}

static inline struct gh_stats *gh_stats_of(struct goheap *heap, struct goheap_p *p)
{
    return p ? &p->stats : &heap->stats;
}

static inline bool gh_immediate(const struct goheap *heap)
{
    return heap->config.reclaim == GOHEAP_RECLAIM_IMMEDIATE;
}

static inline void gh_step(struct goheap *heap, struct goheap_p *p, enum goheap_step step, uint64_t amount)
{
    if (heap->platform->step)
        heap->platform->step(heap->platform->self, p, step, amount);
}

static inline void gh_lock(struct goheap *heap, struct goheap_p *p, struct goheap_lock *lock)
{
    heap->platform->lock(heap->platform->self, p, lock);
}

static inline void gh_unlock(struct goheap *heap, struct goheap_p *p, struct goheap_lock *lock)
{
    heap->platform->unlock(heap->platform->self, p, lock);
}

static inline uint64_t gh_zero_base(const struct goheap *heap)
{
    return (uintptr_t)heap->platform->zero_base;
}

static inline uint64_t gh_span_bytes(const struct goheap *heap, const struct gh_span *s)
{
    return (uint64_t)s->pages << heap->page_shift;
}

/* Behind its last slot. */
static inline uint64_t gh_tail_bytes(const struct goheap *heap, const struct gh_span *s)
{
    return s->elem_size ? gh_span_bytes(heap, s) - (uint64_t)s->objects * s->elem_size : 0;
}

static inline uint64_t gh_slot_bytes(const struct goheap *heap, const struct gh_span *s)
{
    return s->elem_size ? s->elem_size : gh_span_bytes(heap, s);
}

/* Where the object in a slot begins: it may have a header, and a large one may have been moved up. */
static inline uint64_t gh_object_at(const struct goheap *heap, const struct gh_span *s, uint64_t index)
{
    if (s->elem_size == 0)
        return s->base + ((uint64_t)s->lead_pages << heap->page_shift);
    return s->base + index * s->elem_size + gh_header_of(&heap->sc, s->elem_size, gh_noscan(s));
}

/* Whether the objects of a span are both with pointers and without, and which they are is to be known of each. */
static inline bool gh_is_mixed(const struct goheap *heap, const struct gh_span *s)
{
    return !heap->config.noscan_apart && !gh_immediate(heap) && gh_size_class(s) != 0;
}

/* A mixed span has a bit a slot, behind all its others: set while an object without pointers is in it. */
static inline uint64_t *gh_noscan_bits(const struct gh_span *s)
{
    size_t share_words = s->state == GH_SPAN_TINY ? (s->objects + 7u) / 8 : 0;
    return s->alloc + (size_t)GH_BITMAPS * gh_words(s) + share_words;
}

/* The span at addr, if it is small; else, and outside of spans, NULL or any other. */
static inline struct gh_span *gh_span_hint(const struct gh_page_map *map, uint64_t addr)
{
    uint64_t page = (addr - map->base) >> map->page_shift;
    return __builtin_expect(page < map->pages, 1) ? __atomic_load_n(&map->spans[page], __ATOMIC_ACQUIRE) : NULL;
}

static inline bool gh_span_covers(const struct goheap *heap, const struct gh_span *s, uint64_t addr)
{
    return s && addr - s->base < gh_span_bytes(heap, s);
}

/* The span at addr, which may be dead, or NULL. Of whole arenas, the pages still name the spans that were there
 * before. */
static inline struct gh_span *gh_span_at(const struct goheap *heap, uint64_t addr)
{
    struct gh_span *s = gh_span_hint(&heap->map, addr);
    if (!gh_span_covers(heap, s, addr))
        s = NULL;
    if ((s && s->state != GH_SPAN_DEAD) || addr - heap->base >= heap->limit - heap->base)
        return s;
    const struct gh_arena *arena = &heap->arenas[(addr - heap->base) >> GH_ARENA_SHIFT];
    struct gh_span *whole = __atomic_load_n(&arena->whole, __ATOMIC_ACQUIRE);
    return gh_span_covers(heap, whole, addr) && (!s || whole->state != GH_SPAN_DEAD) ? whole : s;
}

/* mheap.c */

/* A span of npages, set up for span_class but on no list, in *no* P; size class 0 makes it one object. NULL
 * if the heap cannot grow. */
struct gh_span *gh_mheap_alloc(struct goheap *heap, struct goheap_p *p, uint64_t npages, unsigned span_class);
/* A span for stacks: no class, no collection, no zeroing. */
struct gh_span *gh_mheap_alloc_manual(struct goheap *heap, struct goheap_p *p, uint64_t npages);
/* Takes back a span of either kind that is on no list, `busy` apart, and has no allocated slot. */
void gh_mheap_free(struct goheap *heap, struct goheap_p *p, struct gh_span *s);

/* walk.c: how many slots of a span are taken, dead ones included, and how many hold a live object. The world is
 * stopped. */
struct gh_slots {
    unsigned allocated, live;
};
struct gh_slots gh_slots_of(const struct goheap *heap, const struct gh_span *s);

/* scavenge.c: pages were taken for a span, of which `scavenged` bytes are about to be backed, and the heap grew for them
 * by so many bytes; sees to the goals (the middle of mheap.allocSpan). No lock is held but that of a stack pool. */
void gh_scavenge_assist(struct goheap *heap, struct goheap_p *p, uint64_t growth, uint64_t scavenged);

/* metadata.c */

/* Bitmaps of a bit a slot are asked for (newMarkBits). */
void gh_metadata_bits(struct goheap *heap, uint64_t slots, unsigned bitmaps);
/* A span goes to the end of one of the class's lists, or comes from its beginning. Under the class's lock. */
void gh_metadata_push(struct goheap *heap, struct gh_central *c, const struct gh_list *list);
void gh_metadata_pop(struct goheap *heap, struct gh_central *c, const struct gh_list *list);
/* That a set holds entries in. */
uint64_t gh_set_blocks(const struct gh_set *set);
/* All is swept, a cycle begins (finishsweep_m). */
void gh_metadata_swept(struct goheap *heap);
struct gh_metadata_sys gh_metadata_sys(const struct goheap *heap);

/* heap.c: gives the heap what idle Ps hold, and deletes them. */
void gh_idle_flush(struct goheap *heap);

/* mcentral.c */

/* A swept span of the class with room, set up for allocation; NULL if the heap cannot grow. */
struct gh_span *gh_central_take(struct goheap *heap, struct goheap_p *p, unsigned span_class);
/* Takes back a span from an mcache. */
void gh_central_give(struct goheap *heap, struct goheap_p *p, struct gh_span *s);
/* Puts a swept span on the list that fits its alloc_count. */
void gh_central_push(struct goheap *heap, struct goheap_p *p, struct gh_span *s);
/* Immediate reclaim: takes a span that no P owns any more; its cursor is at the first word. */
void gh_central_place(struct goheap *heap, struct goheap_p *p, struct gh_span *s);
/* Immediate reclaim: a slot of a span that was on a list has died. */
void gh_central_note_death(struct goheap *heap, struct goheap_p *p, struct gh_span *s);
/* Immediate reclaim: a span with room from the lists, on none of them any more; NULL if there is none. */
struct gh_span *gh_central_adopt(struct goheap *heap, struct goheap_p *p, unsigned span_class);

/* mcentral_lists.c: the same with GOHEAP_CENTRAL_LISTS, and how spans are found there to be swept */

static inline bool gh_has_central_lists(const struct goheap *heap)
{
    return heap->config.central_lists == GOHEAP_CENTRAL_LISTS;
}

/* Room for the stacks of spans, if there are to be any; false if it cannot be had. */
bool gh_sweep_queue_init(struct goheap *heap);
void gh_sweep_queue_destroy(struct goheap *heap);
/* A cycle has ended. The world is stopped. */
void gh_sweep_queue_turn(struct goheap *heap);
/* The span is in use and swept. */
void gh_sweep_queue_add(struct goheap *heap, struct gh_span *s);
/* A span that may be unswept; NULL if there is none left. */
struct gh_span *gh_sweep_queue_next(struct goheap *heap);

/* A span with room, which stays on its list, swept on the way if need be; NULL if there is none. *swept: how many spans
 * were, whatever there is. */
struct gh_span *gh_lists_take(struct goheap *heap, struct goheap_p *p, unsigned span_class, uint64_t *swept);
/* Lists a span that is to be cached and was on no list. */
void gh_lists_add(struct goheap *heap, struct goheap_p *p, struct gh_span *s);
/* Takes back a span from an mcache. */
void gh_lists_give(struct goheap *heap, struct goheap_p *p, struct gh_span *s);
/* Puts a claimed span with so many slots left allocated after its sweep where it belongs; true if that was mheap. */
bool gh_lists_swept(struct goheap *heap, struct goheap_p *p, struct gh_span *s, unsigned left);
/* Sweeps until npages pages were freed, or nothing is left. */
void gh_lists_reclaim(struct goheap *heap, struct goheap_p *p, uint64_t npages);

/* mcache.c */

/* Replaces the P's used-up span of the class; false if the heap cannot grow. */
bool gh_mcache_refill(struct goheap_p *p, unsigned span_class);
/* Gives every span back and lets go of the tiny block (releaseAll). */
void gh_mcache_release_all(struct goheap_p *p);
/* The span, or NULL, becomes what the P allocates from in the class. */
void gh_mcache_set(struct goheap_p *p, unsigned span_class, struct gh_span *s);
/* The P no longer holds its tiny block. */
void gh_tiny_let_go(struct goheap_p *p);
/* That, and tiny objects are counted. */
void gh_mcache_settle(struct goheap_p *p);

/* owner.c: immediate reclaim, the spans that a P owns */

/* Replaces the P's used-up span of the class; false if the heap cannot grow. */
bool gh_owner_refill(struct goheap_p *p, unsigned span_class);
/* The P has freed as many slots of a span as were to be noticed. */
void gh_owner_freed(struct goheap_p *p, struct gh_span *s);
/* Another P has freed a slot of a span that is watched for its owner. */
void gh_owner_tell(struct gh_span *s);
/* Gives all of the P's spans to the central lists, or to mheap. */
void gh_owner_release_all(struct goheap_p *p);
/* Sees to it that what is free in spans is so, gives owned ones without an object to mheap, and counts. The world is
 * stopped. */
void gh_owner_reclaim(struct goheap *heap);
/* Adds what the P has allocated and freed in its spans to its totals. */
void gh_owner_settle_all(struct goheap_p *p);

/* free.c */

/* The owner's free of the object that was at addr is to be noticed. */
void gh_free_notice(struct goheap_p *p, uint64_t addr);
/* Takes one holder away from the slot of a tiny span; the slot is freed when there is no other. */
enum goheap_result gh_tiny_release(struct goheap_p *p, struct gh_span *s, unsigned index);
/* Tells whoever wants to know; returns the misuse. */
enum goheap_result gh_misused(struct goheap *heap, enum goheap_result misuse, uint64_t addr);
/* Makes slots that other Ps have freed free, and counts nothing but them in s; returns how many. */
unsigned gh_take_deaths(struct goheap *heap, struct goheap_p *p, struct gh_span *s);

/* stack.c */

/* Gives a P's supply of stacks back (stackcache_clear). */
void gh_stacks_release(struct goheap_p *p);
/* Frees spans without stacks (freeStackSpans). */
void gh_stacks_sweep(struct goheap *heap);

/* sweep.c */

/* Under reclaim by collection; see mgcsweep.go. */
bool gh_sweep_begin(struct goheap *heap);
void gh_sweep_end(struct goheap *heap);
/* Claims an unswept span for sweeping; false if it was swept or is being swept. */
bool gh_sweep_claim(struct goheap *heap, struct gh_span *s);
/* Sweeps a claimed span. Unless keep, puts it where it belongs then; true if that was mheap. */
bool gh_sweep_span(struct goheap *heap, struct goheap_p *p, struct gh_span *s, bool keep);
/* Sweeps what the pacing asks for before span_bytes more are allocated (deductSweepCredit). */
void gh_sweep_pay(struct goheap *heap, struct goheap_p *p, uint64_t span_bytes, uint64_t caller_pages);
/* Sweeps until npages pages were freed, or nothing is left (mheap.reclaim). */
void gh_sweep_reclaim(struct goheap *heap, struct goheap_p *p, uint64_t npages);

#endif
