/* `goheap replay`: one trace through one configuration. */
#include "base/clock.h"
#include "base/out_file.h"
#include "cmd/cmd.h"
#include "cmd/config_options.h"
#include "cmd/progress.h"
#include "cmd/trace_options.h"
#include "model/address_log.h"
#include "real/real.h"
#include "report/report.h"
#include "report/timeline_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    OPT_JSON,
    OPT_OUT,
    OPT_ADDRESSES,
    OPT_TIMELINE,
    OPT_GCTRACE,
    OPT_REAL,
    OPT_PRINT_CONFIG,
    OPT_PROGRESS,
    OPT_QUIET
};

static const struct option_spec options[] = {
    CONFIG_OPTIONS,
    {OPT_PS, 'P', "ps", "N", "simulated Ps; by default as many as the trace has"},
    {OPT_GOGC, '\0', "gogc", "N|off", "heap growth in percent that starts a collection"},
    {OPT_LIMIT, '\0', "gomemlimit", "SIZE|off", "soft memory limit, as Go reads GOMEMLIMIT"},
    TRACE_OPTIONS("TRACE"),
    {OPT_JSON, '\0', "json", "FILE", "write the results as one JSON document (- for stdout, instead of the summary)"},
    {OPT_OUT, 'o', "output", "DIR", "write run.json and CSV files there, made if missing"},
    {OPT_ADDRESSES, '\0', "addresses", "FILE", "write `id size address` for every allocation, in the trace's order"},
    {OPT_TIMELINE, '\0', "timeline", "FILE", "write what each P does when, for Perfetto or chrome://tracing"},
    {OPT_GCTRACE, '\0', "gctrace", NULL, "a line on stderr for each collection, as Go's GODEBUG=gctrace=1 has it"},
    {OPT_REAL, '\0', "real", NULL, "run it on the real allocator, a thread a P, back to back, and measure"},
    {OPT_PRINT_CONFIG, '\0', "print-config", NULL, "print the effective configuration as JSON, and stop"},
    {OPT_PROGRESS, '\0', "progress", NULL, "show progress even if stderr is no terminal"},
    {OPT_QUIET, 'q', "quiet", NULL, "no summary, no progress, and nothing told of the trace"},
};

static const struct command_spec command = {
    .name = "goheap replay",
    .summary = "replay a trace against the simulated allocator",
    .operands = "TRACE",
    .max_operands = 1,
    .description = "Replays a recorded trace of any format (- is stdin) against mcache, mcentral and mheap on\n"
                   "simulated Ps and prints where the memory and the time went; on stderr what was repaired\n"
                   "of the trace.\n"
                   "Without -c the configuration is " CONFIG_DEFAULT ".\n"
                   "With --real the trace is decoded first, into 16 bytes an event and 16 a lifetime, and\n"
                   "the heap takes memory as the trace asks for it: no more than the machine has.\n",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = "goheap replay -P 4 traces/redis.csv.zst\n"
                "goheap replay -q -P 4 --timeline redis.json traces/redis.csv.zst\n"
                "goheap replay -c go1.19 --gogc 50 --set reclaim=immediate -o out/redis traces/redis.csv.zst\n"
                "zcat t.csv.gz | goheap replay --json - -\n",
};

struct replay {
    struct config_options options;
    struct trace_options trace;
    const char *json, *directory, *addresses, *timeline;
    bool print_config, gctrace, real, quiet;
    int progress; /* 1 always, 0 on a terminal, -1 never */
    int argc;     /* the command line, for the document */
    char **argv;
};

