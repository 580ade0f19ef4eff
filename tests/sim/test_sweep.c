/* A sweep's parts: a plan's runs in their order, shards, the pool's indices, and the row made of a tree. The plan's
 * files lie in a fresh directory; configurations are the repository's, found from its root. */
#include "sweep/manifest.h"
#include "sweep/plan.h"
#include "sweep/pool.h"
#include "sweep/results.h"
#include "sweep/runner.h"
#include "sweep/traces.h"

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

/* The runs as text: trace, configuration, Ps, GOGC, a line each. */
static const char *describe(const struct plan *plan)
{
    static char text[4096];
    size_t n = 0;
    text[0] = '\0';
    for (size_t i = 0; i < plan->runs; i++) {
        struct plan_run run;
        struct error error = {.text = ""};
        assert_true(plan_run_init(&run, plan, i, &error));
        assert_string_equal(run.trace_path, plan->trace_paths[run.trace_number]);
        n += (size_t)snprintf(text + n, sizeof text - n, "%s %s %d %d\n", run.trace, run.config.name,
                              (int)run.config.ps, (int)run.config.gogc);
        plan_run_clear(&run);
    }
    return text;
}

static void check_plan(const char *text, const char *runs)
{
    struct plan plan;
    load(&plan, text);
    assert_string_equal(describe(&plan), runs);
    plan_clear(&plan);
}

/* What a list names goes together, and varies fastest; nothing but a list gives the runs one by one. */
static void test_list(void **state)
{
    (void)state;
    check_plan("{\"traces\": \"a.csv\", \"configs\": \"go1.19\", \"ps\": [1, 2],"
               " \"list\": [{\"gogc\": 30, \"note\": \"x\"}, {\"tiny_size\": 0}]}",
               "a.csv go1.19 1 30\na.csv go1.19 1 100\na.csv go1.19 2 30\na.csv go1.19 2 100\n");
    check_plan("{\"list\": [{\"trace\": \"b.csv\", \"config\": \"go1.5\", \"ps\": 3},"
               " {\"trace\": \"a.csv\", \"config\": [\"go1.19\", \"cost/seeds\"]},"
               " {\"trace\": \"b.csv\", \"config\": \"go1.19\", \"gogc\": 7}]}",
               "b.csv go1.5 3 100\na.csv go1.19+cost/seeds 0 100\nb.csv go1.19 0 7\n");
    check_plan("{\"traces\": \"a.csv\", \"list\": {\"ps\": 5}}", "a.csv go1.26 5 100\n");
}

/* Layers go over one another, as with several -c. */
static void test_layers(void **state)
{
    (void)state;
    struct plan plan;
    struct sim_config layered;
    struct error error = {.text = ""};
    load(&plan, "{\"traces\": \"a.csv\", \"configs\": [[\"go1.5\", \"cost/seeds\", \"cost/go1.19\"], \"go1.5\"]}");
    config_init(&layered);
    assert_true(config_load(&layered, CONFIG_DEFAULT, &error) && config_load(&layered, "go1.5", &error) &&
                config_load(&layered, "cost/seeds", &error) && config_load(&layered, "cost/go1.19", &error));
    assert_string_equal(plan.bases[0].name, "go1.5+cost/seeds+cost/go1.19");
    assert_memory_equal(&plan.bases[0].costs, &layered.costs, sizeof layered.costs);
    assert_memory_not_equal(&plan.bases[1].costs, &layered.costs, sizeof layered.costs);
    assert_int_equal(plan.bases[0].page_heap, layered.page_heap);
    config_clear(&layered);
    plan_clear(&plan);
}

static void test_skip(void **state)
{
    (void)state;
    check_plan("{\"traces\": \"a.csv\", \"configs\": [\"go1.5\", \"go1.19\"], \"ps\": [1, 2, 8],"
               " \"set\": {\"gogc\": [50, \"off\"]},"
               " \"skip\": [{\"config\": \"go1.5\", \"ps\": [2, 8]}, {\"gogc\": \"off\", \"note\": \"x\", \"ps\": 8}]}",
               "a.csv go1.5 1 50\na.csv go1.5 1 -1\na.csv go1.19 1 50\na.csv go1.19 1 -1\na.csv go1.19 2 50\n"
               "a.csv go1.19 2 -1\na.csv go1.19 8 50\n");
    /* A list that is a value is that value, also where other values are in it. */
    check_plan("{\"traces\": [\"a.csv\", \"b.csv\"], \"configs\": [\"go1.5\", [\"go1.5\", \"cost/seeds\"]],"
               " \"skip\": {\"config\": [\"go1.5\", \"cost/seeds\"], \"trace\": \"b.csv\"}}",
               "a.csv go1.5 0 100\na.csv go1.5+cost/seeds 0 100\nb.csv go1.5 0 100\n");
    /* Of a list's entries those that have the key. */
    check_plan("{\"traces\": \"a.csv\", \"ps\": [1, 2], \"list\": [{\"gogc\": 30}, {\"gogc\": 40}, {\"tiny_size\": 0}],"
               " \"skip\": [{\"gogc\": [30, 40], \"ps\": 1}, {\"tiny_size\": 0, \"ps\": 2}]}",
               "a.csv go1.26 1 100\na.csv go1.26 2 30\na.csv go1.26 2 40\n");
}

