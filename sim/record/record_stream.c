/* A window is read as it fills: copy what is below `position`, and then look whether it was emptied meanwhile; if it
 * was, the copy may be of anything, and the same units are in the file by then. */
#include "record/record_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static bool damaged(const struct stream *s, const char *what, struct error *error)
{
    return error_set(error, "the recording is damaged: %s of thread %" PRIu32, what, s->thread);
}

/* ---- the file ---- */

/* What is more than enough to be taken again is punched out of the file; where that cannot be done the room comes back
 * at the end. It is not done to all: some file systems write what is punched out to the disk first. */
static void give_back(const struct record_file *recording, uint64_t slot)
{
    if (!recording->ended && !record_give_slot(recording->control, slot))
        (void)!fallocate(recording->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(slot * RECORD_SLOT),
                         RECORD_SLOT);
}

static bool read_at(int file, void *to, size_t bytes, uint64_t offset, struct error *error)
{
    ssize_t n = pread(file, to, bytes, (off_t)offset);
    if (n == (ssize_t)bytes)
        return true;
    return error_set(error, "the recording: %s", n < 0 ? strerror(errno) : "it ends early");
}

/* A slot within the reach of file offsets, and not the control's. */
static bool is_slot(uint64_t slot)
{
    return slot != 0 && slot < (UINT64_C(1) << 62) / RECORD_SLOT;
}

/* The head of the stream's chunk that comes next. */
static bool read_head(struct stream *s, struct record_window *head, struct error *error)
{
    if (s->chunks == 0)
        s->chunk = atomic_load(&s->window->first);
    if (!is_slot(s->chunk))
        return damaged(s, "the place of a chunk", error);
    if (!read_at(s->recording->file, head, RECORD_HEAD, s->chunk * RECORD_SLOT, error))
        return false;
    bool good = head->magic == RECORD_WINDOW_MAGIC && head->thread == s->thread &&
                head->position == ((uint64_t)s->chunks << 32 | RECORD_UNITS);
    return good || damaged(s, "a chunk", error);
}

static void leave_chunk(struct stream *s)
{
    s->chunks++;
    s->chunk = s->then;
    s->index = s->count = 0;
    s->whole = false;
}

static void close_window(struct stream *s)
{
    if (s->window != NULL)
        munmap((void *)(uintptr_t)s->window, RECORD_SLOT);
    s->window = NULL;
}

struct stream *stream_open(const struct record_file *recording, uint64_t slot, struct error *error)
{
    void *map = MAP_FAILED;
    off_t end = lseek(recording->file, 0, SEEK_END);
    errno = EINVAL;
    if (is_slot(slot) && end >= 0 && slot < (uint64_t)end / RECORD_SLOT)
        map = mmap(NULL, RECORD_SLOT, PROT_READ, MAP_SHARED, recording->file, (off_t)(slot * RECORD_SLOT));
    struct stream *s = map != MAP_FAILED ? calloc(1, sizeof *s) : NULL;
    if (s == NULL) {
        error_set(error, "the recording: a thread's window: %s", strerror(errno));
        if (map != MAP_FAILED)
            munmap(map, RECORD_SLOT);
        return NULL;
    }
    const struct record_window *window = map;
    *s = (struct stream){
        .recording = recording, .window = window, .slot = slot, .read_ticks = window->start_ticks,
        .thread = window->thread, .tid = window->tid, .incarnation = window->incarnation,
        .older = atomic_load(&window->older),
    };
    if (window->magic == RECORD_WINDOW_MAGIC)
        return s;
    damaged(s, "the window", error);
    close_window(s);
    free(s);
    return NULL;
}

void stream_close(struct stream *s)
{
    close_window(s);
    free(s->units);
    free(s);
}

/* Beside the window and what has not been read, a thread that has written a chunk has a slot for the next one. */
void stream_close_ended(struct stream *s)
{
    struct record_window head;
    struct error ignored;
    bool good = true;
    uint64_t position = s->window != NULL ? atomic_load(&s->window->position) : 0;
    if (s->whole)
        leave_chunk(s);
    for (; s->chunks < position >> 32 && (good = read_head(s, &head, &ignored)); s->chunks++) {
        give_back(s->recording, s->chunk);
        s->chunk = head.then;
    }
    if (good && is_slot(s->chunk))
        give_back(s->recording, s->chunk);
    close_window(s);
    give_back(s->recording, s->slot);
    stream_close(s);
}

