/* Streams that outnumber the Ps: schedules by hand to the nanosecond, queues by their recursion, and of random traces
 * that every event happens once and in its stream's order.
 *
 * Events whose time is known: an allocation of no bytes takes costs.alloc and nothing else, here 100 ns, a free under
 * collection nothing; with stopping the world at no cost, neither does `stats`, whose snapshot says when it happened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "run_trace.h"

#define CLOCKWORK                                                                                             \
    "costs.alloc=100", "costs.death=0", "costs.stop_world=0", "costs.stop_p=0", "costs.goroutine_switch=7",    \
        "reclaim=gc", "gogc=off"
#define SETTINGS(...) ((const char *const[]){CLOCKWORK, "scheduler=queue", __VA_ARGS__, NULL})
#define TIMES(...) ((const uint64_t[]){__VA_ARGS__}), sizeof(const uint64_t[]){__VA_ARGS__} / sizeof(uint64_t)

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return *seed >> 33;
}

/* --- by hand ------------------------------------------------------------------------------------------- */

/* The times of `stats` events, in the order in which they happened. */
static void assert_times(const struct run *r, const uint64_t *times, size_t n)
{
    assert_int_equal(r->sim->snapshot_count, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(r->sim->snapshots[i].t_ns, times[i]);
}

static void assert_sched(const struct run *r, uint64_t switches, uint64_t preemptions, uint64_t waited)
{
    const struct sched *s = &r->sim->sched;
    assert_true(s->on);
    assert_int_equal(s->switches, switches);
    assert_int_equal(s->preemptions, preemptions);
    assert_int_equal(s->latency.sum, waited);
    assert_int_equal(r->sim->buffered, 0);
}

static void put_allocs(FILE *out, unsigned stream, unsigned n, unsigned *id)
{
    for (unsigned i = 0; i < n; i++)
        fprintf(out, "%u,alloc,%u,0\n", stream, ++*id);
}

/* Two streams of 25 and 15 allocations take turns on one P, for ten each. */
static void test_slices(void **state)
{
    (void)state;
    char *text;
    size_t size;
    unsigned id = 0;
    FILE *out = open_memstream(&text, &size);
    fputs("p,op,id,size\n", out);
    put_allocs(out, 0, 25, &id);
    fputs("0,stats,,\n", out);
    put_allocs(out, 1, 15, &id);
    fputs("1,stats,,\n", out);
    fclose(out);
    struct run r;
    run_trace(&r, text, SETTINGS("ps=1", "timeslice_ns=1000"));
    /* 0..1000 | 1007..2007 | 2014..3014 | 3021..3521 | 3528..4028 */
    assert_times(&r, TIMES(3521, 4028));
    assert_sched(&r, 4, 3, 1000 + 1007 + 1007 + 507);
    assert_int_equal(r.sim->end_ns, 4028);
    end_run(&r);
    free(text);
}

/* A slice that is over where nobody waits goes on, at no cost. */
static void test_slice_alone(void **state)
{
    (void)state;
    char *text;
    size_t size;
    unsigned id = 0;
    FILE *out = open_memstream(&text, &size);
    fputs("p,op,id,size\n", out);
    put_allocs(out, 0, 5, &id);
    put_allocs(out, 1, 95, &id);
    fputs("1,stats,,\n", out);
    fclose(out);
    struct run r;
    run_trace(&r, text, SETTINGS("ps=1", "timeslice_ns=1000"));
    assert_times(&r, TIMES(10007));
    assert_sched(&r, 1, 0, 500);
    end_run(&r);
    free(text);
}

/* Without a time slice each event is one. */
static void test_no_slice(void **state)
{
    (void)state;
    struct run r;
    run_trace(&r, "p,op,id,size\n0,alloc,1,0\n1,alloc,2,0\n0,alloc,3,0\n1,stats,,\n0,stats,,\n",
              SETTINGS("ps=1", "timeslice_ns=0"));
    /* 0: 0..100 | 1: 107..207 | 0: 214..314 | 1: 321 | 0: 328 */
    assert_times(&r, TIMES(321, 328));
    assert_sched(&r, 4, 3, 100 + 107 + 107 + 7);
    end_run(&r);
}

/* Who sleeps leaves its P to others; it is woken on the P that has nothing to do. */
static void test_sleepers(void **state)
{
    (void)state;
    struct run r;
    run_trace(&r,
              "t_ns,p,op,id,size\n0,0,alloc,1,0\n0,1,alloc,2,0\n200,2,alloc,3,0\n1000,2,alloc,4,0\n1000,2,stats,,\n"
              "5000,1,alloc,5,0\n5000,1,stats,,\n10000,0,alloc,6,0\n10000,0,stats,,\n",
              SETTINGS("ps=2"));
    /* P 0: stream 0 to 100, 2 from 200 (switch: 207) to 307, and 1000 to 1100, 0 from 10000 (10007) to 10107
       P 1: stream 1 to 100, and 5000 to 5100 */
    assert_times(&r, TIMES(1100, 5100, 10107));
    assert_sched(&r, 2, 0, 0);
    assert_int_equal(r.sim->end_ns, 10107);
    end_run(&r);
}

/* A P that waits for a stream that is due at 5000 runs one that can go on before. */
static void test_idle_p_is_given_another(void **state)
{
    (void)state;
    struct run r;
    run_trace(&r,
              "t_ns,p,op,id,size\n0,0,alloc,1,0\n0,1,alloc,2,0\n300,0,alloc,3,0\n150,2,free,3,\n200,2,stats,,\n"
              "2000,0,stats,,\n5000,1,alloc,4,0\n5000,1,stats,,\n",
              SETTINGS("ps=2"));
    /* P 0: stream 0 to 100, 2 from 150 (157), which waits for object 3; waits for stream 1, due at 5000
       P 1: stream 1 to 100, 0 from 300 (307) to 407: object 3 is there
       P 0: stream 2 from 407 on, the last that it ran: no switch; 1 from 5000 (5007) to 5107 */
    assert_times(&r, TIMES(407, 2000, 5107));
    assert_sched(&r, 3, 0, 0);
    end_run(&r);
}

/* Recorded gaps begin when the event before is over, not when the P was free: stream 1's is 1000 long. */
static void test_think(void **state)
{
    (void)state;
    struct run r;
    run_trace(&r,
              "t_ns,p,op,id,size\n0,0,alloc,1,0\n0,0,alloc,2,0\n0,0,alloc,3,0\n0,1,alloc,4,0\n1000,1,alloc,5,0\n"
              "1000,1,stats,,\n",
              SETTINGS("ps=1", "pacing=think"));
    /* stream 0 to 300, 1 (307) to 407, 1407 to 1507 */
    assert_times(&r, TIMES(1507));
    assert_sched(&r, 1, 0, 300);
    end_run(&r);
}

/* On one P, one stream waits for what another is to allocate. */
static void test_awaits_on_one_p(void **state)
{
    (void)state;
    struct run r;
    run_trace(&r, "p,op,id,size\n0,alloc,9,0\n1,alloc,1,0\n0,free,1,\n0,stats,,\n1,stats,,\n", SETTINGS("ps=1"));
    /* 0: to 100, 1 is not there; 1: 107 to 207, 0 can go on; 1 ends; 0: 214 */
    assert_times(&r, TIMES(207, 214));
    assert_sched(&r, 2, 0, 100);
    end_run(&r);
}

/* Many wait, each for its own object; only whose object it is goes on. */
static void test_awaits_its_own(void **state)
{
    (void)state;
    enum { WAITING = 40 };
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fputs("p,op,id,size\n0,stats,,\n", out);
    for (unsigned i = 1; i <= WAITING; i++)
        fprintf(out, "%u,stats,,\n", i);
    for (unsigned i = 1; i <= WAITING; i++)
        fprintf(out, "0,alloc,%u,0\n%u,free,%u,\n%u,stats,,\n", i, i, i, i);
    fclose(out);
    struct run r;
    run_trace(&r, text, SETTINGS("ps=1", "timeslice_ns=0"));
    /* 0 begins, up to the first allocation: what takes no time does not cost it its turn. From then on switches are to
       0 for each allocation, to each of the others for its three events, and, 1 and 2 apart, once in vain */
    assert_int_equal(r.sim->snapshot_count, 1 + 2 * WAITING);
    assert_int_equal(r.sim->events, 1 + 4 * WAITING);
    uint64_t last = r.sim->snapshots[2 * WAITING].t_ns;
    assert_int_equal(r.sim->sched.switches, 5 * WAITING - 3);
    assert_int_equal(last, WAITING * 100 + (5 * WAITING - 3) * 7);
    end_run(&r);
    free(text);
}

/* A collection that one stream asks for does not hold up another on the same P. */
static void test_collection(void **state)
{
    (void)state;
    struct run r;
    run_trace(&r,
              "p,op,id,size,noscan\n0,alloc,1,1000,0\n0,gc,,,\n0,stats,,,\n1,alloc,2,0,1\n1,stats,,,\n1,gc,,,\n"
              "1,stats,,,\n",
              SETTINGS("ps=1", "globals_bytes=1MiB", "stack_bytes=8000"));
    const struct collector *c = &r.sim->collector;
    assert_int_equal(c->forced_cycles, 2);
    assert_int_equal(r.sim->snapshot_count, 3);
    assert_true(r.sim->snapshots[0].t_ns > c->records[0].start_ns);
    assert_true(r.sim->snapshots[0].t_ns < c->records[0].end_ns);
    assert_true(r.sim->snapshots[1].t_ns >= c->records[0].end_ns);
    assert_true(r.sim->snapshots[2].t_ns >= c->records[1].end_ns);
    end_run(&r);
}

/* The window is full when P 1 runs out, and has room when P 2 does, who comes upon a fourth stream. */
static void test_window_is_full(void **state)
{
    (void)state;
    char *text;
    size_t size;
    unsigned id = 0;
    FILE *out = open_memstream(&text, &size);
    fputs("t_ns,p,op,id,size\n0,0,alloc,90000,0\n0,1,alloc,90001,0\n", out);
    for (unsigned i = 0; i < 4400; i++)
        fprintf(out, i >= 3000 && i < 4200 ? "0,2,alloc,%u,0\n" : "900000,0,alloc,%u,0\n", ++id);
    fputs("500000,3,stats,,\n", out);
    fclose(out);
    struct run r;
    run_trace(&r, text, SETTINGS("ps=3", "window=4096"));
    /* P 0 looks again and runs stream 3 first; another P takes stream 0 */
    assert_times(&r, TIMES(500007));
    assert_sched(&r, 2, 0, 0);
    assert_int_equal(r.sim->end_ns, 900007 + 3200 * 100);
    end_run(&r);
    free(text);
}

/* No more streams than Ps: nothing of this happens. */
static void test_not_outnumbered(void **state)
{
    (void)state;
    struct run r;
    run_trace(&r, "p,op,id,size\n0,alloc,1,0\n1,alloc,2,0\n1,stats,,\n0,stats,,\n", SETTINGS("ps=2"));
    assert_false(r.sim->sched.on);
    assert_times(&r, TIMES(100, 100));
    end_run(&r);
}

/* --- in closed form ------------------------------------------------------------------------------------ */

/* Streams of a few allocations that come at random are a queue with as many servers as Ps: who comes next is served by
 * the server that is free first (Kiefer and Wolfowitz; with one server Lindley's recursion). */
static char *write_arrivals(uint64_t seed, unsigned streams, unsigned gap, unsigned ps, uint64_t *waited, uint64_t *end)
{
    uint64_t free_at[8] = {0}, t = 0;
    unsigned id = 0;
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    *waited = *end = 0;
    fputs("t_ns,p,op,id,size\n", out);
    for (unsigned i = 0; i < streams; i++) {
        t += 1 + next_random(&seed) % gap;
        unsigned n = 1 + (unsigned)(next_random(&seed) % 9), first = 0;
        for (unsigned k = 1; k < ps; k++)
            first = free_at[k] < free_at[first] ? k : first;
        uint64_t begins = free_at[first] > t ? free_at[first] : t;
        *waited += begins - t;
        free_at[first] = begins + n * UINT64_C(100);
        *end = free_at[first] > *end ? free_at[first] : *end;
        for (unsigned k = 0; k < n; k++)
            fprintf(out, "%llu,%u,alloc,%u,0\n", (unsigned long long)t, i, ++id);
    }
    fclose(out);
    return text;
}

static void test_queue_recursion(void **state)
{
    (void)state;
    static const unsigned loads[] = {60, 90, 99}; /* percent */
    for (unsigned ps = 1; ps <= 8; ps++) {
        for (unsigned l = 0; l < 3; l++) {
            uint64_t waited, end;
            char *text = write_arrivals(ps * 10 + l, 3000, 2 * 500 * 100 / ps / loads[l], ps, &waited, &end), p[16];
            snprintf(p, sizeof p, "ps=%u", ps);
            struct run r;
            run_trace(&r, text, SETTINGS(p, "costs.goroutine_switch=0"));
            assert_int_equal(r.sim->sched.latency.sum, waited);
            assert_int_equal(r.sim->end_ns, end);
            assert_true(waited > 0);
            end_run(&r);
            free(text);
        }
    }
}

/* One P that always has something to run: its time is that of the events, and of switches. */
static void test_busy_p(void **state)
{
    (void)state;
    static const char *const slices[] = {"timeslice_ns=0", "timeslice_ns=777", "timeslice_ns=15000000"};
    enum { EVENTS = 9000, STREAMS = 30 };
    char *text;
    size_t size;
    uint64_t seed = 5;
    FILE *out = open_memstream(&text, &size);
    fputs("p,op,id,size\n", out);
    for (unsigned i = 0; i < EVENTS; i++)
        fprintf(out, "%u,alloc,%u,0\n", (unsigned)(next_random(&seed) % STREAMS), i + 1);
    fclose(out);
    for (unsigned i = 0; i < 3; i++) {
        struct run r;
        run_trace(&r, text, SETTINGS("ps=1", slices[i]));
        assert_int_equal(r.sim->end_ns, EVENTS * UINT64_C(100) + 7 * r.sim->sched.switches);
        assert_true(r.sim->sched.switches >= STREAMS - 1);
        assert_int_equal(r.sim->events, EVENTS);
        end_run(&r);
    }
    free(text);
}

/* --- random traces ------------------------------------------------------------------------------------- */

/* A source that knows which event ends which lifetime, and looks at each end whether it is its turn. */
enum { RELEASED = 0x7fffffff };
struct script {
    struct trace_source source;
    struct trace_event *events;
    uint32_t *ends;  /* by slot: the event that frees it, or RELEASED */
    uint32_t *next;  /* by event: the next one of its stream */
    uint32_t n, at, slots;
    uint32_t frees, released; /* that there are, and that have been seen */
    uint32_t first[64];       /* of each stream, of the events that are not known to have happened */
    const struct sim *sim;
};

static size_t script_read(struct trace_source *source, struct trace_event *events, size_t max, struct error *error)
{
    (void)error;
    struct script *s = (struct script *)(void *)source;
    size_t n = s->n - s->at < max ? s->n - s->at : max;
    memcpy(events, s->events + s->at, n * sizeof *events);
    s->at += (uint32_t)n;
    return n;
}

static bool has_begun(const struct script *s, uint32_t slot)
{
    return s->ends[slot] == RELEASED ||
           (slot < s->sim->object_room && s->sim->objects[slot].addr > OBJECT_AWAITED);
}

/* A free happens: none of its stream's has that comes after, and all of them that come before. */
static void script_release(struct trace_source *source, uint32_t slot)
{
    struct script *s = (struct script *)(void *)source;
    uint32_t this = s->ends[slot], stream = s->events[this].stream;
    s->ends[slot] = RELEASED;
    assert_true(s->first[stream] <= this);
    for (uint32_t i = s->first[stream]; i < s->n; i = s->next[i]) {
        const struct trace_event *e = &s->events[i];
        if (e->op == TRACE_ALLOC || e->op == TRACE_STACKALLOC)
            assert_int_equal(has_begun(s, e->slot), i < this);
    }
    s->first[stream] = s->next[this];
    s->released++;
}

static void script_close(struct trace_source *source)
{
    struct script *s = (struct script *)(void *)source;
    free(s->events);
    free(s->ends);
    free(s->next);
}

static void add_begin(struct script *s, struct trace_event *e, uint64_t *seed)
{
    static const unsigned limits[] = {2, 17, 200, 3000, 40000};
    bool stack = next_random(seed) % 20 == 0;
    e->op = stack ? TRACE_STACKALLOC : TRACE_ALLOC;
    uint64_t size = stack ? 2048 : next_random(seed) % limits[next_random(seed) % 5];
    e->size = size & TRACE_SIZE_FIELD;
    e->noscan = next_random(seed) & 1;
    e->slot = s->slots;
    e->id = s->slots + 1;
    s->ends[s->slots++] = UINT32_MAX; /* none yet */
}

static void add_end(struct script *s, struct trace_event *e, uint32_t i, uint32_t begin)
{
    bool stack = s->events[begin].op == TRACE_STACKALLOC;
    e->op = stack ? TRACE_STACKFREE : TRACE_FREE;
    e->slot = s->events[begin].slot;
    e->id = e->slot + 1;
    s->ends[e->slot] = i;
    s->frees++;
}

/* A random stream; they first appear in the order of their numbers, most of them perhaps in the second half only. */
static uint32_t add_to_stream(struct script *s, uint64_t *seed, uint32_t i, uint32_t among, uint32_t *last,
                              uint32_t *known)
{
    uint32_t stream = (uint32_t)(next_random(seed) % among);
    if (stream >= *known) {
        stream = (*known)++;
        s->first[stream] = i;
    } else {
        s->next[last[stream]] = i;
    }
    s->next[i] = s->n;
    last[stream] = i;
    return stream;
}

/* Events by random streams, with frees of whatever lives. */
static void write_script(struct script *s, uint64_t *seed, uint32_t n, uint32_t streams)
{
    uint32_t live[64], lives = 0, last[64], known = 0, early = 1 + (uint32_t)(next_random(seed) % streams);
    uint64_t t = 0;
    *s = (struct script){.source = {.read = script_read, .release = script_release, .close = script_close,
                                    .name = "script", .timed = true}, .n = n};
    s->events = calloc(n, sizeof *s->events);
    s->ends = calloc(n, sizeof *s->ends);
    s->next = calloc(n, sizeof *s->next);
    for (uint32_t i = 0; i < n; i++) {
        struct trace_event *e = &s->events[i];
        e->stream = add_to_stream(s, seed, i, i < n / 2 ? early : streams, last, &known);
        e->time_ns = t += next_random(seed) % 300;
        uint64_t kind = next_random(seed) % 300;
        if (kind == 0) {
            e->op = TRACE_GC;
        } else if (kind == 1) {
            e->op = TRACE_STATS;
        } else if (lives == 64 || (lives && next_random(seed) % 2)) {
            uint32_t which = (uint32_t)(next_random(seed) % lives);
            add_end(s, e, i, live[which]);
            live[which] = live[--lives];
        } else {
            live[lives++] = i;
            add_begin(s, e, seed);
        }
    }
}

/* Runs it; the time at which it ends. */
static uint64_t run_script(uint64_t seed, const char *const *settings)
{
    struct script s;
    struct run r;
    struct error error = {.text = ""};
    uint32_t n = 1 + (uint32_t)(next_random(&seed) % 6000), streams = 1 + (uint32_t)(next_random(&seed) % 64);
    write_script(&s, &seed, n, streams);
    configure(&r, "go1.26", settings);
    struct sim *sim = sim_new(&r.config, &error);
    assert_non_null(sim);
    s.sim = sim;
    if (!sim_run(sim, &s.source, &error))
        fail_msg("%s", error.text);
    assert_int_equal(sim->events, n);
    assert_int_equal(sim->buffered, 0);
    assert_int_equal(s.released, s.frees);
    for (uint32_t i = 0; i < s.slots; i++)
        assert_true(has_begun(&s, i));
    assert_int_equal(sim->sched.latency.max > 0 && !sim->sched.on, 0);
    char why[256] = "";
    if (!goheap_verify(sim->heap, why, sizeof why))
        fail_msg("%s", why);
    uint64_t end = sim->end_ns;
    s.source.close(&s.source);
    sim_destroy(sim);
    config_clear(&r.config);
    return end;
}

static void test_random_scripts(void **state)
{
    (void)state;
    static const char *const ps[] = {"ps=1", "ps=2", "ps=3", "ps=4", "ps=5", "ps=6", "ps=8", "ps=17"};
    static const char *const slices[] = {"timeslice_ns=0", "timeslice_ns=1000", "timeslice_ns=50000",
                                         "timeslice_ns=15000000"};
    static const char *const pacings[] = {"pacing=max", "pacing=recorded", "pacing=think"};
    static const char *const quanta[] = {"quantum_ns=0", "quantum_ns=0", "quantum_ns=1000"};
    static const char *const reclaims[] = {"reclaim=gc", "reclaim=gc", "reclaim=immediate"};
    for (uint64_t k = 1; k <= 200; k++) {
        uint64_t seed = k * UINT64_C(0x9e3779b97f4a7c15);
        const char *const settings[] = {"scheduler=queue", ps[next_random(&seed) % 8], slices[next_random(&seed) % 4],
                                        pacings[next_random(&seed) % 3], quanta[next_random(&seed) % 3],
                                        reclaims[next_random(&seed) % 3], "gogc=20", "heap_minimum=64KiB",
                                        "window=4096", NULL};
        assert_int_equal(run_script(seed, settings), run_script(seed, settings));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_slice_alone),
        cmocka_unit_test(test_no_slice),
        cmocka_unit_test(test_sleepers),
        cmocka_unit_test(test_idle_p_is_given_another),
        cmocka_unit_test(test_think),
        cmocka_unit_test(test_awaits_on_one_p),
        cmocka_unit_test(test_awaits_its_own),
        cmocka_unit_test(test_collection),
        cmocka_unit_test(test_window_is_full),
        cmocka_unit_test(test_not_outnumbered),
        cmocka_unit_test(test_queue_recursion),
        cmocka_unit_test(test_busy_p),
        cmocka_unit_test(test_random_scripts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
