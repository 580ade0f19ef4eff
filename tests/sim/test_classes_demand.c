/* What a trace asks of the size classes: by hand, and against a count that looks at every object at every event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "classes/demand.h"

enum { WITH, WITHOUT }; /* pointers */

struct step {
    uint64_t t_ns, slot, size;
    uint8_t op;
    unsigned noscan, align_log2;
};

static void take(struct demand *d, const struct step *s, bool timed)
{
    struct error error = {.text = ""};
    struct trace_event event = {.time_ns = s->t_ns, .size = s->size & TRACE_SIZE_FIELD, .op = s->op,
                                .noscan = s->noscan & 1u, .align_log2 = s->align_log2 & 0x7fu,
                                .slot = (uint32_t)s->slot};
    assert_true(demand_take(d, &event, timed, &error));
}

static struct demand_weights *weights(struct demand *d, enum demand_objective objective)
{
    struct error error = {.text = ""};
    struct demand_weights *w = demand_weights(d, objective, &error);
    assert_non_null(w);
    return w;
}

/* Go 1.26's headers, and tiny blocks of 16 bytes. */
static struct goheap_config with_headers(void)
{
    struct goheap_config config;
    goheap_config_go119(&config);
    config.header_bytes = 8;
    config.pointer_bits_max = 512;
    return config;
}

static uint64_t sum(const struct demand_weights *w)
{
    uint64_t all = 0;
    for (unsigned kind = 0; kind < DEMAND_KINDS; kind++)
        for (uint32_t size = 0; size < DEMAND_SIZES; size++)
            all += w->of[kind][size];
    return all;
}

/* --- by hand ------------------------------------------------------------------------------------------------- */

/* 24 bytes live from 0 to 50 and from 30 to 100, 600 with pointers, so 608 with their header, from 10 to 40; 40,000,
 * which no class takes, from 40 to 60: the most requested bytes are live then, and both of 24 with them. The second
 * clock is behind at 45; 24 bytes die at 50 and are freed at 70. */
static const struct step steps[] = {
    {0, 0, 24, TRACE_ALLOC, WITHOUT, 0},    {10, 1, 600, TRACE_ALLOC, WITH, 0},  {30, 2, 24, TRACE_ALLOC, WITHOUT, 0},
    {40, 1, 0, TRACE_FREE, WITH, 0},        {40, 1, 40000, TRACE_ALLOC, WITH, 0}, {50, 0, 0, TRACE_DEAD, WITH, 0},
    {45, 3, 5, TRACE_ALLOC, WITHOUT, 0},    {60, 1, 0, TRACE_FREE, WITH, 0},     {70, 0, 0, TRACE_FREE, WITH, 0},
    {80, 4, 2048, TRACE_STACKALLOC, WITH, 0}, {100, 5, 0, TRACE_ALLOC, WITH, 0},
};

static struct demand *demand_of_steps(bool timed)
{
    struct goheap_config config = with_headers();
    struct demand *d = demand_new(&config);
    assert_non_null(d);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        take(d, &steps[i], timed);
    return d;
}

static void test_by_hand(void **state)
{
    (void)state;
    struct demand *d = demand_of_steps(true);
    assert_int_equal(d->objects, 3);
    assert_int_equal(d->tiny, 1);
    assert_int_equal(d->large, 1);
    assert_int_equal(d->empty, 1);

    struct demand_weights *w = weights(d, DEMAND_INTERNAL);
    assert_int_equal(w->of[WITHOUT][24], 2);
    assert_int_equal(w->of[WITH][608], 1);
    assert_int_equal(sum(w), 3);
    assert_true(w->objects == 1);
    free(w);

    w = weights(d, DEMAND_INUSE);
    assert_int_equal(w->of[WITHOUT][24], 50 + 70);
    assert_int_equal(w->of[WITH][608], 30);
    assert_int_equal(sum(w), 150);
    assert_true(w->objects == 1 / 100.0);
    free(w);

    w = weights(d, DEMAND_PEAK);
    assert_int_equal(w->of[WITHOUT][24], 2);
    assert_int_equal(sum(w), 2);
    free(w);
    demand_free(d);
}

