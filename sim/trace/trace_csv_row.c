/* The meaning of CSV rows: columns, numbers, operations, and what each operation must and may say. Every
 * sentence about a row's content is in this file. */
#include "trace/trace_csv_row.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"

#define MAX_ALIGN (UINT64_C(1) << 30)
#define MAX_TIME (UINT64_C(1) << 62) /* ns; leaves room for what a replay adds */

static const char *const column_names[ROW_COLUMNS] = {
    "t_ns", "p", "g", "id", "size", "noscan", "align", "op", "type",
};

enum { META = TRACE_OPS, OPS };

static const char *const op_names[OPS] = {
    "alloc", "free",  "dead",  "gc",       "stats",    "stackalloc", "stackfree",
    "gcbegin", "gcend", "procs", "heaplive", "heapgoal", "end",        "meta",
};

/* What is done to the lifetime of the row's id, if anything. */
static const struct op {
    enum { KEEP, OPEN, CLOSE, DIE } lifetime;
    enum lifetime_kind kind;
} ops[OPS] = {
    [TRACE_ALLOC] = {OPEN, LIFETIME_OBJECT},
    [TRACE_FREE] = {CLOSE, LIFETIME_OBJECT},
    [TRACE_DEAD] = {DIE, LIFETIME_OBJECT},
    [TRACE_STACKALLOC] = {OPEN, LIFETIME_STACK},
    [TRACE_STACKFREE] = {CLOSE, LIFETIME_STACK},
};

bool rows_fail(struct rows *rows, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    /* A long path must not push out what happened. */
    if (rows->line == 0)
        return error_set(&rows->failure, "%.200s: %s", rows->name, text);
    return error_set(&rows->failure, "%.200s:%" PRIu64 ": %s", rows->name, rows->line, text);
}

static bool fail_memory(struct rows *rows)
{
    return rows_fail(rows, "out of memory");
}

static void start_row(struct rows *rows)
{
    memset(rows->row.value, 0, sizeof rows->row.value);
    rows->row.value[ROW_NOSCAN] = 1;
    rows->row.present = 0;
    rows->row.is_key_value = false;
    rows->row.bad = ROW_IGNORED;
    rows->fields = 0;
}

bool rows_init(struct rows *rows, const char *name, int stream_by, uint64_t seed)
{
    *rows = (struct rows){.name = name, .by_g = stream_by == TRACE_STREAM_BY_G};
    start_row(rows);
    bool ps = id_map_init(&rows->ps.map, seed);
    bool gs = id_map_init(&rows->gs.map, seed);
    bool lifetimes = lifetimes_init(&rows->lifetimes, seed);
    return (ps && gs && lifetimes) || fail_memory(rows);
}

void rows_free(struct rows *rows)
{
    id_map_free(&rows->ps.map);
    id_map_free(&rows->gs.map);
    lifetimes_free(&rows->lifetimes);
    free(rows->times);
}

static bool has(const struct rows *rows, enum row_column column)
{
    return (rows->row.present & 1u << column) != 0;
}

/* ---- fields ---- */

static bool parse_number(const char *text, size_t length, uint64_t *value)
{
    uint64_t n = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned digit = (unsigned)(unsigned char)text[i] - '0';
        if (digit > 9)
            return false;
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, digit, &n))
            return false;
    }
    *value = n;
    return true;
}

/* The text has no NUL in it: the comparison ends where the name does, if not before. */
static bool is_word(const char *name, const char *text, size_t length)
{
    size_t i = 0;
    while (i < length && name[i] == text[i])
        i++;
    return i == length && name[i] == '\0';
}

static bool parse_op(const char *text, size_t length, uint8_t *op)
{
    for (uint8_t i = 0; i < OPS; i++) {
        if (is_word(op_names[i], text, length)) {
            *op = i;
            return true;
        }
    }
    return false;
}

