/* Output files that are there whole or not at all: written beside their target, as PATH.tmp.PID, and
 * renamed onto it at the end. "-" is stdout; whatever exists and is no regular file (/dev/null,
 * /dev/full, a pipe) is written directly. A symbolic link to a file stays; its target is replaced.
 *
 *     struct out_file out;
 *     FILE *f = out_file_open(&out, path, error);
 *     if (f == NULL)
 *         return false;
 *     fprintf(f, ...);                       no need to check each write
 *     return out_file_commit(&out, error);   or out_file_abandon(&out)
 *
 * Invariant: an open out_file ends in exactly one commit or abandon, and no temporary file outlives
 * it: not on errors, not on the signals of out_file_cleanup_on_signals. */
#ifndef OUT_FILE_H
#define OUT_FILE_H

#include "base/error.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

struct out_file {
    FILE *stream;         /* NULL: not open */
    int slot;             /* in the table of temporary files; -1: written directly */
    char path[PATH_MAX];  /* the target, a link resolved; "standard output" for "-" */
    char temp[PATH_MAX];  /* what is written; of no meaning if written directly */
};

/* Opens path for writing. NULL with error filled in (path and reason) when it cannot be written,
 * which includes a read-only target. The stream is out's: never fclose it. */
FILE *out_file_open(struct out_file *out, const char *path, struct error *error);

/* Flushes, closes (stdout is only flushed) and puts the file in place. False with error filled in if
 * any write since the opening failed; then the target is as it was and the temporary file is gone. */
bool out_file_commit(struct out_file *out, struct error *error);

/* Closes, leaving the target as it was (what was written directly is written). */
void out_file_abandon(struct out_file *out);

/* For main, once: SIGHUP, SIGINT, SIGPIPE and SIGTERM, unless ignored, remove the temporary files of
 * open out_files, then have their default action. */
void out_file_cleanup_on_signals(void);

/* mkdir -p: path and what is missing above it. An existing directory is fine. */
bool make_directory(const char *path, struct error *error);

#endif
