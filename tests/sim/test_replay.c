/* Whole replays, held against what was worked out on paper: every MemStats field of a small trace, addresses,
 * waits for a central lock, and order between Ps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "run_trace.h"

enum { PAGE = 8192 };
#define BASE UINT64_C(0xc000000000)

/* --- MemStats on paper --------------------------------------------------------------------------------- */

/* Go 1.19, one P; 8 KiB pages, numbered from the start of the heap. Times in ns, 100 us apart.
 *
 *   id  size        goes to                                        page
 *    1       0      zerobase
 *    2       5  ns  tiny block A = slot 0 of 16 B noscan           0   the heap was empty: it grows by 4 MiB and
 *    3       8  ns  A, at 8                                            the page is taken right from it
 *    4       3  ns  tiny block B = slot 1: 3 do not fit behind 3       then the page cache takes pages 1..63
 *    5      16  ns  slot 2 of the same span: 16 is not tiny
 *    6      24      24 B                                           1
 *    7      33      48 B                                           2
 *    8    1000  ns  1,024 B                                        3
 *    9   32768  ns  32 KiB, 4 pages                                4..7
 *   10   40000      large, 5 pages = 40,960 B                      8..12
 *   11 1048576  ns  large, 128 pages: too many for the cache       64..191
 *
 * Then 2, 3 (so A), 7, 10, 11 die; a collection frees their slots, and pages 2, 8..12 and 64..191 with them.
 * 12 (48 B) gets page 13, the cache's next; 13 (600,000 B = 74 pages) gets 64..137. 4 (so B) dies; 14 (2 B)
 * gets slot 0 of the 16 B span, where A was; another collection frees B.
 */
static const char paper_trace[] =
    "t_ns,op,id,size,noscan\n"
    "100000,alloc,1,0,1\n"
    "200000,alloc,2,5,1\n"
    "300000,alloc,3,8,1\n"
    "400000,alloc,4,3,1\n"
    "500000,alloc,5,16,1\n"
    "600000,alloc,6,24,0\n"
    "700000,alloc,7,33,0\n"
    "800000,alloc,8,1000,1\n"
    "900000,alloc,9,32768,1\n"
    "1000000,alloc,10,40000,0\n"
    "1100000,alloc,11,1048576,1\n"
    "1200000,stats,,,\n"
    "1300000,free,2,,\n"
    "1300000,free,3,,\n"
    "1400000,free,7,,\n"
    "1500000,free,10,,\n"
    "1600000,free,11,,\n"
    "1700000,stats,,,\n"
    "1800000,gc,,,\n"
    "1900000,stats,,,\n"
    "2000000,alloc,12,48,0\n"
    "2100000,alloc,13,600000,1\n"
    "2200000,free,4,,\n"
    "2300000,alloc,14,2,1\n"
    "2400000,gc,,,\n"
    "2500000,stats,,,\n";

/* What MemStats is at one of the snapshots, as worked out. */
struct paper {
    uint64_t t_ns, mallocs, frees, total_alloc, heap_alloc, heap_inuse, heap_idle, heap_released, heap_objects;
    uint64_t cycles, pause_total, last_gc;
    double gc_cpu_ns;
    struct { unsigned class; uint64_t mallocs, frees; } by_size[5];
};

enum { HEAP_SYS = 4 << 20, STOP = 10000 + 500 /* costs.stop_world and stop_p for one P */ };

/* 16 B: A, B, 5; then 24, 48, 1,024, 32 KiB, 40,960 and 1 MiB. Sharing A counts as a malloc and as a free. */
static const struct paper before = {
    .mallocs = 3 + 1 + 1 + 1 + 1 + 2 + 1,
    .frees = 1,
    .total_alloc = 3 * 16 + 24 + 48 + 1024 + 32768 + 40960 + 1048576,
    .heap_alloc = 3 * 16 + 24 + 48 + 1024 + 32768 + 40960 + 1048576,
    .heap_inuse = (1 + 1 + 1 + 1 + 4 + 5 + 128) * PAGE,
    .heap_idle = HEAP_SYS - 141 * PAGE,
    .heap_released = HEAP_SYS - 141 * PAGE, /* never used, so never backed */
    .heap_objects = 9,
    .by_size = {{2, 3, 0}, {3, 1, 0}, {5, 1, 0}, {32, 1, 0}, {4, 0, 0}},
};

/* Marked: B and 5 (16 each), 6, 8, 9. Marking them costs 5 x 10 + 24 x 0.25 = 56 ns, of the one P, whose goroutine
 * waits for the collection. */
