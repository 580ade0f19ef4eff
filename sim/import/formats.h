/* Readers of what other tools record, a row_source each. All of them are texts, a call of the allocator a line.
 *
 * X_recognise: whether a file that begins so (its first bytes, up to 4 KiB of them, inflated if the file is in zstd)
 * is of the format X; no file is of two of them, and no CSV trace of any.
 * X_open: takes the stream over, and closes it with the source, or at once if it returns NULL (*error says why).
 * Nothing of the stream has been consumed before. Of the options, salvage is what applies to all of them.
 *
 * Where a file ends without a line feed it was cut off: what is left of its last line is not read, and `tell` says
 * so. */
#ifndef IMPORT_FORMATS_H
#define IMPORT_FORMATS_H

#include "trace/byte_stream.h"
#include "trace/row.h"

/* KDE's heaptrack, the raw form and the interpreted one. */
bool heaptrack_recognise(const unsigned char *bytes, size_t length);
struct row_source *heaptrack_open(struct byte_stream *bytes, const struct row_options *options, struct error *error);

/* What Android's malloc_debug writes (record_allocs) and its memory_replay reads; also as the one file in a zip
 * archive. */
bool android_recognise(const unsigned char *bytes, size_t length);
struct row_source *android_open(struct byte_stream *bytes, const struct row_options *options, struct error *error);

/* mtrace(3) of the GNU C library. */
bool mtrace_recognise(const unsigned char *bytes, size_t length);
struct row_source *mtrace_open(struct byte_stream *bytes, const struct row_options *options, struct error *error);

/* Firefox's logalloc, as it is logged and as logalloc_munge.py renumbers it. */
bool logalloc_recognise(const unsigned char *bytes, size_t length);
struct row_source *logalloc_open(struct byte_stream *bytes, const struct row_options *options, struct error *error);

/* valgrind --trace-malloc=yes. */
bool valgrind_recognise(const unsigned char *bytes, size_t length);
struct row_source *valgrind_open(struct byte_stream *bytes, const struct row_options *options, struct error *error);

#endif
