/* What the rows of a CSV trace mean: fields go in, events come out.
 *
 *   header line --rows_field*, rows_end-->  which column is which
 *   other lines --rows_field*, rows_end-->  struct row  --> checks, slots, streams --> struct trace_event
 *               --rows_plain------------>      "
 *
 * Invariant: nothing here grows with the length of the trace. Ids are forgotten when their lifetimes
 * end; of each P and goroutine one number is kept. */
#ifndef TRACE_CSV_ROW_H
#define TRACE_CSV_ROW_H

#include "trace/lifetimes.h"
#include "trace/trace.h"

enum { ROW_COLUMNS_MAX = 1024, ROW_TEXT_MAX = 40 };

/* The columns with numbers in them come first. */
enum row_column {
    ROW_T_NS,
    ROW_P,
    ROW_G,
    ROW_ID,
    ROW_SIZE,
    ROW_NOSCAN,
    ROW_ALIGN,
    ROW_NUMBERS,
    ROW_OP = ROW_NUMBERS,
    ROW_TYPE,
    ROW_COLUMNS,
    ROW_IGNORED = ROW_COLUMNS
};

/* A row as far as its fields have come in. */
struct row {
    uint64_t value[ROW_NUMBERS];
    uint32_t present; /* 1 << column for each column with something in it */
    uint8_t op;
    bool is_key_value;           /* of type */
    uint8_t bad;                 /* the first column whose text is not of its kind, or ROW_IGNORED */
    char text[ROW_TEXT_MAX + 1]; /* of the bad one, fit to be printed */
};

/* Values of p or g, numbered in order of first appearance. Most rows have the value of the row before. */
struct numbering {
    struct id_map map;
    uint64_t last_value;
    uint32_t last_number;
};

struct rows {
    const char *name; /* of the file */
    uint64_t line;    /* the current one, from 1; the owner counts */
    bool by_g;        /* streams are goroutines, not Ps */
    bool has_header;
    bool has_started; /* a row that is not a meta row has been read */
    bool timed;       /* the first such row had a time */
    uint32_t columns; /* in the header */
    uint32_t fields;  /* so far in the current row */
    uint8_t column[ROW_COLUMNS_MAX]; /* of each field: enum row_column */
    struct row row;
    struct numbering ps, gs;
    uint64_t *times; /* by number of the P: of its latest event */
    size_t times_capacity;
    struct lifetimes lifetimes;
    struct error failure;
};

enum row_result { ROW_NOTHING, ROW_EVENT, ROW_FAILED };

/* False, with rows->failure set, if there is no memory. rows_free may be called in either case. */
bool rows_init(struct rows *rows, const char *name, int stream_by, uint64_t seed);
void rows_free(struct rows *rows);

/* The next field of the current row; text[length] is a NUL, and there is none before. */
void rows_field(struct rows *rows, const char *text, size_t length);

/* The current row (at least one field) is complete. ROW_NOTHING: it was the header or a meta row. */
enum row_result rows_end(struct rows *rows, struct trace_event *event);

/* A shortcut past libcsv and rows_field for the rows that nearly all rows are like: as many fields as
 * the header, digits in numbers, no quotes, no spaces. The bytes from line on hold a line feed.
 * Returns what follows the line's, with the row ready for rows_end; or NULL, and the line has to take
 * the long way, where whatever may be wrong with it is found. */
const unsigned char *rows_plain(struct rows *rows, const unsigned char *line);

/* Sets rows->failure to "NAME:LINE: ..." (before the first line "NAME: ..."); false. */
bool rows_fail(struct rows *rows, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
