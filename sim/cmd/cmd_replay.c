/* `goheap replay`: one trace through one configuration. */
#include "base/options.h"
#include "base/out_file.h"
#include "cmd/cmd.h"
#include "model/address_log.h"
#include "report/report.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    OPT_CONFIG, OPT_PS, OPT_GOGC, OPT_LIMIT, OPT_SET, OPT_JSON, OPT_OUT, OPT_ADDRESSES, OPT_PRINT_CONFIG,
    OPT_PROGRESS, OPT_QUIET
};

static const struct option_spec options[] = {
    {OPT_CONFIG, 'c', "config", "CONFIG", "a configuration by name or path; later ones are laid over earlier ones"},
    {OPT_PS, 'P', "ps", "N", "simulated Ps; by default as many as the trace has"},
    {OPT_GOGC, '\0', "gogc", "N|off", "heap growth in percent that starts a collection"},
    {OPT_LIMIT, '\0', "gomemlimit", "SIZE|off", "soft memory limit, as Go reads GOMEMLIMIT"},
    {OPT_SET, '\0', "set", "KEY=VALUE", "any setting; --print-config shows them all"},
    {OPT_JSON, '\0', "json", "FILE", "write the results as one JSON document (- for stdout, instead of the summary)"},
    {OPT_OUT, 'o', "output", "DIR", "write run.json and CSV files there, made if missing"},
    {OPT_ADDRESSES, '\0', "addresses", "FILE", "write `id size address` for every allocation, in the trace's order"},
    {OPT_PRINT_CONFIG, '\0', "print-config", NULL, "print the effective configuration as JSON, and stop"},
    {OPT_PROGRESS, '\0', "progress", NULL, "show progress even if stderr is no terminal"},
    {OPT_QUIET, 'q', "quiet", NULL, "no summary and no progress"},
};

static const struct command_spec command = {
    .name = "goheap replay",
    .summary = "replay a trace against the simulated allocator",
    .operands = "TRACE",
    .max_operands = 1,
    .description = "Replays a recorded trace (.csv or .csv.zst; - is stdin) against mcache, mcentral and mheap on\n"
                   "simulated Ps and prints where the memory and the time went.\n"
                   "Without -c the configuration is " CONFIG_DEFAULT ".\n",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = "goheap replay -P 4 traces/redis.csv.zst\n"
                "goheap replay -c go1.19 --gogc 50 --set reclaim=immediate -o out/redis traces/redis.csv.zst\n"
                "zcat t.csv.gz | goheap replay --json - -\n",
};

struct replay {
    struct sim_config config;
    bool configured; /* the default config has been laid down, or another */
    const char *json, *directory, *addresses;
    bool print_config, quiet;
    int progress; /* 1 always, 0 on a terminal, -1 never */
};

/* Whatever is set is set upon some configuration: the default one unless -c came first. */
static bool configure(struct replay *r, struct error *error)
{
    if (r->configured)
        return true;
    r->configured = true;
    return config_load(&r->config, CONFIG_DEFAULT, error);
}

static bool set(struct replay *r, const char *key, const char *value, struct error *error)
{
    char assignment[512];
    if ((size_t)snprintf(assignment, sizeof assignment, "%s=%s", key, value) >= sizeof assignment)
        return error_set(error, "%s: the value is too long", key);
    return configure(r, error) && config_set(&r->config, assignment, error);
}

static bool take(void *context, int id, const char *argument, struct error *error)
{
    struct replay *r = context;
    switch (id) {
    case OPT_CONFIG:
        r->configured = true;
        return config_load(&r->config, argument, error);
    case OPT_PS:
        return set(r, "ps", argument, error);
    case OPT_GOGC:
        return set(r, "gogc", argument, error);
    case OPT_LIMIT:
        return set(r, "gomemlimit", argument, error);
    case OPT_SET:
        return configure(r, error) && config_set(&r->config, argument, error);
    case OPT_JSON:
        r->json = argument;
        return true;
    case OPT_OUT:
        r->directory = argument;
        return true;
    case OPT_ADDRESSES:
        r->addresses = argument;
        return true;
    case OPT_PRINT_CONFIG:
        r->print_config = true;
        return true;
    case OPT_PROGRESS:
        r->progress = 1;
        return true;
    default:
        r->quiet = true;
        r->progress = -1;
        return true;
    }
}

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- progress ------------------------------------------------------------------------------------------ */

