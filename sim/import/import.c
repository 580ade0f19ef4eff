/* Rows out of calls. The repairs stand here, once, and the sentences about them. */
#include "import/import.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#define MAX_ALIGN (UINT64_C(1) << 30) /* as in CSV traces */
#define MAX_TIME (UINT64_C(1) << 62)  /* ns, as there */

enum { QUOTE_MAX = 60 };

static const char *const told[IMPORT_COUNTS] = {
    [IMPORT_UNKNOWN_FREES] = "frees of blocks that were not live, left out",
    [IMPORT_LIVE_ADDRESSES] = "allocations where a block was live, which was taken to end there",
    [IMPORT_FAILED_CALLS] = "calls that failed, left out",
    [IMPORT_LATE_TIMES] = "times before the first or the thread's latest, moved up to it",
    [IMPORT_LOST_TIMES] = "times left out, as the first call has none",
    [IMPORT_OTHER_PROCESSES] = "calls of other processes than the first, left out",
    [IMPORT_BROKEN_CALLS] = "calls broken off in the middle of their line, left out",
};

bool import_fail(struct import *import, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return row_fail(&import->failure, import->source.name, import->lines.number, "%s", text);
}

bool import_unexpected(struct import *import, const char *what, struct text line)
{
    char quoted[QUOTE_MAX + 4];
    size_t length = (size_t)(line.end - line.at), n = length < QUOTE_MAX ? length : QUOTE_MAX;
    for (size_t i = 0; i < n; i++)
        quoted[i] = line.at[i] >= 0x20 && line.at[i] < 0x7f ? line.at[i] : '?';
    strcpy(quoted + n, length > n ? "..." : "");
    return import_fail(import, "expected %s, got \"%s\"", what, quoted);
}

static bool fail_memory(struct import *import)
{
    return import_fail(import, "out of memory");
}

/* ---- rows ---- */

static inline struct trace_row *add_row(struct import *import, unsigned op)
{
    assert(import->row_count < import->row_room);
    struct trace_row *row = &import->rows[import->row_count++];
    *row = row_begin((uint8_t)op, import->lines.number);
    return row;
}

static uint64_t *latest(struct import *import)
{
    return import->has_thread ? &import->threads[import->thread].latest_ns : &import->latest_ns;
}

static void set_thread(struct import *import, struct trace_row *row)
{
    struct import_thread *thread = &import->threads[import->thread];
    if (thread->number == 0)
        thread->number = ++import->thread_count;
    row_set(row, ROW_P, thread->number - 1);
    row_set(row, ROW_G, import->tid);
}

static inline struct trace_row *add_event(struct import *import, enum trace_op op)
{
    struct trace_row *row = add_row(import, op);
    assert(import->started);
    if (import->timed)
        row_set(row, ROW_T_NS, *latest(import));
    if (import->has_thread)
        set_thread(import, row);
    return row;
}

static void add_meta(struct import *import, const char *text)
{
    row_set_type(add_row(import, TRACE_META), text, strlen(text));
}

void import_start(struct import *import, const char *source, bool timed)
{
    import->started = true;
    import->timed = timed;
    add_meta(import, source);
    add_meta(import, timed ? "time=recorded" : "time=virtual");
    add_meta(import, "size=exact");
    add_meta(import, "death=exact");
}

bool import_finish(struct import *import)
{
    return import->started || import->cut ||
           import_fail(import, "expected calls of malloc and its relatives, got none");
}

/* ---- threads and time ---- */

/* Room for what is kept of slot in an array of elements of this size; new elements are all zeros. */
static bool make_room(void **array, size_t *capacity, uint32_t slot, size_t size)
{
    if (slot < *capacity)
        return true;
    size_t larger_capacity = ((size_t)slot + 32) * 2;
    char *larger = reallocarray(*array, larger_capacity, size);
    if (larger == NULL)
        return false;
    memset(larger + *capacity * size, 0, (larger_capacity - *capacity) * size);
    *array = larger;
    *capacity = larger_capacity;
    return true;
}

static bool add_thread(struct import *import, uint64_t tid)
{
    void *threads = import->threads;
    if (lifetimes_open(&import->tids, tid, LIFETIME_OBJECT, &import->thread) != LIFETIME_OK ||
        !make_room(&threads, &import->threads_capacity, import->thread, sizeof *import->threads))
        return fail_memory(import);
    import->threads = threads;
    import->threads[import->thread] = (struct import_thread){0};
    return true;
}

