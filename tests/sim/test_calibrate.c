/* Calibrating: the statistics by figures worked out by hand, the platform that times the core by a platform that lets
 * time pass, the document by a calibration that is made up, and of a real one its shape. */
#include "calibrate/calibrate.h"
#include "calibrate/lab.h"
#include "calibrate/statistics.h"
#include "calibrate/timed_platform.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void near(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-9 * (1 + fabs(expected))))
        fail_msg("%.12g, not %.12g", value, expected);
}

/* --- statistics ---------------------------------------------------------------------------------------- */

static void test_quartiles_of_five(void **state)
{
    (void)state;
    double values[] = {5, 1, 4, 2, 3};
    struct quartiles q = statistics_quartiles(values, 5);
    near(q.low, 2);
    near(q.median, 3);
    near(q.high, 4);
    near(statistics_noise(&q), 2.0 / 3);
    near(values[0], 1); /* sorted */
    near(values[4], 5);
}

/* Quantile p of n values is at p (n - 1): of four, the quartiles at 0.75, 1.5 and 2.25. */
static void test_quartiles_between_values(void **state)
{
    (void)state;
    double values[] = {40, 10, 30, 20};
    struct quartiles q = statistics_quartiles(values, 4);
    near(q.low, 17.5);
    near(q.median, 25);
    near(q.high, 32.5);
    near(statistics_noise(&q), 0.6);
}

static void test_one_value_is_its_quartiles(void **state)
{
    (void)state;
    double value = 7;
    struct quartiles q = statistics_quartiles(&value, 1);
    near(q.low, 7);
    near(q.median, 7);
    near(q.high, 7);
    near(statistics_noise(&q), 0);
}

/* A quarter of wild values changes neither median nor quartiles by much. */
static void test_outliers_are_not_heard(void **state)
{
    (void)state;
    double values[] = {10, 1e9, 11, 9, 10, -1e9, 10, 10, 10};
    struct quartiles q = statistics_quartiles(values, 9);
    near(q.low, 10);
    near(q.median, 10);
    near(q.high, 10);
}

static void test_what_is_not_positive_says_nothing(void **state)
{
    (void)state;
    double nothing[] = {0, 0, 0}, less[] = {-3, -2, -1};
    struct quartiles q = statistics_quartiles(nothing, 3);
    assert_true(isinf(statistics_noise(&q)));
    q = statistics_quartiles(less, 3);
    assert_true(isinf(statistics_noise(&q)));
}

static void test_a_line_is_found_again(void **state)
{
    (void)state;
    const double x[] = {1, 10, 100, 1000}, y[] = {500 + 1 * 0.5, 500 + 10 * 0.5, 500 + 100 * 0.5, 500 + 1000 * 0.5};
    double intercept, slope;
    assert_true(statistics_fit(x, y, 4, &intercept, &slope));
    near(intercept, 500);
    near(slope, 0.5);
}

/* At x = 0 there are y = 1 and y = 3, with weights 1 and 1/9: their mean is (1 + 3/9) / (1 + 1/9) = 1.2. The one point
 * at x = 1 can be met exactly, so that the slope is 5.2 - 1.2. */
static void test_small_values_weigh_as_much_as_large(void **state)
{
    (void)state;
    const double x[] = {0, 0, 1}, y[] = {1, 3, 5.2};
    double intercept, slope;
    assert_true(statistics_fit(x, y, 3, &intercept, &slope));
    near(intercept, 1.2);
    near(slope, 4);
}

static void test_no_line(void **state)
{
    (void)state;
    const double same[] = {2, 2, 2}, x[] = {1, 2, 3}, y[] = {1, 2, 3}, with_zero[] = {1, 0, 3}, odd[] = {1, NAN, 3};
    double intercept = -1, slope = -1;
    assert_false(statistics_fit(same, y, 3, &intercept, &slope));
    assert_false(statistics_fit(x, with_zero, 3, &intercept, &slope));
    assert_false(statistics_fit(x, odd, 3, &intercept, &slope));
    assert_false(statistics_fit(x, y, 1, &intercept, &slope));
    near(intercept, -1);
    near(slope, -1);
}

/* --- the platform that times the core ------------------------------------------------------------------ */

/* One large object comes and goes: the points that the core passes are those that its sources have. */
static void test_points_are_passed_in_order(void **state)
{
    (void)state;
    static struct timed_platform timed;
    struct goheap_config config;
    struct lab lab;
    goheap_config_go119(&config);
    config.reclaim = GOHEAP_RECLAIM_IMMEDIATE;
    timed_platform_init(&timed, goheap_platform_mmap());
    assert_true(lab_open(&lab, &config, &timed.table, 1));
    lab.sizes[0] = 1 << 20;
    assert_true(lab_alloc_all(&lab, GOHEAP_NOSCAN)); /* the heap grows */
    assert_int_equal(timed.count[TIMED_HEAP][GOHEAP_STEP_PAGE_FIND], 1);
    assert_int_equal(timed.count[GOHEAP_STEP_PAGE_FIND][GOHEAP_STEP_GROW], 1);
    assert_int_equal(timed.count[GOHEAP_STEP_GROW][TIMED_UNLOCK], 1);
    lab_free_all(&lab);
    assert_int_equal(timed.count[GOHEAP_STEP_SPAN_FREE][TIMED_HEAP], 1);
    timed_restart(&timed);
    assert_true(lab_alloc_all(&lab, GOHEAP_NOSCAN)); /* and need not */
    assert_int_equal(timed.count[GOHEAP_STEP_PAGE_FIND][TIMED_UNLOCK], 1);
    assert_int_equal(timed.count[GOHEAP_STEP_PAGE_FIND][GOHEAP_STEP_GROW], 0);
    near(timed_mean(&timed, GOHEAP_STEP_PAGE_FIND, GOHEAP_STEP_GROW), 0);
    lab_close(&lab);
}

