/* The scavenger: its arithmetic worked out by hand from mgcscavenge.go's constants, and what it does to a heap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run_trace.h"

#define MIB (UINT64_C(1) << 20)

/* 100 MiB in use when the goal was 200 MiB; it is 80 MiB now: 40 MiB and a tenth may stay. */
static void test_retain_goal(void **state)
{
    (void)state;
    const uint64_t goal = 44 * MIB;
    assert_int_equal(scavenger_retain_goal(100 * MIB, 80 * MIB, 200 * MIB, 120 * MIB), goal);
    assert_int_equal(scavenger_retain_goal(100 * MIB, 80 * MIB, 200 * MIB, goal + 4096), goal);
    assert_int_equal(scavenger_retain_goal(100 * MIB, 80 * MIB, 200 * MIB, goal + 4095), UINT64_MAX);
    assert_int_equal(scavenger_retain_goal(100 * MIB, 80 * MIB, 200 * MIB, 3 * MIB), UINT64_MAX);
    /* GOGC=off: both goals are as high as can be. 10,000,001 + 1,000,000, up to a page */
    assert_int_equal(scavenger_retain_goal(10000001, UINT64_MAX, UINT64_MAX, 1 << 30), 11001856);
}

static void test_limit_goal(void **state)
{
    (void)state;
    assert_int_equal(scavenger_limit_goal(1000000, 0.95, 960000), 950000);
    assert_int_equal(scavenger_limit_goal(1000000, 0.95, 950000), UINT64_MAX);
    assert_int_equal(scavenger_limit_goal(1000000, 95, 960000), UINT64_MAX); /* Go 1.19's slip: 95 times the limit */
    assert_int_equal(scavenger_limit_goal(UINT64_MAX, 0.95, UINT64_MAX - 1), UINT64_MAX);
}

/* Work of a millisecond first, then a second's sleep: 0.0999 % of the time, where 1 % is wanted.
 *   proportional  0.3375 x (0.01 - 0.000999) = 0.0030378
 *   integral      0.3375 x 1.001e9 / 3.2e6 x 0.009001 = 0.95027   (the output is within its bounds: no reset term)
 * so that the first answer is still a long sleep, and the next one a millisecond. */
static void test_sleep(void **state)
{
    (void)state;
    struct scavenger_pacing p;
    scavenger_pacing_init(&p);
    assert_int_equal(scavenger_pacing_sleep(&p, 1e6), 1000000000);
    assert_int_equal(scavenger_pacing_sleep(&p, 2e5), 1000000000); /* as if it had been a millisecond */
    assert_int_equal(scavenger_pacing_sleep(&p, 3e6), 3000000000);
    scavenger_pacing_slept(&p, 1e6, 1000000000, 1);
    assert_in_range((uint64_t)(p.sleep_ratio * 1e9), 3037800, 3037900);
    assert_in_range((uint64_t)(p.integral * 1e6), 950260, 950280);
    assert_in_range(scavenger_pacing_sleep(&p, 1e6), 329170000, 329190000);
    scavenger_pacing_slept(&p, 1e6, 329180000, 1);
    assert_in_range((uint64_t)(p.sleep_ratio * 1e6), 952500, 952700); /* + 0.3375 x (0.01 - 0.0030286) */
    assert_int_equal(scavenger_pacing_sleep(&p, 1e6) / 10000, 104);
    /* Half of the time, where 1 % is wanted: -0.16 and the integral, which now falls by 0.108. */
    double integral = p.integral;
    scavenger_pacing_slept(&p, 1e6, 1049700, 1);
    assert_in_range((uint64_t)((integral - p.integral) * 1e6), 103200, 103500);
}

/* The same work beside four Ps is a quarter of the share; what it takes is never less than a thousandth. */
static void test_sleep_beside_many(void **state)
{
    (void)state;
    struct scavenger_pacing one, four;
    scavenger_pacing_init(&one);
    scavenger_pacing_init(&four);
    scavenger_pacing_slept(&one, 1e6, 24000000, 1);  /* 4 %: 0.3375 x -0.03 is below the bound */
    scavenger_pacing_slept(&four, 1e6, 24000000, 4); /* 1 %: nothing to correct, and that is below it, too */
    assert_true(one.sleep_ratio == 0.001 && four.sleep_ratio == 0.001);
    assert_in_range((uint64_t)(-one.integral * 1e6), 78820, 78840); /* -0.079102, and 0.025 x 0.011125 back */
    assert_in_range((uint64_t)(four.integral * 1e6), 24, 26);       /* 0.025 x 0.001 */
}

