/* Opening a trace: the file's first bytes say how to read it, its name says nothing. */
#include <string.h>

#include "trace/byte_stream.h"
#include "trace/trace.h"
#include "trace/trace_csv.h"

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

struct trace_source *trace_open(const char *path, int stream_by, struct error *error)
{
    struct byte_stream *stream = byte_stream_open(path, error);
    if (stream == NULL)
        return NULL;
    const unsigned char *bytes = NULL;
    size_t length = byte_stream_peek(stream, 4, &bytes, error);
    if (bytes == NULL || (is_zstd(bytes, length) && !byte_stream_inflate(stream, error))) {
        byte_stream_close(stream);
        return NULL;
    }
    return trace_csv_open(stream, stream_by, error);
}
