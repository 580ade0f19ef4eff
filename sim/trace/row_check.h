/* Rows held against one another: what a row may say depends on those before it.
 *
 *   struct trace_row --row_checks_take--> times, streams, lifetimes --> struct trace_event, or why not
 *
 * Invariant: nothing here grows with the length of the trace. Ids are forgotten when their lifetimes end; of each P
 * and goroutine one number is kept. */
#ifndef ROW_CHECK_H
#define ROW_CHECK_H

#include "trace/lifetimes.h"
#include "trace/row.h"

enum { ROW_RECENT = 64 };

/* Values of p or g, numbered in order of first appearance. There are few of them at a time. */
struct row_numbering {
    struct id_map map;
    struct {
        uint64_t value, number; /* number: plus 1; 0: none yet */
    } recent[ROW_RECENT];       /* by the value's lowest bits, the last one */
};

struct row_checks {
    const char *name;  /* of the file */
    uint16_t columns;  /* that it has */
    bool by_g;         /* streams are goroutines, not Ps */
    bool has_started;  /* a row that is not a meta row has been taken */
    bool timed;        /* the first such row had a time */
    bool are_fetched;  /* rows that come have had their ids fetched */
    struct row_numbering ps, gs;
    uint64_t *times; /* by number of the P: of its latest event */
    size_t times_capacity;
    struct lifetimes lifetimes; /* whoever executes a free calls lifetimes_release */
    struct error failure;       /* why a row was refused; none is taken after that */
};

enum row_result { ROW_NOTHING, ROW_EVENT, ROW_FAILED };

/* stream_by: TRACE_STREAM_BY_P or _G. False, with checks->failure set, if there is no memory. row_checks_free may be
 * called in either case. */
bool row_checks_init(struct row_checks *checks, const struct row_source *source, int stream_by);
void row_checks_free(struct row_checks *checks);

/* The next row of the trace. ROW_EVENT: *event is what it means; ROW_NOTHING: it was a meta row. */
enum row_result row_checks_take(struct row_checks *checks, const struct trace_row *row, struct trace_event *event);

/* All rows of this source will be taken: what is known of their lifetimes may come from memory while they are read, if
 * the source has its way with that. It is not read any more once the checks are freed. */
void row_checks_expect(struct row_checks *checks, struct row_source *source);

/* These rows will be taken soon: what is known of their lifetimes may come from memory in the meantime. */
void row_checks_fetch(const struct row_checks *checks, const struct trace_row *rows, size_t n);

/* The next n rows, of which a free has been executed before the next row is taken; of a meta row events[i] has the op,
 * and nothing else. False if one is refused. */
bool row_checks_take_all(struct row_checks *checks, const struct trace_row *rows, size_t n, struct trace_event *events);

#endif
