/* The formats that can be read, and which of them a file is in. */
#include "trace/row_open.h"

#include <stdio.h>
#include <string.h>

#include "go_trace/go_trace.h"
#include "import/formats.h"
#include "trace/ght.h"
#include "trace/trace_csv.h"

/* The first that recognises a file has it. CSV, which takes any text for a header line, comes last. */
static const struct row_format formats[] = {
    {"ght", ght_recognise, ght_open_rows, ght_open_events},
    {"go", go_trace_recognise, go_trace_open, NULL},
    {"heaptrack", heaptrack_recognise, heaptrack_open, NULL},
    {"android", android_recognise, android_open, NULL},
    {"mtrace", mtrace_recognise, mtrace_open, NULL},
    {"logalloc", logalloc_recognise, logalloc_open, NULL},
    {"valgrind", valgrind_recognise, valgrind_open, NULL},
    {"csv", trace_csv_recognise, trace_csv_open, NULL},
};
enum { FORMATS = sizeof formats / sizeof formats[0] };

/* "csv, go, heaptrack" */
static void list_names(char *text, size_t size)
{
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < FORMATS && length < size; i++)
        length += (size_t)snprintf(text + length, size - length, "%s%s", i == 0 ? "" : ", ", formats[i].name);
}

const struct row_format *row_format_named(const char *name, struct error *error)
{
    char names[128];
    for (size_t i = 0; i < FORMATS; i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    list_names(names, sizeof names);
    error_set(error, "expected a format that can be read (%s), got \"%.40s\"", names, name);
    return NULL;
}

/* A zstd frame, or one of the skippable frames (50 .. 5F 2A 4D 18) with which pzstd begins its files. */
static bool is_zstd(const unsigned char *bytes, size_t length)
{
    static const unsigned char frame[4] = {0x28, 0xb5, 0x2f, 0xfd};
    static const unsigned char skippable[3] = {0x2a, 0x4d, 0x18};
    if (length < 4)
        return false;
    return memcmp(bytes, frame, 4) == 0 ||
           ((bytes[0] & 0xf0) == 0x50 && memcmp(bytes + 1, skippable, 3) == 0);
}

static bool inflate_if_packed(struct byte_stream *stream, struct error *error)
{
    const unsigned char *bytes = NULL;
    size_t length = byte_stream_peek(stream, 4, &bytes, error);
    return bytes != NULL && (!is_zstd(bytes, length) || byte_stream_inflate(stream, error));
}

static bool recognise(struct byte_stream *stream, const struct row_format **format, struct error *error)
{
    const unsigned char *bytes = NULL;
    size_t length = byte_stream_peek(stream, ROW_FIRST_BYTES, &bytes, error);
    if (bytes == NULL)
        return false;
    for (size_t i = 0; i < FORMATS; i++) {
        if (formats[i].recognise(bytes, length)) {
            *format = &formats[i];
            return true;
        }
    }
    char names[128];
    list_names(names, sizeof names);
    return row_fail(error, byte_stream_name(stream), 1,
                    "expected a trace in a format that can be read (%s), plain or in zstd, got something else", names);
}

struct byte_stream *row_open_bytes(const char *path, const struct row_format **format, struct error *error)
{
    struct byte_stream *stream = byte_stream_open(path, error);
    if (stream == NULL)
        return NULL;
    if (inflate_if_packed(stream, error) && (*format != NULL || recognise(stream, format, error)))
        return stream;
    byte_stream_close(stream);
    return NULL;
}

struct row_source *row_open(const char *path, const struct row_format *format, const struct row_options *options,
                            struct error *error)
{
    struct byte_stream *stream = row_open_bytes(path, &format, error);
    return stream != NULL ? format->open(stream, options, error) : NULL;
}
