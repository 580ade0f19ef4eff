/* Rows through files and back: whatever order, columns and spelling a CSV trace has, what is written of it says the
 * same, and once written it is written the same again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "trace/row_open.h"
#include "trace/row_output.h"
#include "trace/row_tally.h"
#include "trace/trace_csv.h"

static char directory[64];

static const char *in_directory(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

static void write_file(const char *path, const char *text, size_t length)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static char *read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    char *text = NULL;
    size_t room = 0;
    ssize_t got = getdelim(&text, &room, '\0', file);
    *length = got > 0 ? (size_t)got : 0;
    fclose(file);
    return text;
}

/* Copies a trace, `batch` rows at a time. */
static bool copy(const char *from, const char *to, size_t batch, struct error *error)
{
    static const struct row_options options;
    static struct trace_row rows[512];
    error->text[0] = '\0';
    struct row_source *source = row_open(from, NULL, &options, error);
    if (source == NULL)
        return false;
    struct row_writer *writer = row_writer_format_of(to)->open(to, source->columns, error);
    assert_non_null(writer);
    bool good = true;
    for (size_t n; good && (n = source->read(source, rows, batch, error)) > 0;)
        good = writer->write(writer, rows, NULL, n, error);
    source->close(source);
    if (good && error->text[0] == '\0')
        return writer->commit(writer, error);
    writer->abandon(writer);
    return false;
}

static void assert_copied(const char *from, const char *to, size_t batch)
{
    struct error error;
    bool good = copy(from, to, batch, &error);
    assert_string_equal(error.text, "");
    assert_true(good);
}

static void assert_same_files(const char *a, const char *b)
{
    size_t a_length, b_length;
    char *a_text = read_file(a, &a_length), *b_text = read_file(b, &b_length);
    assert_int_equal(a_length, b_length);
    assert_memory_equal(a_text, b_text, a_length);
    free(a_text);
    free(b_text);
}

/* ---- random traces ---- */

static uint64_t draw(uint64_t *state, uint64_t below)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*state >> 33) % below;
}

enum { FIELDS = ROW_COLUMNS + 3 }; /* three of them mean nothing */

struct text {
    char *bytes;
    size_t length;
};

static void put(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    text->length += (size_t)vsprintf(text->bytes + text->length, format, args);
    va_end(args);
}

/* A label of up to 39 bytes, as a CSV field. */
static void put_label(struct text *text, uint64_t *state, bool is_meta)
{
    static const char letters[] = "abc[]{}*.,\"\r \t\xc3\xa9\x7f\x01=";
    bool quoted = draw(state, 2) != 0;
    const char *space = draw(state, 4) == 0 ? " " : "";
    put(text, "%s%s%s", quoted ? space : "", quoted ? "\"" : "", is_meta ? "key=" : "");
    for (uint64_t left = draw(state, 40); left > 0; left--) {
        char c = letters[draw(state, sizeof letters - 1)];
        if (quoted && c == '"')
            put(text, "\"\"");
        else if (quoted || (c != ',' && c != '"' && c != '\r'))
            put(text, "%c", c);
    }
    put(text, "%s", quoted ? "\"" : "");
}

static void put_number(struct text *text, uint64_t *state, uint64_t number)
{
    static const char *const formats[] = {"%lu", "%lu", "%lu", "%05lu", " %lu\t", "\"%lu\"", "%030lu"};
    put(text, formats[draw(state, sizeof formats / sizeof *formats)], (unsigned long)number);
}

/* One row: a field a column, in the file's order. Lifetimes make no sense here: that is not the readers' matter. */
static void put_row(struct text *text, uint64_t *state, const uint8_t *order, int fields, bool is_meta)
{
    for (int i = 0; i < fields; i++) {
        uint8_t column = order[i];
        if (i > 0)
            put(text, ",");
        if (column == ROW_OP)
            put(text, "%s", row_op_names[is_meta ? TRACE_META : draw(state, TRACE_OPS)]);
        else if (draw(state, 3) == 0)
            put(text, "%s", draw(state, 5) == 0 ? "  " : "");
        else if (column >= ROW_TYPE)
            put_label(text, state, is_meta);
        else
            put_number(text, state, draw(state, 2) == 0 ? draw(state, 100) : *state);
    }
    put(text, "%s\n", draw(state, 8) == 0 ? "\r" : "");
}

