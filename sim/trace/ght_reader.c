/* Loading segments, and taking rows apart. */
#include "trace/ght_reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FAIL(reader, at, ...) ght_file_fail(&(reader)->file, (at), &(reader)->failure, __VA_ARGS__)

static bool fail_memory(struct ght_reader *r)
{
    return error_set(&r->failure, "%.300s: out of memory", r->file.name);
}

bool ght_reader_open(struct ght_reader *r, struct byte_stream *bytes, bool wants_strings, struct error *error)
{
    memset(r, 0, sizeof *r);
    r->wants_strings = wants_strings;
    return ght_file_open(&r->file, bytes, error);
}

void ght_reader_close(struct ght_reader *r)
{
    for (size_t i = 0; i < GHT_PARTS_MAX; i++)
        free(r->parts[i].inflated);
    free(r->inflated_ids);
    free(r->inflated_order);
    free(r->shapes);
    free(r->ps);
    free(r->strings);
    ght_file_close(&r->file);
}

/* ---- the dictionary ---- */

/* Room for `more` items of a block that has been read, so that no table is larger than what the file has brought. */
static bool reserve(struct ght_reader *r, void **items, uint64_t *capacity, uint64_t count, uint64_t more, size_t size)
{
    if (more <= *capacity - count)
        return true;
    uint64_t larger = *capacity * 2 < count + more ? count + more : *capacity * 2;
    void *moved = reallocarray(*items, larger, size);
    if (moved == NULL)
        return fail_memory(r);
    *items = moved;
    *capacity = larger;
    return true;
}

static bool has(unsigned columns, enum row_column column)
{
    return (columns & 1u << column) != 0;
}

/* What a shape may be so that its rows are rows, and their events events; and what it has to be so that no two files
 * have the same rows. NULL if it is. */
static const char *shape_problem(const struct ght_shape *shape)
{
    const unsigned number_columns = (1u << ROW_NUMBERS) - 1;
    unsigned here = shape->present & ~(unsigned)shape->given;
    bool begins = trace_op_begins(shape->op), ends = trace_op_ends(shape->op) || shape->op == TRACE_DEAD;
    if (shape->op >= ROW_OPS || shape->present >= 1u << ROW_COLUMNS || !has(here, ROW_OP) || shape->zero != 0 ||
        (shape->given & ~shape->present) != 0)
        return "an operation and its columns";
    if (shape->op == TRACE_META && (here & number_columns) != 0)
        return "the numbers of a meta row beside it";
    if (shape->op != TRACE_META && (shape->given & (1u << ROW_T_NS | 1u << ROW_P | 1u << ROW_G)) != 0)
        return "the stream and the time of an event where they belong";
    if (begins || ends ? !has(here, ROW_ID) : has(here, ROW_ID))
        return "a lifetime for operations that have one";
    if (begins && !has(shape->present, ROW_SIZE))
        return "a size for an allocation";
    if (begins && shape->size > TRACE_MAX_SIZE)
        return "a size of at most 64 TiB";
    if (shape->noscan > 1 || shape->align_log2 > 30)
        return "noscan of 0 or 1, and align of at most 2^30";
    if ((!has(here, ROW_SIZE) && shape->size != 0) || (!has(here, ROW_NOSCAN) && shape->noscan != 1) ||
        (!has(here, ROW_ALIGN) && shape->align_log2 != 0) || (!has(here, ROW_TYPE) && shape->type != 0))
        return "no value for a column that is not there";
    return NULL;
}

static bool add_shapes(struct ght_reader *r, const struct ght_block *block)
{
    uint32_t count = block->bytes / (uint32_t)sizeof *r->shapes;
    if (block->bytes % sizeof *r->shapes != 0 || count > GHT_SHAPES_MAX - r->shape_count)
        return FAIL(r, block->at, "expected whole shapes, at most %d in the file, got %u bytes of them after %u",
                    GHT_SHAPES_MAX, block->bytes, r->shape_count);
    uint64_t capacity = r->shape_capacity;
    if (!reserve(r, (void **)&r->shapes, &capacity, r->shape_count, count, sizeof *r->shapes))
        return false;
    r->shape_capacity = (uint32_t)capacity;
    memcpy(r->shapes + r->shape_count, block->payload, block->bytes);
    for (uint32_t i = 0; i < count; i++) {
        const char *problem = shape_problem(&r->shapes[r->shape_count + i]);
        if (problem != NULL)
            return FAIL(r, block->at, "shape %u: expected %s, got something else", r->shape_count + i, problem);
    }
    r->shape_count += count;
    return true;
}

