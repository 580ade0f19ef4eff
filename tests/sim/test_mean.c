/* The heap on average over time, against sums done by hand. */
#include "report/mean.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct sample at(uint64_t t_ns, uint64_t bytes)
{
    return (struct sample){.t_ns = t_ns, .in_use = 8 * bytes, .mapped = 16 * bytes, .live = 2 * bytes,
                           .requested = bytes};
}

/* 100 for 10 ns, 300 for 30 ns, 0 for 10 ns: 10,000 / 50 = 200. */
static void test_each_stands_until_the_next(void **state)
{
    (void)state;
    const struct sample samples[] = {at(50, 100), at(60, 300), at(90, 0)};
    struct mean mean = report_mean(samples, 3, 100);
    assert_int_equal(mean.requested, 200);
    assert_int_equal(mean.live, 400);
    assert_int_equal(mean.in_use, 1600);
    assert_int_equal(mean.mapped, 3200);
}

/* 1 for 1 ns, 2 for 2: 5 / 3 is 1.67. */
static void test_rounding(void **state)
{
    (void)state;
    const struct sample samples[] = {at(0, 1), at(1, 2)};
    assert_int_equal(report_mean(samples, 2, 3).requested, 2);
}

/* Of samples at one moment only the last counts: it stands, if for no time. An end before it changes nothing. */
static void test_no_time(void **state)
{
    (void)state;
    const struct sample samples[] = {at(7, 100), at(7, 300)};
    assert_int_equal(report_mean(samples, 2, 7).requested, 300);
    assert_int_equal(report_mean(samples, 2, 0).requested, 300);
    assert_int_equal(report_mean(samples, 2, 8).requested, 300);
    assert_int_equal(report_mean(samples, 0, 8).in_use, 0);
}

/* 2^47 bytes for 2^50 ns are more than 64 bits hold. */
static void test_large(void **state)
{
    (void)state;
    const struct sample samples[] = {at(0, UINT64_C(1) << 43), at(UINT64_C(1) << 50, UINT64_C(1) << 42)};
    assert_int_equal(report_mean(samples, 2, UINT64_C(1) << 51).requested, UINT64_C(3) << 41);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_stands_until_the_next),
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_no_time),
        cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
