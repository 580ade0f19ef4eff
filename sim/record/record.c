/* The merge of the threads' streams into one trace.
 *
 *   chunks of thread 0 --+
 *   chunks of thread 1 --+--> earliest head --> address -> lifetime --> rows
 *   chunks of thread 2 --+
 *
 * Frees are stamped before the real call and allocations after it, so by time a lifetime's free
 * never comes after the next allocation of its address, and never before its own. Equal times
 * are the exception: among them an event that does not fit (an allocation of a live address, a
 * free of one that is not) waits for those of the other threads.
 * Invariant: an address is in `live` exactly while the rows written so far leave its lifetime
 * open. Memory is proportional to live blocks and threads; the recording itself is mapped, not
 * read in. */
#include "record/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "preload/format.h"
#include "record/record_live.h"

/* A chunk as found in the file, in a list with its thread's other chunks, oldest first. */
struct chunk {
    const struct record_chunk *data;
    struct chunk *next;
    uint64_t count; /* events */
};

struct stream {
    struct chunk *first, *last;
    struct chunk *chunk; /* being read; NULL at the end */
    uint64_t index;      /* of the next event in it */
    uint64_t head_ns;    /* time of the next event, or of the end row, from the start */
    uint64_t end_ns;     /* when the thread ended, absolute; 0: with the program */
    uint32_t number;     /* p */
    bool done;           /* the end row is written */
};

struct merge {
    const struct record_options *options;
    struct row_output *out;
    struct trace_row rows[ROW_BATCH]; /* not written yet */
    size_t row_count;
    uint64_t row_number;
    bool failed; /* the output has */
    struct record_summary *summary;
    struct error *error;
    const unsigned char *map;
    uint64_t map_bytes, first_slot, start_ns;
    struct chunk *chunks;
    struct stream *streams;
    size_t stream_count;
    struct stream **heap; /* streams by (head_ns, number) */
    struct stream **group; /* streams whose heads have the same time */
    size_t heap_count;
    struct live_blocks live;
    uint64_t next_id, events;
};

bool record_create(const char *path, struct error *error)
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    union {
        struct record_control control;
        unsigned char bytes[RECORD_SLOT];
    } first = {.control = {.magic = RECORD_MAGIC, .next_slot = 1}};
    bool written = file >= 0 && write(file, &first, sizeof first) == (ssize_t)sizeof first;
    int reason = errno;
    if (file >= 0)
        close(file);
    return written || error_set(error, "%s: %s", path, strerror(reason));
}

/* -- Rows -- */

enum { MAX_ALIGN_LOG2 = 30 }; /* the most that a trace may ask for */

/* Hands the rows over that have come together. After a failure, which is then in m->error, there are no more. */
static void flush_rows(struct merge *m)
{
    m->failed = m->failed || !row_output_put(m->out, m->rows, m->row_count, m->error);
    m->row_count = 0;
}

static struct trace_row *add_row(struct merge *m, uint8_t op)
{
    if (m->row_count == ROW_BATCH)
        flush_rows(m);
    struct trace_row *row = &m->rows[m->row_count++];
    *row = row_begin(op, ++m->row_number);
    return row;
}

static struct trace_row *add_event(struct merge *m, const struct stream *stream, uint8_t op)
{
    struct trace_row *row = add_row(m, op);
    row_set(row, ROW_T_NS, stream->head_ns);
    row_set(row, ROW_P, stream->number);
    return row;
}

static void write_alloc(struct merge *m, const struct stream *stream, uint64_t id,
                        const struct record_event *event)
{
    unsigned log2 = event->align_log2 < MAX_ALIGN_LOG2 ? event->align_log2 : MAX_ALIGN_LOG2;
    struct trace_row *row = add_event(m, stream, TRACE_ALLOC);
    row_set(row, ROW_ID, id);
    row_set(row, ROW_SIZE, event->size);
    if (log2 != 0)
        row_set(row, ROW_ALIGN, UINT64_C(1) << log2);
}

static void write_free(struct merge *m, const struct stream *stream, uint64_t id)
{
    row_set(add_event(m, stream, TRACE_FREE), ROW_ID, id);
}

