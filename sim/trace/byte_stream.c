/* Reading files in chunks, through libzstd where they are compressed.
 *
 *   read(2)  -->  raw[begin .. end)  -->  the caller                       plain
 *                                    -->  libzstd  -->  inflated  -->      zstd
 *
 * Invariant: of raw, bytes [begin .. end) have been read from the file and not yet been handed on, nor
 * have [0 .. peeked) of inflated. */
#include "trace/byte_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

enum { CHUNK = 64 * 1024, LEAST = 4 };

struct chunk {
    unsigned char before[BYTE_STREAM_SLACK], bytes[CHUNK], after[BYTE_STREAM_SLACK];
};

struct byte_stream {
    int fd;
    bool is_stdin;
    bool at_end; /* read(2) has said so */
    char *name;
    uint64_t done, total;
    size_t begin, end;
    ZSTD_DStream *zstd;      /* NULL: plain */
    struct chunk *inflated;  /* for zstd only */
    size_t peeked;
    bool in_frame;           /* a zstd frame has begun and is not complete */
    struct chunk raw;
};

static bool open_file(struct byte_stream *stream, const char *path, struct error *error)
{
    stream->is_stdin = strcmp(path, "-") == 0;
    stream->name = strdup(stream->is_stdin ? "standard input" : path);
    if (stream->name == NULL)
        return error_set(error, "%.300s: out of memory", path);
    stream->fd = stream->is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (stream->fd < 0)
        return error_set(error, "%.300s: cannot open: %s", stream->name, strerror(errno));
    struct stat st;
    if (fstat(stream->fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
        stream->total = (uint64_t)st.st_size;
    return true;
}

struct byte_stream *byte_stream_open(const char *path, struct error *error)
{
    struct byte_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        error_set(error, "%.300s: out of memory", path);
        return NULL;
    }
    stream->fd = -1;
    if (!open_file(stream, path, error)) {
        byte_stream_close(stream);
        return NULL;
    }
    return stream;
}

void byte_stream_close(struct byte_stream *stream)
{
    if (stream == NULL)
        return;
    if (stream->fd >= 0 && !stream->is_stdin)
        close(stream->fd);
    ZSTD_freeDStream(stream->zstd);
    free(stream->inflated);
    free(stream->name);
    free(stream);
}

/* Reads until raw holds want bytes or the file ends. An interrupted read is a failure and not tried
 * again: who catches signals without SA_RESTART wants to stop, and a pipe may stay silent for ever. */
static bool fill(struct byte_stream *stream, size_t want, struct error *error)
{
    if (stream->begin == stream->end)
        stream->begin = stream->end = 0;
    while (!stream->at_end && stream->end - stream->begin < want) {
        ssize_t got = read(stream->fd, stream->raw.bytes + stream->end, CHUNK - stream->end);
        if (got < 0)
            return error_set(error, "%.300s: cannot read: %s", stream->name, strerror(errno));
        stream->at_end = got == 0;
        stream->end += (size_t)got;
        stream->done += (uint64_t)got;
    }
    return true;
}

bool byte_stream_inflate(struct byte_stream *stream, struct error *error)
{
    stream->zstd = ZSTD_createDStream();
    stream->inflated = calloc(1, sizeof *stream->inflated);
    if (stream->zstd == NULL || stream->inflated == NULL)
        return error_set(error, "%.300s: out of memory", stream->name);
    return true;
}

/* One step of libzstd: from raw to output. At the end of the file it is told so by being given no
 * input. */
static bool inflate_some(struct byte_stream *stream, ZSTD_outBuffer *output, struct error *error)
{
    ZSTD_inBuffer input = {stream->raw.bytes + stream->begin, stream->end - stream->begin, 0};
    size_t before = output->pos;
    size_t left = ZSTD_decompressStream(stream->zstd, output, &input);
    if (ZSTD_isError(left))
        return error_set(error, "%.300s: expected zstd data, got something else after byte %llu: %s", stream->name,
                         (unsigned long long)(stream->done - input.size),
                         ZSTD_getErrorName(left));
    stream->begin += input.pos;
    stream->in_frame = left != 0;
    if (stream->in_frame && input.pos == 0 && output->pos == before && stream->at_end)
        return error_set(error, "%.300s: the file is truncated: it ends in the middle of a zstd frame",
                         stream->name);
    return true;
}

/* Inflates until want bytes are there or the file ends. */
static bool fill_inflated(struct byte_stream *stream, size_t want, struct error *error)
{
    ZSTD_outBuffer output = {stream->inflated->bytes, CHUNK, stream->peeked};
    while (output.pos < want) {
        if (!fill(stream, 1, error))
            return false;
        if (stream->begin == stream->end && !stream->in_frame)
            break; /* the end of the file, after a whole frame */
        if (!inflate_some(stream, &output, error))
            return false;
    }
    stream->peeked = output.pos;
    return true;
}

size_t byte_stream_peek(struct byte_stream *stream, size_t want, const unsigned char **bytes,
                        struct error *error)
{
    bool inflates = stream->zstd != NULL;
    if (inflates ? !fill_inflated(stream, want, error) : !fill(stream, want, error))
        return 0;
    *bytes = inflates ? stream->inflated->bytes : stream->raw.bytes + stream->begin;
    return inflates ? stream->peeked : stream->end - stream->begin;
}

size_t byte_stream_next(struct byte_stream *stream, const unsigned char **bytes, struct error *error)
{
    size_t length;
    if (stream->zstd != NULL) {
        if (!fill_inflated(stream, LEAST, error))
            return 0;
        *bytes = stream->inflated->bytes;
        length = stream->peeked;
        stream->peeked = 0;
    } else {
        if (!fill(stream, LEAST, error))
            return 0;
        *bytes = stream->raw.bytes + stream->begin;
        length = stream->end - stream->begin;
        stream->begin = stream->end;
    }
    return length;
}

int byte_stream_file(const struct byte_stream *stream)
{
    return stream->zstd == NULL ? stream->fd : -1;
}

const char *byte_stream_name(const struct byte_stream *stream)
{
    return stream->name;
}

uint64_t byte_stream_done(const struct byte_stream *stream)
{
    return stream->done;
}

uint64_t byte_stream_total(const struct byte_stream *stream)
{
    return stream->total;
}
