/* The meaning of CSV fields: columns, numbers, names of operations. Every sentence about a field's text is in this
 * file. */
#include "trace/trace_csv_row.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/nearest.h"
#include "trace/lifetimes.h"

enum { IGNORED = ROW_COLUMNS };

/* The names of two operations as words, the first letter lowest. */
#define OP_FREE UINT64_C(0x65657266)
#define OP_FREE_MASK UINT64_C(0xffffffff)
#define OP_ALLOC UINT64_C(0x636f6c6c61)
#define OP_ALLOC_MASK UINT64_C(0xffffffffff)

void csv_rows_init(struct csv_rows *rows, const char *name)
{
    *rows = (struct csv_rows){.name = name, .bad = IGNORED};
}

void csv_rows_free(struct csv_rows *rows)
{
    free(rows->label);
}

static void clear_row(struct trace_row *row, uint64_t line)
{
    *row = (struct trace_row){.value[ROW_NOSCAN] = 1, .line = line};
}

void csv_row_start(struct csv_rows *rows, struct trace_row *row)
{
    clear_row(row, rows->line);
    rows->row = row;
    rows->fields = 0;
    rows->bad = IGNORED;
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
    for (uint8_t i = 0; i < ROW_OPS; i++) {
        if (is_word(row_op_names[i], text, length)) {
            *op = i;
            return true;
        }
    }
    return false;
}

/* libcsv's buffer is the next field's, too. A line is limited, and so is this. */
static void keep_label(struct csv_rows *rows, const char *text, size_t length)
{
    if (length > rows->label_capacity) {
        size_t capacity = length * 2;
        char *larger = realloc(rows->label, capacity);
        if (larger == NULL) {
            csv_rows_fail(rows, "out of memory");
            return;
        }
        rows->label = larger;
        rows->label_capacity = capacity;
    }
    memcpy(rows->label, text, length);
    rows->row->type = rows->label;
    rows->row->type_length = (uint32_t)length;
}

/* The start of a field, without what would upset a terminal or a JSON document. */
static void quote(char text[CSV_TEXT_MAX + 1], const char *field, size_t length)
{
    size_t n = length < CSV_TEXT_MAX ? length : CSV_TEXT_MAX;
    for (size_t i = 0; i < n; i++)
        text[i] = field[i] >= 0x20 && field[i] < 0x7f ? field[i] : '?';
    text[n] = '\0';
    if (length > CSV_TEXT_MAX)
        memcpy(text + CSV_TEXT_MAX - 3, "...", 3);
}

static void header_field(struct csv_rows *rows, const char *text, size_t length)
{
    uint8_t column = 0;
    while (column < ROW_COLUMNS && !is_word(row_column_names[column], text, length))
        column++;
    if (rows->columns == CSV_COLUMNS_MAX) {
        csv_rows_fail(rows, "expected at most %d columns, got more", CSV_COLUMNS_MAX);
        return;
    }
    rows->column[rows->columns++] = column;
    if (column == IGNORED)
        return;
    if ((rows->present & 1u << column) != 0)
        csv_rows_fail(rows, "expected each column once, got %s twice", row_column_names[column]);
    rows->present |= (uint16_t)(1u << column);
}

/* What is wrong with a field is reported only when the row is known to have the right number of them: a
 * missing comma would otherwise be blamed on the field that has slipped into its place. */
void csv_row_field(struct csv_rows *rows, const char *text, size_t length)
{
    uint32_t index = rows->fields++;
    if (!rows->has_header) {
        header_field(rows, text, length);
        return;
    }
    if (index >= rows->columns || length == 0 || rows->column[index] == IGNORED)
        return;
    uint8_t column = rows->column[index];
    bool good = true;
    if (column < ROW_NUMBERS)
        good = parse_number(text, length, &rows->row->value[column]);
    else if (column == ROW_OP)
        good = parse_op(text, length, &rows->row->op);
    else
        keep_label(rows, text, length);
    rows->row->present |= (uint16_t)(1u << column);
    if (!good && rows->bad == IGNORED) {
        rows->bad = column;
        quote(rows->text, text, length);
    }
}

