/* The whole model in strict order: each random trace is simulated twice at quantum 0, by the simulator's engine and by
 * one that always looks at every process to find the earliest (strict_engine.h). The results' document, addresses,
 * gctrace, the course of the heap and the timeline must be the same to the byte.
 *
 *     trace, settings --sim/engine: heap, stacks at hand, several events a turn--> texts
 *                    \--strict_engine.h: one event at a time ------------------> texts, the same
 *
 * GOHEAP_STRICT_TRACES=N runs that many traces instead.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/report.h"
#include "report/timeline_json.h"
#include "run_trace.h"
#include "strict_engine.h"
#include "strict_trace.h"

#ifdef GOHEAP_DEBUG
enum { TRACES = 16 }; /* slow, and each collection checks the heap */
#else
enum { TRACES = 64 };
#endif

/* --- one run ------------------------------------------------------------------------------------------- */

enum { DOCUMENT, ADDRESSES, GCTRACE, SERIES, TIMELINE, TEXTS };

struct texts {
    char *of[TEXTS];
};

static char *text_of_document(struct sim *sim)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    json_t *document = report_document(sim, "trace", (struct wall){0});
    assert_non_null(document);
    report_dump(document, out);
    json_decref(document);
    fclose(out);
    return text;
}

static char *text_of_series(const struct accounts *a)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    for (uint32_t i = 0; i < a->sample_count; i++) {
        const struct sample *s = &a->samples[i];
        const uint64_t values[] = {s->t_ns, s->mapped, s->released, s->in_use, s->live, s->requested,
                                   s->heap_sys, s->heap_idle, s->stack_inuse, s->heap_live, s->goal, s->cycles};
        for (size_t k = 0; k < sizeof values / sizeof values[0]; k++)
            fprintf(out, "%" PRIu64 " ", values[k]);
        fputc('\n', out);
    }
    fclose(out);
    return text;
}

static struct texts *watched; /* of the run under way */

/* Runs with what looks on: gctrace and timeline. */
static bool run_watched(struct sim *sim, struct trace_source *source, struct error *error)
{
    size_t size[2];
    FILE *gctrace = open_memstream(&watched->of[GCTRACE], &size[0]);
    FILE *timeline = open_memstream(&watched->of[TIMELINE], &size[1]);
    struct timeline_writer writer;
    sim->listener = (struct cycle_listener){report_gctrace, gctrace};
    bool ok = report_timeline_begin(&writer, sim, timeline, error) && sim_run(sim, source, error);
    if (ok)
        report_timeline_end(&writer);
    report_timeline_free(&writer);
    sim->timeline = NULL;
    fclose(gctrace);
    fclose(timeline);
    return ok;
}

/* What the traces were worth: how often things happened that need an order. */
struct worth {
    uint64_t cycles, assists, contended, scavenged, swept, pacings[PACING_MAX + 1];
};

static void add_worth(struct worth *w, const struct sim *sim)
{
    w->cycles += sim->collector.cycles;
    w->assists += sim->collector.assist_ns > 0;
    w->scavenged += sim->scavenger.released > 0;
    w->swept += sim->collector.spans_swept_background;
    w->pacings[sim->pacing]++;
    for (const struct named_lock *l = sim->locks; l; l = l->next)
        w->contended += l->lock.contended;
}

static void simulate(bool plainly, const char *config, const char *trace, const char *const *settings,
                     struct texts *texts, struct worth *worth)
{
    struct run r;
    plain.chosen = plainly;
    watched = texts;
    configure(&r, config, settings);
    run_trace_by(&r, trace, sim_new, run_watched);
    texts->of[DOCUMENT] = text_of_document(r.sim);
    texts->of[SERIES] = text_of_series(&r.sim->accounts);
    texts->of[ADDRESSES] = r.addresses;
    r.addresses = NULL;
    if (worth)
        add_worth(worth, r.sim);
    end_run(&r);
    plain.chosen = false;
}

/* --- both ---------------------------------------------------------------------------------------------- */

/* Says where they part: the whole is too much to look at. */
static void same_text(uint64_t seed, const char *config, const char *what, const char *engine, const char *reference)
{
    unsigned line = 1;
    for (size_t i = 0, begin = 0; engine[i] || reference[i]; i++) {
        if (engine[i] != reference[i])
            fail_msg("trace %" PRIu64 " on %s, %s, line %u: \"%.*s\"; in plain order \"%.*s\"", seed, config, what,
                     line, (int)strcspn(engine + begin, "\n"), engine + begin,
                     (int)strcspn(reference + begin, "\n"), reference + begin);
        if (engine[i] == '\n') {
            line++;
            begin = i + 1;
        }
    }
}

static void compare(uint64_t seed, const char *config, struct texts *engine, struct texts *reference)
{
    static const char *const names[TEXTS] = {"document", "addresses", "gctrace", "series", "timeline"};
    for (unsigned i = 0; i < TEXTS; i++)
        same_text(seed, config, names[i], engine->of[i], reference->of[i]);
    for (unsigned i = 0; i < TEXTS; i++) {
        free(engine->of[i]);
        free(reference->of[i]);
    }
}

static uint64_t traces_wanted(void)
{
    const char *wanted = getenv("GOHEAP_STRICT_TRACES");
    return wanted ? strtoull(wanted, NULL, 10) : TRACES;
}

static void test_random_traces(void **state)
{
    (void)state;
    static const char *const configs[] = {"go1.26", "go1.19", "go1.5", "go1.11"};
    uint64_t traces = traces_wanted();
    struct worth worth = {0};
    for (uint64_t seed = 1; seed <= traces; seed++) {
        const char *settings[TRACE_SETTINGS], *config = configs[seed % 4];
        struct texts engine, reference;
        char *trace = draw_trace(seed * UINT64_C(0x9e3779b97f4a7c15));
        draw_settings(seed * UINT64_C(0xd1342543de82ef95), settings);
        simulate(false, config, trace, settings, &engine, &worth);
        simulate(true, config, trace, settings, &reference, NULL);
        compare(seed, config, &engine, &reference);
        free(trace);
    }
    if (traces < TRACES)
        return;
    /* the traces are worth running: many cycles, assists and waits for locks among them, in all pacings */
    assert_true(worth.cycles > 4 * traces);
    assert_true(worth.contended > 100 * traces);
    assert_true(worth.assists > traces / 8);
    assert_true(worth.scavenged > 0);
    assert_true(worth.swept > 10 * traces);
    for (unsigned i = PACING_RECORDED; i <= PACING_MAX; i++)
        assert_true(worth.pacings[i] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_traces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
