/* Rows in, segments out.
 *
 *   row, event: slot, time, stream
 *       --dictionary--> shape             part[stream]: words     order: runs, ids     --full--> blocks
 *
 * Invariant: of a segment, each part, the order and the ids fit in a block each, and have room for one more row between
 * two calls of make_room. */
#include "trace/ght_writer.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "trace/crc32c.h"
#include "trace/ght_dictionary.h"
#include "trace/ght_format.h"
#include "trace/lifetimes.h"

enum {
    PART_WORDS = GHT_PAYLOAD_MAX / 8,
    SEGMENT_WORDS = 1 << 17,           /* of all parts: 1 MiB */
    ROW_WORDS = 2 * ROW_COLUMNS + 5,   /* each column given, goroutine, time, all of two words, and the row's own */
    ID_BYTES = 10,                     /* at most */
    RUN_ROWS = 256,
    SHAPES_IN_FULL = 3 * (1 << 14),    /* when there are so many, the rest have their values given */
    ZSTD_LEVEL = 1
};

struct part {
    struct ght_part head;
    uint64_t *words;
    uint32_t capacity;
};

/* Of a stream, from one segment to the next. */
struct stream {
    uint64_t time, g;
    uint64_t segment; /* the last one in which it has rows, from 1 */
    uint32_t part;    /* in that one */
};

/* What rows of these words are told by: a shape, and what is given beside it. Zeroed: none. */
struct known_shape {
    struct ght_shape_words words;
    uint32_t number;
    uint16_t given;
};

struct ght_writer {
    FILE *out;
    const char *name;
    uint64_t blocks, rows;
    struct ght_dictionary dictionary;
    struct known_shape known[256]; /* the latest, by a hash */
    struct stream *streams, meta;
    uint64_t *ps; /* of the streams */
    uint32_t stream_count, streams_written, stream_capacity;
    /* the segment */
    struct ght_segment segment;
    uint64_t segment_number; /* from 1 */
    uint64_t words;          /* of all its parts */
    struct part parts[GHT_PARTS_MAX];
    uint16_t runs[GHT_PAYLOAD_MAX / 2];
    unsigned char ids[GHT_PAYLOAD_MAX];
    uint32_t id_bytes;
    uint64_t last_id;
    uint32_t rows_fit; /* so many more surely do, if their parts have room */
    unsigned char payload[GHT_PAYLOAD_MAX]; /* of a block that has to be put together */
    ZSTD_CCtx *zstd;                        /* NULL: blocks stay plain */
    unsigned char *compressed;
    size_t compressed_room;
};

/* ---- blocks ---- */

static uint32_t compress(struct ght_writer *w, const void *payload, uint32_t bytes)
{
    if (w->zstd == NULL || bytes == 0)
        return bytes;
    size_t n = ZSTD_compressCCtx(w->zstd, w->compressed, w->compressed_room, payload, bytes, ZSTD_LEVEL);
    return ZSTD_isError(n) || n >= bytes ? bytes : (uint32_t)n;
}

static void write_block(struct ght_writer *w, enum ght_kind kind, const void *payload, uint32_t bytes)
{
    static const unsigned char zeros[8];
    uint32_t stored = compress(w, payload, bytes);
    struct ght_block_header header = {
        .magic = GHT_BLOCK_MAGIC, .kind = (uint8_t)kind, .compression = stored < bytes ? GHT_ZSTD : GHT_PLAIN,
        .bytes = bytes, .stored = stored, .number = w->blocks++,
    };
    if (stored < bytes)
        payload = w->compressed;
    uint32_t fill = -stored & 7;
    header.crc = crc32c(0, &header, offsetof(struct ght_block_header, crc));
    header.crc = crc32c(crc32c(header.crc, payload, stored), zeros, fill);
    fwrite(&header, sizeof header, 1, w->out);
    fwrite(payload, 1, stored, w->out);
    fwrite(zeros, 1, fill, w->out);
}

/* Items of so many bytes, in as many blocks as they need. */
static void write_items(struct ght_writer *w, enum ght_kind kind, const void *items, size_t bytes, size_t item)
{
    const unsigned char *at = items;
    size_t most = GHT_PAYLOAD_MAX / item * item;
    for (size_t n; bytes > 0; bytes -= n, at += n) {
        n = bytes < most ? bytes : most;
        write_block(w, kind, at, (uint32_t)n);
    }
}

