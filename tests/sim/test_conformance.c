/* Against the real Go: what its MemStats said of the same traces, to the object.
 *
 *     trace (made here, seeded) --+--> goheap's replay ----------------------------> MemStats
 *                                 +--> tests/oracle/oracle.go in the real runtime --> go1.19/NAME.txt, committed
 *
 * `test_conformance --trace NAME` prints a trace; `make oracle` runs the oracle on all of them again. Compared
 * are Mallocs, Frees, TotalAlloc, HeapAlloc, HeapObjects and every row of BySize, at every snapshot: all
 * of them depend on the allocator alone, not on what the runtime itself had allocated before.
 */
#include "model/sim.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { EVENTS = 20000, CHECKPOINTS = 4 };

static const char *const names[] = {"mixed", "small", "tiny", "large", "classes", "phases"};
enum { MIXED, SMALL, TINY, LARGE, CLASSES, PHASES, TRACES };

/* --- the traces ---------------------------------------------------------------------------------------- */

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return *seed >> 33;
}

static uint64_t between(uint64_t *seed, uint64_t from, uint64_t to)
{
    return from + next_random(seed) % (to - from);
}

static uint64_t mixed_size(uint64_t *seed)
{
    uint64_t r = next_random(seed) % 100;
    return r < 30   ? between(seed, 1, 16)
           : r < 80 ? between(seed, 8, 512)
           : r < 97 ? between(seed, 512, 32769)
                    : between(seed, 32769, 200000);
}

static uint64_t size_of(unsigned trace, uint64_t *seed, unsigned i)
{
    static const uint64_t usual[] = {16, 24, 32, 48, 64, 100, 500, 1000, 2000};
    struct goheap_config core;
    switch (trace) {
    case SMALL:
    case PHASES:
        return usual[next_random(seed) % 9];
    case TINY:
        return between(seed, 1, 16);
    case LARGE:
        return between(seed, 32769, 400000);
    case CLASSES:
        goheap_config_go119(&core);
        return core.table.classes[1 + i % (core.table.count - 1)].size - next_random(seed) % 2;
    default:
        return mixed_size(seed);
    }
}

/* How many of a hundred events are frees: phases grow, then shrink, and leave holes. */
static unsigned frees_of_hundred(unsigned trace, unsigned i)
{
    return trace == PHASES ? (i / (EVENTS / 8) % 2 ? 80 : 15) : 45;
}

static void write_trace(unsigned trace, FILE *out)
{
    static uint32_t live[EVENTS];
    uint32_t count = 0, id = 0;
    uint64_t seed = trace + 1;
    fprintf(out, "op,id,size,noscan\n");
    for (unsigned i = 0; i < EVENTS; i++) {
        if (count && next_random(&seed) % 100 < frees_of_hundred(trace, i)) {
            uint32_t k = (uint32_t)(next_random(&seed) % count);
            fprintf(out, "free,%u,,\n", live[k]);
            live[k] = live[--count];
        } else {
            unsigned noscan = trace == TINY || next_random(&seed) % 2;
            uint64_t size = size_of(trace, &seed, i);
            if (!noscan && (size &= ~UINT64_C(7)) == 0)
                size = 8; /* objects with pointers are made of words */
            fprintf(out, "alloc,%u,%u,%u\n", id, (unsigned)size, noscan);
            live[count++] = id++;
        }
        if ((i + 1) % (EVENTS / CHECKPOINTS) == 0)
            fprintf(out, "stats,,,\ngc,,,\nstats,,,\n");
    }
}

/* --- the comparison ------------------------------------------------------------------------------------ */

static struct sim *replay(unsigned trace, struct sim_config *config)
{
    char path[] = "/tmp/goheap-conformance-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    assert_non_null(file);
    write_trace(trace, file);
    fclose(file);
    struct error error = {.text = ""};
    config_init(config);
    bool ok = config_load(config, "go1.19", &error) && config_set(config, "gogc=off", &error) &&
              config_set(config, "ps=1", &error);
    struct trace_source *source = ok ? trace_open(path, TRACE_STREAM_BY_P, &error) : NULL;
    unlink(path);
    struct sim *sim = source ? sim_new(config, &error) : NULL;
    if (!sim || !sim_run(sim, source, &error))
        fail_msg("%s", error.text);
    source->close(source);
    return sim;
}

static FILE *open_results(const char *name)
{
    const char *configs = getenv("GOHEAP_CONFIGS");
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/../tests/oracle/go1.19/%s.txt", configs ? configs : "configs", name);
    FILE *file = fopen(path, "r");
    if (!file)
        fail_msg("%s is missing", path);
    return file;
}

static void check_totals(const struct goheap_memstats *m, FILE *results)
{
    unsigned long long mallocs, frees, total;
    long long alloc, objects;
    assert_int_equal(fscanf(results, " stats %llu %llu %llu %lld %lld", &mallocs, &frees, &total, &alloc, &objects), 5);
    assert_int_equal(m->mallocs, mallocs);
    assert_int_equal(m->frees, frees);
    assert_int_equal(m->total_alloc, total);
    assert_int_equal(m->heap_alloc, alloc);
    assert_int_equal(m->heap_objects, objects);
}

/* Go's BySize ends at class 60; rows of zeros are left out of the results. */
static void check_by_size(const struct goheap_memstats *m, FILE *results)
{
    for (unsigned i = 0; i < 61; i++) {
        const struct goheap_by_size *row = &m->by_size[i];
        if (row->mallocs == 0 && row->frees == 0)
            continue;
        unsigned long long size, mallocs, frees;
        assert_int_equal(fscanf(results, " size %llu %llu %llu", &size, &mallocs, &frees), 3);
        assert_int_equal(row->size, size);
        assert_int_equal(row->mallocs, mallocs);
        assert_int_equal(row->frees, frees);
    }
}

static void compare(unsigned trace)
{
    struct sim_config config;
    FILE *results = open_results(names[trace]);
    struct sim *sim = replay(trace, &config);
    assert_int_equal(sim->snapshot_count, 2 * CHECKPOINTS);
    for (size_t i = 0; i < sim->snapshot_count; i++) {
        check_totals(&sim->snapshots[i].heap, results);
        check_by_size(&sim->snapshots[i].heap, results);
    }
    char rest[8];
    assert_int_equal(fscanf(results, "%7s", rest), EOF);
    fclose(results);
    sim_destroy(sim);
    config_clear(&config);
}

#define CONFORMS(name, trace) \
    static void test_##name(void **state) \
    { \
        (void)state; \
        compare(trace); \
    }
CONFORMS(mixed, MIXED)
CONFORMS(small, SMALL)
CONFORMS(tiny, TINY)
CONFORMS(large, LARGE)
CONFORMS(classes, CLASSES)
CONFORMS(phases, PHASES)

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--trace") == 0)
        for (unsigned i = 0; i < TRACES; i++)
            if (strcmp(argv[2], names[i]) == 0) {
                write_trace(i, stdout);
                return fflush(stdout) == 0 ? 0 : 1;
            }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mixed), cmocka_unit_test(test_small),   cmocka_unit_test(test_tiny),
        cmocka_unit_test(test_large), cmocka_unit_test(test_classes), cmocka_unit_test(test_phases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
