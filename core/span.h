/* A span: a run of pages cut into slots of one size, and its bits.
 *
 *   slot       0 1 2 3 4 5 6 7         alloc   taken when the span was last swept
 *   alloc      1 1 0 1 0 0 0 0         live    not freed since it was handed out
 *   live       1 0 1 1 1 1 1 1         mark    survives the collection under way
 *   free_index         ^ 4             slots below it and alloc slots are allocated; the rest has never been
 *                                      handed out since the sweep
 *
 * Invariants: a slot is allocated iff it lies below free_index or its alloc bit is set. While a P holds the
 * span, the live bits of slots not handed out yet are set in advance, so that handing one out writes no bit;
 * else a live bit says: allocated and not freed. Sweeping makes the survivors the new alloc bits.
 * Follows runtime/mheap.go (mspan) and mbitmap.go of Go 1.19; the live bits are ours: Go learns of deaths
 * from the marker, we are told.
 */
#ifndef GH_SPAN_H
#define GH_SPAN_H

#include "size_class.h"

enum { GH_INLINE_WORDS = 3 }; /* bitmap words in the descriptor: enough for spans of up to 64 slots */

enum { GH_GEN_NONE = 0 }; /* sweep_gen of spans that are never swept: free ones, stacks; the heap's starts above */

enum gh_span_state {
    GH_SPAN_DEAD,
    GH_SPAN_IN_USE, /* objects */
    GH_SPAN_MANUAL  /* stacks: neither marked nor swept */
};

/* Under immediate reclaim: which death of the span must be told to its central list. */
enum gh_watch {
    GH_WATCH_NONE, /* a P holds the span and will look itself, or reclaim is by collection */
    GH_WATCH_FULL, /* any: the span was full */
    GH_WATCH_PARTIAL /* the last */
};

struct gh_list;

/* Two cache lines: what allocating and freeing touches, then the rest, the bits of small spans first. */
struct gh_span {
    uint64_t base;
    uint64_t alloc_cache; /* complement of the alloc bits from free_index on: a 1 is a free slot */
    uint64_t *live;       /* three bitmaps of `words` words each in a row: live, alloc, mark */
    uint8_t *shares;      /* tiny spans only: further holders of each slot, beyond the first; else NULL */
    uint64_t elem_size;
    uint64_t pages;
    uint32_t div_magic;   /* 0 for large objects */
    uint16_t free_index;
    uint16_t objects;     /* slots */
    uint16_t alloc_count; /* allocated slots */
    uint16_t span_class;  /* size class x 2 + noscan */
    uint8_t watch;        /* enum gh_watch; written under the central lock, read by any free */
    uint8_t need_zero;    /* the pages were used before */
    uint8_t state;        /* enum gh_span_state */
    uint8_t any_marked;   /* the last mark phase found something; fixed while the span is unswept */

    uint64_t inline_bits[GH_INLINE_WORDS];
    struct gh_list *list; /* the central list it is on, or NULL */
    struct gh_span *next, *prev;
    uint32_t sweep_gen;    /* relative to the heap's: -2 unswept, -1 being swept, 0 swept, +1 cached since
                              before the sweep began, +3 cached and swept (mheap.go, mspan.sweepgen) */
    uint16_t cached_count; /* alloc_count when the P took it */
    uint16_t mark_from;    /* free_index when marking began */
    uint16_t words;        /* of each bitmap */
};

_Static_assert(sizeof(struct gh_span) == 128, "two cache lines");

static inline uint64_t *gh_alloc_bits(const struct gh_span *s)
{
    return s->live + s->words;
}

static inline uint64_t *gh_mark_bits(const struct gh_span *s)
{
    return s->live + 2 * s->words;
}

/* Spans of a kind, last in first out as Go's span sets are. */
struct gh_list {
    struct gh_span *head;
};

/* Which list a span is on is written under that list's lock, and read by a late free under any. */
static inline struct gh_list *gh_list_of(const struct gh_span *s)
{
    return __atomic_load_n(&s->list, __ATOMIC_RELAXED);
}

/* A sweeper looks whether a list is empty before it takes the lock. */
static inline void gh_list_set_head(struct gh_list *list, struct gh_span *s)
{
    __atomic_store_n(&list->head, s, __ATOMIC_RELAXED);
}

