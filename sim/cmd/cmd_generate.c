/* `goheap generate`: a trace that is made up, out of a profile or like a recorded one.
 *
 *   PROFILE --profile_load--> struct profile --profile_births--+
 *                                                              +--> births --generator--> rows --row_output--> TRACE
 *   TRACE --row_source--> events --fit--> struct fit --fit_births--'
 *
 * Invariant: rows are written as they are made up; nothing grows with their number but the file. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/options.h"
#include "cmd/cmd.h"
#include "cmd/progress.h"
#include "generate/fit_births.h"
#include "generate/profile_births.h"
#include "trace/row_open.h"
#include "trace/row_output.h"
#include "trace/trace.h"

enum { OPT_OUT, OPT_LIKE, OPT_EVENTS, OPT_PS, OPT_SEED, OPT_SET, OPT_TO, OPT_PROGRESS, OPT_QUIET };

enum { SETS_MAX = 64 };

static const struct option_spec options[] = {
    {OPT_OUT, 'o', "output", "TRACE", "the trace to write, compressed if its name ends in .zst (- for stdout)"},
    {OPT_LIKE, '\0', "like", "TRACE", "make a trace like this one, instead of one from a profile"},
    {OPT_EVENTS, 'n', "events", "N", "allocs and frees in it; by default 1000000, or as many as --like's trace has"},
    {OPT_PS, 'P', "ps", "N", "Ps (threads) in it; by default 1, or as many as --like's trace has"},
    {OPT_SEED, '\0', "seed", "N", "of what is drawn at random; by default 0"},
    {OPT_SET, '\0', "set", "KEY=VALUE", "any setting of the profile, on top of what it says"},
    {OPT_TO, '\0', "to", "FORMAT", "what TRACE becomes, whatever its name says"},
    {OPT_PROGRESS, '\0', "progress", NULL, "show progress even if stderr is no terminal"},
    {OPT_QUIET, 'q', "quiet", NULL, "tell nothing, and no progress"},
};

static const struct command_spec command = {
    .name = "goheap generate",
    .summary = "make a trace out of a profile, or like another trace",
    .operands = "[PROFILE]",
    .min_operands = 0,
    .max_operands = 1,
    .description = "PROFILE is CSV, rows of size, rate (allocations a second) and live (objects live on\n"
                   "average), with a header that names them or, as google/fleetbench has its distributions,\n"
                   "without; a fourth column noscan is the share of objects without pointers. The mean\n"
                   "lifetime of a row is live / rate. Or PROFILE is JSON, with these keys, which --set takes\n"
                   "as well:\n"
                   "\n"
                   "  sizes               [[size, rate, live], ...], or a CSV file beside it\n"
                   "  events, ps, seed    as the options\n"
                   "  live                scale rates and live to so many objects in all; by default\n"
                   "                      as they are, but at most a fifth of the events\n"
                   "  start               steady (default): with what is live on average; empty\n"
                   "  lifetime            exponential (default), constant, pareto (of shape 2)\n"
                   "  noscan              share of objects without pointers, where a row has none: 1\n"
                   "  phases              [{duration_s, load: 1, until_end: 0, min_size, max_size}, ...]\n"
                   "                      round and round; until_end: share that lives until its phase ends\n"
                   "  diurnal.amplitude   the load swings by this part of itself (0) ...\n"
                   "  diurnal.period_s    ... once in so long (86400)\n"
                   "  bursts.every_s      mean time from a burst to the next (0: none) ...\n"
                   "  bursts.length_s     ... of so long (0.01) ...\n"
                   "  bursts.factor       ... with so many times the load (10)\n"
                   "  handover.share      share of objects that another P frees than allocates (0) ...\n"
                   "  handover.to         ... any, next, or consumers: from the first Ps to the others\n"
                   "  handover.producers  how many are the first (0: half of them)\n"
                   "\n"
                   "With --like a recorded trace is read first: how sizes, lifetimes and threads go together, in\n"
                   "each of up to 256 parts of it. A longer trace goes through the parts again; what the recorded\n"
                   "one never frees is allocated once. - is stdin or stdout. The same seed gives the same trace.\n",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = "goheap generate -n 10000000 -P 8 -o t.csv.zst TCMALLOC_1.csv\n"
                "goheap generate --set bursts.every_s=1 --set handover.share=0.3 -P 2 -o - mine.csv\n"
                "goheap generate --like traces/redis.csv.zst -n 100000000 -o long.csv.zst\n",
};

struct generate {
    const char *out, *like;
    const struct row_writer_format *to; /* NULL: by the name */
    uint64_t events, ps, seed;
    bool has_events, has_ps, has_seed;
    const char *sets[SETS_MAX];
    size_t set_count;
    bool quiet;
    int progress; /* 1 always, 0 on a terminal, -1 never */
};