static bool add_streams(struct ght_reader *r, const struct ght_block *block)
{
    uint64_t count = block->bytes / sizeof *r->ps;
    if (block->bytes % sizeof *r->ps != 0 || count > GHT_META_STREAM - r->stream_count)
        return FAIL(r, block->at, "expected whole numbers of Ps, got %u bytes of them", block->bytes);
    if (!reserve(r, (void **)&r->ps, &r->stream_capacity, r->stream_count, count, sizeof *r->ps))
        return false;
    memcpy(r->ps + r->stream_count, block->payload, block->bytes);
    r->stream_count += count;
    return true;
}

static bool add_strings(struct ght_reader *r, const struct ght_block *block)
{
    if (!r->wants_strings)
        return true;
    if (!reserve(r, (void **)&r->strings, &r->string_capacity, r->string_bytes, block->bytes, 1))
        return false;
    memcpy(r->strings + r->string_bytes, block->payload, block->bytes);
    r->string_bytes += block->bytes;
    return true;
}

const char *ght_reader_string(struct ght_reader *r, uint64_t at, uint32_t *length)
{
    if (at <= r->string_bytes && r->string_bytes - at >= sizeof *length) {
        memcpy(length, r->strings + at, sizeof *length);
        if (*length <= r->string_bytes - at - sizeof *length && *length <= GHT_STRING_MAX)
            return (const char *)r->strings + at + sizeof *length;
    }
    FAIL(r, r->file.at, "expected a label among the %" PRIu64 " bytes of labels before, got one at %" PRIu64,
         r->string_bytes, at);
    return NULL;
}

/* ---- segments ---- */

static bool load_ids(struct ght_reader *r)
{
    struct ght_block block;
    if (!ght_file_next(&r->file, &block, &r->inflated_ids, &r->failure))
        return false;
    if (block.kind != GHT_IDS || block.bytes == 0 || (block.payload[block.bytes - 1] & 0x80) != 0)
        return FAIL(r, block.at, "expected a block of whole ids, got something else");
    r->id = block.payload;
    r->ids_end = block.payload + block.bytes;
    return true;
}

static bool load_part(struct ght_reader *r, struct ght_cursor *cursor, const struct ght_part *part)
{
    struct ght_block block;
    if (!ght_file_next(&r->file, &block, &cursor->inflated, &r->failure))
        return false;
    if (block.kind != GHT_EVENTS || block.bytes != part->words * UINT64_C(8) || block.bytes == 0)
        return FAIL(r, block.at, "expected a block of %u words of events, got one of kind %u and %u bytes", part->words,
                    block.kind, block.bytes);
    if (part->stream >= r->stream_count && part->stream != GHT_META_STREAM)
        return FAIL(r, block.at, "expected one of %" PRIu64 " streams, got number %u", r->stream_count, part->stream);
    cursor->at = block.at;
    cursor->next = (const uint64_t *)(const void *)block.payload;
    cursor->end = cursor->next + part->words;
    return true;
}

/* Each run's part exists, and rows are as many as the runs have. */
static bool check_order(struct ght_reader *r, const struct ght_segment *segment, uint64_t at)
{
    uint64_t rows = 0;
    unsigned last_part = 0;
    for (uint32_t i = 0; i < r->run_count; i++) {
        last_part = r->runs[2 * i] > last_part ? r->runs[2 * i] : last_part;
        rows += r->runs[2 * i + 1] + 1u;
    }
    if (rows != segment->rows || (r->run_count > 0 && last_part >= r->part_count))
        return FAIL(r, at, "expected runs of %" PRIu64 " rows in %u parts, got %" PRIu64 " rows and part %u",
                    segment->rows, r->part_count, rows, last_part);
    return true;
}

