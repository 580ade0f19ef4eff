/* heaptrack: a letter a line, then numbers in hexadecimal. Calls are logged under one lock, so that the order of the
 * lines is that of the calls, but for realloc, whose two lines both come after it. There are no threads, and times to
 * 10 ms.
 *
 *   v VERSION FORMAT    c MS since the start
 *   + SIZE TRACE PTR    - PTR                  raw
 *   a SIZE TRACE        + PAIR       - PAIR    interpreted; pairs of a size and a backtrace are numbered from 0
 *
 * An interpreted file has no addresses: of the live blocks of a pair, a free is taken to end the youngest. Each gets an
 * address that tells it from all others, made of the pair's number and of how many of the pair are live.
 *
 * Source: heaptrack's src/track/libheaptrack.cpp (HeapTrack::handleMalloc, handleFree and what is around them) and
 * src/interpret/heaptrack_interpret.cpp. Memory: also 16 bytes for each pair of an interpreted file. */
#include "import/formats.h"
#include "import/import.h"

#include <inttypes.h>
#include <stdlib.h>

enum { NEWEST_FORMAT = 3 };

struct pair {
    uint64_t size;
    uint32_t live;
};

struct heaptrack {
    struct import import; /* first */
    enum { UNKNOWN, RAW, INTERPRETED } form;
    bool in_command_line; /* between the lines X and I, as an argument may hold a line feed */
    struct pair *pairs;
    size_t pair_count, pairs_capacity;
    char source[64];
};

static const char expected_version[] = "heaptrack's version, such as \"v 10400 3\"";

/* Numbers, each after a space, and nothing else but the letter before them. Returns how many there are, at most max; 0:
 * the line is something else. */
static unsigned numbers(struct text line, uint64_t *values, unsigned max)
{
    unsigned count = 0;
    line.at++;
    for (; count < max && text_word(&line, " "); count++)
        if (!text_hex(&line, &values[count]))
            return 0;
    return text_ended(&line) ? count : 0;
}

static bool is_version(struct text line, uint64_t values[2])
{
    return !text_ended(&line) && *line.at == 'v' && numbers(line, values, 2) == 2 && values[0] >= 0x10000 &&
           values[0] <= 0xffffff;
}

static bool read_version(struct heaptrack *h, struct text line)
{
    uint64_t values[2];
    if (!is_version(line, values))
        return import_unexpected(&h->import, expected_version, line);
    if (values[1] < 1 || values[1] > NEWEST_FORMAT)
        return import_unexpected(&h->import, "a heaptrack file of format 1 to 3", line);
    unsigned v = (unsigned)values[0];
    snprintf(h->source, sizeof h->source, "source=heaptrack %u.%u.%u", v >> 16, v >> 8 & 0xff, v & 0xff);
    import_start(&h->import, h->source, true);
    return true;
}

static bool read_time(struct heaptrack *h, struct text line)
{
    uint64_t ms, ns;
    if (numbers(line, &ms, 1) != 1 || __builtin_mul_overflow(ms, UINT64_C(1000000), &ns))
        return import_unexpected(&h->import, "a number of milliseconds after c", line);
    return import_time(&h->import, ns);
}

static bool read_pair(struct heaptrack *h, struct text line)
{
    uint64_t values[2];
    if (h->form == RAW || numbers(line, values, 2) != 2)
        return import_unexpected(&h->import, "a size and a backtrace after a, in an interpreted file", line);
    h->form = INTERPRETED;
    if (h->pair_count == h->pairs_capacity) {
        size_t capacity = h->pairs_capacity == 0 ? 64 : h->pairs_capacity * 2;
        struct pair *larger = reallocarray(h->pairs, capacity, sizeof *larger);
        if (larger == NULL || h->pair_count > UINT32_MAX)
            return import_fail(&h->import, "out of memory");
        h->pairs = larger;
        h->pairs_capacity = capacity;
    }
    h->pairs[h->pair_count++] = (struct pair){.size = values[0]};
    return true;
}

/* Of the pair's block that is the so-many-eth live one, from 1. */
static uint64_t made_address(uint64_t pair, uint32_t live)
{
    return pair << 32 | live;
}

static bool alloc_of_pair(struct heaptrack *h, uint64_t number)
{
    struct pair *pair = &h->pairs[number];
    if (pair->live == UINT32_MAX)
        return import_fail(&h->import, "expected fewer than 2^32 live blocks of a pair");
    return import_alloc(&h->import, made_address(number, ++pair->live), pair->size, 0);
}