static bool take(void *context, int id, const char *argument, struct error *error)
{
    struct generate *g = context;
    switch (id) {
    case OPT_OUT:
        g->out = argument;
        return true;
    case OPT_LIKE:
        g->like = argument;
        return true;
    case OPT_EVENTS:
        return g->has_events = options_u64(argument, 1, UINT64_C(1) << 48, &g->events, error);
    case OPT_PS:
        return g->has_ps = options_u64(argument, 1, GENERATOR_MAX_PS, &g->ps, error);
    case OPT_SEED:
        return g->has_seed = options_u64(argument, 0, UINT64_MAX, &g->seed, error);
    case OPT_SET:
        if (g->set_count == SETS_MAX)
            return error_set(error, "expected at most %d of these", SETS_MAX);
        g->sets[g->set_count++] = argument;
        return true;
    case OPT_TO:
        return (g->to = row_writer_format_named(argument, error)) != NULL;
    case OPT_PROGRESS:
        g->progress = 1;
        return true;
    default:
        g->progress = -1;
        return g->quiet = true;
    }
}

/* --- writing ------------------------------------------------------------------------------------------- */

static void add_meta(struct generator_options *o, const char *key, const char *value)
{
    row_meta_text(o->meta[o->meta_count++], GENERATOR_META_TEXT, key, value);
}

/* The path's last part: what a trace says must not depend on where it was made. */
static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static struct generator_options describe(const char *key, const char *path, uint64_t events, uint64_t seed, bool timed)
{
    char number[24];
    struct generator_options o = {.events = events, .name = path};
    snprintf(number, sizeof number, "%" PRIu64, seed);
    add_meta(&o, "source", "generated");
    if (timed)
        add_meta(&o, "time", "virtual");
    add_meta(&o, "size", "exact");
    add_meta(&o, "death", "exact");
    add_meta(&o, key, base_name(path));
    add_meta(&o, "seed", number);
    return o;
}

static bool write_rows(struct row_source *source, struct row_output *output, struct progress *progress,
                       struct error *error)
{
    struct trace_row rows[ROW_BATCH];
    uint64_t count = 0;
    size_t n;
    while ((n = source->read(source, rows, ROW_BATCH, error)) > 0) {
        if (!row_output_put(output, rows, n, error))
            return false;
        progress_show(progress, count + n, 0, 0);
        count += n;
    }
    return error->text[0] == '\0';
}

/* Takes the births over. */
static bool write_trace(const struct generate *g, struct births *births, const struct generator_options *o,
                        struct error *error)
{
    struct row_source *source = births != NULL ? generator_open(births, o, error) : NULL;
    if (source == NULL)
        return false;
    struct row_output output;
    bool good = row_output_open(&output, g->to, g->out, source, error);
    if (good) {
        struct progress progress;
        progress_begin(&progress, "rows", g->progress);
        good = write_rows(source, &output, &progress, error);
        progress_wipe(&progress);
        good = row_output_close(&output, good, error);
    }
    if (good && !g->quiet)
        row_source_tell(source);
    source->close(source);
    return good;
}

/* --- from a profile ------------------------------------------------------------------------------------ */

