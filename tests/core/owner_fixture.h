/* What tests of immediate reclaim share: a heap of which every allocation and free is counted, and verified after each;
 * in the end its figures have to be what the test has counted.
 *
 *     size 1024: 8 slots a page      64: 128 a page      8192: 1 a page; and here, 512: 128 in 8, 632: 64 in 5 */
#ifndef OWNER_FIXTURE_H
#define OWNER_FIXTURE_H

#include "heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "heap_fixture.h"

enum { PAGE = 8192, KEPT = 64 /* pages of empty spans that a P keeps */ };

struct world {
    struct goheap *heap;
    struct goheap_p *p, *q;
    uint64_t mallocs, frees, bytes; /* what the heap has to count */
    struct {
        unsigned times, expected;
        enum goheap_result what;
        uint64_t addr;
    } misuse;
    uint64_t dies_meanwhile; /* an object that another thread frees while the heap reports misuse */
};

static inline void check(struct world *w)
{
    verify(w->heap);
    assert_int_equal(w->misuse.times, w->misuse.expected);
}

static inline struct gh_span *span_of(const struct world *w, uint64_t addr)
{
    return gh_span_at(w->heap, addr);
}

/* The first half of a free by another thread, which has found the span watched and is yet to tell. */
static inline void begin_free(struct world *w, uint64_t addr)
{
    struct gh_span *s = span_of(w, addr);
    uint64_t i = gh_span_index(s, addr);
    gh_live_and(&gh_live(s)[i / 64], ~(UINT64_C(1) << i % 64), true);
    w->frees++;
}

static inline void on_misuse(void *user, enum goheap_result what, uint64_t addr)
{
    struct world *w = user;
    w->misuse.times++;
    w->misuse.what = what;
    w->misuse.addr = addr;
    if (w->dies_meanwhile)
        begin_free(w, w->dies_meanwhile);
    w->dies_meanwhile = 0;
}

static inline uint64_t take_flags(struct world *w, struct goheap_p *p, uint64_t size, unsigned flags)
{
    uint64_t addr = goheap_alloc(p, size, flags);
    assert_true(addr != 0);
    w->mallocs++;
    w->bytes += goheap_usable_size(w->heap, addr);
    check(w);
    return addr;
}

static inline uint64_t take(struct world *w, struct goheap_p *p, uint64_t size)
{
    return take_flags(w, p, size, 0);
}

static inline void take_many(struct world *w, struct goheap_p *p, uint64_t size, uint64_t *addrs, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        addrs[i] = take(w, p, size);
}

static inline void drop(struct world *w, struct goheap_p *p, uint64_t addr)
{
    assert_int_equal(goheap_free(p, addr), GOHEAP_OK);
    w->frees++;
    check(w);
}

static inline uint64_t in_use(const struct world *w)
{
    struct goheap_gauges g;
    goheap_gauges(w->heap, &g);
    return g.heap_inuse;
}

static inline void assert_current(const struct goheap_p *p, const struct gh_span *s)
{
    assert_ptr_equal(p->alloc[s->span_class], s);
    assert_int_equal(s->watch, GH_WATCH_NONE);
    assert_null(s->list);
    assert_int_equal(s->notice, GH_NO_NOTICE);
}

static inline void assert_retired(const struct goheap_p *p, const struct gh_span *s)
{
    assert_ptr_equal(s->owner, p);
    assert_int_equal(s->watch, GH_WATCH_OWNER);
    assert_null(s->list);
}

static inline void assert_listed(const struct gh_span *s, const struct goheap_p *owner, const struct gh_list *list,
                          enum gh_watch watch)
{
    assert_ptr_equal(s->owner, owner);
    assert_ptr_equal(s->list, list);
    assert_int_equal(s->watch, watch);
}

/* --- a heap for each test ------------------------------------------------------------------------------ */

static inline uint64_t reserve_arena(void *self, uint64_t hint, uint64_t bytes, uint64_t align)
{
    return bytes > GH_ARENA_BYTES ? 0 : goheap_platform_mmap()->reserve(self, hint, bytes, align);
}

static inline void *new_world(const struct goheap_platform *platform)
{
    struct world *w = calloc(1, sizeof *w);
    struct goheap_config c;
    goheap_config_go119(&c);
    c.reclaim = GOHEAP_RECLAIM_IMMEDIATE;
    c.concurrent = true;
    c.address_space = UINT64_C(1) << 33; /* a sanitizer leaves little room */
    for (struct goheap_size_class *class = c.table.classes; class < c.table.classes + c.table.count; class++)
        if (class->size == 512)
            class->pages = 8;
        else if (class->size == 640)
            *class = (struct goheap_size_class){632, 5};
    w->heap = goheap_new(&c, platform);
    assert_non_null(w->heap);
    w->p = goheap_p_new(w->heap, NULL);
    w->q = goheap_p_new(w->heap, NULL);
    goheap_on_misuse(w->heap, on_misuse, w);
    return w;
}

static inline int set_up(void **state)
{
    *state = new_world(goheap_platform_mmap());
    return 0;
}

static inline int tear_down(void **state)
{
    struct world *w = *state;
    struct goheap_memstats m;
    goheap_memstats(w->heap, &m);
    assert_int_equal(m.mallocs, w->mallocs);
    assert_int_equal(m.frees, w->frees);
    assert_int_equal(m.total_alloc, w->bytes);
    check(w);
    goheap_delete(w->heap);
    free(w);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
