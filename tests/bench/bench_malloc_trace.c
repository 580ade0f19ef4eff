/* A recorded program's calls, one after another, on whatever malloc there is. Its threads' calls are made by one
 * thread in recorded order; each block is touched when it is born or grows. Steps come from their file 64 KiB at
 * a time; only executing them is timed. */
#include "bench_malloc_decode.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { WINDOW = 4096 }; /* steps */

struct replay {
    void **blocks; /* by slot; NULL: none */
    uint32_t slots;
    struct step *steps;
};

static void *aligned(const struct step *step)
{
    void *block = NULL;
    int failed = posix_memalign(&block, (size_t)1 << step->align_log2, step->size);
    return failed ? NULL : block;
}

static void *execute_alloc(const struct step *step, void *old)
{
    switch (step->op) {
    case STEP_MALLOC:
        return malloc(step->size);
    case STEP_CALLOC:
        return calloc(1, step->size);
    case STEP_REALLOC:
        return realloc(old, step->size);
    default:
        return aligned(step);
    }
}

static void execute(struct replay *r, const struct step *steps, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct step *step = &steps[i];
        void **block = &r->blocks[step->slot];
        if (step->op == STEP_FREE) {
            free(*block);
            *block = NULL;
            continue;
        }
        *block = bench_opaque(execute_alloc(step, *block));
        if (!*block && step->size)
            exit((int)bench_fail(BENCH_FAILED, "no memory for %llu bytes", (unsigned long long)step->size));
        bench_touch(*block, step->size);
    }
}

static size_t read_steps(const struct decoded *trace, uint64_t at, struct step *steps)
{
    ssize_t got = pread(trace->file, steps, WINDOW * sizeof *steps, (off_t)(at * sizeof *steps));
    if (got <= 0)
        exit((int)bench_fail(BENCH_FAILED, "steps that were decoded are gone: %s", strerror(errno)));
    return (size_t)got / sizeof *steps;
}

static void replay_once(struct bench *b, struct replay *r, const struct decoded *trace)
{
    for (uint64_t at = 0; at < trace->steps;) {
        size_t n = read_steps(trace, at, r->steps);
        uint64_t began = bench_now(BENCH_CPU);
        execute(r, r->steps, n);
        b->spent_ns += bench_now(BENCH_CPU) - began;
        b->ops += n;
        at += n;
    }
}

/* What the recorded program left behind when it ended: not timed. */
static void free_rest(struct replay *r)
{
    for (uint32_t i = 0; i < r->slots; i++) {
        free(r->blocks[i]);
        r->blocks[i] = NULL;
    }
}

/* Short traces are replayed again until the budget is spent; peak memory is of the first time. */
enum bench_status bench_trace(struct bench *b)
{
    struct decoded trace;
    enum bench_status status = bench_decode(b->operand, &trace);
    if (status != BENCH_OK)
        return status;
    struct replay r = {.slots = trace.slots};
    r.blocks = bench_pages(trace.slots * sizeof *r.blocks);
    r.steps = bench_pages(WINDOW * sizeof *r.steps);
    b->clock = BENCH_CPU;
    do {
        replay_once(b, &r, &trace);
        if (b->rss_kib == 0)
            b->rss_kib = bench_peak_rss();
        free_rest(&r);
    } while (b->spent_ns < b->budget_ns);
    close(trace.file);
    return BENCH_OK;
}
