/* What a program lets go of while marking is on, and no piece of the table has shown, is its own to scan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "run_trace.h"

enum { OBJECTS = 16000, TRACE_BYTES = 1 << 22 };

/* A table of one piece, which takes 160 ms, and as many objects of 192 bytes as it holds. Then another takes the place of
 * the oldest, again and again, or of the one before: how long the program assists meanwhile. */
static uint64_t assisted(const char *config, bool pointers, bool old)
{
    static char text[TRACE_BYTES];
    size_t at = (size_t)snprintf(text, sizeof text, "p,op,id,size,noscan\n0,alloc,0,131072,0\n");
    for (unsigned i = 1; i <= OBJECTS; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "0,alloc,%u,192,%d\n", i, !pointers);
    for (unsigned i = 1; i <= OBJECTS; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "0,free,%u,,\n0,alloc,%u,192,%d\n",
                               old || i == 1 ? i : OBJECTS + i - 1, OBJECTS + i, !pointers);
    at += (size_t)snprintf(text + at, sizeof text - at, "0,gc,,,\n"); /* ends the other first */
    assert_true(at < sizeof text);
    struct run r;
    run_trace_on(&r, config, text,
                 (const char *const[]){"ps=2", "stack_bytes=8192", "costs.mark_object=10000", "costs.root_byte=0.07",
                                       "costs.worker_wake=45000", "timeslice_ns=1000000000", NULL});
    assert_true(r.sim->collector.cycles >= 1);
    uint64_t ns = r.sim->collector.records[0].assist_ns;
    end_run(&r);
    return ns;
}

/* Those that have been there since before the cycle, if they hold pointers. */
static void test_old_objects(void **state)
{
    (void)state;
    const char *gos[] = {"go1.19", "go1.26"};
    for (unsigned i = 0; i < 2; i++) {
        uint64_t old = assisted(gos[i], true, true), new = assisted(gos[i], true, false);
        uint64_t without = assisted(gos[i], false, true);
        assert_true(old > 2 * new);
        assert_true(without < new + new / 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_old_objects)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
