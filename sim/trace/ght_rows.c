/* A binary trace as rows, for those who convert it or look into it: the way back to what was written. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "trace/ght.h"
#include "trace/ght_reader.h"
#include "trace/lifetimes.h"

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

/* What a row of this shape has, but for its lifetime. */
static bool set_values(struct ght_rows *r, const struct ght_cursor *cursor, const struct ght_taken *taken,
                       struct trace_row *row)
{
    const struct ght_shape *shape = taken->shape;
    unsigned in_shape = shape->present & ~(unsigned)shape->given;
    *row = (struct trace_row){.line = ++r->line, .present = shape->present, .op = shape->op};
    row->value[ROW_SIZE] = shape->size;
    row->value[ROW_NOSCAN] = shape->noscan;
    if ((in_shape & 1u << ROW_ALIGN) != 0)
        row->value[ROW_ALIGN] = UINT64_C(1) << shape->align_log2;
    if ((in_shape & 1u << ROW_T_NS) != 0)
        row->value[ROW_T_NS] = cursor->time;
    if ((in_shape & 1u << ROW_P) != 0)
        row->value[ROW_P] = r->reader.ps[cursor->stream];
    if ((in_shape & 1u << ROW_G) != 0)
        row->value[ROW_G] = cursor->g;
    for (unsigned column = 0; column < ROW_NUMBERS; column++)
        if ((shape->given & 1u << column) != 0)
            row->value[column] = taken->given[column];
    if ((shape->present & 1u << ROW_TYPE) == 0)
        return true;
    uint64_t at = (shape->given & 1u << ROW_TYPE) != 0 ? taken->given[ROW_TYPE] : shape->type;
    row->type = ght_reader_string(&r->reader, at, &row->type_length);
    return row->type != NULL;
}

static bool take_row(struct ght_rows *r, struct ght_cursor *cursor, struct trace_row *row)
{
    struct ght_taken taken;
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