static void test_a_mean_is_without_the_clock(void **state)
{
    (void)state;
    static struct timed_platform timed;
    timed_platform_init(&timed, goheap_platform_mmap());
    timed.clock = 5;
    timed.ns[TIMED_HEAP][TIMED_UNLOCK] = 300;
    timed.count[TIMED_HEAP][TIMED_UNLOCK] = 10;
    near(timed_mean(&timed, TIMED_HEAP, TIMED_UNLOCK), 25);
}

/* --- the document -------------------------------------------------------------------------------------- */

static struct calibration made_up(void)
{
    struct calibration c = {.count = 3, .known = {.alloc = 2.34567, .zero_far = {[1] = 0.25}}};
    c.rows[0] = (struct measured){.key = "alloc", .how = "by hand", .ns = 2.34567, .noise = 0.04, .samples = 25};
    c.rows[1] = (struct measured){.key = "handoff", .how = "by two", .state = MEASURED_NOTHING};
    c.rows[2] = (struct measured){.key = "zero_1m", .how = "far off", .ns = 0.25, .noise = 0.5, .samples = 9,
                                  .state = MEASURED_NOISY};
    return c;
}

static bool note_has(const json_t *document, const char *text)
{
    const json_t *note = json_object_get(document, "note"), *line;
    size_t i;
    json_array_foreach(note, i, line)
        if (strcmp(json_string_value(line), text) == 0)
            return true;
    return false;
}

static void test_the_document_tells_what_is_what(void **state)
{
    (void)state;
    struct calibration c = made_up();
    json_t *document = calibrate_document(&c, "cost/seeds"), *costs = json_object_get(document, "costs");
    assert_string_equal(json_string_value(json_object_get(document, "base")), "cost/seeds");
    near(json_real_value(json_object_get(costs, "alloc")), 2.346);
    near(json_real_value(json_object_get(costs, "zero_1m")), 0.25);
    assert_true(json_is_integer(json_object_get(costs, "zero_miss_byte"))); /* 0: a base may have another */
    assert_int_equal(json_integer_value(json_object_get(costs, "zero_miss_byte")), 0);
    assert_int_equal(json_object_size(costs), 3);
    assert_true(note_has(document, "alloc: noise 4.0 %, 25 samples: by hand"));
    assert_true(note_has(document, "handoff: not measured, left to the base: by two"));
    assert_true(note_has(document, "zero_1m: noise 50.0 %, 9 samples, NOISY: far off"));
    json_decref(document);
}

/* --- a real one ---------------------------------------------------------------------------------------- */

static const struct measured *row_of(const struct calibration *c, const char *key)
{
    for (unsigned i = 0; i < c->count; i++)
        if (strcmp(c->rows[i].key, key) == 0)
            return &c->rows[i];
    fail_msg("no row %s", key);
    return NULL;
}

/* What a busy machine may do to a difference of two times is not to be foreseen; what is no difference is there. */
static void test_what_is_measured_is_positive_and_known(void **state)
{
    (void)state;
    static const char *const plain[] = {"lock", "alloc", "free", "death", "fault_byte", "sweep_span"};
    static struct calibration c;
    struct error error = {.text = ""};
    if (!calibrate_run(&c, CALIBRATE_LEAST_SAMPLES, &(struct calibrate_listener){NULL, NULL}, &error))
        fail_msg("%s", error.text);
    assert_true(c.known.lock > 0);
    near(c.known.lock, row_of(&c, "lock")->ns);
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        assert_int_not_equal(row_of(&c, plain[i])->state, MEASURED_NOTHING);
    for (unsigned i = 0; i < c.count; i++) {
        const struct measured *row = &c.rows[i];
        if (row->state == MEASURED_NOTHING)
            continue;
        assert_true(row->ns > 0 && isfinite(row->ns) && row->noise >= 0 && isfinite(row->noise));
        assert_int_equal(row->state, row->noise <= CALIBRATE_NOISE ? MEASURED : MEASURED_NOISY);
        assert_in_range(row->samples, CALIBRATE_LEAST_SAMPLES, 5 * CALIBRATE_LEAST_SAMPLES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quartiles_of_five),
        cmocka_unit_test(test_quartiles_between_values),
        cmocka_unit_test(test_one_value_is_its_quartiles),
        cmocka_unit_test(test_outliers_are_not_heard),
        cmocka_unit_test(test_what_is_not_positive_says_nothing),
        cmocka_unit_test(test_a_line_is_found_again),
        cmocka_unit_test(test_small_values_weigh_as_much_as_large),
        cmocka_unit_test(test_no_line),
        cmocka_unit_test(test_points_are_passed_in_order),
        cmocka_unit_test(test_a_mean_is_without_the_clock),
        cmocka_unit_test(test_the_document_tells_what_is_what),
        cmocka_unit_test(test_what_is_measured_is_positive_and_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
