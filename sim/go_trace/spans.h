/* The recorded heap's spans: from the address of an object to the slot that it is in.
 *
 *   page  --by_page-->  span { first page, size of a slot, slots }  -->  slots[k], at span + k x size
 *
 * Of spans of small objects every page is in the table; of a span with one large object only the first, where its
 * object is. Stacks' and the runtime's own spans are left out.
 *
 * Pages and addresses are counted from where the recorded heap begins, modulo 2^64: in pages of 8 KiB, and in units of
 * 8 bytes as in the trace. */
#ifndef GO_TRACE_SPANS_H
#define GO_TRACE_SPANS_H

#include "trace/lifetimes.h"

enum { GO_PAGE_UNITS = 8192 / 8 };

struct go_span {
    uint64_t page, pages;
    uint64_t slot;           /* bytes */
    uint8_t size_class;      /* 0: large */
    bool noscan;             /* objects without pointers */
    uint32_t *slots;         /* what is in each, as objects.h has it; NULL while all are empty */
    uint32_t live;           /* slots that are not */
};

struct go_spans {
    struct id_map by_page; /* to indices into list */
    struct go_span *list;
    uint32_t *unused; /* a stack of indices into list, with room for each */
    size_t count, unused_count, capacity;
};

bool go_spans_init(struct go_spans *spans); /* false: no memory */
void go_spans_free(struct go_spans *spans);

/* Reads the trace's description of a span. False if there is no such span; *heap: whether it holds objects. */
bool go_span_describe(struct go_span *span, uint64_t page, uint64_t pages, uint64_t kind_class, bool *heap);

/* NULL: there is none. Valid until the next go_spans_add. */
struct go_span *go_spans_find(const struct go_spans *spans, uint64_t page);

/* One whose pages are some of this span's, too. NULL: there is none. */
struct go_span *go_spans_overlap(const struct go_spans *spans, const struct go_span *span);

/* None may overlap it. False: no memory. */
bool go_spans_add(struct go_spans *spans, const struct go_span *span);

/* One that is there and has no objects any more. */
void go_spans_remove(struct go_spans *spans, struct go_span *span);

/* The slot of the span that the address is in. */
static inline uint32_t go_slot_of(const struct go_span *span, uint64_t address)
{
    uint64_t offset = (address - span->page * GO_PAGE_UNITS) * 8;
    return (uint32_t)(offset / span->slot);
}

/* What is left at the end counts as one. */
static inline uint32_t go_slots(const struct go_span *span)
{
    return (uint32_t)((span->pages * GO_PAGE_UNITS * 8 + span->slot - 1) / span->slot);
}

/* To be called before an object goes into an empty slot of the span. False: no memory. */
bool go_slot_fill(struct go_span *span);

/* To be called when the last object has left a slot of the span. */
void go_slot_empty(struct go_span *span);

#endif
