/* Timelines of random traces, read back from the JSON: that tracks have no gaps and no overlaps, and that what is on
 * them adds up to what the report says of locks, of marking and of pauses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "report/report.h"
#include "report/timeline_json.h"

enum { PS = 4, TRACKS = 64, WINDOWS = 2048 };

/* What is asked of a slice again and again; text is the document's. */
struct slice {
    const char *name;
    const char *lock; /* that it was spent waiting for, or NULL */
    bool held;        /* and somebody is said to have held it */
    bool on_p;        /* on a P's track */
    uint64_t from, to;
};

/* A replay with its timeline, parsed. */
struct told {
    struct sim_config config;
    struct sim *sim;
    char *text;
    size_t size;
    json_t *document;
    const json_t *events;
    struct slice *slices;
    size_t slice_count;
};

/* --- the trace ----------------------------------------------------------------------------------------- */

/* Allocations of four Ps, most of which die soon, some by another P's hand; collections and stats now and then; bursts
 * of work with pauses between them. The file's name is put into path, which is to be unlinked. */
static void write_trace(char *path, unsigned seed)
{
    enum { EVENTS = 30000, LIVE = 3000 };
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "w");
    int live[LIVE] = {0}, next = 0;
    unsigned long long time = 0;
    srand(seed);
    fprintf(f, "t_ns,p,op,id,size,noscan\n");
    for (int i = 0; i < EVENTS; i++) {
        int *slot = &live[rand() % LIVE], p = rand() % PS;
        time += (unsigned)(rand() % 400) + (i % 1500 == 0 ? 400000u : 0u) + (i % 500 == 0 ? 30000u : 0u);
        if (i % 9000 == 8999)
            fprintf(f, "%llu,%d,gc,,,\n", time, p);
        else if (i % 7000 == 6999)
            fprintf(f, "%llu,%d,stats,,,\n", time, p);
        if (*slot)
            fprintf(f, "%llu,%d,free,%d,,\n", time, p, *slot);
        *slot = ++next;
        int size = rand() % 100 == 0 ? 20000 + rand() % 60000 : 16 << rand() % 8;
        fprintf(f, "%llu,%d,alloc,%d,%d,%d\n", time, p, next, size, rand() % 2);
    }
    assert_int_equal(fclose(f), 0);
}

/* --- replaying ----------------------------------------------------------------------------------------- */

static void configure(struct sim_config *config, const char *name, const char *const *settings)
{
    struct error error = {.text = ""};
    config_init(config);
    if (!config_load(config, name, &error) || !config_load(config, "cost/seeds", &error))
        fail_msg("%s", error.text);
    for (; *settings; settings++)
        if (!config_set(config, *settings, &error))
            fail_msg("%s", error.text);
}

/* Runs the trace, with a timeline if there is a stream for it. */
static struct sim *replay(const struct sim_config *config, const char *path, FILE *out)
{
    struct error error = {.text = ""};
    struct timeline_writer writer = {.out = NULL};
    struct trace_source *source = trace_open(path, (int)config->stream_by, &error);
    struct sim *sim = source ? sim_new(config, &error) : NULL;
    if (!sim || (out && !report_timeline_begin(&writer, sim, out, &error)) || !sim_run(sim, source, &error))
        fail_msg("%s", error.text);
    if (out)
        report_timeline_end(&writer);
    report_timeline_free(&writer);
    sim->timeline = NULL;
    source->close(source);
    return sim;
}

/* --- reading ------------------------------------------------------------------------------------------- */

static uint64_t ns(const json_t *event, const char *key)
{
    const json_t *us = json_object_get(event, key);
    assert_true(json_is_real(us));
    return (uint64_t)(json_real_value(us) * 1000 + 0.5);
}

static bool is(const json_t *event, const char *key, const char *value)
{
    const char *text = json_string_value(json_object_get(event, key));
    return text && strcmp(text, value) == 0;
}

static unsigned tid(const json_t *event)
{
    return (unsigned)json_integer_value(json_object_get(event, "tid"));
}

