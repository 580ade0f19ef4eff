/* `goheap convert`: a trace of any format that can be read, checked and written anew.
 *
 *   IN --row_source--> rows --row_checks--> the same rows --row_writer--> OUT
 *                                 `--> events --> row_tally --> what is told at the end
 *
 * Invariant: what is written is a trace that replays without complaint; else nothing is. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/options.h"
#include "cmd/cmd.h"
#include "cmd/progress.h"
#include "cmd/trace_options.h"
#include "trace/row_check.h"
#include "trace/row_tally.h"
#include "trace/row_writer.h"

enum { OPT_TO, OPT_PROGRESS, OPT_QUIET };

enum { BATCH = 128 }; /* rows: 10 KiB, a part of the first-level cache */

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
    struct row_writer *writer;
    struct row_checks checks;
    struct row_tally tally;
};

static bool check_row(struct conversion *k, const struct trace_row *row, struct error *error)
{
    struct trace_event event;
    enum row_result result = row_checks_take(&k->checks, row, &event);
    if (result == ROW_FAILED)
        return error_set(error, "%s", k->checks.failure.text);
    if (result == ROW_NOTHING) {
        k->tally.rows[row->op]++;
        return true;
    }
    if (!row_tally_take(&k->tally, &event))
        return row_fail(error, k->source->name, row->line, "out of memory");
    if (event.op == TRACE_FREE || event.op == TRACE_STACKFREE)
        lifetimes_release(&k->checks.lifetimes, event.slot);
    return true;
}

static bool convert_batch(struct conversion *k, const struct trace_row *rows, size_t n, struct error *error)
{
    for (size_t i = 0; i < n; i++)
        if (!check_row(k, &rows[i], error))
            return false;
    return k->writer->write(k->writer, rows, n, error);
}

static bool convert_all(struct conversion *k, struct progress *progress, struct error *error)
{
    struct trace_row rows[BATCH];
    uint64_t count = 0;
    size_t n;
    while ((n = k->source->read(k->source, rows, BATCH, error)) > 0) {
        if (!convert_batch(k, rows, n, error))
            return false;
        progress_show(progress, count + n, k->source->bytes_done, k->source->bytes_total);
        count += n;
    }
    return error->text[0] == '\0';
}

static void tell(const struct conversion *k)
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
            k->checks.ps.map.count, k->checks.ps.map.count == 1 ? "" : "s", k->tally.peak_live, k->tally.peak_bytes);
    row_source_tell(k->source);
}

/* With IN and OUT open. */
static bool run(const struct convert *c, struct conversion *k, struct error *error)
{
    struct progress progress;
    progress_begin(&progress, "rows", c->progress);
    bool good = convert_all(k, &progress, error);
    progress_wipe(&progress);
    if (good)
        good = k->writer->commit(k->writer, error);
    else
        k->writer->abandon(k->writer);
    if (good && !c->quiet)
        tell(k);
    return good;
}

static bool convert(const struct convert *c, const char *in, const char *out, struct error *error)
{
    struct conversion k = {.source = row_open(in, c->in.from, &c->in.rows, error)};
    if (k.source == NULL)
        return false;
    bool good = row_checks_init(&k.checks, k.source, TRACE_STREAM_BY_P) ||
                error_set(error, "%s", k.checks.failure.text);
    const struct row_writer_format *to = c->to != NULL ? c->to : row_writer_format_of(out);
    good = good && (k.writer = to->open(out, k.source->columns, error)) != NULL && run(c, &k, error);
    row_tally_free(&k.tally);
    row_checks_free(&k.checks);
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
