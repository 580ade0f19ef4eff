/* The spans of work buffers that marking takes, by what they leave in MemStats: a P's supply of span descriptors, which
 * is filled by 64 when it is empty, runs out during a collection or does not. Equal to the real Go's, as tests/oracle has
 * it for traces that are drawn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run_trace.h"

enum { SUPPLY = 64, MSPAN = 160, IN_ONE_SPAN = 15 * 253 };

/* Objects of 1,024 bytes with pointers, of which seven are in a span, and large ones without, until `spans` are in use. */
static char *fill(unsigned objects, unsigned spans)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    assert_non_null(f);
    fprintf(f, "op,id,size,noscan\n");
    for (unsigned i = 0; i < objects; i++)
        fprintf(f, "alloc,%u,1024,0\n", i);
    for (unsigned i = (objects + 6) / 7; i < spans; i++)
        fprintf(f, "alloc,%u,40000,1\n", objects + i);
    fprintf(f, "stats,,,\ngc,,,\nstats,,,\n");
    fclose(f);
    return text;
}

/* Descriptors that are in use, or in a P's supply, before a collection and after it. */
static void check(unsigned objects, unsigned spans, unsigned before, unsigned after)
{
    struct run r;
    static const char *const settings[] = {"ps=1", "gogc=off", NULL};
    char *text = fill(objects, spans);
    run_trace_on(&r, "go1.26", text, settings);
    assert_int_equal(r.sim->snapshot_count, 2);
    assert_int_equal(r.sim->snapshots[0].heap.mspan_inuse, before * MSPAN);
    assert_int_equal(r.sim->snapshots[1].heap.mspan_inuse, after * MSPAN);
    end_run(&r);
    free(text);
}

/* Of ten supplies one descriptor is left, or two: 15 full buffers and one at hand take one, an object more takes two. */
static void test_supply_runs_out(void **state)
{
    (void)state;
    check(IN_ONE_SPAN, 10 * SUPPLY - 1, 10 * SUPPLY, 10 * SUPPLY);
    check(IN_ONE_SPAN + 1, 10 * SUPPLY - 1, 10 * SUPPLY, 11 * SUPPLY);
    check(IN_ONE_SPAN + 1, 10 * SUPPLY - 2, 10 * SUPPLY, 10 * SUPPLY);
}

/* No more at once than a piece of a table points to: 66 buffers, in five spans. */
static void test_piece_by_piece(void **state)
{
    (void)state;
    check(3 * 16384, 112 * SUPPLY - 5, 112 * SUPPLY, 112 * SUPPLY);
    check(3 * 16384, 112 * SUPPLY - 4, 112 * SUPPLY, 113 * SUPPLY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_supply_runs_out),
        cmocka_unit_test(test_piece_by_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
