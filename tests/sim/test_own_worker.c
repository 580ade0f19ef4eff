/* What a P does while its goroutine waits for credit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "model/timeline.h"
#include "run_trace.h"

enum { TRACE_BYTES = 1 << 22 };

/* What the only P that runs a program has done so far. */
struct watched {
    enum timeline_what last;
    unsigned parked; /* so often its goroutine has waited, */
    unsigned worked; /* and the P marked meanwhile */
    unsigned lent;   /* its time to the background, */
    unsigned second; /* which another P is for */
};

static void watch(void *context, enum timeline_track track, uint32_t number, const struct timeline_slice *slice)
{
    struct watched *w = context;
    w->second += track == TIMELINE_WORKER && number == 1;
    if (track != TIMELINE_P || number != 0)
        return;
    bool marks = slice->what == TIMELINE_FRACTIONAL || slice->what == TIMELINE_IDLE_MARKS;
    w->parked += slice->what == TIMELINE_PARKED;
    w->worked += marks && w->last == TIMELINE_PARKED;
    w->lent += slice->what == TIMELINE_LENDS;
    w->last = slice->what;
}

static void ignore_sample(void *context, const struct sample *sample)
{
    (void)context;
    (void)sample;
}

static void ignore_cycle(void *context, const struct cycle_record *record)
{
    (void)context;
    (void)record;
}

static struct watched watched;

static bool run_watched(struct sim *sim, struct trace_source *source, struct error *error)
{
    struct timeline_sink sink = {
        .slice = watch, .sample = ignore_sample, .cycle = ignore_cycle, .context = &watched};
    watched = (struct watched){.last = TIMELINE_RUNS};
    sim->timeline = timeline_new(sim, &sink);
    assert_non_null(sim->timeline);
    bool ran = sim_run(sim, source, error);
    timeline_free(sim->timeline);
    sim->timeline = NULL;
    return ran;
}

/* 100,000 objects of 600 bytes that stay, and a table of them, of which a piece takes 80 ms: nobody sees what those show
 * who scan it until they have found two buffers full, so that a program that allocates has to wait. */
static void watch_growing(const char *config)
{
    static char text[TRACE_BYTES];
    size_t at = (size_t)snprintf(text, sizeof text, "p,op,id,size,noscan\n0,alloc,0,800000,0\n");
    for (unsigned i = 1; i <= 100000; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "0,alloc,%u,600,0\n", i);
    assert_true(at < sizeof text);
    struct run r;
    configure(&r, config, (const char *const[]){"ps=2", "stack_bytes=8192", "costs.mark_object=5000", NULL});
    run_trace_by(&r, text, sim_new, run_watched);
    end_run(&r);
}

/* The P takes what there is as soon as there is any, and does not help the other with its piece. */
static void test_marks_beside_the_background(void **state)
{
    (void)state;
    const char *gos[] = {"go1.19", "go1.26"};
    for (unsigned i = 0; i < 2; i++) {
        watch_growing(gos[i]);
        assert_in_range(watched.parked, 1, 100);
        assert_in_range(watched.worked, 1, watched.parked);
        assert_int_equal(watched.lent, 0);
        assert_int_equal(watched.second, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_marks_beside_the_background)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
