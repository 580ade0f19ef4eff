/* What a run comes to in three sentences, of documents made by hand, and what a document has to have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/figure_text.h"
#include "report/read.h"
#include "report/report.h"
#include "report/units.h"
#include "report/verdict.h"

/* An empty run: everything is there, and 0. */
static const char empty_run[] =
    "{'run': {'goheap': '1', 'trace': 't.csv', 'config': {'name': 'go1.26', 'reclaim': 'gc'}, 'ps': 4, 'pacing': 'max',"
    " 'events': 0, 'virtual_ns': 0},"
    " 'memstats': {'HeapAlloc': 0}, 'size_classes': [], 'locks': [], 'lock_waits': {'locks': []}, 'latency': [],"
    " 'latency_all': {'count': 0, 'mean_ns': 0, 'p99_ns': 0, 'max_ns': 0},"
    " 'fragmentation': {'peak_mapped_bytes': 0, 'peak_requested_bytes': 0, 'peak_mapped_over_peak_requested': 0},"
    " 'gc': {'cycles': 0, 'forced_cycles': 0, 'next_goal_bytes': 4194304, 'cpu_fraction': 0, 'mark_cpu_ns': 0,"
    "  'assist_ns': 0, 'pauses': {'total_ns': 0, 'max_ns': 0}, 'records': []}}";

static const char empty_moment[] =
    "{'t_ns': 0, 'mapped_bytes': 0, 'released_bytes': 0, 'in_use_bytes': 0, 'requested_bytes': 0, 'dead_bytes': 0,"
    " 'internal': {'rounding_bytes': 0, 'tiny_bytes': 0, 'tail_bytes': 0},"
    " 'external': {'unused_slot_bytes': 0, 'free_page_bytes': 0, 'longest_free_run_bytes': 0,"
    "  'unusable_free_space_index': 0}}";

/* JSON with ' for ". */
static json_t *parse(const char *text)
{
    char *json = strdup(text);
    for (char *c = json; *c; c++)
        if (*c == '\'')
            *c = '"';
    json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(value);
    free(json);
    return value;
}

static json_t *a_run(void)
{
    json_t *document = parse(empty_run);
    json_t *fragmentation = json_object_get(document, "fragmentation");
    json_object_set_new(fragmentation, "peak", parse(empty_moment));
    json_object_set_new(fragmentation, "end", parse(empty_moment));
    return document;
}

/* Puts a value at a dotted path, whose objects are there. */
static void put(json_t *document, const char *path, const char *value)
{
    const char *dot = strrchr(path, '.');
    char object[100];
    assert_non_null(dot);
    snprintf(object, sizeof object, "%.*s", (int)(dot - path), path);
    json_t *parent = (json_t *)report_at(document, object);
    assert_non_null(parent);
    assert_int_equal(json_object_set_new(parent, dot + 1, parse(value)), 0);
}

/* A class with bytes of a kind ("peak.dead_bytes") lost in it. */
static void put_class(json_t *document, int size, const char *kind, int bytes)
{
    json_t *class = parse("{'allocs': 1, 'tiny_allocs': 0, 'peak': {'spans': 1, 'slots': 10, 'live': 4, 'span_bytes': "
                          "8192, 'occupancy': 0.5, 'requested_bytes': 1, 'rounding_bytes': 0, 'tiny_bytes': 0, "
                          "'tail_bytes': 0, 'dead_bytes': 0, 'unused_bytes': 0}}");
    json_object_set_new(class, "size", json_integer(size));
    json_object_set_new(json_object_get(class, "peak"), kind, json_integer(bytes));
    json_array_append_new(json_object_get(document, "size_classes"), class);
}

/* To a class that was put before. */
static void put_turnover(json_t *document, size_t i, double per_second, int refills, int swept, int most)
{
    json_t *class = json_array_get(json_object_get(document, "size_classes"), i);
    json_object_set_new(class, "turnover_per_s", json_real(per_second));
    json_object_set_new(class, "refills", json_pack("{s:i, s:i, s:i}", "count", refills, "spans_swept", swept,
                                                    "most_spans_swept", most));
}

