/* When a goroutine is stopped for a fractional worker, and how long marking takes to find that it is over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "run_trace.h"

/* 20,000 objects of 1 KiB that stay: beyond 4 MiB, the first goal, there is about as much to scan. */
static const char *growing(void)
{
    static char text[1 << 19];
    size_t at = (size_t)snprintf(text, sizeof text, "p,op,id,size,noscan\n");
    for (unsigned i = 1; i <= 20000; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "0,alloc,%u,1024,0\n", i);
    assert_true(at < sizeof text);
    return text;
}

static struct cycle_record first_cycle(const char *trace, const char *ps, const char *setting)
{
    struct run r;
    run_trace(&r, trace, (const char *const[]){ps, setting, NULL});
    assert_true(r.sim->collector.cycles > 0);
    struct cycle_record record = r.sim->collector.records[0];
    end_run(&r);
    return record;
}

/* The first cycle of one goroutine alone on its P begins 0.618... of the way from one end of a slice to the next: 0.382
 * of 4/3 of timeslice_ns are over, 0.618 are left, until when nobody but the goroutine marks. */
static void test_slice(void **state)
{
    (void)state;
    char setting[64];
    struct cycle_record alone = first_cycle(growing(), "ps=1", "timeslice_ns=1000000000");
    assert_int_equal(alone.background_ns, 0);
    assert_true(alone.assist_ns > 0);
    double slice = (double)alone.mark_ns / (0.6180339887498949 * 4 / 3);
    snprintf(setting, sizeof setting, "timeslice_ns=%.0f", slice * 1.02);
    assert_int_equal(first_cycle(growing(), "ps=1", setting).background_ns, 0);
    snprintf(setting, sizeof setting, "timeslice_ns=%.0f", slice * 0.9);
    assert_true(first_cycle(growing(), "ps=1", setting).background_ns > 0);
}

/* Several Ps have to be asked for what they have left to mark; a lone one knows. */
static void test_mark_done(void **state)
{
    (void)state;
    static const char forced[] = "p,op,id,size\n0,alloc,1,100\n0,gc,,\n";
    for (unsigned several = 0; several < 2; several++) {
        const char *ps = several ? "ps=2" : "ps=1";
        uint64_t without = first_cycle(forced, ps, "costs.mark_done=0").mark_ns;
        assert_int_equal(first_cycle(forced, ps, "costs.mark_done=7000").mark_ns, without + several * 7000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_slice), cmocka_unit_test(test_mark_done)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
