/* A row that waits is one word, of 64 bits:
 *
 *   what 4 | noscan | long | number 42 | time since the row before 16
 *
 *   what: the op      number: size and type (24 bits and 18) of an alloc | id | value
 *
 * What does not fit is in words of its own: a number that is long in the next word, its type in this one; a P and
 * goroutine other than the row before's, or a longer or negative time, before the row. */
#ifndef GO_TRACE_ROW_WORD_H
#define GO_TRACE_ROW_WORD_H

#include "trace/trace.h"

/* A row as it comes. */
struct go_row {
    uint64_t ns;
    uint64_t g;     /* GO_NONE: none */
    uint64_t value; /* a size, the id of a lifetime that ends, or what the runtime said */
    uint32_t p;
    uint32_t type;  /* of an object, by number */
    uint8_t op;     /* enum trace_op */
    bool noscan;
};

enum {
    GO_ROW_WHAT = 15,
    GO_ROW_NOSCAN = 16,
    GO_ROW_LONG = 32,
    GO_ROW_NUMBER = 6, /* its first bit */
    GO_ROW_TIME = 48,  /* its first bit */
    GO_ROW_NUMBER_BITS = GO_ROW_TIME - GO_ROW_NUMBER,
    GO_ROW_SIZE_BITS = 24,
    GO_ROW_TYPE_BITS = GO_ROW_NUMBER_BITS - GO_ROW_SIZE_BITS,
    GO_ROW_TIME_BITS = 64 - GO_ROW_TIME,
    GO_ROW_PLACE = TRACE_OPS, /* what: P << 4, and a word for the goroutine */
    GO_ROW_STEP,              /* what: a word for the time */
    GO_ROW_MOST_WORDS = 6     /* of a row, with what comes before it */
};

_Static_assert((int)GO_ROW_STEP <= GO_ROW_WHAT, "four bits for ops and what comes before them");

/* Not 0 if the row's number is long. */
static inline uint64_t go_row_is_long(const struct go_row *row)
{
    if (row->op == TRACE_ALLOC)
        return row->value >> GO_ROW_SIZE_BITS | row->type >> GO_ROW_TYPE_BITS;
    return row->value >> GO_ROW_NUMBER_BITS;
}

/* The word of a row whose number is not long, step ns (of at most 16 bits) after the row before. */
static inline uint64_t go_row_word(const struct go_row *row, uint64_t step)
{
    uint64_t number = row->op == TRACE_ALLOC ? row->value | (uint64_t)row->type << GO_ROW_SIZE_BITS : row->value;
    return row->op | (row->noscan ? GO_ROW_NOSCAN : 0) | number << GO_ROW_NUMBER | step << GO_ROW_TIME;
}

#endif
