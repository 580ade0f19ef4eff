/* The rows as a table to read: what sets the runs apart, then the main figures. Columns are as wide as what
 * stands in them, so nothing is cut. */
#include "sweep/results.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS_SHOWN = 64, TEXT_MAX = 256 };

struct shown {
    size_t column; /* of the results */
    const char *heading;
    double unit;
    int width;
};

struct table {
    const struct results *results;
    size_t rows; /* the first ones are shown */
    struct shown *shown;
    size_t count;
};

static const json_t *value_at(const struct table *table, size_t row, const struct shown *shown)
{
    return json_array_get(table->results->rows[row], shown->column);
}

static void text_of(const json_t *value, const struct shown *shown, char *text)
{
    if (shown->unit > 0)
        snprintf(text, TEXT_MAX, "%.*f", shown->unit > 1 ? 1 : 0, json_number_value(value) / shown->unit);
    else if (json_is_string(value))
        snprintf(text, TEXT_MAX, "%s", json_string_value(value));
    else if (json_is_real(value))
        snprintf(text, TEXT_MAX, "%g", json_real_value(value));
    else if (json_is_integer(value))
        snprintf(text, TEXT_MAX, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else
        snprintf(text, TEXT_MAX, "%s", json_is_true(value) ? "true" : json_is_false(value) ? "false" : "-");
}

static void show(struct table *table, size_t column)
{
    const struct result_column *from = &table->results->columns[column];
    struct shown *shown = &table->shown[table->count++];
    char text[TEXT_MAX];
    *shown = (struct shown){.column = column, .heading = from->heading, .unit = from->unit};
    if (!shown->heading)
        shown->heading = from->name;
    shown->width = (int)strlen(shown->heading);
    for (size_t row = 0; row < table->rows; row++) {
        text_of(value_at(table, row, shown), shown, text);
        if ((int)strlen(text) > shown->width)
            shown->width = (int)strlen(text);
    }
}

static bool varies(const struct results *results, size_t column)
{
    for (size_t row = 1; row < results->count; row++)
        if (!json_equal(json_array_get(results->rows[0], column), json_array_get(results->rows[row], column)))
            return true;
    return false;
}

/* What was asked comes first, as a failed run has that much. */
static void choose(struct table *table)
{
    const struct results *results = table->results;
    for (size_t c = 0; c < results->column_count; c++)
        if (results->columns[c].asked && (results->columns[c].heading || varies(results, c)))
            show(table, c);
    for (size_t c = 0; c < results->column_count; c++)
        if (results->columns[c].unit > 0)
            show(table, c);
}

/* Names stand to the left, numbers to the right. */
static void write_cell(const struct table *table, size_t row, size_t i, const char *text, FILE *out)
{
    const struct shown *shown = &table->shown[i];
    bool left = json_is_string(value_at(table, row, shown));
    fprintf(out, "%s%*s", i ? "  " : "", left ? -shown->width : shown->width, text);
}

static void write_row(const struct table *table, size_t row, FILE *out)
{
    const char *failure = results_failure(table->results, row);
    for (size_t i = 0; i < table->count; i++) {
        const struct shown *shown = &table->shown[i];
        char text[TEXT_MAX];
        if (failure && shown->unit > 0) {
            fprintf(out, "  failed: %s", failure);
            break;
        }
        text_of(value_at(table, row, shown), shown, text);
        write_cell(table, row, i, text, out);
    }
    fputc('\n', out);
}

bool results_table(const struct results *results, FILE *out)
{
    struct table table = {.results = results};
    table.rows = results->count < ROWS_SHOWN ? results->count : ROWS_SHOWN;
    table.shown = calloc(results->column_count, sizeof *table.shown);
    if (!table.shown)
        return false;
    choose(&table);
    for (size_t i = 0; i < table.count; i++)
        write_cell(&table, 0, i, table.shown[i].heading, out);
    fputc('\n', out);
    for (size_t row = 0; row < table.rows; row++)
        write_row(&table, row, out);
    if (results->count > table.rows)
        fprintf(out, "and %zu more\n", results->count - table.rows);
    free(table.shown);
    return true;
}
