/* Header and records, as Go's internal/trace/version (ReadHeader) and batch.go (readBatch) read them. */
#include "go_trace/framing.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "go_trace/wire.h"

bool go_fail(struct error *error, const struct go_input *input, uint64_t offset, const char *format, ...)
{
    char what[300];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return error_set(error, "%.150s: byte %" PRIu64 ": %s", byte_stream_name(input->bytes), offset, what);
}

/* ---- bytes ---- */

/* False at the end of the file and after a failure, which is then in *error. */
static bool refill(struct go_input *input, struct error *error)
{
    size_t length = byte_stream_next(input->bytes, &input->next, error);
    input->broken = error->text[0] != '\0';
    input->end = input->next + length;
    return length > 0;
}

/* Returns how many of the n bytes there were. */
static size_t take(struct go_input *input, unsigned char *to, size_t n, struct error *error)
{
    size_t taken = 0;
    while (taken < n && (input->next < input->end || refill(input, error))) {
        size_t there = (size_t)(input->end - input->next);
        size_t part = there < n - taken ? there : n - taken;
        memcpy(to + taken, input->next, part);
        input->next += part;
        input->offset += part;
        taken += part;
    }
    return taken;
}

static bool take_all(struct go_input *input, unsigned char *to, size_t n, const char *what, struct error *error)
{
    size_t taken = take(input, to, n, error);
    return taken == n ||
           go_fail(error, input, input->offset, "expected %s, got the end of the file: it is truncated", what);
}

static bool take_number(struct go_input *input, uint64_t *value, const char *what, struct error *error)
{
    unsigned char bytes[10];
    size_t length = 0;
    do {
        if (!take_all(input, &bytes[length], 1, what, error))
            return false;
    } while (bytes[length++] >= 0x80 && length < sizeof bytes);
    const unsigned char *at = bytes;
    return go_number(&at, bytes + length, value) ||
           go_fail(error, input, input->offset - length, "expected %s, got a number above 2^64 - 1", what);
}

/* ---- the header ---- */

bool go_is_trace(const unsigned char *bytes, size_t length)
{
    return length >= GO_HEADER && memcmp(bytes, "go 1.", 5) == 0 && memmem(bytes, GO_HEADER, " trace\0", 7) != NULL;
}

unsigned go_read_header(struct go_input *input, struct error *error)
{
    unsigned char header[GO_HEADER + 1] = {0};
    char right[GO_HEADER + 1] = {0};
    unsigned version = 0;
    if (!take_all(input, header, GO_HEADER, "the header of a Go execution trace", error))
        return 0;
    sscanf((const char *)header, "go 1.%3u", &version);
    snprintf(right, sizeof right, "go 1.%u trace", version);
    bool is_header = memcmp(header, right, GO_HEADER) == 0;
    if (!is_header)
        go_fail(error, input, 0, "expected the header of a Go execution trace, \"go 1.NN trace\"");
    else if (version <= 21)
        go_fail(error, input, 0, "expected a trace of Go 1.23 to 1.26, got one of the older format, of Go 1.%u",
                version);
    else if (version == 22)
        go_fail(error, input, 0, "expected a trace of Go 1.23 to 1.26, got one of Go 1.22, which cannot record "
                "allocations");
    else if (version != 23 && version != 25 && version != 26)
        go_fail(error, input, 0, "expected version 1.23, 1.25 or 1.26 of the format, got the unknown 1.%u", version);
    else
        return version;
    return 0;
}

/* ---- records ---- */

static bool take_batch_header(struct go_input *input, struct go_batch *header, struct error *error)
{
    uint64_t size;
    if (!take_number(input, &header->generation, "a batch's generation", error) ||
        !take_number(input, &header->m, "a batch's thread", error) ||
        !take_number(input, &header->time, "a batch's time", error))
        return false;
    uint64_t offset = input->offset;
    if (!take_number(input, &size, "a batch's size", error))
        return false;
    if (header->generation == 0)
        return go_fail(error, input, offset, "expected a batch of a generation from 1 on, got one of generation 0");
    if (size > GO_MAX_BATCH)
        return go_fail(error, input, offset, "expected a batch of at most %d bytes, got %" PRIu64, GO_MAX_BATCH, size);
    if (header->time > GO_MAX_TICKS)
        return go_fail(error, input, offset, "expected a batch's time in ticks, got %" PRIu64, header->time);
    header->size = (uint32_t)size;
    header->offset = input->offset;
    return true;
}

static struct go_batch *take_batch(struct go_input *input, bool experimental, struct error *error)
{
    struct go_batch header = {0};
    if (experimental && !take_all(input, &header.experiment, 1, "an experiment", error))
        return NULL;
    if (!take_batch_header(input, &header, error))
        return NULL;
    struct go_batch *batch = malloc(sizeof *batch + header.size + GO_SLACK);
    if (batch == NULL) {
        input->broken = true;
        go_fail(error, input, header.offset, "out of memory");
        return NULL;
    }
    *batch = header;
    memset(batch->payload + batch->size, 0, GO_SLACK);
    if (take_all(input, batch->payload, batch->size, "the rest of a batch", error))
        return batch;
    free(batch);
    return NULL;
}

enum go_record go_read_record(struct go_input *input, unsigned version, struct go_batch **batch, struct error *error)
{
    unsigned char kind;
    uint64_t offset = input->offset;
    if (take(input, &kind, 1, error) == 0)
        return input->broken ? GO_RECORD_BAD : GO_RECORD_FILE_ENDS;
    if (kind == GO_END_OF_GENERATION && version >= 26)
        return GO_RECORD_GENERATION_ENDS;
    if (kind != GO_EVENT_BATCH && kind != GO_EXPERIMENTAL_BATCH) {
        go_fail(error, input, offset, "expected a batch, got a record of type %u", kind);
        return GO_RECORD_BAD;
    }
    *batch = take_batch(input, kind == GO_EXPERIMENTAL_BATCH, error);
    return *batch != NULL ? GO_RECORD_BATCH : GO_RECORD_BAD;
}
