/* Rows from CSV, in either of two forms: with a header that names the columns size, rate, live and perhaps noscan in
 * any order, or, as google/fleetbench publishes its distributions, without: size, rate, live. */
#include <csv.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/setting_value.h"
#include "generate/profile.h"
#include "trace/row.h"

enum { SIZE, RATE, LIVE, NOSCAN, COLUMNS };
static const char *const names[COLUMNS] = {"size", "rate", "live", "noscan"};

enum { NUMBER_MAX = 64 /* characters of a number */ };

struct rows {
    struct profile *profile;
    const char *name; /* of the file */
    uint64_t line;
    unsigned columns;          /* that the header has; 0: the first line has not ended */
    uint8_t column[COLUMNS];   /* of each field */
    unsigned fields;           /* so far in this line */
    bool is_header;            /* this line is */
    struct profile_row row;
    struct error *error;       /* once it is set nothing more is taken */
};

#define FAIL(rows, ...) row_fail((rows)->error, (rows)->name, (rows)->line, __VA_ARGS__)

static bool fail_text(struct rows *rows, const char *column, const char *expected, const char *text)
{
    char quoted[48];
    setting_quote(text, quoted, sizeof quoted);
    return FAIL(rows, "%s: expected %s, got \"%s\"", column, expected, quoted);
}

static bool take_name(struct rows *rows, const char *text)
{
    char quoted[48];
    for (uint8_t c = 0; c < COLUMNS; c++) {
        if (strcmp(text, names[c]) != 0)
            continue;
        for (unsigned i = 0; i < rows->fields; i++)
            if (rows->column[i] == c)
                return FAIL(rows, "expected each column once, got \"%s\" twice", text);
        rows->column[rows->fields] = c;
        return true;
    }
    setting_quote(text, quoted, sizeof quoted);
    const char *near = nearest_name(text, names, COLUMNS);
    if (near != NULL)
        return FAIL(rows, "unknown column \"%s\"; the nearest known one is \"%s\"", quoted, near);
    return FAIL(rows, "unknown column \"%s\"; expected size, rate, live and perhaps noscan", quoted);
}

/* Digits and what else a decimal number may have: strtod alone would take hexadecimal numbers, infinities and NaNs. */
static bool is_number(const char *text, size_t length, const char *characters)
{
    return length > 0 && length <= NUMBER_MAX && strspn(text, characters) == length;
}

static bool take_number(struct rows *rows, const char *text, size_t length)
{
    unsigned c = rows->column[rows->fields];
    char *end;
    if (c == SIZE) {
        if (!is_number(text, length, "0123456789") || length > 18)
            return fail_text(rows, names[c], "a whole number of bytes", text);
        rows->row.size = strtoull(text, NULL, 10);
        return true;
    }
    if (c == NOSCAN && length == 0)
        return true;
    double *to = c == RATE ? &rows->row.rate : c == LIVE ? &rows->row.live : &rows->row.noscan;
    if (!is_number(text, length, "0123456789.eE+-") || (*to = strtod(text, &end), *end != '\0') || *to < 0)
        return fail_text(rows, names[c], "a number of at least 0", text);
    return true;
}

static void on_field(void *field, size_t length, void *data)
{
    struct rows *rows = data;
    const char *text = field == NULL ? "" : field;
    if (rows->error->text[0] != '\0')
        return;
    if (rows->columns == 0 && rows->fields == 0)
        rows->is_header = length > 0 && strchr("0123456789+-.", text[0]) == NULL;
    if (rows->fields == (rows->columns == 0 ? COLUMNS : rows->columns)) {
        FAIL(rows, "expected %s%u fields, got more", rows->columns == 0 ? "at most " : "", rows->fields);
        return;
    }
    if (rows->is_header)
        take_name(rows, text);
    else
        take_number(rows, text, length);
    rows->fields++;
}

static void end_header(struct rows *rows)
{
    for (uint8_t c = 0; c < NOSCAN; c++) {
        bool found = false;
        for (unsigned i = 0; i < rows->fields; i++)
            found = found || rows->column[i] == c;
        if (!found)
            FAIL(rows, "expected a column \"%s\", got none of this name", names[c]);
    }
}

static void end_row(struct rows *rows)
{
    struct error reason = {.text = ""};
    unsigned wanted = rows->columns == 0 ? NOSCAN : rows->columns;
    if (rows->is_header)
        end_header(rows);
    else if (rows->fields < wanted)
        FAIL(rows, "expected %u fields, got %u", wanted, rows->fields);
    else if (!profile_add_row(rows->profile, &rows->row, &reason))
        FAIL(rows, "%s", reason.text);
    rows->columns = rows->fields;
    rows->is_header = false;
}

static void start_row(struct rows *rows)
{
    rows->fields = 0;
    rows->row = (struct profile_row){.noscan = -1};
}

/* Called for each CR and LF outside quotes, and with -1 for a last line without. */
static void on_row(int end, void *data)
{
    struct rows *rows = data;
    if (rows->fields > 0 && rows->error->text[0] == '\0')
        end_row(rows);
    start_row(rows);
    rows->line += end == '\n';
}

bool profile_csv(struct profile *profile, const char *name, const char *text, size_t length, struct error *error)
{
    struct rows rows = {.profile = profile, .name = name, .line = 1, .column = {SIZE, RATE, LIVE, NOSCAN},
                        .error = error};
    struct csv_parser parser;
    size_t before = profile->row_count;
    if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL | CSV_REPALL_NL) != 0)
        return error_set(error, "%.200s: out of memory", name);
    start_row(&rows);
    if (memchr(text, '\0', length) != NULL)
        row_fail(error, name, 0, "expected a profile, JSON or CSV, got a NUL byte");
    else if (csv_parse(&parser, text, length, on_field, on_row, &rows) != length ||
             csv_fini(&parser, on_field, on_row, &rows) != 0)
        FAIL(&rows, "expected CSV, got a quote where none may be");
    csv_free(&parser);
    if (error->text[0] == '\0' && profile->row_count == before)
        row_fail(error, name, 0, "expected rows of size, rate and live, got none");
    return error->text[0] == '\0';
}
