/* Figures about traces, against a trace that was worked out by hand, and what bounds them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "info/figures.h"

static struct gh_size_classes classes;

static int set_up(void **state)
{
    (void)state;
    struct goheap_config config;
    goheap_config_go119(&config);
    gh_size_classes_init(&classes, &config);
    return 0;
}

struct step {
    uint64_t t_ns, p, slot, size;
    uint8_t op;
    bool noscan;
};

static void take(struct figures *figures, const struct step *s, uint64_t line)
{
    struct error error = {.text = ""};
    struct trace_row row = {.line = line, .op = s->op, .present = 1u << ROW_OP | 1u << ROW_P | 1u << ROW_T_NS};
    struct trace_event event = {.time_ns = s->t_ns, .size = s->size & TRACE_SIZE_FIELD, .op = s->op,
                                .noscan = s->noscan, .slot = (uint32_t)s->slot, .stream = (uint32_t)s->p};
    row.value[ROW_P] = s->p;
    row.value[ROW_T_NS] = s->t_ns;
    assert_true(figures_take(figures, &row, &event, "trace", &error));
}

/* Two Ps, four objects: one of 100 bytes lives from 0 to 50, handed over; one of 40,000 from 10 to 20; one of no bytes
 * from 30 on; one of 8 bytes is dead at 60 and freed at 70. */
static const struct step steps[] = {
    {0, 0, 0, 100, TRACE_ALLOC, true},  {10, 0, 1, 40000, TRACE_ALLOC, false}, {20, 0, 1, 0, TRACE_FREE, false},
    {30, 1, 1, 0, TRACE_ALLOC, true},   {40, 1, 2, 8, TRACE_ALLOC, true},      {50, 1, 0, 0, TRACE_FREE, false},
    {60, 1, 2, 0, TRACE_DEAD, false},   {70, 1, 2, 0, TRACE_FREE, false},
};

static struct figures *figures_of_steps(void)
{
    struct figures *f = figures_new(&classes);
    assert_non_null(f);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        take(f, &steps[i], i + 2);
    figures_finish(f);
    return f;
}

static void test_by_hand(void **state)
{
    (void)state;
    struct figures *f = figures_of_steps();
    assert_true(f->timed);
    assert_int_equal(figures_rows(f), 8);
    assert_int_equal(f->duration_ns, 70);
    assert_int_equal(f->objects, 4);
    assert_int_equal(f->bytes, 40108);
    assert_int_equal(f->noscan_objects, 3);
    assert_int_equal(f->noscan_bytes, 108);
    assert_int_equal(f->ended, 3);
    assert_int_equal(f->elsewhere, 1);
    assert_int_equal(f->live, 1);
    assert_int_equal(f->live_bytes, 0);
    /* the first moment with most bytes is row 3's, with most objects row 6's */
    assert_int_equal(f->peak_bytes.bytes, 40100);
    assert_int_equal(f->peak_bytes.objects, 2);
    assert_int_equal(f->peak_bytes.line, 3);
    assert_int_equal(f->peak_objects.objects, 3);
    assert_int_equal(f->peak_objects.bytes, 108);
    assert_int_equal(f->peak_objects.t_ns, 40);
    figures_free(f);
}

static void test_histograms_by_hand(void **state)
{
    (void)state;
    struct figures *f = figures_of_steps();
    /* lifetimes 50, 10 and 20 ns; 40008, 0 and 0 bytes allocated meanwhile */
    assert_int_equal(f->lifetimes_ns.objects[6], 1);
    assert_int_equal(f->lifetimes_ns.objects[4], 1);
    assert_int_equal(f->lifetimes_ns.objects[5], 1);
    assert_int_equal(f->lifetimes_ns.bytes[4], 40000);
    assert_true(fabs(spread_mean(&f->lifetimes_ns) - 80.0 / 3) < 1e-12);
    assert_int_equal(f->lifetimes_bytes.objects[0], 2);
    assert_int_equal(f->lifetimes_bytes.objects[16], 1);
    assert_int_equal(f->sizes.objects[0], 1);
    assert_int_equal(f->sizes.objects[7], 1);
    assert_int_equal(f->sizes.objects[16], 1);
    /* 100 is in the class of 112, the 10th, 8 in the first; the others are in none */
    assert_int_equal(f->by_class[0].objects, 2);
    assert_int_equal(f->by_class[0].bytes, 40000);
    assert_int_equal(f->by_class[0].peak_live, 1);
    assert_int_equal(f->by_class[1].objects, 1);
    assert_int_equal(classes.classes[9].size, 112);
    assert_int_equal(f->by_class[9].objects, 1);
    figures_free(f);
}