static inline void gh_list_push(struct gh_list *list, struct gh_span *s)
{
    s->prev = NULL;
    s->next = list->head;
    if (list->head)
        list->head->prev = s;
    gh_list_set_head(list, s);
    __atomic_store_n(&s->list, list, __ATOMIC_RELAXED);
}

static inline void gh_list_remove(struct gh_span *s)
{
    if (s->prev)
        s->prev->next = s->next;
    else
        gh_list_set_head(s->list, s->next);
    if (s->next)
        s->next->prev = s->prev;
    s->next = s->prev = NULL;
    __atomic_store_n(&s->list, NULL, __ATOMIC_RELAXED);
}

static inline struct gh_span *gh_list_pop(struct gh_list *list)
{
    struct gh_span *s = list->head;
    if (s)
        gh_list_remove(s);
    return s;
}

static inline unsigned gh_size_class(const struct gh_span *s)
{
    return s->span_class >> 1;
}

static inline bool gh_noscan(const struct gh_span *s)
{
    return s->span_class & 1;
}

static inline uint64_t gh_span_index(const struct gh_span *s, uint64_t addr)
{
    return ((addr - s->base) * s->div_magic) >> 32;
}

/* Bits set. (Without the instruction, which the baseline does not have, the compiler would call a table.) */
static inline unsigned gh_popcount(uint64_t x)
{
    x -= x >> 1 & UINT64_C(0x5555555555555555);
    x = (x & UINT64_C(0x3333333333333333)) + (x >> 2 & UINT64_C(0x3333333333333333));
    x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (unsigned)(x * UINT64_C(0x0101010101010101) >> 56);
}

/* Bits of word w that stand for slots of the span. */
static inline uint64_t gh_span_word_mask(const struct gh_span *s, unsigned w)
{
    unsigned left = s->objects - w * 64u;
    return left >= 64 ? UINT64_MAX : (UINT64_C(1) << left) - 1;
}

/* Bits of word w whose slots lie below index. */
static inline uint64_t gh_below(unsigned index, unsigned w)
{
    if (index <= w * 64u)
        return 0;
    unsigned n = index - w * 64u;
    return n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

/* Bits of word w whose slots are allocated. */
static inline uint64_t gh_span_allocated(const struct gh_span *s, unsigned w)
{
    return (gh_below(s->free_index, w) | gh_alloc_bits(s)[w]) & gh_span_word_mask(s, w);
}

/* Reads and changes a word of live bits; atomically where frees may come from other threads. */
static inline uint64_t gh_live_load(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline uint64_t gh_live_and(uint64_t *word, uint64_t mask, bool concurrent)
{
    if (concurrent)
        return __atomic_fetch_and(word, mask, __ATOMIC_SEQ_CST);
    uint64_t old = *word;
    *word = old & mask;
    return old;
}

static inline void gh_live_or(uint64_t *word, uint64_t bits, bool concurrent)
{
    if (concurrent)
        __atomic_fetch_or(word, bits, __ATOMIC_SEQ_CST);
    else
        *word |= bits;
}

/* The next free slot at or after free_index, which moves past it; s->objects if there is none. */
unsigned gh_span_next_free(struct gh_span *s);
/* A P takes the span: alloc_cache is set up at free_index, slots not handed out count as live. */
void gh_span_cache(struct gh_span *s, bool concurrent);
/* A P lets it go: slots not handed out no longer count as live. */
void gh_span_uncache(struct gh_span *s, bool concurrent);
/* Marks what is live now; returns how many. */
unsigned gh_span_mark_live(struct gh_span *s);
/* Marks what has been allocated since marking began; returns how many are marked in all. */
unsigned gh_span_mark_new(struct gh_span *s);
/* The survivors become the alloc bits and allocation starts over from slot 0; returns how many there are. */
unsigned gh_span_take_survivors(struct gh_span *s, const uint64_t *survivors);
/* Of a span that no P holds: whether no slot is live; whether an allocated one is not. */
bool gh_span_all_dead(const struct gh_span *s);
bool gh_span_has_deaths(const struct gh_span *s);

#endif
