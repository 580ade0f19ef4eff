/* The bytes of a trace, whether they come from a plain file, a pipe or a zstd file, in chunks of at
 * most 64 KiB. */
#ifndef BYTE_STREAM_H
#define BYTE_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct byte_stream;

enum { BYTE_STREAM_SLACK = 64 };

/* "-" is standard input. NULL and *error if it cannot be opened. */
struct byte_stream *byte_stream_open(const char *path, struct error *error);
void byte_stream_close(struct byte_stream *stream);

/* The first bytes of the file, at least want of them (up to 4 KiB) unless it is shorter, without
 * consuming them; after byte_stream_inflate those of what is compressed. Only before the first
 * byte_stream_next. Returns how many there are; 0 with *error set after a failure. */
size_t byte_stream_peek(struct byte_stream *stream, size_t want, const unsigned char **bytes,
                        struct error *error);

/* From here on the file is read as zstd frames, one after another. Only before the first
 * byte_stream_next. */
bool byte_stream_inflate(struct byte_stream *stream, struct error *error);

/* The next bytes, valid until the next call; at least 4 of them unless fewer are left, so that
 * whatever is recognised by its first bytes is in one piece. BYTE_STREAM_SLACK bytes before and
 * after them may be read and mean nothing. Returns how many; 0 at the end, or with *error set after
 * a failure. */
size_t byte_stream_next(struct byte_stream *stream, const unsigned char **bytes, struct error *error);

/* The file itself, for whoever has other ways to read it; -1 after byte_stream_inflate. The stream closes it. */
int byte_stream_file(const struct byte_stream *stream);

const char *byte_stream_name(const struct byte_stream *stream); /* the path, or "standard input" */
uint64_t byte_stream_done(const struct byte_stream *stream); /* bytes read from the file, as they are there */
uint64_t byte_stream_total(const struct byte_stream *stream); /* the file's size; 0: no regular file */

#endif