void stream_set_final(struct stream *s)
{
    if (s->window != NULL)
        s->end_ticks = atomic_load(&s->window->end_ticks);
    s->final = true;
}

/* ---- units ---- */

static bool make_room(struct stream *s, uint32_t units, struct error *error)
{
    if (units <= s->capacity)
        return true;
    uint32_t capacity = s->capacity == 0 ? 64 : s->capacity;
    while (capacity < units)
        capacity *= 2;
    struct record_unit *larger = realloc(s->units, capacity * sizeof *larger);
    if (larger == NULL)
        return error_set(error, "out of memory for what thread %" PRIu32 " recorded", s->thread);
    s->units = larger;
    s->capacity = capacity;
    return true;
}

static bool read_chunk(struct stream *s, struct error *error)
{
    struct record_window head;
    size_t bytes = RECORD_UNITS * sizeof *s->units;
    if (!read_head(s, &head, error) || !make_room(s, RECORD_UNITS, error) ||
        !read_at(s->recording->file, s->units, bytes, s->chunk * RECORD_SLOT + RECORD_HEAD, error))
        return false;
    give_back(s->recording, s->chunk);
    s->count = RECORD_UNITS;
    s->whole = true;
    s->then = head.then;
    return true;
}

/* What the window has had come to it; nothing if it is emptied meanwhile. */
static bool copy_window(struct stream *s, uint32_t units, struct error *error)
{
    if (!make_room(s, units, error))
        return false;
    for (uint32_t i = s->count; i < units; i++)
        record_copy(&s->units[i], &s->window->units[i]);
    if (atomic_load_explicit(&s->window->position, memory_order_relaxed) >> 32 == s->chunks)
        s->count = units;
    return true;
}

/* True with units to be read, or with none if there are none now; false with *error. */
static bool refill(struct stream *s, struct error *error)
{
    while (s->index == s->count && s->window != NULL) {
        if (s->whole)
            leave_chunk(s);
        uint64_t position = atomic_load_explicit(&s->window->position, memory_order_acquire);
        uint32_t written = (uint32_t)(position >> 32), units = (uint32_t)position;
        if (written < s->chunks || units > RECORD_UNITS || (written == s->chunks && units < s->count))
            return damaged(s, "the window", error);
        bool last = written == s->chunks;
        if (last && units == s->count && !s->final)
            return true;
        if (!(last ? copy_window(s, units, error) : read_chunk(s, error)))
            return false;
        if (last && s->final)
            close_window(s);
    }
    return true;
}

/* ---- events ---- */

/* One event more into the stream's; none if there is none now. */
static bool read_event(struct stream *s, struct error *error)
{
    for (;;) {
        if (s->index == s->count && !refill(s, error))
            return false;
        if (s->index == s->count)
            return true;
        struct record_event event = record_unpack(&s->units[s->index++]);
        if (event.op == RECORD_HIGH) {
            s->high = event;
            continue;
        }
        record_widen(&event, &s->high);
        s->high = (struct record_event){0};
        if (event.op < RECORD_ALLOC || event.op > RECORD_CANCEL || event.address == 0 ||
            __builtin_add_overflow(s->read_ticks, event.later, &s->read_ticks))
            return damaged(s, "an event", error);
        s->events[s->ready] = event;
        s->ticks[s->ready++] = s->read_ticks;
        return true;
    }
}

bool stream_advance(struct stream *s, unsigned events, struct error *error)
{
    s->ready -= events;
    if (events == 1 && s->ready == 1) {
        s->events[0] = s->events[1];
        s->ticks[0] = s->ticks[1];
    }
    if (s->ready == 0 && !read_event(s, error))
        return false;
    bool resizes = s->ready > 0 && s->events[0].op == RECORD_RESIZE;
    if (resizes && s->ready == 1 && !read_event(s, error))
        return false;
    if (s->ready == 0)
        s->state = s->final ? STREAM_ENDED : STREAM_WAITS;
    else
        s->state = resizes && s->ready == 1 && !s->final ? STREAM_IN_REALLOC : STREAM_HAS_EVENT;
    return true;
}