bool import_thread(struct import *import, uint64_t tid)
{
    if (import->has_thread && import->tid == tid)
        return true;
    const struct id_entry *entry = id_map_find(&import->tids.map, tid);
    if (entry != NULL)
        import->thread = entry->number;
    else if (!add_thread(import, tid))
        return false;
    import->tid = tid;
    import->has_thread = true;
    return true;
}

void import_thread_end(struct import *import)
{
    uint32_t slot;
    add_event(import, TRACE_END);
    if (lifetimes_close(&import->tids, import->tid, LIFETIME_OBJECT, &slot) == LIFETIME_OK)
        lifetimes_release(&import->tids, slot);
    import->has_thread = false;
}

bool import_time(struct import *import, uint64_t ns)
{
    uint64_t *before = latest(import);
    if (ns > MAX_TIME)
        return import_fail(import, "expected a time of at most %" PRIu64 " ns (146 years) after the first, got %"
                           PRIu64, MAX_TIME, ns);
    if (ns < *before)
        import->counts[IMPORT_LATE_TIMES]++;
    else
        *before = ns;
    return true;
}

/* ---- blocks ---- */

/* Addresses are mostly multiples of 16: as neighbours in memory, in its order, they are neighbours in the table. */
static uint64_t key_of(uint64_t address)
{
    return address >> 4 | address << 60;
}

static bool close_block(struct import *import, uint64_t address)
{
    uint32_t slot;
    if (lifetimes_close(&import->blocks, key_of(address), LIFETIME_OBJECT, &slot) != LIFETIME_OK)
        return false;
    lifetimes_release(&import->blocks, slot);
    row_set(add_event(import, TRACE_FREE), ROW_ID, import->ids[slot]);
    return true;
}

/* The new block's id is last_id. */
static bool open_block(struct import *import, uint64_t address)
{
    uint32_t slot;
    enum lifetime_status status = lifetimes_open(&import->blocks, key_of(address), LIFETIME_OBJECT, &slot);
    if (status == LIFETIME_IS_OPEN) {
        import->counts[IMPORT_LIVE_ADDRESSES]++;
        close_block(import, address);
        status = lifetimes_open(&import->blocks, key_of(address), LIFETIME_OBJECT, &slot);
    }
    void *ids = import->ids;
    if (status != LIFETIME_OK || !make_room(&ids, &import->ids_capacity, slot, sizeof *import->ids))
        return fail_memory(import);
    import->ids = ids;
    import->ids[slot] = ++import->last_id;
    return true;
}

/* The power of two that malloc's relatives make of an alignment; 0 and 1 say nothing. */
static bool round_up(struct import *import, uint64_t *align)
{
    if (*align > MAX_ALIGN)
        return import_fail(import, "expected an alignment of at most %" PRIu64 " bytes, got %" PRIu64, MAX_ALIGN,
                           *align);
    uint64_t power = 1;
    while (power < *align)
        power *= 2;
    *align = power;
    return true;
}

bool import_alloc(struct import *import, uint64_t address, uint64_t size, uint64_t align)
{
    if (address == 0) {
        import->counts[IMPORT_FAILED_CALLS]++;
        return true;
    }
    if (size > TRACE_MAX_SIZE)
        return import_fail(import, "expected a size of at most %" PRIu64 " bytes (64 TiB), got %" PRIu64,
                           TRACE_MAX_SIZE, size);
    if (!round_up(import, &align) || !open_block(import, address))
        return false;
    struct trace_row *row = add_event(import, TRACE_ALLOC);
    row_set(row, ROW_ID, import->last_id);
    row_set(row, ROW_SIZE, size);
    if (align > 1)
        row_set(row, ROW_ALIGN, align);
    return true;
}

bool import_alloc_array(struct import *import, uint64_t address, uint64_t count, uint64_t size)
{
    uint64_t total;
    if (__builtin_mul_overflow(count, size, &total) && address != 0)
        return import_fail(import, "expected a size of at most %" PRIu64 " bytes (64 TiB), got %" PRIu64 " times %"
                           PRIu64, TRACE_MAX_SIZE, count, size);
    return import_alloc(import, address, total, 0);
}

void import_fetch(const struct import *import, uint64_t address)
{
    id_map_fetch(&import->blocks.map, key_of(address));
}

bool import_free(struct import *import, uint64_t address)
{
    if (address != 0 && !close_block(import, address))
        import->counts[IMPORT_UNKNOWN_FREES]++;
    return true;
}

