/* The merge of the threads' streams into one trace, pass by pass while the program runs.
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
 * A pass merges what was stamped before the pass before it began. All that such an event depends on was visible before
 * it was stamped, so it is merged in this pass at the latest. A thread that was stopped between its stamp and making
 * the event visible comes late: its event takes place when the passes so far have ended; whatever depends on it was
 * stamped after it became visible, and so has not been merged either. A realloc whose outcome is not known yet stops
 * the pass at its time.
 *
 * Invariant: an address is in `live` exactly while the rows written so far leave its lifetime
 * open. Memory is proportional to live blocks and threads. */
#include "record/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "record/record_live.h"
#include "record/stream_queue.h"

enum { ALONE = 4096 }; /* events of one stream before it is looked whether to go on */

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

/* -- Rows -- */

enum { MAX_ALIGN_LOG2 = 30 }; /* the most that a trace may ask for */

/* Hands the rows over that have come together. After a failure, which is then in m->error, there are no more. */
static void flush_rows(struct record_merge *m)
{
    m->failed = m->failed || !row_output_put(&m->out, m->rows, m->row_count, m->error);
    m->row_count = 0;
}

static struct trace_row *add_row(struct record_merge *m, uint8_t op)
{
    if (m->row_count == ROW_BATCH)
        flush_rows(m);
    struct trace_row *row = &m->rows[m->row_count++];
    *row = row_begin(op, ++m->row_number);
    return row;
}

/* ns since the start; the ticks are not before those reached. */
static uint64_t row_time(const struct record_merge *m, uint64_t ticks)
{
    return m->reached.ns - m->start.ns + (uint64_t)((double)(ticks - m->reached.ticks) * m->ns_per_tick);
}

static struct trace_row *add_event(struct record_merge *m, const struct stream *stream, uint8_t op)
{
    struct trace_row *row = add_row(m, op);
    m->summary.duration_ns = row_time(m, stream->head_ticks);
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
    flush_rows(m); /* with the text still there */
}

static void write_header(struct record_merge *m)
{
    write_meta(m, "source", "malloc");
    write_meta(m, "time", "recorded");
    write_meta(m, "size", "exact");
    write_meta(m, "death", "exact");
    write_meta(m, "program", m->options->program);
}

/* -- Streams -- */

/* Goes on by `events` in the stream and sets the time of what comes then. Time never runs backwards, neither within a
 * stream nor behind what has been written. */
static bool advance(struct record_merge *m, struct stream *stream, unsigned events)
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
    return advance(m, stream, used);
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

static void enqueue(struct record_merge *m, struct stream *stream)
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

/* Merges up to the limit. */
static bool run(struct record_merge *m)
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
            enqueue(m, m->group[i]);
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

/* -- Passes -- */

/* Makes room for that many streams. */
static bool reserve_streams(struct record_merge *m, size_t count)
{
    if (count <= m->stream_capacity)
        return true;
    size_t capacity = m->stream_capacity == 0 ? 16 : 2 * m->stream_capacity;
    struct stream ***arrays[] = {&m->streams, &m->queue.heap, &m->group};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        struct stream **larger = reallocarray(*arrays[i], capacity, sizeof *larger);
        if (larger == NULL)
            return error_set(m->error, "out of memory with %zu threads", count);
        *arrays[i] = larger;
    }
    m->stream_capacity = capacity;
    return true;
}

static int by_thread(const void *a, const void *b)
{
    const struct stream *x = *(struct stream *const *)a, *y = *(struct stream *const *)b;
    return x->thread < y->thread ? -1 : x->thread > y->thread;
}

/* Adds the windows of a list that the control had, which is of the newest first; but not those of a program that is no
 * more. Once the program has ended they are read at once: there may be more of them than a process may map. */
