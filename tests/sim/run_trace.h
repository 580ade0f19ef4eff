/* For tests: runs a trace given as text, and checks the heap afterwards. Include once, after cmocka.h. */
#ifndef RUN_TRACE_H
#define RUN_TRACE_H

#include "model/address_log.h"
#include "model/sim.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct run {
    struct sim_config config;
    struct sim *sim;
    char *addresses;
    size_t addresses_size;
};

static void configure(struct run *r, const char *config, const char *const *settings)
{
    struct error error = {.text = ""};
    config_init(&r->config);
    if (!config_load(&r->config, config, &error) || !config_load(&r->config, "cost/seeds", &error))
        fail_msg("%s", error.text);
    for (; *settings; settings++)
        if (!config_set(&r->config, *settings, &error))
            fail_msg("%s", error.text);
}

static struct trace_source *open_text(const char *text, const struct sim_config *config)
{
    char path[] = "/tmp/goheap-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    struct error error = {.text = ""};
    struct trace_source *source = trace_open(path, (int)config->stream_by, &error);
    unlink(path);
    if (!source)
        fail_msg("%s", error.text);
    return source;
}

/* Makes and runs it by sim_new and sim_run, or by what does the same with threads. */
static void run_trace_by(struct run *r, const char *text,
                         struct sim *(*make)(const struct sim_config *config, struct error *error),
                         bool (*run)(struct sim *sim, struct trace_source *source, struct error *error))
{
    struct error error = {.text = ""};
    struct trace_source *source = open_text(text, &r->config);
    r->sim = make(&r->config, &error);
    if (!r->sim)
        fail_msg("%s", error.text);
    FILE *log = open_memstream(&r->addresses, &r->addresses_size);
    r->sim->addresses = address_log_new(log);
    if (!run(r->sim, source, &error))
        fail_msg("%s", error.text);
    fclose(log);
    source->close(source);
    char why[256] = "";
    if (!goheap_verify(r->sim->heap, why, sizeof why))
        fail_msg("%s", why);
}

static inline void run_trace_on(struct run *r, const char *config, const char *text, const char *const *settings)
{
    configure(r, config, settings);
    run_trace_by(r, text, sim_new, sim_run);
}

static inline void run_trace(struct run *r, const char *text, const char *const *settings)
{
    run_trace_on(r, "go1.19", text, settings);
}

static void end_run(struct run *r)
{
    address_log_free(r->sim->addresses);
    free(r->addresses);
    sim_destroy(r->sim);
    config_clear(&r->config);
}

#endif
