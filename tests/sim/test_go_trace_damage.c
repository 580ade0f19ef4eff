/* Go execution traces that are cut off, damaged, or not what they should be: one error that names the place; and with
 * salvage what is good in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "go_trace_builder.h"
#include "trace/row_check.h"

enum { P_RUNNING = 1, P_IDLE, G_RUNNABLE = 1, G_RUNNING };

/* The first event's batch in the generations of sound_trace. */
static void begin_batch(struct builder *b)
{
    builder_batch(b, 1, 1000 * b->generation);
    EVENT(b, GO_PROC_STATUS, 0, 0, P_RUNNING);
    EVENT(b, GO_STATUS, 0, 1, 1, G_RUNNING);
}

/* Two generations, with all that a trace has, and two Ms in the first. */
static size_t sound_trace(struct builder *b, unsigned version)
{
    builder_begin(b, version);
    builder_generation(b, 1, NS);
    begin_batch(b);
    EVENT(b, GO_SPAN, 0, 10, 1, NOSCAN(5));
    EVENT(b, GO_HEAP_OBJECT, 1, WORD(10, 0), 1);
    EVENT(b, GO_PROC_STATUS, 0, 1, P_IDLE);
    EVENT(b, GO_HEAP_OBJECT_ALLOC, 7, WORD(10, 6), 1);
    EVENT(b, GO_GC_BEGIN, 10, 1, 0);
    EVENT(b, GO_GC_END, 10, 2);
    EVENT(b, GO_HEAP_OBJECT_FREE, 200, WORD(10, 0));
    builder_batch(b, 2, 1050);
    EVENT(b, GO_PROC_START, 0, 1, 1);
    EVENT(b, GO_HEAP_OBJECT_ALLOC, 1, WORD(10, 12), 1);
    builder_type(b, 1, 0x100, 40, "T");
    builder_end_generation(b);
    size_t whole = b->length;
    builder_generation(b, 2, NS);
    begin_batch(b);
    EVENT(b, GO_PROC_STATUS, 0, 1, P_RUNNING);
    EVENT(b, GO_HEAP_OBJECT_ALLOC, 1, WORD(10, 18), 1);
    EVENT(b, GO_GC_BEGIN, 10, 3, 0);
    EVENT(b, GO_GC_END, 10, 4);
    EVENT(b, GO_HEAP_OBJECT_FREE, 1, WORD(10, 12));
    builder_type(b, 1, 0x100, 40, "T");
    builder_end_generation(b);
    return whole;
}

/* Whether the rows are such as a replay takes. */
static void check_rows(const void *bytes, size_t length, struct row_options options)
{
    struct error error = {0};
    struct trace_row row;
    struct trace_event event;
    struct row_checks checks;
    int fd;
    struct row_source *source = open_bytes(bytes, length, &options, &fd, &error);
    if (source != NULL) {
        assert_true(row_checks_init(&checks, source, TRACE_STREAM_BY_P));
        while (source->read(source, &row, 1, &error) == 1)
            if (row_checks_take(&checks, &row, &event) == ROW_FAILED)
                fail_msg("%s", checks.failure.text);
        row_checks_free(&checks);
        source->close(source);
    }
    close(fd);
}

/* The rows without what is only said at the end of a trace. */
static void cut_ends(char *rows)
{
    char *end = strstr(rows, " end ");
    while (end != NULL && end > rows && end[-1] != '\n')
        end--;
    if (end != NULL)
        *end = '\0';
}

/* Cut anywhere, it is an error, after rows that are the first of the whole; but for between generations, where it is
 * whole. */
static void cut_anywhere_it_is_an_error(void **state)
{
    (void)state;
    static const unsigned versions[] = {23, 25, 26};
    for (size_t v = 0; v < sizeof versions / sizeof *versions; v++) {
        struct builder b;
        size_t whole = sound_trace(&b, versions[v]);
        struct told all = tell_bytes(b.bytes, b.length, (struct row_options){0}, 64);
        assert_string_equal(all.error.text, "");
        assert_non_null(strstr(all.rows, " free 3 "));
        for (size_t length = 0; length < b.length; length++) {
            struct told told = tell_bytes(b.bytes, length, (struct row_options){0}, 64);
            bool good = told.error.text[0] == '\0';
            if (good != (length == whole))
                fail_msg("Go 1.%u, %zu of %zu bytes: %s", versions[v], length, b.length, told.error.text);
            cut_ends(told.rows);
            assert_memory_equal(told.rows, all.rows, strlen(told.rows));
            check_rows(b.bytes, length, (struct row_options){0});
            told_free(&told);
        }
        told_free(&all);
        builder_free(&b);
    }
}