/* The start of a field, without what would upset a terminal or a JSON document. */
static void quote(char text[ROW_TEXT_MAX + 1], const char *field, size_t length)
{
    size_t n = length < ROW_TEXT_MAX ? length : ROW_TEXT_MAX;
    for (size_t i = 0; i < n; i++)
        text[i] = field[i] >= 0x20 && field[i] < 0x7f ? field[i] : '?';
    text[n] = '\0';
    if (length > ROW_TEXT_MAX)
        memcpy(text + ROW_TEXT_MAX - 3, "...", 3);
}

static void header_field(struct rows *rows, const char *text, size_t length)
{
    uint8_t column = 0;
    while (column < ROW_COLUMNS && !is_word(column_names[column], text, length))
        column++;
    if (rows->columns == ROW_COLUMNS_MAX) {
        rows_fail(rows, "expected at most %d columns, got more", ROW_COLUMNS_MAX);
        return;
    }
    rows->column[rows->columns++] = column;
    if (column == ROW_IGNORED)
        return;
    if (has(rows, column))
        rows_fail(rows, "expected each column once, got %s twice", column_names[column]);
    rows->row.present |= 1u << column;
}

/* What is wrong with a field is reported only when the row is known to have the right number of them: a
 * missing comma would otherwise be blamed on the field that has slipped into its place. */
void rows_field(struct rows *rows, const char *text, size_t length)
{
    uint32_t index = rows->fields++;
    if (!rows->has_header) {
        header_field(rows, text, length);
        return;
    }
    if (index >= rows->columns || length == 0 || rows->column[index] == ROW_IGNORED)
        return;
    uint8_t column = rows->column[index];
    bool good = true;
    if (column < ROW_NUMBERS)
        good = parse_number(text, length, &rows->row.value[column]);
    else if (column == ROW_OP)
        good = parse_op(text, length, &rows->row.op);
    else
        rows->row.is_key_value = text[0] != '=' && strchr(text, '=') != NULL;
    rows->row.present |= 1u << column;
    if (!good && rows->row.bad == ROW_IGNORED) {
        rows->row.bad = column;
        quote(rows->row.text, text, length);
    }
}

/* ---- plain rows ---- */

static const unsigned char *plain_number(const unsigned char *s, uint64_t *value)
{
    uint64_t n = 0;
    const unsigned char *start = s;
    for (unsigned digit; (digit = (unsigned)*s - '0') <= 9; s++)
        n = n * 10 + digit;
    *value = n;
    return s - start <= 19 ? s : NULL; /* 19 digits cannot overflow */
}

static const unsigned char *plain_op(const unsigned char *s, uint8_t *op)
{
    const unsigned char *start = s;
    while (*s >= 'a' && *s <= 'z')
        s++;
    return parse_op((const char *)start, (size_t)(s - start), op) ? s : NULL;
}

static const unsigned char *plain_text(const unsigned char *s)
{
    while (*s != ',' && *s != '\n' && *s != '\r' && *s != '"')
        s++;
    return s;
}

const unsigned char *rows_plain(struct rows *rows, const unsigned char *line)
{
    const unsigned char *s = line;
    struct row *row = &rows->row;
    if (!rows->has_started) /* meta rows, and the first row of all, are no matter of speed */
        return NULL;
    for (uint32_t i = 0; i < rows->columns; i++) {
        uint8_t column = rows->column[i];
        if (i > 0)
            s++;
        if (*s != ',' && *s != '\n') {
            row->present |= 1u << column;
            if (column < ROW_NUMBERS)
                s = plain_number(s, &row->value[column]);
            else if (column == ROW_OP)
                s = plain_op(s, &row->op);
            else
                s = plain_text(s);
        }
        if (s == NULL || *s != (i + 1 < rows->columns ? ',' : '\n')) {
            start_row(rows);
            return NULL;
        }
    }
    rows->fields = rows->columns;
    return s + 1;
}

/* ---- from row to event ---- */

static bool fail_field(struct rows *rows)
{
    const char *text = rows->row.text;
    if (rows->row.bad != ROW_OP)
        return rows_fail(rows, "%s: expected a whole number from 0 to %" PRIu64 ", got \"%s\"",
                         column_names[rows->row.bad], UINT64_MAX, text);
    const char *nearest = nearest_name(text, op_names, OPS);
    if (nearest == NULL)
        return rows_fail(rows, "op: expected an operation such as alloc or free, got \"%s\"", text);
    return rows_fail(rows, "op: expected an operation, got \"%s\": is it %s?", text, nearest);
}

