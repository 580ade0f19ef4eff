/* The CSV reader: lines out of bytes, fields out of lines.
 *
 *   bytes --chunks--> lines --libcsv--> csv_row_field, csv_row_end --> the caller's array of rows
 *                           --csv_rows_plain------------------------------^
 *
 * Invariants: libcsv is given one physical line at a time, and lines are limited. So a row is a line, an error has its
 * line's number, memory is bounded, and the reader stops exactly where the caller's array is full. What a row of a
 * batch points to stays until the next: a batch ends with its chunk of bytes, and after a label from libcsv, of which
 * one is kept.
 *
 * libcsv takes longer to split a row than everything else that happens to it, so that plain rows go past it.
 * csv_rows_plain takes a row or declines it, but never complains: what is CSV is for libcsv to say. */
#include "trace/trace_csv.h"

#include <csv.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "trace/trace_csv_row.h"

_Static_assert((int)BYTE_STREAM_SLACK >= (int)DECIMAL_AHEAD, "numbers are read some bytes ahead");
_Static_assert((int)BYTE_STREAM_SLACK >= (int)CSV_SHORT && (int)BYTE_STREAM_SLACK >= (int)CSV_BEFORE,
               "and short lines whatever they are");

struct reader {
    struct row_source source; /* first: the two share their address */
    struct byte_stream *bytes;
    struct csv_parser parser;
    const unsigned char *next;     /* the rest of the current chunk: [next, end) */
    const unsigned char *end;
    const unsigned char *complete; /* ... of which [next, complete) are whole lines */
    bool nul_follows;              /* the chunk was cut off before a NUL byte */
    bool line_ended, line_has_row; /* the current line, as far as libcsv has seen it */
    bool has_row;                  /* ... was a good one, and not the header */
    bool label_lent;               /* a row of the batch has libcsv's label */
    bool done;                     /* the end, or failure */
    struct csv_rows rows;
};

/* Called by libcsv for each field; NULL for an empty one. */
static void on_field(void *text, size_t length, void *data)
{
    struct reader *r = data;
    if (r->line_has_row) /* text after a carriage return: on_row complains of it */
        r->rows.fields++;
    else
        csv_row_field(&r->rows, text == NULL ? "" : text, length);
}

static void end_row(struct reader *r)
{
    bool is_header = !r->rows.has_header;
    r->line_has_row = true;
    r->done = !csv_row_end(&r->rows);
    r->has_row = !r->done && !is_header;
}

/* Called by libcsv (CSV_REPALL_NL) for each CR and LF outside quotes, and with -1 for a last line
 * without. */
static void on_row(int end, void *data)
{
    struct reader *r = data;
    r->line_ended = end == '\n';
    if (r->rows.fields == 0 || r->done) /* a blank line, or the LF of a CRLF */
        return;
    if (r->line_has_row)
        r->done = !csv_rows_fail(&r->rows, "expected a line feed after the carriage return, got more text");
    else
        end_row(r);
}

/* ---- lines ---- */

/* The next chunk of bytes, up to the first NUL; false at the end and after a failure. */
static bool next_chunk(struct reader *r)
{
    if (r->nul_follows)
        return csv_rows_fail(&r->rows, "expected text, got a NUL byte");
    const unsigned char *bytes;
    size_t length = byte_stream_next(r->bytes, &bytes, &r->rows.failure);
    r->source.bytes_done = byte_stream_done(r->bytes);
    if (length == 0)
        return false;
    const unsigned char *nul = memchr(bytes, '\0', length);
    r->nul_follows = nul != NULL;
    r->next = bytes;
    r->end = nul != NULL ? nul : bytes + length;
    const unsigned char *feed = memrchr(bytes, '\n', (size_t)(r->end - bytes));
    r->complete = feed != NULL ? feed + 1 : bytes;
    return true;
}

/* The bytes have come to their end: there may be a last line without a line feed. Or they have failed. */
static void finish_file(struct reader *r)
{
    if (r->rows.failure.text[0] == '\0' && csv_fini(&r->parser, on_field, on_row, r) != 0)
        csv_rows_fail(&r->rows, "expected a closing quote, got the end of the file");
    r->done = true;
}

/* Gives libcsv bytes of one line, the first of them the line's byte number `at` from 0. */
static bool parse(struct reader *r, size_t length, size_t at)
{
    if (length > TRACE_CSV_LINE_MAX - at)
        return csv_rows_fail(&r->rows, "expected a line of at most %d bytes, got a longer one", TRACE_CSV_LINE_MAX);
    size_t parsed = csv_parse(&r->parser, r->next, length, on_field, on_row, r);
    if (parsed == length)
        return true;
    if (csv_error(&r->parser) != CSV_EPARSE)
        return csv_rows_fail(&r->rows, "out of memory");
    return csv_rows_fail(&r->rows, "expected CSV, got a quote inside a field or text after a closing quote "
                         "at byte %zu of the line", at + parsed + 1);
}