/* A header in random order, without some of the columns but op, and rows. The caller frees the text. */
static struct text make_trace(uint64_t seed, int rows)
{
    uint64_t state = seed;
    uint8_t order[FIELDS];
    int fields = 0;
    struct text text = {malloc((size_t)(rows + 1) * 1024), 0};
    for (uint8_t column = 0; column < FIELDS; column++)
        if (column == ROW_OP || draw(&state, 4) != 0)
            order[fields++] = column;
    for (int i = fields - 1; i > 0; i--) {
        uint64_t k = draw(&state, (uint64_t)i + 1);
        uint8_t other = order[k];
        order[k] = order[i];
        order[i] = other;
    }
    for (int i = 0; i < fields; i++)
        put(&text, "%s%s", i == 0 ? "" : ",", order[i] < ROW_COLUMNS ? row_column_names[order[i]] : "what");
    put(&text, "\n");
    for (int i = 0; i < rows; i++)
        put_row(&text, &state, order, fields, i < 5);
    return text;
}

static void assert_same_row(const struct trace_row *a, const struct trace_row *b)
{
    assert_memory_equal(a->value, b->value, sizeof a->value);
    assert_int_equal(a->present, b->present);
    assert_int_equal(a->op, b->op);
    assert_int_equal(a->type_length, b->type_length);
    if (a->type_length > 0)
        assert_memory_equal(a->type, b->type, a->type_length);
}

/* Both files hold the same rows; one is read row by row, the other in batches, whose rows are all good at once. */
static void assert_same_rows(const char *path_a, const char *path_b)
{
    static const struct row_options options;
    struct trace_row one, many[100];
    struct error error = {.text = ""};
    struct row_source *a = row_open(path_a, NULL, &options, &error), *b = row_open(path_b, NULL, &options, &error);
    assert_true(a != NULL && b != NULL);
    assert_int_equal(a->columns, b->columns);
    for (size_t n; (n = b->read(b, many, 100, &error)) > 0;) {
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(a->read(a, &one, 1, &error), 1);
            assert_same_row(&one, &many[i]);
            assert_int_equal(one.present >> ROW_COLUMNS, 0);
            assert_int_equal(one.present & ~a->columns, 0);
        }
    }
    assert_int_equal(a->read(a, &one, 1, &error), 0);
    assert_string_equal(error.text, "");
    a->close(a);
    b->close(b);
}

static void test_random(void **state)
{
    (void)state;
    const char *names[] = {"in.csv", "out.csv", "again.csv", "packed.csv.zst"};
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct text text = make_trace(seed, seed % 10 == 0 ? 2000 : 40); /* some are longer than a chunk of bytes */
        write_file(in_directory(names[0]), text.bytes, text.length);
        assert_copied(in_directory(names[0]), in_directory(names[1]), 1 + seed * 7 % 300);
        assert_same_rows(in_directory(names[0]), in_directory(names[1]));
        assert_copied(in_directory(names[1]), in_directory(names[2]), 512);
        assert_same_files(in_directory(names[1]), in_directory(names[2]));
        assert_copied(in_directory(names[1]), in_directory(names[3]), 100);
        assert_copied(in_directory(names[3]), in_directory(names[2]), 1);
        assert_same_files(in_directory(names[1]), in_directory(names[2]));
        free(text.bytes);
    }
    for (int i = 0; i < 4; i++)
        unlink(in_directory(names[i]));
}

/* ---- lines that are written as they are, among others ---- */

