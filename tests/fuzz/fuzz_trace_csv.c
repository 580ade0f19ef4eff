/* libFuzzer: any bytes, plain or zstd, through trace_open. First byte of the input: options of the
 * run.
 *
 * Beyond what the sanitizers see, it checks each event as the replay relies on it, that the input a
 * second time in other batches gives the same events, and that a trace that is read to its end
 * without fault still reads the same in canonical form, which is its own canonical form, and if it is CSV
 * with its ops in quotes, which takes every row the long way through libcsv.
 *
 * scripts/check says how it is built and run. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "promises.h"
#include "trace/row_open.h"
#include "trace/row_writer.h"
#include "trace/trace_csv.h"

struct summary {
    uint64_t events, digest; /* digest: of all that does not depend on when slots are released */
    struct error error;
};

static void check_event(const struct trace_event *event)
{
    bool sized = event->op == TRACE_ALLOC || event->op == TRACE_STACKALLOC;
    check(event->op < TRACE_OPS, "op");
    check(!sized || event->size <= TRACE_MAX_SIZE, "size");
    check(event->noscan <= 1, "noscan");
    check(event->align_log2 <= 30, "align");
}

static uint64_t digest_event(uint64_t digest, const struct trace_event *event)
{
    const uint64_t parts[] = {event->time_ns, event->size,       event->stream,
                              event->op,      event->align_log2, event->noscan};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        digest = (digest ^ parts[i]) * UINT64_C(0x100000001b3);
    return digest;
}

/* A file that has a name as long as it is open. */
static int open_bytes(const void *bytes, size_t length, char path[64])
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    check(fd >= 0 && write(fd, bytes, length) == (ssize_t)length, "memfd");
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

static struct summary summarise(const void *bytes, size_t length, int stream_by, size_t batch)
{
    static struct trace_event events[64];
    struct summary summary = {.digest = 1};
    struct slots slots = {NULL, 0};
    char path[64];
    int fd = open_bytes(bytes, length, path);
    struct trace_source *source = trace_open(path, stream_by, &summary.error);
    check((source == NULL) == (summary.error.text[0] != '\0'), "an error, or a source");
    for (size_t got; source != NULL && (got = source->read(source, events, batch, &summary.error)) > 0;) {
        for (size_t i = 0; i < got; i++) {
            check_event(&events[i]);
            follow_slot(&slots, &events[i]);
            summary.digest = digest_event(summary.digest, &events[i]);
        }
        for (size_t i = 0; i < got; i++)
            if (events[i].op == TRACE_FREE || events[i].op == TRACE_STACKFREE)
                source->release(source, events[i].slot);
        summary.events += got;
    }
    if (source != NULL)
        source->close(source);
    char *fd_number = strstr(summary.error.text, path); /* not the same each time */
    if (fd_number != NULL)
        memset(fd_number, '.', strlen(path));
    free(slots.taken);
    close(fd);
    return summary;
}

/* Puts quotes around every unquoted run of small letters that is a whole field: ops, and names in the
 * header. */
static char *quote_words(const char *text, size_t length, size_t *quoted_length)
{
    char *quoted = malloc(length * 3 + 1), *to = quoted;
    bool at_start = true;
    for (size_t i = 0; i < length;) {
        size_t word = i;
        while (at_start && word < length && text[word] >= 'a' && text[word] <= 'z')
            word++;
        bool whole = word > i && word < length && (text[word] == ',' || text[word] == '\n');
        if (whole)
            *to++ = '"';
        size_t n = word > i ? word - i : 1;
        memcpy(to, text + i, n);
        to += n;
        if (whole)
            *to++ = '"';
        i += n;
        at_start = text[i - 1] == ',' || text[i - 1] == '\n';
    }
    *quoted_length = (size_t)(to - quoted);
    return quoted;
}

