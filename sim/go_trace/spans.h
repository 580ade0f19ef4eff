/* The recorded heap's spans: from the address of an object to the slot that it is in.
 *
 *   page  --seen, or by_page-->  span { first page, size of a slot, slots }  -->  slots[k], at span + k x size
 *
 * Of spans of small objects every page is in the table; of a span with one large object only the first, where its
 * object is. Stacks' and the runtime's own spans are left out.
 *
 * Pages and addresses are counted from where the recorded heap begins, modulo 2^64: in pages of 8 KiB, and in units of
 * 8 bytes as in the trace. What was looked for before is found in `seen`, by the lowest bits of the page: one place for
 * each page of a heap that is not larger than an arena of Go's, 64 MiB. */
#ifndef GO_TRACE_SPANS_H
#define GO_TRACE_SPANS_H

#include "go_trace/objects.h"
#include "trace/lifetimes.h"

enum { GO_PAGE_UNITS = 8192 / 8, GO_PAGES_SEEN = 8192 };

/* Bytes asked for: above least, up to most. */
struct go_requests {
    uint64_t least, most;
};

/* A cache line: several are looked up for every event. */
struct go_span {
    uint64_t page;
    struct go_object *slots; /* what is in each; NULL while all are empty */
    uint32_t *older;         /* what is in each beside that, as objects.h has it; NULL while that is nothing */
    uint64_t slot;           /* bytes */
    struct go_requests requests; /* that take a slot */
    uint32_t slot_inverse;   /* 2^32 / slot, rounded up; 0: large */
    uint16_t slot_count;     /* what is left at the end counts as one */
    uint16_t live;           /* slots that are not empty */
    uint8_t pages_found;     /* pages by which it can be found; 0: it has been removed */
    uint8_t size_class;      /* 0: large */
    bool noscan;             /* objects without pointers */
};

_Static_assert(sizeof(struct go_span) == 64, "a cache line");

struct go_spans {
    uint32_t seen[GO_PAGES_SEEN]; /* indices into list, of spans that may have a page of these lowest bits */
    struct id_map by_page;        /* to indices into list */
    struct go_span *list;
    uint32_t *unused; /* a stack of indices into list, with room for each */
    size_t count, unused_count, capacity;
};

bool go_spans_init(struct go_spans *spans); /* false: no memory */
void go_spans_free(struct go_spans *spans);

/* Reads the trace's description of a span. False if there is no such span; *heap: whether it holds objects. */
bool go_span_describe(struct go_span *span, uint64_t page, uint64_t pages, uint64_t kind_class, bool *heap);

/* What go_spans_find does where it has not seen the page. */
struct go_span *go_spans_look_up(struct go_spans *spans, uint64_t page);

/* NULL: there is none. Valid until the next go_spans_add. */
static inline struct go_span *go_spans_find(struct go_spans *spans, uint64_t page)
{
    struct go_span *span = &spans->list[spans->seen[page % GO_PAGES_SEEN]];
    return page - span->page < span->pages_found ? span : go_spans_look_up(spans, page);
}

/* One whose pages are some of this span's, too. NULL: there is none. */
struct go_span *go_spans_overlap(struct go_spans *spans, const struct go_span *span);

/* None may overlap it. False: no memory. */
bool go_spans_add(struct go_spans *spans, const struct go_span *span);

/* One that is there and has no objects any more. */
void go_spans_remove(struct go_spans *spans, struct go_span *span);

/* The slot of the span that the address is in. Exact, as offsets are below 2^17 and slots of at most 2^15 bytes: what
 * the inverse is too large by adds up to less than one part in slot (as runtime/mheap.go, objIndex). */
static inline uint32_t go_slot_of(const struct go_span *span, uint64_t address)
{
    uint64_t offset = (address - span->page * GO_PAGE_UNITS) * 8;
    return (uint32_t)(offset * span->slot_inverse >> 32);
}

/* Whether something is in the slot. */
static inline bool go_slot_is_taken(const struct go_span *span, uint32_t slot)
{
    return span->slots != NULL && span->slots[slot].who != 0;
}

/* Makes the table of slots, all empty, of a span without one. False: no memory. */
bool go_span_add_slots(struct go_span *span);

/* The table goes, with what it says of empty slots. */
void go_span_drop_slots(struct go_span *span);

/* Before an object goes into an empty slot of the span. False: no memory. */
static inline bool go_slot_fill(struct go_span *span)
{
    if (span->slots == NULL && !go_span_add_slots(span))
        return false;
    span->live++;
    return true;
}

/* When the last object has left a slot of the span. */
static inline void go_slot_empty(struct go_span *span)
{
    if (--span->live == 0)
        go_span_drop_slots(span);
}

#endif
