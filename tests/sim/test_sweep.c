/* A sweep's parts: a plan's runs in their order, the pool's indices, and the row made of a tree. The plan's
 * files lie in a fresh directory; configurations are the repository's, found from its root. */
#include "sweep/plan.h"
#include "sweep/pool.h"
#include "sweep/results.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/test_sweep.XXXXXX";

static const char trace[] = "t_ns,p,op,id,size\n1,0,alloc,1,100\n2,0,free,1,\n";

/* Writes a file in the directory; the path is good until the next one. */
static const char *put(const char *name, const char *text)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return path;
}

static void load(struct plan *plan, const char *text)
{
    struct error error = {.text = ""};
    if (!plan_load(plan, put("plan.json", text), &error))
        fail_msg("%s", error.text);
}

/* --- plans --------------------------------------------------------------------------------------------- */

static void test_order(void **state)
{
    (void)state;
    struct plan plan;
    struct error error = {.text = ""};
    load(&plan, "{\"set\": {\"note\": \"x\", \"gogc\": [50, \"off\"], \"costs.lock\": 7.5}, \"ps\": [1, 2, 3],"
                " \"size_classes\": [\"no24\", \"pow2\"], \"configs\": [\"locked-central\", \"go1.19\"],"
                " \"traces\": [\"a.csv\", \"b.csv\"]}");
    assert_int_equal(plan.runs, 2 * 2 * 2 * 3 * 2);
    for (size_t i = 0; i < plan.runs; i++) {
        struct plan_run run;
        assert_true(plan_run_init(&run, &plan, i, &error));
        assert_string_equal(run.trace, i / 24 ? "b.csv" : "a.csv");
        assert_string_equal(run.config.name, i / 12 % 2 ? "go1.19" : "locked-central");
        assert_int_equal(run.config.central_locked, !(i / 12 % 2));
        assert_string_equal(json_string_value(run.config.size_classes), i / 6 % 2 ? "pow2" : "no24");
        assert_int_equal(run.config.ps, i / 2 % 3 + 1);
        assert_int_equal(run.config.gogc, i % 2 ? -1 : 50);
        assert_true(run.config.costs.lock == 7.5);
        plan_run_clear(&run);
    }
    plan_clear(&plan);
}

/* Lists may be left out, and a single value stands for a list of one. */
static void test_defaults(void **state)
{
    (void)state;
    struct plan plan;
    struct plan_run run;
    struct error error = {.text = ""};
    load(&plan, "{\"traces\": \"a.csv\", \"ps\": 3}");
    assert_int_equal(plan.runs, 1);
    assert_true(plan_run_init(&run, &plan, 0, &error));
    assert_string_equal(run.config.name, CONFIG_DEFAULT);
    assert_int_equal(run.config.ps, 3);
    plan_run_clear(&run);
    plan_clear(&plan);
}

/* What a run holds is its own: the plan's JSON has the references that it had. */
static void test_nothing_shared(void **state)
{
    (void)state;
    struct plan plan;
    struct plan_run run;
    struct error error = {.text = ""};
    load(&plan, "{\"traces\": \"a.csv\", \"size_classes\": [[[16, 1], [32768, 4]], \"go1.19\"]}");
    const json_t *table = json_array_get(plan.size_classes, 0);
    size_t references = table->refcount;
    assert_true(plan_run_init(&run, &plan, 0, &error));
    assert_ptr_not_equal(run.config.size_classes, table);
    assert_true(json_equal(run.config.size_classes, table));
    assert_int_equal(table->refcount, references);
    assert_int_equal(run.config.size_classes->refcount, 1);
    plan_run_clear(&run);
    plan_clear(&plan);
}

/* The plan's directory, then the working directory, then those above the plan's. */
static void test_where_traces_are(void **state)
{
    (void)state;
    struct plan plan;
    struct error error = {.text = ""};
    char deep[64], path[128], here[PATH_MAX];
    snprintf(deep, sizeof deep, "%s/x", directory);
    mkdir(deep, 0777);
    snprintf(deep, sizeof deep, "%s/x/y", directory);
    mkdir(deep, 0777);
    put("x/y/plan.json", "{\"traces\": \"a.csv\"}");
    snprintf(path, sizeof path, "%s/plan.json", deep);
    assert_true(plan_load(&plan, path, &error));
    snprintf(here, sizeof here, "%s/a.csv", directory);
    assert_string_equal(plan.trace_paths[0], here);
    plan_clear(&plan);

    assert_non_null(getcwd(here, sizeof here));
    put("x/a.csv", trace);
    assert_int_equal(chdir(directory), 0);
    bool loaded = plan_load(&plan, path, &error);
    assert_int_equal(chdir(here), 0);
    assert_true(loaded);
    assert_string_equal(plan.trace_paths[0], "a.csv");
    plan_clear(&plan);

    put("x/y/a.csv", trace);
    assert_true(plan_load(&plan, path, &error));
    snprintf(here, sizeof here, "%s/a.csv", deep);
    assert_string_equal(plan.trace_paths[0], here);
    plan_clear(&plan);
}

/* --- the pool ------------------------------------------------------------------------------------------ */

enum { INDICES = 1000 };

struct tally {
    atomic_int taken[INDICES];
    size_t told;
};

static void take(void *context, size_t index)
{
    struct tally *tally = context;
    atomic_fetch_add(&tally->taken[index], 1);
}

static void take_slowly(void *context, size_t index)
{
    usleep(150000);
    take(context, index);
}

static void tell(void *context, size_t done, size_t n)
{
    struct tally *tally = context;
    assert_true(done >= tally->told && done <= n);
    tally->told = done;
}

