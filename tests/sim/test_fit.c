/* What is fitted to a trace, and what is made up of it again. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "generate/fit_births.h"
#include "generate/random.h"

static void alloc(struct fit *fit, uint64_t t_ns, uint32_t p, uint32_t slot, uint64_t size, bool noscan)
{
    struct trace_event event = {.time_ns = t_ns, .op = TRACE_ALLOC, .stream = p, .slot = slot,
                                .size = size & TRACE_SIZE_FIELD, .noscan = noscan};
    assert_true(fit_take(fit, &event));
}

static void end(struct fit *fit, uint64_t t_ns, uint32_t p, uint32_t slot, uint8_t op)
{
    struct trace_event event = {.time_ns = t_ns, .op = op, .stream = p, .slot = slot};
    assert_true(fit_take(fit, &event));
}

/* Objects in all cells, and the sums of their sizes and lifetimes. */
static uint64_t totals(const struct fit *fit, double *sizes, double *lifetimes)
{
    uint64_t count = 0;
    *sizes = *lifetimes = 0;
    for (size_t i = 0; i < fit->cell_count; i++) {
        count += fit->cells[i].count;
        *sizes += fit->cells[i].sum_size;
        *lifetimes += fit->cells[i].sum_lifetime;
    }
    return count;
}

/* Two of 100 bytes from P 0 to P 1, with one and no allocations in their lives; one of 8 that stays; one that is dead
 * before it is freed. */
static void test_by_hand(void **state)
{
    (void)state;
    struct fit fit;
    double sizes, lifetimes;
    assert_true(fit_init(&fit));
    alloc(&fit, 10, 0, 0, 100, true);
    alloc(&fit, 12, 0, 1, 100, true);
    end(&fit, 13, 1, 0, TRACE_FREE);
    end(&fit, 14, 1, 1, TRACE_FREE);
    alloc(&fit, 20, 1, 0, 8, false);
    alloc(&fit, 20, 1, 1, 50, true);
    end(&fit, 21, 1, 1, TRACE_DEAD);
    end(&fit, 22, 0, 1, TRACE_FREE);
    assert_true(fit_finish(&fit));
    assert_int_equal(fit.cell_count, 3);
    assert_int_equal(totals(&fit, &sizes, &lifetimes), 4);
    assert_true(sizes == 258 && lifetimes == 1);
    assert_int_equal(fit.ended, 3);
    assert_int_equal(fit.ps, 2);
    struct fit_kind kind[3];
    for (int i = 0; i < 3; i++)
        kind[i] = fit_kind(&fit, &fit.cells[i]);
    assert_true(kind[0].size == 8 && kind[0].never_ends && !kind[0].noscan);
    assert_true(kind[1].size == 50 && !kind[1].never_ends && kind[1].from == 1 && kind[1].to == 1);
    /* lifetimes of 0 to 3 are a band: those of a mean of 0.5 are drawn from 0 to 1 */
    assert_true(kind[2].size == 100 && kind[2].noscan && kind[2].from == 0 && kind[2].to == 1);
    assert_true(kind[2].lifetime_low == 0 && kind[2].lifetime_high == 1);
    /* gaps of 10 (from the start), 2, 8 and 0 ns */
    assert_true(fit.gaps[0].count[0] == 1 && fit.gaps[0].count[2] == 1);
    assert_true(fit.gaps[0].count[4] == 2 && fit.gaps[0].sum[4] == 18);
    fit_free(&fit);
}

static void test_around(void **state)
{
    (void)state;
    double from, to;
    fit_around(5, 4, 8, &from, &to);
    assert_true(from == 4 && to == 6);
    fit_around(7.5, 4, 8, &from, &to);
    assert_true(from == 7 && to == 8);
    fit_around(8.5, 4, 8, &from, &to); /* a mean that rounding has moved out */
    assert_true(from == 8.5 && to == 8.5);
}

/* A million objects of which hardly two are alike, between all of 256 Ps: few enough cells, and nothing gets lost. */
static void test_coarsening(void **state)
{
    (void)state;
    enum { OBJECTS = 1000000, LIVE = 5000 };
    struct fit fit;
    struct random r;
    double sizes, lifetimes, expected = 0;
    random_seed(&r, 1);
    assert_true(fit_init(&fit));
    for (uint32_t i = 0; i < OBJECTS; i++) {
        uint32_t slot = i < LIVE ? i : (uint32_t)random_below(&r, LIVE);
        uint64_t size = random_below(&r, UINT32_C(1) << random_below(&r, 30));
        if (i >= LIVE)
            end(&fit, i, (uint32_t)random_below(&r, FIT_PS), slot, TRACE_FREE);
        alloc(&fit, i, (uint32_t)random_below(&r, FIT_PS), slot, size, size & 1);
        expected += (double)size;
    }
    assert_true(fit_finish(&fit));
    assert_true(fit.cell_count < FIT_CELLS);
    assert_true(fit.step > 7 && fit.ps_apart);
    assert_int_equal(totals(&fit, &sizes, &lifetimes), OBJECTS);
    assert_true(sizes == expected);
    uint64_t handed = 0;
    for (size_t i = 0; i < FIT_PS; i++)
        for (size_t k = 0; k < FIT_PS; k++)
            handed += fit.handovers[i][k];
    assert_int_equal(handed, OBJECTS);
    for (size_t i = 1; i < fit.cell_count; i++)
        assert_true(fit_kind(&fit, &fit.cells[i]).window < fit.windows);
    fit_free(&fit);
}

