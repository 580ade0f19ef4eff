/* What tests of the heap share; after cmocka.h and what that wants before it. */
#ifndef HEAP_FIXTURE_H
#define HEAP_FIXTURE_H

#include "goheap.h"

/* The world is stopped. Fails the test with what is wrong. */
static inline void verify(struct goheap *heap)
{
    char why[256] = "";
    if (!goheap_verify(heap, why, sizeof why))
        fail_msg("%s", why);
}

#endif
