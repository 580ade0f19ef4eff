/* A file being written: an out_file (whole or not at all), compressed if its name ends in .zst. */
#ifndef ZST_FILE_H
#define ZST_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct zst_file;

/* NULL and *error when nothing can be written there. Asked for before the work begins, a wrong name costs none. */
struct zst_file *zst_file_open(const char *path, struct error *error);

/* Failures are kept and reported by zst_file_commit; zst_file_failed tells early. */
void zst_file_write(struct zst_file *out, const void *data, size_t size);
bool zst_file_failed(const struct zst_file *out);

/* Finishes the file, puts it in its place and frees `out`, in any case; *bytes is its length. */
bool zst_file_commit(struct zst_file *out, uint64_t *bytes, struct error *error);

/* Removes what was written and frees `out`. */
void zst_file_abandon(struct zst_file *out);

#endif