static bool take(void *context, int id, const char *argument, struct error *error)
{
    struct replay *r = context;
    switch (id) {
    case OPT_JSON:
        r->json = argument;
        return true;
    case OPT_OUT:
        r->directory = argument;
        return true;
    case OPT_ADDRESSES:
        r->addresses = argument;
        return true;
    case OPT_TIMELINE:
        r->timeline = argument;
        return true;
    case OPT_GCTRACE:
        r->gctrace = true;
        return true;
    case OPT_REAL:
        r->real = true;
        return true;
    case OPT_PRINT_CONFIG:
        r->print_config = true;
        return true;
    case OPT_PROGRESS:
        r->progress = 1;
        return true;
    case OPT_QUIET:
        r->quiet = true;
        r->progress = -1;
        return true;
    case OPT_CONFIG:
    case OPT_SET:
    case OPT_PS:
    case OPT_GOGC:
    case OPT_LIMIT:
        return config_options_take(&r->options, id, argument, error);
    default:
        return trace_options_take(&r->trace, id, argument, error);
    }
}

/* --- progress ------------------------------------------------------------------------------------------ */

static bool show_progress(void *context, uint64_t events, const struct trace_source *source)
{
    progress_show(context, events, source->bytes_done, source->bytes_total);
    return true;
}

/* --- running ------------------------------------------------------------------------------------------- */

static int failed(const struct error *error)
{
    fprintf(stderr, "goheap: %s\n", error->text);
    return 1;
}

static bool print_config(const struct replay *r, struct error *error)
{
    json_t *config = settings_dump(config_table, config_table_size, &r->options.config);
    bool ok = config && report_write_json(config, "-", error);
    json_decref(config);
    return ok || error_set(error, "out of memory");
}

/* What the run writes; opened before it begins, so that a target that cannot be written costs no run. */
struct outputs {
    struct out_file json, addresses, timeline;
    FILE *json_stream, *addresses_stream, *timeline_stream; /* NULL: not asked for */
    struct timeline_writer writer;
};

static bool open_outputs(const struct replay *r, struct outputs *o, struct error *error)
{
    *o = (struct outputs){.json_stream = NULL};
    if (r->directory && !make_directory(r->directory, error))
        return false;
    if (r->directory && access(r->directory, W_OK) != 0)
        return error_set(error, "%s: %s", r->directory, strerror(errno));
    if (r->json && !(o->json_stream = out_file_open(&o->json, r->json, error)))
        return false;
    if (r->addresses && !(o->addresses_stream = out_file_open(&o->addresses, r->addresses, error)))
        return false;
    return !r->timeline || (o->timeline_stream = out_file_open(&o->timeline, r->timeline, error));
}

static void abandon_outputs(struct outputs *o)
{
    if (o->json_stream)
        out_file_abandon(&o->json);
    if (o->addresses_stream)
        out_file_abandon(&o->addresses);
    if (o->timeline_stream)
        out_file_abandon(&o->timeline);
}

/* Puts a file in place if all is well so far, else leaves nothing of it. */
static bool settle(struct out_file *out, FILE *stream, bool ok, struct error *error)
{
    if (!stream)
        return ok;
    if (ok)
        return out_file_commit(out, error);
    out_file_abandon(out);
    return false;
}

/* Files first: the summary comes last, and only if all is well. */
static bool emit(const struct replay *r, struct outputs *o, struct sim *sim, const char *trace, struct wall wall,
                 struct error *error)
{
    json_t *document = report_document(sim, trace, wall);
    bool ok = document || error_set(error, "out of memory");
    if (ok)
        report_add_command(document, r->argc, r->argv);
    if (o->json_stream && ok)
        report_dump(document, o->json_stream);
    if (o->timeline_stream && ok)
        report_timeline_end(&o->writer);
    ok = settle(&o->json, o->json_stream, ok, error);
    ok = settle(&o->addresses, o->addresses_stream, ok, error);
    ok = settle(&o->timeline, o->timeline_stream, ok, error);
    if (ok && r->directory)
        ok = report_write_directory(document, sim, r->directory, r->quiet, error);
    if (ok && !r->quiet && !(r->json && strcmp(r->json, "-") == 0)) {
        report_summary(document, stdout);
        if (fflush(stdout) != 0)
            ok = error_set(error, "standard output: %s", strerror(errno));
    }
    json_decref(document);
    return ok;
}

