/* Mapping a file, and walking along its blocks. */
#include "trace/ght_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "trace/crc32c.h"

enum { WINDOW = 4 << 20 /* bytes; pages are unmapped in pieces of this size */ };

bool ght_file_fail(const struct ght_file *file, uint64_t at, struct error *error, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return error_set(error, "%.200s: byte %" PRIu64 ": %s", file->name, at, text);
}

/* ---- opening ---- */

static bool map(struct ght_file *file, struct error *error)
{
    int fd = byte_stream_file(file->bytes);
    struct stat st;
    if (fd < 0)
        return error_set(error, "%.300s: expected a binary trace as it is, as it is mapped into memory, got one in "
                         "zstd: decompress it first", file->name);
    if (fstat(fd, &st) != 0)
        return error_set(error, "%.300s: cannot read: %s", file->name, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return error_set(error, "%.300s: expected a regular file, as a binary trace is mapped into memory, got "
                         "something else", file->name);
    file->size = (uint64_t)st.st_size;
    if (file->size == 0)
        return error_set(error, "%.300s: expected a binary trace, got an empty file", file->name);
    void *at = mmap(NULL, file->size, PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        return error_set(error, "%.300s: cannot map: %s", file->name, strerror(errno));
    madvise(at, file->size, MADV_SEQUENTIAL);
    file->map = at;
    return true;
}

static bool check_header(struct ght_file *file, struct error *error)
{
    struct ght_file_header header;
    if (file->size < sizeof header)
        return ght_file_fail(file, 0, error, "expected the header of a binary trace, %zu bytes, got %" PRIu64
                             ": the file is cut off", sizeof header, file->size);
    memcpy(&header, file->map, sizeof header);
    if (memcmp(header.magic, GHT_MAGIC, sizeof header.magic) != 0)
        return ght_file_fail(file, 0, error, "expected a binary trace, got something else");
    if (header.crc != crc32c(0, &header, offsetof(struct ght_file_header, crc)))
        return ght_file_fail(file, 0, error, "expected a header with its checksum, got another: the file is damaged");
    if (header.major != GHT_MAJOR)
        return ght_file_fail(file, 0, error, "expected version %d of the format, got %u", GHT_MAJOR, header.major);
    file->columns = header.columns & ((1u << ROW_COLUMNS) - 1);
    file->at = sizeof header;
    return true;
}

bool ght_file_open(struct ght_file *file, struct byte_stream *bytes, struct error *error)
{
    *file = (struct ght_file){.bytes = bytes, .name = byte_stream_name(bytes)};
    return map(file, error) && check_header(file, error);
}

void ght_file_close(struct ght_file *file)
{
    if (file->map != NULL)
        munmap((void *)(uintptr_t)file->map, file->size);
    ZSTD_freeDCtx(file->zstd);
    byte_stream_close(file->bytes);
}

/* Pages that have been read are the file's and not this process's; but they would count as if they were. */
void ght_file_pass(struct ght_file *file)
{
    uint64_t behind = file->at / WINDOW * WINDOW;
    if (behind > file->dropped)
        madvise((void *)(uintptr_t)(file->map + file->dropped), behind - file->dropped, MADV_DONTNEED);
    file->dropped = behind;
}

/* ---- blocks ---- */

bool ght_file_at_end(const struct ght_file *file)
{
    return file->at == file->size;
}

static bool fail_cut(const struct ght_file *file, uint64_t needed, struct error *error)
{
    if (ght_file_at_end(file))
        return ght_file_fail(file, file->at, error, "expected a block, got the end of the file: it is cut off, the "
                             "rows before this are whole");
    return ght_file_fail(file, file->at, error, "expected a block of at least %" PRIu64 " bytes, got %" PRIu64 ": the "
                         "file is cut off, the rows before this are whole", needed, file->size - file->at);
}

static bool check_block(const struct ght_file *file, const struct ght_block_header *header, struct error *error)
{
    if (header->magic != GHT_BLOCK_MAGIC || header->bytes > GHT_PAYLOAD_MAX || header->stored > GHT_PAYLOAD_MAX)
        return ght_file_fail(file, file->at, error, "expected a block's header, got something else");
    uint64_t whole = sizeof *header + ((uint64_t)header->stored + 7) / 8 * 8;
    if (file->size - file->at < whole)
        return fail_cut(file, whole, error);
    const unsigned char *payload = file->map + file->at + sizeof *header;
    uint32_t crc = crc32c(0, header, offsetof(struct ght_block_header, crc));
    if (crc32c(crc, payload, whole - sizeof *header) != header->crc)
        return ght_file_fail(file, file->at, error, "expected a block with its checksum, got another: the file is "
                             "damaged");
    if (header->number != file->number)
        return ght_file_fail(file, file->at, error, "expected block number %" PRIu64 ", got %" PRIu64, file->number,
                             header->number);
    if (header->kind >= GHT_KINDS || header->compression > GHT_ZSTD ||
        (header->compression == GHT_PLAIN && header->stored != header->bytes))
        return ght_file_fail(file, file->at, error, "expected a block of a known kind, got %u, compressed by %u",
                             header->kind, header->compression);
    return true;
}

static bool make_buffer(const struct ght_file *file, unsigned char **buffer, struct error *error)
{
    if (*buffer == NULL)
        *buffer = calloc(1, GHT_PAYLOAD_MAX + GHT_SLACK);
    return *buffer != NULL || error_set(error, "%.300s: out of memory", file->name);
}

static bool inflate(struct ght_file *file, const struct ght_block_header *header, struct ght_block *block,
                    unsigned char *inflated, struct error *error)
{
    if (file->zstd == NULL)
        file->zstd = ZSTD_createDCtx();
    if (file->zstd == NULL)
        return error_set(error, "%.300s: out of memory", file->name);
    size_t n = ZSTD_decompressDCtx(file->zstd, inflated, header->bytes, block->payload, header->stored);
    if (ZSTD_isError(n) || n != header->bytes)
        return ght_file_fail(file, block->at, error, "expected %u bytes of zstd data, got %s", header->bytes,
                             ZSTD_isError(n) ? ZSTD_getErrorName(n) : "fewer");
    return true;
}

bool ght_file_next(struct ght_file *file, struct ght_block *block, unsigned char **inflated, struct error *error)
{
    struct ght_block_header header;
    if (file->size - file->at < sizeof header)
        return fail_cut(file, sizeof header, error);
    memcpy(&header, file->map + file->at, sizeof header);
    if (!check_block(file, &header, error))
        return false;
    uint64_t payload_at = file->at + sizeof header, next = payload_at + ((uint64_t)header.stored + 7) / 8 * 8;
    *block = (struct ght_block){.at = file->at, .payload = file->map + payload_at, .bytes = header.bytes,
                                .kind = header.kind};
    bool is_last = file->size - next < GHT_SLACK;
    if (header.compression == GHT_ZSTD || is_last) {
        if (!make_buffer(file, inflated, error))
            return false;
        if (header.compression == GHT_PLAIN)
            memcpy(*inflated, block->payload, header.bytes);
        else if (!inflate(file, &header, block, *inflated, error))
            return false;
        block->payload = *inflated;
    }
    file->at = next;
    file->number++;
    return true;
}
