/* Rows made up at random, and binary traces of them in memory: for the tests and the fuzzing of trace/ght*. */
#ifndef TESTS_GHT_ROWS_H
#define TESTS_GHT_ROWS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace/ght_writer.h"
#include "trace/row_check.h"

enum { MADE_LIVE = 200, MADE_PS = 300 };

struct made_live {
    uint64_t id;
    bool stack, dead;
};

struct made_rows {
    uint64_t random;
    struct trace_row *rows;
    size_t count;
    /* how this trace is */
    unsigned ps, times, ids, extras; /* extras: in how many of 16 rows columns are that are not needed */
    bool has_p, has_g, has_types;
    /* how far it is */
    struct made_live live[MADE_LIVE];
    unsigned live_count;
    uint64_t latest[MADE_PS], next_id;
};

static uint64_t made_random(struct made_rows *m)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    return m->random ^= m->random << 17;
}

static unsigned made_below(struct made_rows *m, unsigned n)
{
    return (unsigned)(made_random(m) >> 20) % n;
}

static void made_set(struct trace_row *row, enum row_column column, uint64_t value)
{
    row->value[column] = value;
    row->present = (uint16_t)(row->present | 1u << column);
}

static void made_label(struct made_rows *m, struct trace_row *row)
{
    static const char *const labels[] = {"T", "map[string,int]", "say \"it\"", "two\nlines", "cr\rlf\r\n", " ", "",
                                         "\xff\xfe\x80", "caf\xc3\xa9", "key=value", ",,,", "\""};
    row->type = labels[made_below(m, sizeof labels / sizeof *labels)];
    row->type_length = (uint32_t)strlen(row->type);
    row->present |= 1u << ROW_TYPE;
}

static void made_time_and_place(struct made_rows *m, struct trace_row *row)
{
    unsigned p = m->has_p ? made_below(m, m->ps) : 0;
    if (p != 0 || made_below(m, 4) != 0)
        made_set(row, ROW_P, m->has_p ? p * (UINT64_MAX / MADE_PS) : 0);
    if (m->has_g && made_below(m, 4) == 0)
        made_set(row, ROW_G, made_below(m, 3) == 0 ? made_random(m) : made_below(m, 5));
    uint64_t *latest = &m->latest[p];
    if (m->times == 0 || (m->times == 1 && made_below(m, 2) == 0))
        return;
    unsigned kind = made_below(m, 100);
    if (m->times > 2 && *latest < UINT64_C(1) << 61)
        *latest += kind < 90 ? made_below(m, 2000) : kind < 99 ? made_random(m) >> 40 : made_random(m) >> 5;
    made_set(row, ROW_T_NS, *latest);
}

static void made_shape(struct made_rows *m, struct trace_row *row)
{
    if (made_below(m, 16) >= m->extras)
        return;
    if (made_below(m, 2) == 0)
        made_set(row, ROW_NOSCAN, made_below(m, 2));
    if (made_below(m, 2) == 0)
        made_set(row, ROW_ALIGN, UINT64_C(1) << made_below(m, 31));
    if ((row->present & 1u << ROW_SIZE) == 0 && made_below(m, 2) == 0)
        made_set(row, ROW_SIZE, made_random(m) >> made_below(m, 64));
    if ((row->present & 1u << ROW_ID) == 0 && made_below(m, 2) == 0)
        made_set(row, ROW_ID, made_random(m) >> made_below(m, 64));
    if (m->has_types)
        made_label(m, row);
}

/* Dense; from the top down; all over the place, each once, as the product with an odd number is. */
static uint64_t made_id(struct made_rows *m)
{
    uint64_t n = m->next_id++;
    return m->ids == 0 ? n : m->ids == 1 ? UINT64_MAX - n : n * UINT64_C(0x9e3779b97f4a7c15);
}

static void made_begin(struct made_rows *m, struct trace_row *row)
{
    struct made_live *live = &m->live[m->live_count++];
    *live = (struct made_live){.id = made_id(m), .stack = made_below(m, 8) == 0};
    row->op = live->stack ? TRACE_STACKALLOC : TRACE_ALLOC;
    made_set(row, ROW_ID, live->id);
    unsigned kind = made_below(m, 20);
    made_set(row, ROW_SIZE, kind == 0 ? made_random(m) >> 18 : kind == 1 ? 0 : made_below(m, 40));
}

