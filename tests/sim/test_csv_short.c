/* Short lines read all fields at once, held against the same lines read field by field: whatever a line is, and
 * whatever stands around it, it becomes the same row or is declined; and lines as traces have them are taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "trace/lifetimes.h"
#include "trace/trace_csv_row.h"
#include "trace/trace_csv_short.h"

#ifdef __SSE2__
enum { ARE_TAKEN = 1 };
#else
enum { ARE_TAKEN = 0 };
#endif

enum { ROOM = 512 };

struct line {
    char around[CSV_BEFORE + ROOM + CSV_SHORT];
    size_t length; /* of the line that begins behind CSV_BEFORE bytes */
};

static char *text_of(struct line *line)
{
    return line->around + CSV_BEFORE;
}

static uint64_t draw(uint64_t *state, uint64_t below)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*state >> 33) % below;
}

static void add(struct line *line, const char *text)
{
    size_t length = strlen(text);
    assert_true(line->length + length <= ROOM);
    memcpy(text_of(line) + line->length, text, length);
    line->length += length;
}

/* ---- the slow way ---- */

static void read_header(struct csv_rows *rows, uint16_t columns)
{
    struct trace_row none;
    csv_rows_init(rows, "made");
    csv_row_start(rows, &none);
    for (size_t i = 0; i < ROW_COLUMNS; i++)
        if ((columns & 1u << row_column_order[i]) != 0)
            csv_row_field(rows, row_column_names[row_column_order[i]], strlen(row_column_names[row_column_order[i]]));
    assert_true(csv_row_end(rows));
}

/* By commas, up to a line feed. False: it is no row. */
static bool read_by_fields(struct csv_rows *rows, const struct line *line, struct trace_row *row)
{
    char copy[ROOM], *rest = copy, *field;
    memcpy(copy, line->around + CSV_BEFORE, line->length);
    copy[line->length - 1] = '\0';
    rows->line = 7;
    rows->failure.text[0] = '\0';
    csv_row_start(rows, row);
    while ((field = strsep(&rest, ",")) != NULL)
        csv_row_field(rows, field, strlen(field));
    return csv_row_end(rows);
}

/* The row's line as it is to be written. */
static void write_canonical(const struct trace_row *row, uint16_t columns, struct line *line)
{
    char number[24];
    const char *separator = "";
    line->length = 0;
    for (size_t i = 0; i < ROW_COLUMNS; i++) {
        uint8_t column = row_column_order[i];
        if ((columns & 1u << column) == 0)
            continue;
        add(line, separator);
        separator = ",";
        if (column < ROW_NUMBERS && row_has(row, column)) {
            snprintf(number, sizeof number, "%llu", (unsigned long long)row->value[column]);
            add(line, number);
        }
        if (column == ROW_OP)
            add(line, row_op_names[row->op]);
    }
    add(line, "\n");
}

/* ---- both ---- */

static void assert_same_rows(const struct trace_row *row, const struct trace_row *want)
{
    for (size_t column = 0; column < ROW_NUMBERS; column++)
        assert_int_equal(row->value[column], want->value[column]);
    assert_int_equal(row->line, want->line);
    assert_int_equal(row->present, want->present);
    assert_int_equal(row->op, want->op);
    assert_int_equal(row->type_length, want->type_length);
}

/* Whether the line was taken. It is a copy with an end that sanitizers see. */
static bool is_taken(struct csv_short *lines, struct csv_rows *rows, const struct line *line)
{
    struct trace_row row, want;
    struct line canonical;
    size_t size = CSV_BEFORE + line->length + CSV_SHORT;
    unsigned char *around = malloc(size);
    assert_non_null(around);
    memcpy(around, line->around, size);
    const unsigned char *text = around + CSV_BEFORE, *next = text;
    memset(&row, 0xa5, sizeof row);
    size_t count = csv_short_rows(lines, NULL, 7, &next, text + line->length, &row, 1);
    assert_int_equal(next - text, count * line->length);
    if (count == 1) {
        assert_true(read_by_fields(rows, line, &want));
        assert_same_rows(&row, &want);
        write_canonical(&want, lines->columns, &canonical);
        bool is_canonical = canonical.length == line->length &&
                            memcmp(text_of(&canonical), line->around + CSV_BEFORE, line->length) == 0;
        assert_int_equal(row.text_length, is_canonical ? line->length : 0);
        assert_ptr_equal(row.text, text);
    }
    free(around);
    return count == 1;
}

/* ---- lines ---- */

static void add_digits(struct line *line, uint64_t *random, size_t digits)
{
    char number[32] = "";
    for (size_t i = 0; i < digits; i++)
        number[i] = (char)('0' + draw(random, 10));
    if (digits > 1 && number[0] == '0' && draw(random, 4) > 0)
        number[0] = '1';
    add(line, number);
}

/* A field as traces have them. */
static void add_field(struct line *line, uint64_t *random, uint8_t column)
{
    static const uint8_t digits[ROW_NUMBERS] = {[ROW_T_NS] = 16, [ROW_ID] = 16, [ROW_P] = 8, [ROW_G] = 8,
                                                [ROW_SIZE] = 8, [ROW_NOSCAN] = 1, [ROW_ALIGN] = 8};
    if (column == ROW_OP)
        add(line, row_op_names[draw(random, TRACE_STACKALLOC)]);
    else if (column < ROW_NUMBERS)
        add_digits(line, random, draw(random, digits[column] + 1u));
}

