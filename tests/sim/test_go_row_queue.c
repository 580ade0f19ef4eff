/* Rows and deaths in a queue come out as they went in, merged as a plain list of them is when sorted; and numbers of
 * Go's traces are the same however they are read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "go_trace/objects.h"
#include "go_trace/row_queue.h"

enum { ROWS = 20000, TYPES = 3 };

static uint64_t draw(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

/* A number of up to so many bits, small ones as often as large ones. */
static uint64_t draw_bits(uint64_t *state, unsigned bits)
{
    return (draw(state) | UINT64_C(1) << 63) >> (63 - draw(state) % bits) >> 1;
}

/* ---- a model ---- */

/* What is to come out, at a moment: after all that has come before it, deaths before the row. */
struct expected {
    uint64_t when;
    size_t order; /* that it went in */
    bool is_row;
    struct trace_row row;
};

struct model {
    struct expected *list;
    size_t count, order;         /* expected, and ever */
    uint64_t now, last_id, rows; /* at the end of the queue */
};

static int by_when(const void *a, const void *b)
{
    const struct expected *x = a, *y = b;
    if (x->when != y->when)
        return x->when < y->when ? -1 : 1;
    if (x->is_row != y->is_row)
        return x->is_row ? 1 : -1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static void expect(struct model *m, uint64_t when, const struct trace_row *row, bool is_row)
{
    m->list[m->count++] = (struct expected){.when = when, .order = m->order++, .is_row = is_row, .row = *row};
}

static void assert_row(const struct trace_row *got, const struct trace_row *expected)
{
    for (unsigned i = 0; i < ROW_NUMBERS; i++)
        assert_int_equal(got->value[i], expected->value[i]);
    assert_int_equal(got->op, expected->op);
    assert_int_equal(got->present, expected->present);
    assert_ptr_equal(got->type, expected->type);
    assert_int_equal(got->type_length, expected->type_length);
}

/* ---- what goes in ---- */

static struct go_type types[TYPES] = {{.name = NULL}, {.name = (char[]){"T"}, .name_length = 1},
                                      {.name = (char[]){"long"}, .name_length = 4}};

static struct go_row random_row(uint64_t *random, uint64_t before)
{
    static const unsigned char ops[] = {TRACE_ALLOC,      TRACE_ALLOC,     TRACE_ALLOC,   TRACE_FREE,
                                        TRACE_STACKALLOC, TRACE_STACKFREE, TRACE_GCBEGIN, TRACE_HEAPLIVE};
    struct go_row row = {.op = ops[draw(random) % sizeof ops], .ns = before, .g = GO_NONE};
    uint64_t step = draw_bits(random, 40);
    row.ns = draw(random) % 8 != 0 ? before + step : step < before ? before - step : 0;
    if (draw(random) % 4 == 0)
        row.p = (uint32_t)draw_bits(random, 16);
    if (draw(random) % 4 == 0)
        row.g = draw_bits(random, 63);
    row.value = row.op == TRACE_GCBEGIN ? 0 : draw_bits(random, row.op == TRACE_ALLOC ? 46 : 63);
    row.noscan = row.op == TRACE_ALLOC && draw(random) % 2 == 0;
    row.type = row.op == TRACE_ALLOC ? (uint32_t)(draw(random) % TYPES) : 0;
    return row;
}

static struct trace_row as_trace_row(const struct go_row *from, uint64_t id)
{
    struct trace_row row = row_begin(from->op, 0);
    row_set(&row, ROW_T_NS, from->ns);
    row_set(&row, ROW_P, from->p);
    if (from->g != GO_NONE)
        row_set(&row, ROW_G, from->g);
    if (trace_op_begins(from->op) || trace_op_ends(from->op))
        row_set(&row, ROW_ID, trace_op_begins(from->op) ? id : from->value);
    if (!trace_op_ends(from->op) && from->op != TRACE_GCBEGIN)
        row_set(&row, ROW_SIZE, from->value);
    if (from->op == TRACE_ALLOC)
        row_set(&row, ROW_NOSCAN, from->noscan);
    if (from->type != 0)
        row_set_type(&row, types[from->type].name, types[from->type].name_length);
    return row;
}

static void add(struct go_row_queue *queue, struct model *m, uint64_t *random)
{
    struct go_row row = random_row(random, queue->tail.ns);
    assert_true(go_rows_add(queue, &row));
    m->last_id += trace_op_begins(row.op);
    m->now = row.ns > m->now ? row.ns : m->now;
    m->rows++;
    assert_int_equal(queue->tail.when, queue->by_time ? m->now : m->rows);
    if (trace_op_begins(row.op))
        assert_int_equal(queue->tail.id, m->last_id);
    struct trace_row expected = as_trace_row(&row, m->last_id);
    expect(m, queue->tail.when, &expected, true);
}

/* At any time since the limit: here and there, or many at one time and around it. */
static void die(struct go_row_queue *queue, struct model *m, uint64_t *random)
{
    uint64_t span = queue->tail.when - queue->limit + 1, many = draw(random) % 16 == 0 ? 200 : 1;
    uint64_t around = queue->limit + draw(random) % span;
    for (; many > 0; many--) {
        uint64_t when = around + draw(random) % 8;
        struct go_row row = {.op = TRACE_FREE, .ns = draw_bits(random, 62), .g = GO_NONE,
                             .value = draw_bits(random, 48), .p = (uint32_t)draw_bits(random, 16)};
        struct go_death death = {.when = when, .ns = row.ns, .who = go_object(row.value, row.p, 0).who};
        assert_true(go_rows_die(queue, death));
        struct trace_row expected = as_trace_row(&row, 0);
        expect(m, when, &expected, false);
    }
}

/* All before the limit comes out, in its order. */
static void release(struct go_row_queue *queue, struct model *m, uint64_t limit, size_t batch)
{
    struct trace_row rows[64];
    size_t due = 0;
    qsort(m->list, m->count, sizeof *m->list, by_when);
    assert_int_equal(go_rows_read(queue, rows, batch), 0);
    assert_true(go_rows_release(queue, limit));
    for (size_t got; (got = go_rows_read(queue, rows, batch)) > 0;)
        for (size_t i = 0; i < got; i++, due++) {
            assert_true(due < m->count && m->list[due].when < limit);
            assert_row(&rows[i], &m->list[due].row);
        }
    assert_true(due == m->count || m->list[due].when >= limit);
    m->count -= due;
    memmove(m->list, m->list + due, m->count * sizeof *m->list);
}

static void rows_and_deaths(bool by_time)
{
    struct go_types table = {.list = types, .count = TYPES};
    struct model m = {.list = calloc(20 * ROWS, sizeof *m.list)};
    struct go_row_queue *queue = malloc(sizeof *queue);
    uint64_t random = 88172645463325252u;
    assert_true(m.list != NULL && queue != NULL);
    go_rows_init(queue, by_time, &table);
    for (int i = 0; i < ROWS; i++) {
        add(queue, &m, &random);
        if (draw(&random) % 2 == 0)
            die(queue, &m, &random);
        if (draw(&random) % 2000 == 0)
            release(queue, &m, queue->limit + (queue->tail.when - queue->limit) / 4 * (draw(&random) % 5),
                    1 + draw(&random) % 64);
    }
    release(queue, &m, UINT64_MAX, 64);
    assert_int_equal(m.count, 0);
    go_rows_free(queue);
    free(queue);
    free(m.list);
}

static void merged_by_time(void **state)
{
    (void)state;
    rows_and_deaths(true);
}

static void merged_by_count(void **state)
{
    (void)state;
    rows_and_deaths(false);
}

/* ---- numbers ---- */

static size_t put(unsigned char *to, uint64_t value)
{
    size_t length = 0;
    for (; value >= 0x80; value >>= 7)
        to[length++] = (unsigned char)(value | 0x80);
    to[length++] = (unsigned char)value;
    return length;
}

/* Of every length, whatever follows. */
static void numbers(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits <= 64; bits++)
        for (unsigned char follows = 0; follows < 2; follows++) {
            unsigned char bytes[32];
            uint64_t value = bits == 0 ? 0 : UINT64_MAX >> (64 - bits) & UINT64_C(0xd5d5d5d5d5d5d5d5), read;
            memset(bytes, follows != 0 ? 0xff : 0, sizeof bytes);
            size_t length = put(bytes, value);
            const unsigned char *at = bytes, *again = bytes;
            assert_true(go_number(&at, bytes + length, &read));
            assert_int_equal(read, value);
            assert_int_equal(go_number_again(&again), value);
            assert_ptr_equal(again, at);
            assert_ptr_equal(at, bytes + length);
            assert_int_equal(go_numbers_length(bytes, 1), length <= 8 ? length : 0);
            at = bytes;
            assert_false(go_number(&at, bytes + length - 1, &read));
        }
}