static void write_end(struct merge *m, const struct stream *stream)
{
    add_event(m, stream, TRACE_END);
}

static void write_meta(struct merge *m, const char *key, const char *value)
{
    char text[512];
    row_meta_text(text, sizeof text, key, value);
    row_set_type(add_row(m, TRACE_META), text, strlen(text));
    flush_rows(m); /* with the text still there */
}

static void write_header(struct merge *m)
{
    write_meta(m, "source", "malloc");
    write_meta(m, "time", "recorded");
    write_meta(m, "size", "exact");
    write_meta(m, "death", "exact");
    write_meta(m, "program", m->options->program);
    if (m->summary->stop_errno != 0)
        write_meta(m, "complete", "no");
}

/* -- Streams -- */

static uint64_t since_start(const struct merge *m, uint64_t absolute_ns)
{
    return absolute_ns > m->start_ns ? absolute_ns - m->start_ns : 0;
}

/* The stream's next event, or the one after it; NULL past its end. */
static const struct record_event *event_at(const struct stream *stream, uint64_t ahead)
{
    const struct chunk *chunk = stream->chunk;
    uint64_t index = stream->index + ahead;
    while (chunk != NULL && index >= chunk->count) {
        index -= chunk->count;
        chunk = chunk->next;
    }
    return chunk != NULL ? &chunk->data->events[index] : NULL;
}

/* Goes on by `events` and sets the time of the new head; within a stream time never runs
 * backwards. */
static void advance(const struct merge *m, struct stream *stream, uint64_t events)
{
    stream->index += events;
    while (stream->chunk != NULL && stream->index >= stream->chunk->count) {
        stream->index -= stream->chunk->count;
        stream->chunk = stream->chunk->next;
    }
    const struct record_event *event = event_at(stream, 0);
    uint64_t ended_ns = stream->end_ns != 0 ? stream->end_ns : m->options->end_ns;
    uint64_t head_ns = since_start(m, event != NULL ? event->time_ns : ended_ns);
    if (head_ns > stream->head_ns)
        stream->head_ns = head_ns;
}

static bool is_alloc(const struct record_event *event)
{
    return event->op == RECORD_ALLOC || event->op == RECORD_RESIZED;
}

/* Whether the stream's next event makes sense now, or has to wait for another stream's. */
static bool fits(const struct merge *m, const struct stream *stream)
{
    const struct record_event *event = event_at(stream, 0);
    if (event == NULL || event->op == RECORD_CANCEL)
        return true;
    return (live_blocks_find(&m->live, event->address) == NULL) == is_alloc(event);
}

/* -- Events -- */

static void end_lifetime(struct merge *m, const struct stream *stream, struct live_block *block)
{
    write_free(m, stream, block->id);
    m->summary->frees++;
    live_blocks_remove(&m->live, block);
}

static bool begin_lifetime(struct merge *m, const struct stream *stream,
                           const struct record_event *event)
{
    struct live_block *earlier = live_blocks_find(&m->live, event->address);
    if (earlier != NULL) {
        m->summary->missed_frees++;
        end_lifetime(m, stream, earlier);
    }
    struct live_block block = {event->address, ++m->next_id, event->size};
    if (!live_blocks_add(&m->live, block))
        return error_set(m->error, "out of memory with %zu live blocks", m->live.count);
    write_alloc(m, stream, block.id, event);
    m->summary->allocs++;
    if (m->live.bytes > m->summary->peak_bytes) {
        m->summary->peak_bytes = m->live.bytes;
        m->summary->peak_blocks = m->live.count;
    }
    return true;
}

/* True if the realloc that begins here came to nothing: it failed, or left the block as it was.
 * A program killed inside realloc leaves no outcome; its block may be gone, so it counts as
 * freed. */
static bool resize_changes_nothing(const struct stream *stream, const struct live_block *block)
{
    const struct record_event *outcome = event_at(stream, 1);
    if (outcome == NULL)
        return false;
    if (outcome->op == RECORD_CANCEL)
        return true;
    return outcome->op == RECORD_RESIZED && block != NULL && outcome->address == block->address &&
           outcome->size == block->size;
}

