/* The one file in a zip archive, read from front to back, so that a pipe will do: the archive's directory, at its end,
 * is not needed. Format: PKWARE's APPNOTE.TXT, sections 4.3.7 (local file header) and 4.3.9 (data descriptor). */
#ifndef ZIP_MEMBER_H
#define ZIP_MEMBER_H

#include "trace/byte_stream.h"

enum { ZIP_MEMBER_MAGIC = 4 /* bytes */ };

struct zip_member;

bool zip_member_recognise(const unsigned char *bytes, size_t length);

/* Reads up to the file's data; the stream stays the caller's, and nobody else reads from it. NULL and *error if it is
 * no archive, or one that is encrypted or compressed by something else than deflate. */
struct zip_member *zip_member_open(struct byte_stream *bytes, struct error *error);
void zip_member_close(struct zip_member *zip);

/* The next bytes of the file, valid until the next call. Returns how many; 0 at the end, when the checksum was right
 * and no other file follows, or with *error set. */
size_t zip_member_next(struct zip_member *zip, const unsigned char **bytes, struct error *error);

#endif