static bool of_p(const struct told *t, const json_t *event)
{
    return tid(event) >= 1 && tid(event) <= t->sim->p_count;
}

static void read_slices(struct told *t)
{
    size_t i;
    const json_t *e;
    t->slice_count = 0;
    t->slices = calloc(json_array_size(t->events), sizeof *t->slices);
    assert_non_null(t->slices);
    json_array_foreach(t->events, i, e) {
        if (!is(e, "ph", "X"))
            continue;
        const json_t *args = json_object_get(e, "args");
        t->slices[t->slice_count++] = (struct slice){
            .name = json_string_value(json_object_get(e, "name")),
            .lock = is(e, "cat", "waiting") ? json_string_value(json_object_get(args, "lock")) : NULL,
            .held = json_object_get(args, "held_by") != NULL,
            .on_p = of_p(t, e),
            .from = ns(e, "ts"),
            .to = ns(e, "ts") + ns(e, "dur"),
        };
    }
}

static void begin(struct told *t, const char *name, const char *const *settings, unsigned seed)
{
    char path[] = "/tmp/goheap-test-XXXXXX";
    write_trace(path, seed);
    configure(&t->config, name, settings);
    FILE *out = open_memstream(&t->text, &t->size);
    t->sim = replay(&t->config, path, out);
    fclose(out);
    unlink(path);
    json_error_t why;
    t->document = json_loadb(t->text, t->size, JSON_REJECT_DUPLICATES, &why);
    if (!t->document)
        fail_msg("line %d: %s", why.line, why.text);
    t->events = json_object_get(t->document, "traceEvents");
    assert_true(json_array_size(t->events) > 100);
    read_slices(t);
}

static void end(struct told *t)
{
    free(t->slices);
    json_decref(t->document);
    free(t->text);
    sim_destroy(t->sim);
    config_clear(&t->config);
}

/* Of slices with that name that lie in a stretch of time; on Ps' tracks or on others. */
static uint64_t sum_named(const struct told *t, const char *name, bool on_ps, uint64_t from, uint64_t to)
{
    uint64_t sum = 0;
    for (const struct slice *s = t->slices; s < t->slices + t->slice_count; s++)
        if (s->from >= from && s->to <= to && s->on_p == on_ps && strcmp(s->name, name) == 0)
            sum += s->to - s->from;
    return sum;
}

/* --- what has to hold ---------------------------------------------------------------------------------- */

struct place {
    unsigned tid;
    uint64_t end;
};

static struct place *place_of(struct place *places, unsigned wanted)
{
    for (int i = 0; i < TRACKS; i++) {
        if (places[i].tid == 0)
            places[i].tid = wanted;
        if (places[i].tid == wanted)
            return &places[i];
    }
    fail_msg("more than %d tracks", TRACKS);
    return NULL;
}

/* No track's slices overlap; a P's leave no gap, from 0 to the end of the run. */
static void check_tracks(const struct told *t)
{
    struct place places[TRACKS] = {{0, 0}};
    size_t i;
    const json_t *e;
    json_array_foreach(t->events, i, e) {
        if (!is(e, "ph", "X"))
            continue;
        struct place *place = place_of(places, tid(e));
        if (of_p(t, e))
            assert_int_equal(ns(e, "ts"), place->end);
        else
            assert_true(ns(e, "ts") >= place->end);
        place->end = ns(e, "ts") + ns(e, "dur");
    }
    for (unsigned p = 1; p <= t->sim->p_count; p++)
        assert_int_equal(place_of(places, p)->end, t->sim->end_ns);
}

