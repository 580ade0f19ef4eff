/* Cycles that begin and end where the trace's gcbegin and gcend say (gc=recorded). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run_trace.h"

#define FOLLOW "gc=recorded"

/* A trace in CSV, while it is written. */
struct text {
    char *rows;
    size_t length, room;
};

static void append(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void append(struct text *t, const char *format, ...)
{
    if (t->room - t->length < 256) {
        t->room = t->room * 2 + 1024;
        t->rows = realloc(t->rows, t->room);
        assert_non_null(t->rows);
    }
    va_list arguments;
    va_start(arguments, format);
    t->length += (size_t)vsnprintf(t->rows + t->length, t->room - t->length, format, arguments);
    va_end(arguments);
}

static struct text begin_text(void)
{
    struct text t = {.rows = NULL};
    append(&t, "t_ns,p,g,op,id,size,noscan\n");
    return t;
}

static void run_text(struct run *r, struct text *t, const char *const *settings)
{
    run_trace(r, t->rows, settings);
    free(t->rows);
}

/* Objects 0 to n-1 of 1 KiB, one each 100 ns from time on, by turns of so many Ps. */
static void allocate(struct text *t, unsigned first, unsigned n, unsigned ps, unsigned time)
{
    for (unsigned i = 0; i < n; i++)
        append(t, "%u,%u,%u,alloc,%u,1024,%u\n", time + i * 100, i % ps, i % ps, first + i, i % 2);
}

static void test_they_begin_and_end_as_recorded(void **state)
{
    (void)state;
    struct text t = begin_text();
    allocate(&t, 0, 100, 1, 0);
    for (unsigned i = 0; i < 40; i++)
        append(&t, "500000,0,0,free,%u,,\n", i);
    append(&t, "1000000,0,0,gcbegin,,,\n1500000,0,0,alloc,100,1024,1\n2000000,0,0,gcend,,,\n");
    append(&t, "3000000,0,0,gcbegin,,,\n3000500,0,0,gcend,,,\n9000000,0,0,end,,,\n");
    struct run r;
    run_text(&r, &t, (const char *const[]){FOLLOW, NULL});
    const struct collector *c = &r.sim->collector;
    assert_int_equal(c->cycles, 2);
    assert_int_equal(c->forced_cycles, 0);
    assert_int_equal(c->records[0].start_ns, 1000000);
    assert_in_range(c->records[0].end_ns, 2000000, 2100000);
    assert_int_equal(c->records[0].heap_marked, 61 * 1024); /* the one allocated meanwhile is kept */
    assert_in_range(c->records[1].start_ns, 3000000, 3100000);
    assert_int_equal(c->records[1].heap_marked, 61 * 1024);
    end_run(&r);
}

/* 20 MB of garbage without a gcbegin; and the other way round, a gcbegin that nobody heeds. */
static void test_there_are_no_others(void **state)
{
    (void)state;
    static const char *const settings[][3] = {
        {FOLLOW, NULL}, {"gc=paced", NULL}, {FOLLOW, "reclaim=immediate", NULL}, {"gogc=off", NULL}};
    static const unsigned least[] = {1, 2, 0, 0}, most[] = {1, UINT32_MAX, 0, 0};
    for (size_t i = 0; i < sizeof least / sizeof *least; i++) {
        struct text t = begin_text();
        for (unsigned k = 0; k < 20000; k++)
            append(&t, "%u,0,0,alloc,%u,1024,1\n%u,0,0,free,%u,,\n", k * 1000, k, k * 1000 + 500, k);
        append(&t, "30000000,0,0,gcbegin,,,\n30000001,0,0,gcend,,,\n40000000,0,0,end,,,\n");
        struct run r;
        run_text(&r, &t, settings[i]);
        assert_in_range(r.sim->collector.cycles, least[i], most[i]);
        end_run(&r);
    }
}

/* The first is under way when the second begins: that one follows at once. */
static void test_one_begins_before_another_ends(void **state)
{
    (void)state;
    struct text t = begin_text();
    allocate(&t, 0, 100, 2, 0);
    append(&t, "1000000,0,0,gcbegin,,,\n2000000,1,1,gcbegin,,,\n3000000,0,0,gcend,,,\n4000000,0,0,gcend,,,\n");
    append(&t, "5000000,0,0,end,,,\n");
    struct run r;
    run_text(&r, &t, (const char *const[]){FOLLOW, NULL});
    const struct collector *c = &r.sim->collector;
    assert_int_equal(c->cycles, 2);
    assert_in_range(c->records[0].end_ns, 3000000, 3100000);
    assert_int_equal(c->records[1].start_ns, c->records[0].end_ns);
    assert_in_range(c->records[1].end_ns, 4000000, 4100000);
    end_run(&r);
}

/* A trace that is cut off in a collection: nobody waits for its end. */
static void test_an_end_that_never_comes(void **state)
{
    (void)state;
    struct text t = begin_text();
    allocate(&t, 0, 100, 2, 0);
    append(&t, "1000000,0,0,gcbegin,,,\n5000000,1,1,alloc,100,64,0\n");
    struct run r;
    run_text(&r, &t, (const char *const[]){FOLLOW, NULL});
    assert_int_equal(r.sim->collector.cycles, 0);
    assert_int_equal(r.sim->last.heap.mallocs, 101);
    end_run(&r);
}

/* Who waits for the collector goes on, though the recorded end is in its own stream: in debt for what it allocates; or
 * for a collection of its own, which comes after this one. On a P each, and on one for all. */
static void test_nobody_waits_for_himself(void **state)
{
    (void)state;
    static const char *const settings[][4] = {{FOLLOW, NULL}, {FOLLOW, "ps=1", "stream_by=g", NULL}};
    for (size_t i = 0; i < 2; i++) {
        struct text t = begin_text();
        allocate(&t, 0, 4000, 2, 0);
        append(&t, "1000000,0,0,gcbegin,,,\n");
        allocate(&t, 4000, 8000, 2, 1000000);
        append(&t, "2000000,0,0,gcend,,,\n3000000,1,1,gcbegin,,,\n3500000,0,0,gc,,,\n4000000,0,0,gcend,,,\n");
        struct run r;
        run_text(&r, &t, settings[i]);
        assert_int_equal(r.sim->collector.cycles, 3);
        assert_int_equal(r.sim->collector.forced_cycles, 1);
        assert_true(r.sim->collector.assist_ns > 0);
        assert_int_equal(r.sim->last.heap.mallocs, 12000);
        end_run(&r);
    }
}

/* When objects die is known by the cycle that finds them dead alone: as many as there are, all are dead before it. */
static void test_deaths_take_no_time(void **state)
{
    (void)state;
    for (int follow = 0; follow < 2; follow++) {
        struct text t = begin_text();
        allocate(&t, 0, 2000, 1, 0);
        for (unsigned i = 0; i < 2000; i++)
            append(&t, "1000000,0,0,%s,%u,,\n", i % 2 ? "free" : "dead", i);
        append(&t, "1000000,1,1,gcbegin,,,\n2000000,1,1,gcend,,,\n");
        struct run r;
        run_text(&r, &t, (const char *const[]){"costs.death=1000", follow ? FOLLOW : "gogc=off", NULL});
        if (follow)
            assert_int_equal(r.sim->collector.records[0].heap_marked, 0);
        assert_in_range(r.sim->end_ns, follow ? 2000000 : 3000000, follow ? 2100000 : 3100000);
        end_run(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_they_begin_and_end_as_recorded),
        cmocka_unit_test(test_there_are_no_others),
        cmocka_unit_test(test_one_begins_before_another_ends),
        cmocka_unit_test(test_an_end_that_never_comes),
        cmocka_unit_test(test_nobody_waits_for_himself),
        cmocka_unit_test(test_deaths_take_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
