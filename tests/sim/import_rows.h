/* For tests: what a reader of sim/import makes of some bytes, as text. Include once, after cmocka.h. */
#ifndef IMPORT_ROWS_H
#define IMPORT_ROWS_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "import/formats.h"

typedef struct row_source *open_function(struct byte_stream *bytes, const struct row_options *options,
                                         struct error *error);

struct import_text {
    char *rows; /* a line each: "LINE OP p=1 id=2 ..." with the columns that it has, or "LINE meta KEY=VALUE" */
    char *tell; /* and the error, "error: ..."; the file is called "FILE" */
};

static void print_row(FILE *out, const struct trace_row *row)
{
    static const char *const columns[ROW_NUMBERS] = {"t", "p", "g", "id", "size", "noscan", "align"};
    static const char *const ops[ROW_OPS] = {
        [TRACE_ALLOC] = "alloc", [TRACE_FREE] = "free", [TRACE_END] = "end", [TRACE_META] = "meta",
    };
    assert_true(row->op < ROW_OPS && ops[row->op] != NULL);
    assert_int_equal(row->value[ROW_NOSCAN], 1);
    assert_true((row->present & 1u << ROW_OP) != 0);
    fprintf(out, "%" PRIu64 " %s", row->line, ops[row->op]);
    for (unsigned i = 0; i < ROW_NUMBERS; i++) {
        if ((row->present & 1u << i) != 0)
            fprintf(out, " %s=%" PRIu64, columns[i], row->value[i]);
        else if (i != ROW_NOSCAN)
            assert_int_equal(row->value[i], 0);
    }
    if ((row->present & 1u << ROW_TYPE) != 0)
        fprintf(out, " %.*s", (int)row->type_length, row->type);
    fputc('\n', out);
}

/* "FILE" instead of the path, wherever it is. */
static char *without_path(char *text, const char *path)
{
    size_t length = strlen(path);
    for (char *at = text; (at = strstr(at, path)) != NULL; at += 4) {
        memcpy(at, "FILE", 4);
        memmove(at + 4, at + length, strlen(at + length) + 1);
    }
    return text;
}

static void print_source(struct row_source *source, size_t batch, FILE *rows_out, FILE *tell_out, struct error *error)
{
    struct trace_row rows[64];
    uint16_t columns = 0;
    assert_true(batch <= 64);
    for (size_t got; (got = source->read(source, rows, batch, error)) > 0;) {
        assert_true(got <= batch);
        for (size_t i = 0; i < got; i++) {
            print_row(rows_out, &rows[i]);
            columns |= rows[i].present;
        }
    }
    assert_int_equal(columns & ~source->columns, 0);
    if (error->text[0] == '\0' && source->bytes_total != 0)
        assert_int_equal(source->bytes_done, source->bytes_total);
    struct error again = {.text = ""};
    assert_int_equal(source->read(source, rows, batch, &again), 0); /* and stays at its end */
    assert_string_equal(again.text, error->text);
    source->tell(source, tell_out);
    source->close(source);
}

static struct import_text read_import(open_function *open, const void *bytes, size_t length, bool salvage, size_t batch)
{
    struct import_text text = {NULL, NULL};
    size_t size;
    char path[64];
    struct error error = {.text = ""};
    struct row_options options = {.salvage = salvage};
    int fd = memfd_create("import", MFD_CLOEXEC);
    assert_true(fd >= 0 && write(fd, bytes, length) == (ssize_t)length);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    FILE *rows = open_memstream(&text.rows, &size), *tell = open_memstream(&text.tell, &size);
    struct byte_stream *stream = byte_stream_open(path, &error);
    assert_non_null(stream);
    struct row_source *source = open(stream, &options, &error);
    if (source != NULL)
        print_source(source, batch, rows, tell, &error);
    else
        assert_string_not_equal(error.text, "");
    if (error.text[0] != '\0')
        fprintf(tell, "error: %s\n", error.text);
    fclose(rows);
    fclose(tell);
    close(fd);
    without_path(text.tell, path);
    return text;
}

static void free_text(struct import_text *text)
{
    free(text->rows);
    free(text->tell);
}

/* The bytes give these rows, and tell says this. */
static inline void assert_bytes(open_function *open, const void *bytes, size_t length, const char *rows,
                                const char *tell)
{
    for (size_t batch = 1; batch <= 64; batch *= 4) {
        struct import_text text = read_import(open, bytes, length, false, batch);
        assert_string_equal(text.tell, tell);
        assert_string_equal(text.rows, rows);
        free_text(&text);
    }
}

static inline void assert_import(open_function *open, const char *input, const char *rows, const char *tell)
{
    assert_bytes(open, input, strlen(input), rows, tell);
}

/* Cut off after any number of bytes, the input gives a beginning of the rows it gives whole; and it says that something
 * is missing: by an error or in tell. May_be_silent: text that ends in a line feed says nothing. */
static inline void assert_cuts(open_function *open, const void *bytes, size_t length, bool may_be_silent)
{
    struct import_text whole = read_import(open, bytes, length, false, 64);
    const char *input = bytes;
    for (size_t cut = 0; cut < length; cut++) {
        struct import_text text = read_import(open, bytes, cut, false, 64);
        size_t rows = strlen(text.rows);
        bool silent = may_be_silent && cut > 0 && input[cut - 1] == '\n';
        if (strncmp(whole.rows, text.rows, rows) != 0 || (rows > 0 && text.rows[rows - 1] != '\n'))
            fail_msg("cut after %zu bytes: other rows:\n%s", cut, text.rows);
        bool told = strstr(text.tell, "cut off") != NULL || strstr(text.tell, "error: ") != NULL;
        if (!told && !silent)
            fail_msg("cut after %zu bytes, it says: %s", cut, text.tell);
        free_text(&text);
    }
    free_text(&whole);
}

#endif
