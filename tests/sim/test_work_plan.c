/* What a heap is to those that mark it: how long that takes, by how large it is and how full its spans are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "run_trace.h"

enum { TRACE_BYTES = 1 << 23 };

/* A forced cycle's, of a table of 64 KiB and so many objects of 1 KiB, of which all live, or each fourth. Marking one
 * takes 10 ns, and 100 if it is not in the cache. */
static struct mark_work planned(unsigned objects, bool most_die, const char *setting)
{
    static char text[TRACE_BYTES];
    size_t at = (size_t)snprintf(text, sizeof text, "p,op,id,size,noscan\n0,alloc,0,65536,0\n");
    for (unsigned i = 1; i <= objects; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "0,alloc,%u,1024,0\n", i);
    for (unsigned i = 1; most_die && i <= objects; i++)
        if (i % 4)
            at += (size_t)snprintf(text + at, sizeof text - at, "0,free,%u,,\n", i);
    at += (size_t)snprintf(text + at, sizeof text - at, "0,gc,,,\n");
    assert_true(at < sizeof text);
    struct run r;
    run_trace(&r, text,
              (const char *const[]){"ps=2", "gogc=off", "stack_bytes=8192", "globals_bytes=60000", "costs.root_byte=1",
                                    "costs.mark_object=10", "costs.mark_miss=100", "costs.mark_first=0",
                                    "costs.mark_byte=0", setting, NULL});
    assert_int_equal(r.sim->collector.cycles, 1);
    struct mark_work work = r.sim->marking.work;
    end_run(&r);
    return work;
}

/* Spans of eight objects: where all live they lie in the table's order, seven of eight beside one that has been marked;
 * where one of four does they lie anywhere. */
static void test_order(void **state)
{
    (void)state;
    struct mark_work full = planned(16384, false, "costs.mark_cache=0");
    assert_in_range(full.first.ordered * 1000, 990, 1000);
    assert_in_range(full.first.even * 1000, 124, 126);
    assert_in_range(full.first.byte_ns * 8000, 22400, 23500); /* 10 ns, and an eighth of 100 */
    struct mark_work churned = planned(16384, true, "costs.mark_cache=0");
    assert_true(churned.first.ordered == 0);
    assert_in_range(churned.first.byte_ns * 8000, 109990, 110010);
}

/* Of a heap that would fit 0.28 is not in the cache; of one four times as large three quarters of the rest are not,
 * either: 0.82. */
static void test_caches(void **state)
{
    (void)state;
    assert_in_range(planned(16384, true, "costs.mark_cache=1e9").first.byte_ns * 8000, 37990, 38010);
    assert_in_range(planned(16384, true, "costs.mark_cache=4194304").first.byte_ns * 8000, 91900, 92300);
}

/* Globals take as long beside a small heap as beside a large one, stacks half as long. */
static void test_roots(void **state)
{
    (void)state;
    struct mark_work small = planned(1000, false, "costs.mark_cache=0");
    struct mark_work large = planned(60000, false, "costs.mark_cache=0");
    assert_true(small.roots[DATA].byte_ns == large.roots[DATA].byte_ns);
    assert_true(small.roots[BSS].byte_ns == large.roots[BSS].byte_ns);
    assert_in_range(small.roots[STACK].byte_ns * 1000, 5990, 6010);
    assert_in_range(large.roots[STACK].byte_ns * 1000, 11500, 12000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_caches),
        cmocka_unit_test(test_roots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
