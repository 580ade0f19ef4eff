/* libFuzzer: any bytes, plain or zstd, through trace_open. First byte of the input: options of the
 * run.
 *
 *   clang -std=c11 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined -Isim \
 *     tests/fuzz/fuzz_trace_csv.c sim/{error,nearest,byte_stream,lifetimes,trace_open}.c \
 *     sim/trace_csv*.c -lcsv -lzstd
 *
 * Beyond what the sanitizers see, it checks each event as the replay relies on it, that the input a
 * second time in other batches gives the same events, and that a trace that is read to its end
 * without fault still reads the same with its ops in quotes, which takes every row the long way
 * through libcsv. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "trace/trace.h"

struct summary {
    uint64_t events, digest; /* digest: of all that does not depend on when slots are released */
    struct error error;
};

static void check(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "broken promise: %s\n", what);
    abort();
}

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

/* Whether each slot is open: a slot handed out twice would let the replay overwrite an object. */
struct slots {
    unsigned char *taken;
    size_t capacity;
};

static void follow_slot(struct slots *slots, const struct trace_event *event)
{
    bool opens = event->op == TRACE_ALLOC || event->op == TRACE_STACKALLOC;
    if (!opens && event->op != TRACE_FREE && event->op != TRACE_STACKFREE && event->op != TRACE_DEAD)
        return;
    if (event->slot >= slots->capacity) {
        size_t capacity = ((size_t)event->slot + 1) * 2;
        slots->taken = realloc(slots->taken, capacity);
        memset(slots->taken + slots->capacity, 0, capacity - slots->capacity);
        slots->capacity = capacity;
    }
    check(slots->taken[event->slot] == !opens, "slots go out when free and end when not");
    if (event->op != TRACE_DEAD)
        slots->taken[event->slot] = opens;
}

static struct summary summarise(const void *bytes, size_t length, int stream_by, size_t batch)
{
    static struct trace_event events[64];
    struct summary summary = {.digest = 1};
    struct slots slots = {NULL, 0};
    char path[64];
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    check(fd >= 0 && write(fd, bytes, length) == (ssize_t)length, "memfd");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
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
    if (once.error.text[0] != '\0' || may_be_zstd || memchr(text, '"', length) != NULL)
        return 0;
    size_t quoted_length;
    char *quoted = quote_words(text, length, &quoted_length);
    struct summary slow = summarise(quoted, quoted_length, stream_by, batch);
    check(slow.error.text[0] == '\0', "no error in the same rows with quotes");
    check(slow.events == once.events && slow.digest == once.digest, "the same events with quotes");
    free(quoted);
    return 0;
}
