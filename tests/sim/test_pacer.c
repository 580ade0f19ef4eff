/* The pacer and the CPU limiter, a generation at a time, against what was worked out by hand from mgcpacer.go and
 * mgclimit.go. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "model/config.h"
#include "model/limiter.h"

#define MIB (UINT64_C(1) << 20)

static const struct pacer_memory no_limit;

/* The policy of a generation's configuration, with nothing to scan but the heap. */
static struct pacer_policy policy_of(const char *config)
{
    struct sim_config c;
    struct error error = {.text = ""};
    config_init(&c);
    if (!config_load(&c, config, &error))
        fail_msg("%s", error.text);
    struct pacer_policy policy = config_pacer(&c);
    config_clear(&c);
    policy.stack_scan = policy.stack_most = policy.globals_scan = 0;
    return policy;
}

static void near(double value, double expected)
{
    if (fabs(value - expected) > 1e-8 * fabs(expected))
        fail_msg("%.12g, not %.12g", value, expected);
}

/* A cycle that begins at `start`, ends at `end` with `marked`, having scanned `scan`. */
static void cycle(struct pacer *p, uint64_t start, uint64_t end, uint64_t marked, uint64_t scan, double assists,
                  double idle)
{
    pacer_start_cycle(p, &no_limit, &(struct pacer_progress){.heap_live = start, .heap_scan = scan});
    pacer_end_cycle(p, &(struct pacer_cycle){end, marked, scan, assists, idle});
    pacer_commit(p, true, marked);
}

/* --- goals --------------------------------------------------------------------------------------------- */

/* Nothing survived yet: 4 MiB at GOGC 100, in proportion otherwise. The first trigger, without a runway, is 61/64 of
 * the way, or 4 MiB before the goal if that is later. */
static void test_first_goal(void **state)
{
    (void)state;
    static const struct { int64_t gogc; uint64_t goal, trigger; } expected[] = {
        {100, 4 * MIB, 4 * MIB / 64 * 61},
        {50, 2 * MIB, 2 * MIB / 64 * 61},
        {400, 16 * MIB, 16 * MIB / 64 * 61},
        {3200, 128 * MIB, 124 * MIB},
        {-1, UINT64_MAX, UINT64_MAX},
    };
    struct pacer_policy policy = policy_of("go1.19");
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        struct pacer p;
        policy.gogc = expected[i].gogc;
        pacer_init(&p, &policy);
        assert_int_equal(pacer_goal(&p, &no_limit), expected[i].goal);
        assert_int_equal(pacer_trigger(&p, &no_limit), expected[i].trigger);
    }
}

/* Stacks and globals count for GOGC, as the live heap does. */
static void test_goal_of_roots(void **state)
{
    (void)state;
    struct pacer_policy policy = policy_of("go1.26");
    policy.stack_scan = 3 * MIB;
    policy.globals_scan = 2 * MIB;
    policy.gogc = 50;
    struct pacer p;
    pacer_init(&p, &policy);
    cycle(&p, 2 * MIB, 12 * MIB, 11 * MIB, 5 * MIB, 0, 0);
    assert_int_equal(pacer_goal(&p, &no_limit), 11 * MIB + 8 * MIB);
}

/* --- cons/mark ----------------------------------------------------------------------------------------- */

/* Two cycles with no assists, a quarter of the time for 8 MiB of scan work, allocating 4 MiB, then 1 MiB:
 *   cons/mark 4 x 0.25 / (8 x 0.75) = 1/6, then 1/24.
 * Go 1.19's controller: 0.9/6 = 0.15, integral (0.9/4)/6 = 0.0375; then
 *   0.9 (1/24 - 0.15) + 0.0375 = -0.06, which on amd64 makes the longest of runways: the trigger is the first there is.
 * Later Gos keep 1/6: the runway is 3 x 8 MiB / 6 = 4 MiB. */
