/* What was asked for: of an object only its slot and, perhaps, its type are in the trace.
 *
 *   slots of bytes     ... 48 |      64      | 80 ...
 *   requests for them        49 ........... 64              8 less where the slot has a header
 *
 * A request for a slot lies above what the next smaller slot could have served. A type is that of an element: one of
 * a size in that window is a single object; of smaller ones there was an array, of as many as go in (right where
 * append made it, at most too large where make did). Without a type it may have been anything in the window. */
#ifndef GO_TRACE_SIZES_H
#define GO_TRACE_SIZES_H

#include "go_trace/spans.h"
#include "trace/row.h"

enum { GO_SIZE_CLASSES = 68, GO_TINY_SLOT = 16, GO_TINY_CLASS = 2 };

/* Bytes of a slot, by size class: the same from Go 1.23 to 1.26. */
extern const uint16_t go_slot_bytes[GO_SIZE_CLASSES];

/* Whether small objects may share the span's slots: tiny blocks (runtime/malloc.go, mallocgcTiny). */
static inline bool go_span_is_tiny(const struct go_span *span)
{
    return span->size_class == GO_TINY_CLASS && span->noscan;
}

/* What takes a slot of the span, of which slot, class and noscan are set. */
struct go_requests go_requests_of(const struct go_span *span);

/* What go_request says of one of these that was not for a single object of a known type. */
uint64_t go_request_among(unsigned policy, struct go_requests requests, uint64_t type_size, uint64_t random);

/* A lone byte is not allocated (the runtime has all of them): there were several. */
static inline bool go_is_single(struct go_requests requests, uint64_t type_size)
{
    return type_size > requests.least && type_size <= requests.most && type_size > 1;
}

/* The size asked for, in bytes, by the policy. type_size 0: unknown. random: a number of this object's own. */
static inline uint64_t go_request(unsigned policy, const struct go_span *span, uint64_t type_size, uint64_t random)
{
    if (policy == SIZE_SLOT)
        return span->slot;
    return go_is_single(span->requests, type_size) ? type_size
                                                   : go_request_among(policy, span->requests, type_size, random);
}

/* The same for an object that joined others in a tiny block, in its second half or not. */
uint64_t go_tiny_request(unsigned policy, bool second_half, uint64_t type_size, uint64_t random);

#endif
