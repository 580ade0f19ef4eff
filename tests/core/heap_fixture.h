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

static inline uint64_t must_take(struct goheap_p *p, uint64_t size, unsigned flags)
{
    uint64_t addr = goheap_alloc(p, size, flags);
    assert_true(addr != 0);
    return addr;
}

static inline void must_drop(struct goheap_p *p, uint64_t addr)
{
    assert_int_equal(goheap_free(p, addr), GOHEAP_OK);
}

#endif