/* Writes what the stream's next event means and goes on to the one after it. */
static bool step(struct merge *m, struct stream *stream)
{
    const struct record_event *event = event_at(stream, 0);
    uint64_t used = 1;
    if (event == NULL) {
        write_end(m, stream);
        stream->done = true;
        return true;
    }
    struct live_block *block = live_blocks_find(&m->live, event->address);
    if (event->op < RECORD_ALLOC || event->op > RECORD_CANCEL || event->address == 0)
        return error_set(m->error, "the recording is damaged: an event of thread %" PRIu32,
                         stream->number);
    if (is_alloc(event)) {
        if (!begin_lifetime(m, stream, event))
            return false;
    } else if (event->op == RECORD_RESIZE && resize_changes_nothing(stream, block)) {
        used = 2;
    } else if (event->op != RECORD_CANCEL) {
        if (block != NULL)
            end_lifetime(m, stream, block);
        else
            m->summary->unknown_frees++;
    }
    advance(m, stream, used);
    return true;
}

/* -- The merge proper -- */

static bool earlier(const struct stream *a, const struct stream *b)
{
    return a->head_ns != b->head_ns ? a->head_ns < b->head_ns : a->number < b->number;
}

static void heap_push(struct merge *m, struct stream *stream)
{
    size_t i = m->heap_count++;
    for (; i > 0 && earlier(stream, m->heap[(i - 1) / 2]); i = (i - 1) / 2)
        m->heap[i] = m->heap[(i - 1) / 2];
    m->heap[i] = stream;
}

static struct stream *heap_pop(struct merge *m)
{
    struct stream *first = m->heap[0], *moved = m->heap[--m->heap_count];
    size_t i = 0;
    for (size_t child = 1; child < m->heap_count; child = 2 * i + 1) {
        if (child + 1 < m->heap_count && earlier(m->heap[child + 1], m->heap[child]))
            child++;
        if (!earlier(m->heap[child], moved))
            break;
        m->heap[i] = m->heap[child];
        i = child;
    }
    m->heap[i] = moved;
    return first;
}

static bool at_time(const struct stream *stream, uint64_t time_ns)
{
    return !stream->done && stream->head_ns == time_ns;
}

/* Executes all events at one time: whatever fits, over and over; when nothing does, the first,
 * as it is. */
static bool run_group(struct merge *m, size_t count, uint64_t time_ns)
{
    for (;;) {
        struct stream *stuck = NULL;
        bool moved = false;
        for (size_t i = 0; i < count; i++) {
            struct stream *stream = m->group[i];
            for (; at_time(stream, time_ns) && fits(m, stream); moved = true, m->events++) {
                if (!step(m, stream))
                    return false;
            }
            if (stuck == NULL && at_time(stream, time_ns))
                stuck = stream;
        }
        if (stuck == NULL)
            return true;
        if (!moved && !step(m, stuck))
            return false;
    }
}

