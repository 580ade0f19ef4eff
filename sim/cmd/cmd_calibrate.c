/* `goheap calibrate`: the costs of the real core on this host, measured, as a configuration. */
#include "base/options.h"
#include "base/out_file.h"
#include "calibrate/calibrate.h"
#include "cmd/cmd.h"

#include <unistd.h>

enum { OPT_OUT, OPT_BASE, OPT_SAMPLES, OPT_QUIET };

enum { DEFAULT_SAMPLES = 25 };

static const struct option_spec options[] = {
    {OPT_OUT, 'o', "output", "FILE",
     "write the costs there as a configuration (- for stdout, where the table is on stderr)"},
    {OPT_BASE, 'b', "base", "CONFIG", "where costs come from that are not measured; by default cost/seeds"},
    {OPT_SAMPLES, '\0', "samples", "N", "samples of each cost, up to five times as many of a noisy one; by default 25"},
    {OPT_QUIET, 'q', "quiet", NULL, "no table and no progress"},
};

static const struct command_spec command = {
    .name = "goheap calibrate",
    .summary = "measure what the allocator costs on this host",
    .description = "Measures the allocator that the simulator runs, on real memory with real locks, step by step,\n"
                   "and prints what each step takes and how far to believe it. With -o the figures become a\n"
                   "configuration that replay and sweep take by -c, laid over another.\n"
                   "It takes some seconds and up to 600 MB, and wants a machine that does nothing else: what was\n"
                   "noisy to the end says so, in the table and in the file. What takes two CPUs is left to\n"
                   "the base where there is one; so is all that the collector does beside the allocator: for a\n"
                   "certain Go's, say -b cost/go1.26.\n",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = "goheap calibrate\n"
                "goheap calibrate -b cost/go1.26 -o host.json && goheap replay -c host.json traces/redis.csv.zst\n",
};

struct calibrate {
    const char *output, *base;
    uint64_t samples;
    bool quiet;
    struct calibration calibration;
};

static bool take(void *context, int id, const char *argument, struct error *error)
{
    struct calibrate *c = context;
    switch (id) {
    case OPT_OUT:
        c->output = argument;
        return true;
    case OPT_BASE:
        c->base = argument;
        return true;
    case OPT_SAMPLES:
        return options_u64(argument, CALIBRATE_LEAST_SAMPLES, CALIBRATE_MOST_SAMPLES, &c->samples, error);
    default:
        c->quiet = true;
        return true;
    }
}

static void tell(void *context, const char *key, unsigned done, unsigned all)
{
    (void)context;
    fprintf(stderr, "\r\033[K%u of %u: %s", done + 1, all, key);
    fflush(stderr);
}

static bool measure(struct calibrate *c, struct error *error)
{
    bool shown = !c->quiet && isatty(STDERR_FILENO);
    struct calibrate_listener listener = {.tell = shown ? tell : NULL};
    bool ok = calibrate_run(&c->calibration, (unsigned)c->samples, &listener, error);
    if (shown)
        fputs("\r\033[K", stderr);
    return ok;
}

/* That there is such a base, and that it is one; better known before than after. */
static bool check_base(const char *name, struct error *error)
{
    struct sim_config config;
    config_init(&config);
    bool ok = config_load(&config, name, error);
    config_clear(&config);
    return ok;
}

static bool write_file(const struct calibrate *c, struct out_file *out, struct error *error)
{
    json_t *document = calibrate_document(&c->calibration, c->base);
    if (!document) {
        out_file_abandon(out);
        return error_set(error, "out of memory");
    }
    calibrate_write(document, out->stream);
    json_decref(document);
    return out_file_commit(out, error);
}

/* The file is opened before anything is measured, and the table comes last, if all is well. */
static bool calibrate(struct calibrate *c, struct error *error)
{
    struct out_file out = {.stream = NULL};
    if (!check_base(c->base, error) || (c->output && !out_file_open(&out, c->output, error)))
        return false;
    if (!measure(c, error)) {
        if (out.stream)
            out_file_abandon(&out);
        return false;
    }
    bool to_stdout = out.stream == stdout;
    if (out.stream && !write_file(c, &out, error))
        return false;
    if (c->quiet)
        return true;
    FILE *table = to_stdout ? stderr : stdout;
    calibrate_print(&c->calibration, table);
    return fflush(table) == 0 || error_set(error, "standard output: cannot be written");
}

int cmd_calibrate(int argc, char **argv)
{
    struct calibrate c = {.base = "cost/seeds", .samples = DEFAULT_SAMPLES};
    struct error error = {.text = ""};
    int first, code = options_parse(&command, argc, argv, take, &c, &first);
    if (code != OPTIONS_RUN)
        return code;
    if (c.quiet && !c.output)
        return options_misuse(&command, "--quiet without --output leaves nothing to do");
    if (calibrate(&c, &error))
        return 0;
    fprintf(stderr, "goheap: %s\n", error.text);
    return 1;
}
