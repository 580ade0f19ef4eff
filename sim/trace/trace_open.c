/* Opening a trace to be replayed: whatever can be read, as events. */
#include "trace/row_events.h"
#include "trace/row_open.h"
#include "trace/trace.h"

struct trace_source *trace_open(const char *path, int stream_by, struct error *error)
{
    static const struct row_options defaults = {.seed = 0};
    const struct row_format *format = NULL;
    struct byte_stream *stream = row_open_bytes(path, &format, error);
    if (stream == NULL)
        return NULL;
    if (format->open_events != NULL)
        return format->open_events(stream, stream_by, error);
    struct row_source *rows = format->open(stream, &defaults, error);
    return rows != NULL ? row_events_open(rows, stream_by, error) : NULL;
}
