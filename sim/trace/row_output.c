/* Checks, then writes: so that a lifetime is looked for once, by its id, and the writer is told its slot. */
#include "trace/row_output.h"

#include <assert.h>

bool row_output_open(struct row_output *output, const struct row_writer_format *format, const char *path,
                     const struct row_source *source, struct error *error)
{
    if (format == NULL)
        format = row_writer_format_of(path);
    bool good = row_checks_init(&output->checks, source, TRACE_STREAM_BY_P) ||
                error_set(error, "%s", output->checks.failure.text);
    good = good && (output->writer = format->open(path, source->columns, error)) != NULL;
    if (!good)
        row_checks_free(&output->checks);
    return good;
}

bool row_output_put(struct row_output *output, const struct trace_row *rows, size_t n, struct error *error)
{
    assert(n <= ROW_BATCH);
    if (!row_checks_take_all(&output->checks, rows, n, output->events))
        return error_set(error, "%s", output->checks.failure.text);
    return output->writer->write(output->writer, rows, output->events, n, error);
}

bool row_output_close(struct row_output *output, bool good, struct error *error)
{
    row_checks_free(&output->checks);
    if (good)
        return output->writer->commit(output->writer, error);
    output->writer->abandon(output->writer);
    return false;
}
