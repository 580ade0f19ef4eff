/* Rows out of a binary trace's segments, for those who read it: as events (ght_events.c) or as rows (ght_rows.c).
 *
 *   ght_reader_run --> so many rows of one part come next --> a word each, from the part's cursor
 *                                                         --> or ght_reader_take, for words of any kind
 *
 * Invariant: of a damaged or cut file all rows are handed out that the order of rows has before the first that is
 * missing; the failure, found when the segment was loaded, is told after them. */
#ifndef GHT_READER_H
#define GHT_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "trace/ght_file.h"

/* A stream's rows of the segment. */
struct ght_cursor {
    const uint64_t *next, *end; /* words; no words: they are missing */
    uint64_t time, g;           /* of the row before */
    uint64_t at;                /* of its block in the file */
    uint32_t stream;            /* or GHT_META_STREAM */
    uint32_t number;            /* the owner's; 0 in a segment's first run of the part */
    bool is_numbered;           /* the owner's; false likewise */
    unsigned char *inflated;
};

struct ght_reader {
    struct ght_file file;
    struct error failure; /* told once everything before it has been read */
    bool done;               /* the end, or failure, has been reached */
    uint64_t rows, segments; /* loaded so far */

    struct ght_shape *shapes;
    uint32_t shape_count, shape_capacity;
    uint64_t *ps; /* by stream */
    uint64_t stream_count, stream_capacity;
    bool wants_strings;
    unsigned char *strings;
    uint64_t string_bytes, string_capacity;

    /* the segment */
    struct ght_cursor parts[GHT_PARTS_MAX];
    uint32_t part_count;
    const unsigned char *runs; /* of two bytes each: part, rows less 1 */
    uint32_t run_count, run;   /* run: the next one */
    uint32_t run_rows;         /* left in the one before it */
    uint32_t part;             /* of that one */
    uint64_t next_id;          /* as it is if ids are consecutive */
    const unsigned char *id, *ids_end; /* what is left of the ids block; NULL: ids are consecutive */
    unsigned char *inflated_ids, *inflated_order;
};

/* A row's own word, and what stands before it. */
struct ght_taken {
    const struct ght_shape *shape;
    uint32_t number; /* of the shape */
    uint32_t slot;
    uint64_t given[ROW_COLUMNS]; /* of the columns that the shape says */
};

/* False with *error; in either case the bytes are the reader's and are closed by ght_reader_close. */
bool ght_reader_open(struct ght_reader *reader, struct byte_stream *bytes, bool wants_strings, struct error *error);
void ght_reader_close(struct ght_reader *reader);

/* How many rows are next in one part, whose cursor *cursor then is; 0 at the end, and after a failure, which is then in
 * reader->failure. After so many rows, or fewer, have been taken: ght_reader_took. *new_segment: there may be new
 * shapes, and labels that were handed out before may be gone. */
uint32_t ght_reader_run(struct ght_reader *reader, struct ght_cursor **cursor, bool *new_segment);

static inline void ght_reader_took(struct ght_reader *reader, uint32_t rows)
{
    reader->run_rows -= rows;
}

/* Of the segment whose first run has just come no ids are wanted. */
static inline void ght_reader_skip_ids(struct ght_reader *reader)
{
    reader->id = reader->ids_end;
}

/* The next run begins a segment, if there is one. */
static inline bool ght_reader_at_segment_end(const struct ght_reader *reader)
{
    return reader->run_rows == 0 && reader->run == reader->run_count;
}

/* The next row at the cursor. False with reader->failure. */
bool ght_reader_take(struct ght_reader *reader, struct ght_cursor *cursor, struct ght_taken *taken);

/* The next lifetime's id, of ids that are not consecutive and of which some are left. The last byte of the block ends
 * an id; one of more than ten bytes, which no writer writes, is some number. */
static inline uint64_t ght_reader_coded_id(struct ght_reader *reader)
{
    uint64_t number = *reader->id & 0x7f;
    for (unsigned shift = 7; (*reader->id++ & 0x80) != 0; shift += 7)
        number |= (uint64_t)(*reader->id & 0x7f) << (shift & 63);
    uint64_t id = reader->next_id + (number >> 1 ^ -(number & 1));
    reader->next_id = id + 1;
    return id;
}

/* The next lifetime's id; false with reader->failure if there is none. */
bool ght_reader_id(struct ght_reader *reader, uint64_t *id);

/* The label at an offset that the file gives, or NULL with reader->failure. */
const char *ght_reader_string(struct ght_reader *reader, uint64_t at, uint32_t *length);

#endif
