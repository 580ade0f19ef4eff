/* Lines out of chunks. Nearly every line lies within one chunk and is handed out where it is; one that does not is put
 * together in `joined`. */
#include "import/text_lines.h"

#include <stdlib.h>

#include "trace/row.h"

bool text_lines_open(struct text_lines *lines, struct byte_stream *bytes, struct error *error)
{
    const unsigned char *first;
    *lines = (struct text_lines){.bytes = bytes};
    lines->next = lines->end = "";
    size_t length = byte_stream_peek(bytes, ZIP_MEMBER_MAGIC, &first, error);
    if (length == 0)
        return error->text[0] == '\0';
    if (!zip_member_recognise(first, length))
        return true;
    lines->zip = zip_member_open(bytes, error);
    return lines->zip != NULL;
}

void text_lines_close(struct text_lines *lines)
{
    zip_member_close(lines->zip);
    byte_stream_close(lines->bytes);
    free(lines->joined);
}

/* False at the end and after a failure. */
static bool next_chunk(struct text_lines *lines, struct error *error)
{
    const unsigned char *bytes;
    size_t length = lines->zip != NULL ? zip_member_next(lines->zip, &bytes, error)
                                       : byte_stream_next(lines->bytes, &bytes, error);
    if (length == 0)
        return false;
    lines->next = (const char *)bytes;
    lines->end = lines->next + length;
    return true;
}

static struct text without_return(const char *start, const char *end)
{
    return (struct text){start, end > start && end[-1] == '\r' ? end - 1 : end};
}

/* Puts the part behind the length bytes that there are of a line; there is always room for a line feed more. */
static bool add_part(struct text_lines *lines, size_t length, size_t part, struct error *error)
{
    if (part > TEXT_LINE_MAX - length)
        return row_fail(error, byte_stream_name(lines->bytes), lines->number + 1,
                        "expected a line of at most %d bytes, got a longer one", TEXT_LINE_MAX);
    if (length + part >= lines->joined_capacity) {
        size_t capacity = 2 * (length + part) + 1;
        char *larger = realloc(lines->joined, capacity);
        if (larger == NULL)
            return error_set(error, "%.200s: out of memory", byte_stream_name(lines->bytes));
        lines->joined = larger;
        lines->joined_capacity = capacity;
    }
    memcpy(lines->joined + length, lines->next, part);
    return true;
}

static enum text_lines_status join(struct text_lines *lines, struct text *line, struct error *error)
{
    size_t length = 0;
    for (const char *feed = NULL; feed == NULL;) {
        if (lines->next == lines->end && !next_chunk(lines, error)) {
            if (error->text[0] != '\0')
                return TEXT_LINES_FAILED;
            return length == 0 ? TEXT_LINES_END : TEXT_LINES_CUT;
        }
        feed = memchr(lines->next, '\n', (size_t)(lines->end - lines->next));
        size_t part = (size_t)((feed != NULL ? feed : lines->end) - lines->next);
        if (!add_part(lines, length, part, error))
            return TEXT_LINES_FAILED;
        length += part;
        lines->next = feed != NULL ? feed + 1 : lines->end;
    }
    lines->number++;
    lines->joined[length] = '\n';
    *line = without_return(lines->joined, lines->joined + length);
    return TEXT_LINES_LINE;
}

enum text_lines_status text_lines_next(struct text_lines *lines, struct text *line, struct error *error)
{
    size_t left = (size_t)(lines->end - lines->next);
    const char *feed = left > 0 ? memchr(lines->next, '\n', left) : NULL;
    if (feed == NULL)
        return join(lines, line, error);
    *line = without_return(lines->next, feed);
    lines->next = feed + 1;
    lines->number++;
    return TEXT_LINES_LINE;
}
