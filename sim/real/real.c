/* Setting a run of threads up, running it, and taking it down. */
#include "real/real.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/address_log.h"
#include "real/threads.h"

enum { SAMPLE_MS = 10 }; /* the world is stopped so often, to look at it */

static struct real *real_of(struct sim *sim)
{
    return (struct real *)sim;
}

bool real_fail(struct real *real, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    pthread_mutex_lock(&real->failing);
    if (!real->failed) {
        char text[sizeof real->sim.error->text];
        vsnprintf(text, sizeof text, format, args);
        error_set(real->sim.error, "%s", text);
        __atomic_store_n(&real->failed, true, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&real->failing);
    va_end(args);
    return false;
}

/* --- setting up ---------------------------------------------------------------------------------------- */

static bool check_config(const struct sim_config *config, struct error *error)
{
    if (config->pacing == PACING_RECORDED || config->pacing == PACING_THINK)
        return error_set(error, "--real runs back to back: expected pacing=max or auto, got %s",
                         config->pacing == PACING_THINK ? "think" : "recorded");
    if (config->ps > REAL_MAX_THREADS)
        return error_set(error, "--real: expected at most %d threads, got %llu", REAL_MAX_THREADS,
                         (unsigned long long)config->ps);
    return true;
}

static bool init(struct real *real, const struct sim_config *config)
{
    struct sim *sim = &real->sim;
    sim->config = *config;
    if (!check_config(config, sim->error) || !config_core(config, &sim->core, sim->error))
        return false;
    sim->core.concurrent = true; /* one thread, too: it is the same allocator */
    sim->pacing = PACING_MAX;
    gh_size_classes_init(&sim->classes, &sim->core);
    account_init(sim);
    ticks_init(&real->ticks);
    measure_platform(real);
    sim->heap = goheap_new(&sim->core, &sim->platform);
    return sim->heap || error_set(sim->error, "no address space for a heap, not even for a part of %llu bytes",
                                  (unsigned long long)sim->core.address_space);
}

struct sim *real_new(const struct sim_config *config, struct error *error)
{
    struct real *real = calloc(1, sizeof *real);
    if (!real) {
        error_set(error, "out of memory");
        return NULL;
    }
    real->sim.error = error;
    engine_init(&real->sim.engine, 0);
    pthread_mutex_init(&real->stacks, NULL);
    pthread_mutex_init(&real->accounting, NULL);
    pthread_mutex_init(&real->failing, NULL);
    stops_init(&real->stops);
    if (init(real, config))
        return &real->sim;
    real_destroy(&real->sim);
    return NULL;
}

void real_destroy(struct sim *sim)
{
    if (!sim)
        return;
    struct real *real = real_of(sim);
    for (uint32_t i = 0; i < real->p_count; i++) {
        free(real->ps[i]->events);
        free(real->ps[i]);
    }
    free(real->ps);
    free(real->objects);
    stops_destroy(&real->stops);
    pthread_mutex_destroy(&real->failing);
    pthread_mutex_destroy(&real->accounting);
    pthread_mutex_destroy(&real->stacks);
    sim->p_count = 0; /* it has no simulated ones */
    sim_destroy(sim);
}

/* --- running ------------------------------------------------------------------------------------------- */

/* How far the Ps are in what was decoded: their events, instead of bytes of the file, which has been read. */
static bool tell_progress(const struct real *real)
{
    const struct sim *sim = &real->sim;
    struct trace_source decoded = *sim->source;
    decoded.bytes_done = decoded.bytes_total = 0;
    for (uint32_t i = 0; i < real->p_count; i++) {
        decoded.bytes_done += __atomic_load_n(&real->ps[i]->at, __ATOMIC_RELAXED);
        decoded.bytes_total += real->ps[i]->count;
    }
    return sim->progress.tell(sim->progress.context, decoded.bytes_done, &decoded);
}

static void look(struct real *real)
{
    struct sim *sim = &real->sim;
    stops_begin(&real->stops, false);
    decode_fold(real);
    account_sample(sim, real_now(real));
    collect_look(real);
    stops_end(&real->stops, false);
    if (sim->progress.tell && !tell_progress(real))
        real_fail(real, "interrupted");
}

/* Gives each thread a CPU of its own, if there are as many: left to itself the OS may run several on one for a while,
 * in turns, so that they never meet. */
static void spread_threads(const struct real *real, uint32_t n)
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || n < 2 || n > (uint32_t)CPU_COUNT(&allowed))
        return;
    for (uint32_t i = 0, cpu = 0; i < n; i++, cpu++) {
        cpu_set_t one;
        while (!CPU_ISSET(cpu, &allowed))
            cpu++;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        pthread_setaffinity_np(real->ps[i]->thread, sizeof one, &one);
    }
}

/* Starts as many as can be; they wait for each other. */
static uint32_t create_threads(struct real *real)
{
    for (uint32_t i = 0; i < real->p_count; i++)
        if (pthread_create(&real->ps[i]->thread, NULL, thread_main, real->ps[i]) != 0) {
            real_fail(real, "the system has no room for %u threads, only for %u", real->p_count, i);
            return i;
        }
    return real->p_count;
}

static void run_threads(struct real *real)
{
    real->counting = true;
    uint32_t n = create_threads(real);
    stops_gather(&real->stops, n);
    spread_threads(real, n);
    real->began = ticks_now(&real->ticks);
    stops_end(&real->stops, false);
    while (!stops_wait_end(&real->stops, SAMPLE_MS))
        look(real);
    real->sim.end_ns = real_now(real);
    for (uint32_t i = 0; i < n; i++)
        pthread_join(real->ps[i]->thread, NULL);
    real->counting = false;
}

/* Slots were handed out in the trace's order. */
static void log_addresses(const struct real *real)
{
    uint32_t number = 0;
    for (uint64_t i = 0; i < real->object_count; i++)
        if (real->objects[i].account != ACCOUNT_STACK)
            address_log_put(real->sim.addresses, number++, real->objects[i].addr);
}

static void finish(struct real *real)
{
    struct sim *sim = &real->sim;
    sim->events = real->read;
    measure_results(real);
    decode_fold(real);
    sim->accounts.next_sample = 0; /* the end is always a point of the series */
    account_sample(sim, sim->end_ns);
    account_peak(sim, sim->end_ns);
    account_portrait(sim, sim->end_ns, &sim->end);
    account_memstats(sim, sim->end_ns, &sim->last);
    if (sim->addresses)
        log_addresses(real);
}

bool real_run(struct sim *sim, struct trace_source *source, struct error *error)
{
    struct real *real = real_of(sim);
    sim->source = source;
    sim->error = error;
    if (!decode(real, source))
        return false;
    sim->p_count = real->p_count;
    collect_init(real);
    run_threads(real);
    if (real->failed)
        return false;
    finish(real);
    return true;
}