static void put_lock(json_t *document, const char *name, bool waits, int acquisitions, int contended, int wait_ns)
{
    json_t *lock = json_pack("{s:s, s:b, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "name", name, "waits", waits,
                             "acquisitions", acquisitions, "contended", contended, "wait_ns", wait_ns, "wait_p99_ns", 0,
                             "wait_max_ns", wait_ns / 2, "hold_ns", 0, "utilisation", 0, "longest_queue", 0);
    json_array_append_new(json_object_get(document, "locks"), lock);
}

static void put_tier(json_t *document, const char *tier, int count, int p99_ns)
{
    json_t *row = json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:i}", "tier", tier, "count", count, "mean_ns", 0,
                            "p50_ns", 0, "p99_ns", p99_ns, "p999_ns", 0, "max_ns", 0);
    json_array_append_new(json_object_get(document, "latency"), row);
}

static void put_cycle(json_t *document, int end, int goal)
{
    json_t *row = parse("{'cycle': 1, 'start_ns': 0, 'end_ns': 0, 'mark_ns': 0, 'pause_ns': 0, 'assist_ns': 0, "
                        "'heap_start_bytes': 0, 'heap_marked_bytes': 0, 'forced': false}");
    json_object_set_new(row, "heap_end_bytes", json_integer(end));
    json_object_set_new(row, "goal_bytes", json_integer(goal));
    json_array_append_new((json_t *)report_at(document, "gc.records"), row);
}

/* The verdict on a document, which is checked first and then let go of. */
static struct verdict judge(json_t *document)
{
    struct verdict verdict;
    struct error error = {.text = ""};
    report_check(document, "run.json", &error);
    assert_string_equal(error.text, "");
    verdict_of(document, &verdict);
    json_decref(document);
    return verdict;
}

/* --- numbers ------------------------------------------------------------------------------------------- */

static void test_units(void **state)
{
    (void)state;
    assert_string_equal(units_count(0), "0");
    assert_string_equal(units_count(999), "999");
    assert_string_equal(units_count(1234567), "1,234,567");
    assert_string_equal(units_count(18446744073709551615.0), "18,446,744,073,709,551,616");
    assert_string_equal(units_count(1e300), "1e+300");
    assert_string_equal(units_bytes(1023), "1023 B");
    assert_string_equal(units_bytes(1536), "1.5 KiB");
    assert_string_equal(units_bytes(0x1p40), "1.0 TiB");
    assert_string_equal(units_time(999, "us"), "999 ns");
    assert_string_equal(units_time(1500, "µs"), "1.5 µs");
    assert_string_equal(units_time(61e9, "µs"), "61.00 s");
    assert_string_equal(units_share(1, 0), "0 %");
    assert_string_equal(units_share(0, 5), "0 %");
    assert_string_equal(units_share(1, 100000), "less than 0.01 %");
    assert_string_equal(units_share(4, 10000), "0.04 %");
    assert_string_equal(units_share(12, 1000), "1.2 %");
    assert_string_equal(units_share(9.96, 100), "10 %");
    assert_string_equal(units_share(3, 1), "300 %");
}

/* --- memory -------------------------------------------------------------------------------------------- */

static json_t *a_heap(const char *asked, const char *part, const char *bytes)
{
    json_t *document = a_run();
    put(document, "fragmentation.peak.t_ns", "1500000");
    put(document, "fragmentation.peak.in_use_bytes", "1048576");
    put(document, "fragmentation.peak.requested_bytes", asked);
    char path[100];
    snprintf(path, sizeof path, "fragmentation.peak.%s", part);
    put(document, path, bytes);
    return document;
}

static void test_nothing(void **state)
{
    (void)state;
    struct verdict v = judge(a_run());
    assert_string_equal(v.memory, "Nothing was allocated, so there is no heap to look at.");
    assert_string_equal(v.collecting, "No collection began: the heap did not grow enough, its goal was 4.0 MiB.");
    assert_string_equal(v.locks, "Nobody waited for a lock.");
    assert_string_equal(v.latency, "Nothing was allocated.");
}

static void test_two_classes(void **state)
{
    (void)state;
    json_t *d = a_heap("524288", "external.unused_slot_bytes", "325059");
    put_class(d, 16, "unused_bytes", 25059);
    put_class(d, 1408, "unused_bytes", 160000);
    put_class(d, 512, "unused_bytes", 40000);
    put_class(d, 2688, "unused_bytes", 100000);
    put_class(d, 4096, "dead_bytes", 900000); /* of another kind */
    assert_string_equal(judge(d).memory,
                        "31 % of the heap's 1.0 MiB at its peak, 1.5 ms into the run, was unused slots in spans, 80 % "
                        "of that in two classes: 1,408 and 2,688 B; live objects had asked for 50 %.");
}

