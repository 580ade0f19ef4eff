/* What the text of a CSV trace says: fields go in, rows come out.
 *
 *   header line --csv_row_field*, csv_row_end-->  which column is which
 *   other lines --csv_row_field*, csv_row_end-->  struct trace_row
 *               --csv_rows_plain--------------->      "
 *
 * Whether a row may stand where it stands is for row_check to say. */
#ifndef TRACE_CSV_ROW_H
#define TRACE_CSV_ROW_H

#include "trace/row.h"
#include "trace/trace_csv_short.h"

enum { CSV_COLUMNS_MAX = 1024, CSV_TEXT_MAX = 40 };

struct csv_rows {
    const char *name;  /* of the file */
    uint64_t line;     /* the current one, from 1; the owner counts, but those that are plain */
    bool has_header;
    uint16_t present;  /* 1 << enum row_column for each that the header names */
    uint32_t columns;  /* in the header, those that mean nothing to us too */
    uint32_t fields;   /* so far in the current row */
    uint8_t column[CSV_COLUMNS_MAX]; /* of each field: enum row_column, or ROW_COLUMNS: ignored */
    bool is_usual;                   /* no column is ignored, and their order is that of row_column_order */
    struct csv_short short_lines;    /* if so */
    unsigned char after[ROW_COLUMNS]; /* what follows the column's field: a comma, or a line feed */
    uint8_t bad;                     /* the first column whose text is not of its kind, or ROW_COLUMNS */
    char text[CSV_TEXT_MAX + 1];     /* of the bad one, fit to be printed */
    char *label;                     /* of the current row, for row->type */
    size_t label_capacity;
    struct trace_row *row;           /* the current one, the caller's */
    struct error failure;
};

void csv_rows_init(struct csv_rows *rows, const char *name);
void csv_rows_free(struct csv_rows *rows);

/* A line begins. *row stays the caller's and is good once csv_row_end has said so; its type, if it has one, is good
 * until the next line that takes this way. */
void csv_row_start(struct csv_rows *rows, struct trace_row *row);

/* The next field of the current row; text[length] is a NUL, and there is none before. */
void csv_row_field(struct csv_rows *rows, const char *text, size_t length);

/* The current row (at least one field) is complete: the header, or a row. False: rows->failure says why not. */
bool csv_row_end(struct csv_rows *rows);

/* A shortcut past libcsv, csv_row_start, _field and _end for the rows that nearly all rows are like: as many fields
 * as the header, an op, digits in numbers, no quotes, no spaces around fields. The header has been read; [*next, end)
 * are whole lines without NULs, and BYTE_STREAM_SLACK bytes before and after them may be read. Fills in up to max rows,
 * whose types and texts point into their lines, advances *next and counts the lines. Returns how many there were before
 * a line that has to take the long way, where whatever may be wrong with it is found. ids: as row_source has it. */
size_t csv_rows_plain(struct csv_rows *rows, const struct id_map *ids, const unsigned char **next,
                      const unsigned char *end, struct trace_row *row, size_t max);

/* Sets rows->failure to "NAME:LINE: ..." (before the first line "NAME: ..."); false. */
#define csv_rows_fail(rows, ...) row_fail(&(rows)->failure, (rows)->name, (rows)->line, __VA_ARGS__)

#endif