struct progress {
    double began, shown;
};

static bool show_progress(void *context, uint64_t events, const struct trace_source *source)
{
    struct progress *p = context;
    double now = seconds_now();
    if (now - p->shown < 0.1)
        return true;
    p->shown = now;
    double elapsed = now - p->began;
    fprintf(stderr, "\r\033[K%.1f M events, %.1f M/s", (double)events / 1e6, (double)events / 1e6 / elapsed);
    if (source->bytes_total && source->bytes_done) {
        double done = (double)source->bytes_done / (double)source->bytes_total;
        fprintf(stderr, ", %.0f %%, %.0f s left", 100 * done, elapsed * (1 - done) / done);
    }
    fflush(stderr);
    return true;
}

static void wipe_progress(const struct progress *p)
{
    if (p->shown > 0)
        fputs("\r\033[K", stderr);
}

/* --- running ------------------------------------------------------------------------------------------- */

static int failed(const struct error *error)
{
    fprintf(stderr, "goheap: %s\n", error->text);
    return 1;
}

static bool print_config(const struct replay *r, struct error *error)
{
    json_t *config = settings_dump(config_table, config_table_size, &r->config);
    bool ok = config && report_write_json(config, "-", error);
    json_decref(config);
    return ok || error_set(error, "out of memory");
}

/* Everything that was asked for, in files first: the summary comes last and on a good run only. */
static bool emit(const struct replay *r, struct sim *sim, const char *trace, struct wall wall, struct error *error)
{
    json_t *document = report_document(sim, trace, wall);
    bool ok = document || error_set(error, "out of memory");
    if (ok && r->json)
        ok = report_write_json(document, r->json, error);
    if (ok && r->directory)
        ok = make_directory(r->directory, error) &&
             report_write_directory(document, sim, r->directory, r->quiet, error);
    if (ok && !r->quiet && !(r->json && strcmp(r->json, "-") == 0)) {
        report_summary(document, stdout);
        if (fflush(stdout) != 0)
            ok = error_set(error, "standard output: cannot be written");
    }
    json_decref(document);
    return ok;
}

static bool run(const struct replay *r, const char *path, struct sim *sim, struct error *error)
{
    struct trace_source *source = trace_open(path, (int)r->config.stream_by, error);
    if (!source)
        return false;
    struct progress progress = {.began = seconds_now()};
    if (r->progress > 0 || (r->progress == 0 && isatty(STDERR_FILENO)))
        sim->progress = (struct sim_progress){show_progress, &progress};
    bool ok = sim_run(sim, source, error);
    struct wall wall = {.seconds = seconds_now() - progress.began};
    wipe_progress(&progress);
    ok = ok && emit(r, sim, path, wall, error);
    source->close(source);
    return ok;
}

/* The address log is there whole or not at all, like every other file. */
static bool run_logged(const struct replay *r, const char *path, struct error *error)
{
    struct out_file out;
    FILE *f = NULL;
    if (r->addresses && !(f = out_file_open(&out, r->addresses, error)))
        return false;
    struct sim *sim = sim_new(&r->config, error);
    if (sim && f && !(sim->addresses = address_log_new(f)))
        error_set(error, "out of memory");
    bool ok = sim && (!f || sim->addresses) && run(r, path, sim, error);
    if (sim)
        address_log_free(sim->addresses);
    sim_destroy(sim);
    if (f && ok)
        ok = out_file_commit(&out, error);
    else if (f)
        out_file_abandon(&out);
    return ok;
}

int cmd_replay(int argc, char **argv)
{
    struct replay r = {.configured = false};
    struct error error = {.text = ""};
    config_init(&r.config);
    int first, code = options_parse(&command, argc, argv, take, &r, &first);
    if (code == OPTIONS_RUN) {
        if (!configure(&r, &error))
            code = failed(&error);
        else if (r.print_config)
            code = print_config(&r, &error) ? 0 : failed(&error);
        else if (first == argc)
            code = options_misuse(&command, "expected a TRACE");
        else
            code = run_logged(&r, argv[first], &error) ? 0 : failed(&error);
    }
    config_clear(&r.config);
    return code;
}