static void test_three_classes_one_class_large_objects(void **state)
{
    (void)state;
    json_t *d = a_heap("0", "dead_bytes", "400000");
    put_class(d, 0, "dead_bytes", 100000);
    put_class(d, 32, "dead_bytes", 100000);
    put_class(d, 64, "dead_bytes", 120000);
    put_class(d, 48, "dead_bytes", 80000);
    assert_non_null(strstr(judge(d).memory, "was dead objects not swept yet, 80 % of that in three classes: 64 B, "
                                            "large objects and 32 B; live objects had asked for 0 %."));
    d = a_heap("1", "dead_bytes", "400000");
    put_class(d, 0, "dead_bytes", 400000);
    assert_non_null(strstr(judge(d).memory, ", all of that in one class: large objects; "));
}

static void test_spread(void **state)
{
    (void)state;
    json_t *d = a_heap("1", "internal.rounding_bytes", "400000");
    for (int i = 0; i < 10; i++)
        put_class(d, 16 * (i + 1), "rounding_bytes", 40000 + (i == 6) * 8000 - (i == 3) * 8000);
    assert_non_null(strstr(judge(d).memory, "was rounding up to size classes, 12 % of that in 112 B and the rest "
                                            "spread over other classes; "));
}

static void test_free_pages(void **state)
{
    (void)state;
    json_t *d = a_heap("524288", "external.free_page_bytes", "3145728");
    put(d, "fragmentation.peak.released_bytes", "2097152"); /* of the free pages: no memory is behind them */
    put(d, "fragmentation.peak.external.longest_free_run_bytes", "65536");
    assert_string_equal(judge(d).memory, "50 % of the heap's 2.0 MiB at its peak, 1.5 ms into the run, was free pages "
                                         "kept, the longest run of them 64.0 KiB; live objects had asked for 25 %.");
}

static void test_used_well(void **state)
{
    (void)state;
    json_t *d = a_heap("1038090", "internal.tail_bytes", "10486");
    assert_string_equal(judge(d).memory, "99 % of the heap's 1.0 MiB at its peak, 1.5 ms into the run, was what live "
                                         "objects had asked for; the largest loss was 1.0 %, tails of spans.");
}

/* --- collecting ---------------------------------------------------------------------------------------- */

static void test_no_collection(void **state)
{
    (void)state;
    json_t *d = a_run();
    put(d, "run.config.reclaim", "'immediate'");
    assert_non_null(strstr(judge(d).collecting, "Nothing was collected: with reclaim=immediate"));
    d = a_run();
    put(d, "gc.next_goal_bytes", "1.8446744073709552e19");
    assert_string_equal(judge(d).collecting, "Nothing was collected: the collector is off.");
}

static json_t *collections(const char *cycles, const char *forced)
{
    json_t *d = a_run();
    put(d, "gc.cycles", cycles);
    put(d, "gc.forced_cycles", forced);
    put(d, "gc.cpu_fraction", "0.0419");
    put(d, "gc.mark_cpu_ns", "1000000");
    put(d, "gc.pauses.total_ns", "237200");
    put(d, "gc.pauses.max_ns", "45200");
    return d;
}

static void test_collections(void **state)
{
    (void)state;
    json_t *d = collections("9", "0");
    put(d, "gc.assist_ns", "240000");
    put_cycle(d, 100, 100);
    put_cycle(d, 50, 0);
    assert_string_equal(judge(d).collecting, "9 collections took 4.2 % of the Ps' time and stopped the world for "
                                             "237.2 µs in all, at the longest 45.2 µs; the heap never ended a cycle "
                                             "past its goal.");
    d = collections("9", "2");
    put(d, "gc.assist_ns", "600000");
    put_cycle(d, 4718592, 4194304);
    put_cycle(d, 4194304, 4194304);
    put_cycle(d, 1258291, 1048576);
    assert_string_equal(judge(d).collecting,
                        "9 collections, 2 of them forced, took 4.2 % of the Ps' time and stopped the world for 237.2 "
                        "µs in all, at the longest 45.2 µs; assists were 60 % of the marking that idle Ps did not do; "
                        "the heap ended 2 of them past its goal, at worst by 20 % (1.2 MiB instead of 1.0 MiB).");
}

