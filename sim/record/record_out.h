/* The trace being written: an out_file (whole or not at all), compressed if its name ends in
 * .zst. */
#ifndef RECORD_OUT_H
#define RECORD_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct record_out;

/* NULL and *error when nothing can be written there. Asked for before the program runs, so that
 * a wrong name does not cost a recording. */
struct record_out *record_out_open(const char *path, struct error *error);

/* Failures are kept and reported by record_out_commit; record_out_failed tells early. */
void record_out_write(struct record_out *out, const void *data, size_t size);
bool record_out_failed(const struct record_out *out);

/* Finishes the file, puts it in its place and frees `out`, in any case; *bytes is its length. */
bool record_out_commit(struct record_out *out, uint64_t *bytes, struct error *error);

/* Removes what was written and frees `out`. */
void record_out_abandon(struct record_out *out);

#endif