static bool add_streams(struct record_merge *m, uint64_t slot)
{
    size_t before = m->stream_count;
    while (slot != 0) {
        if (!reserve_streams(m, m->stream_count + 1))
            return false;
        struct stream *stream = stream_open(&m->recording, slot, m->error);
        if (stream == NULL)
            return false;
        slot = stream->older;
        if (stream->incarnation != m->incarnation) {
            stream_close_ended(stream);
            continue;
        }
        m->streams[m->stream_count++] = stream;
        if (m->recording.ended)
            stream_set_final(stream);
        if (!stream_advance(stream, 0, m->error))
            return false;
    }
    if (m->stream_count > before)
        qsort(m->streams + before, m->stream_count - before, sizeof(struct stream *), by_thread);
    for (size_t i = before; i < m->stream_count; i++)
        m->streams[i]->number = (uint32_t)m->summary.threads++;
    return true;
}

/* Lets go of the streams that have ended, of all if the whole program has. */
static void close_ended_streams(struct record_merge *m, bool all)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->stream_count; i++) {
        if (all || m->streams[i]->done)
            stream_close_ended(m->streams[i]);
        else
            m->streams[kept++] = m->streams[i];
    }
    m->stream_count = kept;
    if (all)
        m->queue.count = 0;
}

/* Puts the trace in its place if all is good; if not, or if that fails, there is none. */
static bool close_trace(struct record_merge *m, bool good)
{
    if (!m->is_open)
        return false;
    m->is_open = false;
    return row_output_close(&m->out, good, m->error);
}

static bool open_trace(struct record_merge *m)
{
    static const struct row_source rows = {.name = "the recording", .columns = RECORD_COLUMNS};
    close_trace(m, false);
    m->row_count = m->row_number = 0;
    m->is_open = row_output_open(&m->out, NULL, m->options->trace, &rows, m->error);
    return m->is_open;
}

/* The rows that come are of the program that the recorded process has become; those that there are, if any, are of its
 * former self. */
static bool begin_program(struct record_merge *m, uint32_t incarnation)
{
    if (m->incarnation != 0 && !open_trace(m))
        return false;
    close_ended_streams(m, true);
    live_blocks_destroy(&m->live);
    m->summary = (struct record_summary){0};
    m->next_id = 0;
    m->incarnation = incarnation;
    m->start.ticks = atomic_load(&m->recording.control->start_ticks);
    m->start.ns = atomic_load(&m->recording.control->start_ns);
    m->reached = m->start;
    if (!live_blocks_init(&m->live))
        return error_set(m->error, "out of memory");
    write_header(m);
    return true;
}

/* What has come to the recording since it was last looked at. The number is read after the list is taken, so that no
 * window of the list is newer. */
static bool take_streams(struct record_merge *m)
{
    uint64_t newest = atomic_exchange(&m->recording.control->newest, 0);
    uint32_t incarnation = atomic_load(&m->recording.control->incarnation);
    if (incarnation != m->incarnation && !begin_program(m, incarnation))
        return false;
    return add_streams(m, newest);
}

/* A thread whose destructors have run may still free what is libc's own, until it is no more. */
static bool has_ended(const struct record_merge *m, const struct stream *stream)
{
    return atomic_load(&stream->window->end_ticks) != 0 &&
           syscall(SYS_tgkill, atomic_load(&m->recording.control->owner), stream->tid, 0) != 0 && errno == ESRCH;
}

/* Merges what happened before `until`, or all that there is if the program has ended then. Between the two moments time
 * goes evenly. */
static bool merge_until(struct record_merge *m, const struct record_moment *until)
{
    bool ended = m->recording.ended;
    m->limit = ended ? UINT64_MAX : until->ticks;
    m->end_ticks = until->ticks;
    m->ns_per_tick = (double)(until->ns - m->reached.ns) / (double)(until->ticks - m->reached.ticks);
    for (size_t i = 0; i < m->stream_count; i++) {
        struct stream *stream = m->streams[i];
        if (!stream->final && (ended || has_ended(m, stream)))
            stream_set_final(stream);
        if (!stream->queued && !advance(m, stream, 0))
            return false;
        enqueue(m, stream);
    }
    if (!run(m))
        return false;
    close_ended_streams(m, false);
    if (m->limit > until->ticks)
        m->limit = until->ticks;
    m->reached = (struct record_moment){m->limit, m->start.ns + row_time(m, m->limit)};
    return !m->failed;
}