static bool run(struct merge *m)
{
    uint64_t check = 0;
    while (m->heap_count > 0) {
        uint64_t time_ns = m->heap[0]->head_ns;
        size_t count = 0;
        while (m->heap_count > 0 && m->heap[0]->head_ns == time_ns)
            m->group[count++] = heap_pop(m);
        if (!run_group(m, count, time_ns))
            return false;
        for (size_t i = 0; i < count; i++) {
            if (!m->group[i]->done)
                heap_push(m, m->group[i]);
        }
        m->summary->duration_ns = time_ns;
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

/* -- Opening -- */

/* The chunk at that slot, or NULL: taken by a thread that did not live to use it. */
static const struct record_chunk *chunk_at(const struct merge *m, uint64_t slot)
{
    const struct record_chunk *chunk = (const void *)(m->map + slot * RECORD_SLOT);
    if (chunk->magic != RECORD_CHUNK_MAGIC || chunk->slots == 0 ||
        chunk->slots > RECORD_MAX_SLOTS || (slot + chunk->slots) * RECORD_SLOT > m->map_bytes)
        return NULL;
    return chunk;
}

static void append_chunk(struct stream *stream, struct chunk *chunk)
{
    if (stream->first == NULL)
        stream->first = chunk;
    else
        stream->last->next = chunk;
    stream->last = chunk;
    uint64_t end_ns = atomic_load(&chunk->data->end_ns);
    if (end_ns != 0)
        stream->end_ns = end_ns;
}

/* Sorts the file's chunks into one list a thread. */
static bool index_chunks(struct merge *m)
{
    uint64_t slots = m->map_bytes / RECORD_SLOT;
    size_t count = 0, highest = 0;
    const struct record_chunk *data;
    for (uint64_t slot = m->first_slot; slot < slots; slot += data != NULL ? data->slots : 1) {
        data = chunk_at(m, slot);
        if (data != NULL && data->thread >= highest)
            highest = (size_t)data->thread + 1;
        count += data != NULL;
    }
    m->chunks = calloc(count + 1, sizeof *m->chunks);
    m->streams = calloc(highest + 1, sizeof *m->streams);
    m->heap = calloc(highest + 1, sizeof(struct stream *));
    m->group = calloc(highest + 1, sizeof(struct stream *));
    if (m->chunks == NULL || m->streams == NULL || m->heap == NULL || m->group == NULL ||
        !live_blocks_init(&m->live))
        return error_set(m->error, "out of memory with %zu threads", highest);
    m->stream_count = highest;
    struct chunk *chunk = m->chunks;
    for (uint64_t slot = m->first_slot; slot < slots; slot += data != NULL ? data->slots : 1) {
        data = chunk_at(m, slot);
        if (data == NULL)
            continue;
        uint64_t committed = atomic_load(&data->committed);
        uint64_t capacity = record_chunk_capacity(data->slots);
        *chunk = (struct chunk){.data = data, .count = committed < capacity ? committed : capacity};
        append_chunk(&m->streams[data->thread], chunk++);
    }
    return true;
}

/* Puts every stream that has a chunk into the heap, numbered densely. */
static void begin_streams(struct merge *m)
{
    uint32_t number = 0;
    for (size_t i = 0; i < m->stream_count; i++) {
        struct stream *stream = &m->streams[i];
        if (stream->first == NULL)
            continue;
        stream->chunk = stream->first;
        stream->number = number++;
        advance(m, stream, 0);
        heap_push(m, stream);
    }
    m->summary->threads = number;
}

static bool open_map(struct merge *m, int file)
{
    struct stat status;
    if (fstat(file, &status) != 0)
        return error_set(m->error, "the recording: %s", strerror(errno));
    m->map_bytes = (uint64_t)status.st_size;
    if (m->map_bytes < RECORD_SLOT)
        return error_set(m->error, "the recording is damaged: it is too short");
    void *map = mmap(NULL, m->map_bytes, PROT_READ, MAP_SHARED, file, 0);
    if (map == MAP_FAILED)
        return error_set(m->error, "the recording: %s", strerror(errno));
    m->map = map;
    const struct record_control *control = map;
    if (atomic_load(&control->owner) == 0)
        return error_set(m->error, "%s did not load the recorder: it is statically linked or set-uid, "
                         "or no program for this machine's C library", m->options->program);
    m->first_slot = atomic_load(&control->first_slot);
    m->start_ns = atomic_load(&control->start_ns);
    m->summary->stop_errno = atomic_load(&control->stop_errno);
    return true;
}

bool record_merge(int file, const struct record_options *options, struct row_output *out,
                  struct record_summary *summary, struct error *error)
{
    struct merge m = {.options = options, .out = out, .summary = summary, .error = error};
    *summary = (struct record_summary){0};
    bool merged = open_map(&m, file) && index_chunks(&m);
    if (merged) {
        begin_streams(&m);
        write_header(&m);
        merged = run(&m);
        flush_rows(&m);
        merged = merged && !m.failed;
    }
    summary->end_bytes = m.live.bytes;
    summary->end_blocks = m.live.count;
    live_blocks_destroy(&m.live);
    free(m.group);
    free(m.heap);
    free(m.streams);
    free(m.chunks);
    if (m.map != NULL)
        munmap((void *)(uintptr_t)m.map, m.map_bytes);
    return merged;
}
