/* libFuzzer: the readers of binary traces, on any bytes, or on a good file with some of its bytes changed. The input's
 * first byte has options: what of the two, and whether the checksums are made good again, so that what lies behind
 * them is reached.
 *
 * Beyond what the sanitizers see, it checks that each event is as a replay relies on it, that slots go out once at a
 * time, and that in other batches there are the same rows, events and errors. */
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../sim/ght_rows.h"
#include "promises.h"
#include "trace/crc32c.h"
#include "trace/ght.h"
#include "trace/ght_format.h"

enum { BY_G = 1, MADE = 2, COMPRESSED = 4, SEALED = 8 }; /* options */

struct summary {
    uint64_t count, digest; /* of all that does not depend on when slots are released */
    struct error error;
};

static uint64_t digest(uint64_t sum, const uint64_t *parts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum = (sum ^ parts[i]) * UINT64_C(0x100000001b3);
    return sum;
}

/* ---- checksums ---- */

static void seal_header(uint8_t *bytes, size_t length)
{
    uint32_t crc = crc32c(0, bytes, offsetof(struct ght_file_header, crc));
    if (length >= sizeof(struct ght_file_header))
        memcpy(bytes + offsetof(struct ght_file_header, crc), &crc, sizeof crc);
}

/* Each block as its header says how long it is, up to the first that has no end. */
static void seal(uint8_t *bytes, size_t length)
{
    struct ght_block_header header;
    if (length < sizeof(struct ght_file_header))
        return;
    seal_header(bytes, length);
    for (size_t at = sizeof(struct ght_file_header); length - at >= sizeof header;) {
        memcpy(&header, bytes + at, sizeof header);
        size_t whole = sizeof header + ((size_t)header.stored + 7) / 8 * 8;
        if (whole > length - at)
            return;
        header.crc = crc32c(0, &header, offsetof(struct ght_block_header, crc));
        header.crc = crc32c(header.crc, bytes + at + sizeof header, whole - sizeof header);
        memcpy(bytes + at, &header, sizeof header);
        at += whole;
    }
}

/* ---- events ---- */

static void check_event(const struct trace_event *event)
{
    bool sized = event->op == TRACE_ALLOC || event->op == TRACE_STACKALLOC;
    check(event->op < TRACE_OPS, "op");
    check(!sized || event->size <= TRACE_MAX_SIZE, "size");
    check(event->align_log2 <= 30, "align");
    check(event->time_ns <= GHT_TIME_MAX, "time");
}

static struct summary read_events(const char *path, int stream_by, size_t batch)
{
    static struct trace_event events[300];
    struct summary summary = {.digest = 1};
    struct slots slots = {NULL, 0};
    struct byte_stream *bytes = byte_stream_open(path, &summary.error);
    struct trace_source *source = bytes != NULL ? ght_open_events(bytes, stream_by, &summary.error) : NULL;
    check((source == NULL) == (summary.error.text[0] != '\0'), "an error, or a source");
    for (size_t got; source != NULL && (got = source->read(source, events, batch, &summary.error)) > 0;) {
        for (size_t i = 0; i < got; i++) {
            const struct trace_event *e = &events[i];
            const uint64_t parts[] = {e->time_ns, e->id, e->size, e->stream, e->op, e->align_log2, e->noscan};
            check_event(e);
            follow_slot(&slots, e);
            summary.digest = digest(summary.digest, parts, sizeof parts / sizeof *parts);
        }
        for (size_t i = 0; i < got; i++)
            if (events[i].op == TRACE_FREE || events[i].op == TRACE_STACKFREE)
                source->release(source, events[i].slot);
        summary.count += got;
    }
    if (source != NULL)
        source->close(source);
    free(slots.taken);
    return summary;
}

/* ---- rows ---- */

static uint64_t digest_row(uint64_t sum, const struct trace_row *row)
{
    const uint64_t parts[] = {row->present, row->op, row->line};
    sum = digest(sum, parts, sizeof parts / sizeof *parts);
    sum = digest(sum, row->value, ROW_NUMBERS);
    if ((row->present & 1u << ROW_TYPE) != 0)
        for (uint32_t i = 0; i < row->type_length; i++)
            sum = (sum ^ (unsigned char)row->type[i]) * UINT64_C(0x100000001b3);
    return sum;
}

static struct summary read_rows(const char *path, size_t batch)
{
    static struct trace_row rows[300];
    struct summary summary = {.digest = 1};
    static const struct row_options defaults = {.seed = 0};
    struct byte_stream *bytes = byte_stream_open(path, &summary.error);
    struct row_source *source = bytes != NULL ? ght_open_rows(bytes, &defaults, &summary.error) : NULL;
    check((source == NULL) == (summary.error.text[0] != '\0'), "an error, or a source");
    for (size_t got; source != NULL && (got = source->read(source, rows, batch, &summary.error)) > 0;) {
        for (size_t i = 0; i < got; i++) {
            check(rows[i].op < ROW_OPS, "a row's op");
            summary.digest = digest_row(summary.digest, &rows[i]);
        }
        summary.count += got;
    }
    if (source != NULL)
        source->close(source);
    return summary;
}

/* ---- inputs ---- */

static void check_same(const struct summary *a, const struct summary *b)
{
    check(a->count == b->count && a->digest == b->digest, "the same in other batches");
    check(strcmp(a->error.text, b->error.text) == 0, "the same error in other batches");
}

static void read_all(const uint8_t *bytes, size_t length, unsigned options)
{
    char path[64];
    int stream_by = options & BY_G ? TRACE_STREAM_BY_G : TRACE_STREAM_BY_P;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    check(fd >= 0 && write(fd, bytes, length) == (ssize_t)length, "memfd");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct summary events = read_events(path, stream_by, 300), one = read_events(path, stream_by, 1);
    check_same(&events, &one);
    struct summary rows = read_rows(path, 300), few = read_rows(path, 7);
    check_same(&rows, &few);
    check(rows.error.text[0] != '\0' || events.error.text[0] != '\0' || rows.count >= events.count,
          "a row for each event");
    close(fd);
}

/* A seed, how many rows, then changes: where (two bytes) and what. */
static void read_made(const uint8_t *data, size_t size, unsigned options)
{
    struct made_rows made;
    struct error error = {.text = ""};
    char *bytes;
    size_t length;
    made_trace(&made, data[0], 1 + data[1]);
    check(made_file(made.rows, made.count, (options & COMPRESSED) != 0, &bytes, &length, &error), "rows are good");
    for (size_t i = 2; i + 3 <= size; i += 3)
        bytes[(data[i] | (size_t)data[i + 1] << 8) % length] = (char)data[i + 2];
    if ((options & SEALED) != 0)
        seal((uint8_t *)bytes, length);
    read_all((const uint8_t *)bytes, length, options);
    free(bytes);
    free(made.rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    unsigned options = data[0];
    if ((options & MADE) != 0) {
        if (size >= 3)
            read_made(data + 1, size - 1, options);
        return 0;
    }
    uint8_t *bytes = malloc(size);
    memcpy(bytes, data + 1, size - 1);
    if ((options & SEALED) != 0)
        seal(bytes, size - 1);
    read_all(bytes, size - 1, options);
    free(bytes);
    return 0;
}
