/* Collection for embedders that trace: nothing is ever freed, what the tracer does not reach dies.
 *
 *     begin --> roots --> goheap_gc_mark --> the words of what was marked --> ... --> end --> sweep
 *
 * Objects lie in real memory and are traced conservatively: any word of them may point anywhere. */
#include "goheap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "heap_fixture.h"

enum { KB = 1024, PAGE = 8192 };

static struct goheap *new_heap(void)
{
    struct goheap_config c;
    goheap_config_go119(&c);
    c.concurrent = true;
    c.address_space = UINT64_C(1) << 33; /* a sanitizer leaves little room */
    struct goheap *heap = goheap_new(&c, goheap_platform_mmap());
    assert_non_null(heap);
    return heap;
}

static uint64_t take(struct goheap_p *p, uint64_t size, unsigned flags)
{
    uint64_t addr = goheap_alloc(p, size, flags | GOHEAP_ZEROED);
    assert_true(addr != 0);
    return addr;
}

static uint64_t *words(uint64_t addr)
{
    return (uint64_t *)(uintptr_t)addr;
}

static void sweep(struct goheap *heap, struct goheap_p *p)
{
    goheap_p_begin_sweep(p);
    while (goheap_sweep_one(heap, p) != UINT64_MAX)
        ;
    assert_true(goheap_sweep_done(heap));
    verify(heap);
}

/* --- one object at a time ------------------------------------------------------------------------------ */

/* Wherever in the object, its end excluded, a pointer points: all lead to it, and the first marks. */
static void check_marked(struct goheap *heap, uint64_t addr, uint64_t size, bool noscan)
{
    const uint64_t into[] = {size - 1, 0, 1, size / 2, size - 1};
    for (unsigned i = 0; i < sizeof into / sizeof into[0]; i++) {
        struct goheap_object o = {0};
        assert_int_equal(goheap_gc_mark(heap, addr + into[i], &o), i == 0);
        if (i > 0)
            continue;
        assert_int_equal(o.addr, addr);
        assert_int_equal(o.size, size);
        assert_int_equal(o.noscan, noscan);
    }
    verify(heap);
}

static void check_unmarked(struct goheap *heap, uint64_t addr)
{
    struct goheap_object o;
    assert_false(goheap_gc_mark(heap, addr, &o));
}

static void test_objects(void **state)
{
    (void)state;
    struct goheap *heap = new_heap();
    struct goheap_p *p = goheap_p_new(heap, NULL);
    uint64_t small = take(p, 60, 0), noscan = take(p, 100, GOHEAP_NOSCAN), tail = take(p, 768, 0) + PAGE - 1;
    uint64_t tiny = take(p, 3, GOHEAP_NOSCAN), shared = take(p, 8, GOHEAP_NOSCAN), large = take(p, 40000, 0);
    uint64_t aligned = goheap_alloc_aligned(p, 40000, 64 * KB, GOHEAP_NOSCAN); /* 7 pages more: 12, of which */
    uint64_t lead = aligned - (large + 5 * PAGE), huge = take(p, UINT64_C(200) << 20, 0); /* 16 - 9 lie before it */
    uint64_t dead = take(p, 60, 0), stack = goheap_stack_alloc(p, 2 * KB);
    assert_int_equal(shared, tiny + 8);
    assert_int_equal(lead, 7 * PAGE);
    goheap_free(p, dead);
    goheap_gc_begin(heap, p);
    check_marked(heap, small, 64, false);
    check_marked(heap, noscan, 112, true);
    check_marked(heap, tiny, 16, true);
    check_marked(heap, large, 5 * PAGE, false);
    check_marked(heap, aligned, 12 * PAGE - lead, true);
    check_marked(heap, huge, UINT64_C(200) << 20, false);
    check_marked(heap, tail + 1 - PAGE, 768, false);
    int on_stack;
    const uint64_t nothing[] = {0, (uintptr_t)&on_stack, goheap_alloc(p, 0, 0), dead, small + 3 * 64, tail, stack,
                                huge + (UINT64_C(200) << 20), UINT64_MAX};
    for (unsigned i = 0; i < sizeof nothing / sizeof nothing[0]; i++)
        check_unmarked(heap, nothing[i]);
    struct goheap_marked survived;
    goheap_gc_end(heap, &survived);
    assert_int_equal(survived.objects, 7);
    uint64_t scan = 64 + 5 * PAGE + 768 + (UINT64_C(200) << 20);
    assert_int_equal(survived.scan_bytes, scan);
    assert_int_equal(survived.bytes, scan + 112 + 16 + 12 * PAGE); /* the lead is the object's */
    sweep(heap, p);
    goheap_delete(heap);
}