/* What each lock's slices say is what the lock itself says, and what its series says. */
static void check_locks(const struct told *t)
{
    for (const struct named_lock *lock = t->sim->locks; lock; lock = lock->next) {
        char name[REPORT_LOCK_NAME] = "";
        uint64_t contended = 0, waited = 0;
        if (lock->lock.acquisitions == 0)
            continue; /* a generation's that has no use for it, and no name of its own */
        report_lock_name(t->sim, lock, name, sizeof name);
        for (const struct slice *s = t->slices; s < t->slices + t->slice_count; s++)
            if (s->lock && strcmp(s->lock, name) == 0) {
                contended++;
                waited += s->to - s->from;
                assert_true(s->held);
            }
        assert_int_equal(contended, lock->lock.contended);
        assert_int_equal(waited, lock->lock.wait.sum);
        if (!lock->times)
            continue;
        assert_int_equal(lock->times->hold.sum, lock->lock.hold_ns);
        const struct wait_series *series = &lock->times->waits;
        for (uint32_t b = 0; b < series->used; b++) {
            contended -= series->buckets[b].begun;
            waited -= series->buckets[b].wait_ns;
        }
        assert_int_equal(contended, 0);
        assert_int_equal(waited, 0);
    }
}

/* Workers share steps of some 10 us evenly, and each step is told in whole ns. */
static void assert_about(uint64_t told, uint64_t reported)
{
    uint64_t off = told > reported ? told - reported : reported - told;
    if (off > reported / 5000 + 8)
        fail_msg("%llu ns told, %llu reported", (unsigned long long)told, (unsigned long long)reported);
}

static void check_marking(const struct told *t)
{
    const struct collector *c = &t->sim->collector;
    uint64_t stops = 0;
    for (uint64_t i = 0; i < c->cycles; i++) {
        const struct cycle_record *r = &c->records[i];
        uint64_t from = r->start_ns, to = r->end_ns;
        assert_int_equal(sum_named(t, "marking: assist", true, from, to), r->assist_ns);
        assert_about(sum_named(t, "marking: fractional worker", true, from, to) +
                         sum_named(t, "marking: fractional worker", false, from, to) +
                         sum_named(t, "marking: dedicated worker", false, from, to),
                     r->background_ns);
        assert_about(sum_named(t, "marking: idle worker", true, from, to) +
                         sum_named(t, "marking: idle worker", false, from, to),
                     r->idle_ns);
        stops += sum_named(t, "stop: sweep termination", false, from, to) +
                 sum_named(t, "stop: mark termination", false, from, to);
        assert_int_equal(sum_named(t, "concurrent mark", false, from, to), r->mark_ns);
    }
    assert_int_equal(stops, c->pause_total_ns);
}

/* A P is stopped only while somebody stops the world. */
static void check_stops(const struct told *t)
{
    static struct { uint64_t from, to; } windows[WINDOWS];
    size_t n = 0, i;
    const json_t *e;
    json_array_foreach(t->events, i, e)
        if (is(e, "cat", "stop") || is(e, "name", "stopping the world")) {
            assert_true(n < WINDOWS);
            windows[n].from = ns(e, "ts");
            windows[n++].to = ns(e, "ts") + ns(e, "dur");
        }
    json_array_foreach(t->events, i, e) {
        bool inside = !is(e, "name", "stopped");
        for (size_t k = 0; k < n && !inside; k++)
            inside = ns(e, "ts") >= windows[k].from && ns(e, "ts") + ns(e, "dur") <= windows[k].to;
        if (!inside)
            fail_msg("a P is stopped from %llu ns for %llu ns, and nobody stops the world",
                     (unsigned long long)ns(e, "ts"), (unsigned long long)ns(e, "dur"));
    }
}

static void count_kinds(const struct told *t, const char *const *names, unsigned *seen)
{
    size_t i;
    const json_t *e;
    json_array_foreach(t->events, i, e)
        for (unsigned k = 0; names[k]; k++)
            seen[k] += is(e, "ph", "X") && is(e, "name", names[k]);
}

/* --- tests --------------------------------------------------------------------------------------------- */

static const struct { const char *config, *settings[8]; } runs[] = {
    {"go1.19", {"ps=4", "pacing=max", "costs.lock=50", NULL}},
    {"go1.19", {"ps=4", "pacing=recorded", "gogc=30", NULL}},
    {"go1.26", {"ps=4", "pacing=think", "gomemlimit=6MiB", NULL}},
    {"go1.5", {"ps=4", "pacing=max", "quantum_ns=0", NULL}},
    {"locked-central", {"ps=3", "pacing=recorded", "gogc=20", NULL}},
    {"go1.19", {"ps=2", "pacing=max", "gogc=10", "background_sweep=false", "timeslice_ns=20000", NULL}},
};
enum { RUNS = sizeof runs / sizeof runs[0] };

