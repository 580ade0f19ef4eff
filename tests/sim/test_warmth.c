/* How far memory is when it is zeroed again, and which of it the OS has to back for that: by hand. */
#include "model/warmth.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define BASE UINT64_C(0xc000000000)
#define KIB UINT64_C(1024)

static void zero(struct warmth *w, uint64_t addr, uint64_t bytes, double doublings, uint64_t backed)
{
    uint64_t unbacked = 1;
    double far = warmth_zero(w, addr, bytes, 99, &unbacked);
    if (!(fabs(far - doublings) <= 1e-9))
        fail_msg("%g doublings, not %g", far, doublings);
    assert_int_equal(unbacked, backed);
}

/* What comes between pushes it out: 256 KiB count as near, 512 are one doubling, 768 halfway from one to two, 2 MiB
 * three; what is nearer than 64 KiB could not be nearer. */
static void test_distance_is_what_came_between(void **state)
{
    (void)state;
    static const struct {
        uint64_t kib;
        double doublings;
    } between[] = {{0, -2}, {32, -2}, {128, -1}, {256, 0}, {512, 1}, {768, 1.5}, {2048, 3}};
    for (size_t i = 0; i < sizeof between / sizeof between[0]; i++) {
        struct warmth *w = warmth_new();
        assert_non_null(w);
        zero(w, BASE, 64, 99, 0); /* it does not know yet */
        for (uint64_t at = 0; at < between[i].kib * KIB; at += KIB)
            zero(w, BASE + KIB * KIB + at, KIB, 99, 0);
        zero(w, BASE, 64, between[i].doublings, 0);
        zero(w, BASE, 64, -2, 0);
        warmth_free(w);
    }
}

/* 64 MiB of 256 bytes are all that it can tell apart. */
static void test_it_forgets(void **state)
{
    (void)state;
    struct warmth *w = warmth_new();
    assert_non_null(w);
    zero(w, BASE, 64, 99, 0);
    zero(w, BASE + 64 * KIB * KIB, 64, 99, 0); /* in the same place */
    zero(w, BASE, 64, 99, 0);
    warmth_free(w);
}

/* Another object where there was one of 40 KiB, 128 KiB ago: its middle, not its beginning, says how far it is. */
static void test_large_objects_need_not_begin_alike(void **state)
{
    (void)state;
    struct warmth *w = warmth_new();
    assert_non_null(w);
    zero(w, BASE, 40 * KIB, 99, 0);
    zero(w, BASE + KIB * KIB, 128 * KIB, 99, 0);
    zero(w, BASE + 8 * KIB, 40 * KIB, -1, 0);
    zero(w, BASE + 40 * KIB, 20 * KIB, 99, 0);
    warmth_free(w);
}

/* The pages of a new span are zeroed as well, by the OS. */
static void test_new_spans_come_between(void **state)
{
    (void)state;
    struct warmth *w = warmth_new();
    struct fresh_span span = {0, 0};
    assert_non_null(w);
    zero(w, BASE, 64, 99, 0);
    warmth_take_span(w, &span, BASE + KIB * KIB, 512 * KIB);
    zero(w, BASE, 64, 1, 0);
    warmth_free(w);
}

/* A new span of four pages. Its first object has been written to; objects that others are zeroed into pages for, or
 * across their borders, are the first there. */
static void test_pages_of_a_new_span(void **state)
{
    (void)state;
    struct warmth *w = warmth_new();
    struct fresh_span span = {0, 0};
    assert_non_null(w);
    warmth_take_span(w, &span, BASE, 4 * WARMTH_PAGE);
    zero(w, BASE, 64, 99, 0);
    zero(w, BASE + WARMTH_PAGE, 64, -2, WARMTH_PAGE);
    zero(w, BASE + WARMTH_PAGE, 64, -2, 0);             /* it is backed now */
    zero(w, BASE + 2 * WARMTH_PAGE + 64, 64, 99, 0);    /* the object before this one was there first */
    zero(w, BASE + 3 * WARMTH_PAGE - 32, 64, -2, WARMTH_PAGE);
    warmth_free(w);
}

/* Once the P has gone on to another span, all of it has been used; an old one has been before. */
static void test_pages_of_an_old_span(void **state)
{
    (void)state;
    struct warmth *w = warmth_new();
    struct fresh_span span = {0, 0};
    assert_non_null(w);
    warmth_take_span(w, &span, BASE + 8, 8 * WARMTH_PAGE); /* behind a header */
    zero(w, BASE + WARMTH_PAGE, WARMTH_PAGE, -2, WARMTH_PAGE);
    warmth_take_span(w, &span, BASE + 100 * WARMTH_PAGE, 0);
    zero(w, BASE + 2 * WARMTH_PAGE, 2 * WARMTH_PAGE, 99, 0);
    zero(w, BASE + 101 * WARMTH_PAGE, WARMTH_PAGE, 99, 0);
    warmth_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distance_is_what_came_between),
        cmocka_unit_test(test_it_forgets),
        cmocka_unit_test(test_large_objects_need_not_begin_alike),
        cmocka_unit_test(test_new_spans_come_between),
        cmocka_unit_test(test_pages_of_a_new_span),
        cmocka_unit_test(test_pages_of_an_old_span),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