enum { SAMPLED_GOGC = 30, SAMPLED_PS = 2 };

static void load_sample(struct plan *plan, unsigned runs, unsigned seed)
{
    char text[512];
    size_t n = (size_t)snprintf(text, sizeof text,
                                "{\"traces\": \"a.csv\", \"ps\": [1, 2, 3], \"set\": {\"gogc\": [1");
    for (unsigned i = 2; i <= SAMPLED_GOGC; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, ", %u", i);
    snprintf(text + n, sizeof text - n, "]}, \"skip\": {\"ps\": 3}, \"sample\": {\"runs\": %u, \"seed\": %u}}", runs,
             seed);
    load(plan, text);
}

/* In order, none twice, none that is skipped; all of them if so many are asked for. */
static void test_sample(void **state)
{
    (void)state;
    for (unsigned runs = 1; runs <= SAMPLED_GOGC * SAMPLED_PS; runs += 59) {
        struct plan plan;
        load_sample(&plan, runs, 5);
        assert_int_equal(plan.runs, runs);
        for (size_t i = 0; i < plan.runs; i++) {
            assert_true(plan.points[i] < SAMPLED_GOGC * SAMPLED_PS); /* the third P's are the last */
            assert_true(i == 0 || plan.points[i] > plan.points[i - 1]);
        }
        plan_clear(&plan);
    }
}

/* Has the points chosen anew, of a plan that is loaded. */
static void choose_again(struct plan *plan, unsigned seed)
{
    struct error error = {.text = ""};
    json_object_set_new(plan->sample, "seed", json_integer(seed));
    for (size_t a = 0; a < plan->axis_count; a++)
        free(plan->axes[a].agree);
    free(plan->points);
    plan->runs = 0;
    assert_true(plan_choose_points(plan, &error));
}

/* Over many seeds each point comes equally often, to 6 standard deviations: 600 draws of 20 in 60 give 200 +- 11.6. */
static void test_sample_is_even(void **state)
{
    (void)state;
    struct plan plan;
    unsigned count[SAMPLED_GOGC * SAMPLED_PS] = {0};
    load_sample(&plan, 20, 0);
    for (unsigned seed = 0; seed < 600; seed++) {
        choose_again(&plan, seed);
        for (size_t i = 0; i < plan.runs; i++)
            count[plan.points[i]]++;
    }
    plan_clear(&plan);
    for (size_t i = 0; i < SAMPLED_GOGC * SAMPLED_PS; i++)
        assert_in_range(count[i], 130, 270);
}

/* The digest tells sweeps apart, however alike, and not ways to write the same one. */
static void test_digest(void **state)
{
    (void)state;
    static const char *const same[] = {
        "{\"traces\": \"a.csv\", \"ps\": [1, 2], \"set\": {\"gogc\": 50}}",
        "{\"note\": \"x\", \"traces\": [\"a.csv\"], \"configs\": \"go1.26\", \"ps\": [1, 2, 3], \"skip\": {\"ps\": 3},"
        " \"set\": {\"gogc\": [50]}}"};
    static const char *const others[] = {
        "{\"traces\": \"a.csv\", \"ps\": [2, 1], \"set\": {\"gogc\": 50}}",
        "{\"traces\": \"b.csv\", \"ps\": [1, 2], \"set\": {\"gogc\": 50}}",
        "{\"traces\": \"a.csv\", \"ps\": [1, 2], \"set\": {\"gogc\": 51}}",
        "{\"traces\": \"a.csv\", \"size_classes\": \"no24\", \"ps\": [1, 2], \"set\": {\"gogc\": 50}}"};
    struct plan plan, other;
    load(&plan, same[0]);
    load(&other, same[1]);
    assert_int_equal(plan.digest, other.digest);
    plan_clear(&other);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        load(&other, others[i]);
        assert_int_not_equal(plan.digest, other.digest);
        plan_clear(&other);
    }
    plan_clear(&plan);
}

