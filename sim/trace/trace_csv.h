/* Traces in CSV: a header line with the names of the columns, then a row a line. */
#ifndef TRACE_CSV_H
#define TRACE_CSV_H

#include "trace/byte_stream.h"
#include "trace/row.h"
#include "trace/row_writer.h"

enum { TRACE_CSV_LINE_MAX = 1 << 20 /* bytes, line feed included */ };

/* Whether the first bytes of a file may be a header line, good or bad: no control character is in them that no line of
 * text has. */
bool trace_csv_recognise(const unsigned char *bytes, size_t length);

/* Takes the stream over: closes it with the source, or at once if it returns NULL (*error says why). The header line
 * has been read when it returns. The options say nothing to CSV. */
struct row_source *trace_csv_open(struct byte_stream *bytes, const struct row_options *options, struct error *error);

/* Rows as CSV in canonical form: the header has the columns of `columns` (1 << enum row_column), in the order t_ns, p,
 * g, op, id, size, noscan, align, type; numbers are decimal, what a row does not have is empty; a label is in quotes
 * if it must be, that of a meta row always. Compressed if the path ends in .zst. NULL and *error if nothing can be
 * written there. */
struct row_writer *trace_csv_write(const char *path, uint16_t columns, struct error *error);

#endif