static void test_each_index_once(void **state)
{
    (void)state;
    static const unsigned threads[] = {1, 2, 16, 2000};
    for (size_t t = 0; t < sizeof threads / sizeof threads[0]; t++) {
        struct tally tally = {.told = 0};
        struct pool_work work = {.run = take, .context = &tally};
        struct error error = {.text = ""};
        size_t n = threads[t] > 16 ? 3 : INDICES;
        assert_true(pool_run(&work, n, threads[t], &error));
        for (size_t i = 0; i < INDICES; i++)
            assert_int_equal(atomic_load(&tally.taken[i]), i < n);
    }
}

static void test_telling(void **state)
{
    (void)state;
    struct tally tally = {.told = 0};
    struct pool_work work = {.run = take_slowly, .tell = tell, .context = &tally};
    struct error error = {.text = ""};
    assert_true(pool_run(&work, 4, 2, &error));
    assert_int_equal(tally.told, 4);
}

/* --- rows ---------------------------------------------------------------------------------------------- */

static const char tree[] =
    "{\"run\": {\"trace\": \"a,b\\\".csv\", \"config\": {\"name\": \"c\", \"gogc\": \"off\", \"pacing\": \"auto\","
    " \"size_classes\": [[8, 1]], \"costs\": {\"lock\": 0.1}, \"page_cache\": true}, \"ps\": 3, \"pacing\": \"max\","
    " \"events\": 5}, \"fragmentation\": {\"peak_mapped_bytes\": 4194304, \"peak\": {\"internal\":"
    " {\"rounding_bytes\": 1, \"tiny_bytes\": 20, \"tail_bytes\": 300}}},"
    " \"latency_all\": {\"mean_ns\": 1234567.25, \"p99_ns\": 7}, \"locks\": ["
    "{\"name\": \"spanset 8 scan\", \"waits\": false, \"wait_ns\": 1000, \"contended\": 1000, \"acquisitions\": 1000},"
    "{\"name\": \"mheap\", \"waits\": true, \"wait_ns\": 10, \"contended\": 2, \"acquisitions\": 3},"
    "{\"name\": \"mcentral 8 scan\", \"waits\": true, \"wait_ns\": 100, \"contended\": 20, \"acquisitions\": 30}]}";

static const char csv[] =
    "run,config,trace,size_classes,ps,gogc,pacing,events,virtual_ns,peak_mapped_bytes,peak_in_use_bytes,"
    "peak_requested_bytes,peak_mapped_over_peak_requested,cycles,pause_total_ns,alloc_mean_ns,alloc_p99_ns,"
    "lock_wait_ns,lock_contended,lock_acquisitions,mheap_wait_ns,internal_waste_bytes,unused_slot_bytes,costs.lock,"
    "page_cache,error\n"
    "1,c,\"a,b\"\".csv\",inline-1-98bd87b0,3,off,max,5,,4194304,,,,,,1234567.25,7,110,22,33,10,321,,0.1,true,\n"
    "2,go1.26,a.csv,go1.19,0,50,auto,,,,,,,,,,,,,,,,,2,true,\"broken, \"\"here\"\"\"\n";

static void test_rows(void **state)
{
    (void)state;
    struct plan plan;
    struct plan_run run;
    struct results results;
    struct error error = {.text = ""};
    char *text = NULL;
    size_t size = 0;
    load(&plan, "{\"traces\": \"a.csv\", \"set\": {\"costs.lock\": [1, 2], \"gogc\": 50, \"page_cache\": true}}");
    assert_true(results_init(&results, &plan, &error));
    json_t *document = json_loads(tree, 0, NULL);
    assert_non_null(document);
    assert_true(plan_run_init(&run, &plan, 1, &error));
    json_t *unfinished = results_unfinished(&run);
    results_take(&results, 1, unfinished, "broken, \"here\"");
    results_take(&results, 0, document, NULL);
    assert_null(results_failure(&results, 0));
    assert_string_equal(results_failure(&results, 1), "broken, \"here\"");

    FILE *f = open_memstream(&text, &size);
    assert_non_null(f);
    results_csv(&results, f);
    fclose(f);
    assert_string_equal(text, csv);
    free(text);

    json_t *rows = results_json(&results);
    assert_int_equal(json_array_size(rows), 2);
    assert_int_equal(report_number(json_array_get(rows, 0), "mheap_wait_ns"), 10);
    assert_true(json_is_null(report_at(json_array_get(rows, 1), "events")));
    json_decref(rows);
    json_decref(document);
    json_decref(unfinished);
    plan_run_clear(&run);
    results_clear(&results);
    plan_clear(&plan);
}

/* --- all ----------------------------------------------------------------------------------------------- */

static int set_up(void **state)
{
    (void)state;
    char configs[PATH_MAX]; /* absolute, as tests change the directory */
    if (!realpath("configs", configs) || setenv("GOHEAP_CONFIGS", configs, 0) != 0 || !mkdtemp(directory))
        return -1;
    put("a.csv", trace);
    put("b.csv", trace);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const left[] = {"x/y/a.csv", "x/y/plan.json", "x/y", "x/a.csv", "x", "a.csv", "b.csv",
                                       "plan.json", ""};
    char path[256];
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, left[i]);
        if (remove(path) != 0)
            return -1;
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),           cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_nothing_shared),  cmocka_unit_test(test_where_traces_are),
        cmocka_unit_test(test_each_index_once), cmocka_unit_test(test_telling),
        cmocka_unit_test(test_rows),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