/* What options and --set say. False with *error: wrong usage. */
static bool apply(const struct generate *g, struct profile *profile, struct error *error)
{
    if (g->has_events)
        profile->events = g->events;
    if (g->has_ps)
        profile->ps = g->ps;
    if (g->has_seed)
        profile->seed = g->seed;
    for (size_t i = 0; i < g->set_count; i++)
        if (!settings_set(profile_table, profile_table_size, profile, g->sets[i], error))
            return false;
    return true;
}

/* The exit code, or OPTIONS_RUN with *error. */
static int from_profile(const struct generate *g, const char *path, struct error *error)
{
    struct profile profile;
    struct error usage = {.text = ""};
    int code = OPTIONS_RUN;
    profile_init(&profile);
    if (profile_load(&profile, path, error)) {
        if (!apply(g, &profile, &usage)) {
            code = options_misuse(&command, "%s", usage.text);
        } else if (profile_finish(&profile, error)) {
            struct generator_options o = describe("profile", path, profile.events, profile.seed, true);
            o.name = profile.name;
            if (write_trace(g, profile_births_open(&profile, error), &o, error))
                code = 0;
        }
    }
    profile_clear(&profile);
    return code;
}

/* --- like a trace -------------------------------------------------------------------------------------- */

static bool fit_events(struct fit *fit, struct trace_source *source, struct error *error)
{
    struct trace_event events[ROW_BATCH];
    size_t n;
    while ((n = source->read(source, events, ROW_BATCH, error)) > 0) {
        for (size_t i = 0; i < n; i++) {
            if (!fit_take(fit, &events[i]))
                return error_set(error, "%.200s: out of memory", source->name);
            if (events[i].op == TRACE_FREE || events[i].op == TRACE_STACKFREE)
                source->release(source, events[i].slot);
        }
    }
    return error->text[0] == '\0' && (fit_finish(fit) || error_set(error, "%.200s: out of memory", source->name));
}

static bool write_like(const struct generate *g, const struct fit *fit, bool timed, struct error *error)
{
    uint64_t events = g->has_events ? g->events : fit->allocs + fit->ended;
    struct generator_options o = describe("like", g->like, events, g->seed, timed);
    struct fit_options how = {.name = o.name, .ps = g->ps, .seed = g->seed, .timed = timed};
    return write_trace(g, fit_births_open(fit, &how, error), &o, error);
}

static bool from_trace(const struct generate *g, struct error *error)
{
    struct fit fit;
    struct trace_source *source = trace_open(g->like, TRACE_STREAM_BY_P, error);
    if (source == NULL)
        return false;
    bool good = fit_init(&fit) || error_set(error, "out of memory");
    good = good && fit_events(&fit, source, error);
    bool timed = source->timed;
    source->close(source);
    good = good && write_like(g, &fit, timed, error);
    fit_free(&fit);
    return good;
}

/* --- the command --------------------------------------------------------------------------------------- */

/* OPTIONS_RUN, or the exit code. */
static int check_usage(const struct generate *g, bool has_profile)
{
    if (g->out == NULL)
        return options_misuse(&command, "expected -o TRACE, the trace to write");
    if (has_profile == (g->like != NULL))
        return options_misuse(&command, "expected a PROFILE or --like TRACE, got %s", has_profile ? "both" : "neither");
    if (g->like != NULL && g->set_count > 0)
        return options_misuse(&command, "--set changes a profile: expected it without --like");
    return OPTIONS_RUN;
}

int cmd_generate(int argc, char **argv)
{
    struct generate g = {.out = NULL};
    struct error error = {.text = ""};
    int first, code = options_parse(&command, argc, argv, take, &g, &first);
    if (code == OPTIONS_RUN)
        code = check_usage(&g, first < argc);
    if (code != OPTIONS_RUN)
        return code;
    if (g.like == NULL)
        code = from_profile(&g, argv[first], &error);
    else if (from_trace(&g, &error))
        code = 0;
    if (code != OPTIONS_RUN)
        return code;
    fprintf(stderr, "goheap: %s\n", error.text);
    return 1;
}