static void test_adds_up(void **state)
{
    (void)state;
    static const char *const names[] = {"running", "idle", "marking: assist", "marking: dedicated worker",
                                        "marking: idle worker", "marking: fractional worker", "idle: a worker marks",
                                        "sweeping", "sweeping: spans given back", "stopped", "stopping the world",
                                        "parked: for the collector", "waiting: mheap", NULL};
    unsigned seen[sizeof names / sizeof names[0]] = {0};
    for (unsigned i = 0; i < RUNS; i++) {
        struct told t;
        begin(&t, runs[i].config, runs[i].settings, i);
        check_tracks(&t);
        check_locks(&t);
        check_marking(&t);
        check_stops(&t);
        count_kinds(&t, names, seen);
        assert_true(t.sim->collector.cycles > 1);
        end(&t);
    }
    for (unsigned k = 0; names[k]; k++)
        if (seen[k] == 0)
            fail_msg("no slice \"%s\" in any run: its checks say nothing", names[k]);
}

/* Looking on changes nothing: the same times, waits and collections as without a timeline. */
static void test_changes_nothing(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RUNS; i++) {
        struct told t;
        begin(&t, runs[i].config, runs[i].settings, i);
        char path[] = "/tmp/goheap-test-XXXXXX";
        write_trace(path, i);
        struct sim *plain = replay(&t.config, path, NULL);
        unlink(path);
        json_t *with = report_document(t.sim, "trace", (struct wall){0});
        json_t *without = report_document(plain, "trace", (struct wall){0});
        assert_true(json_equal(with, without));
        json_decref(with);
        json_decref(without);
        sim_destroy(plain);
        end(&t);
    }
}

/* A slice an interruption, not an event: P 0's 10,000 allocations, 1 us apart, are one slice that says how long it was
 * idle between them, until a pause of 1 ms. */
static void test_running_is_one_slice(void **state)
{
    (void)state;
    static const char *const settings[] = {"ps=1", "pacing=recorded", "gogc=off", "costs.fault_byte=0", NULL};
    char path[] = "/tmp/goheap-test-XXXXXX", *text;
    size_t size, i, slices = 0;
    FILE *f = fdopen(mkstemp(path), "w");
    fprintf(f, "t_ns,op,id,size\n");
    for (int k = 1; k <= 10000; k++)
        fprintf(f, "%d,alloc,%d,8\n", k * 1000, k);
    fprintf(f, "11000000,end,,\n");
    fclose(f);
    struct sim_config config;
    configure(&config, "go1.19", settings);
    FILE *out = open_memstream(&text, &size);
    struct sim *sim = replay(&config, path, out);
    fclose(out);
    unlink(path);
    json_t *document = json_loadb(text, size, 0, NULL);
    const json_t *e, *running = NULL, *idle = NULL;
    json_array_foreach(json_object_get(document, "traceEvents"), i, e) {
        slices += is(e, "ph", "X");
        running = is(e, "name", "running") ? e : running;
        idle = is(e, "name", "idle") ? e : idle;
    }
    assert_int_equal(slices, 2);
    assert_int_equal(ns(running, "ts"), 0);
    uint64_t worked = sim->accounts.latency[TIER_FAST].sum + sim->accounts.latency[TIER_CENTRAL].sum +
                      sim->accounts.latency[TIER_HEAP].sum + sim->accounts.latency[TIER_OS].sum;
    json_int_t between = json_integer_value(json_object_get(json_object_get(running, "args"), "idle_ns"));
    assert_int_equal(between + (json_int_t)worked, ns(running, "dur"));
    assert_int_equal(ns(idle, "ts") + ns(idle, "dur"), 11000000);
    json_decref(document);
    free(text);
    sim_destroy(sim);
    config_clear(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adds_up),
        cmocka_unit_test(test_changes_nothing),
        cmocka_unit_test(test_running_is_one_slice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
