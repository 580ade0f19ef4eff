/* Replays on Go 1.5 and 1.11, held against what was worked out on paper from their sources: MemStats and addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "run_trace.h"

enum { PAGE = 8192, MB = 1 << 20 };

/* One P; 8 KiB pages, numbered from the start of the heap.
 *
 *   id  size        Go 1.5                                    Go 1.11                                     pages
 *    1       0      zerobase                                  zerobase
 *    2       5  ns  slot 0 of 16 B                            tiny block A = slot 0 of 16 B noscan        0
 *    3       8  ns  slot 1                                    A, at 8
 *    4       3  ns  slot 2                                    tiny block B = slot 1
 *    5      16  ns  slot 3                                    slot 2
 *    6      24      32 B                                      32 B                                        1
 *    7      33      48 B                                      48 B                                        2
 *    8    1000  ns  1,024 B                                   1,024 B                                     3
 *    9   32768  ns  32 KiB, 4 pages                           32 KiB, 4 pages                             4..7
 *   10   40000      large, 5 pages                            large, 5 pages                              8..12
 *   11 1048576  ns  128 pages: 115 of the first MiB are left, a run of the 64 MiB that the heap began     13..140
 *                   and another MiB joins them                with
 *
 * Then 2, 3, 7, 10, 11 die; a collection frees them, and pages 2 and 8..140; the latter join what is free behind
 * them. 12 (48 B) gets page 2, the shortest run that will do; 13 (600,000 B = 74 pages) gets 8..81. 4 dies; 14 (2 B)
 * gets slot 0 of the 16 B span; another collection frees what 4 was in.
 */
static const char paper_trace[] =
    "op,id,size,noscan\n"
    "alloc,1,0,1\n"
    "alloc,2,5,1\n"
    "alloc,3,8,1\n"
    "alloc,4,3,1\n"
    "alloc,5,16,1\n"
    "alloc,6,24,0\n"
    "alloc,7,33,0\n"
    "alloc,8,1000,1\n"
    "alloc,9,32768,1\n"
    "alloc,10,40000,0\n"
    "alloc,11,1048576,1\n"
    "stats,,,\n"
    "free,2,,\n"
    "free,3,,\n"
    "free,7,,\n"
    "free,10,,\n"
    "free,11,,\n"
    "gc,,,\n"
    "stats,,,\n"
    "alloc,12,48,0\n"
    "alloc,13,600000,1\n"
    "free,4,,\n"
    "alloc,14,2,1\n"
    "gc,,,\n"
    "stats,,,\n";

/* What MemStats is at a snapshot; pages in use, and descriptors of spans and of free runs. */
struct paper {
    uint64_t mallocs, frees, small16, small16_frees, heap_alloc, pages, descriptors;
};

struct generation {
    const char *config;
    uint64_t base, heap_sys, mspan, mcache;
    struct paper paper[3];
    uint64_t offsets[13]; /* of 2 to 14 */
};

enum { MEDIUM = 1024 + 32768 + 32 }; /* 8, 9 and 6, which stay */

static const struct generation go15 = {
    .config = "go1.5",
    .base = UINT64_C(0xc820000000),
    .heap_sys = 2 * MB,
    .mspan = 112,
    .mcache = 1208,
    .paper = {{10, 0, 4, 0, 4 * 16 + MEDIUM + 48 + 40960 + MB, 141, 7 + 1},
              {10, 5, 4, 2, 2 * 16 + MEDIUM, 7, 4 + 2},
              {13, 6, 5, 3, 2 * 16 + MEDIUM + 48 + 606208, 82, 6 + 1}},
    .offsets = {0, 16, 32, 48, 1 * PAGE, 2 * PAGE, 3 * PAGE, 4 * PAGE, 8 * PAGE, 13 * PAGE, 2 * PAGE, 8 * PAGE, 0},
};