bool import_realloc(struct import *import, uint64_t old, uint64_t address, uint64_t size)
{
    if (address == 0 && size != 0) {
        import->counts[IMPORT_FAILED_CALLS]++;
        return true;
    }
    return import_free(import, old) && (address == 0 || import_alloc(import, address, size, 0));
}

/* ---- the source ---- */

/* After the last line, or a failure. */
static void end(struct import *import, enum text_lines_status status)
{
    import->done = true;
    import->cut = status == TEXT_LINES_CUT;
    if (status == TEXT_LINES_CUT || status == TEXT_LINES_END)
        import->format->finish(import);
    if (import->salvage && import->failure.text[0] != '\0') {
        import->salvaged = import->failure;
        import->failure.text[0] = '\0';
    }
}

static void read_line(struct import *import)
{
    struct text line;
    enum text_lines_status status = text_lines_next(&import->lines, &line, &import->failure);
    if (status != TEXT_LINES_LINE || !(text_ended(&line) || import->format->line(import, line)))
        end(import, status);
}

/* One line or more, into these rows, of which there are at least IMPORT_ROWS. Returns how many there are now. */
static size_t read_lines(struct import *import, struct trace_row *rows, size_t room)
{
    uint64_t line = import->lines.number;
    import->rows = rows;
    import->row_room = room;
    import->row_count = 0;
    if (import->format->calls != NULL && !import->format->calls(import))
        end(import, TEXT_LINES_LINE);
    else if (import->lines.number == line)
        read_line(import);
    return import->row_count;
}

static size_t read_rows(struct row_source *source, struct trace_row *rows, size_t max, struct error *error)
{
    struct import *import = (struct import *)source;
    size_t count = 0;
    while (count < max) {
        if (import->own_next < import->own_count) {
            rows[count++] = import->own_rows[import->own_next++];
        } else if (import->done) {
            break;
        } else if (max - count >= IMPORT_ROWS) {
            count += read_lines(import, rows + count, max - count);
        } else {
            import->own_count = read_lines(import, import->own_rows, IMPORT_ROWS);
            import->own_next = 0;
        }
    }
    source->bytes_done = byte_stream_done(import->lines.bytes);
    if (count == 0 && import->failure.text[0] != '\0')
        error_set(error, "%s", import->failure.text);
    return count;
}

static void tell(const struct row_source *source, FILE *out)
{
    const struct import *import = (const struct import *)source;
    for (unsigned i = 0; i < IMPORT_COUNTS; i++)
        if (import->counts[i] > 0)
            fprintf(out, "%s: %s: %" PRIu64 "\n", source->name, told[i], import->counts[i]);
    if (import->note != NULL)
        fprintf(out, "%s: %s\n", source->name, import->note);
    if (import->cut)
        fprintf(out, "%s: the last line has no line feed: it was cut off, and is left out\n", source->name);
    if (import->salvaged.text[0] != '\0')
        fprintf(out, "%s: what follows is left out\n", import->salvaged.text);
}

static void close_import(struct row_source *source)
{
    struct import *import = (struct import *)source;
    if (import->format->release != NULL)
        import->format->release(import);
    text_lines_close(&import->lines);
    lifetimes_free(&import->blocks);
    lifetimes_free(&import->tids);
    free(import->ids);
    free(import->threads);
    free(import);
}

struct row_source *import_open(const struct import_format *format, struct byte_stream *bytes,
                               const struct row_options *options, struct error *error)
{
    const unsigned own_columns = 1u << ROW_ID | 1u << ROW_SIZE | 1u << ROW_OP | 1u << ROW_TYPE;
    const char *name = byte_stream_name(bytes);
    struct import *import = calloc(1, format->size);
    if (import == NULL) {
        error_set(error, "%.200s: out of memory", name);
        byte_stream_close(bytes);
        return NULL;
    }
    import->source = (struct row_source){.read = read_rows, .tell = tell, .close = close_import, .name = name,
                                         .bytes_total = byte_stream_total(bytes),
                                         .columns = (uint16_t)(format->columns | own_columns)};
    import->format = format;
    import->salvage = options->salvage;
    uint64_t seed = id_map_seed();
    bool tables = lifetimes_init(&import->blocks, seed);
    tables = lifetimes_init(&import->tids, seed) && tables;
    if (text_lines_open(&import->lines, bytes, error) && (tables || error_set(error, "%.200s: out of memory", name)))
        return &import->source;
    close_import(&import->source);
    return NULL;
}