/* --- a tracer ------------------------------------------------------------------------------------------ */

enum { STACK = 4096 };

struct tracer {
    struct goheap *heap;
    struct goheap_object todo[STACK];
    unsigned n;
    uint64_t objects, bytes;
};

static void visit(struct tracer *t, uint64_t word)
{
    struct goheap_object o;
    if (!goheap_gc_mark(t->heap, word, &o))
        return;
    t->objects++;
    t->bytes += o.size;
    if (o.noscan)
        return;
    assert_true(t->n < STACK);
    t->todo[t->n++] = o;
}

static void trace(struct tracer *t, const uint64_t *roots, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        visit(t, roots[i]);
    while (t->n > 0) {
        struct goheap_object o = t->todo[--t->n];
        for (uint64_t i = 0; i < o.size / 8; i++)
            visit(t, words(o.addr)[i]);
    }
}

/* Of 17 nodes, 8 a page, a root points into the fourth:
 *
 *     root -> n3 -> n5 -> n8 -> n3    n8 -> into a large object -> n12    n5 -> x, without pointers, holding n1's
 */
struct graph {
    uint64_t n[18], x, large, garbage, y;
};

static void make_graph(struct graph *g, struct goheap_p *p)
{
    for (unsigned i = 0; i < 17; i++)
        g->n[i] = take(p, 1024, 0);
    g->x = take(p, 100, GOHEAP_NOSCAN);
    g->large = take(p, 40000, 0);   /* 5 pages */
    g->garbage = take(p, 50000, 0); /* 7 */
    words(g->n[3])[0] = g->n[5];
    words(g->n[5])[127] = g->n[8];
    words(g->n[5])[1] = g->x;
    words(g->n[8])[5] = g->n[3] + 1;
    words(g->n[8])[6] = g->large + 20000;
    words(g->large)[4999] = g->n[12];
    words(g->x)[0] = g->n[1];
    words(g->n[7])[0] = g->n[3]; /* dead objects may point at live ones */
    words(g->garbage)[0] = g->n[6];
}

static void mark_graph(struct graph *g, struct goheap *heap, struct goheap_p *p)
{
    struct tracer t = {.heap = heap};
    uint64_t root = g->n[3] + 40;
    goheap_gc_begin(heap, p);
    trace(&t, &root, 1);
    assert_int_equal(t.objects, 6);
    assert_int_equal(t.bytes, 4 * 1024 + 112 + 5 * PAGE);
    verify(heap);
    g->n[17] = take(p, 1024, 0); /* what is new survives, */
    g->y = take(p, 48, 0);       /* in a span older or younger than the marking, */
    check_marked(heap, g->n[17], 1024, false); /* marked or not */
    struct goheap_marked survived;
    goheap_gc_end(heap, &survived);
    assert_int_equal(survived.objects, 8);
    assert_int_equal(survived.bytes, 5 * 1024 + 112 + 5 * PAGE + 48);
    assert_int_equal(survived.scan_bytes, survived.bytes - 112);
    assert_false(goheap_sweep_done(heap));
    verify(heap);
}

/* The P's spans are swept as it lets them go; of the others, large ones first, the earliest first. */
static void sweep_graph(struct goheap *heap, struct goheap_p *p)
{
    static const uint64_t pages[] = {0, 7, 0, 0, UINT64_MAX};
    goheap_p_begin_sweep(p);
    verify(heap);
    for (unsigned i = 0; i < 5; i++) {
        assert_false(goheap_sweep_done(heap));
        assert_int_equal(goheap_sweep_one(heap, i % 2 ? p : NULL), pages[i]);
        verify(heap);
    }
    assert_true(goheap_sweep_done(heap));
    struct goheap_memstats m;
    goheap_memstats(heap, &m);
    assert_int_equal(m.mallocs, 18 + 4);
    assert_int_equal(m.frees, 13 + 1);
    assert_int_equal(m.heap_objects, 8);
    assert_int_equal(m.heap_alloc, 5 * 1024 + 112 + 5 * PAGE + 48);
    assert_int_equal(m.heap_inuse, (3 + 1 + 1 + 5) * PAGE);
    assert_int_equal(m.total_alloc, 18 * 1024 + 112 + 12 * PAGE + 48);
}

