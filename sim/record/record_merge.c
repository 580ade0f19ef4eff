/* The merge of the threads' streams into one trace.
 *
 *   stream of thread 0 --+
 *   stream of thread 1 --+--> earliest head --> address -> lifetime --> rows
 *   stream of thread 2 --+
 *
 * Frees are stamped before the real call and allocations after it, so by time a lifetime's free
 * never comes after the next allocation of its address, and never before its own. Equal times
 * are the exception: among them an event that does not fit (an allocation of a live address, a
 * free of one that is not) waits for those of the other threads.
 *
 * Invariant: an address is in `live` exactly while the rows written so far leave its lifetime
 * open. Memory is proportional to live blocks and threads. */
#include "record/record_merge.h"

#include <string.h>

enum { ALONE = 4096 }; /* events of one stream before it is looked whether to go on */

/* -- Rows -- */

enum { MAX_ALIGN_LOG2 = 30 }; /* the most that a trace may ask for */

void merge_flush_rows(struct record_merge *m)
{
    m->failed = m->failed || !row_output_put(&m->out, m->rows, m->row_count, m->error);
    m->row_count = 0;
}

static struct trace_row *add_row(struct record_merge *m, uint8_t op)
{
    if (m->row_count == ROW_BATCH)
        merge_flush_rows(m);
    struct trace_row *row = &m->rows[m->row_count++];
    *row = row_begin(op, ++m->row_number);
    return row;
}

static struct trace_row *add_event(struct record_merge *m, const struct stream *stream, uint8_t op)
{
    struct trace_row *row = add_row(m, op);
    m->summary.duration_ns = merge_row_time(m, stream->head_ticks);
    row_set(row, ROW_T_NS, m->summary.duration_ns);
    row_set(row, ROW_P, stream->number);
    return row;
}

static void write_alloc(struct record_merge *m, const struct stream *stream, uint64_t id,
                        const struct record_event *event)
{
    unsigned log2 = event->align_log2 < MAX_ALIGN_LOG2 ? event->align_log2 : MAX_ALIGN_LOG2;
    struct trace_row *row = add_event(m, stream, TRACE_ALLOC);
    row_set(row, ROW_ID, id);
    row_set(row, ROW_SIZE, event->size);
    if (log2 != 0)
        row_set(row, ROW_ALIGN, UINT64_C(1) << log2);
}

static void write_free(struct record_merge *m, const struct stream *stream, uint64_t id)
{
    row_set(add_event(m, stream, TRACE_FREE), ROW_ID, id);
}

static void write_end(struct record_merge *m, const struct stream *stream)
{
    add_event(m, stream, TRACE_END);
}

static void write_meta(struct record_merge *m, const char *key, const char *value)
{
    char text[512];
    row_meta_text(text, sizeof text, key, value);
    row_set_type(add_row(m, TRACE_META), text, strlen(text));
    merge_flush_rows(m); /* with the text still there */
}

void merge_write_header(struct record_merge *m)
{
    write_meta(m, "source", "malloc");
    write_meta(m, "time", "recorded");
    write_meta(m, "size", "exact");
    write_meta(m, "death", "exact");
    write_meta(m, "program", m->options->program);
}

/* -- Streams -- */

bool merge_advance(struct record_merge *m, struct stream *stream, unsigned events)
{
    if (!stream_advance(stream, events, m->error))
        return false;
    if (stream->state == STREAM_WAITS)
        return true;
    uint64_t ended = stream->end_ticks != 0 ? stream->end_ticks : m->end_ticks;
    uint64_t ticks = stream->state == STREAM_ENDED ? ended : stream->ticks[0];
    if (ticks < m->reached.ticks)
        ticks = m->reached.ticks;
    if (ticks > stream->head_ticks)
        stream->head_ticks = ticks;
    if (stream->state == STREAM_IN_REALLOC && m->limit > stream->head_ticks)
        m->limit = stream->head_ticks;
    return true;
}

static bool has_head(const struct stream *stream)
{
    return stream->state == STREAM_HAS_EVENT || stream->state == STREAM_ENDED;
}

/* Whether the stream's next event makes sense now, or has to wait for another stream's. */
static bool fits(const struct record_merge *m, const struct stream *stream)
{
    const struct record_event *event = &stream->events[0];
    if (stream->state == STREAM_ENDED || event->op == RECORD_CANCEL)
        return true;
    return (live_blocks_find(&m->live, event->address) == NULL) == record_event_is_alloc(event);
}

/* -- Events -- */

static void end_lifetime(struct record_merge *m, const struct stream *stream, struct live_block *block)
{
    write_free(m, stream, block->id);
    m->summary.frees++;
    live_blocks_remove(&m->live, block);
}

