/* The merge of a recording's streams, as it stands between two passes (record.c), and what a pass asks of it. */
#ifndef RECORD_MERGE_H
#define RECORD_MERGE_H

#include "record/record.h"
#include "record/record_live.h"
#include "record/stream_queue.h"

struct record_merge {
    const struct record_options *options;
    struct row_output out;
    bool is_open; /* the output is */
    struct trace_row rows[ROW_BATCH]; /* not written yet */
    size_t row_count;
    uint64_t row_number;
    bool failed; /* the output has */
    struct record_summary summary;
    struct error *error; /* of the call in progress */
    struct record_file recording;
    uint32_t incarnation;           /* of the program whose rows these are; 0: none has begun */
    struct stream **streams;        /* that have not ended */
    size_t stream_count, stream_capacity;
    struct stream_queue queue;      /* of them, those that have something to merge */
    struct stream **group;          /* those of them that have it at the same time */
    struct record_moment last_pass; /* when it began */
    struct record_moment start;     /* of the program */
    struct record_moment reached;   /* all before it is merged, nothing after it */
    uint64_t end_ticks;             /* of threads of which nothing else is known */
    double ns_per_tick;             /* from `reached` on */
    uint64_t limit;                 /* of the pass, in ticks: nothing from here on is merged */
    struct live_blocks live;
    uint64_t next_id, events;
};

/* The rows that every trace begins with. */
void merge_write_header(struct record_merge *m);

/* Hands the rows over that have come together. After a failure, which is then in m->error, there are no more. */
void merge_flush_rows(struct record_merge *m);

/* ns since the start; the ticks are not before those reached. */
static inline uint64_t merge_row_time(const struct record_merge *m, uint64_t ticks)
{
    return m->reached.ns - m->start.ns + (uint64_t)((double)(ticks - m->reached.ticks) * m->ns_per_tick);
}

/* Goes on by `events` in the stream and sets the time of what comes then. Time never runs backwards, neither within a
 * stream nor behind what has been written. False with m->error if the recording is damaged. */
bool merge_advance(struct record_merge *m, struct stream *stream, unsigned events);

/* The stream takes part if it has something to merge, and does not yet. */
void merge_enqueue(struct record_merge *m, struct stream *stream);

/* Merges up to the limit. False with m->error, or if the output has failed. */
bool merge_run(struct record_merge *m);

#endif
