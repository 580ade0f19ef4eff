/* How often the objects of a class are replaced, on paper, and the refills of each class as the report has them. */
#include "report/report.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "run_trace.h"

static const json_t *class_of(const json_t *document, unsigned size)
{
    const json_t *class;
    size_t i;
    json_array_foreach(report_at(document, "size_classes"), i, class)
        if (report_number(class, "size") == size)
            return class;
    fail_msg("no class of %u bytes", size);
    return NULL;
}

/* Within a thousandth: an allocation takes some time, which the trace does not know of. */
static void check(const json_t *class, const char *member, double expected)
{
    double is = report_number(class, member);
    if (fabs(is - expected) > expected / 1000)
        fail_msg("%s: %.9g, expected %.9g", member, is, expected);
}

static json_t *document_of(struct run *r, const char *text, const char *const *settings)
{
    run_trace(r, text, settings);
    json_t *document = report_document(r->sim, "t.csv", (struct wall){0});
    assert_non_null(document);
    return document;
}

/* Times in seconds: of 48 bytes one object lives in [0, 1), two in [1, 3), one in [3, 4), two in [4, 10), one until 20:
 * 28 for three allocations. Of tiny ones, in blocks of 16, two live for 10 each, and of 16 bytes one for 16. */
static void test_by_hand(void **state)
{
    (void)state;
    static const char trace[] = "t_ns,op,id,size,noscan\n"
                                "0,alloc,1,48,0\n"
                                "1000000000,alloc,2,48,0\n"
                                "3000000000,free,1,,\n"
                                "4000000000,alloc,3,40,0\n"
                                "4000000000,alloc,4,16,0\n"
                                "6000000000,alloc,5,5,1\n"
                                "7000000000,alloc,6,7,1\n"
                                "9000000000,alloc,7,100000,1\n"
                                "10000000000,free,3,,\n"
                                "13000000000,free,7,,\n"
                                "16000000000,free,5,,\n"
                                "17000000000,free,6,,\n"
                                "20000000000,free,4,,\n";
    struct run r;
    const char *const reclaims[] = {"reclaim=gc", "reclaim=immediate"};
    for (int i = 0; i < 2; i++) {
        const char *const settings[] = {reclaims[i], NULL};
        json_t *d = document_of(&r, trace, settings);
        check(class_of(d, 48), "mean_live", 28 / 20.0);
        check(class_of(d, 48), "turnover_per_s", 3 / 28.0);
        check(class_of(d, 16), "mean_live", 36 / 20.0);
        check(class_of(d, 16), "turnover_per_s", 3 / 36.0);
        check(class_of(d, 0), "turnover_per_s", 1 / 4.0);
        check(class_of(d, 32), "mean_live", 0);
        check(class_of(d, 32), "turnover_per_s", 0);
        check(class_of(d, 48), "refills.count", i == 0);
        json_decref(d);
        end_run(&r);
    }
}

/* 30,000 allocations, more than are sampled, each of which dies when the 100th after it is made, 1 µs a piece: one lives
 * for 100 µs. */
static void test_long_run(void **state)
{
    (void)state;
    enum { OBJECTS = 30000, LIVE = 100 };
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    assert_non_null(f);
    fprintf(f, "t_ns,op,id,size\n");
    for (unsigned i = 0; i < OBJECTS; i++) {
        if (i >= LIVE)
            fprintf(f, "%u,free,%u,\n", i * 1000, i - LIVE);
        fprintf(f, "%u,alloc,%u,48\n", i * 1000, i);
    }
    fclose(f);
    struct run r;
    const char *const settings[] = {NULL};
    json_t *d = document_of(&r, text, settings);
    const json_t *class = class_of(d, 48);
    assert_in_range(report_number(class, "mean_live"), LIVE - 2, LIVE + 1);
    assert_in_range(report_number(class, "turnover_per_s"), 9900, 10200);
    json_decref(d);
    end_run(&r);
    free(text);
}

/* A growing heap of which nothing dies, collected as it grows: each refill is that of an allocation which the P's own
 * span could not serve, and in Go 1.11 one of them sweeps all there is to sweep. */
static void test_refills(void **state)
{
    (void)state;
    enum { OBJECTS = 12000 };
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    assert_non_null(f);
    fprintf(f, "t_ns,op,id,size\n");
    for (unsigned i = 0; i < OBJECTS; i++)
        fprintf(f, "0,alloc,%u,2048\n", i);
    fclose(f);
    struct run r;
    const char *const settings[] = {"pacing=max", "reclaim=gc", NULL}, *const configs[] = {"go1.11", "go1.19"};
    double most[2];
    for (int i = 0; i < 2; i++) {
        run_trace_on(&r, configs[i], text, settings);
        json_t *d = report_document(r.sim, "t.csv", (struct wall){0});
        const json_t *refills = report_at(class_of(d, 2048), "refills"), *n, *tier;
        double count = report_number(refills, "count"), sum = 0, slow = 0;
        size_t k;
        json_array_foreach(report_at(refills, "by_spans_swept"), k, n)
            sum += json_number_value(n);
        json_array_foreach(report_at(d, "latency"), k, tier)
            slow += k == TIER_FAST ? 0 : report_number(tier, "count");
        assert_true(count >= OBJECTS / 4 && count == sum && count == slow);
        assert_true(report_number(d, "gc.cycles") >= 2);
        most[i] = report_number(refills, "most_spans_swept");
        assert_true(report_number(refills, "spans_swept") > most[i]);
        json_decref(d);
        end_run(&r);
    }
    assert_true(most[0] > 500);
    assert_true(most[1] == 101);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_long_run),
        cmocka_unit_test(test_refills),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