static bool begin_lifetime(struct record_merge *m, const struct stream *stream,
                           const struct record_event *event)
{
    struct live_block *earlier = live_blocks_find(&m->live, event->address);
    if (earlier != NULL) {
        m->summary.missed_frees++;
        end_lifetime(m, stream, earlier);
    }
    struct live_block block = {event->address, ++m->next_id, event->size};
    if (!live_blocks_add(&m->live, block))
        return error_set(m->error, "out of memory with %zu live blocks", m->live.count);
    write_alloc(m, stream, block.id, event);
    m->summary.allocs++;
    if (m->live.bytes > m->summary.peak_bytes) {
        m->summary.peak_bytes = m->live.bytes;
        m->summary.peak_blocks = m->live.count;
    }
    return true;
}

/* True if the realloc that begins here came to nothing: it failed, or left the block as it was.
 * A program killed inside realloc leaves no outcome; its block may be gone, so it counts as
 * freed. */
static bool resize_changes_nothing(const struct stream *stream, const struct live_block *block)
{
    const struct record_event *outcome = &stream->events[1];
    if (stream->ready < 2)
        return false;
    if (outcome->op == RECORD_CANCEL)
        return true;
    return outcome->op == RECORD_RESIZED && block != NULL && outcome->address == block->address &&
           outcome->size == block->size;
}

/* Writes what the stream's next event means and goes on to the one after it. */
static bool step(struct record_merge *m, struct stream *stream)
{
    const struct record_event *event = &stream->events[0];
    unsigned used = 1;
    if (stream->state == STREAM_ENDED) {
        write_end(m, stream);
        stream->done = true;
        return true;
    }
    struct live_block *block = live_blocks_find(&m->live, event->address);
    if (record_event_is_alloc(event)) {
        if (!begin_lifetime(m, stream, event))
            return false;
    } else if (event->op == RECORD_RESIZE && resize_changes_nothing(stream, block)) {
        used = 2;
    } else if (event->op != RECORD_CANCEL) {
        if (block != NULL)
            end_lifetime(m, stream, block);
        else
            m->summary.unknown_frees++;
    }
    return merge_advance(m, stream, used);
}

/* -- The merge proper -- */

static bool at_time(const struct stream *stream, uint64_t ticks)
{
    return !stream->done && has_head(stream) && stream->head_ticks == ticks;
}

/* Executes all events at one time: whatever fits, over and over; when nothing does, the first,
 * as it is, unless it may yet fit when the outcome of a realloc of that time is known. */
static bool run_group(struct record_merge *m, size_t count, uint64_t ticks)
{
    for (;;) {
        struct stream *stuck = NULL;
        bool moved = false;
        for (size_t i = 0; i < count; i++) {
            struct stream *stream = m->group[i];
            for (; at_time(stream, ticks) && fits(m, stream); moved = true, m->events++) {
                if (!step(m, stream))
                    return false;
            }
            if (stuck == NULL && at_time(stream, ticks))
                stuck = stream;
        }
        if (stuck == NULL || (!moved && m->limit <= ticks))
            return true;
        if (!moved && !step(m, stuck))
            return false;
    }
}

void merge_enqueue(struct record_merge *m, struct stream *stream)
{
    if (!stream->queued && !stream->done && has_head(stream))
        stream_queue_push(&m->queue, stream);
}

/* Executes the stream's events that come before those of all others. */
static bool run_alone(struct record_merge *m, struct stream *stream)
{
    for (unsigned n = 0; n < ALONE && !stream->done && has_head(stream) && stream->head_ticks < m->limit &&
         stream->head_ticks < stream_queue_ticks(&m->queue); n++, m->events++) {
        if (!step(m, stream))
            return false;
    }
    return true;
}

bool merge_run(struct record_merge *m)
{
    uint64_t check = m->events;
    while (stream_queue_ticks(&m->queue) < m->limit) {
        uint64_t ticks = stream_queue_ticks(&m->queue);
        size_t count = 0;
        while (stream_queue_ticks(&m->queue) == ticks)
            m->group[count++] = stream_queue_pop(&m->queue);
        if (!(count == 1 ? run_alone(m, m->group[0]) : run_group(m, count, ticks)))
            return false;
        for (size_t i = 0; i < count; i++)
            merge_enqueue(m, m->group[i]);
        if (m->events < check)
            continue;
        check = m->events + 65536;
        if (m->failed)
            return false;
        if (*m->options->interrupted != 0)
            return error_set(m->error, "interrupted; no trace was written");
    }
    return true;
}
