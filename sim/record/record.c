/* From a recording to a trace, pass by pass while the program runs.
 *
 * A pass merges what was stamped before the pass before it began. All that such an event depends on was visible before
 * it was stamped, so it is merged in this pass at the latest. A thread that was stopped between its stamp and making
 * the event visible comes late: its event takes place when the passes so far have ended; whatever depends on it was
 * stamped after it became visible, and so has not been merged either. A realloc whose outcome is not known yet stops
 * the pass at its time. */
#include "record/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "record/record_merge.h"

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
    merge_write_header(m);
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
        if (!stream->queued && !merge_advance(m, stream, 0))
            return false;
        merge_enqueue(m, stream);
    }
    if (!merge_run(m))
        return false;
    close_ended_streams(m, false);
    if (m->limit > until->ticks)
        m->limit = until->ticks;
    m->reached = (struct record_moment){m->limit, m->start.ns + merge_row_time(m, m->limit)};
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
    merge_flush_rows(m);
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
