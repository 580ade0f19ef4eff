/* Short lines of CSV, read all fields at once.
 *
 *   line --compare--> where commas and the feed are --layouts--> where which column is --> struct trace_row
 *                                        ^ 64 bits                  ^ known, from a line before
 *
 * Lines of a trace have few layouts: so that most often a line's is known by its 64 bits, and nothing of it has to be
 * found out. What is not like this is declined, and costs a comparison. Only where the processor has SSE2 (x86-64);
 * elsewhere every line is declined. */
#ifndef TRACE_CSV_SHORT_H
#define TRACE_CSV_SHORT_H

#include "trace/row.h"

enum {
    CSV_SHORT = 64,  /* bytes of the longest such line, line feed included */
    CSV_BEFORE = 16, /* bytes before a line that may be read */
    CSV_LAYOUTS = 128
};

/* Where the columns of a line are whose numbers and op end where `ends` has bits, the lowest for the first byte; behind
 * them is no label. */
struct csv_layout {
    uint64_t ends;    /* 0: there is no layout here */
    uint64_t leading; /* bits at the first digits of numbers of more than one */
    uint64_t op_mask; /* of a word, the bytes that the op has */
    uint64_t op_word; /* these bytes of the last line with such ends; 0: none yet */
    uint16_t present; /* struct trace_row's */
    bool is_short;    /* false: such lines are declined */
    uint8_t length;   /* of the line */
    uint8_t op_at;    /* where it begins */
    uint8_t op;       /* the last one */
    uint8_t end[ROW_NUMBERS], digits[ROW_NUMBERS]; /* of each number what follows it, and its length; 0: it has none */
};

struct csv_short {
    uint16_t columns;          /* 1 << enum row_column, of the file */
    uint64_t feed_ends;        /* all ones, or 0 if the line's feed ends a label, which has no place in a layout */
    uint64_t op_word[ROW_OPS]; /* its name, the first letter lowest; 0: it is longer than a word */
    struct csv_layout layouts[CSV_LAYOUTS];
};

/* For lines that have these columns, in row_column_order, and no others. */
void csv_short_init(struct csv_short *lines, uint16_t columns);

/* Reads up to max rows of lines in [*next, end), which are whole and without NULs; CSV_BEFORE bytes before them and
 * CSV_SHORT after them may be read. The first is the file's line number `line`. Advances *next, and returns how many
 * rows there were before the end or a line that is declined: one that is longer, has a label, t_ns or id of more than
 * 16 digits, noscan of more than one, another number of more than 8, or anything that has to be judged. Rows have their
 * text, if it is canonical. Their ids are fetched, unless ids is NULL. */
size_t csv_short_rows(struct csv_short *lines, const struct id_map *ids, uint64_t line, const unsigned char **next,
                      const unsigned char *end, struct trace_row *rows, size_t max);

#endif
