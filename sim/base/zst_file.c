/* Bytes, gathered and written plain or through zstd. Invariant: what has been flushed is a prefix
 * of the file; `buffer` holds what comes after it. */
#include "base/zst_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/out_file.h"

enum { BUFFER_BYTES = 1 << 17 };

struct zst_file {
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

static void release(struct zst_file *out)
{
    ZSTD_freeCCtx(out->zstd);
    free(out);
}

struct zst_file *zst_file_open(const char *path, struct error *error)
{
    struct zst_file *out = calloc(1, sizeof *out);
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

static void put(struct zst_file *out, const unsigned char *data, size_t size)
{
    out->bytes += fwrite(data, 1, size, out->file.stream);
}

static void compress(struct zst_file *out, ZSTD_EndDirective directive)
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

static void flush(struct zst_file *out, bool last)
{
    if (out->zstd != NULL)
        compress(out, last ? ZSTD_e_end : ZSTD_e_continue);
    else
        put(out, out->buffer, out->pending);
    out->pending = 0;
}

bool zst_file_failed(const struct zst_file *out)
{
    return out->failed || ferror(out->file.stream);
}

void zst_file_write(struct zst_file *out, const void *data, size_t size)
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

bool zst_file_commit(struct zst_file *out, uint64_t *bytes, struct error *error)
{
    flush(out, true);
    if (out->failed) {
        error_set(error, "%s: %s", out->file.path, strerror(ENOMEM));
        zst_file_abandon(out);
        return false;
    }
    bool done = out_file_commit(&out->file, error);
    *bytes = out->bytes;
    release(out);
    return done;
}

void zst_file_abandon(struct zst_file *out)
{
    out_file_abandon(&out->file);
    release(out);
}