/* One after another. */
static void numbers_in_a_row(void **state)
{
    (void)state;
    unsigned char bytes[32] = {0x81, 0x01, 0x7f, 0x80, 0x80, 0x03, 0x05, 0xff, 0xff};
    assert_int_equal(go_numbers_length(bytes, 1), 2);
    assert_int_equal(go_numbers_length(bytes, 2), 3);
    assert_int_equal(go_numbers_length(bytes, 3), 6);
    assert_int_equal(go_numbers_length(bytes, 4), 7);
    assert_int_equal(go_numbers_length(bytes, 5), 0);
}

/* An event's: none to five of any length, and after them whatever follows. */
static void numbers_of_an_event(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        unsigned char bytes[64];
        uint64_t values[5], read[5];
        unsigned count = (unsigned)(draw(&random) % 6), most = draw(&random) % 2 == 0 ? 20 : 64;
        size_t length = 0;
        memset(bytes, draw(&random) % 2 == 0 ? 0xff : 0, sizeof bytes);
        for (unsigned n = 0; n < count; n++)
            length += put(bytes + length, values[n] = draw_bits(&random, most));
        assert_ptr_equal(go_numbers_again(bytes, count, read), bytes + length);
        for (unsigned n = 0; n < count; n++)
            assert_int_equal(read[n], values[n]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merged_by_time),
        cmocka_unit_test(merged_by_count),
        cmocka_unit_test(numbers),
        cmocka_unit_test(numbers_in_a_row),
        cmocka_unit_test(numbers_of_an_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