static const char *plural(uint32_t n)
{
    return n == 1 ? "" : "s";
}

static bool finish_header(struct rows *rows)
{
    rows->has_header = true;
    return has(rows, ROW_OP) ||
           rows_fail(rows, "expected a header line with at least the column op, got %" PRIu32
                     " column%s without it", rows->columns, plural(rows->columns));
}

/* What the row's op cannot do without. */
static bool need(struct rows *rows, enum row_column column)
{
    if (has(rows, column))
        return true;
    const char *name = column_names[column], *op = op_names[rows->row.op];
    if (memchr(rows->column, (int)column, rows->columns) == NULL)
        return rows_fail(rows, "%s: expected a column of this name for %s, got a header without it", name,
                         op);
    return rows_fail(rows, "%s: expected a number for %s, got nothing", name, op);
}

/* No value counts as 0. */
static bool number_of(struct rows *rows, struct numbering *numbering, uint64_t value, uint32_t *number)
{
    if (numbering->map.count == 0 || value != numbering->last_value) {
        bool added;
        struct id_entry *entry = id_map_put(&numbering->map, value, &added);
        if (entry == NULL || numbering->map.count > UINT32_MAX)
            return fail_memory(rows);
        if (added)
            entry->number = (uint32_t)(numbering->map.count - 1);
        numbering->last_value = value;
        numbering->last_number = entry->number;
    }
    *number = numbering->last_number;
    return true;
}

static bool grow_times(struct rows *rows)
{
    size_t had = rows->times_capacity;
    size_t capacity = had == 0 ? 64 : had * 2;
    uint64_t *larger = reallocarray(rows->times, capacity, sizeof *larger);
    if (larger == NULL)
        return fail_memory(rows);
    memset(larger + had, 0, (capacity - had) * sizeof *larger);
    rows->times = larger;
    rows->times_capacity = capacity;
    return true;
}

/* A row without a time has that of its P's latest event. */
static bool set_stream_and_time(struct rows *rows, struct trace_event *event)
{
    const uint64_t *value = rows->row.value;
    uint32_t p;
    if (!number_of(rows, &rows->ps, value[ROW_P], &p))
        return false;
    event->stream = p;
    if (rows->by_g && !number_of(rows, &rows->gs, value[ROW_G], &event->stream))
        return false;
    if (p >= rows->times_capacity && !grow_times(rows))
        return false;
    uint64_t *latest = &rows->times[p];
    if (has(rows, ROW_T_NS)) {
        if (value[ROW_T_NS] > MAX_TIME)
            return rows_fail(rows, "t_ns: expected at most %" PRIu64 " ns (146 years), got %" PRIu64, MAX_TIME,
                             value[ROW_T_NS]);
        if (value[ROW_T_NS] < *latest)
            return rows_fail(rows, "t_ns: expected at least %" PRIu64 ", the time before on p %" PRIu64
                             ", got %" PRIu64, *latest, value[ROW_P], value[ROW_T_NS]);
        *latest = value[ROW_T_NS];
    }
    event->time_ns = *latest;
    return true;
}

static bool set_shape(struct rows *rows, struct trace_event *event)
{
    const uint64_t *value = rows->row.value;
    if (ops[event->op].lifetime == OPEN) {
        if (!need(rows, ROW_SIZE))
            return false;
        if (value[ROW_SIZE] > TRACE_MAX_SIZE)
            return rows_fail(rows, "size: expected at most %" PRIu64 " bytes (64 TiB), got %" PRIu64,
                             TRACE_MAX_SIZE, value[ROW_SIZE]);
    }
    if (value[ROW_NOSCAN] > 1)
        return rows_fail(rows, "noscan: expected 0 or 1, got %" PRIu64, value[ROW_NOSCAN]);
    if (has(rows, ROW_ALIGN)) {
        uint64_t align = value[ROW_ALIGN];
        if (align == 0 || (align & (align - 1)) != 0 || align > MAX_ALIGN)
            return rows_fail(rows, "align: expected a power of two up to %" PRIu64 ", got %" PRIu64,
                             MAX_ALIGN, align);
        event->align_log2 = (unsigned)__builtin_ctzll(align) & 0x7fu;
    }
    uint64_t size = value[ROW_SIZE] < TRACE_SIZE_FIELD ? value[ROW_SIZE] : TRACE_SIZE_FIELD;
    event->size = size & TRACE_SIZE_FIELD;
    event->noscan = value[ROW_NOSCAN] & 1;
    return true;
}

