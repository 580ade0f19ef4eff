/* `goheap convert`: a trace of any format that can be read, checked and written anew.
 *
 *   IN --row_source--> rows --row_output--> OUT
 *                              `--> events --> row_tally --> what is told at the end
 *
 * Invariant: what is written is a trace that replays without complaint; else nothing is. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/options.h"
#include "cmd/cmd.h"
#include "cmd/progress.h"
#include "cmd/trace_options.h"
#include "trace/row_output.h"
#include "trace/row_tally.h"

enum { OPT_TO, OPT_PROGRESS, OPT_QUIET };

static const struct option_spec options[] = {
    TRACE_OPTIONS("IN"),
    {OPT_TO, '\0', "to", "FORMAT", "what OUT becomes, whatever its name says"},
    {OPT_PROGRESS, '\0', "progress", NULL, "show progress even if stderr is no terminal"},
    {OPT_QUIET, 'q', "quiet", NULL, "tell nothing, and no progress"},
};

static const struct command_spec command = {
    .name = "goheap convert",
    .summary = "turn a trace of any format into one of ours",
    .operands = "IN OUT",
    .min_operands = 2,
    .max_operands = 2,
    .description = "Reads a trace, checks it as a replay would, and writes it anew. The format of IN is seen by its\n"
                   "first bytes, plain or in zstd; that of OUT by its name: .csv and .csv.zst are CSV, .ght is\n"
                   "binary, .ghtz binary in compressed blocks; any other name gets CSV. - is stdin or stdout. What was\n"
                   "converted is told on stderr.\n"
                   "OUT is there whole or not at all. CSV comes out in canonical form: columns in a fixed order,\n"
                   "those that mean nothing to goheap left out.\n",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = "goheap convert traces/sqlite.csv.zst sqlite.csv\n"
                "goheap convert other.csv - | head\n"
                "goheap convert my.csv.zst my.ght\n",
};

struct convert {
    struct trace_options in;
    const struct row_writer_format *to; /* NULL: by the name */
    bool quiet;
    int progress; /* 1 always, 0 on a terminal, -1 never */
};

static bool take(void *context, int id, const char *argument, struct error *error)
{
    struct convert *c = context;
    switch (id) {
    case OPT_TO:
        return (c->to = row_writer_format_named(argument, error)) != NULL;
    case OPT_PROGRESS:
        c->progress = 1;
        return true;
    case OPT_QUIET:
        c->progress = -1;
        return c->quiet = true;
    default:
        return trace_options_take(&c->in, id, argument, error);
    }
}

/* --- converting ---------------------------------------------------------------------------------------- */

struct conversion {
    struct row_source *source;
    struct row_output output;
    struct row_tally tally;
};

static bool convert_batch(struct conversion *k, const struct trace_row *rows, size_t n, struct error *error)
{
    return row_output_put(&k->output, rows, n, error) &&
           (row_tally_take(&k->tally, k->output.events, n) ||
            row_fail(error, k->source->name, rows[0].line, "out of memory"));
}

static bool convert_all(struct conversion *k, struct progress *progress, struct error *error)
{
    struct trace_row rows[ROW_BATCH];
    uint64_t count = 0;
    size_t n;
    while ((n = k->source->read(k->source, rows, ROW_BATCH, error)) > 0) {
        if (!convert_batch(k, rows, n, error))
            return false;
        progress_show(progress, count + n, k->source->bytes_done, k->source->bytes_total);
        count += n;
    }
    return error->text[0] == '\0';
}

static void tell(const struct conversion *k, size_t streams)
{
    uint64_t rows = 0;
    const char *separator = ": ";
    for (int op = 0; op < ROW_OPS; op++)
        rows += k->tally.rows[op];
    fprintf(stderr, "goheap: %" PRIu64 " rows", rows);
    for (int op = 0; op < ROW_OPS; op++) {
        if (k->tally.rows[op] == 0)
            continue;
        fprintf(stderr, "%s%" PRIu64 " %s", separator, k->tally.rows[op], row_op_names[op]);
        separator = ", ";
    }
    fprintf(stderr, "\ngoheap: %zu stream%s; at most %" PRIu64 " objects live, and %" PRIu64 " bytes\n",
            streams, streams == 1 ? "" : "s", k->tally.peak_live, k->tally.peak_bytes);
    row_source_tell(k->source);
}

/* With IN and OUT open; closes OUT. */
static bool run(const struct convert *c, struct conversion *k, struct error *error)
{
    struct progress progress;
    row_checks_expect(&k->output.checks, k->source);
    progress_begin(&progress, "rows", c->progress);
    bool good = convert_all(k, &progress, error);
    progress_wipe(&progress);
    size_t streams = k->output.checks.ps.map.count;
    good = row_output_close(&k->output, good, error);
    if (good && !c->quiet)
        tell(k, streams);
    return good;
}

static bool convert(const struct convert *c, const char *in, const char *out, struct error *error)
{
    struct conversion k = {.source = row_open(in, c->in.from, &c->in.rows, error)};
    if (k.source == NULL)
        return false;
    bool good = row_output_open(&k.output, c->to, out, k.source, error) && run(c, &k, error);
    row_tally_free(&k.tally);
    k.source->close(k.source);
    return good;
}

int cmd_convert(int argc, char **argv)
{
    struct convert c = {.to = NULL};
    int first, code = options_parse(&command, argc, argv, take, &c, &first);
    if (code != OPTIONS_RUN)
        return code;
    struct error error = {.text = ""};
    if (convert(&c, argv[first], argv[first + 1], &error))
        return 0;
    fprintf(stderr, "goheap: %s\n", error.text);
    return 1;
}
