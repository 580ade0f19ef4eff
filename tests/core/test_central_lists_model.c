/* The central lists of Go 1.5 and 1.11 beside a naive model of one class and one P: every address and every sweep.
 *
 * The model has spans of four slots, `nonempty` and `empty` as arrays, and the steps of mCentral_CacheSpan, _UncacheSpan
 * and _FreeSpan as the sources put them. Where a new span lies it asks the heap; in which order Go 1.5 sweeps, too, as
 * that is the order of the heap's descriptors.
 */
#include "heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "heap_fixture.h"

enum { SLOTS = 4, SIZE = 2048, ALL = (1 << SLOTS) - 1, MAX_SPANS = 20000, MAX_LISTED = 5000, STEPS = 20000 };

enum where { NOWHERE, NONEMPTY, EMPTY };

struct mspan {
    uint64_t base;
    uint32_t gen;
    unsigned allocated, live, marked; /* bits */
    enum where where;                 /* NOWHERE: given back to mheap */
};

struct order {
    unsigned at[MAX_LISTED], count; /* spans */
};

struct model {
    struct goheap *heap;
    struct goheap_p *p;
    uint64_t random;
    uint32_t gen;
    bool stack, swept; /* sweeps what is last first; all is swept */
    struct mspan spans[MAX_SPANS];
    unsigned count;
    int cached; /* or -1 */
    struct order nonempty, empty;
    struct order stacks[2]; /* by gen / 2 % 2: swept ones, and for ALL_SPANS those to be swept, the next one last */
};

static uint64_t below(struct model *m, uint64_t n)
{
    m->random = m->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (m->random >> 33) % n;
}

/* --- arrays -------------------------------------------------------------------------------------------- */

static void put_at(struct order *o, unsigned i, unsigned span)
{
    assert_true(o->count < MAX_LISTED);
    memmove(&o->at[i + 1], &o->at[i], (o->count - i) * sizeof o->at[0]);
    o->at[i] = span;
    o->count++;
}

static void cut(struct order *o, unsigned span)
{
    unsigned i = 0;
    while (o->at[i] != span)
        i++;
    o->count--;
    memmove(&o->at[i], &o->at[i + 1], (o->count - i) * sizeof o->at[0]);
}

static void unlist(struct model *m, unsigned span)
{
    cut(m->spans[span].where == EMPTY ? &m->empty : &m->nonempty, span);
    m->spans[span].where = NOWHERE;
}

static void to_nonempty(struct model *m, unsigned span)
{
    if (m->spans[span].where != NOWHERE)
        unlist(m, span);
    put_at(&m->nonempty, 0, span);
    m->spans[span].where = NONEMPTY;
}

static void to_empty(struct model *m, unsigned span)
{
    if (m->spans[span].where != NOWHERE)
        unlist(m, span);
    put_at(&m->empty, m->empty.count, span);
    m->spans[span].where = EMPTY;
}

/* --- sweeping ------------------------------------------------------------------------------------------ */

static void push_swept(struct model *m, unsigned span)
{
    struct order *o = &m->stacks[m->gen / 2 % 2];
    if (m->stack)
        put_at(o, o->count, span);
}

/* mSpan_Sweep; true if the span went back to mheap. */
static bool sweep(struct model *m, unsigned span, bool preserve)
{
    struct mspan *s = &m->spans[span];
    s->allocated = s->marked;
    s->gen = m->gen;
    if (!preserve && s->allocated == 0) {
        unlist(m, span);
        return true;
    }
    push_swept(m, span);
    if (!preserve && s->where == EMPTY && s->allocated != ALL)
        to_nonempty(m, span);
    return false;
}

/* sweepone: pages freed, or UINT64_MAX. */
static uint64_t sweep_one(struct model *m)
{
    struct order *o = &m->stacks[1 - m->gen / 2 % 2];
    while (o->count > 0) {
        unsigned span = o->at[--o->count];
        if (m->spans[span].where != NOWHERE && m->spans[span].gen == m->gen - 2)
            return sweep(m, span, false);
    }
    m->swept = true;
    return UINT64_MAX;
}

static unsigned descriptor_index(const struct goheap *heap, uint64_t base)
{
    const struct gh_span *s = gh_span_at(heap, base);
    unsigned i = 0;
    while (gh_descriptor_at(&heap->descriptors, i) != s)
        i++;
    return i;
}

/* For ALL_SPANS: what is to be swept, in the order of descriptors, the first one last. */
static void queue_all(struct model *m)
{
    struct order *o = &m->stacks[1 - m->gen / 2 % 2];
    static unsigned index[MAX_SPANS];
    o->count = 0;
    for (unsigned k = 0; k < m->nonempty.count + m->empty.count; k++) {
        unsigned i = 0, span = k < m->nonempty.count ? m->nonempty.at[k] : m->empty.at[k - m->nonempty.count];
        index[span] = descriptor_index(m->heap, m->spans[span].base);
        while (i < o->count && index[o->at[i]] > index[span])
            i++;
        put_at(o, i, span);
    }
}

/* --- allocation ---------------------------------------------------------------------------------------- */

static int cache_nonempty(struct model *m)
{
    if (m->nonempty.count == 0)
        return -1;
    unsigned span = m->nonempty.at[0];
    to_empty(m, span);
    if (m->spans[span].gen == m->gen - 2)
        sweep(m, span, true);
    return (int)span;
}