static size_t lines(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

/* Then what was there of a trace is a trace, and it is said where it ends. */
static void cut_anywhere_it_is_salvaged(void **state)
{
    (void)state;
    static const unsigned versions[] = {23, 25, 26};
    for (size_t v = 0; v < sizeof versions / sizeof *versions; v++) {
        struct builder b;
        size_t whole = sound_trace(&b, versions[v]), least = 0;
        for (size_t length = 0; length < b.length; length++) {
            struct row_options options = {.salvage = true, .death = DEATH_SWEEP};
            struct told told = tell_bytes(b.bytes, length, options, 64);
            if (told.error.text[0] != '\0') {
                assert_true(length < 160); /* before the first allocation */
                told_free(&told);
                continue;
            }
            assert_true(length == whole || strstr(told.words, "the trace ends where it is broken: ") != NULL);
            size_t rows = lines(told.rows);
            assert_true(rows >= least); /* more of the file is more of the trace */
            least = rows;
            check_rows(b.bytes, length, options);
            told_free(&told);
        }
        builder_free(&b);
    }
}

/* The file gives this error, after its path; and what is salvaged of it is fit for a replay. */
static void expect_error(struct builder *b, const char *error)
{
    struct told told = tell_bytes(b->bytes, b->length, (struct row_options){0}, 64);
    const char *text = strchr(told.error.text, ':');
    assert_non_null(text);
    assert_string_equal(text + 2, error);
    told_free(&told);
    check_rows(b->bytes, b->length, (struct row_options){.salvage = true});
    builder_free(b);
}

static void expect_error_at(struct builder *b, size_t at, const char *what)
{
    char error[300];
    snprintf(error, sizeof error, "byte %zu: %s", at, what);
    expect_error(b, error);
}

static void other_versions_are_refused(void **state)
{
    (void)state;
    static const struct {
        unsigned version;
        const char *error;
    } cases[] = {
        {9, "byte 0: expected a trace of Go 1.23 to 1.26, got one of the older format, of Go 1.9"},
        {21, "byte 0: expected a trace of Go 1.23 to 1.26, got one of the older format, of Go 1.21"},
        {22, "byte 0: expected a trace of Go 1.23 to 1.26, got one of Go 1.22, which cannot record allocations"},
        {24, "byte 0: expected version 1.23, 1.25 or 1.26 of the format, got the unknown 1.24"},
        {27, "byte 0: expected version 1.23, 1.25 or 1.26 of the format, got the unknown 1.27"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct builder b;
        builder_begin(&b, cases[i].version);
        expect_error(&b, cases[i].error);
    }
    struct builder b;
    builder_begin(&b, 25);
    b.bytes[15] = 1;
    expect_error(&b, "byte 0: expected the header of a Go execution trace, \"go 1.NN trace\"");
}

static void a_trace_without_allocations_is_refused(void **state)
{
    (void)state;
    struct builder b;
    builder_begin(&b, 25);
    builder_generation(&b, 2, NS); /* its number keeps the facts about the heap away */
    begin_batch(&b);
    builder_flush(&b);
    static const unsigned char strings[] = {GO_STRINGS, GO_STRINGS + 1, 1, 0};
    builder_record(&b, 0, GO_NONE, 1, strings, sizeof strings);
    expect_error(&b, "expected a Go execution trace with allocations, got one without: record it with "
                     "GODEBUG=traceallocfree=1 in the program's environment");
}

/* A trace with one batch of events, where its payload is, and with the rest to come. */
static size_t one_batch(struct builder *b, unsigned version)
{
    builder_begin(b, version);
    builder_generation(b, 1, NS);
    begin_batch(b);
    EVENT(b, GO_SPAN, 0, 10, 1, NOSCAN(5));
    return b->length + 5; /* its record: type, generation, M, two bytes of time; and, to come, one of size */
}

static void bad_events(void **state)
{
    (void)state;
    struct builder b;
    size_t payload = one_batch(&b, 25) + 1;
    size_t at = payload + b.used;
    EVENT(&b, 200, 0);
    builder_end_generation(&b);
    expect_error_at(&b, at, "expected an event of Go 1.25, got one of type 200");

    payload = one_batch(&b, 25) + 1;
    at = payload + b.used;
    EVENT(&b, GO_PROC_START, 0, 300, 300);
    b.used -= 1;
    builder_end_generation(&b);
    expect_error_at(&b, at + 4, "expected an event's number, got one that does not end");

    payload = one_batch(&b, 26) + 1;
    at = payload + b.used;
    EVENT(&b, GO_SPAN, 0, 20, 17, NOSCAN(5));
    builder_end_generation(&b);
    expect_error_at(&b, at, "expected a span of a size class that there is, of as many pages as it has");

    payload = one_batch(&b, 26) + 1;
    at = payload + b.used;
    EVENT(&b, GO_START, 1, 77, 1); /* of which nothing is known, and will not be */
    builder_end_generation(&b);
    expect_error_at(&b, at,
                    "expected an event that can be the next, got none of any thread: the trace is damaged, or what "
                    "went before is missing");

    payload = one_batch(&b, 26) + 1;
    at = payload + b.used;
    EVENT(&b, GO_SYSCALL_END, 1);
    builder_end_generation(&b);
    expect_error_at(&b, at,
                    "expected a goroutine and a P in a system call to end it: the events are in no possible order");
}

static void bad_batches(void **state)
{
    (void)state;
    struct builder b;
    one_batch(&b, 23);
    builder_flush(&b);
    size_t at = b.length;
    builder_bytes(&b, "\x63", 1);
    expect_error_at(&b, at, "expected a batch, got a record of type 99");

    one_batch(&b, 23);
    builder_flush(&b);
    at = b.length;
    b.generation = 5;
    builder_record(&b, 0, 1, 1, "", 0);
    expect_error_at(&b, at + 5, "expected a batch of generation 1, got one of 5: generations are mixed");

    one_batch(&b, 26); /* where generations must be ended, the next one is as foreign */
    builder_flush(&b);
    at = b.length;
    b.generation = 2;
    builder_record(&b, 0, 1, 1, "", 0);
    expect_error_at(&b, at + 5, "expected a batch of generation 1, got one of 2: generations are mixed");

    one_batch(&b, 23);
    builder_flush(&b);
    at = b.length;
    builder_bytes(&b, "\1\1\1\1\x81\x80\x04", 7);
    expect_error_at(&b, at + 4, "expected a batch of at most 65536 bytes, got 65537");

    one_batch(&b, 23);
    builder_flush(&b);
    at = b.length;
    builder_bytes(&b, "\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11);
    expect_error_at(&b, at + 1, "expected a batch's generation, got a number above 2^64 - 1");
}

static void missing_tables(void **state)
{
    (void)state;
    struct builder b;
    one_batch(&b, 25);
    builder_flush(&b);
    expect_error_at(&b, b.length,
                    "expected the tables that end generation 1, got none: the file is truncated or damaged");

    one_batch(&b, 23);
    builder_flush(&b);
    expect_error_at(&b, b.length,
                    "expected a clock frequency in generation 1, got none: the file is truncated or damaged");
}

/* What is before the bad batch is there, and from there on nothing. */
static void salvage_ends_at_the_last_good_batch(void **state)
{
    (void)state;
    struct builder b;
    sound_trace(&b, 26);
    builder_generation(&b, 3, NS);
    begin_batch(&b);
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 1, WORD(10, 24), 0);
    builder_batch(&b, 1, 3100);
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 1, WORD(10, 30), 0);
    EVENT(&b, 3, 1);
    builder_batch(&b, 1, 3200);
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 1, WORD(10, 36), 0);
    builder_end_generation(&b);
    struct told told = tell_bytes(b.bytes, b.length, (struct row_options){.salvage = true, .death = DEATH_SWEEP}, 64);
    assert_string_equal(told.error.text, "");
    assert_non_null(strstr(told.rows, "\n2001 0 1 alloc 5 48 1 -\n2001 0 - end "));
    assert_non_null(strstr(told.words, "expected an event of Go 1.26, got one of type 3\n"));
    assert_null(strstr(told.words, "frequency"));
    told_free(&told);
    told = tell_bytes(b.bytes, b.length, (struct row_options){.death = DEATH_SWEEP}, 64);
    assert_non_null(strstr(told.error.text, "expected an event of Go 1.26, got one of type 3"));
    assert_null(strstr(told.rows, " alloc 5 "));
    told_free(&told);
    builder_free(&b);
}

