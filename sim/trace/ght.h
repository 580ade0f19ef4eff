/* Binary traces (.ght, trace/ght_format.h), for those who open and write them. */
#ifndef GHT_H
#define GHT_H

#include "trace/byte_stream.h"
#include "trace/row.h"
#include "trace/row_writer.h"

/* Whether a file that begins with these bytes is a binary trace. */
bool ght_recognise(const unsigned char *bytes, size_t length);

/* Both take the stream over, which has to be a regular file: it is mapped into memory. NULL with *error, and the stream
 * closed, if it is not, or no binary trace of this version. */

/* The file's rows, as they were written. Options: salvage. */
struct row_source *ght_open_rows(struct byte_stream *bytes, const struct row_options *options, struct error *error);

/* The file's events, straight to a replay. stream_by: TRACE_STREAM_BY_P or _G. */
struct trace_source *ght_open_events(struct byte_stream *bytes, int stream_by, struct error *error);

/* Writers for the table of formats; the second compresses blocks. */
struct row_writer *ght_write(const char *path, uint16_t columns, struct error *error);
struct row_writer *ght_write_zstd(const char *path, uint16_t columns, struct error *error);

#endif
