/* Go execution traces made byte by byte, for tests: the smallest that a Go could have written.
 *
 *     builder_begin(&b, 26);
 *     builder_generation(&b, 1, NS);
 *     builder_batch(&b, M, time);  EVENT(&b, opcode, dt, arguments...);  ...
 *     builder_end_generation(&b);
 *
 * And their rows as text, a line each: time, p, g, op, id, size, noscan, type; a dash where there is nothing. */
#ifndef GO_TRACE_BUILDER_H
#define GO_TRACE_BUILDER_H

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "go_trace/go_trace.h"
#include "go_trace/wire.h"

/* Ticks a second: of 1 ns, and of 64 ns as on Linux. */
enum { NS = 1000000000, LINUX_TICKS = 15625000 };

/* A span's description in the trace: of objects with pointers, without, and of no objects. */
#define SCAN(size_class) ((uint64_t)(size_class) << 2)
#define NOSCAN(size_class) ((uint64_t)(size_class) << 2 | 2)
#define NO_HEAP 1

/* The number of the k-th word of 8 bytes of a page, as the trace names objects. */
#define WORD(page, k) ((uint64_t)(page) * 1024 + (k))

struct builder {
    unsigned char *bytes;
    size_t length;
    unsigned version;
    uint64_t generation, frequency, m, time;
    unsigned char payload[1 << 16];
    size_t used; /* of the payload */
    bool in_batch;
    size_t types; /* bytes of type records in the table to come */
    unsigned char type_table[1024];
};

static inline void builder_bytes(struct builder *b, const void *bytes, size_t n)
{
    b->bytes = realloc(b->bytes, b->length + n + 1);
    assert(b->bytes != NULL);
    memcpy(b->bytes + b->length, bytes, n);
    b->length += n;
}

static inline size_t put_number(unsigned char *to, uint64_t value)
{
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        to[n++] = (unsigned char)(value | 0x80);
    to[n++] = (unsigned char)value;
    return n;
}

static inline void builder_number(struct builder *b, uint64_t value)
{
    unsigned char bytes[10];
    builder_bytes(b, bytes, put_number(bytes, value));
}

/* A record: experiment 0 for none. */
static inline void builder_record(struct builder *b, unsigned experiment, uint64_t m, uint64_t time,
                                  const void *payload, size_t size)
{
    unsigned char kind[2] = {experiment != 0 ? GO_EXPERIMENTAL_BATCH : GO_EVENT_BATCH, (unsigned char)experiment};
    builder_bytes(b, kind, experiment != 0 ? 2 : 1);
    builder_number(b, b->generation);
    builder_number(b, m);
    builder_number(b, time);
    builder_number(b, size);
    builder_bytes(b, payload, size);
}

static inline void builder_flush(struct builder *b)
{
    if (b->in_batch)
        builder_record(b, 0, b->m, b->time, b->payload, b->used);
    b->in_batch = false;
}

static inline void builder_begin(struct builder *b, unsigned version)
{
    char header[17] = {0};
    memset(b, 0, sizeof *b);
    b->version = version;
    snprintf(header, sizeof header, "go 1.%u trace", version);
    builder_bytes(b, header, 16);
}

static inline void builder_generation(struct builder *b, uint64_t number, uint64_t frequency)
{
    b->generation = number;
    b->frequency = frequency;
    b->types = 0;
    if (b->version >= 25) {
        unsigned char sync[64] = {GO_SYNC, GO_FREQUENCY};
        size_t n = 2 + put_number(sync + 2, frequency);
        sync[n++] = GO_CLOCK_SNAPSHOT;
        for (int i = 0; i < 4; i++)
            n += put_number(sync + n, 1);
        builder_record(b, 0, GO_NONE, 1 << 20, sync, n);
    }
    if (number == 1) {
        unsigned char info[64] = {1};
        size_t n = 1 + put_number(info + 1, UINT64_C(0xc000000000));
        n += put_number(info + n, 8192);
        n += put_number(info + n, 8);
        n += put_number(info + n, 2048);
        builder_record(b, 1, GO_NONE, 1 << 20, info, n);
    }
}

/* What follows was written by this M, from this moment on: ticks. */
static inline void builder_batch(struct builder *b, uint64_t m, uint64_t time)
{
    builder_flush(b);
    b->m = m;
    b->time = time;
    b->used = 0;
    b->in_batch = true;
}

static inline void builder_event(struct builder *b, const uint64_t *numbers, size_t n)
{
    assert(b->in_batch && b->used + n * 10 <= sizeof b->payload);
    b->payload[b->used++] = (unsigned char)numbers[0];
    for (size_t i = 1; i < n; i++)
        b->used += put_number(b->payload + b->used, numbers[i]);
}

