/* Rows, gathered and written plain or through zstd. Invariant: what has been flushed is a prefix
 * of the file; `buffer` holds what comes after it. */
#include "record/record_out.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/out_file.h"

enum { BUFFER_BYTES = 1 << 17 };

struct record_out {
    struct out_file file;
    bool failed;    /* out of memory while compressing; what the file suffered it knows itself */
    uint64_t bytes; /* handed to the file */
    ZSTD_CCtx *zstd; /* NULL: plain */
    size_t pending;  /* bytes in buffer */
    unsigned char buffer[BUFFER_BYTES];
    unsigned char packed[BUFFER_BYTES];
};

static bool is_zst(const char *path)
{
    size_t length = strlen(path);
    return length >= 4 && strcmp(path + length - 4, ".zst") == 0;
}

static void release(struct record_out *out)
{
    ZSTD_freeCCtx(out->zstd);
    free(out);
}

struct record_out *record_out_open(const char *path, struct error *error)
{
    struct record_out *out = calloc(1, sizeof *out);
    ZSTD_CCtx *zstd = is_zst(path) ? ZSTD_createCCtx() : NULL;
    if (out == NULL || (zstd == NULL && is_zst(path))) {
        error_set(error, "%s: %s", path, strerror(ENOMEM));
        ZSTD_freeCCtx(zstd);
        free(out);
        return NULL;
    }
    out->zstd = zstd;
    if (zstd != NULL)
        ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
    if (out_file_open(&out->file, path, error) != NULL)
        return out;
    release(out);
    return NULL;
}

static void put(struct record_out *out, const unsigned char *data, size_t size)
{
    out->bytes += fwrite(data, 1, size, out->file.stream);
}

static void compress(struct record_out *out, ZSTD_EndDirective directive)
{
    ZSTD_inBuffer input = {out->buffer, out->pending, 0};
    size_t left;
    do {
        ZSTD_outBuffer output = {out->packed, sizeof out->packed, 0};
        left = ZSTD_compressStream2(out->zstd, &output, &input, directive);
        if (ZSTD_isError(left)) {
            out->failed = true; /* only memory can be lacking: the parameters are valid */
            return;
        }
        put(out, out->packed, output.pos);
    } while (directive == ZSTD_e_end ? left > 0 : input.pos < input.size);
}

static void flush(struct record_out *out, bool last)
{
    if (out->zstd != NULL)
        compress(out, last ? ZSTD_e_end : ZSTD_e_continue);
    else
        put(out, out->buffer, out->pending);
    out->pending = 0;
}

bool record_out_failed(const struct record_out *out)
{
    return out->failed || ferror(out->file.stream);
}

void record_out_write(struct record_out *out, const void *data, size_t size)
{
    const unsigned char *from = data;
    while (size > 0) {
        size_t room = sizeof out->buffer - out->pending;
        size_t part = size < room ? size : room;
        memcpy(out->buffer + out->pending, from, part);
        out->pending += part;
        from += part;
        size -= part;
        if (out->pending == sizeof out->buffer)
            flush(out, false);
    }
}

bool record_out_commit(struct record_out *out, uint64_t *bytes, struct error *error)
{
    flush(out, true);
    if (out->failed) {
        error_set(error, "%s: %s", out->file.path, strerror(ENOMEM));
        record_out_abandon(out);
        return false;
    }
    bool done = out_file_commit(&out->file, error);
    *bytes = out->bytes;
    release(out);
    return done;
}

void record_out_abandon(struct record_out *out)
{
    out_file_abandon(&out->file);
    release(out);
}