static void write_dictionary(struct ght_writer *w)
{
    struct ght_dictionary *d = &w->dictionary;
    if (d->bytes > d->bytes_written)
        write_items(w, GHT_STRINGS, d->strings + d->bytes_written, d->bytes - d->bytes_written, 1);
    if (d->shape_count > d->shapes_written)
        write_items(w, GHT_SHAPES, d->shapes + d->shapes_written,
                    (d->shape_count - d->shapes_written) * sizeof *d->shapes, sizeof *d->shapes);
    if (w->stream_count > w->streams_written)
        write_items(w, GHT_STREAMS, w->ps + w->streams_written,
                    (w->stream_count - w->streams_written) * sizeof *w->ps, sizeof *w->ps);
    d->bytes_written = d->bytes;
    d->shapes_written = d->shape_count;
    w->streams_written = w->stream_count;
}

static size_t order_bytes(uint32_t parts, uint32_t runs)
{
    return sizeof(struct ght_segment) + parts * sizeof(struct ght_part) + runs * sizeof(uint16_t);
}

static void write_order(struct ght_writer *w)
{
    unsigned char *to = w->payload;
    memcpy(to, &w->segment, sizeof w->segment);
    to += sizeof w->segment;
    for (uint32_t i = 0; i < w->segment.parts; i++, to += sizeof(struct ght_part))
        memcpy(to, &w->parts[i].head, sizeof(struct ght_part));
    memcpy(to, w->runs, w->segment.runs * sizeof *w->runs);
    write_block(w, GHT_SEGMENT, w->payload, (uint32_t)order_bytes(w->segment.parts, w->segment.runs));
}

static void flush(struct ght_writer *w)
{
    if (w->segment.rows == 0)
        return;
    write_dictionary(w);
    write_order(w);
    if (w->segment.has_ids)
        write_block(w, GHT_IDS, w->ids, w->id_bytes);
    for (uint32_t i = 0; i < w->segment.parts; i++)
        write_block(w, GHT_EVENTS, w->parts[i].words, w->parts[i].head.words * 8);
    w->rows += w->segment.rows;
    w->segment = (struct ght_segment){0};
    w->segment_number++;
    w->words = 0;
    w->id_bytes = 0;
}

/* ---- opening and closing ---- */

static void write_file_header(struct ght_writer *w, uint16_t columns)
{
    struct ght_file_header header = {.magic = GHT_MAGIC, .major = GHT_MAJOR, .minor = GHT_MINOR, .columns = columns};
    header.crc = crc32c(0, &header, offsetof(struct ght_file_header, crc));
    fwrite(&header, sizeof header, 1, w->out);
}

static bool init_zstd(struct ght_writer *w)
{
    w->zstd = ZSTD_createCCtx();
    w->compressed_room = ZSTD_compressBound(GHT_PAYLOAD_MAX);
    w->compressed = malloc(w->compressed_room);
    return w->zstd != NULL && w->compressed != NULL;
}

struct ght_writer *ght_writer_new(FILE *out, const char *name, uint16_t columns, bool zstd, struct error *error)
{
    struct ght_writer *w = calloc(1, sizeof *w);
    if (w == NULL) {
        row_fail(error, name, 0, "out of memory");
        return NULL;
    }
    w->out = out;
    w->name = name;
    w->segment_number = 1;
    if (!ght_dictionary_init(&w->dictionary, id_map_seed()) || (zstd && !init_zstd(w))) {
        row_fail(error, name, 0, "out of memory");
        ght_writer_delete(w);
        return NULL;
    }
    write_file_header(w, columns);
    return w;
}

void ght_writer_delete(struct ght_writer *w)
{
    ght_dictionary_free(&w->dictionary);
    for (size_t i = 0; i < GHT_PARTS_MAX; i++)
        free(w->parts[i].words);
    free(w->streams);
    free(w->ps);
    ZSTD_freeCCtx(w->zstd);
    free(w->compressed);
    free(w);
}