/* Up to Go 1.24 the clock's frequency is among what is written last. */
static void salvage_assumes_the_usual_clock(void **state)
{
    (void)state;
    struct builder b;
    one_batch(&b, 23);
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 10, WORD(10, 0), 0);
    builder_flush(&b);
    struct told told = tell_bytes(b.bytes, b.length, (struct row_options){.salvage = true}, 64);
    assert_string_equal(told.rows, "640 0 1 alloc 1 48 1 -\n640 0 - end - - - -\n");
    assert_non_null(strstr(told.words, "the frequency of its clock is missing: taken to be Linux's\n"));
    told_free(&told);
    builder_free(&b);
}

/* A file that was cut has nothing of the threads whose buffers were not full yet. What others say of the Ps and
 * goroutines that those gave away is taken as it comes. */
static void salvage_does_without_the_events_of_others(void **state)
{
    (void)state;
    struct builder b;
    one_batch(&b, 26);
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 10, WORD(10, 0), 0); /* 10, on P 0 */
    builder_batch(&b, 2, 1000);
    EVENT(&b, GO_SYSCALL_END, 15);                        /* 15: of a goroutine of which nothing is known */
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 5, WORD(10, 6), 0);   /* 20: on no P, which becomes 0 */
    EVENT(&b, GO_PROC_START, 1, 3, 8);
    EVENT(&b, GO_START, 1, 77, 5);
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 8, WORD(10, 12), 0);  /* 30 */
    EVENT(&b, GO_SWITCH, 1, 78, 2);
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 9, WORD(10, 18), 0);  /* 40 */
    EVENT(&b, GO_BLOCK, 1, 0, 0);
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 9, WORD(10, 24), 0);  /* 50 */
    EVENT(&b, GO_PROC_STATUS, 1, 4, 1);
    EVENT(&b, GO_STATUS, 1, 79, 2, 2);
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 8, WORD(10, 30), 0);  /* 60 */
    EVENT(&b, GO_GC_END, 1, 9);
    EVENT(&b, GO_DESTROY_SYSCALL, 1);
    EVENT(&b, GO_HEAP_OBJECT_FREE, 8, WORD(10, 12));      /* 70: on the P that it had last */
    builder_flush(&b);
    struct told told = tell_bytes(b.bytes, b.length, (struct row_options){.salvage = true, .death = DEATH_SWEEP}, 64);
    assert_string_equal(told.error.text, "");
    assert_string_equal(told.rows,
                        "10 0 1 alloc 1 48 1 -\n"
                        "20 0 - alloc 2 48 1 -\n"
                        "30 3 77 alloc 3 48 1 -\n"
                        "40 3 78 alloc 4 48 1 -\n"
                        "50 3 - alloc 5 48 1 -\n"
                        "60 4 79 alloc 6 48 1 -\n"
                        "61 4 79 gcend - - - -\n"
                        "70 4 - free 3 - - -\n"
                        "70 0 - end - - - -\n"
                        "70 3 - end - - - -\n"
                        "70 4 - end - - - -\n");
    assert_non_null(strstr(told.words, "the last part's events are in the order of time: some before them are lost\n"));
    told_free(&told);
    check_rows(b.bytes, b.length, (struct row_options){.salvage = true});
    told = tell_bytes(b.bytes, b.length, (struct row_options){0}, 64);
    assert_string_not_equal(told.error.text, "");
    told_free(&told);
    builder_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_anywhere_it_is_an_error),
        cmocka_unit_test(cut_anywhere_it_is_salvaged),
        cmocka_unit_test(other_versions_are_refused),
        cmocka_unit_test(a_trace_without_allocations_is_refused),
        cmocka_unit_test(bad_events),
        cmocka_unit_test(bad_batches),
        cmocka_unit_test(missing_tables),
        cmocka_unit_test(salvage_ends_at_the_last_good_batch),
        cmocka_unit_test(salvage_assumes_the_usual_clock),
        cmocka_unit_test(salvage_does_without_the_events_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