/* The order of rows, and as many of the parts as are there. */
static bool load_segment(struct ght_reader *r, const struct ght_block *block)
{
    struct ght_segment segment;
    if (block->bytes < sizeof segment)
        return FAIL(r, block->at, "expected a segment's order, got %u bytes", block->bytes);
    memcpy(&segment, block->payload, sizeof segment);
    uint64_t parts_bytes = segment.parts * sizeof(struct ght_part);
    if (segment.parts > GHT_PARTS_MAX || segment.has_ids > 1 ||
        sizeof segment + parts_bytes + segment.runs * UINT64_C(2) != block->bytes)
        return FAIL(r, block->at, "expected a segment's order, got %u bytes of %u parts and %u runs", block->bytes,
                    segment.parts, segment.runs);
    const unsigned char *parts = block->payload + sizeof segment;
    r->runs = parts + parts_bytes;
    r->part_count = segment.parts;
    r->run_count = segment.runs;
    if (!check_order(r, &segment, block->at))
        return false;
    r->next_id = segment.first_id;
    r->id = r->ids_end = NULL;
    if (segment.has_ids != 0 && !load_ids(r))
        return false;
    r->run = r->run_rows = 0;
    r->rows += segment.rows;
    r->segments++;
    bool good = true;
    for (uint32_t i = 0; i < segment.parts; i++) {
        struct ght_part part;
        memcpy(&part, parts + i * sizeof part, sizeof part);
        r->parts[i] = (struct ght_cursor){.time = part.time, .g = part.g, .stream = part.stream,
                                          .inflated = r->parts[i].inflated};
        good = good && load_part(r, &r->parts[i], &part);
    }
    return true;
}

static bool check_end(struct ght_reader *r, const struct ght_block *block)
{
    struct ght_end end;
    if (block->bytes != sizeof end)
        return FAIL(r, block->at, "expected an end block of %zu bytes, got %u", sizeof end, block->bytes);
    memcpy(&end, block->payload, sizeof end);
    if (end.rows != r->rows || end.segments != r->segments)
        return FAIL(r, block->at, "expected %" PRIu64 " rows in %" PRIu64 " segments before the end, got %" PRIu64
                    " in %" PRIu64, end.rows, end.segments, r->rows, r->segments);
    return ght_file_at_end(&r->file) ||
           FAIL(r, r->file.at, "expected the end of the file after its end block, got more bytes");
}

/* Up to the next segment; false at the end and after a failure. */
static bool next_segment(struct ght_reader *r)
{
    struct ght_block block;
    ght_file_pass(&r->file);
    for (bool good = true; good;) {
        if (!ght_file_next(&r->file, &block, &r->inflated_order, &r->failure))
            return false;
        if (block.bytes == 0)
            return FAIL(r, block.at, "expected a block with something in it, got an empty one");
        if (block.kind == GHT_SEGMENT)
            return load_segment(r, &block);
        if (block.kind == GHT_STRINGS)
            good = add_strings(r, &block);
        else if (block.kind == GHT_SHAPES)
            good = add_shapes(r, &block);
        else if (block.kind == GHT_STREAMS)
            good = add_streams(r, &block);
        else if (block.kind == GHT_END)
            return check_end(r, &block) && false;
        else
            return FAIL(r, block.at, "expected a segment or what it needs, got a block of kind %u", block.kind);
    }
    return false;
}

/* Nothing of the segment may be left over. */
static bool end_segment(struct ght_reader *r)
{
    if (r->failure.text[0] != '\0')
        return false;
    for (uint32_t i = 0; i < r->part_count; i++)
        if (r->parts[i].next != r->parts[i].end)
            return FAIL(r, r->parts[i].at, "expected as many rows as the segment's order has, got %td words more",
                        r->parts[i].end - r->parts[i].next);
    return r->id == r->ids_end ||
           FAIL(r, r->file.at, "expected an id for each lifetime that begins, got %td bytes more", r->ids_end - r->id);
}