static void take_node(struct goheap_p *p, uint64_t at)
{
    uint64_t node = take(p, 1024, 0);
    assert_int_equal(node, at);
    for (unsigned k = 0; k < 128; k++)
        assert_int_equal(words(node)[k], 0);
}

/* Dead nodes' slots come back: the span swept first first, which is the one that the P held. */
static void reuse_graph(const struct graph *g, struct goheap_p *p)
{
    static const unsigned order[] = {0, 1, 2, 4, 6, 7, 9, 10, 11, 13, 14, 15};
    take_node(p, g->n[16]);
    for (unsigned i = 1; i <= 6; i++)
        take_node(p, g->n[17] + i * 1024);
    for (unsigned i = 0; i < sizeof order / sizeof order[0]; i++)
        take_node(p, g->n[order[i]]);
    assert_int_equal(words(g->n[5])[127], g->n[8]);
    assert_int_equal(words(g->large)[4999], g->n[12]);
}

static void test_graph(void **state)
{
    (void)state;
    struct goheap *heap = new_heap();
    struct goheap_p *p = goheap_p_new(heap, NULL);
    struct graph g;
    make_graph(&g, p);
    mark_graph(&g, heap, p);
    sweep_graph(heap, p);
    reuse_graph(&g, p);
    verify(heap);
    struct goheap_marked survived;
    struct goheap_memstats m;
    goheap_gc_begin(heap, p); /* and if nothing is reached, nothing is left */
    goheap_gc_end(heap, &survived);
    assert_int_equal(survived.objects, 0);
    sweep(heap, p);
    goheap_memstats(heap, &m);
    assert_int_equal(m.frees, 22 + 19);
    assert_int_equal(m.heap_inuse, 0);
    goheap_delete(heap);
}

/* --- several at once ----------------------------------------------------------------------------------- */

enum { MARKERS = 4, OBJECTS = 20000 };

struct marker {
    struct goheap *heap;
    const uint64_t *addrs;
    pthread_barrier_t *start;
    unsigned from; /* each begins elsewhere */
    uint64_t won;
    pthread_t thread;
};

/* Every other object, all of them by each thread. */
static void *mark_half(void *arg)
{
    struct marker *me = arg;
    pthread_barrier_wait(me->start);
    for (unsigned i = 0; i < OBJECTS; i += 2) {
        struct goheap_object o;
        me->won += goheap_gc_mark(me->heap, me->addrs[(me->from + i) % OBJECTS] + i % 8, &o);
    }
    return NULL;
}

static void test_markers(void **state)
{
    (void)state;
    struct goheap *heap = new_heap();
    struct goheap_p *p = goheap_p_new(heap, NULL);
    static uint64_t addrs[OBJECTS];
    for (unsigned i = 0; i < OBJECTS; i++)
        addrs[i] = take(p, i % 1000 == 0 ? 40000 : 8 + i % 200, 0);
    goheap_gc_begin(heap, p);
    struct marker markers[MARKERS];
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, MARKERS);
    uint64_t won = 0;
    for (unsigned i = 0; i < MARKERS; i++) {
        markers[i] = (struct marker){.heap = heap, .addrs = addrs, .start = &start, .from = i % 2 * OBJECTS / 2};
        assert_int_equal(pthread_create(&markers[i].thread, NULL, mark_half, &markers[i]), 0);
    }
    for (unsigned i = 0; i < MARKERS; i++) {
        pthread_join(markers[i].thread, NULL);
        won += markers[i].won;
    }
    pthread_barrier_destroy(&start);
    assert_int_equal(won, OBJECTS / 2);
    struct goheap_marked survived;
    goheap_gc_end(heap, &survived);
    assert_int_equal(survived.objects, OBJECTS / 2);
    sweep(heap, p);
    struct goheap_memstats m;
    goheap_memstats(heap, &m);
    assert_int_equal(m.mallocs, OBJECTS);
    assert_int_equal(m.frees, OBJECTS / 2);
    goheap_gc_begin(heap, p);
    for (unsigned i = 0; i < OBJECTS; i++) {
        struct goheap_object o;
        assert_int_equal(goheap_gc_mark(heap, addrs[i], &o), i % 2 == 0); /* those that live */
    }
    goheap_delete(heap);
}

/* --- a graph that changes, and a model of it ----------------------------------------------------------- */

enum { NODES = 500, ROOTS = 20, EDGES = 3, CYCLES = 30 };

/* A node holds its index in the model, its edges, and its index again. */
struct model {
    struct goheap *heap;
    struct goheap_p *p;
    uint64_t seed, addr[NODES], size[NODES], roots[ROOTS], live; /* addr 0: there is none */
    unsigned edges[NODES][EDGES], root[ROOTS];
    bool reached[NODES];
};

