/* Writes binary traces (trace/ght_format.h), front to back.
 *
 * Memory: a segment (1 MiB of words, in buffers of at most 16 MiB), the labels and shapes that there have been, and a
 * few bytes a P; nothing that grows with the length of the trace. A writer that is killed loses its last segment. */
#ifndef GHT_WRITER_H
#define GHT_WRITER_H

#include <stdio.h>

#include "trace/row.h"

struct ght_writer;

/* out stays the caller's, who sees in its error indicator whether writing failed. name: of the file, for messages.
 * columns: 1 << enum row_column for each in which rows may have something. zstd: compress each block that gets smaller
 * by it. NULL with *error: out of memory. */
struct ght_writer *ght_writer_new(FILE *out, const char *name, uint16_t columns, bool zstd, struct error *error);

/* The next n rows of the trace, and what row_checks_take_all has made of them, with streams by P. False with *error if
 * one has a label of more than GHT_STRING_MAX bytes, or memory has run out; nothing can be written after that. */
bool ght_writer_put(struct ght_writer *writer, const struct trace_row *rows, const struct trace_event *events, size_t n,
                    struct error *error);

/* Writes what is left, and the end. */
void ght_writer_finish(struct ght_writer *writer);

void ght_writer_delete(struct ght_writer *writer);

#endif
