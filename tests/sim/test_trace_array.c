/* A trace in memory beside the same trace read from its file: the events, whose lifetime is whose, failures, and the
 * budget. Replays of the two are compared by tests/cli/sweep.bats. */
#include "trace/trace_array.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROWS = 20000, LIVE = 500, WAITING = 64, ROOM = 2 * ROWS };

static char path[] = "/tmp/test_trace_array.XXXXXX";

static uint64_t random_state = 88172645463325252;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

/* Allocations and frees at random, goroutine stacks and deaths among them. */
static void write_trace(const char *last)
{
    uint64_t ids[LIVE] = {0}, id = 0;
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("t_ns,p,g,op,id,size\n", f);
    for (unsigned i = 0; i < ROWS; i++) {
        uint64_t *at = &ids[next_random() % LIVE];
        unsigned g = (unsigned)(next_random() % 9), p = g % 3;
        const char *kind = (at - ids) % 7 == 0 ? "stack" : "";
        if (*at && !kind[0] && next_random() % 4 == 0)
            fprintf(f, "%u,%u,%u,dead,%llu,\n", i, p, g, (unsigned long long)*at);
        if (*at)
            fprintf(f, "%u,%u,%u,%sfree,%llu,\n", i, p, g, kind, (unsigned long long)*at);
        *at = *at ? 0 : ++id;
        if (*at)
            fprintf(f, "%u,%u,%u,%salloc,%llu,%u\n", i, p, g, kind, (unsigned long long)id, i % 5000 + 1);
        if (i % 1000 == 0)
            fprintf(f, "%u,%u,%u,gc,,\n", i, p, g);
    }
    fputs(last, f);
    fclose(f);
}

static struct trace_source *open_file(int stream_by)
{
    struct error error = {.text = ""};
    struct trace_source *source = trace_open(path, stream_by, &error);
    assert_non_null(source);
    return source;
}

static struct trace_array *read_array(int stream_by, struct trace_budget *budget)
{
    struct trace_source *source = open_file(stream_by);
    struct trace_array *array = trace_array_read(source, budget);
    source->close(source);
    return array;
}

/* --- reading as a replay does -------------------------------------------------------------------------- */

struct reading {
    struct trace_event *events;
    uint64_t *owners; /* of each event's slot: which lifetime has it, counted from the trace's beginning */
    size_t count;
    uint32_t slots; /* the most that were taken */
    struct error error;
};

/* Frees are executed late, and not in order: slots come back in batches that are shuffled. */
static void read_all(struct trace_source *source, struct reading *r)
{
    uint32_t waiting[WAITING];
    uint64_t *owner = calloc(ROOM, sizeof *owner), lifetimes = 0;
    size_t n, held = 0;
    *r = (struct reading){.events = calloc(ROOM, sizeof *r->events), .owners = calloc(ROOM, sizeof *r->owners)};
    while ((n = source->read(source, r->events + r->count, next_random() % 300 + 1, &r->error)) > 0) {
        for (size_t i = r->count; i < r->count + n; i++) {
            const struct trace_event *e = &r->events[i];
            if (e->op == TRACE_ALLOC || e->op == TRACE_STACKALLOC) {
                assert_int_equal(owner[e->slot], 0); /* nobody has it */
                owner[e->slot] = ++lifetimes;
                if (e->slot >= r->slots)
                    r->slots = e->slot + 1;
            }
            r->owners[i] = e->op == TRACE_GC ? 0 : owner[e->slot];
            if (e->op != TRACE_FREE && e->op != TRACE_STACKFREE)
                continue;
            waiting[held++] = e->slot;
            for (; held == WAITING; held = 0)
                for (size_t k = 0; k < WAITING; k++) {
                    uint32_t slot = waiting[(k * 37 + 11) % WAITING];
                    owner[slot] = 0;
                    source->release(source, slot);
                }
        }
        r->count += n;
        assert_true(r->count + 300 < ROOM);
    }
    free(owner);
}