static const struct paper collected = {
    .mallocs = 10,
    .frees = 1 + 4, /* A, 7, 10, 11 */
    .total_alloc = 3 * 16 + 24 + 48 + 1024 + 32768 + 40960 + 1048576,
    .heap_alloc = 2 * 16 + 24 + 1024 + 32768,
    .heap_inuse = (1 + 1 + 1 + 4) * PAGE,
    .heap_idle = HEAP_SYS - 7 * PAGE,
    .heap_released = HEAP_SYS - 145 * PAGE, /* freed pages stay backed, 4 of the marker's among them */
    .heap_objects = 5,
    .cycles = 1,
    .pause_total = 2 * STOP,
    .last_gc = 1800000 + STOP + 56 + STOP,
    .gc_cpu_ns = 56 + 2 * STOP,
    .by_size = {{2, 3, 1}, {3, 1, 0}, {5, 1, 1}, {32, 1, 0}, {4, 0, 0}},
};

/* Marked: 5, 14 (16 each), 6, 8, 9, 12, 13: 7 x 10 + (24 + 48) x 0.25 = 88 ns. Page 17 had never been used; pages 64..137 had. */
static const struct paper at_end = {
    .mallocs = 10 + 3,
    .frees = 5 + 1, /* B */
    .total_alloc = 3 * 16 + 24 + 48 + 1024 + 32768 + 40960 + 1048576 + 48 + 606208 + 16,
    .heap_alloc = 2 * 16 + 24 + 1024 + 32768 + 48 + 606208,
    .heap_inuse = (7 + 1 + 74) * PAGE,
    .heap_idle = HEAP_SYS - 82 * PAGE,
    .heap_released = HEAP_SYS - 150 * PAGE, /* the marker had four more */
    .heap_objects = 7,
    .cycles = 2,
    .pause_total = 4 * STOP,
    .last_gc = 2400000 + STOP + 88 + STOP,
    .gc_cpu_ns = 56 + 88 + 4 * STOP,
    .by_size = {{2, 4, 2}, {3, 1, 0}, {5, 2, 1}, {32, 1, 0}, {4, 0, 0}},
};

static void check_by_size(const struct goheap_memstats *m, const struct paper *p)
{
    for (unsigned class = 0; class < 61; class++) {
        uint64_t mallocs = 0, frees = 0;
        for (unsigned i = 0; i < 5; i++)
            if (p->by_size[i].class == class) {
                mallocs = p->by_size[i].mallocs;
                frees = p->by_size[i].frees;
            }
        assert_int_equal(m->by_size[class].mallocs, mallocs);
        assert_int_equal(m->by_size[class].frees, frees);
    }
    assert_int_equal(m->by_size[1].size, 8);
    assert_int_equal(m->by_size[60].size, 18432);
}

static void check_snapshot(const struct memstats_snapshot *s, const struct paper *p, uint64_t t_ns)
{
    const struct goheap_memstats *m = &s->heap;
    assert_int_equal(s->t_ns, t_ns);
    assert_int_equal(m->mallocs, p->mallocs);
    assert_int_equal(m->frees, p->frees);
    assert_int_equal(m->total_alloc, p->total_alloc);
    assert_int_equal(m->heap_alloc, p->heap_alloc);
    assert_int_equal(m->heap_sys, HEAP_SYS);
    assert_int_equal(m->heap_inuse, p->heap_inuse);
    assert_int_equal(m->heap_idle, p->heap_idle);
    assert_int_equal(m->heap_released, p->heap_released);
    assert_int_equal(m->heap_objects, p->heap_objects);
    assert_int_equal(m->mspan_inuse, 64 * 144); /* the P's supply covers all spans */
    assert_int_equal(m->mspan_sys, 113 * 144);  /* as many as fit into 16 KiB */
    assert_int_equal(m->mcache_inuse, 1200);
    assert_int_equal(m->mcache_sys, 13 * 1200);
    assert_int_equal(s->next_gc, 4 << 20);
    assert_int_equal(s->cycles, p->cycles);
    assert_int_equal(s->forced_cycles, p->cycles);
    assert_int_equal(s->pause_total_ns, p->pause_total);
    assert_int_equal(s->last_gc_ns, p->last_gc);
    for (uint64_t i = 0; i < PAUSES; i++)
        assert_int_equal(s->pause_ns[i], i < p->cycles ? 2 * STOP : 0);
    if (p->cycles)
        assert_int_equal(s->pause_end[p->cycles - 1], p->last_gc);
    assert_true(s->gc_cpu_fraction == p->gc_cpu_ns / (double)t_ns);
    check_by_size(m, p);
}

