/* How fast the replay is: a synthetic trace of 10 million events with 1 million live objects, from memory,
 * beside a plain loop that only reads the same events; and once 100 million events on 128 Ps, with the most memory
 * that any of the replays took. `make bench` runs it; ratios hold, times do not. Times are of the processor, so that a
 * busy machine does not look slow.
 *
 * The trace: a million allocations, then a random object dies and another is born, again and again. Sizes are
 * spread as services' are: most small, few large; a third of the objects hold pointers. As all objects that the births
 * and deaths begin with are alive again at their end, there can be any number of rounds of them. */
#include "model/sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { EVENTS = 10 * 1000 * 1000, LIVE = 1000 * 1000, REPEATS = 5, LONG_ROUNDS = 11 };

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static uint64_t random_size(uint64_t *seed)
{
    uint64_t r = next_random(seed);
    unsigned top = (unsigned)(r % 100);
    uint64_t low = r >> 32;
    if (top < 30)
        return 1 + low % 32;
    if (top < 80)
        return 32 + low % 224;
    if (top < 97)
        return 256 + low % 1792;
    return top < 99 ? 2048 + low % 14336 : 16384 + low % 49152;
}

static void fill(struct trace_event *events, uint32_t streams)
{
    uint64_t seed = 42;
    uint32_t slot = 0;
    memset(events, 0, EVENTS * sizeof *events);
    for (uint64_t i = 0; i < EVENTS; i++) {
        struct trace_event *e = &events[i];
        bool frees = i >= LIVE && (i - LIVE) % 2 == 0;
        if (frees)
            slot = (uint32_t)(next_random(&seed) % LIVE);
        else if (i < LIVE)
            slot = (uint32_t)i;
        e->slot = slot;
        e->stream = slot % streams;
        e->op = frees ? TRACE_FREE : TRACE_ALLOC;
        if (!frees) {
            e->size = random_size(&seed) & TRACE_SIZE_FIELD;
            e->noscan = next_random(&seed) % 3 != 0;
        }
    }
}

/* --- from memory --------------------------------------------------------------------------------------- */

struct memory_source {
    struct trace_source source;
    const struct trace_event *events;
    size_t at, rounds;
};

static size_t memory_read(struct trace_source *source, struct trace_event *events, size_t max, struct error *error)
{
    (void)error;
    struct memory_source *m = (struct memory_source *)source;
    if (m->at == EVENTS && m->rounds > 1) {
        m->rounds--;
        m->at = LIVE;
    }
    size_t n = EVENTS - m->at < max ? EVENTS - m->at : max;
    memcpy(events, m->events + m->at, n * sizeof *events);
    m->at += n;
    return n;
}

static void memory_release(struct trace_source *source, uint32_t slot)
{
    (void)source;
    (void)slot;
}

/* Of this thread on a processor: what neighbours on the machine take does not count. */
static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double replay(const struct trace_event *events, size_t rounds, uint64_t ps, const char *reclaim)
{
    struct memory_source m = {.source = {.read = memory_read, .release = memory_release, .name = "synthetic"},
                              .events = events, .rounds = rounds};
    struct error error = {.text = ""};
    struct sim_config config;
    char set[64];
    config_init(&config);
    config.ps = ps;
    snprintf(set, sizeof set, "reclaim=%s", reclaim);
    if (!config_load(&config, CONFIG_DEFAULT, &error) || !config_set(&config, set, &error)) {
        fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
    config.ps = ps;
    double began = seconds_now();
    struct sim *sim = sim_new(&config, &error);
    if (!sim || !sim_run(sim, &m.source, &error)) {
        fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
    sim_destroy(sim);
    config_clear(&config);
    return seconds_now() - began;
}

static uint64_t sink;

static double read_only(const struct trace_event *events)
{
    double began = seconds_now();
    uint64_t sum = 0;
    for (size_t i = 0; i < EVENTS; i++)
        sum += events[i].time_ns + events[i].size + events[i].slot + events[i].op;
    __asm__ volatile("" : "+r"(sum)); /* or a clever compiler leaves the loop out */
    __atomic_store_n(&sink, sum, __ATOMIC_RELAXED);
    return seconds_now() - began;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *times)
{
    qsort(times, REPEATS, sizeof *times, ascending);
    return times[REPEATS / 2];
}

static void tell(const char *what, double seconds, double plain)
{
    printf("%-34s %7.1f M events a CPU second  %6.1f ns/event  %6.1f x the plain loop\n", what, EVENTS / seconds / 1e6,
           seconds / EVENTS * 1e9, seconds / plain);
}

/* The events themselves, read from a file elsewhere, are in memory here, and are not the replay's. */
static void tell_long(struct trace_event *events)
{
    const double n = LIVE + (double)LONG_ROUNDS * (EVENTS - LIVE);
    fill(events, 128);
    double seconds = replay(events, LONG_ROUNDS, 128, "gc");
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double mib = (double)usage.ru_maxrss / 1024 - (double)EVENTS * sizeof *events / (1 << 20);
    printf("128 Ps, gc, %.0f M events: %.1f CPU seconds, %.1f ns/event, at most %.0f MiB\n", n / 1e6, seconds,
           seconds / n * 1e9, mib);
}

int main(void)
{
    struct trace_event *events = malloc(EVENTS * sizeof *events);
    if (!events)
        return 1;
    static const struct { const char *what, *reclaim; uint32_t ps; } cases[] = {
        {"replay, 1 P, gc", "gc", 1},
        {"replay, 1 P, immediate", "immediate", 1},
        {"replay, 4 Ps, gc", "gc", 4},
        {"replay, 128 Ps, gc", "gc", 128},
        {"replay, 1,024 Ps, gc", "gc", 1024},
    };
    enum { CASES = sizeof cases / sizeof cases[0] };
    double times[CASES][REPEATS], plain[REPEATS];
    for (int r = 0; r < REPEATS; r++) {
        for (int c = 0; c < CASES; c++) {
            fill(events, cases[c].ps);
            times[c][r] = replay(events, 1, cases[c].ps, cases[c].reclaim);
        }
        plain[r] = read_only(events);
    }
    printf("%d events, %d live, medians of %d runs\n", EVENTS, LIVE, REPEATS);
    double base = median(plain);
    tell("plain loop that reads them", base, base);
    for (int c = 0; c < CASES; c++)
        tell(cases[c].what, median(times[c]), base);
    tell_long(events);
    free(events);
    return 0;
}
