/* What the parts of bench_malloc share: a workload is a function that exercises malloc and says what an
 * operation cost.
 *
 *   bench_malloc.c           the command line, the clock, the line that is printed
 *   bench_malloc_live.c      one thread, one size: pairs, orders of freeing, random replacement
 *   bench_malloc_mix.c       one thread, sizes as published of real programs
 *   bench_malloc_threads.c   cross: one allocates, another frees; larson: slots outlive threads
 *   bench_malloc_decode.c    a recorded trace to fixed records; bench_malloc_android.c: of Android's text
 *   bench_malloc_trace.c     these records through malloc, free, realloc, calloc, posix_memalign
 *   bench_malloc_run.c       another program, and what it used
 *
 * Invariant: while a workload is timed, nothing but the workload calls malloc: what the benchmark needs for
 * itself comes from bench_pages, and is not part of the memory that it reports. */
#ifndef BENCH_MALLOC_H
#define BENCH_MALLOC_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

enum bench_status { BENCH_OK = 0, BENCH_FAILED = 1, BENCH_USAGE = 2, BENCH_ABSENT = 77 };

/* Processor time (of all threads) where one thread works: neighbours on the machine don't count then. Wall
 * time where threads wait for each other. */
enum bench_clock { BENCH_CPU, BENCH_WALL };

struct bench {
    /* What is asked for. */
    const char *operand; /* the file, or NULL */
    size_t size;         /* of an object in bytes, for workloads that take one */
    uint64_t budget_ns;  /* how long to measure, about */
    /* What is found. */
    enum bench_clock clock;
    uint64_t spent_ns;
    uint64_t ops;
    uint64_t rss_kib; /* peak; 0: main takes it at the end */
};

typedef enum bench_status bench_workload(struct bench *b);

bench_workload bench_pair, bench_lifo, bench_fifo, bench_shuffle, bench_random, bench_mix;
bench_workload bench_cross, bench_larson;
bench_workload bench_trace;

/* Runs argv[0] with its arguments to its end, with the library preloaded unless it is NULL; its standard output
 * is dropped. Prints processor and wall time and peak memory of it and the children that it waited for. */
enum bench_status bench_run(const char *preload, char **argv);

uint64_t bench_now(enum bench_clock clock); /* ns */

/* Zeroed memory, resident, past malloc. Ends the program if there is none. */
void *bench_pages(size_t bytes);

/* The process's peak so far in KiB, without what bench_pages handed out. */
uint64_t bench_peak_rss(void);

/* Calls batch(state), of so many operations, until the budget of processor time is spent; a first call is not
 * counted, as it pays for cold caches and fresh pages. */
void bench_measure(struct bench *b, void (*batch)(void *state), void *state, uint64_t ops);

/* Says what went wrong ("bench_malloc: ..."); returns the status. */
enum bench_status bench_fail(enum bench_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The compiler may know nothing about a block, or it would leave out malloc and free altogether. */
static inline void *bench_opaque(void *block)
{
    __asm__ volatile("" : "+r"(block) : : "memory");
    return block;
}

/* Never NULL; the first byte is touched. */
static inline void *bench_malloc(size_t size)
{
    char *block = bench_opaque(malloc(size));
    if (!block)
        exit((int)bench_fail(BENCH_FAILED, "malloc(%zu) failed", size));
    *block = 1;
    return block;
}

/* As a program fills what it asked for: a byte in each cache line of the first 4 KiB, then one in each page. */
static inline void bench_touch(void *block, size_t size)
{
    volatile char *bytes = block;
    size_t dense = size < 4096 ? size : 4096;
    for (size_t i = 0; i < dense; i += 64)
        bytes[i] = 1;
    for (size_t i = 4096; i < size; i += 4096)
        bytes[i] = 1;
    if (size)
        bytes[size - 1] = 1;
}

static inline uint64_t bench_random_u64(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* 0 .. bound - 1; without a division, which would cost more than many a malloc. */
static inline uint32_t bench_random_below(uint64_t *seed, uint32_t bound)
{
    return (uint32_t)(((bench_random_u64(seed) >> 32) * bound) >> 32);
}

#endif