/* ---- made up again ---- */

struct seen {
    uint64_t allocs, frees, bytes, noscan, end_ns;
    uint64_t by_p[8];
};

static struct seen make(const struct fit *fit, uint64_t events, uint64_t ps)
{
    struct seen seen = {.allocs = 0};
    struct error error = {.text = ""};
    struct fit_options how = {.name = "trace", .ps = ps, .seed = 3, .timed = true};
    struct generator_options options = {.events = events, .name = "trace"};
    struct births *births = fit_births_open(fit, &how, &error);
    assert_non_null(births);
    struct row_source *source = generator_open(births, &options, &error);
    assert_non_null(source);
    struct trace_row rows[64];
    for (size_t n; (n = source->read(source, rows, 64, &error)) > 0;) {
        for (size_t i = 0; i < n; i++) {
            const uint64_t *value = rows[i].value;
            bool is_alloc = rows[i].op == TRACE_ALLOC;
            seen.allocs += is_alloc;
            seen.frees += !is_alloc;
            seen.bytes += is_alloc ? value[ROW_SIZE] : 0;
            seen.noscan += is_alloc && value[ROW_NOSCAN] == 1;
            assert_true(value[ROW_T_NS] >= seen.end_ns && value[ROW_P] < 8);
            seen.end_ns = value[ROW_T_NS];
            seen.by_p[value[ROW_P]]++;
        }
    }
    assert_string_equal(error.text, "");
    source->close(source);
    return seen;
}

/* A program that sets up 300 objects of 1 KiB and then serves 20,000 requests, one in 1000 ns, each with an object of
 * 64 bytes on P 0 that P 1 frees after the next one has come. */
static void serve(struct fit *fit)
{
    assert_true(fit_init(fit));
    for (uint32_t i = 0; i < 300; i++)
        alloc(fit, 0, 0, i, 1024, false);
    for (uint32_t i = 0; i < 20000; i++) {
        alloc(fit, (uint64_t)(i + 1) * 1000, 0, 300 + i % 2, 64, true);
        if (i > 0)
            end(fit, (uint64_t)(i + 1) * 1000 + 500, 1, 300 + (i - 1) % 2, TRACE_FREE);
    }
    assert_true(fit_finish(fit));
}

/* Ten times as long: ten times the requests, but what was set up is there once. */
static void test_repeated(void **state)
{
    (void)state;
    struct fit fit;
    serve(&fit);
    struct seen seen = make(&fit, 400000, 0);
    assert_int_equal(seen.allocs + seen.frees, 400000);
    uint64_t small = seen.noscan, large = seen.allocs - seen.noscan;
    assert_int_equal(seen.bytes, small * 64 + large * 1024);
    /* the first of the windows of 512 have the 300 (and 212 small ones): +- 5 sqrt(512 x 0.6 x 0.4); the last request
     * of the recording never ends */
    assert_true(large > 300 - 56 && large < 300 + 56);
    assert_true(seen.allocs - seen.frees >= large && seen.allocs - seen.frees < large + 12);
    assert_int_equal(seen.by_p[0], seen.allocs);
    assert_int_equal(seen.by_p[1], seen.frees);
    assert_true(fabs((double)seen.end_ns / ((double)small * 1000) - 1) < 0.03);
    fit_free(&fit);
}

/* Six Ps are three groups like the trace's two; one is all. */
static void test_other_ps(void **state)
{
    (void)state;
    struct fit fit;
    serve(&fit);
    struct seen six = make(&fit, 60000, 6), one = make(&fit, 60000, 1);
    for (unsigned group = 0; group < 3; group++) {
        /* about 30,100 allocs and 29,900 frees, a third each +- 5 sqrt(30,000 x 2/9) */
        assert_true(fabs((double)six.by_p[2 * group] - (double)six.allocs / 3) < 410);
        assert_true(fabs((double)six.by_p[2 * group + 1] - (double)six.frees / 3) < 410);
    }
    assert_int_equal(one.by_p[0], 60000);
    fit_free(&fit);
}

/* What never ends cannot be repeated: the trace is over after a round. */
static void test_nothing_ends(void **state)
{
    (void)state;
    struct fit fit;
    assert_true(fit_init(&fit));
    for (uint32_t i = 0; i < 1000; i++)
        alloc(&fit, i, 0, i, 16, true);
    assert_true(fit_finish(&fit));
    struct seen seen = make(&fit, 100000, 0);
    assert_int_equal(seen.allocs, 1000);
    assert_int_equal(seen.frees, 0);
    fit_free(&fit);
}

static void test_nothing_at_all(void **state)
{
    (void)state;
    struct fit fit;
    struct error error = {.text = ""};
    struct fit_options how = {.name = "t.csv"};
    assert_true(fit_init(&fit) && fit_finish(&fit));
    assert_null(fit_births_open(&fit, &how, &error));
    assert_string_equal(error.text, "t.csv: expected allocations to be like, got none");
    fit_free(&fit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),  cmocka_unit_test(test_around),       cmocka_unit_test(test_coarsening),
        cmocka_unit_test(test_repeated), cmocka_unit_test(test_other_ps),     cmocka_unit_test(test_nothing_ends),
        cmocka_unit_test(test_nothing_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