/* ---- whole rows ---- */

static const char *plural(uint32_t n)
{
    return n == 1 ? "" : "s";
}

/* Whether the columns are ours and in their order; and what follows each of them, if so. */
static void find_order(struct csv_rows *rows)
{
    uint32_t at = 0;
    for (size_t i = 0; i < ROW_COLUMNS && at < rows->columns; i++) {
        uint8_t column = row_column_order[i];
        if (rows->column[at] == column)
            rows->after[column] = ++at < rows->columns ? ',' : '\n';
    }
    rows->is_usual = at == rows->columns;
    if (rows->is_usual)
        csv_short_init(&rows->short_lines, rows->present);
}

static bool end_header(struct csv_rows *rows)
{
    rows->has_header = true;
    find_order(rows);
    return (rows->present & 1u << ROW_OP) != 0 ||
           csv_rows_fail(rows, "expected a header line with at least the column op, got %" PRIu32
                         " column%s without it", rows->columns, plural(rows->columns));
}

static bool fail_field(struct csv_rows *rows)
{
    if (rows->bad != ROW_OP)
        return csv_rows_fail(rows, "%s: expected a whole number from 0 to %" PRIu64 ", got \"%s\"",
                             row_column_names[rows->bad], UINT64_MAX, rows->text);
    const char *nearest = nearest_name(rows->text, row_op_names, ROW_OPS);
    if (nearest == NULL)
        return csv_rows_fail(rows, "op: expected an operation such as alloc or free, got \"%s\"", rows->text);
    return csv_rows_fail(rows, "op: expected an operation, got \"%s\": is it %s?", rows->text, nearest);
}

bool csv_row_end(struct csv_rows *rows)
{
    uint32_t fields = rows->fields;
    rows->fields = 0;
    if (rows->failure.text[0] != '\0')
        return false;
    if (!rows->has_header)
        return end_header(rows);
    if (fields != rows->columns)
        return csv_rows_fail(rows, "expected %" PRIu32 " field%s, as in the header, got %" PRIu32, rows->columns,
                             plural(rows->columns), fields);
    if (rows->bad != IGNORED)
        return fail_field(rows);
    return (rows->row->present & 1u << ROW_OP) != 0 || csv_rows_fail(rows, "op: expected an operation, got nothing");
}

/* ---- plain rows ---- */

/* Each of these takes a field, which may be empty but for the op, and returns what follows it; NULL: not plain. They
 * stop at a line feed at the latest. */

/* Nearly all rows are of two operations. What follows the name is for the caller to judge. */
static inline const unsigned char *plain_op(const unsigned char *s, struct trace_row *row)
{
    uint64_t word;
    memcpy(&word, s, sizeof word);
    if ((word & OP_FREE_MASK) == OP_FREE) {
        row->op = TRACE_FREE;
        return s + 4;
    }
    if ((word & OP_ALLOC_MASK) == OP_ALLOC) {
        row->op = TRACE_ALLOC;
        return s + 5;
    }
    const unsigned char *start = s;
    while (*s >= 'a' && *s <= 'z')
        s++;
    return parse_op((const char *)start, (size_t)(s - start), &row->op) ? s : NULL;
}

static bool is_blank(unsigned char c)
{
    return c == ' ' || c == '\t';
}

static inline const unsigned char *plain_ignored(const unsigned char *s)
{
    return *s == ',' || *s == '\n' ? s : s + strcspn((const char *)s, ",\n\r\"");
}

/* libcsv leaves out what is blank around a field. */
static const unsigned char *plain_label(const unsigned char *s, struct trace_row *row)
{
    const unsigned char *end = plain_ignored(s);
    if (end == s)
        return s;
    if (is_blank(s[0]) || is_blank(end[-1]))
        return NULL;
    row->type = (const char *)s;
    row->type_length = (uint32_t)(end - s);
    return end;
}