static bool next_run(struct ght_reader *r, bool *new_segment)
{
    while (r->run == r->run_count) {
        *new_segment = true;
        if (!end_segment(r) || !next_segment(r))
            return false;
    }
    r->part = r->runs[2 * r->run];
    r->run_rows = r->runs[2 * r->run + 1] + 1u;
    r->run++;
    return true;
}

uint32_t ght_reader_run(struct ght_reader *r, struct ght_cursor **cursor, bool *new_segment)
{
    *new_segment = false;
    if (r->done)
        return 0;
    if (r->run_rows == 0 && !next_run(r, new_segment)) {
        r->done = true;
        return 0;
    }
    *cursor = &r->parts[r->part];
    if (__builtin_expect((*cursor)->end == NULL, 0)) { /* and r->failure says why */
        r->done = true;
        return 0;
    }
    return r->run_rows;
}

/* ---- rows ---- */

/* The value of a word that is not a row's. */
static bool take_value(struct ght_reader *r, struct ght_cursor *cursor, uint64_t word, uint64_t *value)
{
    *value = word >> 16;
    if ((word & GHT_WIDE) == 0)
        return true;
    if (*value != 0 || cursor->next == cursor->end)
        return FAIL(r, cursor->at, "expected a value in the word after, got none");
    *value = *cursor->next++;
    return true;
}

static bool advance(struct ght_reader *r, struct ght_cursor *cursor, uint64_t ns)
{
    if (ns > GHT_TIME_MAX || cursor->time > GHT_TIME_MAX - ns)
        return FAIL(r, cursor->at, "expected times of at most 2^62 ns, got %" PRIu64 " after %" PRIu64, ns,
                    cursor->time);
    cursor->time += ns;
    return true;
}

/* A word that is not a row's: what it says of the next row. */
static bool take_other(struct ght_reader *r, struct ght_cursor *cursor, uint64_t word, struct ght_taken *taken,
                       unsigned *given)
{
    unsigned code = word & 0xffff & ~(unsigned)GHT_WIDE;
    uint64_t value;
    if (!take_value(r, cursor, word, &value))
        return false;
    if (code == GHT_ADVANCE)
        return advance(r, cursor, value);
    if (code == GHT_GOROUTINE) {
        cursor->g = value;
        cursor->is_numbered = false;
        return true;
    }
    unsigned column = code - GHT_FIELD;
    if (code < GHT_FIELD || column >= ROW_COLUMNS || (*given & 1u << column) != 0)
        return FAIL(r, cursor->at, "expected a row, or a column's value once, got a word of code %#x", code);
    *given |= 1u << column;
    taken->given[column] = value;
    return true;
}

bool ght_reader_take(struct ght_reader *r, struct ght_cursor *cursor, struct ght_taken *taken)
{
    uint64_t word;
    unsigned given = 0;
    for (;;) {
        if (cursor->next == cursor->end)
            return FAIL(r, cursor->at, "expected a row, as the segment's order has more, got the end of its part");
        word = *cursor->next++;
        if ((word & 0xffff) < GHT_SHAPES_MAX)
            break;
        if (!take_other(r, cursor, word, taken, &given))
            return false;
    }
    taken->number = word & 0xffff;
    taken->slot = (uint32_t)(word >> 16);
    if (taken->number >= r->shape_count)
        return FAIL(r, cursor->at, "expected one of %u shapes, got number %u", r->shape_count, taken->number);
    taken->shape = &r->shapes[taken->number];
    if (given != taken->shape->given || (taken->shape->op == TRACE_META) != (cursor->stream == GHT_META_STREAM))
        return FAIL(r, cursor->at, "expected columns %#x before a row, got %#x", taken->shape->given, given);
    return advance(r, cursor, word >> 48);
}

bool ght_reader_id(struct ght_reader *r, uint64_t *id)
{
    if (r->id == NULL)
        *id = r->next_id++;
    else if (r->id < r->ids_end)
        *id = ght_reader_coded_id(r);
    else
        return FAIL(r, r->file.at, "expected an id for each lifetime that begins, got too few");
    return true;
}
