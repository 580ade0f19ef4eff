/* A span: a run of pages cut into slots of one size, and its bits.
 *
 *   slot        0 1 2 3 4 5 6 7 ...    alloc_cache   left to hand out of the word at the cursor
 *   alloc_cache 0 0 0 0 1 1 1 1        alloc, live and mark: three bits a slot, 64 slots a word; the alloc bits
 *                                      of the word at the cursor are in hand, in the descriptor
 *
 * Handing a slot out clears its bit in alloc_cache, and writes no other. What that comes to:
 *
 *   reclaim by collection   alloc: taken when the span was last swept. Behind the cursor every slot is allocated, the
 *   (owner is NULL)         freed ones, too: they wait for the sweep. live: not freed; while a P holds the span, set in
 *                           advance for slots not handed out yet. mark: survives the collection under way; sweeping
 *                           makes the marked slots the new alloc bits.
 *   immediate reclaim       alloc: handed out, or in alloc_cache to be so; the owner's free clears it. live: all are
 *                           set, but for slots that others have freed and that the owner has not taken back yet;
 *                           in a span that nobody owns, those of free slots are not.
 *
 * Two words for two kinds of free, so that the owner's needs no atomic operation; and alloc_cache is apart from the
 * alloc bits, and what is in hand at a fixed place, so that an allocation need not wait for the free before it.
 *
 * Follows runtime/mheap.go (mspan) and mbitmap.go of Go 1.19; the live bits are ours: Go learns of deaths
 * from the marker, we are told.
 */
#ifndef GH_SPAN_H
#define GH_SPAN_H

#include "size_class.h"

/* As good as never: when so many were freed, they are counted, and that is all. */
#define GH_NO_NOTICE UINT16_MAX

enum { GH_GEN_NONE = 0 }; /* sweep_gen of spans that are never swept: free ones, stacks; the heap's starts above */

enum gh_span_state {
    GH_SPAN_DEAD,
    GH_SPAN_IN_USE, /* objects */
    GH_SPAN_TINY,   /* objects, some of them tiny blocks: a slot may have several holders */
    GH_SPAN_MANUAL  /* stacks: neither marked nor swept */
};

/* Immediate reclaim: who wants to be told of which death in the span. */
enum gh_watch {
    GH_WATCH_NONE,    /* nobody: a P allocates from it or will, or reclaim is by collection */
    GH_WATCH_OWNER,   /* its P, of any: it is full */
    GH_WATCH_FULL,    /* its central list, of any: it is full */
    GH_WATCH_PARTIAL  /* its central list, of the last */
};

struct gh_list;

enum { GH_BITMAPS = 3 };

/* Two cache lines: what allocating and freeing touches, then the rest, the bits of small spans first. */
struct gh_span {
    uint64_t base;
    uint64_t alloc_cache; /* slots of the cursor's word that are left to hand out */
    uint64_t in_hand;     /* alloc bits of the cursor's word; those in the bitmap are not looked at */
    struct goheap_p *owner; /* immediate reclaim: the P that the span belongs to; else NULL */
    uint64_t div_magic;   /* see gh_class; 0 for large objects */
    uint64_t *alloc;      /* bitmap; those of live and mark bits follow it */
    uint32_t elem_size;   /* of a slot; 0 for large objects, which take all of the span */
    union {
        uint32_t extent;     /* bytes from base in which the owner's frees need no second look: all slots; or none */
        uint32_t lead_pages; /* large objects: pages of the span before the object, for its alignment */
    };
    uint16_t frees_left;  /* owned spans: after how many more the owner wants to know; counted down from `notice` */
    uint16_t cursor;      /* the slot that its word begins with; past the last word when all are used up */
    uint8_t watch;        /* enum gh_watch; read by any free */
    uint8_t state;        /* enum gh_span_state */
    uint8_t need_zero;    /* the pages were used before */
    uint8_t any_marked;   /* the last mark phase found something; fixed while the span is unswept */

    uint64_t inline_bits[GH_BITMAPS]; /* of spans of up to 64 slots */
    struct gh_list *list; /* the list it is on, or NULL */
    struct gh_span *next, *prev;
    uint32_t pages;
    uint32_t sweep_gen;    /* relative to the heap's: -2 unswept, -1 being swept, 0 swept, +1 cached since
                              before the sweep began, +3 cached and swept (mheap.go, mspan.sweepgen) */
    uint16_t objects;      /* slots */
    uint16_t alloc_count;  /* allocated slots when they were last counted: as they are, unless a P holds the span */
    uint16_t span_class;   /* size class x 2 + noscan */
    union {
        uint16_t notice;    /* owned spans: see frees_left; what is missing was freed since alloc_count was taken */
        uint16_t mark_from; /* reclaim by collection: index of the next slot to hand out when marking began */
    };
};

_Static_assert(sizeof(struct gh_span) == 128, "two cache lines");

enum { GH_MAX_SLOTS = 1023 * 64 }; /* of a span: a cursor past them must fit */

static inline unsigned gh_words(const struct gh_span *s)
{
    return (s->objects + 63u) / 64;
}

/* Anybody may ask; only p's own answer is sure to last. */
static inline bool gh_is_owner(const struct gh_span *s, const struct goheap_p *p)
{
    return __atomic_load_n(&s->owner, __ATOMIC_RELAXED) == p;
}

/* Slots of an owned span freed since alloc_count was taken. */
static inline uint16_t gh_freed(const struct gh_span *s)
{
    return (uint16_t)(s->notice - s->frees_left);
}

