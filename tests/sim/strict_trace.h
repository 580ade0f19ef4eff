/* For test_strict_model: random traces, and settings to run them with. What they do is meant to meet: times that are
 * alike, objects that others free before they exist, collections that many allocate into. */
#ifndef STRICT_TRACE_H
#define STRICT_TRACE_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRACE_STREAMS = 64, TRACE_EVENTS = 6000, TRACE_OPEN = 300, TRACE_SETTINGS = 24 };

static uint32_t draw(uint64_t *random, uint32_t below)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*random >> 33) % below);
}

struct lifetime {
    unsigned id; /* 0: none */
    bool stack, dead;
};

struct trace_text {
    FILE *out;
    uint64_t random;
    bool timed;
    unsigned streams, ids;
    uint64_t now;
    struct lifetime open[TRACE_OPEN];
};

static void begin_row(struct trace_text *t, const char *op)
{
    static const unsigned steps[] = {0, 0, 0, 10, 10, 100, 1000};
    t->now += draw(&t->random, 400) ? steps[draw(&t->random, 7)] : 200000; /* ns */
    if (t->timed)
        fprintf(t->out, "%" PRIu64 ",", t->now);
    fprintf(t->out, "%u,%s", draw(&t->random, t->streams), op);
}

static unsigned draw_size(uint64_t *random)
{
    static const unsigned limits[] = {2, 17, 200, 200, 3000, 33000, 200000};
    return draw(random, limits[draw(random, 7)]);
}

static void write_begin(struct trace_text *t, struct lifetime *l)
{
    unsigned kind = draw(&t->random, 20);
    *l = (struct lifetime){.id = ++t->ids, .stack = kind == 0};
    begin_row(t, l->stack ? "stackalloc" : "alloc");
    if (l->stack)
        fprintf(t->out, ",%u,%u,,\n", l->id, 2048u << draw(&t->random, 6));
    else if (kind == 1)
        fprintf(t->out, ",%u,%u,%u,%u\n", l->id, draw_size(&t->random) + 1, kind % 2, 1u << draw(&t->random, 13));
    else
        fprintf(t->out, ",%u,%u,%u,\n", l->id, draw_size(&t->random), draw(&t->random, 2));
}

static void write_end(struct trace_text *t, struct lifetime *l)
{
    bool dies_first = !l->stack && !l->dead && draw(&t->random, 6) == 0;
    begin_row(t, l->stack ? "stackfree" : dies_first ? "dead" : "free");
    fprintf(t->out, ",%u,,,\n", l->id);
    l->dead = dies_first;
    if (!dies_first)
        l->id = 0;
}

/* The text of a trace with 1 to 64 streams; free it afterwards. */
static char *draw_trace(uint64_t seed)
{
    static struct trace_text t;
    char *text;
    size_t size;
    t = (struct trace_text){.out = open_memstream(&text, &size), .random = seed};
    draw(&t.random, 2);
    t.timed = draw(&t.random, 3) > 0;
    t.streams = 1 + draw(&t.random, TRACE_STREAMS);
    fprintf(t.out, "%sp,op,id,size,noscan,align\n", t.timed ? "t_ns," : "");
    for (unsigned i = 0; i < TRACE_EVENTS; i++) {
        struct lifetime *l = &t.open[draw(&t.random, TRACE_OPEN)];
        unsigned kind = draw(&t.random, 1000);
        if (kind < 2) {
            begin_row(&t, kind ? "gc" : "stats");
            fputs(",,,,\n", t.out);
        } else if (l->id) {
            write_end(&t, l);
        } else {
            write_begin(&t, l);
        }
    }
    fclose(t.out);
    return text;
}

/* One value of each setting; ends in NULL. */
static void draw_settings(uint64_t seed, const char **settings)
{
    static const char *const choices[][4] = {
        {"ps=0", "ps=0", "ps=3", "ps=64"},
        {"reclaim=gc", "reclaim=gc", "reclaim=gc", "reclaim=immediate"},
        {"pacing=recorded", "pacing=think", "pacing=max", "pacing=auto"},
        {"mutex=fifo", "mutex=fifo", "mutex=fifo", "mutex=go"},
        {"window=4096", "window=1048576", "window=4096", "window=1048576"},
        {"gogc=5", "gogc=20", "gogc=100", "gogc=off"},
        {"heap_minimum=64KiB", "heap_minimum=256KiB", "heap_minimum=1MiB", "heap_minimum=2MiB"},
        {"gomemlimit=off", "gomemlimit=off", "gomemlimit=10MiB", "gomemlimit=4MiB"},
        {"background_sweep=true", "background_sweep=true", "background_sweep=true", "background_sweep=false"},
        {"gc_period_ns=120000000000", "gc_period_ns=0", "gc_period_ns=3000000", "gc_period_ns=300000"},
        {"mark_share=0.25", "mark_share=0.25", "mark_share=0.02", "mark_share=0.5"},
        {"timeslice_ns=15000000", "timeslice_ns=100000", "timeslice_ns=10000", "timeslice_ns=1000000"},
        {"costs.alloc=20", "costs.alloc=0", "costs.alloc=10", "costs.alloc=1"},
        {"costs.free=10", "costs.free=0", "costs.free=10", "costs.free=1"},
        {"costs.death=10", "costs.death=0", "costs.death=0", "costs.death=1"},
        {"costs.lock=0", "costs.lock=20", "costs.lock=10", "costs.lock=300"},
        {"costs.handoff=0", "costs.handoff=100", "costs.handoff=10", "costs.handoff=5000"},
        {"costs.mark_object=10", "costs.mark_object=100", "costs.mark_object=1000", "costs.mark_object=0"},
        {"costs.mark_byte=0.1", "costs.mark_byte=0.5", "costs.mark_byte=2", "costs.mark_byte=0"},
        {"costs.sweep_span=500", "costs.sweep_span=5000", "costs.sweep_span=10", "costs.sweep_span=0"},
        {"costs.stop_world=10000", "costs.stop_world=100", "costs.stop_world=0", "costs.stop_world=1000"},
        {"stack_bytes=8000", "stack_bytes=64KiB", "stack_bytes=0", "stack_bytes=1MiB"},
    };

    enum { N = sizeof choices / sizeof choices[0] };
    _Static_assert(N + 2 <= TRACE_SETTINGS, "one of each, strict order, and the end");
    draw(&seed, 2);
    for (unsigned i = 0; i < N; i++)
        settings[i] = choices[i][draw(&seed, 4)];
    settings[N] = "quantum_ns=0";
    settings[N + 1] = NULL;
}

#endif