/* Columns are in the order that they are written in, so that it is up to each line whether its row has a text. */
static void test_copied_lines(void **state)
{
    static const char *const lines[][2] = {
        {"1,0,alloc,1,16,\n", "1,0,alloc,1,16,\n"},       {"2,,free,1,,\n", "2,,free,1,,\n"},
        {"03,0,free,1,,\n", "3,0,free,1,,\n"},            {"4,0,alloc,1,016,\n", "4,0,alloc,1,16,\n"},
        {"5,0,free,00,,\n", "5,0,free,0,,\n"},            {"6,0,free,0,,\r\n", "6,0,free,0,,\n"},
        {"7,0,alloc,1,16,t\n", "7,0,alloc,1,16,t\n"},     {"8,0,alloc,1,16,\"t\"\n", "8,0,alloc,1,16,t\n"},
        {"9,0,alloc,1,16,\"t,\"\n", "9,0,alloc,1,16,\"t,\"\n"}, {"10,0,meta,,,a=b\n", "10,0,meta,,,\"a=b\"\n"},
        {" 11,0,free,1,,\n", "11,0,free,1,,\n"},          {"\"12\",0,free,1,,\n", "12,0,free,1,,\n"},
        {"\n", ""},                                       {"13,0,free,18446744073709551615,,\n",
                                                          "13,0,free,18446744073709551615,,\n"},
        {"14,0,free,00000000000000000000000000000000000000000000000000000000000000000000001,,\n", "14,0,free,1,,\n"},
    };
    static char in[40 * 5000] = "t_ns,p,op,id,size,type\n", want[40 * 5000] = "t_ns,p,op,id,size,type\n";
    struct text from = {in, strlen(in)}, to = {want, strlen(want)};
    uint64_t random = 1;
    (void)state;
    for (int i = 0; i < 4500; i++) { /* more than one chunk of bytes, and what a writer gathers */
        const char *const *line = lines[draw(&random, 2) == 0 ? draw(&random, 2) : draw(&random, 15)];
        put(&from, "%s", line[0]);
        put(&to, "%s", line[1]);
    }
    assert_true(from.length < sizeof in && from.length > 64 << 10);
    write_file(in_directory("in.csv"), in, from.length);
    write_file(in_directory("want.csv"), want, to.length);
    for (size_t batch = 1; batch <= 512; batch *= 8) {
        assert_copied(in_directory("in.csv"), in_directory("out.csv"), batch);
        assert_same_files(in_directory("out.csv"), in_directory("want.csv"));
    }
    unlink(in_directory("in.csv"));
    unlink(in_directory("want.csv"));
    unlink(in_directory("out.csv"));
}

/* ---- labels that a line cannot hold ---- */

static struct error written_label(const char *label, size_t length, uint8_t op)
{
    struct error error = {.text = ""};
    struct trace_row row = {.line = 7, .op = op, .type = label, .type_length = (uint32_t)length,
                            .present = 1u << ROW_OP | 1u << ROW_TYPE};
    const char *path = in_directory("label.csv");
    struct row_writer *writer = trace_csv_write(path, 1u << ROW_OP | 1u << ROW_TYPE, &error);
    assert_non_null(writer);
    if (writer->write(writer, &row, NULL, 1, &error))
        assert_true(writer->commit(writer, &error));
    else
        writer->abandon(writer);
    assert_int_equal(access(path, F_OK) == 0, error.text[0] == '\0');
    return error;
}

static void test_labels(void **state)
{
    (void)state;
    static const char fed[] = "a\nb", nul[] = "a\0b";
    assert_non_null(strstr(written_label(fed, 3, TRACE_ALLOC).text,
                           "/label.csv: expected labels without line feeds and NULs, got one in row 7"));
    assert_non_null(strstr(written_label(nul, 3, TRACE_META).text, "expected labels without line feeds and NULs"));

    size_t most = TRACE_CSV_LINE_MAX - strlen("alloc,\n");
    char *longest = malloc(2 * most);
    memset(longest, 'x', 2 * most);
    assert_string_equal(written_label(longest, most, TRACE_ALLOC).text, "");
    assert_copied(in_directory("label.csv"), in_directory("again.csv"), 1);
    assert_same_files(in_directory("label.csv"), in_directory("again.csv"));
    unlink(in_directory("label.csv"));
    assert_non_null(strstr(written_label(longest, most + 1, TRACE_ALLOC).text,
                           "/label.csv: expected labels that fit a line of 1048576 bytes, got one of 1048570 bytes"));
    assert_non_null(strstr(written_label(longest, 2 * most, TRACE_ALLOC).text, "expected labels that fit"));
    memset(longest, '"', most); /* each is two in the file */
    assert_non_null(strstr(written_label(longest, most / 2 + 1, TRACE_ALLOC).text, "expected labels that fit"));
    free(longest);
    unlink(in_directory("again.csv"));
}