void ght_writer_finish(struct ght_writer *w)
{
    const struct ght_end end = {.rows = w->rows + w->segment.rows,
                                .segments = w->segment_number - (w->segment.rows == 0)};
    flush(w);
    write_block(w, GHT_END, &end, sizeof end);
}

/* ---- streams and their parts ---- */

static bool fail_memory(const struct ght_writer *w, const struct trace_row *row, struct error *error)
{
    return row_fail(error, w->name, row->line, "out of memory");
}

static bool add_stream(struct ght_writer *w, uint64_t p)
{
    if (w->stream_count == w->stream_capacity) {
        uint32_t capacity = w->stream_capacity == 0 ? 64 : w->stream_capacity * 2;
        struct stream *streams = reallocarray(w->streams, capacity, sizeof *streams);
        if (streams == NULL)
            return false;
        w->streams = streams;
        uint64_t *ps = reallocarray(w->ps, capacity, sizeof *ps);
        if (ps == NULL)
            return false;
        w->ps = ps;
        w->stream_capacity = capacity;
    }
    w->streams[w->stream_count] = (struct stream){0};
    w->ps[w->stream_count++] = p;
    return true;
}

/* NULL: no memory. */
static struct stream *stream_of(struct ght_writer *w, const struct trace_row *row, uint32_t number)
{
    if (row->op == TRACE_META)
        return &w->meta;
    if (number == w->stream_count && !add_stream(w, row->value[ROW_P]))
        return NULL;
    return &w->streams[number];
}

static uint64_t goroutine(const struct trace_row *row)
{
    return row->op != TRACE_META && row_has(row, ROW_G) ? row->value[ROW_G] : 0;
}

/* How many rows surely fit in the segment, if their parts have room. */
static uint32_t rows_that_fit(const struct ght_writer *w)
{
    const size_t run = sizeof(struct ght_part) + sizeof(uint16_t); /* and a part, at most */
    size_t order = (GHT_PAYLOAD_MAX - order_bytes(w->segment.parts, w->segment.runs)) / run;
    size_t ids = (GHT_PAYLOAD_MAX - w->id_bytes) / ID_BYTES, words = (SEGMENT_WORDS - w->words) / ROW_WORDS;
    size_t least = order < ids ? order : ids;
    return (uint32_t)(least < words ? least : words);
}

static void begin_part(struct ght_writer *w, struct stream *stream, const struct trace_row *row)
{
    stream->segment = w->segment_number;
    stream->part = w->segment.parts++;
    stream->g = goroutine(row);
    w->parts[stream->part].head = (struct ght_part){
        .stream = stream == &w->meta ? GHT_META_STREAM : (uint32_t)(stream - w->streams),
        .time = stream->time, .g = stream->g,
    };
}

/* Larger, if it is not yet as large as a block. */
static bool grow_part(struct part *part)
{
    uint32_t capacity = part->capacity == 0 ? 256 : part->capacity * 2;
    capacity = capacity < PART_WORDS ? capacity : PART_WORDS;
    uint64_t *larger = reallocarray(part->words, capacity, sizeof *larger);
    if (larger == NULL)
        return false;
    part->words = larger;
    part->capacity = capacity;
    return true;
}

/* Room for a row of the stream, if need be in a new segment. False: no memory. */
static bool make_room(struct ght_writer *w, struct stream *stream, const struct trace_row *row)
{
    bool has_part = stream->segment == w->segment_number;
    bool part = has_part ? w->parts[stream->part].head.words + ROW_WORDS <= PART_WORDS
                         : w->segment.parts < GHT_PARTS_MAX;
    w->rows_fit = rows_that_fit(w);
    if (!part || w->rows_fit == 0) {
        flush(w);
        w->rows_fit = rows_that_fit(w);
    }
    if (stream->segment != w->segment_number)
        begin_part(w, stream, row);
    while (w->parts[stream->part].head.words + ROW_WORDS > w->parts[stream->part].capacity)
        if (!grow_part(&w->parts[stream->part]))
            return false;
    return true;
}

/* ---- a row's words ---- */

/* What differs from row to row and is not in a word of its own: the lifetime's id is, where there is one, and the size
 * has values that come again and again, but in what the recorded runtime said. */