static bool run(const struct replay *r, struct sim *sim, struct trace_source *source, struct wall *wall,
                struct error *error)
{
    struct progress progress;
    progress_begin(&progress, "events", r->gctrace && r->progress == 0 ? -1 : r->progress);
    if (progress.wanted)
        sim->progress = (struct sim_progress){show_progress, &progress};
    if (r->gctrace)
        sim->listener = (struct cycle_listener){report_gctrace, stderr};
    bool ok = r->real ? real_run(sim, source, error) : sim_run(sim, source, error);
    wall->seconds = seconds_now() - progress.began;
    progress_wipe(&progress);
    return ok;
}

static bool replay_into(const struct replay *r, const char *path, struct outputs *o, struct error *error)
{
    const struct trace_options *read = &r->trace;
    struct trace_source *source =
        trace_open_as(path, read->from, &read->rows, (int)r->options.config.stream_by, error);
    struct sim *sim = source ? (r->real ? real_new : sim_new)(&r->options.config, error) : NULL;
    bool ok = sim != NULL;
    if (ok && o->addresses_stream && !(sim->addresses = address_log_new(o->addresses_stream)))
        ok = error_set(error, "out of memory");
    if (ok && r->directory && !(sim->heap_map = heap_map_new(r->real))) /* threads are stopped seldom enough */
        ok = error_set(error, "out of memory");
    if (ok && o->timeline_stream)
        ok = report_timeline_begin(&o->writer, sim, o->timeline_stream, error);
    struct wall wall;
    ok = ok && run(r, sim, source, &wall, error);
    if (ok)
        ok = emit(r, o, sim, path, wall, error);
    else
        abandon_outputs(o);
    if (ok && !r->quiet && source->tell)
        source->tell(source);
    if (sim) {
        address_log_free(sim->addresses);
        free(sim->heap_map);
    }
    report_timeline_free(&o->writer);
    (r->real ? real_destroy : sim_destroy)(sim);
    if (source)
        source->close(source);
    return ok;
}

static int replay(const struct replay *r, const char *path)
{
    struct error error = {.text = ""};
    struct outputs outputs;
    if (!open_outputs(r, &outputs, &error)) {
        abandon_outputs(&outputs);
        return failed(&error);
    }
    return replay_into(r, path, &outputs, &error) ? 0 : failed(&error);
}

static int check_usage(const struct replay *r, int operands)
{
    if (operands == 0)
        return options_misuse(&command, "expected a TRACE");
    if (r->real && r->timeline)
        return options_misuse(&command, "--timeline is of simulated Ps: not with --real");
    if (r->real && r->options.config.gc == GC_RECORDED)
        return options_misuse(&command, "gc=recorded follows recorded times: not with --real, which has its own");
    const struct { const char *option, *file; } files[] = {
        {"json", r->json}, {"addresses", r->addresses}, {"timeline", r->timeline}};
    for (int i = 0; i < 3; i++)
        for (int k = i + 1; k < 3; k++)
            if (files[i].file && files[k].file && strcmp(files[i].file, files[k].file) == 0)
                return options_misuse(&command, "--%s and --%s cannot both go to %s", files[i].option, files[k].option,
                                      strcmp(files[i].file, "-") == 0 ? "standard output" : files[i].file);
    return OPTIONS_RUN;
}

int cmd_replay(int argc, char **argv)
{
    struct replay r = {.argc = argc, .argv = argv};
    struct error error = {.text = ""};
    config_options_init(&r.options);
    int first, code = options_parse(&command, argc, argv, take, &r, &first);
    if (code == OPTIONS_RUN)
        code = config_options_apply(&r.options, &command);
    if (code == OPTIONS_RUN && r.print_config)
        code = print_config(&r, &error) ? 0 : failed(&error);
    if (code == OPTIONS_RUN)
        code = check_usage(&r, argc - first);
    if (code == OPTIONS_RUN)
        code = replay(&r, argv[first]);
    config_options_clear(&r.options);
    return code;
}