/* A field of any column; of one that is empty, *absent gets the bit. (An op that is empty is not plain.) */
static inline const unsigned char *plain_field(const unsigned char *s, unsigned kind, struct trace_row *row,
                                               unsigned *absent)
{
    const unsigned char *start = s;
    if (kind < ROW_NUMBERS) {
        s = decimal_take(s, &row->value[kind]);
        if (s - start > DECIMAL_SAFE)
            return NULL;
    } else if (kind == ROW_OP) {
        return plain_op(s, row);
    } else {
        s = kind == ROW_TYPE ? plain_label(s, row) : plain_ignored(s);
    }
    if (s == start)
        *absent |= 1u << kind;
    return s;
}

/* The next field of a line in the usual order, and what has to follow it; nothing if the file has no such column. */
static inline const unsigned char *usual_field(const struct csv_rows *rows, const unsigned char *s, unsigned kind,
                                               struct trace_row *row, unsigned *absent)
{
    if ((rows->present & 1u << kind) == 0)
        return s;
    s = plain_field(s, kind, row, absent);
    return s != NULL && *s == rows->after[kind] ? s + 1 : NULL;
}

/* A line of no other columns than ours, in row_column_order: each has code of its own here, whose branches go as they
 * went for the same column before. Returns what follows the line, or NULL. */
static inline const unsigned char *usual_row(const struct csv_rows *rows, const unsigned char *s, struct trace_row *row)
{
    unsigned absent = 0;
    bool good = (s = usual_field(rows, s, ROW_T_NS, row, &absent)) != NULL &&
                (s = usual_field(rows, s, ROW_P, row, &absent)) != NULL &&
                (s = usual_field(rows, s, ROW_G, row, &absent)) != NULL &&
                (s = usual_field(rows, s, ROW_OP, row, &absent)) != NULL &&
                (s = usual_field(rows, s, ROW_ID, row, &absent)) != NULL &&
                (s = usual_field(rows, s, ROW_SIZE, row, &absent)) != NULL &&
                (s = usual_field(rows, s, ROW_NOSCAN, row, &absent)) != NULL &&
                (s = usual_field(rows, s, ROW_ALIGN, row, &absent)) != NULL &&
                (s = usual_field(rows, s, ROW_TYPE, row, &absent)) != NULL;
    row->present = (uint16_t)(rows->present & ~absent);
    return good ? s : NULL;
}

/* The same with other columns, or in another order. */
static const unsigned char *other_row(const struct csv_rows *rows, const unsigned char *s, struct trace_row *row)
{
    const uint8_t *column = rows->column, *const end = column + rows->columns;
    unsigned absent = 0;
    for (;; s++) {
        s = plain_field(s, *column++, row, &absent);
        if (s == NULL)
            return NULL;
        if (column == end || *s != ',')
            break;
    }
    row->present = (uint16_t)(rows->present & ~absent);
    return column == end && *s == '\n' ? s + 1 : NULL;
}

size_t csv_rows_plain(struct csv_rows *rows, const struct id_map *ids, const unsigned char **next,
                      const unsigned char *end, struct trace_row *row, size_t max)
{
    size_t count = 0;
    while (count < max && *next < end) {
        if (rows->is_usual) {
            size_t some = csv_short_rows(&rows->short_lines, ids, rows->line + 1, next, end, &row[count], max - count);
            rows->line += some;
            if ((count += some) == max || *next == end)
                break;
        }
        clear_row(&row[count], rows->line + 1);
        const unsigned char *rest = rows->is_usual ? usual_row(rows, *next, &row[count])
                                                   : other_row(rows, *next, &row[count]);
        if (rest == NULL)
            break;
        if (ids != NULL)
            id_map_fetch(ids, row[count].value[ROW_ID]);
        *next = rest;
        rows->line++;
        count++;
    }
    return count;
}
