/* One workload, named on the command line, under whatever malloc the process has; prints one line:
 *
 *   time=4.31 unit=ns clock=cpu ops=23100000 rss_kib=2816
 *
 * An operation is a malloc and its free, of traces an event. scripts/bench-malloc runs this program under one
 * allocator after another and makes a table of the lines. Exit status: 0; 1 failed; 2 wrong usage; 77 data or a
 * program that the workload needs is not there. */
#include "bench_malloc.h"

#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { DEFAULT_BUDGET_MS = 100 };

static size_t own_bytes; /* by bench_pages */

enum bench_status bench_fail(enum bench_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("bench_malloc: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return status;
}

uint64_t bench_now(enum bench_clock clock)
{
    struct timespec t;
    clock_gettime(clock == BENCH_CPU ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void *bench_pages(size_t bytes)
{
    size_t whole = (bytes + 4095) & ~(size_t)4095;
    void *at = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (at == MAP_FAILED)
        exit((int)bench_fail(BENCH_FAILED, "no memory for %zu bytes", bytes));
    own_bytes += whole;
    return at;
}

uint64_t bench_peak_rss(void)
{
    char line[256];
    uint64_t kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status)) {
        if (sscanf(line, "VmHWM: %" SCNu64, &kib) == 1)
            break;
    }
    if (status)
        fclose(status);
    uint64_t own_kib = own_bytes / 1024;
    return kib > own_kib ? kib - own_kib : 0;
}

void bench_measure(struct bench *b, void (*batch)(void *state), void *state, uint64_t ops)
{
    batch(state);
    uint64_t began = bench_now(BENCH_CPU);
    b->clock = BENCH_CPU;
    do {
        batch(state);
        b->ops += ops;
        b->spent_ns = bench_now(BENCH_CPU) - began;
    } while (b->spent_ns < b->budget_ns);
}

/* --- the command line ---------------------------------------------------------------------------------- */

enum operand { NOTHING, SIZE, A_FILE };

static const struct workload {
    const char *name;
    enum operand operand;
    bench_workload *run;
    const char *what;
} workloads[] = {
    {"pair", SIZE, bench_pair, "malloc and free at once"},
    {"lifo", SIZE, bench_lifo, "10,000 objects, the last one freed first"},
    {"fifo", SIZE, bench_fifo, "10,000 objects, the first one freed first"},
    {"shuffle", SIZE, bench_shuffle, "10,000 objects, freed in random order"},
    {"random", SIZE, bench_random, "10,000 objects live, a random one replaced"},
    {"mix", A_FILE, bench_mix, "100 MiB live in a program's published sizes (TCMALLOC_n.csv)"},
    {"cross", SIZE, bench_cross, "one thread allocates, another frees"},
    {"larson", NOTHING, bench_larson, "threads replace objects of threads that have ended"},
    {"trace", A_FILE, bench_trace, "a goheap trace (.csv, .csv.zst) or memory_replay's text (.txt, .zip)"},
};
enum { WORKLOADS = sizeof workloads / sizeof workloads[0] };

static enum bench_status usage(void)
{
    static const char *const operands[] = {"", "SIZE", "FILE"};
    fputs("usage: bench_malloc [-t MILLISECONDS] WORKLOAD [SIZE|FILE]\n"
          "       bench_malloc who                          the file that malloc comes from\n"
          "       bench_malloc run [-p LIBRARY] -- PROGRAM [ARGUMENTS]...\n",
          stderr);
    for (size_t i = 0; i < WORKLOADS; i++)
        fprintf(stderr, "  %-8s %-5s %s\n", workloads[i].name, operands[workloads[i].operand], workloads[i].what);
    return BENCH_USAGE;
}

static enum bench_status who(void)
{
    Dl_info info;
    void *function = dlsym(RTLD_DEFAULT, "malloc");
    if (!function || !dladdr(function, &info) || !info.dli_fname)
        return bench_fail(BENCH_FAILED, "malloc comes from nowhere");
    puts(info.dli_fname);
    return BENCH_OK;
}

static enum bench_status run_program(char **argv)
{
    const char *preload = NULL;
    if (*argv && strcmp(*argv, "-p") == 0 && argv[1]) {
        preload = argv[1];
        argv += 2;
    }
    if (!*argv || strcmp(*argv, "--") != 0 || !argv[1])
        return usage();
    return bench_run(preload, argv + 1);
}

static bool parse_number(const char *text, uint64_t max, uint64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && !errno && *number > 0 && *number <= max;
}

static enum bench_status run_workload(const struct workload *w, struct bench *b, char **operands)
{
    uint64_t size = 0;
    if (w->operand != NOTHING)
        b->operand = *operands ? *operands++ : NULL;
    if (*operands || (w->operand != NOTHING && !b->operand))
        return usage();
    if (w->operand == SIZE && !parse_number(b->operand, UINT64_C(1) << 30, &size))
        return bench_fail(BENCH_USAGE, "%s: a size in bytes is expected", b->operand);
    b->size = (size_t)size;
    enum bench_status status = w->run(b);
    if (status != BENCH_OK)
        return status;
    if (b->rss_kib == 0)
        b->rss_kib = bench_peak_rss();
    printf("time=%.3f unit=ns clock=%s ops=%" PRIu64 " rss_kib=%" PRIu64 "\n", (double)b->spent_ns / (double)b->ops,
           b->clock == BENCH_CPU ? "cpu" : "wall", b->ops, b->rss_kib);
    return BENCH_OK;
}

static enum bench_status run_command(char **argv)
{
    uint64_t budget_ms = DEFAULT_BUDGET_MS;
    if (*argv && strcmp(*argv, "-t") == 0) {
        if (!argv[1] || !parse_number(argv[1], 1000000, &budget_ms))
            return usage();
        argv += 2;
    }
    if (!*argv)
        return usage();
    if (strcmp(*argv, "who") == 0)
        return who();
    if (strcmp(*argv, "run") == 0)
        return run_program(argv + 1);
    struct bench b = {.budget_ns = budget_ms * 1000000};
    for (size_t i = 0; i < WORKLOADS; i++) {
        if (strcmp(*argv, workloads[i].name) == 0)
            return run_workload(&workloads[i], &b, argv + 1);
    }
    return usage();
}

int main(int argc, char **argv)
{
    return (int)run_command(argv + (argc > 0));
}
