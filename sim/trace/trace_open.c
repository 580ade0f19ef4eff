/* Opening a trace to be replayed: whatever can be read, as events. */
#include "trace/row_events.h"
#include "trace/row_open.h"
#include "trace/trace.h"

struct trace_source *trace_open_as(const char *path, const struct row_format *format, const struct row_options *options,
                                   int stream_by, struct error *error)
{
    struct byte_stream *stream = row_open_bytes(path, &format, error);
    if (stream == NULL)
        return NULL;
    if (format->open_events != NULL && !options->salvage)
        return format->open_events(stream, stream_by, error);
    struct row_source *rows = format->open(stream, options, error);
    return rows != NULL ? row_events_open(rows, stream_by, error) : NULL;
}

struct trace_source *trace_open(const char *path, int stream_by, struct error *error)
{
    static const struct row_options defaults = {.seed = 0};
    return trace_open_as(path, NULL, &defaults, stream_by, error);
}