static bool fail_lifetime(struct rows *rows, enum lifetime_status status)
{
    static const char *const reasons[] = {
        [LIFETIME_IS_OPEN] = "is live already: each lifetime needs an id of its own",
        [LIFETIME_NOT_OPEN] = "is not live: it was never allocated or has been freed already",
        [LIFETIME_IS_DEAD] = "has been declared dead already",
    };
    const char *reason = reasons[LIFETIME_NOT_OPEN];
    if (status == LIFETIME_NO_MEMORY)
        return fail_memory(rows);
    if (status != LIFETIME_WRONG_KIND)
        reason = reasons[status];
    else if (ops[rows->row.op].kind == LIFETIME_STACK)
        reason = "is not a goroutine stack";
    else
        reason = "is a goroutine stack";
    return rows_fail(rows, "id: %s of id %" PRIu64 ", which %s", op_names[rows->row.op],
                     rows->row.value[ROW_ID], reason);
}

static bool set_slot(struct rows *rows, struct trace_event *event)
{
    const struct op *op = &ops[event->op];
    if (op->lifetime == KEEP)
        return true;
    if (!need(rows, ROW_ID))
        return false;
    uint64_t id = rows->row.value[ROW_ID];
    event->id = id;
    enum lifetime_status status;
    if (op->lifetime == OPEN)
        status = lifetimes_open(&rows->lifetimes, id, op->kind, &event->slot);
    else if (op->lifetime == CLOSE)
        status = lifetimes_close(&rows->lifetimes, id, op->kind, &event->slot);
    else
        status = lifetimes_die(&rows->lifetimes, id, op->kind, &event->slot);
    return status == LIFETIME_OK || fail_lifetime(rows, status);
}

/* Rows about the trace itself. Nothing in them changes how it is read. */
static bool finish_meta(struct rows *rows)
{
    if (rows->has_started)
        return rows_fail(rows, "op: expected meta rows before all others, got one after them");
    if (!rows->row.is_key_value)
        return rows_fail(rows, "type: expected key=value in a meta row, got something else");
    return true;
}

static bool check_fields(struct rows *rows)
{
    if (rows->fields != rows->columns)
        return rows_fail(rows, "expected %" PRIu32 " field%s, as in the header, got %" PRIu32,
                         rows->columns, plural(rows->columns), rows->fields);
    if (rows->row.bad != ROW_IGNORED)
        return fail_field(rows);
    return has(rows, ROW_OP) || rows_fail(rows, "op: expected an operation, got nothing");
}

static bool finish_event(struct rows *rows, struct trace_event *event)
{
    if (!rows->has_started)
        rows->timed = has(rows, ROW_T_NS);
    rows->has_started = true;
    *event = (struct trace_event){.op = rows->row.op};
    return set_stream_and_time(rows, event) && set_shape(rows, event) && set_slot(rows, event);
}

enum row_result rows_end(struct rows *rows, struct trace_event *event)
{
    bool good = false, is_event = false;
    if (rows->failure.text[0] == '\0' && !rows->has_header) {
        good = finish_header(rows);
    } else if (rows->failure.text[0] == '\0' && check_fields(rows)) {
        is_event = rows->row.op != META;
        good = is_event ? finish_event(rows, event) : finish_meta(rows);
    }
    start_row(rows);
    if (!good)
        return ROW_FAILED;
    return is_event ? ROW_EVENT : ROW_NOTHING;
}
