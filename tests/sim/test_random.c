/* Random traces on random configurations: whatever happens, the run ends, the heap is consistent (in debug and
 * sanitizer builds it is walked at every collection), and what the trace did is what was counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "run_trace.h"

enum { RUNS = 120, EVENTS = 3000, LIVE = 400 };

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return *seed >> 33;
}

/* What a trace amounts to, counted while it is written. */
struct expected {
    uint64_t events, allocs, zero_sized, live_requested, snapshots, collections;
};

struct lifetime {
    unsigned id;
    uint64_t size;
    bool stack, dead;
};

static uint64_t random_size(uint64_t *seed)
{
    static const unsigned limits[] = {2, 17, 200, 3000, 33000, 500000};
    return next_random(seed) % limits[next_random(seed) % 6];
}

static void write_end(FILE *out, struct lifetime *l, uint64_t t, unsigned p, bool dies_first, struct expected *e)
{
    if (dies_first && !l->stack && !l->dead) {
        fprintf(out, "%llu,%u,dead,%u,,,\n", (unsigned long long)t, p, l->id);
        e->events++;
    }
    fprintf(out, "%llu,%u,%s,%u,,,\n", (unsigned long long)t, p, l->stack ? "stackfree" : "free", l->id);
    e->events++;
    if (!l->stack)
        e->live_requested -= l->size;
    l->id = 0;
}

static void write_begin(FILE *out, struct lifetime *l, uint64_t t, unsigned p, unsigned id, uint64_t *seed,
                        struct expected *e)
{
    unsigned kind = (unsigned)(next_random(seed) % 20);
    *l = (struct lifetime){.id = id, .size = random_size(seed), .stack = kind == 0};
    if (l->stack) {
        fprintf(out, "%llu,%u,stackalloc,%u,%llu,,\n", (unsigned long long)t, p, id, (unsigned long long)l->size);
    } else {
        fprintf(out, "%llu,%u,alloc,%u,%llu,%u,", (unsigned long long)t, p, id, (unsigned long long)l->size, kind % 2);
        if (kind > 17)
            fprintf(out, "%u", 1u << next_random(seed) % 16);
        fputc('\n', out);
        e->allocs++;
        e->zero_sized += l->size == 0;
        e->live_requested += l->size;
    }
    e->events++;
}

static char *write_trace(uint64_t *seed, unsigned ps, struct expected *e)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    static struct lifetime live[LIVE];
    memset(live, 0, sizeof live);
    memset(e, 0, sizeof *e);
    uint64_t t = 0;
    fputs("t_ns,p,op,id,size,noscan,align\n", out);
    for (unsigned i = 1; i <= EVENTS; i++) {
        unsigned p = (unsigned)(next_random(seed) % ps);
        struct lifetime *l = &live[next_random(seed) % LIVE];
        t += next_random(seed) % 200;
        if (next_random(seed) % 500 == 0) {
            bool gc = next_random(seed) % 2;
            fprintf(out, "%llu,%u,%s,,,,\n", (unsigned long long)t, p, gc ? "gc" : "stats");
            e->events++;
            e->snapshots += !gc;
            e->collections += gc;
        } else if (l->id) {
            write_end(out, l, t, p, next_random(seed) % 10 == 0, e);
        } else {
            write_begin(out, l, t, p, i, seed, e);
        }
    }
    fclose(out);
    return text;
}

/* One of each setting's values; the result points into memory of its own. */
static void random_settings(uint64_t *seed, const char **settings)
{
    static const char *const choices[][4] = {
        {"reclaim=gc", "reclaim=immediate", "reclaim=gc", "reclaim=immediate"},
        {"central_locked=true", "central_locked=false", "central_locked=true", "central_locked=false"},
        {"page_cache=true", "page_cache=false", "page_cache=true", "page_cache=true"},
        {"quantum_ns=0", "quantum_ns=0", "quantum_ns=1000", "quantum_ns=1000000"},
        {"pacing=auto", "pacing=think", "pacing=max", "pacing=recorded"},
        {"gogc=off", "gogc=0", "gogc=30", "gogc=100"},
        {"heap_minimum=64KiB", "heap_minimum=256KiB", "heap_minimum=1MiB", "heap_minimum=4MiB"},
        {"background_sweep=true", "background_sweep=true", "background_sweep=false", "background_sweep=true"},
        {"page_size=8192", "page_size=8192", "page_size=16384", "page_size=8192"},
        {"tiny_size=16", "tiny_size=0", "tiny_size=32", "tiny_size=16"},
        {"size_classes=go1.19", "size_classes=pow2", "size_classes=no24", "size_classes=go1.19"},
        {"mark_share=0.25", "mark_share=0", "mark_share=1", "mark_share=0.5"},
        {"gomemlimit=off", "gomemlimit=off", "gomemlimit=6MiB", "gomemlimit=1MiB"},
        {"header_bytes=0", "header_bytes=8", "header_bytes=0", "header_bytes=16"},
        {"pointer_bits_max=0", "pointer_bits_max=512", "pointer_bits_max=1024", "pointer_bits_max=0"},
        {"mark_bytes=0", "mark_bytes=128", "mark_bytes=4096", "mark_bytes=0"},
        {"released_is_zero=true", "released_is_zero=false", "released_is_zero=true", "released_is_zero=false"},
        {"costs.lock=0", "costs.handoff=5000", "costs.mark_object=1000", "costs.sweep_span=5000"},
        {"window=4096", "window=4096", "window=1048576", "window=8192"},
        {"ps=0", "ps=1", "ps=3", "ps=64"},
        {"mutex=fifo", "mutex=go", "mutex=fifo", "mutex=go"},
    };
    
    enum { N = sizeof choices / sizeof choices[0] };
    for (unsigned i = 0; i < N; i++)
        settings[i] = choices[i][next_random(seed) % 4];
    settings[N] = NULL;
}

static void check(const struct run *r, const struct expected *e)
{
    const struct sim *sim = r->sim;
    const struct goheap_memstats *m = &sim->last.heap;
    assert_int_equal(sim->events, e->events);
    assert_int_equal(sim->snapshot_count, e->snapshots);
    assert_int_equal(m->mallocs, e->allocs - e->zero_sized);
    assert_int_equal(m->heap_objects, m->mallocs - m->frees);
    assert_int_equal(m->heap_sys, m->heap_inuse + m->heap_idle);
    assert_true(m->heap_idle >= m->heap_released);
    if (sim->core.reclaim == GOHEAP_RECLAIM_GC)
        assert_true(sim->collector.forced_cycles == e->collections);
    else
        assert_int_equal(sim->collector.cycles, 0);
    assert_int_equal(sim->busy, 0);
    assert_false(sim->stopped);
}

static void test_random_runs(void **state)
{
    (void)state;
    for (uint64_t k = 1; k <= RUNS; k++) {
        uint64_t seed = k * UINT64_C(0x9e3779b97f4a7c15);
        struct expected expected;
        const char *settings[32];
        unsigned ps = 1 + (unsigned)(next_random(&seed) % 9);
        char *text = write_trace(&seed, ps, &expected);
        random_settings(&seed, settings);
        struct run r[2];
        for (int i = 0; i < 2; i++) {
            run_trace(&r[i], text, settings);
            check(&r[i], &expected);
        }
        /* twice the same */
        assert_int_equal(r[0].sim->end_ns, r[1].sim->end_ns);
        assert_memory_equal(&r[0].sim->last, &r[1].sim->last, sizeof r[0].sim->last);
        assert_string_equal(r[0].addresses, r[1].addresses);
        end_run(&r[0]);
        end_run(&r[1]);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_runs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