static void free_reading(struct reading *r)
{
    free(r->events);
    free(r->owners);
}

static void assert_same(const struct reading *a, const struct reading *b)
{
    assert_int_equal(a->count, b->count);
    assert_string_equal(a->error.text, b->error.text);
    for (size_t i = 0; i < a->count; i++) {
        const struct trace_event *x = &a->events[i], *y = &b->events[i];
        assert_int_equal(x->time_ns, y->time_ns);
        assert_int_equal(x->op, y->op);
        assert_int_equal(x->size, y->size);
        assert_int_equal(x->stream, y->stream);
        assert_int_equal(x->noscan, y->noscan);
        assert_int_equal(x->align_log2, y->align_log2);
        if (x->op == TRACE_ALLOC)
            assert_int_equal(x->id, y->id);
        assert_int_equal(a->owners[i], b->owners[i]);
    }
}

/* The array's sources, two of them in turns, against the file's. */
static void compare(int stream_by)
{
    struct trace_budget budget = {.left = 64 << 20};
    struct reading file, first, second;
    struct trace_source *source = open_file(stream_by);
    read_all(source, &file);
    struct trace_array *array = read_array(stream_by, &budget);
    assert_non_null(array);
    struct trace_source *a = trace_array_open(array), *b = trace_array_open(array);
    assert_true(a && b);
    assert_true(a->timed);
    assert_string_equal(a->name, source->name);
    read_all(a, &first);
    read_all(b, &second);
    assert_same(&file, &first);
    assert_same(&file, &second);
    assert_true(first.slots <= LIVE + 2 * WAITING); /* they are used again */
    a->close(a);
    b->close(b);
    source->close(source);
    trace_array_free(array);
    assert_int_equal(budget.left, 64 << 20);
    free_reading(&file);
    free_reading(&first);
    free_reading(&second);
}

static void test_events(void **state)
{
    (void)state;
    write_trace("");
    compare(TRACE_STREAM_BY_P);
    compare(TRACE_STREAM_BY_G);
}

/* What is wrong with a trace comes after what is right, each time. */
static void test_failure(void **state)
{
    (void)state;
    write_trace("1,0,0,free,123456789,\n");
    compare(TRACE_STREAM_BY_P);
    FILE *f = fopen(path, "w");
    fputs("t_ns,p,g,op,id,size\nnonsense,0,0,alloc,1,1\n", f);
    fclose(f);
    struct trace_budget budget = {.left = 1 << 20};
    struct reading r;
    struct trace_array *array = read_array(TRACE_STREAM_BY_P, &budget);
    struct trace_source *source = trace_array_open(array);
    read_all(source, &r);
    assert_int_equal(r.count, 0);
    assert_non_null(strstr(r.error.text, ":2: t_ns: "));
    free_reading(&r);
    source->close(source);
    trace_array_free(array);
}

/* It fits to the byte, or not at all; and what does not fit leaves the budget as it was. */
static void test_budget(void **state)
{
    (void)state;
    struct trace_budget budget = {.left = 64 << 20};
    write_trace("");
    struct trace_array *array = read_array(TRACE_STREAM_BY_P, &budget);
    uint64_t taken = (64 << 20) - budget.left;
    assert_true(taken >= ROWS * sizeof(struct trace_event));
    trace_array_free(array);
    for (uint64_t part = 0; part < 8; part++) {
        uint64_t left = taken * part / 8;
        budget.left = left;
        assert_null(read_array(TRACE_STREAM_BY_P, &budget));
        assert_int_equal(budget.left, left);
    }
    budget.left = taken + sizeof(struct trace_event); /* the end has to be looked for */
    array = read_array(TRACE_STREAM_BY_P, &budget);
    assert_non_null(array);
    assert_int_equal(budget.left, sizeof(struct trace_event));
    trace_array_free(array);
}

static int set_up(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_failure),
        cmocka_unit_test(test_budget),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