#define EVENT(b, ...)                                       \
    builder_event((b), (const uint64_t[]){__VA_ARGS__},     \
                  sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

/* Into the generation's table. */
static inline void builder_type(struct builder *b, uint64_t id, uint64_t address, uint64_t size, const char *name)
{
    const uint64_t numbers[] = {id, address, size, 0, strlen(name)};
    assert(b->types + 64 + strlen(name) <= sizeof b->type_table);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        b->types += put_number(b->type_table + b->types, numbers[i]);
    memcpy(b->type_table + b->types, name, strlen(name));
    b->types += strlen(name);
}

/* The tables, and what ends it. */
static inline void builder_end_generation(struct builder *b)
{
    static const unsigned char strings[] = {GO_STRINGS, GO_STRINGS + 1, 1, 2, 'G', 'C'};
    unsigned char table[1 + sizeof b->type_table] = {0}, frequency[16] = {GO_FREQUENCY}, end = GO_END_OF_GENERATION;
    builder_flush(b);
    if (b->version < 25)
        builder_record(b, 0, GO_NONE, 1 << 20, frequency, 1 + put_number(frequency + 1, b->frequency));
    memcpy(table + 1, b->type_table, b->types);
    builder_record(b, 1, GO_NONE, 1 << 20, table, 1 + b->types);
    builder_record(b, 0, GO_NONE, 1 << 20, strings, sizeof strings);
    if (b->version >= 26)
        builder_bytes(b, &end, 1);
}

static inline void builder_free(struct builder *b)
{
    free(b->bytes);
}

/* ---- rows ---- */

/* What a reader gave: to be freed with told_free. */
struct told {
    char *rows;  /* without those about the trace itself */
    char *metas; /* those, a line each */
    char *words; /* what tell said */
    struct error error;
};

static inline void told_free(struct told *told)
{
    free(told->rows);
    free(told->metas);
    free(told->words);
}

static inline void print_value(FILE *out, const struct trace_row *row, enum row_column column)
{
    if ((row->present & 1u << column) != 0)
        fprintf(out, " %" PRIu64, row->value[column]);
    else
        fputs(" -", out);
}

static inline void print_row(FILE *out, const struct trace_row *row)
{
    fprintf(out, "%" PRIu64, row->value[ROW_T_NS]);
    print_value(out, row, ROW_P);
    print_value(out, row, ROW_G);
    fprintf(out, " %s", row_op_names[row->op]);
    print_value(out, row, ROW_ID);
    print_value(out, row, ROW_SIZE);
    print_value(out, row, ROW_NOSCAN);
    fprintf(out, " %.*s\n", (row->present & 1u << ROW_TYPE) != 0 ? (int)row->type_length : 1,
            (row->present & 1u << ROW_TYPE) != 0 ? row->type : "-");
}

static inline struct row_source *open_bytes(const void *bytes, size_t length, const struct row_options *options,
                                            int *fd, struct error *error)
{
    char path[64];
    *fd = memfd_create("trace", MFD_CLOEXEC);
    assert(*fd >= 0 && write(*fd, bytes, length) == (ssize_t)length);
    snprintf(path, sizeof path, "/proc/self/fd/%d", *fd);
    struct byte_stream *stream = byte_stream_open(path, error);
    return stream != NULL ? go_trace_open(stream, options, error) : NULL;
}

/* All that these bytes are as a trace, so many rows at a time. */
static inline struct told tell_bytes(const void *bytes, size_t length, struct row_options options, size_t batch)
{
    struct told told = {0};
    struct trace_row rows[64];
    size_t sizes[3];
    int fd;
    FILE *out = open_memstream(&told.rows, &sizes[0]), *metas = open_memstream(&told.metas, &sizes[1]);
    FILE *words = open_memstream(&told.words, &sizes[2]);
    assert(batch <= 64 && out != NULL && metas != NULL && words != NULL);
    struct row_source *source = open_bytes(bytes, length, &options, &fd, &told.error);
    for (size_t got; source != NULL && (got = source->read(source, rows, batch, &told.error)) > 0;)
        for (size_t i = 0; i < got; i++) {
            if (rows[i].op == TRACE_META)
                fprintf(metas, "%.*s\n", (int)rows[i].type_length, rows[i].type);
            else
                print_row(out, &rows[i]);
        }
    if (source != NULL) {
        source->tell(source, words);
        source->close(source);
    }
    close(fd);
    fclose(out);
    fclose(metas);
    fclose(words);
    return told;
}

#endif
