/* A writer of some format: rows go into a file that is there whole or not at all (base/out_file.h). Whoever has rows to
 * write gives them to a row_output, which checks them first.
 *
 * Invariant: a writer ends in exactly one commit or abandon, which frees it. */
#ifndef ROW_WRITER_H
#define ROW_WRITER_H

#include "trace/row.h"

struct row_writer {
    /* The next n rows, and what row_checks_take_all has made of them, with streams by P; CSV can do without those.
     * False with *error after a failure; then only abandon. */
    bool (*write)(struct row_writer *writer, const struct trace_row *rows, const struct trace_event *events, size_t n,
                  struct error *error);
    /* Finishes the file and puts it in its place; false with *error if that fails, and then it is not there. */
    bool (*commit)(struct row_writer *writer, struct error *error);
    /* Leaves the target as it was. */
    void (*abandon)(struct row_writer *writer);
    const char *name; /* the path as it was asked for, the caller's */
};

/* Formats to write. */
struct row_writer_format {
    const char *name;   /* as --to has it */
    const char *suffix; /* of files' names that ask for it */
    struct row_writer *(*open)(const char *path, uint16_t columns, struct error *error);
};

/* NULL with *error, which names those that there are, if there is none of this name. */
const struct row_writer_format *row_writer_format_named(const char *name, struct error *error);

/* The format that a path's end asks for; CSV if it asks for none. */
const struct row_writer_format *row_writer_format_of(const char *path);

#endif