/* Without times an alloc, free or dead is a unit of time: the objects of 24 bytes live for 5 and for 7 of 10. */
static void test_without_times(void **state)
{
    (void)state;
    struct demand *d = demand_of_steps(false);
    struct demand_weights *w = weights(d, DEMAND_INUSE);
    assert_int_equal(w->of[WITHOUT][24], 5 + 7);
    assert_int_equal(w->of[WITH][608], 2);
    assert_true(w->objects == 1 / 10.0);
    free(w);
    demand_free(d);
}

static void one_object(const struct goheap_config *config, uint64_t size, unsigned noscan, unsigned align_log2,
                       uint32_t slot)
{
    struct demand *d = demand_new(config);
    assert_non_null(d);
    struct step step = {0, 0, size, TRACE_ALLOC, noscan, align_log2};
    take(d, &step, true);
    struct demand_weights *w = weights(d, DEMAND_INTERNAL);
    assert_int_equal(sum(w), slot != 0);
    assert_int_equal(d->objects, slot != 0);
    assert_int_equal(d->objects + d->tiny + d->large + d->empty, 1);
    if (slot != 0)
        assert_int_equal(w->of[noscan][slot], 1);
    free(w);
    demand_free(d);
}

/* What slot an object needs, as core/alloc.c has it; 0: no class is to be chosen. */
static void test_slots(void **state)
{
    struct goheap_config config = with_headers();
    (void)state;
    one_object(&config, 1, WITH, 0, 1);
    one_object(&config, 15, WITHOUT, 0, 0);
    one_object(&config, 16, WITHOUT, 0, 16);
    one_object(&config, 15, WITHOUT, 1, 16); /* aligned ones are never tiny */
    one_object(&config, 512, WITH, 0, 512);
    one_object(&config, 513, WITH, 0, 521);
    one_object(&config, 513, WITHOUT, 0, 513);
    one_object(&config, 32760, WITH, 0, 32768);
    one_object(&config, 32760, WITHOUT, 0, 32760);
    one_object(&config, 32761, WITHOUT, 0, 0); /* large is what would be with a header */
    one_object(&config, 100, WITH, 6, 128);
    one_object(&config, 600, WITH, 6, 0); /* behind a header nothing is aligned: a span of its own */
    one_object(&config, 600, WITHOUT, 6, 640);
    one_object(&config, 100, WITHOUT, 13, 8192);
    one_object(&config, 100, WITHOUT, 14, 0); /* more than a page */
    one_object(&config, 100, WITHOUT, 100, 0);
    one_object(&config, UINT64_C(1) << 46, WITHOUT, 0, 0);
    config.page_shift = 16;
    one_object(&config, 100, WITHOUT, 16, 0);
    goheap_config_go119(&config);
    config.tiny_size = 0;
    one_object(&config, 3, WITHOUT, 0, 3);
    one_object(&config, 32768, WITH, 0, 32768);
}

/* Times as long as they can be: weights are divided until their sum is below 2^63. */
static void test_long_times(void **state)
{
    struct goheap_config config = with_headers();
    struct demand *d = demand_new(&config);
    struct step step = {0, 0, 64, TRACE_ALLOC, WITHOUT, 0};
    (void)state;
    assert_non_null(d);
    for (; step.slot < 8; step.slot++)
        take(d, &step, true);
    step = (struct step){UINT64_MAX, 0, 0, TRACE_FREE, WITHOUT, 0};
    take(d, &step, true);
    struct demand_weights *w = weights(d, DEMAND_INUSE);
    assert_true(w->of[WITHOUT][64] == UINT64_MAX / 2); /* 8 x (2^64 - 1) / 16 */
    double live = (double)w->of[WITHOUT][64] * w->objects;
    assert_true(live > 7.999 && live < 8.001);
    free(w);
    demand_free(d);
}

