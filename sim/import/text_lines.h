/* The lines of a file, which may be the only member of a zip archive.
 *
 *   byte_stream --(zip_member)--> chunks --> lines, each in one piece
 *
 * Memory: one line, of at most TEXT_LINE_MAX bytes. */
#ifndef TEXT_LINES_H
#define TEXT_LINES_H

#include "import/text.h"
#include "import/zip_member.h"
#include "trace/byte_stream.h"

enum { TEXT_LINE_MAX = 1 << 20 /* bytes, without the line feed */ };

struct text_lines {
    struct byte_stream *bytes;
    struct zip_member *zip;   /* NULL: bytes are the text */
    const char *next, *end;   /* the rest of the current chunk */
    char *joined;             /* a line that came in several chunks */
    size_t joined_capacity;
    uint64_t number;          /* of the latest line, from 1 */
};

enum text_lines_status {
    TEXT_LINES_LINE,
    TEXT_LINES_END,   /* after a line feed, or there was no byte */
    TEXT_LINES_CUT,   /* the end, after something that no line feed ends */
    TEXT_LINES_FAILED /* *error says why */
};

/* Takes the stream over, whatever comes of it. False, with *error set: no memory, or no archive that can be read. */
bool text_lines_open(struct text_lines *lines, struct byte_stream *bytes, struct error *error);
void text_lines_close(struct text_lines *lines);

/* The next line, without its line feed (or carriage return and line feed), valid until the next call. */
enum text_lines_status text_lines_next(struct text_lines *lines, struct text *line, struct error *error);

#endif