static void write_canonical(const char *from, const char *to)
{
    static const struct row_options options;
    static struct trace_row rows[32];
    struct error error = {.text = ""};
    struct row_source *source = row_open(from, NULL, &options, &error);
    check(source != NULL, "a good trace opens again");
    struct row_writer *writer = trace_csv_write(to, source->columns, &error);
    check(writer != NULL, "a pipe can be written");
    for (size_t n; (n = source->read(source, rows, 32, &error)) > 0;)
        check(writer->write(writer, rows, NULL, n, &error), "what CSV has can be written as CSV");
    check(error.text[0] == '\0' && writer->commit(writer, &error), "a good trace is copied");
    source->close(source);
}

/* The caller frees. It goes through a pipe, which has room for what is a quarter as long: a row in canonical form is
 * hardly longer than it was. */
static char *canonical(const void *bytes, size_t length, size_t *canonical_length)
{
    enum { PIPE = 1 << 20 };
    int ends[2];
    char from[64], to[64], *text = malloc(PIPE);
    int fd = open_bytes(bytes, length, from);
    check(text != NULL && pipe2(ends, O_CLOEXEC) == 0 && fcntl(ends[1], F_SETPIPE_SZ, PIPE) == PIPE, "pipe");
    snprintf(to, sizeof to, "/proc/self/fd/%d", ends[1]);
    write_canonical(from, to);
    close(ends[1]);
    *canonical_length = 0;
    for (ssize_t got; (got = read(ends[0], text + *canonical_length, PIPE - *canonical_length)) > 0;)
        *canonical_length += (size_t)got;
    close(ends[0]);
    close(fd);
    return text;
}

static void check_canonical(const char *text, size_t length, int stream_by, const struct summary *expected)
{
    size_t once_length, twice_length;
    char *once = canonical(text, length, &once_length);
    struct summary summary = summarise(once, once_length, stream_by, 64);
    check(summary.error.text[0] == '\0', "no error in canonical form");
    check(summary.events == expected->events && summary.digest == expected->digest, "the same in canonical form");
    char *twice = canonical(once, once_length, &twice_length);
    check(once_length == twice_length && memcmp(once, twice, once_length) == 0, "canonical form is its own");
    free(twice);
    free(once);
}

/* What begins as another format does is that format's: there quotes are no quotes. */
static bool is_csv(const void *bytes, size_t length)
{
    struct error error = {.text = ""};
    const struct row_format *format = NULL;
    char path[64];
    int fd = open_bytes(bytes, length, path);
    struct byte_stream *stream = row_open_bytes(path, &format, &error);
    check(stream != NULL, "what was read opens again");
    byte_stream_close(stream);
    close(fd);
    return strcmp(format->name, "csv") == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    int stream_by = data[0] & 1 ? TRACE_STREAM_BY_G : TRACE_STREAM_BY_P;
    size_t batch = data[0] & 2 ? 64 : 7, length = size - 1;
    const char *text = (const char *)data + 1;
    struct summary once = summarise(text, length, stream_by, batch);
    struct summary again = summarise(text, length, stream_by, 1);
    check(once.events == again.events && once.digest == again.digest, "the same events in other batches");
    check(strcmp(once.error.text, again.error.text) == 0, "the same error in other batches");
    bool may_be_zstd = memchr(text, 0x2a, length) != NULL || memchr(text, 0xb5, length) != NULL;
    if (once.error.text[0] != '\0' || may_be_zstd)
        return 0;
    if ((data[0] & 4) != 0 && length < 1 << 18)
        check_canonical(text, length, stream_by, &once);
    if (memchr(text, '"', length) != NULL || !is_csv(text, length))
        return 0;
    size_t quoted_length;
    char *quoted = quote_words(text, length, &quoted_length);
    struct summary slow = summarise(quoted, quoted_length, stream_by, batch);
    check(slow.error.text[0] == '\0', "no error in the same rows with quotes");
    check(slow.events == once.events && slow.digest == once.digest, "the same events with quotes");
    free(quoted);
    return 0;
}
