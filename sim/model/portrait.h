/* The heap in depth at one moment: size classes, how full their spans are, and how long the free runs between them.
 * O(spans) to take; kept for the moment the heap was fullest and for the end.
 */
#ifndef PORTRAIT_H
#define PORTRAIT_H

#include "goheap.h"

enum {
    PORTRAIT_OCCUPANCIES = 11, /* tenths of a span's slots that hold live objects, begun; the last: all of them */
    PORTRAIT_LENGTHS = 40      /* of free runs, in pages: 1, 2-3, 4-7, ... */
};

/* So many spans or free runs, and their pages. */
struct portrait_runs {
    uint64_t runs, pages;
};

struct portrait_spans {
    struct goheap_class_stats classes[GOHEAP_MAX_CLASSES];
    struct portrait_runs spans[GOHEAP_MAX_CLASSES][PORTRAIT_OCCUPANCIES];
    struct portrait_runs free[PORTRAIT_LENGTHS];
};

/* The world is stopped. page_shift is the heap's. */
void portrait_take(struct portrait_spans *portrait, const struct goheap *heap, unsigned page_shift);

#endif
