/* `goheap info`: figures about a trace of any format that can be read, in one pass.
 *
 *   TRACE --row_source--> rows --row_checks--> events --figures--+--> text on stdout
 *                                                                +--> a JSON document
 *                                                                `--> CSV files in a directory
 *
 * With --verify only the checks: a replay would take the trace as it is, or what is wrong where. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/options.h"
#include "base/out_file.h"
#include "cmd/cmd.h"
#include "cmd/config_options.h"
#include "cmd/progress.h"
#include "cmd/trace_options.h"
#include "info/figures.h"
#include "report/report.h"
#include "trace/row_check.h"

enum { OPT_JSON, OPT_OUT, OPT_VERIFY, OPT_PROGRESS, OPT_QUIET };

enum { BATCH = 128 }; /* rows: 10 KiB, a part of the first-level cache */

static const struct option_spec options[] = {
    {OPT_JSON, '\0', "json", "FILE", "write the figures as one JSON document (- for stdout, instead of the text)"},
    {OPT_OUT, 'o', "output", "DIR", "write info.json and CSV files there, made if missing"},
    {OPT_VERIFY, '\0', "verify", NULL, "only tell whether the trace is well-formed, and if not, what is wrong where"},
    TRACE_OPTIONS("TRACE"),
    CONFIG_OPTIONS,
    {OPT_PROGRESS, '\0', "progress", NULL, "show progress even if stderr is no terminal"},
    {OPT_QUIET, 'q', "quiet", NULL, "print no text, and no progress"},
};

static const struct command_spec command = {
    .name = "goheap info",
    .summary = "figures about a trace, or whether it is well-formed",
    .operands = "TRACE",
    .min_operands = 1,
    .max_operands = 1,
    .description = "Reads a trace once and tells what it is made of: rows by operation, Ps and goroutines,\n"
                   "objects and bytes allocated and live, sizes by power of two and by size class, lifetimes\n"
                   "in time and in bytes allocated meanwhile. An object lives from its alloc to its dead or\n"
                   "its free, whichever comes first. The size classes are those of the configuration, by\n"
                   "default " CONFIG_DEFAULT "; objects as small as tiny ones count as if each had a slot.\n",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = "goheap info traces/redis.csv.zst\n"
                "goheap info -q -o out/redis traces/redis.csv.zst && goheap plot out/redis\n"
                "goheap info --json - traces/redis.csv.zst | jq .lifetimes_bytes.p50\n"
                "goheap info --verify my.csv\n",
};

struct info {
    struct config_options options;
    const char *json, *directory;
    struct trace_options trace;
    bool verify, quiet;
    int progress; /* 1 always, 0 on a terminal, -1 never */
};

static bool take(void *context, int id, const char *argument, struct error *error)
{
    struct info *i = context;
    switch (id) {
    case OPT_JSON:
        i->json = argument;
        return true;
    case OPT_OUT:
        i->directory = argument;
        return true;
    case OPT_VERIFY:
        return i->verify = true;
    case OPT_PROGRESS:
        i->progress = 1;
        return true;
    case OPT_QUIET:
        i->progress = -1;
        return i->quiet = true;
    case OPT_CONFIG:
    case OPT_SET:
        return config_options_take(&i->options, id, argument, error);
    default:
        return trace_options_take(&i->trace, id, argument, error);
    }
}

/* --- reading ------------------------------------------------------------------------------------------- */

struct reading {
    struct row_source *source;
    struct row_checks checks;
    struct figures *figures; /* NULL: only to be checked */
    uint64_t rows;
};

static bool take_row(struct reading *r, const struct trace_row *row, struct error *error)
{
    struct trace_event event;
    enum row_result result = row_checks_take(&r->checks, row, &event);
    if (result == ROW_FAILED)
        return error_set(error, "%s", r->checks.failure.text);
    bool is_event = result == ROW_EVENT;
    if (r->figures != NULL && !figures_take(r->figures, row, is_event ? &event : NULL, r->source->name, error))
        return false;
    if (is_event && (event.op == TRACE_FREE || event.op == TRACE_STACKFREE))
        lifetimes_release(&r->checks.lifetimes, event.slot);
    return true;
}