static void test_cons_mark(void **state)
{
    (void)state;
    struct pacer p;
    struct pacer_policy policy = policy_of("go1.19");
    policy.counts_from = COUNTS_FROM_HEAP;
    pacer_init(&p, &policy);
    cycle(&p, 28 * MIB, 32 * MIB, 16 * MIB, 8 * MIB, 0, 0);
    near(p.cons_mark, 0.15);
    assert_int_equal(p.runway, (uint64_t)(0.15 * 3 * 8 * MIB));
    cycle(&p, 31 * MIB, 32 * MIB, 16 * MIB, 8 * MIB, 0, 0);
    near(p.cons_mark, -0.06);
    assert_int_equal(pacer_trigger(&p, &no_limit), 16 * MIB + 16 * MIB / 64 * 45);

    policy = policy_of("go1.26");
    pacer_init(&p, &policy);
    cycle(&p, 28 * MIB, 32 * MIB, 16 * MIB, 8 * MIB, 0, 0);
    near(p.cons_mark, 1.0 / 6);
    for (int i = 0; i < 4; i++) { /* it is the highest of this cycle and four before */
        cycle(&p, 31 * MIB, 32 * MIB, 16 * MIB, 8 * MIB, 0, 0);
        near(p.cons_mark, 1.0 / 6);
    }
    cycle(&p, 31 * MIB, 32 * MIB, 16 * MIB, 8 * MIB, 0, 0);
    near(p.cons_mark, 1.0 / 24);
    assert_int_equal(pacer_trigger(&p, &no_limit), 32 * MIB - MIB);
}

/* Assists and idle Ps count: (0.25 + 0.25 + 0.5) x 4 MiB / (8 MiB x 0.5). The trigger of a long runway: 45/64. */
static void test_utilization(void **state)
{
    (void)state;
    struct pacer p;
    struct pacer_policy policy = policy_of("go1.26");
    pacer_init(&p, &policy);
    cycle(&p, 28 * MIB, 32 * MIB, 16 * MIB, 8 * MIB, 0.25, 0.5);
    near(p.cons_mark, 1);
    assert_int_equal(pacer_trigger(&p, &no_limit), 16 * MIB + 16 * MIB / 64 * 45);
}

/* Where allocation counts from: the heap overran the trigger by 1 MiB before the cycle began. */
static void test_counts_from(void **state)
{
    (void)state;
    struct pacer p;
    struct pacer_policy policy = policy_of("go1.19");
    pacer_init(&p, &policy);
    uint64_t trigger = pacer_trigger(&p, &no_limit);
    pacer_start_cycle(&p, &no_limit, &(struct pacer_progress){.heap_live = trigger + MIB});
    assert_int_equal(p.triggered, trigger);
    policy = policy_of("go1.26");
    pacer_init(&p, &policy);
    pacer_start_cycle(&p, &no_limit, &(struct pacer_progress){.heap_live = trigger + MIB});
    assert_int_equal(p.triggered, trigger + MIB);
}

/* --- assists ------------------------------------------------------------------------------------------- */

/* Goal 32 MiB, begun at 28 MiB, 8 MiB of work expected, at most 12 MiB. */
static void test_assist_ratio(void **state)
{
    (void)state;
    static const struct { double live, work, ratio; } expected[] = {
        {28, 0, 8.0 / 4},
        {30, 6, 2.0 / 2},
        {30, 8, 1000.0 / (2 << 20)},          /* never less than 1,000 bytes */
        {31, 9, (12.0 - 9) / (34 - 31)},       /* more than expected: the goal is 28 + 4 / 8 x 12 */
        {33, 8, (12.0 - 8) / (32 * 1.1 - 33)}, /* beyond the goal: a tenth more, and all there may be */
        {36, 8, 4.0 * (1 << 20)},              /* beyond that, too: all for the next byte */
    };
    struct pacer p;
    struct pacer_policy policy = policy_of("go1.26");
    pacer_init(&p, &policy);
    cycle(&p, 28 * MIB, 32 * MIB, 16 * MIB, 8 * MIB, 0, 0);
    pacer_start_cycle(&p, &no_limit, &(struct pacer_progress){28 * MIB, 12 * MIB, 0});
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        pacer_revise(&p, &no_limit,
                     &(struct pacer_progress){(uint64_t)(expected[i].live * MIB), 12 * MIB, expected[i].work * MIB});
        if (p.work_per_byte < expected[i].ratio * 0.999999 || p.work_per_byte > expected[i].ratio * 1.000001)
            fail_msg("row %zu: %.9g, not %.9g", i, p.work_per_byte, expected[i].ratio);
        near(p.bytes_per_work * p.work_per_byte, 1);
    }
}

/* Of stacks all that they take may have to be scanned: 12 MiB of heap and 4 of stacks, of which 2 were scanned. The goal
 * is 38 MiB, 2 for stacks included, and 8 + 2 are expected: with 11 done it moves to 28 + (38 - 28) / 10 x 16. */