static void test_one_forced_collection(void **state)
{
    (void)state;
    assert_string_equal(judge(collections("1", "1")).collecting,
                        "1 collection, forced, took 4.2 % of the Ps' time and stopped the world for 237.2 µs; the "
                        "heap never ended a cycle past its goal.");
}

/* --- waiting ------------------------------------------------------------------------------------------- */

static void test_locks(void **state)
{
    (void)state;
    json_t *d = a_run();
    put(d, "run.virtual_ns", "1000000");
    put_lock(d, "spanset 8 scan", false, 9999, 9999, 999999999); /* nobody queues for it */
    put_lock(d, "mheap", true, 40, 3, 10000);
    put_lock(d, "mcentral 48", true, 2254, 159, 30000);
    put_tier(d, "fast", 100, 191);
    put_tier(d, "mcentral", 0, 0);
    put_tier(d, "os", 1, 25000);
    struct verdict v = judge(d);
    assert_string_equal(v.locks, "Ps waited 40.0 µs for locks, 1.0 % of their time, 75 % of that for mcentral 48 (159 "
                                 "of 2,254 acquisitions, at worst 15.0 µs).");
    assert_string_equal(v.latency, "99 % of the allocations took at most 191 ns on the fast path, 25.0 µs with memory "
                                   "from the OS.");
}

static void test_waiting_for_a_p(void **state)
{
    (void)state;
    json_t *d = a_run();
    put_lock(d, "mheap", true, 40, 3, 1000);
    put(d, "run.scheduler", "{'latency': {'total_ns': 5000000, 'max_ns': 2000000}}");
    assert_string_equal(judge(d).locks, "Streams waited 5.0 ms for one of the 4 Ps, at worst 2.0 ms, and 1.0 µs for "
                                        "locks.");
    d = a_run();
    put_lock(d, "mheap", true, 40, 3, 1000);
    put(d, "run.scheduler", "{'latency': {'total_ns': 999, 'max_ns': 999}}");
    assert_non_null(strstr(judge(d).locks, "Ps waited 1.0 µs for locks"));
}

/* --- hostile documents --------------------------------------------------------------------------------- */

static void refused(const char *path, const char *value, const char *expected)
{
    json_t *d = a_run();
    struct error error = {.text = ""};
    put_class(d, 8, "dead_bytes", 1);
    put_lock(d, "mheap", true, 1, 0, 0);
    put(d, path, value);
    assert_false(report_check(d, "x/run.json", &error));
    assert_non_null(strstr(error.text, expected));
    json_decref(d);
}

static void test_check(void **state)
{
    (void)state;
    refused("run.trace", "3", "x/run.json: run.trace: expected text");
    refused("run.ps", "'4'", "x/run.json: run.ps: expected a number from 0 to 2^64");
    refused("run.ps", "-1", "x/run.json: run.ps: expected a number from 0 to 2^64");
    refused("gc.cpu_fraction", "1e300", "x/run.json: gc.cpu_fraction: expected a number from 0 to 2^64");
    refused("run.config", "[]", "x/run.json: run.config: expected an object");
    refused("gc.records", "{}", "x/run.json: gc.records: expected an array");
    refused("gc.records", "[7]", "x/run.json: gc.records[0].cycle: expected a number");
    refused("fragmentation.peak", "null", "x/run.json: fragmentation.peak.t_ns: expected a number");
    refused("fragmentation.end", "{}", "fragmentation.end.t_ns: expected a number from 0 to 2^64, as goheap writes "
                                       "it; it is not there");
    json_t *nothing = json_array();
    struct error error = {.text = ""};
    assert_false(report_check(nothing, "run.json", &error));
    assert_string_equal(error.text, "run.json: run: expected an object, as goheap writes it; it is not there");
    json_decref(nothing);
}