static bool read_rows(struct reading *r, struct progress *progress, struct error *error)
{
    struct trace_row rows[BATCH];
    size_t n;
    while ((n = r->source->read(r->source, rows, BATCH, error)) > 0) {
        for (size_t i = 0; i < n; i++)
            if (!take_row(r, &rows[i], error))
                return false;
        progress_show(progress, r->rows + n, r->source->bytes_done, r->source->bytes_total);
        r->rows += n;
    }
    return error->text[0] == '\0';
}

static bool read_all(const struct info *i, struct reading *r, struct error *error)
{
    struct progress progress;
    progress_begin(&progress, "rows", i->progress);
    bool good = read_rows(r, &progress, error);
    progress_wipe(&progress);
    return good;
}

/* --- telling ------------------------------------------------------------------------------------------- */

static bool tell(const struct info *i, const struct reading *r, struct error *error)
{
    struct out_file out;
    FILE *f = out_file_open(&out, "-", error);
    if (f == NULL)
        return false;
    if (i->verify)
        fprintf(f, "%s: well-formed, %" PRIu64 " rows\n", r->source->name, r->rows);
    else
        figures_text(r->figures, r->source->name, f);
    if (r->source->tell != NULL)
        r->source->tell(r->source, f);
    return out_file_commit(&out, error);
}

static bool write_directory(const struct info *i, const struct figures *figures, const json_t *document,
                            struct error *error)
{
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s/info.json", i->directory) >= sizeof path)
        return error_set(error, "%.200s: the path is too long", i->directory);
    return make_directory(i->directory, error) && figures_files(figures, i->directory, error) &&
           report_write_json(document, path, error);
}

static bool write_files(const struct info *i, const struct reading *r, struct error *error)
{
    if (i->json == NULL && i->directory == NULL)
        return true;
    json_t *document = figures_json(r->figures, r->source->name, i->options.config.name);
    bool good = document != NULL || error_set(error, "out of memory");
    good = good && (i->json == NULL || report_write_json(document, i->json, error));
    good = good && (i->directory == NULL || write_directory(i, r->figures, document, error));
    json_decref(document);
    return good;
}

static bool run(const struct info *i, struct reading *r, struct error *error)
{
    if (!row_checks_init(&r->checks, r->source, TRACE_STREAM_BY_P))
        return error_set(error, "%s", r->checks.failure.text);
    if (!read_all(i, r, error))
        return false;
    if (r->figures != NULL)
        figures_finish(r->figures);
    bool taken = i->json != NULL && strcmp(i->json, "-") == 0;
    return write_files(i, r, error) && (i->quiet || taken || tell(i, r, error));
}

static bool inform(const struct info *i, const char *trace, struct error *error)
{
    struct goheap_config core;
    struct gh_size_classes classes;
    struct reading r = {.rows = 0};
    if (!config_core(&i->options.config, &core, error))
        return false;
    gh_size_classes_init(&classes, &core);
    r.source = row_open(trace, i->trace.from, &i->trace.rows, error);
    if (r.source == NULL)
        return false;
    r.figures = i->verify ? NULL : figures_new(&classes);
    bool good = (i->verify || r.figures != NULL || error_set(error, "out of memory")) && run(i, &r, error);
    figures_free(r.figures);
    row_checks_free(&r.checks);
    r.source->close(r.source);
    return good;
}

int cmd_info(int argc, char **argv)
{
    struct info i = {.json = NULL};
    struct error error = {.text = ""};
    config_options_init(&i.options);
    int first, code = options_parse(&command, argc, argv, take, &i, &first);
    if (code == OPTIONS_RUN && i.verify && (i.json != NULL || i.directory != NULL))
        code = options_misuse(&command, "--verify writes no figures: expected it without --json and --output");
    if (code == OPTIONS_RUN)
        code = config_options_apply(&i.options, &command);
    if (code == OPTIONS_RUN && !inform(&i, argv[first], &error)) {
        fprintf(stderr, "goheap: %s\n", error.text);
        code = 1;
    }
    config_options_clear(&i.options);
    return code == OPTIONS_RUN ? 0 : code;
}