static const uint16_t always_given[ROW_OPS] = {
    [TRACE_GC] = 1u << ROW_ID,
    [TRACE_STATS] = 1u << ROW_ID,
    [TRACE_END] = 1u << ROW_ID,
    [TRACE_GCBEGIN] = 1u << ROW_ID | 1u << ROW_SIZE,
    [TRACE_GCEND] = 1u << ROW_ID | 1u << ROW_SIZE,
    [TRACE_PROCS] = 1u << ROW_ID | 1u << ROW_SIZE,
    [TRACE_HEAPLIVE] = 1u << ROW_ID | 1u << ROW_SIZE,
    [TRACE_HEAPGOAL] = 1u << ROW_ID | 1u << ROW_SIZE,
    [TRACE_META] = (1u << ROW_NUMBERS) - 1,
};

/* What a row does not have is as a shape has it: 0, or noscan 1. */
static inline struct ght_shape_words shape_of(const struct trace_row *row, const struct trace_event *event,
                                              uint64_t type, uint16_t given)
{
    uint64_t size = (given & 1u << ROW_SIZE) == 0 ? row->value[ROW_SIZE] : 0;
    unsigned noscan = (given & 1u << ROW_NOSCAN) == 0 ? row->value[ROW_NOSCAN] & 1 : 1;
    unsigned align_log2 = (given & 1u << ROW_ALIGN) == 0 ? event->align_log2 : 0;
    return ght_shape_words(row->op, row->present, given, size, (given & 1u << ROW_TYPE) == 0 ? type : 0, noscan,
                           align_log2);
}

static bool is_same_shape(const struct ght_shape_words *a, const struct ght_shape_words *b)
{
    return ((a->word[0] ^ b->word[0]) | (a->word[1] ^ b->word[1]) | (a->word[2] ^ b->word[2])) == 0;
}

/* Few shapes are given no values, all of which there can be: so there is always room for one of those. */
static enum ght_found find_shape(struct ght_writer *w, const struct trace_row *row, const struct trace_event *event,
                                 uint64_t type, struct known_shape *known)
{
    const uint16_t values = 1u << ROW_SIZE | 1u << ROW_NOSCAN | 1u << ROW_ALIGN | 1u << ROW_TYPE;
    uint16_t given = always_given[row->op] & row->present;
    struct ght_shape_words shape = shape_of(row, event, type, given);
    enum ght_found found = ght_dictionary_shape(&w->dictionary, shape, SHAPES_IN_FULL, &known->number);
    *known = (struct known_shape){shape, known->number, given};
    if (found != GHT_FULL)
        return found;
    known->given = (uint16_t)(given | (row->present & values));
    return ght_dictionary_shape(&w->dictionary, shape_of(row, event, type, known->given), GHT_SHAPES_MAX,
                                &known->number);
}

/* Most rows are of a shape that was there a moment ago. NULL: no memory. */
static inline const struct known_shape *shape_known(struct ght_writer *w, const struct trace_row *row,
                                                    const struct trace_event *event, uint64_t type)
{
    struct ght_shape_words shape = shape_of(row, event, type, always_given[row->op] & row->present);
    uint64_t sum = (shape.word[0] + (shape.word[1] << 8) + row->op) * UINT64_C(0x9e3779b97f4a7c15);
    struct known_shape *known = &w->known[sum >> 56];
    if (is_same_shape(&known->words, &shape) || find_shape(w, row, event, type, known) == GHT_FOUND)
        return known;
    return NULL;
}

static inline uint64_t *put_word(uint64_t *to, uint64_t word)
{
    *to = word;
    return to + 1;
}

static uint64_t *put_value(uint64_t *to, unsigned code, uint64_t value)
{
    if (value <= GHT_NARROW_MAX)
        return put_word(to, code | value << 16);
    return put_word(put_word(to, code | GHT_WIDE), value);
}

static inline uint64_t *put_given(uint64_t *to, const struct trace_row *row, uint64_t type, unsigned given)
{
    for (; given != 0; given &= given - 1) {
        unsigned column = (unsigned)__builtin_ctz(given);
        to = put_value(to, GHT_FIELD + column, column == ROW_TYPE ? type : row->value[column]);
    }
    return to;
}

