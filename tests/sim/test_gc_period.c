/* Collections that only the clock asks for (proc.go, sysmon): two minutes after the last one ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run_trace.h"

#define SECOND UINT64_C(1000000000)
#define PERIOD (120 * SECOND)

/* Idle but for an allocation at 400 s, until 700 s. */
#define IDLE(first) \
    "t_ns,p,op,id,size\n0,0,alloc,1,100\n1000000000,0," first ",,\n400000000000,0,alloc,2,100\n700000000000,0,end,,\n"

static const char idle[] = IDLE("gc");

static unsigned count_by_clock(const struct collector *c)
{
    unsigned count = 0;
    for (uint64_t i = 0; i < c->cycles; i++)
        count += c->records[i].by_clock;
    return count;
}

/* After 1 s comes 121 s and a little more, and so on up to 601 s. They are none of runtime.GC()'s. */
static void check_idle(const struct sim *sim)
{
    const struct collector *c = &sim->collector;
    assert_int_equal(c->cycles, 6);
    assert_int_equal(c->forced_cycles, 1);
    assert_int_equal(count_by_clock(c), 5);
    for (unsigned i = 1; i < 6; i++) {
        assert_int_equal(c->records[i].start_ns, c->records[i - 1].end_ns + PERIOD);
        assert_in_range(c->records[i].start_ns, (1 + 120 * i) * SECOND, (1 + 120 * i) * SECOND + SECOND / 100);
    }
}

static void test_idle(void **state)
{
    (void)state;
    static const char *const schedulers[] = {"scheduler=auto", "scheduler=queue"}, *const sweeps[] = {
        "background_sweep=true", "background_sweep=false"};
    for (unsigned i = 0; i < 4; i++) {
        struct run r;
        run_trace(&r, idle, (const char *const[]){"ps=1", schedulers[i & 1], sweeps[i >> 1], NULL});
        check_idle(r.sim);
        end_run(&r);
    }
}

/* Nobody has collected before; GOGC is off; it is not wanted; C's way, which has no collections. */
static void test_never(void **state)
{
    (void)state;
    static const struct {
        const char *trace, *setting;
        uint64_t cycles;
    } cases[] = {
        {IDLE("stats"), "gogc=100", 0},
        {idle, "gogc=off", 1},
        {idle, "gc_period_ns=0", 1},
        {idle, "reclaim=immediate", 0},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct run r;
        run_trace(&r, cases[i].trace, (const char *const[]){cases[i].setting, NULL});
        assert_int_equal(r.sim->collector.cycles, cases[i].cycles);
        assert_int_equal(count_by_clock(&r.sim->collector), 0);
        end_run(&r);
    }
}

/* A collection meanwhile puts it off: 100 s, 200 s, then 320 s. */
static void test_put_off(void **state)
{
    (void)state;
    struct run r;
    run_trace(&r, "t_ns,p,op\n100000000000,0,gc\n200000000000,0,gc\n330000000000,0,end\n", (const char *const[]){NULL});
    const struct collector *c = &r.sim->collector;
    assert_int_equal(c->cycles, 3);
    assert_true(!c->records[1].by_clock && c->records[2].by_clock);
    assert_int_equal(c->records[2].start_ns, c->records[1].end_ns + PERIOD);
    end_run(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_never),
        cmocka_unit_test(test_put_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
