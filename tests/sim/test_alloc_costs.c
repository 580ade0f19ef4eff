/* What an allocation is charged, on paper. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run_trace.h"

#define NOTHING_COSTS                                                                                                \
    "gogc=off", "costs.alloc=0", "costs.free=0", "costs.death=0", "costs.refill=0", "costs.page_cache=0",            \
        "costs.page_find=0", "costs.span_setup=0", "costs.grow=0", "costs.fault_byte=0", "costs.lock=0",             \
        "costs.zero=0", "costs.zero_byte=0", "costs.zero_miss_byte=0", "costs.cache_line=0", "costs.barrier=0"

static uint64_t served_ns(const struct sim *sim)
{
    uint64_t ns = 0;
    for (unsigned i = 0; i < TIERS; i++)
        ns += sim->accounts.latency[i].sum;
    return ns;
}

/* Three spans of memory that nobody has touched, of 8, 8 and 40 KiB: the program waits for the OS when it writes to
 * them, at 2 ns a byte; no allocation took any time. */
static void test_first_touch_is_the_programs(void **state)
{
    (void)state;
    struct run r;
    run_trace(&r, "p,op,id,size\n0,alloc,1,100\n0,alloc,2,2000\n0,alloc,3,40000\n",
              (const char *const[]){NOTHING_COSTS, "costs.fault_byte=2", NULL});
    assert_int_equal(served_ns(r.sim), 0);
    assert_int_equal(r.sim->end_ns, 2 * (8 + 8 + 40) << 10);
    end_run(&r);
}

/* 1,024 KiB in use are two doublings of 256 KiB. What is allocated and what dies once that has been noticed, at the
 * third of the moments that are a second apart, takes so much longer, and the next object 8 KiB more than that. */
static void test_larger_heaps_are_farther_away(void **state)
{
    (void)state;
    static const char trace[] = "t_ns,p,op,id,size\n"
                                "0,0,alloc,1,1048576\n1000000000,0,stats,,\n2000000000,0,alloc,2,2000\n"
                                "3000000000,0,stats,,\n4000000000,0,dead,1,\n";
    struct run r;
    run_trace(&r, trace, (const char *const[]){NOTHING_COSTS, "costs.alloc_doubling=100", "costs.free_doubling=1000",
                                               "costs.stop_world=0", "costs.stop_p=0", NULL});
    assert_int_equal(served_ns(r.sim), 200);
    assert_int_equal(r.sim->end_ns, UINT64_C(4000000000) + 2011); /* log2(1032 / 256) = 2.0112 */
    end_run(&r);
}

/* The first growth costs 100 and 1,000 more, as all of the heap's tables are new; the second, for 64 MiB, 100. */
static void test_the_first_growth_costs_more(void **state)
{
    (void)state;
    struct run r;
    run_trace(&r, "p,op,id,size\n0,alloc,1,100\n0,alloc,2,67108864\n",
              (const char *const[]){NOTHING_COSTS, "costs.grow=100", "costs.grow_first=1000", NULL});
    assert_int_equal(r.sim->accounts.latency[TIER_OS].count, 2);
    assert_int_equal(served_ns(r.sim), 1200);
    end_run(&r);
}

/* Objects of 2 KiB in a new span of 8 KiB: the first dies, so that all that follow are zeroed, and the third and fourth
 * lie in a page that nobody has touched. The 4 KiB that are backed for the third, at 1 ns a byte, are its time; they are
 * no longer the program's, whose time they were to be, so that the whole takes as long as ever. */
static void test_zeroing_may_touch_first(void **state)
{
    (void)state;
    static const char trace[] = "p,op,id,size,noscan\n0,alloc,1,2048,1\n0,free,1,,\n0,alloc,2,2048,1\n"
                                "0,alloc,3,2048,1\n0,alloc,4,2048,1\n";
    struct run r;
    run_trace(&r, trace, (const char *const[]){NOTHING_COSTS, "reclaim=immediate", "costs.fault_byte=1",
                                               "costs.zero_fault_byte=1", NULL});
    assert_int_equal(served_ns(r.sim), 4096);
    assert_int_equal(r.sim->accounts.latency[TIER_FAST].max, 4096);
    assert_int_equal(r.sim->end_ns, 8192);
    end_run(&r);
}

/* Objects of 1 MiB by turns, of which there is room for two: the first two are new. Of the next two it is not known when
 * they were zeroed, and they are as far away as what is in use tells, when it was last looked at: 1 MiB, two doublings
 * of 256 KiB, then 2 MiB, three. The last two are two away, as 1 MiB has been zeroed since they were. A doubling is 2 ns
 * a byte, of which half counts in large objects. */
static void test_zeroing_what_was_zeroed_long_ago(void **state)
{
    (void)state;
    static const char trace[] = "p,op,id,size,noscan\n0,alloc,1,1048576,1\n0,alloc,2,1048576,1\n"
                                "0,free,1,,\n0,alloc,3,1048576,1\n0,free,2,,\n0,alloc,4,1048576,1\n"
                                "0,free,3,,\n0,alloc,5,1048576,1\n0,free,4,,\n0,alloc,6,1048576,1\n";
    struct run r;
    run_trace(&r, trace,
              (const char *const[]){NOTHING_COSTS, "reclaim=immediate", "costs.zero_256k=2", "costs.zero_1m=4",
                                    "costs.zero_4m=8", "costs.zero_large=0.5", NULL});
    assert_int_equal(served_ns(r.sim), (2 + 3 + 2 + 2) * 1048576);
    end_run(&r);
}

/* An object of 32 KiB, the largest that has a slot; once 1 MiB has been zeroed, for one that has none, another in its
 * place is two doublings of 256 KiB away: all but 768 bytes of it are waited for, for 2 ns each. */