static void test_memstats_on_paper(void **state)
{
    (void)state;
    struct run r;
    run_trace(&r, paper_trace, (const char *const[]){"background_sweep=false", "stack_bytes=0", "globals_bytes=0", NULL});
    assert_int_equal(r.sim->snapshot_count, 4);
    /* a snapshot stops the world first */
    check_snapshot(&r.sim->snapshots[0], &before, 1200000 + STOP);
    check_snapshot(&r.sim->snapshots[1], &before, 1700000 + STOP);
    check_snapshot(&r.sim->snapshots[2], &collected, 1900000 + STOP);
    check_snapshot(&r.sim->snapshots[3], &at_end, 2500000 + STOP);
    check_snapshot(&r.sim->last, &at_end, 2500000 + STOP);
    end_run(&r);
}

static void test_addresses_on_paper(void **state)
{
    (void)state;
    /* Pages 13 to 16 are the marker's work buffers when 12 is allocated, or were: the P's page cache does not see them again. */
    static const struct { uint64_t id, size, offset; } expected[] = {
        {2, 5, 0},          {3, 8, 8},          {4, 3, 16},          {5, 16, 32},        {6, 24, 1 * PAGE},
        {7, 33, 2 * PAGE},  {8, 1000, 3 * PAGE}, {9, 32768, 4 * PAGE}, {10, 40000, 8 * PAGE},
        {11, 1048576, 64 * PAGE}, {12, 48, 17 * PAGE}, {13, 600000, 64 * PAGE}, {14, 2, 0}};
    struct run r;
    run_trace(&r, paper_trace, (const char *const[]){NULL});
    const char *line = strchr(r.addresses, '\n') + 1; /* the first is the zero-size address */
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        unsigned long long id, size, addr;
        assert_int_equal(sscanf(line, "%llu %llu 0x%llx", &id, &size, &addr), 3);
        assert_int_equal(id, expected[i].id);
        assert_int_equal(size, expected[i].size);
        assert_int_equal(addr, BASE + expected[i].offset);
        line = strchr(line, '\n') + 1;
    }
    assert_int_equal(*line, '\0');
    end_run(&r);
}

/* --- a central lock on paper --------------------------------------------------------------------------- */

static const char *const only_central[] = {
    "central_locked=true", "gogc=off", "pacing=max", "costs.alloc=0", "costs.refill=0", "costs.central=1000",
    "costs.page_cache=0", "costs.page_find=0", "costs.span_setup=0", "costs.grow=0", "costs.fault_byte=0",
    "costs.lock=0", "costs.handoff=0", "costs.zero_byte=0", NULL};

/* Objects of 32 KiB come one a span: each allocation gives a full span back and takes another, the first one
 * only takes. Each of the two is 1,000 ns under the class's lock, nothing else takes time. So with K
 * allocations a P the lock is taken 2 (2K - 1) times without a pause; P 0 comes first and does not wait, and
 * from then on each finds the other holding it and waits out its 1,000 ns. */
static void test_central_lock_on_paper(void **state)
{
    (void)state;
    enum { K = 25 };
    char text[64 * 2 * K], *to = text;
    to += sprintf(to, "p,op,id,size\n");
    for (int i = 0; i < 2 * K; i++)
        to += sprintf(to, "%d,alloc,%d,32768\n", i % 2, i);
    struct run r;
    run_trace(&r, text, only_central);
    const struct named_lock *lock = r.sim->locks;
    while (lock->kind != GOHEAP_LOCK_CENTRAL || lock->index != 67 * 2 + 1)
        lock = lock->next;
    uint64_t turns = 2 * (2 * K - 1);
    assert_int_equal(lock->lock.acquisitions, turns);
    assert_int_equal(lock->lock.contended, turns - 1);
    assert_int_equal(lock->lock.wait.sum, (turns - 1) * 1000);
    assert_int_equal(lock->lock.wait.max, 1000);
    assert_int_equal(lock->lock.hold_ns, turns * 1000);
    assert_int_equal(lock->lock.longest_queue, 1);
    assert_int_equal(r.sim->end_ns, turns * 1000);
    end_run(&r);
}

/* --- order between Ps ---------------------------------------------------------------------------------- */

/* P 1 frees what P 0 allocates: it cannot come before, but for how far a P may run ahead, and what it does then:
 * growing the heap takes 20 us. */
static void test_free_waits_for_allocation(void **state)
{
    (void)state;
    char text[1 << 16], *to = text;
    to += sprintf(to, "p,op,id,size\n");
    for (int i = 0; i < 1000; i++)
        to += sprintf(to, "0,alloc,%d,100\n1,free,%d,\n", i, i);
    for (int quantum = 0; quantum < 2; quantum++) {
        struct run r;
        run_trace(&r, text, (const char *const[]){quantum ? "quantum_ns=100000" : "quantum_ns=0", NULL});
        assert_int_equal(r.sim->events, 2000);
        assert_int_equal(r.sim->accounts.live_requested, 0);
        assert_int_equal(r.sim->p_count, 2);
        assert_true(r.sim->ps[1]->process.now + (quantum ? 100000 : 0) + 30000 >= r.sim->ps[0]->process.now);
        end_run(&r);
    }
}

