/* results.csv, by libcsv: cells as text, rows that failed counted, and which cells of a column are the same. */
#include "plot/sweep_table.h"

#include "sweep/results.h"

#include <csv.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Of a cell as much is kept: what is longer is told from others by its beginning, and shown shortened. */
enum { CELL = 1024 };

/* Several times what the largest sweep there can be writes. */
#define MOST_BYTES ((off_t)256 << 20)

struct reading {
    struct sweep_table *table;
    const char *path;
    char **row; /* cells of the row that is being read; room for SWEEP_COLUMNS */
    size_t fields, lines;
    size_t error_column; /* column_count: there is none */
    bool failed;         /* and *error says why */
    struct error *error;
};

const char *sweep_cell(const struct sweep_table *table, size_t row, size_t column)
{
    return table->cells[row * table->column_count + column];
}

static bool is_number(const char *text, double *number)
{
    char *end;
    if (text[0] != '-' && (text[0] < '0' || text[0] > '9'))
        return false;
    *number = strtod(text, &end);
    return *end == '\0' && isfinite(*number) && !strpbrk(text, "xX");
}

bool sweep_number(const struct sweep_table *table, size_t row, size_t column, double *number)
{
    return is_number(sweep_cell(table, row, column), number);
}

/* --- reading ------------------------------------------------------------------------------------------- */

static void fail(struct reading *r, bool error)
{
    r->failed = r->failed || !error;
}

static void on_field(void *text, size_t length, void *context)
{
    struct reading *r = context;
    if (r->failed || r->fields == SWEEP_COLUMNS) {
        fail(r, r->failed || error_set(r->error, "%s: row %zu: expected at most %d columns", r->path, r->lines + 1,
                                       SWEEP_COLUMNS));
        return;
    }
    char *cell = strndup(text ? text : "", length < CELL ? length : CELL);
    if (cell)
        r->row[r->fields++] = cell;
    else
        fail(r, error_set(r->error, "out of memory"));
}

static bool take_header(struct reading *r)
{
    struct sweep_table *table = r->table;
    table->columns = calloc(r->fields, sizeof *table->columns);
    table->cells = calloc(SWEEP_ROWS * r->fields, sizeof *table->cells);
    if (!table->columns || !table->cells)
        return error_set(r->error, "out of memory");
    r->error_column = table->column_count = r->fields;
    for (size_t c = 0; c < r->fields; c++) {
        table->columns[c].name = r->row[c];
        table->columns[c].asked = strcmp(r->row[c], "run") != 0 && results_asked(r->row[c]);
        if (strcmp(r->row[c], "error") == 0)
            r->error_column = c;
    }
    r->fields = 0;
    return true;
}

static void drop_row(struct reading *r)
{
    while (r->fields)
        free(r->row[--r->fields]);
}

static bool take_row(struct reading *r)
{
    struct sweep_table *table = r->table;
    if (r->fields != table->column_count)
        return error_set(r->error, "%s: row %zu: expected %zu fields, as the header has, got %zu", r->path, r->lines,
                         table->column_count, r->fields);
    if (r->error_column < r->fields && r->row[r->error_column][0]) {
        table->failed++;
    } else if (table->rows == SWEEP_ROWS) {
        table->left_out++;
    } else {
        memcpy(&table->cells[table->rows++ * r->fields], r->row, r->fields * sizeof *r->row);
        r->fields = 0;
    }
    drop_row(r);
    return true;
}

static void on_row(int end, void *context)
{
    struct reading *r = context;
    (void)end;
    if (r->failed)
        return;
    r->lines++;
    fail(r, r->table->columns ? take_row(r) : take_header(r));
}

static bool read_all(struct reading *r, FILE *f)
{
    struct csv_parser parser;
    char chunk[65536];
    if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) != 0)
        return error_set(r->error, "out of memory");
    bool ok = true;
    for (size_t n; ok && !r->failed && (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        ok = csv_parse(&parser, chunk, n, on_field, on_row, r) == n;
    ok = ok && !r->failed && csv_fini(&parser, on_field, on_row, r) == 0;
    if (!ok && !r->failed)
        error_set(r->error, "%s: row %zu: expected CSV: %s", r->path, r->lines + 1, csv_strerror(csv_error(&parser)));
    csv_free(&parser);
    return ok && !r->failed;
}

static bool read_file(struct reading *r)
{
    struct stat status;
    FILE *f = fopen(r->path, "re");
    if (!f || fstat(fileno(f), &status) != 0) {
        error_set(r->error, "%s: %s", r->path, strerror(errno));
        if (f)
            fclose(f);
        return false;
    }
    bool ok = !S_ISREG(status.st_mode) || status.st_size <= MOST_BYTES
                  ? read_all(r, f)
                  : error_set(r->error, "%s: expected at most %lld bytes", r->path, (long long)MOST_BYTES);
    if (ok && ferror(f))
        ok = error_set(r->error, "%s: cannot be read", r->path);
    if (ok && !r->table->columns)
        ok = error_set(r->error, "%s: empty; expected a header", r->path);
    fclose(f);
    return ok;
}

/* --- what is in the columns ---------------------------------------------------------------------------- */

static bool count_values(const struct sweep_table *table, size_t c)
{
    struct sweep_column *column = &table->columns[c];
    double number;
    column->id = calloc(table->rows + 1, sizeof *column->id);
    for (size_t i = 0; column->id && i < table->rows; i++) {
        size_t first = 0;
        while (strcmp(sweep_cell(table, first, c), sweep_cell(table, i, c)) != 0)
            first++;
        column->id[i] = (unsigned)first;
        column->values += first == i;
        column->numbers += first == i && sweep_number(table, i, c, &number);
    }
    return column->id != NULL;
}

bool sweep_table_read(struct sweep_table *table, const char *path, struct error *error)
{
    struct reading r = {.table = table, .path = path, .error = error};
    memset(table, 0, sizeof *table);
    r.row = calloc(SWEEP_COLUMNS, sizeof *r.row);
    bool ok = r.row ? read_file(&r) : error_set(error, "out of memory");
    if (r.row)
        drop_row(&r);
    free(r.row);
    for (size_t c = 0; ok && c < table->column_count; c++)
        ok = count_values(table, c) || error_set(error, "out of memory");
    return ok;
}

void sweep_table_free(struct sweep_table *table)
{
    for (size_t i = 0; i < table->rows * table->column_count; i++)
        free(table->cells[i]);
    for (size_t c = 0; c < table->column_count; c++) {
        free(table->columns[c].name);
        free(table->columns[c].id);
    }
    free(table->cells);
    free(table->columns);
}
