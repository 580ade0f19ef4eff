/* Waits over time: where a wait counts, that doubling the buckets loses nothing, and that merging adds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "model/wait_series.h"

static struct wait_series *new_series(void)
{
    struct wait_series *s = calloc(1, sizeof *s);
    assert_non_null(s);
    wait_series_init(s);
    return s;
}

static struct wait_bucket sum_of(const struct wait_series *s)
{
    struct wait_bucket sum = {0};
    for (uint32_t i = 0; i < WAIT_BUCKETS; i++) {
        if (i >= s->used)
            assert_true(s->buckets[i].begun == 0 && s->buckets[i].wait_ns == 0);
        sum.begun += s->buckets[i].begun;
        sum.wait_ns += s->buckets[i].wait_ns;
    }
    return sum;
}

static void assert_bucket(const struct wait_series *s, uint32_t at, uint64_t begun, uint64_t wait_ns)
{
    assert_int_equal(s->buckets[at].begun, begun);
    assert_int_equal(s->buckets[at].wait_ns, wait_ns);
}

/* With buckets of 15,625 ns: a wait counts where it begins, its time where it passes. */
static void test_by_hand(void **state)
{
    (void)state;
    struct wait_series *s = new_series();
    wait_series_add(s, 100, 300);
    wait_series_add(s, 15600, 31300); /* 25 ns in the first, all of the second, 50 in the third */
    wait_series_add(s, 31250, 31250); /* took no time, at the very beginning of the third */
    assert_int_equal(s->used, 3);
    assert_bucket(s, 0, 2, 225);
    assert_bucket(s, 1, 0, 15625);
    assert_bucket(s, 2, 1, 50);
    wait_series_widen(s, 2 * WAIT_FIRST_WIDTH_NS);
    assert_int_equal(s->used, 2);
    assert_bucket(s, 0, 2, 15850);
    assert_bucket(s, 1, 1, 50);
    free(s);
}

/* The last ns that 1,024 buckets reach, and one more. */
static void test_doubling_at_the_edge(void **state)
{
    (void)state;
    struct wait_series *s = new_series();
    uint64_t reach = (uint64_t)WAIT_BUCKETS * WAIT_FIRST_WIDTH_NS;
    wait_series_add(s, reach - 2, reach - 1);
    assert_int_equal(s->width_ns, WAIT_FIRST_WIDTH_NS);
    assert_bucket(s, WAIT_BUCKETS - 1, 1, 1);
    wait_series_add(s, reach - 1, reach);
    assert_int_equal(s->width_ns, 2 * WAIT_FIRST_WIDTH_NS);
    assert_int_equal(s->used, WAIT_BUCKETS / 2);
    assert_bucket(s, WAIT_BUCKETS / 2 - 1, 2, 2);
    free(s);
}

/* Against a list of all waits, looked at by brute force. */
static void test_random(void **state)
{
    (void)state;
    enum { WAITS = 400 };
    uint64_t from[WAITS], to[WAITS], time = 0, total = 0;
    struct wait_series *s = new_series();
    srand(7);
    for (int i = 0; i < WAITS; i++) {
        time += (uint64_t)(rand() % 500000);
        from[i] = time;
        to[i] = time + (uint64_t)(rand() % (i % 10 ? 3000 : 300000));
        total += to[i] - from[i];
        wait_series_add(s, from[i], to[i]);
    }
    assert_true(s->width_ns > WAIT_FIRST_WIDTH_NS);
    for (uint64_t at = 0; at < s->used; at++) {
        uint64_t begin = at * s->width_ns, end = begin + s->width_ns, begun = 0, waited = 0;
        for (int i = 0; i < WAITS; i++) {
            uint64_t first = from[i] > begin ? from[i] : begin, last = to[i] < end ? to[i] : end;
            begun += from[i] >= begin && from[i] < end;
            waited += first < last ? last - first : 0;
        }
        assert_bucket(s, (uint32_t)at, begun, waited);
    }
    assert_int_equal(sum_of(s).begun, WAITS);
    assert_int_equal(sum_of(s).wait_ns, total);
    free(s);
}

/* Of a short series and one that has doubled, either way round. */
static void test_merge(void **state)
{
    (void)state;
    for (int turned = 0; turned < 2; turned++) {
        struct wait_series *s = new_series(), *other = new_series();
        wait_series_add(turned ? other : s, 20000, 20100);
        wait_series_add(turned ? s : other, 20000000, 20000005);
        wait_series_merge(s, other);
        assert_int_equal(s->width_ns, 2 * WAIT_FIRST_WIDTH_NS);
        assert_bucket(s, 0, 1, 100);
        assert_bucket(s, 20000000 / (2 * WAIT_FIRST_WIDTH_NS), 1, 5);
        assert_int_equal(sum_of(s).wait_ns, 105);
        free(s);
        free(other);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_doubling_at_the_edge),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_merge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
