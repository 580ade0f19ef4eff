/* Rows as CSV, in canonical form: what is read back is the same rows, and written again the same bytes.
 *
 * Invariant: no line is longer than the reader takes. */
#include "trace/trace_csv.h"

#include <csv.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/zst_file.h"

/* What a line takes beside its label, at most: numbers, an op, commas, the line feed, and some. */
enum { LINE_ROOM = 256, OP_ROOM = 16, LINES = 1 << 15 /* bytes, at first */ };

_Static_assert(LINE_ROOM >= ROW_NUMBERS * DECIMAL_ROOM + OP_ROOM + ROW_COLUMNS, "a line fits");

struct csv_writer {
    struct row_writer writer; /* first: the two share their address */
    struct zst_file *file;    /* NULL: given up after a failure */
    uint16_t columns; /* 1 << enum row_column */
    struct decimal_near time; /* of the latest row */
    struct {
        char text[OP_ROOM];
        size_t length;
    } ops[ROW_OPS]; /* their names */
    char *lines; /* that have not been given to the file */
    size_t length, capacity;
};

/* ---- lines ---- */

enum label { PLAIN, QUOTED, IMPOSSIBLE };

/* What the reader would take for something else, or leave out as blank, is in quotes. Not empty. */
static enum label judge_label(const char *text, size_t length)
{
    const char first = text[0], last = text[length - 1];
    bool quoted = first == ' ' || first == '\t' || last == ' ' || last == '\t';
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n' || text[i] == '\0')
            return IMPOSSIBLE;
        quoted = quoted || text[i] == ',' || text[i] == '"' || text[i] == '\r';
    }
    return quoted ? QUOTED : PLAIN;
}

/* NULL: this cannot stand in a line. */
static char *put_label(char *to, size_t room, const struct trace_row *row)
{
    enum label label = judge_label(row->type, row->type_length);
    if (label == IMPOSSIBLE)
        return NULL;
    if (label == QUOTED || row->op == TRACE_META)
        return to + csv_write(to, room, row->type, row->type_length);
    memcpy(to, row->type, row->type_length);
    return to + row->type_length;
}

/* The columns are put one after the other, in row_column_order. */

static inline char *put_comma(char *to)
{
    *to = ',';
    return to + 1;
}

static inline char *put_number(const struct csv_writer *w, char *to, const struct trace_row *row,
                               enum row_column column)
{
    if ((w->columns & 1u << column) == 0)
        return to;
    return put_comma(row_has(row, column) ? decimal_put(to, row->value[column]) : to);
}

static inline char *put_time(struct csv_writer *w, char *to, const struct trace_row *row)
{
    if ((w->columns & 1u << ROW_T_NS) == 0)
        return to;
    return put_comma(row_has(row, ROW_T_NS) ? decimal_put_near(to, row->value[ROW_T_NS], &w->time) : to);
}

static inline char *put_op(const struct csv_writer *w, char *to, const struct trace_row *row)
{
    if ((w->columns & 1u << ROW_OP) == 0)
        return to;
    memcpy(to, w->ops[row->op].text, OP_ROOM);
    return put_comma(to + w->ops[row->op].length);
}

/* Puts a line where there is room for it. Returns what follows; NULL: its label is impossible. */
static inline char *put_line(struct csv_writer *w, char *to, const struct trace_row *row)
{
    to = put_time(w, to, row);
    to = put_number(w, to, row, ROW_P);
    to = put_number(w, to, row, ROW_G);
    to = put_op(w, to, row);
    to = put_number(w, to, row, ROW_ID);
    to = put_number(w, to, row, ROW_SIZE);
    to = put_number(w, to, row, ROW_NOSCAN);
    to = put_number(w, to, row, ROW_ALIGN);
    if ((w->columns & 1u << ROW_TYPE) != 0) {
        if (row_has(row, ROW_TYPE) && row->type_length > 0)
            to = put_label(to, (size_t)(w->lines + w->capacity - to), row);
        if (to == NULL)
            return NULL;
        to = put_comma(to);
    }
    to[-1] = '\n'; /* there is one column at least: op */
    return to;
}

/* The line of a row that has one already. Returns its bytes; some more are copied than it has, as many as always. */
static inline size_t copy_line(char *to, const struct trace_row *row)
{
    _Static_assert((int)LINE_ROOM >= (int)ROW_TEXT_ROOM, "what is copied fits");
    memcpy(to, row->text, ROW_TEXT_ROOM);
    return row->text_length;
}

static void flush(struct csv_writer *w)
{
    zst_file_write(w->file, w->lines, w->length);
    w->length = 0;
}

