/* The layout of a binary trace (.ght), version 1. Little-endian; everything is a multiple of 8 bytes long.
 *
 *     file      header, blocks, end block; written front to back, so that it can go down a pipe
 *     block     header, payload of at most 65,504 bytes, zeros up to a multiple of 8; with a checksum over all of it
 *
 * Rows (trace/row.h) come in segments, each of which is complete in itself but for the dictionary and the slots:
 *
 *     [strings]... [shapes]... [streams]...      what the segment's rows need and no row before has needed
 *     segment      order of the rows, and where each stream begins
 *     [ids]        ids of the lifetimes that begin, unless they are consecutive
 *     events       of one stream; as many blocks as the segment has parts, in their order
 *
 * Dictionary. Strings: bytes, all blocks of them one after another; a string is its offset in there, at which stand its
 * length (u32) and its bytes. Shapes: what many rows have in common (struct ght_shape), numbered as they come. Streams:
 * the p of each (u64), numbered as they come, which is in order of first appearance.
 *
 * Segment: struct ght_segment, then a struct ght_part for each stream that has rows in it, then runs (u16): bits 0-7
 * part, bits 8-15 rows less 1. Runs, one after another, are the order of the rows in the trace, whatever their times
 * say: a merge costs a step a run, and one stream can be read alone. Meta rows have a part of their own.
 *
 * Ids: for each row that begins a lifetime, in the order of the runs, a number of 1 to 10 bytes, seven bits in each,
 * lowest first, the eighth set in all but the last: 2 d if d >= 0, -2 d - 1 if not, where d is by how much the id
 * differs from the one before plus 1, modulo 2^64. The one before the first is ght_segment.first_id - 1. Where all d
 * are 0 there is no such block. So ids take no room in most traces and a byte a lifetime in most others; and a
 * replay, which needs slots, is not held up by them.
 *
 * Events: words (u64).
 *     row       bits 0-15 shape   bits 16-47 slot   bits 48-63 ns since the stream's row before
 *     other     bits 0-15 0xFF00 and more       bits 16-63 value; 0 if GHT_WIDE is set: the next word is the value
 *
 *         GHT_FIELD + column   the next row's value of a column (for type: the string), if its shape does not have it
 *         GHT_ADVANCE          ns to be added to the time, where 16 bits are too few
 *         GHT_GOROUTINE        g of the stream's rows from here on; 0 where they have none
 *
 * Slots: a row that begins a lifetime takes the slot that was given back last, and if there is none the lowest that was
 * never taken; free and stackfree give it back. Other rows have slot 0. So a reader needs an array as long as the most
 * lifetimes ever open at once; a slot that is not less than the rows of the segments so far is an error. A replay,
 * which may execute a free later than an allocation that follows it in the file, gives slots of its own.
 *
 * End: struct ght_end; nothing follows. A file without it has been cut off, and is good up to there. */
#ifndef GHT_FORMAT_H
#define GHT_FORMAT_H

#include <stdint.h>

#include "trace/row.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are mapped as they are");

#define GHT_MAGIC "\x89GAT\r\n\x1a\n"

enum { GHT_MAJOR = 1, GHT_MINOR = 0 };

struct ght_file_header {
    char magic[8];
    uint16_t major, minor; /* another major: not readable; a higher minor: readable */
    uint16_t columns;      /* 1 << enum row_column for each that rows may have something in */
    uint16_t zero[5];
    uint32_t zero_too;
    uint32_t crc; /* of the bytes before */
};

enum ght_kind { GHT_STRINGS, GHT_SHAPES, GHT_STREAMS, GHT_SEGMENT, GHT_IDS, GHT_EVENTS, GHT_END, GHT_KINDS };

#define GHT_BLOCK_MAGIC UINT32_C(0x314b4c42) /* "BLK1" */

enum { GHT_PLAIN, GHT_ZSTD };

struct ght_block_header {
    uint32_t magic;
    uint8_t kind;        /* enum ght_kind */
    uint8_t compression; /* of the payload: GHT_PLAIN, or GHT_ZSTD, one frame */
    uint16_t zero;
    uint32_t bytes;  /* of the payload, as it is meant */
    uint32_t stored; /* of the payload, as it stands in the file, without the zeros that follow */
    uint64_t number; /* of the block in the file, from 0 */
    uint32_t zero_too;
    uint32_t crc; /* CRC-32C of the bytes before and of what follows, up to the next block */
};

enum { GHT_PAYLOAD_MAX = 65536 - sizeof(struct ght_block_header) };

struct ght_shape {
    uint64_t size;
    uint64_t type;     /* a string; 0 without one */
    uint16_t present;  /* struct trace_row's */
    uint16_t given;    /* those of them whose values stand before the row: 1 << enum row_column */
    uint8_t op;        /* enum trace_op or TRACE_META */
    uint8_t noscan;    /* 1 where the rows have none, or it is given */
    uint8_t align_log2; /* 0 where the rows have none, or it is given */
    uint8_t zero;
};

struct ght_segment {
    uint64_t rows;
    uint64_t first_id; /* of the first lifetime that begins in it; 0 if none does */
    uint32_t runs;
    uint16_t parts;
    uint16_t has_ids; /* 1: an ids block follows */
};

struct ght_part {
    uint32_t stream; /* or GHT_META_STREAM */
    uint32_t words;
    uint64_t time; /* ns, to which the first row's is added */
    uint64_t g;    /* of the first rows; 0 where they have none */
};

struct ght_end {
    uint64_t rows; /* in the file */
    uint64_t segments;
};

#define GHT_META_STREAM UINT32_MAX

enum {
    GHT_PARTS_MAX = 256,
    GHT_SHAPES_MAX = 0xff00,
    GHT_FIELD = 0xff00,
    GHT_ADVANCE = 0xff20,
    GHT_GOROUTINE = 0xff21,
    GHT_WIDE = 0x80
};

#define GHT_TIME_MAX (UINT64_C(1) << 62)  /* ns, of a stream */
#define GHT_STRING_MAX (UINT32_C(1) << 20) /* bytes of a label */
#define GHT_NARROW_MAX ((UINT64_C(1) << 48) - 1)

_Static_assert(sizeof(struct ght_file_header) == 32, "no padding");
_Static_assert(sizeof(struct ght_block_header) == 32, "no padding");
_Static_assert(sizeof(struct ght_shape) == 24 && sizeof(struct ght_segment) == 24 && sizeof(struct ght_part) == 24,
               "no padding");
_Static_assert(GHT_PAYLOAD_MAX % 8 == 0, "words fill a payload");

#endif
