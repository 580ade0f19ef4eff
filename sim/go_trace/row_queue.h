/* Rows that wait until it is known who has died before them.
 *
 *   go_rows_add -->  rows, a word or two each, in order          ---\
 *                                                                   merge by when, up to the limit --> go_rows_read
 *   go_rows_die -->  deaths: when, who  --release--> due, sorted ---/
 *
 * That an object is dead is recorded when it is swept; it died up to two collections before. When counts rows (or, if
 * the queue is by time, the greatest time in ns so far): a death comes before the first row whose when is not less.
 *
 * Memory: the rows since a collection or two, and their deaths. Whatever was allocated in that time takes a slot of the
 * recorded heap until the end of it, so it grows with the recorded heap and not with the trace. */
#ifndef GO_TRACE_ROW_QUEUE_H
#define GO_TRACE_ROW_QUEUE_H

#include "go_trace/types.h"
#include "trace/row.h"

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

struct go_death {
    uint64_t when, ns, id;
    uint32_t p;
};

struct go_deaths {
    struct go_death *list;
    size_t count, capacity;
};

enum { GO_DEATH_BUCKETS = 4096 };

struct go_row_chunk;

/* One end of the rows, where the next is written or read: what the row before was like. */
struct go_row_end {
    uint64_t when, ns, g, id;
    uint32_t p;
};

struct go_row_queue {
    bool by_time;
    struct go_row_chunk *first, *last;
    size_t read; /* words, of the first chunk */
    struct go_row_end head, tail;
    uint64_t ahead, ahead_number; /* the next row, over which the head has passed, if has_ahead */
    bool has_ahead;
    const struct go_types *types; /* the owner's */
    uint64_t limit;         /* what is before may go */
    struct go_deaths later; /* in the order of their coming */
    struct go_deaths due;   /* before the limit; sorted by when, equals in that order. Its list has room for twice its
                             * capacity, to sort in */
    size_t next_due;
    size_t bucket_ends[GO_DEATH_BUCKETS];
};

/* types: the owner's, of the rows' types. */
void go_rows_init(struct go_row_queue *queue, bool by_time, const struct go_types *types);
void go_rows_free(struct go_row_queue *queue);

/* Appends a row. Afterwards queue->tail says when it is, and the id of a lifetime that it begins: the number of those
 * that began before, plus 1. False: no memory. */
bool go_rows_add(struct go_row_queue *queue, const struct go_row *row);

/* A free of this id, by p at ns, not before when. False: no memory. */
bool go_rows_die(struct go_row_queue *queue, const struct go_death *death);

/* No death will come with a when below the limit. Only when go_rows_read has said that there is no more. */
bool go_rows_release(struct go_row_queue *queue, uint64_t limit);

/* Up to max of the next rows and deaths (frees) before the limit, all but their lines; 0 if there is none. */
size_t go_rows_read(struct go_row_queue *queue, struct trace_row *rows, size_t max);

#endif