/* Room for a line with such a label; it may be in quotes, and all of it be quotes. */
static bool make_room(struct csv_writer *w, size_t label)
{
    size_t needed = 2 * label + LINE_ROOM;
    if (needed <= w->capacity - w->length)
        return true;
    flush(w);
    if (needed <= w->capacity)
        return true;
    char *larger = realloc(w->lines, 2 * needed);
    if (larger == NULL)
        return false;
    w->lines = larger;
    w->capacity = 2 * needed;
    return true;
}

static bool fail_length(const struct csv_writer *w, const struct trace_row *row, struct error *error)
{
    return error_set(error, "%.200s: expected labels that fit a line of %d bytes, got one of %" PRIu32
                     " bytes in row %" PRIu64 " of what is read", w->writer.name, TRACE_CSV_LINE_MAX,
                     row->type_length, row->line);
}

static bool write_row(struct csv_writer *w, const struct trace_row *row, struct error *error)
{
    size_t label = (row->present & 1u << ROW_TYPE) != 0 ? row->type_length : 0;
    if (label > TRACE_CSV_LINE_MAX)
        return fail_length(w, row, error);
    if (!make_room(w, label))
        return error_set(error, "%.200s: out of memory", w->writer.name);
    const char *end = put_line(w, w->lines + w->length, row);
    if (end == NULL)
        return error_set(error, "%.200s: expected labels without line feeds and NULs, got one in row %" PRIu64
                         " of what is read", w->writer.name, row->line);
    size_t length = (size_t)(end - w->lines) - w->length;
    if (length > TRACE_CSV_LINE_MAX)
        return fail_length(w, row, error);
    w->length += length;
    return true;
}

/* ---- the writer ---- */

static void free_writer(struct csv_writer *w)
{
    free(w->lines);
    free(w);
}

static bool write_rows(struct row_writer *writer, const struct trace_row *rows, const struct trace_event *events,
                       size_t n, struct error *error)
{
    struct csv_writer *w = (struct csv_writer *)writer;
    (void)events;
    for (size_t i = 0; i < n; i++) {
        bool has_room = w->capacity - w->length >= LINE_ROOM;
        if (has_room && rows[i].text_length > 0)
            w->length += copy_line(w->lines + w->length, &rows[i]);
        else if (has_room && !row_has(&rows[i], ROW_TYPE))
            w->length = (size_t)(put_line(w, w->lines + w->length, &rows[i]) - w->lines);
        else if (!write_row(w, &rows[i], error))
            return false;
    }
    if (!zst_file_failed(w->file))
        return true;
    uint64_t bytes;
    zst_file_commit(w->file, &bytes, error); /* which tells the reason */
    w->file = NULL;
    return false;
}

static bool commit_writer(struct row_writer *writer, struct error *error)
{
    struct csv_writer *w = (struct csv_writer *)writer;
    uint64_t bytes;
    flush(w);
    bool done = zst_file_commit(w->file, &bytes, error);
    free_writer(w);
    return done;
}

static void abandon_writer(struct row_writer *writer)
{
    struct csv_writer *w = (struct csv_writer *)writer;
    if (w->file != NULL)
        zst_file_abandon(w->file);
    free_writer(w);
}

static void write_header(struct csv_writer *w)
{
    const char *separator = "";
    for (uint8_t i = 0; i < ROW_COLUMNS; i++) {
        if ((w->columns & 1u << row_column_order[i]) == 0)
            continue;
        const char *name = row_column_names[row_column_order[i]];
        zst_file_write(w->file, separator, strlen(separator));
        zst_file_write(w->file, name, strlen(name));
        separator = ",";
    }
    zst_file_write(w->file, "\n", 1);
}

struct row_writer *trace_csv_write(const char *path, uint16_t columns, struct error *error)
{
    struct csv_writer *w = calloc(1, sizeof *w);
    if (w != NULL)
        w->lines = malloc(w->capacity = LINES);
    if (w == NULL || w->lines == NULL) {
        free(w);
        error_set(error, "%.200s: out of memory", path);
        return NULL;
    }
    w->file = zst_file_open(path, error);
    if (w->file == NULL) {
        free_writer(w);
        return NULL;
    }
    w->writer = (struct row_writer){write_rows, commit_writer, abandon_writer, path};
    w->columns = columns;
    for (uint8_t op = 0; op < ROW_OPS; op++)
        w->ops[op].length = strlen(strcpy(w->ops[op].text, row_op_names[op]));
    write_header(w);
    return &w->writer;
}