/* P 1 declares dead what P 0 frees at the same time, and comes second by its number: by the trace, the free is the
 * later one. What P 0 allocates then may get the same slot of the reader's. */
static void test_free_waits_for_death(void **state)
{
    (void)state;
    static const char text[] =
        "t_ns,p,op,id,size,noscan\n"
        "1000,0,alloc,1,1000,1\n"
        "1000,1,alloc,2,2000,1\n"
        "9000,1,dead,1,,\n"
        "9000,0,free,1,,\n"
        "9000,0,alloc,3,3000,1\n";
    static const char *const reclaims[] = {"reclaim=gc", "reclaim=immediate"};
    for (int i = 0; i < 2; i++) {
        struct run r;
        run_trace(&r, text, (const char *const[]){"quantum_ns=0", reclaims[i], NULL});
        assert_int_equal(r.sim->events, 5);
        assert_int_equal(r.sim->accounts.live_requested, 2000 + 3000);
        end_run(&r);
    }
}

/* A P far ahead in the file waits for the window to move: all is read, whatever its size. */
static void test_small_window(void **state)
{
    (void)state;
    enum { N = 20000 };
    char *text = malloc(N * 32), *to = text;
    to += sprintf(to, "p,op,id,size\n");
    for (int i = 0; i < N; i++)
        to += sprintf(to, "%d,alloc,%d,100\n", i == 0 || i == N - 1, i);
    struct run r;
    run_trace(&r, text, (const char *const[]){"window=4096", NULL});
    assert_int_equal(r.sim->events, N);
    assert_int_equal(r.sim->last.heap.mallocs, N);
    end_run(&r);
    free(text);
}

/* Deaths while marking: a collection runs, objects die meanwhile, and nothing is lost or freed twice. */
static void test_collections_by_size(void **state)
{
    (void)state;
    enum { N = 40000 };
    char *text = malloc(N * 64), *to = text;
    to += sprintf(to, "p,op,id,size,noscan\n");
    for (int i = 0; i < N; i++) {
        to += sprintf(to, "%d,alloc,%d,%d,%d\n", i % 3, i, 8 + i % 4000, i % 2);
        if (i >= 500)
            to += sprintf(to, "%d,free,%d,,\n", (i + 1) % 3, i - 500);
    }
    struct run r;
    run_trace(&r, text, (const char *const[]){NULL});
    assert_true(r.sim->collector.cycles > 10);
    const struct goheap_memstats *m = &r.sim->last.heap;
    assert_int_equal(m->heap_objects, m->mallocs - m->frees);
    assert_true(m->heap_objects >= 500);
    /* GOGC 100: the heap never grew far beyond 4 MiB, of the 80 MB allocated */
    assert_true(r.sim->accounts.peak_mapped <= 16 << 20);
    end_run(&r);
    free(text);
}

/* With one P there is nobody to wait for: background sweeping uses that P's own time. */
static void test_one_p_never_waits(void **state)
{
    (void)state;
    enum { N = 30000 };
    char *text = malloc(N * 64), *to = text;
    to += sprintf(to, "t_ns,op,id,size\n");
    for (int i = 0; i < N; i++) {
        to += sprintf(to, "%d,alloc,%d,%d\n", i * 40, i, 8 + i % 3000);
        if (i >= 500)
            to += sprintf(to, "%d,free,%d,\n", i * 40, i - 500);
    }
    static const char *const pacings[] = {"pacing=recorded", "pacing=think", "pacing=max"};
    for (int k = 0; k < 3; k++) {
        struct run r;
        run_trace(&r, text, (const char *const[]){"central_locked=true", pacings[k], NULL});
        assert_true(r.sim->collector.cycles > 5);
        for (const struct named_lock *lock = r.sim->locks; lock; lock = lock->next)
            assert_int_equal(lock->lock.contended, 0);
        end_run(&r);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memstats_on_paper),
        cmocka_unit_test(test_addresses_on_paper),
        cmocka_unit_test(test_central_lock_on_paper),
        cmocka_unit_test(test_free_waits_for_allocation),
        cmocka_unit_test(test_free_waits_for_death),
        cmocka_unit_test(test_small_window),
        cmocka_unit_test(test_collections_by_size),
        cmocka_unit_test(test_one_p_never_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
