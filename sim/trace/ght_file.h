/* A binary trace (trace/ght_format.h) as a mapped file: its blocks, one after another, checked and inflated.
 *
 *   file --mmap--> | header | block | block | ... | end |
 *                  dropped ---^       ^--- at        pages before `dropped` have been unmapped again
 *
 * Invariant: nothing that the file says is used before it has been held against the file's length and its checksum.
 * (A file that somebody truncates while it is read ends the process, as all mapped files do.) */
#ifndef GHT_FILE_H
#define GHT_FILE_H

#include <stdarg.h>
#include <stdbool.h>
#include <zstd.h>

#include "trace/byte_stream.h"
#include "trace/ght_format.h"

enum { GHT_SLACK = 192 };

struct ght_file {
    struct byte_stream *bytes; /* keeps the file open, and its name */
    const char *name;
    const unsigned char *map;
    uint64_t size;
    uint64_t at;     /* where the next block begins */
    uint64_t number; /* of the next block */
    uint64_t dropped;
    uint16_t columns;
    ZSTD_DCtx *zstd; /* NULL until there is a compressed block */
};

struct ght_block {
    uint64_t at; /* in the file */
    const unsigned char *payload;
    uint32_t bytes; /* of the payload */
    uint8_t kind;
};

/* Takes the stream over, of which nothing has been consumed. False with *error if it is no regular file, cannot be
 * mapped, or is no binary trace of this version. ght_file_close may be called in either case. */
bool ght_file_open(struct ght_file *file, struct byte_stream *bytes, struct error *error);
void ght_file_close(struct ght_file *file);

/* The next block. *inflated is where its payload goes if it cannot be used where it is: allocated when first needed,
 * for the caller to free. The payload is valid until *inflated is given again, or ght_file_pass; GHT_SLACK bytes
 * after it can be read, whatever they are. False with *error at the end of the file, where a block should be, and
 * where one is not as it should be. */
bool ght_file_next(struct ght_file *file, struct ght_block *block, unsigned char **inflated, struct error *error);

/* Nothing before the next block is needed any more. */
void ght_file_pass(struct ght_file *file);

/* The next block has to be at the file's end. */
bool ght_file_at_end(const struct ght_file *file);

/* "NAME: byte AT: ..."; returns false. */
bool ght_file_fail(const struct ght_file *file, uint64_t at, struct error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
