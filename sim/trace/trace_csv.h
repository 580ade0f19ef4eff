/* Traces in CSV: a header line with the names of the columns, then an event a row. */
#ifndef TRACE_CSV_H
#define TRACE_CSV_H

#include "trace/byte_stream.h"
#include "trace/trace.h"

/* Takes the stream over: closes it with the source, or at once if it returns NULL (*error says why).
 * The header line has been read when it returns. stream_by: TRACE_STREAM_BY_P or _G. */
struct trace_source *trace_csv_open(struct byte_stream *bytes, int stream_by, struct error *error);

#endif