/* From here on there are few branches: whose the row is, whether it begins a lifetime and how late it is no processor
 * can foretell. */

static inline void put_order(struct ght_writer *w, uint32_t part)
{
    uint32_t last = w->segment.runs > 0 ? w->runs[w->segment.runs - 1] : UINT32_MAX;
    uint32_t same = ((last & 0xff) == part) & (last >> 8 < RUN_ROWS - 1);
    w->segment.runs += !same;
    w->runs[w->segment.runs - 1] = (uint16_t)(part | (((last >> 8) + 1) & -same) << 8);
    w->segment.rows++;
}

static inline void put_id(struct ght_writer *w, uint64_t id, uint64_t begins)
{
    if (w->id_bytes == 0 && begins) {
        w->segment.first_id = id;
        w->last_id = id - 1;
    }
    uint64_t by = (id - w->last_id - 1) & -begins;
    uint64_t number = by << 1 ^ -(by >> 63);
    w->segment.has_ids |= by != 0;
    for (; number >= 0x80; number >>= 7)
        w->ids[w->id_bytes++] = (unsigned char)(number | 0x80);
    w->ids[w->id_bytes] = (unsigned char)number;
    w->id_bytes += (uint32_t)begins;
    w->last_id += (id - w->last_id) & -begins;
}

/* The row's own word, and before it, if that has too few bits for it, how much later than the one before it is. */
static inline uint64_t *put_event(uint64_t *to, uint64_t later, uint32_t slot, uint32_t shape)
{
    if (later > GHT_NARROW_MAX) {
        to = put_value(to, GHT_ADVANCE, later);
        later = 0;
    }
    uint64_t is_long = later > UINT16_MAX;
    *to = GHT_ADVANCE | later << 16;
    return put_word(to + is_long, shape | (uint64_t)slot << 16 | (later & (is_long - 1)) << 48);
}

static inline void put_row(struct ght_writer *w, struct stream *stream, const struct trace_row *row,
                           const struct trace_event *event, uint64_t type, const struct known_shape *shape)
{
    struct part *part = &w->parts[stream->part];
    uint64_t *start = part->words + part->head.words, *to = put_given(start, row, type, shape->given);
    uint64_t g = goroutine(row), time_ns = row->op == TRACE_META ? stream->time : event->time_ns;
    if (g != stream->g)
        to = put_value(to, GHT_GOROUTINE, stream->g = g);
    to = put_event(to, time_ns - stream->time, event->slot, shape->number);
    stream->time = time_ns;
    part->head.words += (uint32_t)(to - start);
    w->words += (uint64_t)(to - start);
    put_order(w, stream->part);
    put_id(w, row->value[ROW_ID], (row->op == TRACE_ALLOC) | (row->op == TRACE_STACKALLOC));
}

static bool encode(struct ght_writer *w, const struct trace_row *row, const struct trace_event *event)
{
    uint64_t type = 0;
    struct stream *stream = stream_of(w, row, event->stream);
    if (stream == NULL ||
        (row_has(row, ROW_TYPE) && !ght_dictionary_string(&w->dictionary, row->type, row->type_length, &type)))
        return false;
    const struct known_shape *shape = shape_known(w, row, event, type);
    if (shape == NULL)
        return false;
    const struct part *part = &w->parts[stream->part];
    bool has_room = part->head.words + ROW_WORDS <= part->capacity && stream->segment == w->segment_number;
    if ((w->rows_fit == 0 || !has_room) && !make_room(w, stream, row))
        return false;
    w->rows_fit--;
    put_row(w, stream, row, event, type, shape);
    return true;
}

bool ght_writer_put(struct ght_writer *w, const struct trace_row *rows, const struct trace_event *events, size_t n,
                    struct error *error)
{
    for (size_t i = 0; i < n; i++) {
        if (row_has(&rows[i], ROW_TYPE) && rows[i].type_length > GHT_STRING_MAX)
            return row_fail(error, w->name, rows[i].line, "type: expected a label of at most %u bytes, got one of %u",
                            GHT_STRING_MAX, rows[i].type_length);
        if (!encode(w, &rows[i], &events[i]))
            return fail_memory(w, &rows[i], error);
    }
    return true;
}
