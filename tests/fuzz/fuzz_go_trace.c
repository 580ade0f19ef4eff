/* libFuzzer: any bytes as a Go execution trace. The first byte of the input picks the version, the policies and
 * salvage; the second whether the rest are the trace's own records, or batches that get right headers here: of each an
 * M or a kind of table, a time, a length and so many bytes.
 *
 * Beyond what the sanitizers see, it checks that the rows are such as a replay takes, that the input a second time in
 * other batches of rows gives the same rows, and that a trace without fault is the same when it is salvaged. */
#include "promises.h"
#include "../sim/go_trace_builder.h"
#include "trace/row_check.h"

struct summary {
    uint64_t rows, digest;
    struct error error;
};

static uint64_t digest_row(uint64_t digest, const struct trace_row *row)
{
    const uint64_t prime = UINT64_C(0x100000001b3);
    for (int i = 0; i < ROW_NUMBERS; i++)
        digest = (digest ^ row->value[i]) * prime;
    for (uint32_t i = 0; i < row->type_length; i++)
        digest = (digest ^ (unsigned char)row->type[i]) * prime;
    return (digest ^ row->op ^ (uint64_t)row->present << 8) * prime;
}

static void take_row(struct row_checks *checks, const struct trace_row *row)
{
    struct trace_event event;
    enum row_result result = row_checks_take(checks, row, &event);
    if (result == ROW_FAILED)
        fprintf(stderr, "%s\n", checks->failure.text);
    check(result != ROW_FAILED, "rows that a replay takes");
    if (result == ROW_EVENT && (event.op == TRACE_FREE || event.op == TRACE_STACKFREE))
        lifetimes_release(&checks->lifetimes, event.slot);
}

static struct summary summarise(const struct builder *b, struct row_options options, size_t batch)
{
    struct summary summary = {.digest = 1};
    struct trace_row rows[64];
    struct row_checks checks;
    int fd;
    struct row_source *source = open_bytes(b->bytes, b->length, &options, &fd, &summary.error);
    check((source == NULL) == (summary.error.text[0] != '\0'), "an error, or a source");
    if (source != NULL) {
        check(row_checks_init(&checks, source, TRACE_STREAM_BY_P), "memory");
        for (size_t got; (got = source->read(source, rows, batch, &summary.error)) > 0; summary.rows += got)
            for (size_t i = 0; i < got; i++) {
                take_row(&checks, &rows[i]);
                summary.digest = digest_row(summary.digest, &rows[i]);
            }
        row_checks_free(&checks);
        source->close(source);
    }
    close(fd);
    return summary;
}

/* A batch from what comes at *at: a byte for whose it is, one for its time, one for its length. */
static void add_batch(struct builder *b, const uint8_t **at, const uint8_t *end)
{
    unsigned whose = (*at)[0], time = (*at)[1];
    size_t length = (*at)[2] <= end - *at - 3 ? (*at)[2] : (size_t)(end - *at - 3);
    const uint8_t *payload = *at + 3;
    *at += 3 + length;
    if ((whose & 3) == 3) { /* the end of a generation */
        builder_end_generation(b);
        builder_generation(b, b->generation + 1, (whose & 4) != 0 ? NS : LINUX_TICKS);
    } else if ((whose & 3) == 2) {
        builder_record(b, (whose & 4) != 0, GO_NONE, time, payload, length);
    } else {
        builder_record(b, 0, whose >> 2 & 3, 100 * time, payload, length);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned versions[] = {23, 25, 26, 26};
    struct builder b;
    if (size < 2)
        return 0;
    struct row_options options = {.size = (data[0] >> 2) % 3, .death = (data[0] >> 4) % 3, .salvage = data[0] >> 7};
    builder_begin(&b, versions[data[0] & 3]);
    if ((data[1] & 1) != 0) {
        builder_bytes(&b, data + 2, size - 2);
    } else {
        builder_generation(&b, 1, LINUX_TICKS);
        builder_type(&b, 1, 16, 24, "T");
        for (const uint8_t *at = data + 2, *end = data + size; end - at >= 3;)
            add_batch(&b, &at, end);
        if ((data[1] & 2) == 0)
            builder_end_generation(&b);
    }
    struct summary once = summarise(&b, options, 64), again = summarise(&b, options, 3);
    check(once.rows == again.rows && once.digest == again.digest, "the same rows in other batches");
    check((once.error.text[0] != '\0') == (again.error.text[0] != '\0'), "the same error in other batches");
    if (once.error.text[0] == '\0' && !options.salvage) {
        options.salvage = true;
        again = summarise(&b, options, 64);
        check(once.rows == again.rows && once.digest == again.digest, "the same rows when salvaged");
    }
    builder_free(&b);
    return 0;
}
