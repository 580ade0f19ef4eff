/* Many streams: each gets its events, however unevenly they come, and none waits for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "run_trace.h"

enum { EVENTS = 60000, BACK = 901 };

/* Every third event frees what another stream allocated some hundred events before; later ones know more streams. */
static char *many_events(unsigned streams)
{
    size_t size = EVENTS * 40, at;
    char *text = malloc(size);
    assert_non_null(text);
    at = (size_t)snprintf(text, size, "t_ns,p,op,id,size,noscan\n");
    uint64_t seed = 1;
    for (unsigned i = 0; i < EVENTS; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        unsigned p = (unsigned)(seed >> 40) % (streams * (i / 600 + 1) / 100 + 1);
        bool frees = i % 3 == 2 && i > BACK;
        at += (size_t)snprintf(text + at, size - at, frees ? "%u,%u,free,%u,,\n" : "%u,%u,alloc,%u,48,1\n", i * 3, p,
                               frees ? i - BACK : i);
    }
    return text;
}

/* Runs twice: all events are executed, and both times alike. */
static void run_all(const char *text, const char *const *settings)
{
    struct run r[2];
    for (int k = 0; k < 2; k++) {
        run_trace(&r[k], text, settings);
        assert_int_equal(r[k].sim->events, EVENTS);
        assert_int_equal(r[k].sim->buffered, 0);
    }
    assert_int_equal(r[0].sim->end_ns, r[1].sim->end_ns);
    assert_string_equal(r[0].addresses, r[1].addresses);
    end_run(&r[0]);
    end_run(&r[1]);
}

static const char *const pacings[] = {"pacing=max", "pacing=recorded", "pacing=think"};

/* The window is full time and again, of events of others than those who wait for some. */
static void test_small_window(void **state)
{
    (void)state;
    char *text = many_events(1000);
    for (int i = 0; i < 3; i++) {
        const char *const settings[] = {"ps=1024", "window=4096", pacings[i], NULL};
        run_all(text, settings);
    }
    free(text);
}

/* Ps come into being while others run, and while the trace is being read. */
static void test_ps_appear(void **state)
{
    (void)state;
    char *text = many_events(400);
    for (int i = 0; i < 3; i++) {
        const char *const settings[] = {"window=4096", pacings[i], NULL};
        run_all(text, settings);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_window),
        cmocka_unit_test(test_ps_appear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