/* A line may come in several chunks; libcsv keeps what it has seen of it. */
static void parse_line(struct reader *r)
{
    size_t length = 0;
    for (const unsigned char *feed = NULL; feed == NULL;) {
        if (r->next == r->end && !next_chunk(r)) {
            finish_file(r);
            return;
        }
        feed = memchr(r->next, '\n', (size_t)(r->end - r->next));
        size_t part = (size_t)((feed != NULL ? feed + 1 : r->end) - r->next);
        if (!parse(r, part, length)) {
            r->done = true;
            return;
        }
        length += part;
        r->next += part;
    }
    if (!r->line_ended)
        r->done = !csv_rows_fail(&r->rows, "expected a closing quote, got the end of the line");
}

/* The next line, whatever it is. True: it was a row, and *row is it. */
static bool read_line(struct reader *r, struct trace_row *row)
{
    r->rows.line++;
    r->line_has_row = r->line_ended = r->has_row = false;
    csv_row_start(&r->rows, row);
    parse_line(r);
    r->label_lent = r->has_row && row->type != NULL;
    return r->has_row;
}

/* ---- the source ---- */

static size_t read_rows(struct row_source *source, struct trace_row *rows, size_t max, struct error *error)
{
    struct reader *r = (struct reader *)source;
    size_t count = 0;
    r->label_lent = false;
    while (count < max && !r->done && !r->label_lent) {
        count += csv_rows_plain(&r->rows, r->source.ids, &r->next, r->complete, &rows[count], max - count);
        if (count == max || (count > 0 && r->next >= r->complete))
            break;
        count += read_line(r, &rows[count]);
    }
    if (count == 0 && r->rows.failure.text[0] != '\0')
        error_set(error, "%s", r->rows.failure.text);
    return count;
}

static void close_reader(struct row_source *source)
{
    struct reader *r = (struct reader *)source;
    csv_free(&r->parser);
    csv_rows_free(&r->rows);
    byte_stream_close(r->bytes);
    free(r);
}

static bool init_parser(struct reader *r)
{
    const unsigned char strict = CSV_STRICT | CSV_STRICT_FINI;
    const unsigned char form = CSV_APPEND_NULL | CSV_EMPTY_IS_NULL | CSV_REPALL_NL;
    if (csv_init(&r->parser, strict | form) != 0)
        return csv_rows_fail(&r->rows, "out of memory");
    csv_set_blk_size(&r->parser, 4096);
    return true;
}

static void read_header(struct reader *r)
{
    if (next_chunk(r) && r->end - r->next >= 3 && memcmp(r->next, "\xef\xbb\xbf", 3) == 0)
        r->next += 3; /* a byte order mark */
    struct trace_row none;
    while (!r->done && !r->rows.has_header)
        read_line(r, &none);
    if (!r->rows.has_header)
        error_set(&r->rows.failure,
                  "%.200s: empty trace: expected a header line with at least the column op", r->source.name);
}

bool trace_csv_recognise(const unsigned char *bytes, size_t length)
{
    /* a NUL is among what the reader itself complains of */
    for (size_t i = 0; i < length && bytes[i] != '\n' && bytes[i] != '\0'; i++) {
        bool is_space = bytes[i] >= '\t' && bytes[i] <= '\r';
        if ((bytes[i] < ' ' && !is_space) || bytes[i] == 0x7f)
            return false;
    }
    return true;
}

struct row_source *trace_csv_open(struct byte_stream *bytes, const struct row_options *options, struct error *error)
{
    (void)options;
    const char *name = byte_stream_name(bytes);
    struct reader *r = calloc(1, sizeof *r);
    if (r == NULL) {
        row_fail(error, name, 0, "out of memory");
        byte_stream_close(bytes);
        return NULL;
    }
    r->bytes = bytes;
    r->source = (struct row_source){.read = read_rows, .close = close_reader, .name = name,
                                    .bytes_total = byte_stream_total(bytes), .fetches = true};
    csv_rows_init(&r->rows, name);
    if (init_parser(r))
        read_header(r);
    if (r->rows.failure.text[0] != '\0') {
        error_set(error, "%s", r->rows.failure.text);
        close_reader(&r->source);
        return NULL;
    }
    r->source.columns = r->rows.present;
    return &r->source;
}