static bool read_alloc(struct heaptrack *h, struct text line)
{
    uint64_t values[3];
    unsigned count = numbers(line, values, 3);
    if (count == 3 && h->form != INTERPRETED) {
        h->form = RAW;
        return import_alloc(&h->import, values[2], values[0], 0);
    }
    if (count == 1 && h->form == INTERPRETED && values[0] < h->pair_count)
        return alloc_of_pair(h, values[0]);
    return import_unexpected(&h->import, h->form == INTERPRETED ? "the number of a line with a, from 0, after +"
                                                                : "a size, a backtrace and an address after +", line);
}

static bool read_free(struct heaptrack *h, struct text line)
{
    uint64_t value;
    if (numbers(line, &value, 1) != 1 || (h->form == INTERPRETED && value >= h->pair_count))
        return import_unexpected(&h->import, h->form == INTERPRETED ? "the number of a line with a, from 0, after -"
                                                                    : "an address after -", line);
    if (h->form != INTERPRETED)
        return import_free(&h->import, value);
    struct pair *pair = &h->pairs[value];
    if (pair->live > 0)
        return import_free(&h->import, made_address(value, pair->live--));
    h->import.counts[IMPORT_UNKNOWN_FREES]++;
    return true;
}

static bool read_line(struct import *import, struct text line)
{
    struct heaptrack *h = (struct heaptrack *)import;
    if (!import->started)
        return read_version(h, line);
    switch (*line.at) {
    case '+':
        return read_alloc(h, line);
    case '-':
        return read_free(h, line);
    case 'c':
        return read_time(h, line);
    case 'a':
        return read_pair(h, line);
    case 'X':
    case 'I':
        h->in_command_line = *line.at == 'X';
        return true;
    case 'x': case 'S': case 'A': case 'm': case 't': case 'R': case 's': case 'i': case '#':
        return true; /* program, system, modules, backtraces, memory resident, comments */
    default:
        return h->in_command_line || import_unexpected(import, "a line of heaptrack", line);
    }
}

/* ---- calls of a raw file, many at a time ---- */

enum { CALLS = 32 /* at a time */, CALL_ROWS = 2, LINE_AHEAD = 64 /* bytes, more than are read of a call's line */ };

struct call {
    uint64_t address, size;
    bool frees;
};

/* A space and a number; `at` may be NULL. Returns what follows; NULL: it is something else. */
static inline __attribute__((always_inline)) const char *take_number(const char *at, uint64_t *value)
{
    unsigned length = at != NULL && *at == ' ' ? text_hex_ahead(at + 1, value) : 0;
    return length > 0 ? at + 1 + length : NULL;
}

/* The line at `at`, LINE_AHEAD bytes from which may be read, if it is a call as heaptrack writes it. Returns what
 * follows; NULL: it is something else. */
static const char *take_call(const char *at, struct call *call)
{
    uint64_t trace;
    call->frees = *at == '-';
    if (*at == '+') {
        at = take_number(at + 1, &call->size);
        at = take_number(at, &trace);
        at = take_number(at, &call->address);
    } else {
        at = call->frees ? take_number(at + 1, &call->address) : NULL;
    }
    return at != NULL && *at == '\n' ? at + 1 : NULL;
}

/* In the lines ahead, up to CALLS and what there is room for. */
static size_t take_calls(struct import *import, struct call calls[CALLS])
{
    size_t room = import_room(import) / CALL_ROWS, most = room < CALLS ? room : CALLS, count = 0;
    const char *at = import->lines.next;
    while (count < most && import->lines.end - at >= LINE_AHEAD && (at = take_call(at, &calls[count])) != NULL) {
        import_fetch(import, calls[count++].address);
        import->lines.next = at;
    }
    return count;
}

static bool read_calls(struct import *import)
{
    struct call calls[CALLS];
    if (((struct heaptrack *)import)->form != RAW)
        return true;
    for (size_t count; (count = take_calls(import, calls)) > 0;)
        for (size_t i = 0; i < count; i++) {
            import->lines.number++;
            if (!(calls[i].frees ? import_free(import, calls[i].address)
                                 : import_alloc(import, calls[i].address, calls[i].size, 0)))
                return false;
        }
    return true;
}

static bool finish(struct import *import)
{
    return import->started || import_fail(import, "expected %s, got the end of the file", expected_version);
}

static void release(struct import *import)
{
    free(((struct heaptrack *)import)->pairs);
}

bool heaptrack_recognise(const unsigned char *bytes, size_t length)
{
    struct text line;
    uint64_t values[2];
    return text_first_line(bytes, length, &line) && is_version(line, values);
}

struct row_source *heaptrack_open(struct byte_stream *bytes, const struct row_options *options, struct error *error)
{
    static const struct import_format format = {
        .size = sizeof(struct heaptrack), .columns = IMPORT_TIME, .line = read_line,
        .calls = read_calls, .finish = finish, .release = release,
    };
    return import_open(&format, bytes, options, error);
}