/* 400 objects of 64 KiB in 25 MiB, of which every tenth stays; then collections, and nothing for 20 s. */
static char *rise_and_idle(unsigned collections)
{
    enum { OBJECTS = 400 };
    char *text = malloc(OBJECTS * 64), *to = text;
    to += sprintf(to, "t_ns,op,id,size\n");
    for (int i = 0; i < OBJECTS; i++)
        to += sprintf(to, "%d,alloc,%d,65536\n", i * 1000, i);
    to += sprintf(to, "1000000,gc,,\n");
    for (int i = 0; i < OBJECTS; i++)
        if (i % 10)
            to += sprintf(to, "2000000,free,%d,\n", i);
    for (unsigned i = 0; i < collections; i++)
        to += sprintf(to, "%u,gc,,\n", 3000000 + i * 1000000);
    sprintf(to, "20000000000,alloc,400,8\n");
    return text;
}

static const struct sample *last_idle(const struct run *r)
{
    const struct accounts *a = &r->sim->accounts;
    uint32_t i = a->sample_count - 1;
    while (i > 0 && a->samples[i].t_ns >= UINT64_C(20000000000))
        i--;
    return &a->samples[i];
}

/* HeapSys is what is in use and what is idle, at every moment; what is released is idle. */
static void assert_identities(const struct run *r)
{
    const struct accounts *a = &r->sim->accounts;
    for (uint32_t i = 0; i < a->sample_count; i++) {
        const struct sample *s = &a->samples[i];
        assert_int_equal(s->heap_sys, s->in_use + s->heap_idle);
        assert_int_equal(s->mapped, s->heap_sys + s->stack_inuse);
        assert_true(s->released <= s->heap_idle);
    }
}

static void test_idle_heap_shrinks(void **state)
{
    (void)state;
    char *text = rise_and_idle(2);
    struct run r;
    run_trace(&r, text, (const char *const[]){"gogc=off", NULL});
    assert_identities(&r);
    const struct sample *s = last_idle(&r);
    assert_true(s->t_ns > UINT64_C(1000000000));
    assert_int_equal(s->in_use, 40 << 16);
    assert_int_equal(s->heap_sys, 28 << 20);
    /* A tenth more than the 2.5 MiB in use may stay; it is released in runs of 9 objects, of which the last may be
     * more than is needed. */
    uint64_t goal = (40 << 16) * 11 / 10, kept = s->heap_sys - s->released;
    assert_true(kept <= goal && kept + (9 << 16) > goal);
    assert_int_equal(r.sim->scavenger.retain_goal, (goal + 4095) / 4096 * 4096);
    end_run(&r);
    free(text);
}

/* What a cycle's sweep has freed is there for the scavenger at once, or only when another cycle has ended. */
static void test_generations(void **state)
{
    (void)state;
    static const char *const indexes[] = {"scavenge_index=freed", "scavenge_index=sparse"};
    for (unsigned index = 0; index < 2; index++)
        for (unsigned collections = 1; collections <= 2; collections++) {
            char *text = rise_and_idle(collections);
            struct run r;
            run_trace(&r, text, (const char *const[]){"gogc=100", indexes[index], NULL});
            assert_identities(&r);
            bool shrinks = index == 0 || collections == 2;
            assert_int_equal(r.sim->scavenger.released > 10 * MIB, shrinks);
            end_run(&r);
            free(text);
        }
}

static void test_none(void **state)
{
    (void)state;
    static const char *const without[] = {"background_scavenge=false", "reclaim=immediate"};
    char *text = rise_and_idle(2);
    for (int i = 0; i < 2; i++) {
        struct run r;
        run_trace(&r, text, (const char *const[]){without[i], NULL});
        assert_identities(&r);
        assert_int_equal(r.sim->scavenger.released, 0);
        end_run(&r);
    }
    free(text);
}

/* 10 MiB of which every other object is dropped, and 8 MiB in objects that do not fit into the holes: with the 8 MiB
 * that Go 1.19 keeps about them more than 22 MiB, unless the holes go back to the OS. */
static void test_memory_limit(void **state)
{
    (void)state;
    enum { HOLES = 160 };
    char *text = malloc(HOLES * 64 + 2048), *to = text;
    to += sprintf(to, "op,id,size\n");
    for (int i = 0; i < HOLES; i++)
        to += sprintf(to, "alloc,%d,65536\n", i);
    for (int i = 0; i < HOLES; i++)
        if (i % 2)
            to += sprintf(to, "free,%d,\n", i);
    to += sprintf(to, "gc,,\n");
    for (int i = 0; i < 8; i++)
        to += sprintf(to, "alloc,%d,1048576\n", HOLES + i);
    struct run r;
    run_trace(&r, text, (const char *const[]){"arena_table_bytes=2165776", "scavenge_index=freed", "gogc=off",
                                              "gomemlimit=22MiB", NULL});
    struct goheap_gauges g;
    goheap_gauges(r.sim->heap, &g);
    assert_int_equal(g.heap_inuse, 13 << 20);
    assert_true(goheap_mapped_ready(r.sim->heap) <= 22 << 20);
    assert_true(g.heap_released > 0);
    end_run(&r);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retain_goal),
        cmocka_unit_test(test_limit_goal),
        cmocka_unit_test(test_sleep),
        cmocka_unit_test(test_sleep_beside_many),
        cmocka_unit_test(test_idle_heap_shrinks),
        cmocka_unit_test(test_generations),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_memory_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