static unsigned pick(struct model *m, unsigned n)
{
    m->seed = m->seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(m->seed >> 33) % n;
}

static void check_node(const struct model *m, unsigned i)
{
    const uint64_t *w = words(m->addr[i]);
    assert_int_equal(w[0], i);
    assert_int_equal(w[m->size[i] / 8 - 1], i);
    for (unsigned k = 0; k < EDGES; k++)
        assert_int_equal(w[1 + k], m->addr[m->edges[i][k]] + 8 * k);
}

static void point(struct model *m, unsigned i, unsigned k, unsigned at)
{
    m->edges[i][k] = at;
    words(m->addr[i])[1 + k] = m->addr[at] + 8 * k;
}

/* Fills the gaps in the model with nodes that only point at what is there, as its address is to be had. */
static void grow(struct model *m)
{
    static const uint64_t sizes[] = {40, 64, 200, 1024, 3000, 40000};
    for (unsigned i = 0; i < NODES; i++) {
        if (m->addr[i])
            continue;
        m->size[i] = sizes[pick(m, 60) ? pick(m, 5) : 5] / 8 * 8;
        m->addr[i] = take(m->p, m->size[i], 0);
        m->live++;
        for (uint64_t k = 0; k < m->size[i] / 8; k++)
            assert_int_equal(words(m->addr[i])[k], 0);
        words(m->addr[i])[0] = words(m->addr[i])[m->size[i] / 8 - 1] = i;
        for (unsigned k = 0; k < EDGES; k++) {
            unsigned at = pick(m, NODES);
            point(m, i, k, m->addr[at] && pick(m, 2) ? at : i);
        }
    }
}

static void reach(struct model *m, unsigned i)
{
    if (m->reached[i])
        return;
    m->reached[i] = true;
    for (unsigned k = 0; k < EDGES; k++)
        reach(m, m->edges[i][k]);
}

static unsigned mark_model(struct model *m)
{
    struct tracer t = {.heap = m->heap};
    memset(m->reached, 0, sizeof m->reached);
    for (unsigned i = 0; i < ROOTS; i++) {
        m->root[i] = pick(m, 3) ? m->root[i] : pick(m, NODES);
        m->roots[i] = m->addr[m->root[i]] + 16;
        reach(m, m->root[i]);
    }
    trace(&t, m->roots, ROOTS);
    unsigned reached = 0;
    for (unsigned i = 0; i < NODES; i++)
        reached += m->reached[i];
    assert_int_equal(t.objects, reached);
    return reached;
}

static void forget_dead(struct model *m)
{
    for (unsigned i = 0; i < NODES; i++) {
        if (m->reached[i])
            continue;
        memset(words(m->addr[i]), 0xff, m->size[i]); /* nobody is to read that again */
        m->addr[i] = 0;
    }
}

/* Some of each phase's sweeping is done by who allocates, some by the next cycle's begin. */
static void test_model(void **state)
{
    (void)state;
    static struct model m;
    m = (struct model){.heap = new_heap(), .seed = 5};
    m.p = goheap_p_new(m.heap, NULL);
    grow(&m);
    for (unsigned cycle = 0; cycle < CYCLES; cycle++) {
        struct goheap_marked survived;
        goheap_gc_begin(m.heap, m.p);
        unsigned reached = mark_model(&m);
        for (unsigned i = 0; i < 10; i++)
            take(m.p, UINT64_C(64) << i % 3, 0);
        goheap_gc_end(m.heap, &survived);
        assert_int_equal(survived.objects, reached + 10);
        forget_dead(&m);
        goheap_p_begin_sweep(m.p);
        goheap_sweep_pace(m.heap, survived.bytes + (2 << 20));
        for (unsigned i = pick(&m, 20); i > 0; i--)
            goheap_sweep_one(m.heap, NULL);
        verify(m.heap);
        grow(&m);
        verify(m.heap);
        for (unsigned i = 0; i < NODES; i++)
            check_node(&m, i);
        if (cycle % 3 != 0)
            continue;
        sweep(m.heap, m.p);
        struct goheap_memstats stats;
        goheap_memstats(m.heap, &stats);
        assert_int_equal(stats.heap_objects, NODES + 10);
        assert_int_equal(stats.mallocs, m.live + (cycle + 1) * 10);
    }
    goheap_delete(m.heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_graph),
        cmocka_unit_test(test_markers),
        cmocka_unit_test(test_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
