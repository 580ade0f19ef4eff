/* Opening a trace of any format: its first bytes say how to read it, its name says nothing.
 *
 *   path --> bytes --zstd or not--> first bytes --recognise--> format --open--> row_source
 *
 * A format is a row of the table in row_open.c. */
#ifndef ROW_OPEN_H
#define ROW_OPEN_H

#include "trace/byte_stream.h"
#include "trace/row.h"

enum { ROW_FIRST_BYTES = 4096 }; /* that a format is recognised by, unless the file is shorter */

struct row_format {
    const char *name; /* as --from has it */
    bool (*recognise)(const unsigned char *bytes, size_t length);
    /* Takes the stream over, of which nothing has been consumed: closes it with the source, or at once if it returns
     * NULL (*error says why). The options are read now and not kept. */
    struct row_source *(*open)(struct byte_stream *bytes, const struct row_options *options, struct error *error);
    /* The same for a replay, past rows; NULL: it has no such shortcut. stream_by: TRACE_STREAM_BY_P or _G. */
    struct trace_source *(*open_events)(struct byte_stream *bytes, int stream_by, struct error *error);
};

/* NULL with *error, which names those that there are, if there is none of this name. */
const struct row_format *row_format_named(const char *name, struct error *error);

/* The bytes of the trace at path ("-" is standard input), inflated if they are in zstd. *format is set by what they
 * begin with if it is NULL. NULL with *error; unknown content is one, too. */
struct byte_stream *row_open_bytes(const char *path, const struct row_format **format, struct error *error);

/* All of it; format NULL: the first bytes decide. NULL with *error. The caller closes the source. */
struct row_source *row_open(const char *path, const struct row_format *format, const struct row_options *options,
                            struct error *error);

/* The same to be replayed, in place of trace_open: where the options need no rows, by the format's shortcut. */
struct trace_source *trace_open_as(const char *path, const struct row_format *format, const struct row_options *options,
                                   int stream_by, struct error *error);

#endif