static bool is_later(const struct record_moment *moment, const struct record_moment *than)
{
    return moment->ticks > than->ticks && moment->ns > than->ns;
}

/* After a failure: the program goes on without being recorded. */
static bool give_up(struct record_merge *m)
{
    atomic_store(&m->recording.control->closed, 1);
    return close_trace(m, false);
}

bool record_merge_pass(struct record_merge *m, struct error *error)
{
    struct record_moment now = record_merge_now(m);
    m->error = error;
    if (!take_streams(m))
        return give_up(m);
    if (m->incarnation != 0 && is_later(&m->last_pass, &m->reached) && !merge_until(m, &m->last_pass))
        return give_up(m);
    m->last_pass = now;
    return true;
}

static bool finish(struct record_merge *m, const struct record_moment *end)
{
    if (atomic_load(&m->recording.control->owner) == 0)
        return error_set(m->error, "%s did not load the recorder: it is statically linked or set-uid, "
                         "or no program for this machine's C library", m->options->program);
    if (!take_streams(m))
        return false;
    if (!is_later(end, &m->reached))
        return error_set(m->error, "the recording is damaged: it began when the program ended");
    if (!merge_until(m, end))
        return false;
    flush_rows(m);
    return !m->failed;
}

bool record_merge_finish(struct record_merge *m, const struct record_moment *end, struct record_summary *summary,
                         struct error *error)
{
    m->error = error;
    m->recording.ended = true;
    if (!finish(m, end))
        return give_up(m);
    m->summary.end_bytes = m->live.bytes;
    m->summary.end_blocks = m->live.count;
    m->summary.stop_errno = atomic_load(&m->recording.control->stop_errno);
    *summary = m->summary;
    return close_trace(m, true);
}

/* -- Opening -- */

struct record_moment record_merge_now(const struct record_merge *m)
{
    uint64_t ns = record_monotonic_ns();
    return (struct record_moment){m->recording.control->tsc != 0 ? tsc_read_ordered() : ns, ns};
}

static bool open_recording(struct record_merge *m, const char *path)
{
    m->recording.file = open(path, O_RDWR | O_CLOEXEC);
    if (m->recording.file < 0)
        return error_set(m->error, "%s: %s", path, strerror(errno));
    void *control = mmap(NULL, sizeof *m->recording.control, PROT_READ | PROT_WRITE, MAP_SHARED, m->recording.file, 0);
    if (control == MAP_FAILED)
        return error_set(m->error, "%s: %s", path, strerror(errno));
    m->recording.control = control;
    return m->recording.control->magic == RECORD_MAGIC || error_set(m->error, "%s: expected a recording", path);
}

struct record_merge *record_merge_open(const char *recording, const struct record_options *options,
                                       struct error *error)
{
    struct record_merge *m = calloc(1, sizeof *m);
    if (m == NULL) {
        error_set(error, "out of memory");
        return NULL;
    }
    m->options = options;
    m->error = error;
    m->recording.file = -1;
    if (open_recording(m, recording) && open_trace(m))
        return m;
    record_merge_close(m);
    return NULL;
}

void record_merge_close(struct record_merge *m)
{
    for (size_t i = 0; i < m->stream_count; i++)
        stream_close(m->streams[i]);
    close_trace(m, false);
    live_blocks_destroy(&m->live);
    free(m->group);
    free(m->queue.heap);
    free(m->streams);
    if (m->recording.control != NULL)
        munmap(m->recording.control, sizeof *m->recording.control);
    if (m->recording.file >= 0)
        close(m->recording.file);
    free(m);
}