/* ---- what is checked before it is written ---- */

/* Rows of one id: alloc, free, and then what op says. */
static struct error written_lifetime(const char *name, uint8_t op)
{
    const char *path = in_directory(name);
    struct error error = {.text = ""};
    const struct row_source source = {.name = "made", .columns = 1u << ROW_OP | 1u << ROW_ID | 1u << ROW_SIZE};
    struct trace_row rows[] = {row_begin(TRACE_ALLOC, 5), row_begin(TRACE_FREE, 6), row_begin(op, 7)};
    struct row_output output;
    for (size_t i = 0; i < 3; i++) {
        row_set(&rows[i], ROW_ID, 9);
        if (rows[i].op == TRACE_ALLOC)
            row_set(&rows[i], ROW_SIZE, 16);
    }
    assert_true(row_output_open(&output, NULL, path, &source, &error));
    bool good = row_output_put(&output, rows, 2, &error) && row_output_put(&output, rows + 2, 1, &error);
    assert_int_equal(row_output_close(&output, good, &error), good);
    assert_int_equal(access(path, F_OK) == 0, good);
    return error;
}

/* Whatever the format: what no replay would take is not written, and nothing is. */
static void test_checked(void **state)
{
    (void)state;
    static const char *const names[] = {"checked.csv", "checked.ght", "checked.ghtz"};
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(written_lifetime(names[i], TRACE_FREE).text,
                            "made:7: id: free of id 9, which is not live: it was never allocated or has been freed "
                            "already");
        assert_string_equal(written_lifetime(names[i], TRACE_ALLOC).text, "");
        unlink(in_directory(names[i]));
    }
}

/* ---- counting ---- */

static void take(struct row_tally *tally, enum trace_op op, uint32_t slot, uint64_t size)
{
    struct trace_event event = {.op = op, .slot = slot, .size = size & TRACE_SIZE_FIELD};
    assert_true(row_tally_take(tally, &event, 1));
}

/* An object is live until it is dead or freed, whichever comes first; stacks are none. */
static void test_tally(void **state)
{
    (void)state;
    struct row_tally tally = {.live = 0};
    take(&tally, TRACE_ALLOC, 0, 0);
    take(&tally, TRACE_STACKALLOC, 1, 2048);
    take(&tally, TRACE_ALLOC, 1000000, 100);
    take(&tally, TRACE_DEAD, 1000000, 0);
    assert_int_equal(tally.live, 1);
    take(&tally, TRACE_ALLOC, 2, 70);
    take(&tally, TRACE_FREE, 1000000, 0);
    take(&tally, TRACE_STACKFREE, 1, 0);
    assert_int_equal(tally.live, 2);
    assert_int_equal(tally.live_bytes, 70);
    take(&tally, TRACE_FREE, 0, 0);
    take(&tally, TRACE_FREE, 2, 0);
    assert_int_equal(tally.live, 0);
    assert_int_equal(tally.live_bytes, 0);
    assert_int_equal(tally.peak_live, 2);
    assert_int_equal(tally.peak_bytes, 100);
    assert_int_equal(tally.rows[TRACE_ALLOC], 3);
    assert_int_equal(tally.rows[TRACE_FREE], 3);
    row_tally_free(&tally);
}

int main(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%.40s/rows-XXXXXX", base != NULL && *base != '\0' ? base : "/tmp");
    if (mkdtemp(directory) == NULL)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_copied_lines),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_checked),
        cmocka_unit_test(test_tally),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return rmdir(directory) != 0 || failed != 0;
}
