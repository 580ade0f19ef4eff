/* A binary trace as rows, for those who convert it or look into it: the way back to what was written. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "trace/ght.h"
#include "trace/ght_reader.h"
#include "trace/lifetimes.h"

enum { LOOK_AHEAD = GHT_SLACK / 8 - 1 /* words */ };

struct ght_rows {
    struct row_source source; /* first: the two share their address */
    struct ght_reader reader;
    bool salvage; /* what is missing is told and no failure */
    uint64_t line;
    uint64_t *ids; /* by slot of the file */
    uint64_t id_room;
};

bool ght_recognise(const unsigned char *bytes, size_t length)
{
    return length >= sizeof GHT_MAGIC - 1 && memcmp(bytes, GHT_MAGIC, sizeof GHT_MAGIC - 1) == 0;
}

/* There are no more slots than rows: so that no number in the file makes the table larger than what the file holds. */
static bool make_room(struct ght_rows *r, const struct ght_cursor *cursor, uint32_t slot)
{
    if (slot < r->id_room)
        return true;
    if (slot >= r->reader.rows)
        return ght_file_fail(&r->reader.file, cursor->at, &r->reader.failure,
                             "expected a slot below the %" PRIu64 " rows up to here, got %" PRIu32, r->reader.rows,
                             slot);
    uint64_t room = r->id_room == 0 ? 1024 : r->id_room * 2;
    while (room <= slot)
        room *= 2;
    uint64_t *larger = reallocarray(r->ids, room, sizeof *larger);
    if (larger == NULL)
        return error_set(&r->reader.failure, "%.300s: out of memory", r->source.name);
    memset(larger + r->id_room, 0, (room - r->id_room) * sizeof *larger);
    r->ids = larger;
    r->id_room = room;
    return true;
}

/* Whether a lifetime is open when it ends is for the checks to say that all rows go through: its id tells. */
static bool set_id(struct ght_rows *r, const struct ght_cursor *cursor, const struct ght_taken *taken,
                   struct trace_row *row)
{
    bool begins = trace_op_begins(row->op);
    if (!begins && !trace_op_ends(row->op) && row->op != TRACE_DEAD)
        return true;
    if (!make_room(r, cursor, taken->slot))
        return false;
    if (begins && !ght_reader_id(&r->reader, &r->ids[taken->slot]))
        return false;
    row->value[ROW_ID] = r->ids[taken->slot];
    if (r->source.ids != NULL)
        id_map_fetch(r->source.ids, row->value[ROW_ID]);
    return true;
}

/* The value where the shape has the column and does not leave it to the row; else 0. */
static inline uint64_t value_if(unsigned in_shape, enum row_column column, uint64_t value)
{
    return value & -(uint64_t)(in_shape >> column & 1);
}

static bool set_type(struct ght_rows *r, const struct ght_taken *taken, struct trace_row *row)
{
    bool is_given = (taken->shape->given & 1u << ROW_TYPE) != 0;
    row->type = ght_reader_string(&r->reader, is_given ? taken->given[ROW_TYPE] : taken->shape->type,
                                  &row->type_length);
    return row->type != NULL;
}

/* What a row of this shape has, but for its lifetime. */
static bool set_values(struct ght_rows *r, const struct ght_cursor *cursor, const struct ght_taken *taken,
                       struct trace_row *row)
{
    const struct ght_shape *shape = taken->shape;
    unsigned in_shape = shape->present & ~(unsigned)shape->given;
    uint64_t p = (in_shape & 1u << ROW_P) != 0 ? r->reader.ps[cursor->stream] : 0; /* meta rows have no stream */
    row->value[ROW_T_NS] = value_if(in_shape, ROW_T_NS, cursor->time);
    row->value[ROW_P] = p;
    row->value[ROW_G] = value_if(in_shape, ROW_G, cursor->g);
    row->value[ROW_ID] = 0;
    row->value[ROW_SIZE] = shape->size;
    row->value[ROW_NOSCAN] = shape->noscan;
    row->value[ROW_ALIGN] = value_if(in_shape, ROW_ALIGN, UINT64_C(1) << shape->align_log2);
    row->line = ++r->line;
    row->type = NULL;
    row->type_length = 0;
    row->present = shape->present;
    row->op = shape->op;
    row->text_length = 0;
    for (unsigned given = shape->given & ((1u << ROW_NUMBERS) - 1); given != 0; given &= given - 1)
        row->value[__builtin_ctz(given)] = taken->given[__builtin_ctz(given)];
    return (shape->present & 1u << ROW_TYPE) == 0 || set_type(r, taken, row);
}

/* Ids are far apart: those of a part's rows to come may come from memory in the meantime. What is a slot there is seen
 * when it is taken; until then it may be anything, and nowhere. */
static inline void fetch_id(const struct ght_rows *r, const struct ght_cursor *cursor)
{
    uintptr_t ids = (uintptr_t)r->ids;
    uintptr_t coming = ids + (cursor->next[LOOK_AHEAD] >> 16 & UINT32_MAX) * sizeof *r->ids;
    __builtin_prefetch((const void *)coming);
}

static bool take_row(struct ght_rows *r, struct ght_cursor *cursor, struct trace_row *row)
{
    struct ght_taken taken;
    fetch_id(r, cursor);
    return ght_reader_take(&r->reader, cursor, &taken) && set_values(r, cursor, &taken, row) &&
           set_id(r, cursor, &taken, row);
}

/* Labels move when there are new ones: so all rows of a read are of one segment. */
static size_t read_rows(struct row_source *source, struct trace_row *rows, size_t max, struct error *error)
{
    struct ght_rows *r = (struct ght_rows *)source;
    size_t count = 0;
    struct ght_cursor *cursor;
    bool new_segment;
    for (uint32_t run; count < max && (count == 0 || !ght_reader_at_segment_end(&r->reader)) &&
                       (run = ght_reader_run(&r->reader, &cursor, &new_segment)) > 0;) {
        uint32_t took = 0;
        while (took < run && count < max && !r->reader.done) {
            bool good = take_row(r, cursor, &rows[count]);
            r->reader.done = !good;
            took += good;
            count += good;
        }
        ght_reader_took(&r->reader, took);
    }
    source->bytes_done = r->reader.file.at;
    if (count == 0 && r->reader.failure.text[0] != '\0' && !r->salvage)
        error_set(error, "%s", r->reader.failure.text);
    return count;
}

static void tell_missing(const struct row_source *source, FILE *out)
{
    const struct ght_rows *r = (const struct ght_rows *)source;
    if (r->reader.failure.text[0] != '\0')
        fprintf(out, "%s; what comes after it is left out\n", r->reader.failure.text);
}

static void close_rows(struct row_source *source)
{
    struct ght_rows *r = (struct ght_rows *)source;
    ght_reader_close(&r->reader);
    free(r->ids);
    free(r);
}

struct row_source *ght_open_rows(struct byte_stream *bytes, const struct row_options *options, struct error *error)
{
    struct ght_rows *r = calloc(1, sizeof *r);
    if (r == NULL) {
        error_set(error, "%.300s: out of memory", byte_stream_name(bytes));
        byte_stream_close(bytes);
        return NULL;
    }
    r->salvage = options->salvage;
    bool good = ght_reader_open(&r->reader, bytes, true, error);
    r->source = (struct row_source){.read = read_rows, .tell = tell_missing, .close = close_rows,
                                     .name = byte_stream_name(bytes),
                                    .bytes_total = byte_stream_total(bytes), .columns = r->reader.file.columns,
                                    .fetches = true};
    if (good)
        return &r->source;
    close_rows(&r->source);
    return NULL;
}