/* mCentral_CacheSpan, but for mCentral_Grow; -1 if the class has no slot. */
static int cache_span(struct model *m)
{
    for (;;) {
        int span = cache_nonempty(m);
        if (span >= 0)
            return span;
        if (m->empty.count == 0 || m->spans[m->empty.at[0]].gen != m->gen - 2)
            return -1;
        unsigned first = m->empty.at[0];
        to_empty(m, first);
        sweep(m, first, true);
        if (m->spans[first].allocated != ALL)
            return (int)first;
    }
}

/* mHeap_Reclaim for one page, where there are no large objects. */
static void reclaim(struct model *m)
{
    while (!m->swept && sweep_one(m) == 0)
        ;
}

/* What the heap answered tells where a new span lies. */
static int grow(struct model *m, uint64_t addr)
{
    reclaim(m);
    for (unsigned i = 0; i < m->count; i++)
        assert_true(m->spans[i].where == NOWHERE || addr - m->spans[i].base >= SLOTS * SIZE);
    assert_true(m->count < MAX_SPANS);
    m->spans[m->count] = (struct mspan){.base = addr, .gen = m->gen};
    push_swept(m, m->count);
    to_empty(m, m->count);
    return (int)m->count++;
}

static void step_alloc(struct model *m)
{
    uint64_t addr = goheap_alloc(m->p, SIZE, 0);
    assert_true(addr != 0);
    if (m->cached >= 0 && m->spans[m->cached].allocated == ALL)
        m->cached = -1;
    if (m->cached < 0 && (m->cached = cache_span(m)) < 0)
        m->cached = grow(m, addr);
    struct mspan *s = &m->spans[m->cached];
    unsigned slot = (unsigned)__builtin_ctz(~s->allocated);
    assert_int_equal(addr, s->base + slot * SIZE);
    s->allocated |= 1u << slot;
    s->live |= 1u << slot;
}

static void step_free(struct model *m)
{
    const struct order *o = below(m, 2) ? &m->empty : &m->nonempty;
    if (o->count == 0)
        return;
    struct mspan *s = &m->spans[o->at[below(m, o->count)]];
    for (unsigned slot = 0; slot < SLOTS; slot++)
        if ((s->live >> slot & 1) && below(m, 3)) {
            s->live &= ~(1u << slot);
            assert_int_equal(goheap_free(m->p, s->base + slot * SIZE), GOHEAP_OK);
        }
}

static void step_collect(struct model *m)
{
    struct goheap_marked marked;
    goheap_gc_begin(m->heap, m->p);
    while (sweep_one(m) != UINT64_MAX)
        ;
    goheap_gc_mark_live(m->heap, &marked);
    for (unsigned i = 0; i < m->count; i++)
        m->spans[i].marked = m->spans[i].live;
    goheap_gc_end(m->heap, &marked);
    goheap_p_begin_sweep(m->p);
    if (m->cached >= 0 && m->spans[m->cached].allocated != ALL)
        to_nonempty(m, (unsigned)m->cached);
    m->cached = -1;
    m->gen += 2;
    m->swept = false;
    if (!m->stack)
        queue_all(m);
}

static void run_model(uint64_t seed, bool stack)
{
    struct model *m = calloc(1, sizeof *m);
    struct goheap_config c;
    assert_non_null(m);
    goheap_config_go119(&c);
    c.address_space = UINT64_C(1) << 33;
    c.page_cache = false;
    c.page_heap = stack ? GOHEAP_PAGES_TREAP : GOHEAP_PAGES_LISTS;
    c.central_lists = GOHEAP_CENTRAL_LISTS;
    c.sweep_order = stack ? GOHEAP_SWEEP_STACK : GOHEAP_SWEEP_ALL_SPANS;
    c.noscan_apart = stack;
    m->heap = goheap_new(&c, goheap_platform_mmap());
    assert_non_null(m->heap);
    m->p = goheap_p_new(m->heap, NULL);
    *m = (struct model){.heap = m->heap, .p = m->p, .random = seed, .gen = 4, .stack = stack, .swept = true, .cached = -1};
    uint64_t frees = 1; /* of 400 steps; drifts, so that the heap fills and empties */
    for (unsigned i = 0; i < STEPS; i++) {
        uint64_t kind = below(m, 400);
        if (i % 3000 == 0)
            frees = 40 + below(m, 160);
        if (kind == 0)
            step_collect(m);
        else if (kind < 20)
            assert_int_equal(goheap_sweep_one(m->heap, m->p), m->swept ? UINT64_MAX : sweep_one(m));
        else if (kind < 20 + frees)
            step_free(m);
        else
            step_alloc(m);
        if (i % 1000 == 0)
            verify(m->heap);
    }
    goheap_delete(m->heap);
    free(m);
}

static void test_go15(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++)
        run_model(seed, false);
}

static void test_go111(void **state)
{
    (void)state;
    for (uint64_t seed = 11; seed <= 14; seed++)
        run_model(seed, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_go15), cmocka_unit_test(test_go111)};
    return cmocka_run_group_tests_name("central lists beside a model", tests, NULL, NULL);
}