/* The owner wants to know when so many have been freed since alloc_count was taken. */
static inline void gh_expect(struct gh_span *s, unsigned frees)
{
    uint16_t freed = gh_freed(s);
    s->notice = (uint16_t)frees;
    s->frees_left = (uint16_t)(frees - freed);
}

static inline uint64_t *gh_live(const struct gh_span *s)
{
    return s->alloc + gh_words(s);
}

static inline uint64_t *gh_mark(const struct gh_span *s)
{
    return s->alloc + 2 * gh_words(s);
}

/* Further holders of each slot of a tiny span, beyond the first. They lie behind the bits. */
static inline uint8_t *gh_shares(const struct gh_span *s)
{
    return (uint8_t *)(s->alloc + (size_t)GH_BITMAPS * gh_words(s));
}

static inline bool gh_holds_objects(const struct gh_span *s)
{
    return s->state == GH_SPAN_IN_USE || s->state == GH_SPAN_TINY;
}

/* Spans of a kind. */
struct gh_list {
    struct gh_span *head, *tail;
};

/* Which list a span is on is written under that list's lock, and read by a late free under any. */
static inline struct gh_list *gh_list_of(const struct gh_span *s)
{
    return __atomic_load_n(&s->list, __ATOMIC_RELAXED);
}

/* A sweeper looks whether a list is empty before it takes the lock. */
static inline bool gh_list_is_empty(const struct gh_list *list)
{
    return !__atomic_load_n(&list->head, __ATOMIC_RELAXED);
}

/* Between two neighbours, of which either may be missing. */
static inline void gh_list_link(struct gh_list *list, struct gh_span *s, struct gh_span *prev, struct gh_span *next)
{
    s->prev = prev;
    s->next = next;
    if (prev)
        prev->next = s;
    else
        __atomic_store_n(&list->head, s, __ATOMIC_RELAXED);
    if (next)
        next->prev = s;
    else
        list->tail = s;
    __atomic_store_n(&s->list, list, __ATOMIC_RELAXED);
}

static inline void gh_list_push(struct gh_list *list, struct gh_span *s)
{
    gh_list_link(list, s, NULL, list->head);
}

static inline void gh_list_append(struct gh_list *list, struct gh_span *s)
{
    gh_list_link(list, s, list->tail, NULL);
}

static inline void gh_list_remove(struct gh_span *s)
{
    if (s->prev)
        s->prev->next = s->next;
    else
        __atomic_store_n(&s->list->head, s->next, __ATOMIC_RELAXED);
    if (s->next)
        s->next->prev = s->prev;
    else
        s->list->tail = s->prev;
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
    return gh_divide(addr - s->base, s->div_magic).slot;
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

/* Alloc bits of word w. */
static inline uint64_t gh_alloc_bits(const struct gh_span *s, unsigned w)
{
    return w * 64 == s->cursor ? s->in_hand : s->alloc[w];
}

/* Bits of word w whose slots are allocated. */
static inline uint64_t gh_span_allocated(const struct gh_span *s, unsigned w)
{
    uint64_t taken = w * 64 <= s->cursor && !s->owner ? gh_span_word_mask(s, w) : gh_alloc_bits(s, w);
    return w * 64 == s->cursor ? taken & ~s->alloc_cache : taken;
}

/* Slots allocated. */
unsigned gh_span_count(const struct gh_span *s);

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

static inline void gh_live_or(uint64_t *word, uint64_t set, bool concurrent)
{
    if (concurrent)
        __atomic_fetch_or(word, set, __ATOMIC_SEQ_CST);
    else
        *word |= set;
}

/* A new span: nothing allocated, no bit set but, for immediate reclaim, the live ones. */
void gh_span_reset(struct gh_span *s, bool live);
/* With alloc_cache empty: moves the cursor to the next word with a slot to hand out, and fills alloc_cache; false if
 * there is none. */
bool gh_span_next_word(struct gh_span *s);
/* Reclaim by collection. A P takes the span: slots not handed out count as live. */
void gh_span_cache(struct gh_span *s, bool concurrent);
/* A P lets it go: slots not handed out no longer count as live. */
void gh_span_uncache(struct gh_span *s, bool concurrent);
/* From here on, what is handed out is new to the marking. */
void gh_span_mark_begin(struct gh_span *s);
/* Marks what is live now; returns how many. */
unsigned gh_span_mark_live(struct gh_span *s);
/* Marks what has been allocated since marking began; returns how many are marked in all. */
unsigned gh_span_mark_new(struct gh_span *s);
/* The marked slots become the alloc bits and allocation starts over from slot 0; returns how many there are. */
unsigned gh_span_take_marked(struct gh_span *s, bool concurrent);

/* Immediate reclaim. The span is p's, all that is free in it left to hand out. */
void gh_span_own(struct gh_span *s, struct goheap_p *p, bool concurrent);
/* An owned span's alloc bits take back what is in alloc_cache, and it is nobody's: the cursor is at the first word. */
void gh_span_disown(struct gh_span *s, bool concurrent);
/* Makes slots that others have freed free; returns how many. Those that were free already are
 * *misused: double frees, the index of the last of them plus one. For whoever may allocate from the span. */
unsigned gh_span_take_deaths(struct gh_span *s, bool concurrent, unsigned *misused);
/* The same of a span that nobody owns. The world is stopped. */
unsigned gh_span_drop_deaths(struct gh_span *s);
/* Whether others have freed a slot since. */
bool gh_span_has_deaths(const struct gh_span *s);
/* Of a span that nobody owns: whether no object is left. */
bool gh_span_all_dead(const struct gh_span *s);

#endif