static void test_some_bytes_are_not_waited_for(void **state)
{
    (void)state;
    static const char trace[] = "p,op,id,size,noscan\n0,alloc,1,32768,1\n0,free,1,,\n0,alloc,2,32768,1\n"
                                "0,alloc,3,1048576,1\n0,free,3,,\n0,alloc,4,1048576,1\n"
                                "0,free,2,,\n0,alloc,5,32768,1\n";
    struct run r;
    run_trace(&r, trace, (const char *const[]){NOTHING_COSTS, "reclaim=immediate", "costs.zero_1m=2",
                                               "costs.zero_buffer=768", NULL});
    assert_int_equal(served_ns(r.sim), 2 * 32000);
    end_run(&r);
}

/* From nothing at 64 KiB by straight lines through 256 KiB, 1 MiB, ... 64 MiB, and on as it is there. */
static void test_farther_zeroing_costs_more(void **state)
{
    (void)state;
    static const struct costs c = {.zero_far = {4, 6, 10, 30, 32}};
    static const struct {
        double doublings, ns;
    } far[] = {{-2, 0}, {-1.5, 1}, {0, 4}, {1, 5}, {2, 6}, {4, 10}, {5, 20}, {8, 32}, {20, 32}};
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++)
        assert_true(costs_zero_far(&c, far[i].doublings) == far[i].ns);
}

/* Of three objects that share a block, and one with pointers that has a slot of its own. */
static void test_sharing_a_block_costs_more(void **state)
{
    (void)state;
    struct run r;
    run_trace(&r, "p,op,id,size,noscan\n0,alloc,1,4,1\n0,alloc,2,4,1\n0,alloc,3,15,1\n0,alloc,4,8,0\n",
              (const char *const[]){NOTHING_COSTS, "costs.tiny=7", NULL});
    assert_int_equal(served_ns(r.sim), 3 * 7);
    end_run(&r);
}

/* Three spans at a time are the most; a fourth takes the tables of one that is gone. */
static void test_more_spans_than_ever_cost_more(void **state)
{
    (void)state;
    struct run r;
    run_trace(&r, "p,op,id,size\n0,alloc,1,40000\n0,alloc,2,40000\n0,alloc,3,40000\n0,free,2,\n0,alloc,4,40000\n"
              "0,free,1,\n0,free,3,\n0,alloc,5,40000\n",
              (const char *const[]){NOTHING_COSTS, "reclaim=immediate", "costs.span_setup=10", "costs.span_first=1000",
                                    NULL});
    assert_int_equal(served_ns(r.sim), 5 * 10 + 3 * 1000);
    end_run(&r);
}

/* A large object's span goes back under the heap lock, which it is held for so long, beside what it takes without. */
static void test_giving_a_span_back_holds_the_lock(void **state)
{
    (void)state;
    struct run r;
    run_trace(&r, "p,op,id,size\n0,alloc,1,100000\n0,free,1,\n",
              (const char *const[]){NOTHING_COSTS, "reclaim=immediate", "costs.sweep_span=0", "costs.sweep_object=0",
                                    "costs.span_free=100", "costs.span_free_hold=1000", NULL});
    const struct named_lock *heap = r.sim->locks;
    while (heap && heap->kind != GOHEAP_LOCK_HEAP)
        heap = heap->next;
    assert_non_null(heap);
    assert_int_equal(heap->lock.hold_ns, 1000);
    assert_int_equal(r.sim->end_ns, 1100);
    end_run(&r);
}

/* 100,000 objects without pointers, of 64 bytes, are found by 800,000 bytes of pointers that the trace does not show, in
 * 10 ms at 100 ns an object. Who allocates while that goes on marks for 64 KiB of them at a time: 0.82 ms, a twelfth,
 * and not all of it for the 16 KiB of stacks and globals that there are. */
static void test_assists_without_pointers(void **state)
{
    (void)state;
    enum { OBJECTS = 100000 };
    char *text = malloc(32 + OBJECTS * 40), *to = text;
    to += sprintf(to, "t_ns,p,op,id,size\n");
    for (int i = 0; i < OBJECTS; i++)
        to += sprintf(to, "%d,0,alloc,%d,64\n", i * 1000, i);
    struct run r;
    run_trace(&r, text, (const char *const[]){"stack_bytes=8KiB", "globals_bytes=8KiB", "costs.mark_object=100",
                                              "costs.mark_miss=0", "costs.mark_byte=0", "background_sweep=false", NULL});
    const struct collector *c = &r.sim->collector;
    assert_int_equal(c->cycles, 1);
    assert_in_range(c->records[0].mark_ns, 6000000, 10000000);
    uint64_t longest = 0;
    for (unsigned i = 0; i < TIERS; i++)
        if (longest < r.sim->accounts.latency[i].max)
            longest = r.sim->accounts.latency[i].max;
    assert_in_range(longest, 100000, 850000);
    end_run(&r);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_touch_is_the_programs),
        cmocka_unit_test(test_larger_heaps_are_farther_away),
        cmocka_unit_test(test_the_first_growth_costs_more),
        cmocka_unit_test(test_zeroing_may_touch_first),
        cmocka_unit_test(test_zeroing_what_was_zeroed_long_ago),
        cmocka_unit_test(test_some_bytes_are_not_waited_for),
        cmocka_unit_test(test_farther_zeroing_costs_more),
        cmocka_unit_test(test_sharing_a_block_costs_more),
        cmocka_unit_test(test_more_spans_than_ever_cost_more),
        cmocka_unit_test(test_giving_a_span_back_holds_the_lock),
        cmocka_unit_test(test_assists_without_pointers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