/* No number that passes the check, and no name, makes a sentence longer than its place. */
static void test_numbers_beyond_reason(void **state)
{
    (void)state;
    json_t *d = a_heap("18446744073709551615.0", "dead_bytes", "1.8e19");
    char name[5000];
    memset(name, '<', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    for (int i = 0; i < 40; i++)
        put_class(d, 2147483647, "dead_bytes", 2147483647);
    put_lock(d, name, true, 2147483647, 2147483647, 2147483647);
    put(d, "gc.cycles", "1.8e19");
    put(d, "gc.forced_cycles", "1.7e19");
    put(d, "gc.pauses.total_ns", "1.8e19");
    put_tier(d, "fast", 2147483647, 2147483647);
    put_tier(d, "fast", 2147483647, 2147483647);
    char text[FIGURE_TEXT];
    static const char *const names[] = {"heap", "map", "waste", "spans", "turnover", "collector", "locks", "waits",
                                        "latency", "trace", "sweep"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        figure_text(names[i], d, text);
        assert_in_range(strlen(text), 20, FIGURE_TEXT - 1);
    }
    struct verdict v = judge(d);
    assert_in_range(strlen(v.memory), 20, VERDICT_TEXT - 1);
    assert_in_range(strlen(v.collecting), 20, VERDICT_TEXT - 1);
    assert_in_range(strlen(v.locks), 20, VERDICT_TEXT - 1);
    assert_in_range(strlen(v.latency), 20, VERDICT_TEXT - 1);
    assert_null(strstr(v.locks, "<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<")); /* cut */
}

/* --- figures in words ---------------------------------------------------------------------------------- */

static void says(const char *figure, const json_t *document, const char *expected)
{
    char text[FIGURE_TEXT];
    figure_text(figure, document, text);
    assert_string_equal(text, expected);
}

static void test_figures(void **state)
{
    (void)state;
    json_t *d = a_heap("524288", "external.unused_slot_bytes", "325059");
    put(d, "fragmentation.peak.external.free_page_bytes", "4096");
    put(d, "fragmentation.peak.external.longest_free_run_bytes", "1024");
    put(d, "fragmentation.peak.released_bytes", "2048");
    put(d, "fragmentation.peak_mapped_bytes", "2097152");
    put(d, "gc.cycles", "1");
    put_class(d, 1408, "unused_bytes", 160000);
    put_class(d, 0, "span_bytes", 81920);
    put_turnover(d, 0, 2.5, 30, 6, 6);
    put_turnover(d, 1, 0.1, 5, 101, 101);
    put_lock(d, "spanset 8 scan", false, 9, 9, 9);
    put_lock(d, "mheap", true, 40, 3, 10000);
    put_lock(d, "mcentral 48", true, 4, 1, 5000);
    put_tier(d, "fast", 100, 191);
    says("heap", d, "At most 2.0 MiB was mapped. When most was in use, at 1.5 ms, 1.0 MiB was in spans, of which live "
                    "objects had asked for 512.0 KiB. There was 1 collection.");
    says("map", d, "When most was in use, 4.0 KiB was in free pages, the longest run of them 1.0 KiB; 2.0 KiB of them "
                   "had been given back to the OS.");
    says("waste", d, "When most was in use, 512.0 KiB in spans was not what live objects had asked for, above all in "
                     "large objects (80.0 KiB), 1,408 B (8.0 KiB).");
    says("spans", d, "When most was in use there were 2 spans, with live objects in 40 % of their 20 slots.");
    says("turnover", d, "Of 1,408 B, allocated most often, each live one was replaced 2.50 times a second. To find free "
                        "slots, 35 refills swept 107 spans, at most 101 at once.");
    says("locks", d, "Ps waited 15.0 µs for locks, 0 % of their time, 67 % of that for mheap (3 of 40 acquisitions, "
                     "at worst 5.0 µs).");
    says("waits", d, "4 waits for locks, of 15.0 µs together, in 0 ns.");
    says("latency", d, "99 % of the allocations took at most 191 ns on the fast path.");
    json_decref(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_two_classes),
        cmocka_unit_test(test_three_classes_one_class_large_objects),
        cmocka_unit_test(test_spread),
        cmocka_unit_test(test_free_pages),
        cmocka_unit_test(test_used_well),
        cmocka_unit_test(test_no_collection),
        cmocka_unit_test(test_collections),
        cmocka_unit_test(test_one_forced_collection),
        cmocka_unit_test(test_locks),
        cmocka_unit_test(test_waiting_for_a_p),
        cmocka_unit_test(test_figures),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_numbers_beyond_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
