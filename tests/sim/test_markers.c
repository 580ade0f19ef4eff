/* What those who mark see and have of one another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/marking.h"

static struct sim sim;
static struct sim_p p[2];
static struct sim_p *ps[] = {&p[0], &p[1]};

/* On two Ps, ten objects of 100 bytes, which one of them has. */
static struct marking *two_ps(enum marker who)
{
    sim = (struct sim){.ps = ps, .p_count = 2};
    p[0] = p[1] = (struct sim_p){.sim = &sim};
    sim.marking.work.buffer = 25300;
    sim.marking.work.objects.own[who] = 1000;
    return &sim.marking;
}

/* Who finds nothing is given half of what others have that are at work, unless they scan a piece. */
static void test_gives(void **state)
{
    (void)state;
    struct marking *m = two_ps(BACKGROUND);
    assert_false(marking_sees(&sim, PROGRAM, ROOTS_LAST));
    m->stint = (struct stint){.on = true, .piece = 8};
    assert_false(marking_sees(&sim, PROGRAM, ROOTS_LAST));
    m->stint.piece = 0;
    assert_true(marking_sees(&sim, PROGRAM, ROOTS_LAST));
    assert_in_range(m->work.objects.left, 500, 501);
    assert_true(marking_sees(&sim, PROGRAM, ROOTS_LAST));
    assert_in_range(m->work.objects.left, 500, 501);
}

static void test_assist_gives(void **state)
{
    (void)state;
    struct marking *m = two_ps(PROGRAM);
    p[1].assists = true;
    p[1].stint.piece = 8;
    assert_false(marking_sees(&sim, BACKGROUND, ROOTS_FIRST));
    p[1].stint.piece = 0;
    assert_true(marking_sees(&sim, BACKGROUND, ROOTS_FIRST));
    assert_in_range(m->work.objects.left, 500, 501);
    m = two_ps(PROGRAM);
    p[0].stint.on = true;
    assert_true(marking_sees(&sim, BACKGROUND, ROOTS_FIRST));
    m = two_ps(PROGRAM);
    p[0].stint.on = true;
    m->work.objects.own[PROGRAM] = 400; /* four objects nobody halves */
    assert_false(marking_sees(&sim, BACKGROUND, ROOTS_FIRST));
}

/* Of those who stop, the last asks all Ps, unless somebody does already. */
static void test_one_asks(void **state)
{
    (void)state;
    struct marking m = {.at_work = 2};
    assert_false(marking_end_work(&m));
    assert_true(marking_end_work(&m));
    m = (struct marking){.at_work = 1, .asked = true};
    assert_false(marking_end_work(&m));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gives),
        cmocka_unit_test(test_assist_gives),
        cmocka_unit_test(test_one_asks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
