/* Rows that wait until it is known who has died before them.
 *
 *   go_rows_add -->  rows, a word or two each, in order  ---\
 *                                                           merge by when, up to the limit --> go_rows_read
 *   go_rows_die -->  deaths  --release--> due, in order  ---/
 *
 * That an object is dead is recorded when it is swept; it died up to two collections before. When counts rows (or, if
 * the queue is by time, the greatest time in ns so far): a death comes before the first row whose when is not less.
 *
 * Memory: the rows since a collection or two, and their deaths. Whatever was allocated in that time takes a slot of the
 * recorded heap until the end of it, so it grows with the recorded heap and not with the trace. */
#ifndef GO_TRACE_ROW_QUEUE_H
#define GO_TRACE_ROW_QUEUE_H

#include "go_trace/deaths.h"
#include "go_trace/objects.h"
#include "go_trace/row_word.h"
#include "go_trace/types.h"
#include "trace/row.h"

struct go_row_chunk;

/* One end of the rows, where the next is written or read: what the row before was like. */
struct go_row_end {
    uint64_t when, ns, g, id;
    uint32_t p;
};

/* The end where rows are read, which has passed over the next one already. */
struct go_row_head {
    struct go_row_end end;
    const uint64_t *from;  /* the word behind that row, in the first chunk */
    uint64_t word, behind; /* the row's own word, and what may be behind it */
    bool has_row;          /* false: there was none yet */
};

struct go_row_queue {
    bool by_time;
    struct go_row_chunk *first, *last;
    uint64_t *to, *full; /* the next word to be written, in the last chunk; from full on a row may not have room */
    struct go_row_head head;
    struct go_row_end tail;
    const struct go_types *types; /* the owner's */
    uint64_t limit;               /* what is before may go */
    struct go_deaths deaths;      /* due: those before the limit */
    size_t next_due;
};

/* types: the owner's, of the rows' types. */
void go_rows_init(struct go_row_queue *queue, bool by_time, const struct go_types *types);
void go_rows_free(struct go_row_queue *queue);

/* What go_rows_add does where a row takes more than a word, or another chunk, but for its passing. */
bool go_rows_add_words(struct go_row_queue *queue, const struct go_row *row);

/* After a row of this op and time: what the next is compared with, at either end. */
static inline void go_row_end_pass(struct go_row_end *end, bool by_time, unsigned op, uint64_t ns)
{
    end->ns = ns;
    if (!by_time)
        end->when++;
    else if (ns > end->when)
        end->when = ns;
    end->id += trace_op_begins(op);
}

/* Appends a row. Afterwards queue->tail says when it is, and the id of a lifetime that it begins: the number of those
 * that began before, plus 1. False: no memory. */
static inline bool go_rows_add(struct go_row_queue *queue, const struct go_row *row)
{
    struct go_row_end *tail = &queue->tail;
    uint64_t step = row->ns - tail->ns, place = (row->p ^ tail->p) | (row->g ^ tail->g);
    if ((place | step >> GO_ROW_TIME_BITS | go_row_is_long(row)) == 0 && queue->to < queue->full) {
        *queue->to++ = go_row_word(row, step);
    } else {
        struct go_row copy = *row; /* so that the row itself needs no place in memory */
        if (!go_rows_add_words(queue, &copy))
            return false;
    }
    go_row_end_pass(tail, queue->by_time, row->op, row->ns);
    return true;
}

/* A free, not before its when. False: no memory. */
static inline bool go_rows_die(struct go_row_queue *queue, struct go_death death)
{
    return go_deaths_add(&queue->deaths, death);
}

/* No death will come with a when below the limit. Only when go_rows_read has said that there is no more. */
bool go_rows_release(struct go_row_queue *queue, uint64_t limit);

/* Up to max of the next rows and deaths (frees) before the limit, all but their lines; 0 if there is none. */
size_t go_rows_read(struct go_row_queue *queue, struct trace_row *rows, size_t max);

#endif
