/* A trace as its file tells it: rows, before one is held against another.
 *
 *   file --a row_source: CSV, or what others record--> struct trace_row --row_events--> struct trace_event --> replay
 *                                                           |---------> writers, figures about the trace
 *
 * The columns are those of a CSV trace; a reader of another format says what its file says in these terms, and gives
 * each lifetime an id of its own, which no other lifetime of the trace has.
 */
#ifndef ROW_H
#define ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "trace/trace.h"

struct id_map;

/* The columns with numbers in them come first. */
enum row_column {
    ROW_T_NS, /* ns from the start of the trace, non-decreasing within one p */
    ROW_P,    /* the P, or the thread */
    ROW_G,    /* the goroutine, or the thread */
    ROW_ID,   /* of the lifetime */
    ROW_SIZE, /* requested bytes; for what the recorded runtime said its value */
    ROW_NOSCAN,
    ROW_ALIGN, /* bytes, a power of two */
    ROW_NUMBERS,
    ROW_OP = ROW_NUMBERS,
    ROW_TYPE,
    ROW_COLUMNS
};

/* Beside enum trace_op: a row about the trace itself, whose type is key=value. Before all other rows. */
enum { TRACE_META = TRACE_OPS, ROW_OPS };

struct trace_row {
    uint64_t value[ROW_NUMBERS]; /* 0 where the row has none, but noscan: 1 */
    uint64_t line;               /* where in the file, for messages: the line, or the number of the record, from 1 */
    union {                      /* the source's until the next read; not ended */
        const char *type;        /* a label without NULs and line feeds */
        const char *text;        /* if text_length > 0: instead of a label, which the row does not have then, its line,
                                  * with its feed, the same bytes as a writer of CSV would make of its source's columns;
                                  * all ROW_TEXT_ROOM bytes may be read */
    };
    uint32_t type_length; /* bytes */
    uint16_t present;     /* 1 << enum row_column for each column with something in it; ROW_OP always */
    uint8_t op;           /* enum trace_op or TRACE_META */
    uint8_t text_length;  /* bytes; whoever changes the row sets it to 0 */
};

enum { ROW_TEXT_ROOM = 64 };

/* What is larger gcc clears in a slow loop, wherever a row begins. */
_Static_assert(sizeof(struct trace_row) <= 80, "a row is cleared by a few stores");

static inline bool row_has(const struct trace_row *row, enum row_column column)
{
    return (row->present & 1u << column) != 0;
}

/* A row with nothing in it yet but its op. */
static inline struct trace_row row_begin(uint8_t op, uint64_t line)
{
    return (struct trace_row){.value[ROW_NOSCAN] = 1, .line = line, .present = 1u << ROW_OP, .op = op};
}

static inline void row_set(struct trace_row *row, enum row_column column, uint64_t value)
{
    row->value[column] = value;
    row->present = (uint16_t)(row->present | 1u << column);
}

static inline void row_set_type(struct trace_row *row, const char *text, size_t length)
{
    row->type = text;
    row->type_length = (uint32_t)length;
    row->present = (uint16_t)(row->present | 1u << ROW_TYPE);
}

extern const char *const row_column_names[ROW_COLUMNS]; /* as CSV has them */
extern const uint8_t row_column_order[ROW_COLUMNS];      /* in which we write them */
extern const char *const row_op_names[ROW_OPS];

/* The error of a row: "NAME:LINE: ...", the name shortened if it is long; of line 0 "NAME: ...". Returns false. */
bool row_fail(struct error *error, const char *name, uint64_t line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

enum { ROW_BATCH = 128 }; /* rows that are handled at a time: 10 KiB, a part of the first-level cache */

/* A reader of some format. */
struct row_source {
    /* Fills in up to max rows in the trace's order and returns how many; 0 at the end or after a failure, which is then
     * in *error as "NAME:LINE: what was expected, what there is". Rows before a failure are handed out first. */
    size_t (*read)(struct row_source *source, struct trace_row *rows, size_t max, struct error *error);
    /* What was repaired, guessed or left out, one line each, once everything has been read; NULL: never anything. */
    void (*tell)(const struct row_source *source, FILE *out);
    void (*close)(struct row_source *source);
    const char *name;                 /* of the file, for messages; owned by the source */
    uint64_t bytes_done, bytes_total; /* of the file, for progress; total 0 when unknown (a pipe) */
    uint16_t columns;                 /* 1 << enum row_column for each that any row may have; from the start */
    bool fetches;                     /* rows' ids are fetched (id_map_fetch) from `ids` as they are read */
    const struct id_map *ids;         /* where those who have the rows look for ids (row_checks_expect); NULL: nobody */
};

/* What a reader of what others record may be asked for; a format takes what applies to it. */
struct row_options {
    enum { SIZE_FIT, SIZE_SLOT, SIZE_UNIFORM } size;  /* requested sizes where only the slot's is recorded */
    enum { DEATH_UNIFORM, DEATH_GC, DEATH_SWEEP } death; /* deaths where only the sweep is recorded */
    bool salvage;                                     /* a broken file: what is good in it, and then its end */
    uint64_t seed;                                    /* of what is drawn at random */
};

/* The type of a meta row, which may be made of anything: control characters become question marks, what is too long is
 * left out. size: bytes of text. */
void row_meta_text(char *text, size_t size, const char *key, const char *value);

/* On stderr, each line as goheap's own, what the source has to say. */
void row_source_tell(const struct row_source *source);

#endif