static void test_stacks_at_most(void **state)
{
    (void)state;
    struct pacer p;
    struct pacer_policy policy = policy_of("go1.26");
    policy.stack_scan = 2 * MIB;
    policy.stack_most = 4 * MIB;
    policy.globals_scan = 0;
    pacer_init(&p, &policy);
    cycle(&p, 28 * MIB, 32 * MIB, 18 * MIB, 8 * MIB, 0, 0);
    assert_int_equal(pacer_goal(&p, &no_limit), 38 * MIB);
    pacer_start_cycle(&p, &no_limit, &(struct pacer_progress){28 * MIB, 12 * MIB, 0});
    pacer_revise(&p, &no_limit, &(struct pacer_progress){40 * MIB, 12 * MIB, 11 * MIB});
    near(p.work_per_byte, (16.0 - 11) / (44 - 40));
}

/* --- the memory limit ---------------------------------------------------------------------------------- */

/* 100 MiB, of which 10 MiB are neither objects nor free: 90 MiB for objects, less 1 MiB, or since 1.21 3 % if that is
 * more. What is mapped above the limit comes off; never below what survived. */
static void test_memory_limit(void **state)
{
    (void)state;
    const struct pacer_memory memory = {80 * MIB, 30 * MIB, 40 * MIB}, over = {120 * MIB, 70 * MIB, 40 * MIB};
    struct pacer p;
    struct pacer_policy policy = policy_of("go1.19");
    policy.gogc = -1;
    policy.memory_limit = 100 * MIB;
    pacer_init(&p, &policy);
    assert_int_equal(pacer_goal(&p, &memory), 89 * MIB);
    assert_int_equal(pacer_goal(&p, &over), 69 * MIB);
    cycle(&p, 60 * MIB, 80 * MIB, 75 * MIB, 8 * MIB, 0, 0);
    assert_int_equal(pacer_goal(&p, &over), 75 * MIB);
    policy = policy_of("go1.26");
    policy.gogc = -1;
    policy.memory_limit = 100 * MIB;
    pacer_init(&p, &policy);
    near((double)pacer_goal(&p, &memory), 90.0 * MIB * 0.97);
}

/* --- the CPU limiter ----------------------------------------------------------------------------------- */

/* Two Ps; a bucket of 2 s. While marking, a quarter counts whether or not anybody marks. */
static void test_limiter(void **state)
{
    (void)state;
    const uint64_t s = 1000000000;
    struct limiter l;
    limiter_init(&l, true, 0.25);
    limiter_update(&l, s, 2, 0);
    near(l.fill, 0);
    limiter_transition(&l, true, s, 2);
    l.assist_ns = 3 * s / 2; /* of the 4 s that 2 Ps have: 1 + 1.5 s are the collector's */
    limiter_update(&l, 3 * s, 2, 0);
    near(l.fill, 1e9);
    assert_false(l.limiting);
    l.assist_ns = 2 * s; /* one P idle: 2 s in all, and 1 + 2 s collecting, 1 s against the program's -1 */
    limiter_update(&l, 5 * s, 2, 1);
    near(l.fill, 2e9);
    assert_true(l.limiting);
    limiter_transition(&l, false, 5 * s + s / 10, 2); /* the stop counts, and does not fit */
    near(l.fill, 2e9);
    limiter_update(&l, 6 * s, 2, 0);
    near(l.fill, 0.2e9);
    assert_false(l.limiting);
}

/* One of two Ps has nothing to do, and marks: 1 s of 4 as a fractional worker, which is as good as the program's; the
 * rest as an idle one, which is nobody's. Of 4 + 1 s, 2 + 1.1 s are the collector's, and 1.9 the program's. */
static void test_limiter_workers(void **state)
{
    (void)state;
    const uint64_t s = 1000000000;
    struct limiter l;
    limiter_init(&l, true, 0.25);
    limiter_transition(&l, true, 0, 2);
    l.assist_ns = 11 * s / 10;
    l.worker_ns = 1e9;
    limiter_update(&l, 4 * s, 2, 1);
    near(l.fill, 1.2e9);
    limiter_update(&l, 5 * s, 2, 1); /* all idle: 1 s, half of it the collector's */
    near(l.fill, 1.2e9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_goal), cmocka_unit_test(test_goal_of_roots), cmocka_unit_test(test_cons_mark),
        cmocka_unit_test(test_utilization), cmocka_unit_test(test_counts_from), cmocka_unit_test(test_assist_ratio),
        cmocka_unit_test(test_stacks_at_most),
        cmocka_unit_test(test_memory_limit), cmocka_unit_test(test_limiter),
        cmocka_unit_test(test_limiter_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