static void made_end(struct made_rows *m, struct trace_row *row)
{
    unsigned i = made_below(m, m->live_count);
    struct made_live *live = &m->live[i];
    made_set(row, ROW_ID, live->id);
    if (!live->stack && !live->dead && made_below(m, 4) == 0) {
        row->op = TRACE_DEAD;
        live->dead = true;
        return;
    }
    row->op = live->stack ? TRACE_STACKFREE : TRACE_FREE;
    *live = m->live[--m->live_count];
}

static void made_other(struct made_rows *m, struct trace_row *row)
{
    row->op = (uint8_t)(TRACE_GCBEGIN + made_below(m, TRACE_OPS - TRACE_GCBEGIN));
    if (made_below(m, 3) == 0)
        row->op = (uint8_t)(TRACE_GC + made_below(m, 2));
    else if (row->op != TRACE_END)
        made_set(row, ROW_SIZE, made_random(m) >> made_below(m, 64));
}

static void made_meta(struct made_rows *m, struct trace_row *row)
{
    row->op = TRACE_META;
    for (unsigned column = 0; column < ROW_NUMBERS; column++)
        if (made_below(m, 3) == 0)
            made_set(row, column, made_random(m) >> made_below(m, 64));
    row->type = "source=a test, \"really\"";
    row->type_length = (uint32_t)strlen(row->type);
    row->present |= 1u << ROW_TYPE;
}

static void made_row(struct made_rows *m, struct trace_row *row)
{
    unsigned what = made_below(m, 32);
    if (what == 0)
        made_other(m, row);
    else if (m->live_count == MADE_LIVE || (m->live_count > 0 && what < 16))
        made_end(m, row);
    else
        made_begin(m, row);
    made_time_and_place(m, row);
    made_shape(m, row);
}

/* A trace that keeps row_check's rules, of a kind that the seed says. Its rows are the caller's to free. */
static void made_trace(struct made_rows *m, uint64_t seed, size_t count)
{
    *m = (struct made_rows){.random = (seed + 1) * UINT64_C(0xbf58476d1ce4e5b9), .count = count};
    m->rows = calloc(count, sizeof *m->rows);
    m->ps = made_below(m, 3) == 0 ? MADE_PS : 1 + made_below(m, 5);
    m->has_p = made_below(m, 4) != 0;
    m->has_g = made_below(m, 2) == 0;
    m->times = made_below(m, 5);
    m->ids = made_below(m, 3);
    m->extras = made_below(m, 2) == 0 ? 0 : made_below(m, 17);
    m->has_types = made_below(m, 2) == 0;
    size_t metas = made_below(m, 4);
    for (size_t i = 0; i < count; i++) {
        struct trace_row *row = &m->rows[i];
        *row = (struct trace_row){.line = i + 1, .present = 1u << ROW_OP};
        row->value[ROW_NOSCAN] = 1;
        if (i < metas)
            made_meta(m, row);
        else
            made_row(m, row);
    }
}

/* Writes the rows as a row_output does; false with *error if one is refused. */
static bool made_write(struct ght_writer *writer, const struct trace_row *rows, size_t count, struct error *error)
{
    const struct row_source source = {.name = "made", .columns = (1u << ROW_COLUMNS) - 1};
    struct trace_event events[ROW_BATCH];
    struct row_checks checks;
    bool good = row_checks_init(&checks, &source, TRACE_STREAM_BY_P);
    for (size_t i = 0, n; good && i < count; i += n) {
        n = count - i < ROW_BATCH ? count - i : ROW_BATCH;
        good = row_checks_take_all(&checks, rows + i, n, events) || error_set(error, "%s", checks.failure.text);
        good = good && ght_writer_put(writer, rows + i, events, n, error);
    }
    row_checks_free(&checks);
    return good;
}

/* The rows as a file; *bytes is the caller's to free. False with *error if one is refused. */
static bool made_file(const struct trace_row *rows, size_t count, bool zstd, char **bytes, size_t *length,
                      struct error *error)
{
    FILE *out = open_memstream(bytes, length);
    struct ght_writer *writer = ght_writer_new(out, "made", (1u << ROW_COLUMNS) - 1, zstd, error);
    bool good = writer != NULL && made_write(writer, rows, count, error);
    if (good)
        ght_writer_finish(writer);
    if (writer != NULL)
        ght_writer_delete(writer);
    fclose(out);
    return good;
}

#endif
