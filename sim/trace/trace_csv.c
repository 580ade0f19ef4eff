/* The CSV reader: lines out of bytes, fields out of lines.
 *
 *   bytes --chunks--> lines --libcsv--> on_field, on_row --> struct rows --> the caller's array of events
 *                           --rows_plain------------------------^
 *
 * Invariant: libcsv is given one physical line at a time, and lines are limited. So a row is a line,
 * an error has its line's number, memory is bounded, and the reader stops exactly where the caller's
 * array is full.
 *
 * libcsv takes longer to split a row than everything else that happens to it, so that plain rows go past
 * it. rows_plain takes a row or declines it, but never complains: what is CSV is for libcsv to say. */
#include "trace/trace_csv.h"

#include <csv.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "trace/trace_csv_row.h"

enum { MAX_LINE = 1 << 20 /* bytes, line feed included */ };

struct reader {
    struct trace_source source; /* first: the two share their address */
    struct byte_stream *bytes;
    struct csv_parser parser;
    const unsigned char *next;     /* the rest of the current chunk: [next, end) */
    const unsigned char *end;
    const unsigned char *complete; /* ... of which [next, complete) are whole lines */
    bool nul_follows;              /* the chunk was cut off before a NUL byte */
    bool line_ended, line_has_row;
    bool has_event;                /* *event has been filled in */
    bool done;                     /* the end, or failure */
    struct rows rows;
    struct trace_event *event; /* where the current row goes */
};

/* Called by libcsv for each field; NULL for an empty one. */
static void on_field(void *text, size_t length, void *data)
{
    struct reader *r = data;
    rows_field(&r->rows, text == NULL ? "" : text, length);
}

static void end_row(struct reader *r)
{
    enum row_result result = rows_end(&r->rows, r->event);
    r->line_has_row = true;
    r->has_event = result == ROW_EVENT;
    r->done = result == ROW_FAILED;
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
        r->done = !rows_fail(&r->rows, "expected a line feed after the carriage return, got more text");
    else
        end_row(r);
}

/* ---- lines ---- */

/* The next chunk of bytes, up to the first NUL; false at the end and after a failure. */
static bool next_chunk(struct reader *r)
{
    if (r->nul_follows)
        return rows_fail(&r->rows, "expected text, got a NUL byte");
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
        rows_fail(&r->rows, "expected a closing quote, got the end of the file");
    r->done = true;
}

/* Gives libcsv bytes of one line, the first of them the line's byte number `at` from 0. */
static bool parse(struct reader *r, size_t length, size_t at)
{
    if (length > MAX_LINE - at)
        return rows_fail(&r->rows, "expected a line of at most %d bytes, got a longer one", MAX_LINE);
    size_t parsed = csv_parse(&r->parser, r->next, length, on_field, on_row, r);
    if (parsed == length)
        return true;
    if (csv_error(&r->parser) != CSV_EPARSE)
        return rows_fail(&r->rows, "out of memory");
    return rows_fail(&r->rows, "expected CSV, got a quote inside a field or text after a closing quote "
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
        r->done = !rows_fail(&r->rows, "expected a closing quote, got the end of the line");
}

static void read_line(struct reader *r)
{
    const unsigned char *rest = r->next < r->complete ? rows_plain(&r->rows, r->next) : NULL;
    r->rows.line++;
    r->line_has_row = r->line_ended = r->has_event = false;
    if (rest != NULL) {
        r->next = rest;
        end_row(r);
    } else {
        parse_line(r);
    }
}

/* ---- the source ---- */

/* Events that came before a failure are handed out first; the failure is told when there are none. */
static size_t read_events(struct trace_source *source, struct trace_event *events, size_t max,
                          struct error *error)
{
    struct reader *r = (struct reader *)source;
    size_t count = 0;
    while (count < max && !r->done) {
        r->event = &events[count];
        read_line(r);
        count += r->has_event;
    }
    r->source.timed = r->rows.timed;
    if (count == 0 && r->rows.failure.text[0] != '\0')
        error_set(error, "%s", r->rows.failure.text);
    return count;
}

static void release_slot(struct trace_source *source, uint32_t slot)
{
    lifetimes_release(&((struct reader *)source)->rows.lifetimes, slot);
}

static void close_reader(struct trace_source *source)
{
    struct reader *r = (struct reader *)source;
    csv_free(&r->parser);
    rows_free(&r->rows);
    byte_stream_close(r->bytes);
    free(r);
}

/* For the tables of ids only: what is read does not depend on it. */
static uint64_t table_seed(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed)
        return UINT64_C(0x9e3779b97f4a7c15);
    return seed;
}

static bool init_parser(struct reader *r)
{
    const unsigned char strict = CSV_STRICT | CSV_STRICT_FINI;
    const unsigned char form = CSV_APPEND_NULL | CSV_EMPTY_IS_NULL | CSV_REPALL_NL;
    if (csv_init(&r->parser, strict | form) != 0)
        return rows_fail(&r->rows, "out of memory");
    csv_set_blk_size(&r->parser, 4096);
    return true;
}

static void read_header(struct reader *r)
{
    if (next_chunk(r) && r->end - r->next >= 3 && memcmp(r->next, "\xef\xbb\xbf", 3) == 0)
        r->next += 3; /* a byte order mark */
    while (!r->done && !r->rows.has_header)
        read_line(r);
    if (!r->rows.has_header)
        error_set(&r->rows.failure,
                  "%.200s: empty trace: expected a header line with at least the column op", r->source.name);
}

struct trace_source *trace_csv_open(struct byte_stream *bytes, int stream_by, struct error *error)
{
    const char *name = byte_stream_name(bytes);
    struct reader *r = calloc(1, sizeof *r);
    if (r == NULL) {
        error_set(error, "%.200s: out of memory", name);
        byte_stream_close(bytes);
        return NULL;
    }
    r->bytes = bytes;
    r->source = (struct trace_source){.read = read_events, .release = release_slot, .close = close_reader,
                                      .name = name, .bytes_total = byte_stream_total(bytes)};
    if (rows_init(&r->rows, name, stream_by, table_seed()) && init_parser(r))
        read_header(r);
    if (r->rows.failure.text[0] != '\0') {
        error_set(error, "%s", r->rows.failure.text);
        close_reader(&r->source);
        return NULL;
    }
    return &r->source;
}