/* Shards share the runs out: each is in one of them. */
static void test_shards(void **state)
{
    (void)state;
    for (size_t runs = 0; runs <= 20; runs++)
        for (uint32_t of = 1; of <= 24; of++) {
            unsigned seen[20] = {0};
            for (uint32_t number = 1; number <= of; number++) {
                struct shard shard = {number, of};
                for (size_t i = 0; i < shard_count(&shard, runs); i++)
                    seen[shard_index(&shard, i)]++;
            }
            for (size_t i = 0; i < runs; i++)
                assert_int_equal(seen[i], 1);
        }
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

static bool take(void *context, size_t index)
{
    struct tally *tally = context;
    atomic_fetch_add(&tally->taken[index], 1);
    return true;
}

static bool take_slowly(void *context, size_t index)
{
    usleep(150000);
    return take(context, index);
}

static bool take_up_to_10(void *context, size_t index)
{
    take(context, index);
    return index < 10;
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

/* What was begun by then is done, and nothing else is begun. */
static void test_stopping(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 4; threads++) {
        struct tally tally = {.told = 0};
        struct pool_work work = {.run = take_up_to_10, .context = &tally};
        struct error error = {.text = ""};
        assert_true(pool_run(&work, INDICES, threads, &error));
        for (size_t i = 0; i <= 10; i++)
            assert_int_equal(atomic_load(&tally.taken[i]), 1);
        for (size_t i = 10 + threads; i < INDICES; i++)
            assert_int_equal(atomic_load(&tally.taken[i]), 0);
    }
}

/* --- rows ---------------------------------------------------------------------------------------------- */

static const char tree[] =
    "{\"run\": {\"trace\": \"a,b\\\".csv\", \"config\": {\"name\": \"c\", \"gogc\": \"off\", \"pacing\": \"auto\","
    " \"size_classes\": [[8, 1]], \"costs\": {\"lock\": 0.1}, \"page_cache\": true}, \"ps\": 3, \"pacing\": \"max\","
    " \"events\": 5}, \"fragmentation\": {\"peak_mapped_bytes\": 4194304, \"peak\": {\"internal\":"
    " {\"rounding_bytes\": 1, \"tiny_bytes\": 20, \"tail_bytes\": 300}},"
    " \"mean\": {\"in_use_bytes\": 700, \"mapped_bytes\": 900, \"live_bytes\": 600, \"requested_bytes\": 500}},"
    " \"gc\": {\"mark_cpu_ns\": 20, \"pauses\": {\"total_ns\": 1000}}, \"size_classes\": [{}, {}, {}],"
    " \"latency_all\": {\"mean_ns\": 1234567.25, \"p99_ns\": 7}, \"locks\": ["
    "{\"name\": \"spanset 8 scan\", \"waits\": false, \"wait_ns\": 1000, \"contended\": 1000, \"acquisitions\": 1000},"
    "{\"name\": \"mheap\", \"waits\": true, \"wait_ns\": 10, \"contended\": 2, \"acquisitions\": 3},"
    "{\"name\": \"mcentral 8 scan\", \"waits\": true, \"wait_ns\": 100, \"contended\": 20, \"acquisitions\": 30}]}";

static const char csv[] =
    "run,config,trace,size_classes,ps,gogc,pacing,events,virtual_ns,peak_mapped_bytes,peak_in_use_bytes,"
    "peak_requested_bytes,peak_mapped_over_peak_requested,cycles,pause_total_ns,alloc_mean_ns,alloc_p99_ns,"
    "lock_wait_ns,lock_contended,lock_acquisitions,mheap_wait_ns,internal_waste_bytes,unused_slot_bytes,"
    "mheap_acquisitions,gc_cpu_ns,classes,"
    "mean_in_use_bytes,mean_live_bytes,mean_requested_bytes,costs.lock,page_cache,error\n"
    "1,c,\"a,b\"\".csv\",inline-1-98bd87b0,3,off,max,5,,4194304,,,,,1000,1234567.25,7,110,22,33,10,321,,3,3020,2,700,"
    "600,500,0.1,true,\n"
    "2,go1.26,a.csv,go1.19,0,50,auto,,,,,,,,,,,,,,,,,,,,,,,2,true,\"broken, \"\"here\"\"\"\n";

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
    assert_true(results_init(&results, plan.runs, plan.settings, &error));
    json_t *document = json_loads(tree, 0, NULL);
    assert_non_null(document);
    assert_true(plan_run_init(&run, &plan, 1, &error));
    json_t *unfinished = results_unfinished(&run, "broken, \"here\"");
    results_take(&results, 1, 1, unfinished);
    results_take(&results, 0, 0, document);
    assert_null(results_failure(&results, 0));
    assert_int_equal(results_number(&results, 1), 2);
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

/* --- traces and runs, side by side --------------------------------------------------------------------- */

struct readers {
    struct plan plan;
    struct traces traces;
    atomic_size_t events;
};

static bool read_trace(void *context, size_t index)
{
    struct readers *r = context;
    struct plan_run run;
    struct error error = {.text = ""};
    struct trace_event events[3];
    assert_true(plan_run_init(&run, &r->plan, index, &error));
    struct trace_source *source = traces_open(&r->traces, &run, &error);
    assert_non_null(source);
    for (size_t n; (n = source->read(source, events, 3, &error)) > 0;)
        atomic_fetch_add(&r->events, n);
    assert_string_equal(error.text, "");
    source->close(source);
    traces_done(&r->traces, &run);
    plan_run_clear(&run);
    return true;
}

/* Whether there is memory for all of the traces, one of them or none. */
static void test_shared_traces(void **state)
{
    (void)state;
    struct readers r;
    struct error error = {.text = ""};
    struct pool_work work = {.run = read_trace, .context = &r};
    load(&r.plan, "{\"traces\": [\"a.csv\", \"b.csv\"], \"ps\": [1, 2, 3, 4, 5], \"set\": {\"stream_by\": [\"p\", \"g\"]}}");
    static const uint64_t budgets[] = {1 << 20, 3 * sizeof(struct trace_event), 0};
    for (size_t b = 0; b < sizeof budgets / sizeof budgets[0]; b++) {
        atomic_init(&r.events, 0);
        assert_true(traces_init(&r.traces, r.plan.trace_count, budgets[b], &error));
        for (size_t i = 0; i < r.plan.runs; i++) {
            struct plan_run run;
            assert_true(plan_run_init(&run, &r.plan, i, &error));
            traces_expect(&r.traces, &run);
            plan_run_clear(&run);
        }
        assert_true(pool_run(&work, r.plan.runs, 4, &error));
        assert_int_equal(atomic_load(&r.events), 20 * 2);
        assert_int_equal(atomic_load(&r.traces.budget.left), budgets[b]);
        traces_clear(&r.traces);
    }
    plan_clear(&r.plan);
}

static void note_found(void *found, size_t done, size_t n, size_t those)
{
    assert_true(those <= done && done <= n);
    *(size_t *)found = those;
}

/* The rows of a sweep of three threads into a directory. */
static json_t *sweep_into(const char *out, const struct plan *plan, bool resume, size_t *found)
{
    struct error error = {.text = ""};
    struct shard all = {1, 1};
    struct output output;
    struct results results;
    struct runner_watch watch = {note_found, found};
    json_t *manifest = manifest_new(plan, &all, &error);
    assert_true(results_init(&results, plan->runs, plan->settings, &error));
    assert_true(output_open(&output, out, manifest, resume, &error));
    assert_true(runner_sweep(plan, &all, &output, &results, 3, 1 << 20, &watch, &error));
    results_csv(&results, output.csv_stream);
    assert_true(output_commit(&output, &error));
    json_t *rows = results_json(&results);
    results_clear(&results);
    json_decref(manifest);
    return rows;
}

/* A second sweep into the same directory finds all that the first one did, but for the runs that have been removed. */
static void test_sweep_and_resume(void **state)
{
    (void)state;
    struct plan plan;
    char out[64], path[128];
    size_t found = 0;
    load(&plan, "{\"traces\": [\"a.csv\", \"b.csv\"], \"ps\": [1, 2, 3, 4]}");
    snprintf(out, sizeof out, "%s/out", directory);
    json_t *rows = sweep_into(out, &plan, false, &found);
    assert_int_equal(json_array_size(rows), plan.runs);
    assert_int_equal(found, 0);
    for (size_t i = 0; i < plan.runs; i++) {
        assert_int_equal(report_number(json_array_get(rows, i), "run"), i + 1);
        assert_int_equal(report_number(json_array_get(rows, i), "events"), 2);
    }
    for (int i = 3; i <= 5; i++) {
        snprintf(path, sizeof path, "%s/runs/%04d.json", out, i);
        assert_int_equal(unlink(path), 0);
    }
    json_t *again = sweep_into(out, &plan, true, &found);
    assert_true(json_equal(rows, again));
    json_decref(rows);
    json_decref(again);
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
                                       "plan.json", "out/runs/0001.json", "out/runs/0002.json", "out/runs/0003.json",
                                       "out/runs/0004.json", "out/runs/0005.json", "out/runs/0006.json",
                                       "out/runs/0007.json", "out/runs/0008.json", "out/runs", "out/results.csv",
                                       "out/manifest.json", "out", ""};
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
        cmocka_unit_test(test_order),          cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_list),           cmocka_unit_test(test_layers),
        cmocka_unit_test(test_skip),           cmocka_unit_test(test_sample),
        cmocka_unit_test(test_sample_is_even), cmocka_unit_test(test_digest),
        cmocka_unit_test(test_shards),         cmocka_unit_test(test_nothing_shared),
        cmocka_unit_test(test_where_traces_are), cmocka_unit_test(test_each_index_once),
        cmocka_unit_test(test_telling),        cmocka_unit_test(test_stopping),
        cmocka_unit_test(test_rows),           cmocka_unit_test(test_shared_traces),
        cmocka_unit_test(test_sweep_and_resume),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
