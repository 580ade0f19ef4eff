/* When things happened in a recorded Go program: ticks in ns, held against a division of 128 bits; and the moment of a
 * death, by policy, worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "go_trace/clock.h"
#include "go_trace/cycles.h"

__extension__ typedef unsigned __int128 wide;

enum { LINUX = 1000000000 / 64 };

static const uint64_t latest = UINT64_C(1) << 62;

/* Ticks from begin on. */
static uint64_t divided(uint64_t ticks, uint64_t frequency)
{
    wide ns = (wide)ticks * 1000000000 / frequency;
    return ns < latest ? (uint64_t)ns : latest;
}

static void ticks_after(void **state)
{
    (void)state;
    static const uint64_t frequencies[] = {1000, 3, LINUX, 1000000000, 2999999999, UINT64_C(1000000000000)};
    const uint64_t begin = 1000;
    for (size_t i = 0; i < sizeof frequencies / sizeof *frequencies; i++) {
        struct go_clock clock = {0};
        go_clock_begin_generation(&clock, begin, frequencies[i]);
        for (unsigned bits = 0; bits <= 61; bits++)
            for (uint64_t more = 0; more < 3; more++) {
                uint64_t ticks = (UINT64_C(1) << bits) - 1 + more;
                assert_true(go_clock_ns(&clock, begin + ticks) == divided(ticks, frequencies[i]));
            }
        assert_int_equal(go_clock_ns(&clock, begin - 1), 0);
        assert_int_equal(go_clock_ns(&clock, 0), 0);
    }
}

/* Of the last tick that has a time of its own, and the first that has none. */
static void ticks_at_the_end(void **state)
{
    (void)state;
    struct go_clock clock = {0};
    go_clock_begin_generation(&clock, 0, LINUX);
    assert_true(go_clock_ns(&clock, latest / 64 - 1) == latest - 64);
    assert_true(go_clock_ns(&clock, latest / 64) == latest);
    assert_true(go_clock_ns(&clock, latest / 64 + 1) == latest);
    assert_true(go_clock_ns(&clock, latest) == latest);
}

/* A generation of another frequency goes on where the one before ends; what is before that is by the new one, too. */
static void another_frequency(void **state)
{
    (void)state;
    struct go_clock clock = {0};
    go_clock_begin_generation(&clock, 100, LINUX);
    go_clock_begin_generation(&clock, 150, LINUX);
    assert_int_equal(go_clock_ns(&clock, 160), 60 * 64);
    go_clock_begin_generation(&clock, 200, 1000000000);
    assert_int_equal(go_clock_ns(&clock, 200), 6400);
    assert_int_equal(go_clock_ns(&clock, 250), 6450);
    assert_int_equal(go_clock_ns(&clock, 190), 6390);
    go_clock_begin_generation(&clock, 300, 400000000);
    assert_int_equal(go_clock_ns(&clock, 300), 6500);
    assert_int_equal(go_clock_ns(&clock, 303), 6507);
}

/* ---- deaths ---- */

static struct go_death death(struct go_cycles *cycles, const struct row_options *options, uint64_t born)
{
    return go_cycles_death(cycles, options, go_object(3, 2, born));
}

/* As the collection began: at the place of its row, or behind the birth if that came later. */
static void deaths_as_a_cycle_begins(void **state)
{
    (void)state;
    struct row_options options = {.death = DEATH_GC};
    struct go_cycles cycles = {.marking = false};
    go_cycles_begin(&cycles, (struct go_cycle){.begin = 10, .begin_ns = 1000});
    go_cycles_end(&cycles, &options);
    struct go_death one = death(&cycles, &options, 4);
    assert_int_equal(one.when, 10);
    assert_int_equal(one.ns, 1000);
    assert_int_equal(one.who, go_object(3, 2, 0).who);
    assert_int_equal(death(&cycles, &options, 10).when, 11);
    assert_int_equal(cycles.late_births, 0);
    assert_int_equal(death(&cycles, &options, 12).when, 13);
    assert_int_equal(cycles.late_births, 1);
}

/* While the next one marks, what is swept was found by the one before, unless it was born after that. */
static void deaths_found_by_the_cycle_before(void **state)
{
    (void)state;
    struct row_options options = {.death = DEATH_GC};
    struct go_cycles cycles = {.marking = false};
    go_cycles_begin(&cycles, (struct go_cycle){.begin = 10, .begin_ns = 1000});
    assert_int_equal(go_cycles_end(&cycles, &options), 10);
    go_cycles_begin(&cycles, (struct go_cycle){.begin = 20, .begin_ns = 2000});
    assert_int_equal(death(&cycles, &options, 4).when, 10);
    assert_int_equal(death(&cycles, &options, 15).when, 20);
    assert_int_equal(go_cycles_end(&cycles, &options), 20);
    assert_int_equal(death(&cycles, &options, 4).when, 20);
    assert_int_equal(cycles.count, 2);
}

/* At any time since the birth, or since the collection that saw it alive, and up to that which did not. */
static void deaths_at_random(void **state)
{
    (void)state;
    struct row_options options = {.death = DEATH_UNIFORM};
    struct go_cycles cycles = {.marking = false};
    go_cycles_begin(&cycles, (struct go_cycle){.begin = 100, .begin_ns = 100});
    go_cycles_begin(&cycles, (struct go_cycle){.begin = 200, .begin_ns = 200});
    assert_int_equal(go_cycles_end(&cycles, &options), 101);
    unsigned seen[201] = {0};
    for (uint64_t id = 1; id <= 4000; id++) {
        struct go_death old = go_cycles_death(&cycles, &options, go_object(id, 0, 50));
        struct go_death young = go_cycles_death(&cycles, &options, go_object(id, 0, 190));
        assert_in_range(old.when, 101, 200);
        assert_int_equal(old.ns, old.when);
        assert_in_range(young.when, 191, 200);
        seen[old.when]++;
    }
    for (unsigned when = 101; when <= 200; when++)
        assert_true(seen[when] > 0);
    struct go_death late = death(&cycles, &options, 230);
    assert_int_equal(late.when, 231);
    assert_int_equal(late.ns, 230);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticks_after),
        cmocka_unit_test(ticks_at_the_end),
        cmocka_unit_test(another_frequency),
        cmocka_unit_test(deaths_as_a_cycle_begins),
        cmocka_unit_test(deaths_found_by_the_cycle_before),
        cmocka_unit_test(deaths_at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