/* Sharing A counts as a malloc and as a free. */
static const struct generation go111 = {
    .config = "go1.11",
    .base = UINT64_C(0xc000000000),
    .heap_sys = 64 * MB,
    .mspan = 152,
    .mcache = 1736,
    .paper = {{10, 1, 3, 0, 3 * 16 + MEDIUM + 48 + 40960 + MB, 141, 7 + 1},
              {10, 5, 3, 1, 2 * 16 + MEDIUM, 7, 4 + 2},
              {13, 6, 4, 2, 2 * 16 + MEDIUM + 48 + 606208, 82, 6 + 1}},
    .offsets = {0, 8, 16, 32, 1 * PAGE, 2 * PAGE, 3 * PAGE, 4 * PAGE, 8 * PAGE, 13 * PAGE, 2 * PAGE, 8 * PAGE, 0},
};

static void check_snapshot(const struct goheap_memstats *m, const struct generation *go, const struct paper *paper)
{
    assert_int_equal(m->mallocs, paper->mallocs);
    assert_int_equal(m->frees, paper->frees);
    assert_int_equal(m->by_size[2].mallocs, paper->small16);
    assert_int_equal(m->by_size[2].frees, paper->small16_frees);
    assert_int_equal(m->heap_alloc, paper->heap_alloc);
    assert_int_equal(m->heap_sys, go->heap_sys);
    assert_int_equal(m->heap_inuse, paper->pages * PAGE);
    assert_int_equal(m->heap_idle, go->heap_sys - paper->pages * PAGE);
    assert_int_equal(m->heap_released, 0);
    assert_int_equal(m->mspan_inuse, paper->descriptors * go->mspan);
    assert_int_equal(m->mspan_sys, 16 << 10);
    assert_int_equal(m->mcache_inuse, go->mcache);
    assert_int_equal(m->mcache_sys, 16 << 10);
}

static void check_addresses(const char *log, const struct generation *go)
{
    for (uint64_t id = 2; id <= 14; id++) {
        unsigned long long got, size, addr;
        log = strchr(log, '\n') + 1; /* the first line is the zero-size address */
        assert_int_equal(sscanf(log, "%llu %llu 0x%llx", &got, &size, &addr), 3);
        assert_int_equal(got, id);
        assert_int_equal(addr, go->base + go->offsets[id - 2]);
    }
}

static void check_generation(const struct generation *go)
{
    struct run r;
    run_trace_on(&r, go->config, paper_trace, (const char *const[]){"background_sweep=false", NULL});
    assert_int_equal(r.sim->snapshot_count, 3);
    for (int i = 0; i < 3; i++)
        check_snapshot(&r.sim->snapshots[i].heap, go, &go->paper[i]);
    check_addresses(r.addresses, go);
    end_run(&r);
}

static void test_go15(void **state)
{
    (void)state;
    check_generation(&go15);
}

static void test_go111(void **state)
{
    (void)state;
    check_generation(&go111);
}

/* --- many Ps ------------------------------------------------------------------------------------------- */

static char *busy_trace(void)
{
    enum { N = 30000 };
    char *text = malloc(N * 64), *to = text;
    uint64_t seed = 5;
    to += sprintf(to, "p,op,id,size,noscan\n");
    for (int i = 0; i < N; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        int size = (int)(8 + (seed >> 33) % (i % 50 ? 5000 : 300000));
        to += sprintf(to, "%d,alloc,%d,%d,%d\n", i % 5, i, size, i % 3 != 0);
        if (i >= 700)
            to += sprintf(to, "%d,free,%d,,\n", (i + 1) % 5, i - 700);
    }
    return text;
}

/* The heap is sound at the end (run_trace checks it), and every run is the same, to the address. */
static void check_busy(const char *config)
{
    char *text = busy_trace();
    struct run r[2];
    for (int i = 0; i < 2; i++) {
        run_trace_on(&r[i], config, text, (const char *const[]){NULL});
        assert_true(r[i].sim->collector.cycles > 5);
        const struct goheap_memstats *m = &r[i].sim->last.heap;
        assert_int_equal(m->heap_objects, m->mallocs - m->frees);
    }
    assert_int_equal(r[0].sim->end_ns, r[1].sim->end_ns);
    assert_string_equal(r[0].addresses, r[1].addresses);
    end_run(&r[0]);
    end_run(&r[1]);
    free(text);
}

static void test_busy(void **state)
{
    (void)state;
    check_busy("go1.5");
    check_busy("go1.11");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_go15),
        cmocka_unit_test(test_go111),
        cmocka_unit_test(test_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