static void test_bands(void **state)
{
    (void)state;
    assert_int_equal(spread_band(0), 0);
    assert_int_equal(spread_band(1), 1);
    assert_int_equal(spread_band(UINT64_MAX), 64);
    for (unsigned b = 0; b < SPREAD_BANDS; b++) {
        assert_int_equal(spread_band(spread_from(b)), b);
        assert_int_equal(spread_band(spread_to(b)), b);
    }
}

static void test_streams(void **state)
{
    (void)state;
    struct streams streams;
    assert_true(streams_init(&streams, 1));
    for (int i = 0; i < 3; i++)
        assert_true(streams_add(&streams, UINT64_MAX));
    for (uint64_t value = 0; value < STREAMS_MAX + 10; value++)
        assert_true(streams_add(&streams, value));
    assert_true(streams_add(&streams, 7));
    streams_sort(&streams);
    assert_int_equal(streams.count, STREAMS_MAX);
    assert_int_equal(streams.rest_events, 11);
    assert_true(streams.all[0].value == UINT64_MAX && streams.all[0].events == 3);
    assert_true(streams.all[1].value == 7 && streams.all[1].events == 2);
    assert_true(streams.all[2].value == 0 && streams.all[3].value == 1);
    streams_free(&streams);
}

static void test_too_many_bytes(void **state)
{
    (void)state;
    struct figures *f = figures_new(&classes);
    struct error error = {.text = ""};
    struct trace_row row = {.op = TRACE_ALLOC};
    struct trace_event event = {.op = TRACE_ALLOC, .size = TRACE_MAX_SIZE};
    uint64_t taken = 0;
    for (; figures_take(f, &row, &event, "big.csv", &error); taken++) {
        row.line = taken + 1;
        event.slot++;
    }
    assert_int_equal(taken, (UINT64_C(1) << 63) / TRACE_MAX_SIZE - 1);
    assert_string_equal(error.text, "big.csv:131071: size: expected less than 2^63 bytes allocated in all, got more");
    figures_free(f);
}

/* The document has the figures, and labels that are not UTF-8 do not keep it from being written. */
static void test_json(void **state)
{
    (void)state;
    struct error error = {.text = ""};
    struct figures *f = figures_new(&classes);
    struct trace_row meta = {.op = TRACE_META, .type = "a=\xff", .type_length = 3};
    assert_true(figures_take(f, &meta, NULL, "x", &error));
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        take(f, &steps[i], i + 2);
    figures_finish(f);
    json_t *d = figures_json(f, "\xfe.csv", "go1.19");
    assert_non_null(d);
    const char *name, *label;
    json_int_t objects, peak, events;
    assert_int_equal(json_unpack(d, "{s:{s:s,s:[s]}, s:{s:I}, s:{s:{s:I}}, s:{s:[{s:I}, {}]}}", "trace", "name", &name,
                                 "meta", &label, "objects", "count", &objects, "live", "peak_bytes", "bytes", &peak,
                                 "ps", "busiest", "events", &events), 0);
    assert_string_equal(name, "?.csv");
    assert_string_equal(label, "a=?");
    assert_int_equal(objects, 4);
    assert_int_equal(peak, 40100);
    assert_int_equal(events, 5);
    char *text = json_dumps(d, 0);
    assert_non_null(text);
    free(text);
    json_decref(d);
    figures_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),        cmocka_unit_test(test_histograms_by_hand),
        cmocka_unit_test(test_bands),          cmocka_unit_test(test_streams),
        cmocka_unit_test(test_too_many_bytes), cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
