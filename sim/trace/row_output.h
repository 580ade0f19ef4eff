/* Rows on their way into a file, whoever made them: each is checked, and written with what the check has found.
 *
 *     struct row_output output;
 *     if (!row_output_open(&output, NULL, path, source, error))
 *         return false;
 *     while ((n = source->read(source, rows, ROW_BATCH, error)) > 0 && row_output_put(&output, rows, n, error))
 *         ...;
 *     return row_output_close(&output, error->text[0] == '\0', error);
 *
 * Invariant: what is written is a trace that replays without complaint; else nothing is. */
#ifndef ROW_OUTPUT_H
#define ROW_OUTPUT_H

#include "trace/row_check.h"
#include "trace/row_writer.h"

struct row_output {
    struct row_writer *writer;
    struct row_checks checks;
    struct trace_event events[ROW_BATCH]; /* of the latest rows; of a meta row only its op */
};

/* format NULL: the one that the path asks for. Of the source name and columns count, and they outlive the output. False
 * with *error if nothing can be written there. */
bool row_output_open(struct row_output *output, const struct row_writer_format *format, const char *path,
                     const struct row_source *source, struct error *error);

/* The next n rows, at most ROW_BATCH. False with *error if one breaks a rule or cannot be written. */
bool row_output_put(struct row_output *output, const struct trace_row *rows, size_t n, struct error *error);

/* Puts the file in its place if all is good; if not, leaves what was there as it was, and *error as it is. False if
 * all was not good, or the file could not be finished, with *error. */
bool row_output_close(struct row_output *output, bool good, struct error *error);

#endif