/* A field as a line has it that somebody else has written. */
static void add_other(struct line *line, uint64_t *random)
{
    static const char *const others[] = {
        "", "0", "00", "x", "free", "alloc", "fre", "frees", "all", "allocs", " 1", "1 ", "\"1\"", "1\r", "\r", "-1",
        "+1", "1e3", "0x1", "18446744073709551616", "99999999999999999", "123456789", "/", ":", "\x7f", "\xb0", "\xff",
        "stackalloc", "meta", "heaplive",
    };
    if (draw(random, 3) > 0)
        add(line, others[draw(random, sizeof others / sizeof others[0])]);
    else
        add_digits(line, random, draw(random, 21));
}

/* strange: of how many fields one is. */
static void make_line(struct line *line, uint64_t *random, uint16_t columns, unsigned strange)
{
    static const char around[] = ",\n0f9\"\xff ";
    const char *separator = "";
    for (size_t i = 0; i < sizeof line->around; i++)
        line->around[i] = around[draw(random, sizeof around)];
    line->length = 0;
    for (size_t i = 0; i < ROW_COLUMNS; i++) {
        if ((columns & 1u << row_column_order[i]) == 0)
            continue;
        add(line, separator);
        separator = strange > 0 && draw(random, 40) == 0 ? "" : ",";
        if (strange > 0 && draw(random, strange) == 0)
            add_other(line, random);
        else
            add_field(line, random, row_column_order[i]);
    }
    add(line, strange > 0 && draw(random, 40) == 0 ? ",\n" : "\n");
}

static void test_random(void **state)
{
    static const uint16_t all = (1u << ROW_COLUMNS) - 1;
    static struct csv_short lines;
    static struct csv_rows rows;
    struct line line;
    uint64_t random = 1;
    unsigned taken = 0, were_short = 0;
    (void)state;
    for (unsigned file = 0; file < 40; file++) {
        uint16_t columns = (uint16_t)(draw(&random, all + 1u) | 1u << ROW_OP);
        read_header(&rows, columns);
        csv_short_init(&lines, columns);
        for (unsigned i = 0; i < 1500; i++) {
            unsigned strange = i % 2 == 0 ? 0 : 8;
            make_line(&line, &random, columns, strange);
            bool was_taken = is_taken(&lines, &rows, &line);
            taken += was_taken;
            if (strange == 0 && line.length <= CSV_SHORT) {
                were_short++;
                assert_int_equal(was_taken, ARE_TAKEN);
            }
        }
        csv_rows_free(&rows);
    }
    assert_true(were_short > 10000);
    assert_true(!ARE_TAKEN || taken > were_short); /* some of the strange ones */
}

/* Each byte of a line in turn becomes each other. */
static void test_bytes(void **state)
{
    static const char good[] = "1234567890123,2,34,alloc,5678901,640,1,16,\n";
    static struct csv_short lines;
    static struct csv_rows rows;
    struct line line = {.length = 0};
    unsigned taken = 0;
    (void)state;
    read_header(&rows, (1u << ROW_COLUMNS) - 1);
    csv_short_init(&lines, (1u << ROW_COLUMNS) - 1);
    add(&line, good);
    for (size_t i = 0; i < sizeof good - 2; i++) {
        for (unsigned byte = 1; byte < 256; byte++) {
            if (byte == '\n')
                continue;
            text_of(&line)[i] = (char)byte;
            taken += is_taken(&lines, &rows, &line);
        }
        text_of(&line)[i] = good[i];
    }
    assert_int_equal(taken, ARE_TAKEN ? 10 * 29 + 8 + 5 : 0); /* digits as digits; commas and letters as they are */
    csv_rows_free(&rows);
}

/* Several lines, up to one that is declined, and as many as there is room for. */
static void test_lines(void **state)
{
    static const char text[] = "................1,free,1\n2,free,2\n3,dead,3\n04,alloc,4\n5,meta,5\n6,boo,6\n7,free,7\n"
                               "................................................................";
    static struct csv_short lines;
    struct trace_row rows[8];
    struct id_map ids;
    const unsigned char *start = (const unsigned char *)text + CSV_BEFORE, *next = start;
    const unsigned char *end = (const unsigned char *)text + sizeof text - 1 - CSV_SHORT;
    (void)state;
    if (!ARE_TAKEN)
        skip();
    assert_true(id_map_init(&ids, 1));
    csv_short_init(&lines, 1u << ROW_T_NS | 1u << ROW_OP | 1u << ROW_ID);
    assert_int_equal(csv_short_rows(&lines, &ids, 10, &next, end, rows, 2), 2);
    assert_int_equal(next - start, 18);
    assert_int_equal(csv_short_rows(&lines, &ids, 12, &next, end, rows + 2, 6), 3);
    assert_memory_equal(next, "6,boo", 5);
    for (uint64_t i = 0; i < 5; i++) {
        assert_int_equal(rows[i].line, 10 + i);
        assert_int_equal(rows[i].value[ROW_T_NS], i + 1);
        assert_int_equal(rows[i].value[ROW_ID], i + 1);
        assert_int_equal(rows[i].text_length, i == 3 ? 0 : strcspn(rows[i].text, "\n") + 1);
    }
    assert_int_equal(rows[2].op, TRACE_DEAD);
    assert_int_equal(rows[4].op, TRACE_META);
    id_map_free(&ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