static void test_what_cannot_be_counted(void **state)
{
    struct goheap_config config = with_headers();
    struct demand *d = demand_new(&config);
    struct error error = {.text = ""};
    struct trace_event event = {.size = TRACE_MAX_SIZE, .op = TRACE_ALLOC, .noscan = 1};
    (void)state;
    assert_non_null(d);
    for (; event.slot < (1 << 17) - 1; event.slot++)
        assert_true(demand_take(d, &event, true, &error));
    assert_null(demand_weights(d, DEMAND_INUSE, &error));
    assert_string_equal(error.text, "no time goes by in it: expected another objective than inuse");
    error.text[0] = '\0';
    assert_false(demand_take(d, &event, true, &error));
    assert_non_null(strstr(error.text, "2^63 bytes"));
    demand_free(d);
}

/* --- against a plain count ----------------------------------------------------------------------------------- */

static uint64_t random_state;

static unsigned below(unsigned n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state % n);
}

enum { SLOTS = 40, SIZES = 64 };

struct model {
    struct {
        uint32_t size, kind; /* size 0: free */
    } slots[SLOTS];
    uint64_t allocated[2][SIZES], lived[2][SIZES], peak[2][SIZES], now, most;
};

static void model_pass(struct model *m, uint64_t now)
{
    for (unsigned i = 0; i < SLOTS; i++)
        if (m->slots[i].size > 0)
            m->lived[m->slots[i].kind][m->slots[i].size] += now - m->now;
    m->now = now;
}

static void model_peak(struct model *m)
{
    uint64_t live = 0;
    for (unsigned i = 0; i < SLOTS; i++)
        live += m->slots[i].size;
    if (live <= m->most)
        return;
    m->most = live;
    memset(m->peak, 0, sizeof m->peak);
    for (unsigned i = 0; i < SLOTS; i++)
        if (m->slots[i].size > 0)
            m->peak[m->slots[i].kind][m->slots[i].size]++;
}

static void random_step(struct model *m, struct demand *d)
{
    struct step step = {.t_ns = m->now + below(5), .slot = below(SLOTS)};
    model_pass(m, step.t_ns);
    if (m->slots[step.slot].size > 0) {
        step.op = below(2) ? TRACE_FREE : TRACE_DEAD;
        m->slots[step.slot].size = 0;
    } else {
        step.op = TRACE_ALLOC;
        step.size = 16 + below(SIZES - 16);
        step.noscan = below(2);
        m->slots[step.slot].size = (uint32_t)step.size;
        m->slots[step.slot].kind = step.noscan;
        m->allocated[step.noscan][step.size]++;
        model_peak(m);
    }
    take(d, &step, true);
}

static void assert_weights(struct demand *d, enum demand_objective objective, uint64_t (*expected)[SIZES])
{
    struct demand_weights *w = weights(d, objective);
    uint64_t all = 0;
    for (unsigned kind = 0; kind < 2; kind++)
        for (uint32_t size = 0; size < SIZES; size++) {
            assert_int_equal(w->of[kind][size], expected[kind][size]);
            all += expected[kind][size];
        }
    assert_int_equal(sum(w), all);
    free(w);
}

static void test_against_model(void **state)
{
    (void)state;
    random_state = 4;
    for (unsigned round = 0; round < 30; round++) {
        struct goheap_config config = with_headers();
        struct demand *d = demand_new(&config);
        struct model m = {.now = 0};
        struct step first = {0, 0, 0, TRACE_STATS, WITH, 0};
        assert_non_null(d);
        take(d, &first, true);
        for (unsigned i = 0; i < 30 + round * 20; i++)
            random_step(&m, d);
        assert_weights(d, DEMAND_INTERNAL, m.allocated);
        assert_weights(d, DEMAND_INUSE, m.lived);
        assert_weights(d, DEMAND_PEAK, m.peak);
        demand_free(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),    cmocka_unit_test(test_without_times),
        cmocka_unit_test(test_slots),      cmocka_unit_test(test_long_times),
        cmocka_unit_test(test_what_cannot_be_counted), cmocka_unit_test(test_against_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
