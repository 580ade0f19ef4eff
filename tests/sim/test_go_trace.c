/* Go execution traces: every rule on a trace of its own, with its rows written down by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "go_trace_builder.h"

enum { P_RUNNING = 1, P_IDLE, P_SYSCALL, P_ABANDONED };
enum { G_RUNNABLE = 1, G_RUNNING, G_SYSCALL, G_WAITING };

/* A generation of 1 ns ticks in which M 1, from 1000 on, has P 0 and goroutine 1. */
static void begin(struct builder *b, unsigned version)
{
    builder_begin(b, version);
    builder_generation(b, 1, NS);
    builder_batch(b, 1, 1000);
    EVENT(b, GO_PROC_STATUS, 0, 0, P_RUNNING);
    EVENT(b, GO_STATUS, 0, 1, 1, G_RUNNING);
}

/* Ends the generation and the trace, which gives these rows, however many are asked for at a time; what is told
 * contains the words. */
static void expect_rows(struct builder *b, struct row_options options, const char *rows, const char *words)
{
    static const size_t batches[] = {64, 1, 3};
    if (b->in_batch)
        builder_end_generation(b);
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        struct told told = tell_bytes(b->bytes, b->length, options, batches[i]);
        assert_string_equal(told.error.text, "");
        assert_string_equal(told.rows, rows);
        if (strstr(told.words, words) == NULL)
            fail_msg("expected \"%s\" in what is told, got: %s", words, told.words);
        told_free(&told);
    }
    builder_free(b);
}

static const struct row_options gc = {.death = DEATH_GC}, sweep = {.death = DEATH_SWEEP};

/* ---- what there is, and who did it ---- */

static void what_was_there_comes_at_time_0(void **state)
{
    (void)state;
    static const unsigned versions[] = {23, 25, 26};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        struct builder b;
        begin(&b, versions[i]);
        EVENT(&b, GO_PROCS_CHANGE, 5, 2, 0);
        EVENT(&b, GO_SPAN, 10, 10, 1, SCAN(3)); /* at 1015: the start */
        EVENT(&b, GO_HEAP_OBJECT, 5, WORD(10, 0), 1);
        EVENT(&b, GO_SPAN, 1, 11, 4, NO_HEAP);
        EVENT(&b, GO_GOROUTINE_STACK, 1, 7, 12);
        EVENT(&b, GO_HEAP_OBJECT_ALLOC, 99, WORD(10, 3), 1);
        EVENT(&b, GO_HEAP_ALLOC, 4, 4096);
        EVENT(&b, GO_HEAP_GOAL, 0, UINT64_MAX);
        EVENT(&b, GO_GOROUTINE_STACK_ALLOC, 2, 8, 13);
        EVENT(&b, GO_GOROUTINE_STACK_FREE, 2, 7);
        builder_type(&b, 1, 0x5000, 24, "main.T");
        expect_rows(&b, gc,
                    "0 0 1 procs - 2 - -\n"
                    "0 0 1 alloc 1 24 0 main.T\n"
                    "0 0 1 stackalloc 2 2048 - -\n"
                    "106 0 1 alloc 3 24 0 main.T\n"
                    "110 0 1 heaplive - 4096 - -\n"
                    "110 0 1 heapgoal - 18446744073709551615 - -\n"
                    "112 0 1 stackalloc 4 4096 - -\n"
                    "114 0 1 stackfree 2 - - -\n"
                    "114 0 - end - - - -\n",
                    "1 objects lived when the trace began: allocated at time 0\n");
    }
}

static void metas_say_where_rows_come_from(void **state)
{
    (void)state;
    struct builder b;
    begin(&b, 25);
    EVENT(&b, GO_SPAN, 0, 10, 1, SCAN(3));
    builder_end_generation(&b);
    struct row_options options = {.size = SIZE_UNIFORM, .death = DEATH_SWEEP};
    struct told told = tell_bytes(b.bytes, b.length, options, 2);
    assert_string_equal(told.metas, "source=go execution trace\ngo=1.25\ntime=recorded\nsize=uniform\ndeath=sweep\n");
    assert_string_equal(told.rows, "");
    told_free(&told);
    builder_free(&b);
}

/* Events belong to the P and the goroutine that their M has before them. */
static void an_m_changes_its_goroutine_and_its_p(void **state)
{
    (void)state;
    struct builder b;
    begin(&b, 26);
    EVENT(&b, GO_PROC_STATUS, 0, 1, P_IDLE);
    EVENT(&b, GO_SPAN, 0, 10, 1, NOSCAN(5)); /* 48 bytes: 6 words */
    EVENT(&b, GO_CREATE, 10, 2, 0, 0);
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 0, WORD(10, 0), 0); /* goroutine 1 */
    EVENT(&b, GO_BLOCK, 1, 0, 0);
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 1, WORD(10, 6), 0); /* none */
    EVENT(&b, GO_START, 1, 2, 1);
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 1, WORD(10, 12), 0); /* 2 */
    EVENT(&b, GO_UNBLOCK, 1, 1, 1, 0);
    EVENT(&b, GO_STOP, 1, 0, 0);
    EVENT(&b, GO_PROC_STOP, 1);
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 1, WORD(10, 18), 0); /* no P: its last */
    EVENT(&b, GO_PROC_START, 1, 1, 1);
    EVENT(&b, GO_START, 1, 1, 2);
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 1, WORD(10, 24), 0); /* P 1, 1 */
    EVENT(&b, GO_CREATE_BLOCKED, 1, 3, 0, 0);
    EVENT(&b, GO_SWITCH, 1, 3, 1);
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 1, WORD(10, 30), 0); /* 3 */
    EVENT(&b, GO_SWITCH_DESTROY, 1, 1, 3);
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 1, WORD(10, 36), 0); /* 1 */
    EVENT(&b, GO_DESTROY, 1);
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 1, WORD(10, 42), 0); /* none */
    expect_rows(&b, gc,
                "10 0 1 alloc 1 48 1 -\n"
                "12 0 - alloc 2 48 1 -\n"
                "14 0 2 alloc 3 48 1 -\n"
                "18 0 - alloc 4 48 1 -\n"
                "21 1 1 alloc 5 48 1 -\n"
                "24 1 3 alloc 6 48 1 -\n"
                "26 1 1 alloc 7 48 1 -\n"
                "28 1 - alloc 8 48 1 -\n"
                "28 0 - end - - - -\n"
                "28 1 - end - - - -\n",
                "1 rows of threads that have no P");
}

/* M 1 is in a system call when M 2 takes its P away. It comes back after that, whatever the clocks say. */
static void a_p_is_stolen_from_a_system_call(void **state)
{
    (void)state;
    struct builder b;
    begin(&b, 25);
    EVENT(&b, GO_SPAN, 0, 10, 1, NOSCAN(5));
    EVENT(&b, GO_CREATE, 0, 2, 0, 0);
    EVENT(&b, GO_SYSCALL_BEGIN, 10, 1, 0);
    EVENT(&b, GO_SYSCALL_END, 1);
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 1, WORD(10, 0), 0); /* 12: P 0, 1 */
    EVENT(&b, GO_SYSCALL_BEGIN, 1, 2, 0);
    EVENT(&b, GO_SYSCALL_END_BLOCKED, 2); /* 15, really after 20 */
    EVENT(&b, GO_PROC_START, 1, 0, 5);    /* 16, really after 32 */
    EVENT(&b, GO_START, 1, 1, 1);
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 1, WORD(10, 6), 0); /* 18: P 0, 1 */
    builder_batch(&b, 2, 1020);
    EVENT(&b, GO_PROC_STEAL, 0, 0, 3, 1);
    EVENT(&b, GO_PROC_START, 1, 0, 4);
    EVENT(&b, GO_START, 1, 2, 1);
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 1, WORD(10, 12), 0); /* 23: P 0, 2 */
    EVENT(&b, GO_STOP, 4, 0, 0);
    EVENT(&b, GO_PROC_STOP, 5);
    expect_rows(&b, gc,
                "12 0 1 alloc 1 48 1 -\n"
                "23 0 2 alloc 2 48 1 -\n"
                "23 0 1 alloc 3 48 1 -\n" /* 18, made 23 as P 0 is there already */
                "23 0 - end - - - -\n",
                "1 times before the time of the row before on their P: made equal");
}

/* C calls into Go on M 2, and leaves it with a P that it has abandoned; M 3 has been in a system call all the time. */
static void goroutines_begin_and_end_in_system_calls(void **state)
{
    (void)state;
    struct builder b;
    begin(&b, 26);
    EVENT(&b, GO_PROC_STATUS, 0, 1, P_IDLE);
    EVENT(&b, GO_STATUS_STACK, 0, 7, 3, G_SYSCALL, 0);
    EVENT(&b, GO_SPAN, 0, 10, 1, NOSCAN(5));
    EVENT(&b, GO_STOP, 20, 0, 0);
    EVENT(&b, GO_PROC_STEAL, 10, 1, 3, 2); /* 30 */
    EVENT(&b, GO_PROC_STOP, 1);
    EVENT(&b, GO_PROC_START, 1, 1, 4);
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 1, WORD(10, 0), 0); /* 33: P 1, none */
    builder_batch(&b, 2, 1010);
    EVENT(&b, GO_CREATE_SYSCALL, 0, 5);
    EVENT(&b, GO_SYSCALL_END_BLOCKED, 1);
    EVENT(&b, GO_PROC_START, 1, 1, 1);
    EVENT(&b, GO_START, 1, 5, 1);
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 1, WORD(10, 6), 0); /* 14: P 1, 5 */
    EVENT(&b, GO_SYSCALL_BEGIN, 1, 2, 0);
    EVENT(&b, GO_DESTROY_SYSCALL, 1);
    builder_batch(&b, 3, 1040);
    EVENT(&b, GO_SYSCALL_END_BLOCKED, 0);
    EVENT(&b, GO_PROC_START, 1, 0, 1);
    EVENT(&b, GO_START, 1, 7, 1);
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 1, WORD(10, 12), 0); /* 43: P 0, 7 */
    expect_rows(&b, gc,
                "14 1 5 alloc 1 48 1 -\n"
                "33 1 - alloc 2 48 1 -\n"
                "43 0 7 alloc 3 48 1 -\n"
                "43 0 - end - - - -\n"
                "43 1 - end - - - -\n",
                "3 objects were allocated");
}

/* M 2 starts what M 1 creates, by a clock that is 50 ns behind. */
static void order_is_by_number_before_it_is_by_time(void **state)
{
    (void)state;
    struct builder b;
    begin(&b, 26);
    EVENT(&b, GO_PROC_STATUS, 0, 1, P_IDLE);
    EVENT(&b, GO_SPAN, 0, 10, 1, NOSCAN(5));
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 99, WORD(10, 0), 0);
    EVENT(&b, GO_CREATE, 1, 2, 0, 0);
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 1, WORD(10, 6), 0);
    builder_batch(&b, 2, 1030);
    EVENT(&b, GO_PROC_START, 0, 1, 1);
    EVENT(&b, GO_START, 20, 2, 1);
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 10, WORD(10, 12), 0);
    expect_rows(&b, gc,
                "99 0 1 alloc 1 48 1 -\n"
                "60 1 2 alloc 2 48 1 -\n"
                "101 0 1 alloc 3 48 1 -\n"
                "101 0 - end - - - -\n"
                "101 1 - end - - - -\n",
                "3 objects live when the trace ends");
}

/* ---- objects ---- */

/* M 2 sweeps: its clock says that it freed the first object before M 1 had allocated it, and M 1's that it had the
 * slot again before it was free. */
static void an_event_waits_for_the_one_before_it_in_its_slot(void **state)
{
    (void)state;
    struct builder b;
    begin(&b, 26);
    EVENT(&b, GO_PROC_STATUS, 0, 1, P_IDLE);
    EVENT(&b, GO_SPAN, 0, 10, 1, NOSCAN(5));
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 50, WORD(10, 0), 0);
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 10, WORD(10, 6), 0); /* 60 */
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 10, WORD(10, 6), 0); /* 70 */
    EVENT(&b, GO_SPAN_ALLOC, 10, 11, 1, NOSCAN(5));      /* 80 */
    builder_batch(&b, 2, 1040);
    EVENT(&b, GO_PROC_START, 0, 1, 1);
    EVENT(&b, GO_HEAP_OBJECT_FREE, 1, WORD(10, 0)); /* 41 */
    EVENT(&b, GO_HEAP_OBJECT_FREE, 40, WORD(10, 6)); /* 81 */
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 1, WORD(10, 12), 0); /* 82 */
    expect_rows(&b, sweep,
                "50 0 1 alloc 1 48 1 -\n"
                "41 1 - free 1 - - -\n"
                "60 0 1 alloc 2 48 1 -\n"
                "81 1 - free 2 - - -\n"
                "70 0 1 alloc 3 48 1 -\n"
                "82 1 - alloc 4 48 1 -\n"
                "82 0 - end - - - -\n"
                "82 1 - end - - - -\n",
                "2 objects live when the trace ends");
}

static void what_waits_in_vain_is_repaired_and_counted(void **state)
{
    (void)state;
    struct builder b;
    begin(&b, 26);
    EVENT(&b, GO_SPAN, 0, 10, 1, NOSCAN(5));
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 1, WORD(10, 0), 0);
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 1, WORD(10, 0), 0);  /* where one lives */
    EVENT(&b, GO_HEAP_OBJECT_FREE, 1, WORD(10, 6));      /* of none */
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 1, WORD(99, 0), 0);  /* in no span */
    EVENT(&b, GO_SPAN_ALLOC, 1, 9, 2, NOSCAN(35));       /* over the span and its object */
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 1, WORD(10, 768), 5); /* of a type without a name; 1408 bytes */
    EVENT(&b, GO_GOROUTINE_STACK_FREE, 1, 3);
    expect_rows(&b, sweep,
                "1 0 1 alloc 1 48 1 -\n"
                "2 0 1 free 1 - - -\n"
                "2 0 1 alloc 2 48 1 -\n"
                "5 0 1 free 2 - - -\n"
                "6 0 1 alloc 3 1408 1 -\n"
                "6 0 - end - - - -\n",
                "1 objects of a type that the trace does not name\n"
                "1 events of objects outside of all known spans: left out\n"
                "1 allocations where another object lives: it ends there\n"
                "1 frees of objects that do not live: left out\n"
                "1 objects whose span goes without their having been freed: they end there\n"
                "1 stacks allocated where one is, or freed where none is\n");
}

/* Behind its header an object's own address is 8 bytes into the slot; it is freed by the slot's. */
static void headers_tiny_blocks_and_large_objects(void **state)
{
    (void)state;
    struct builder b;
    begin(&b, 26);
    EVENT(&b, GO_SPAN, 0, 10, 1, SCAN(27)); /* 576 bytes: 72 words */
    EVENT(&b, GO_SPAN, 0, 11, 1, NOSCAN(2));
    EVENT(&b, GO_SPAN, 0, 12, 5, NOSCAN(0));
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 1, WORD(10, 73), 1);
    EVENT(&b, GO_HEAP_OBJECT_FREE, 1, WORD(10, 72));
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 1, WORD(11, 2), 2); /* opens a tiny block */
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 1, WORD(11, 2), 0); /* in its first half */
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 1, WORD(11, 3), 0); /* in its second */
    EVENT(&b, GO_HEAP_OBJECT_FREE, 1, WORD(11, 2));
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 1, WORD(12, 0), 3);
    EVENT(&b, GO_HEAP_OBJECT_FREE, 1, WORD(12, 0));
    EVENT(&b, GO_SPAN_FREE, 1, 12);
    EVENT(&b, GO_SPAN_ALLOC, 1, 12, 1, NOSCAN(5)); /* where the large one was */
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 1, WORD(12, 6), 0);
    builder_type(&b, 1, 0x100, 520, "big");
    builder_type(&b, 2, 0x200, 4, "int32");
    builder_type(&b, 3, 0x300, 1000, "kilo");
    struct builder again = b;
    again.bytes = memcpy(malloc(b.length), b.bytes, b.length);
    expect_rows(&b, sweep,
                "1 0 1 alloc 1 520 0 big\n"
                "2 0 1 free 1 - - -\n"
                "3 0 1 alloc 2 4 1 int32\n"
                "4 0 1 alloc 3 15 1 -\n"
                "5 0 1 alloc 4 8 1 -\n"
                "6 0 1 free 4 - - -\n"
                "6 0 1 free 3 - - -\n"
                "6 0 1 free 2 - - -\n"
                "7 0 1 alloc 5 40000 1 kilo\n"
                "8 0 1 free 5 - - -\n"
                "11 0 1 alloc 6 48 1 -\n"
                "11 0 - end - - - -\n",
                "2 of them in a tiny block with others\n");
    expect_rows(&again, (struct row_options){.size = SIZE_SLOT, .death = DEATH_SWEEP},
                "1 0 1 alloc 1 576 0 big\n"
                "2 0 1 free 1 - - -\n"
                "3 0 1 alloc 2 16 1 int32\n"
                "6 0 1 free 2 - - -\n"
                "7 0 1 alloc 3 40960 1 kilo\n"
                "8 0 1 free 3 - - -\n"
                "11 0 1 alloc 4 48 1 -\n"
                "11 0 - end - - - -\n",
                "2 of them in a tiny block with others, whose slot stands for all: left out");
}

/* ---- deaths ---- */

/* Two collections. Before them an object that was dead when the trace began is swept; the first finds 2 and 3 dead, one
 * of which is swept after the second has begun; the second finds 4. */
static void two_collections(struct builder *b)
{
    begin(b, 26);
    EVENT(b, GO_SPAN, 0, 10, 1, NOSCAN(5));
    EVENT(b, GO_HEAP_OBJECT, 0, WORD(10, 0), 0);
    EVENT(b, GO_HEAP_OBJECT_ALLOC, 10, WORD(10, 6), 0);
    EVENT(b, GO_HEAP_OBJECT_FREE, 5, WORD(10, 0));       /* 15 */
    EVENT(b, GO_HEAP_OBJECT_ALLOC, 5, WORD(10, 12), 0);  /* 20 */
    EVENT(b, GO_GC_BEGIN, 80, 1, 0);                     /* 100 */
    EVENT(b, GO_HEAP_OBJECT_ALLOC, 10, WORD(10, 18), 0); /* 110 */
    EVENT(b, GO_GC_END, 10, 2);                          /* 120 */
    EVENT(b, GO_HEAP_OBJECT_FREE, 10, WORD(10, 6));      /* 130 */
    EVENT(b, GO_HEAP_OBJECT_ALLOC, 20, WORD(10, 24), 0); /* 150 */
    EVENT(b, GO_GC_BEGIN, 50, 3, 0);                     /* 200 */
    EVENT(b, GO_HEAP_OBJECT_FREE, 10, WORD(10, 12));     /* 210 */
    EVENT(b, GO_GC_END, 10, 4);                          /* 220 */
    EVENT(b, GO_HEAP_OBJECT_FREE, 10, WORD(10, 18));     /* 230 */
    EVENT(b, GO_HEAP_OBJECT_ALLOC, 10, WORD(10, 18), 0); /* 240 */
}

static void the_dead_of_a_collection_die_as_it_begins(void **state)
{
    (void)state;
    struct builder b;
    two_collections(&b);
    expect_rows(&b, gc,
                "0 0 1 alloc 1 48 1 -\n"
                "0 0 - free 1 - - -\n"
                "10 0 1 alloc 2 48 1 -\n"
                "20 0 1 alloc 3 48 1 -\n"
                "100 0 - free 2 - - -\n"
                "100 0 - free 3 - - -\n"
                "100 0 1 gcbegin - - - -\n"
                "110 0 1 alloc 4 48 1 -\n"
                "120 0 1 gcend - - - -\n"
                "150 0 1 alloc 5 48 1 -\n"
                "200 0 - free 4 - - -\n"
                "200 0 1 gcbegin - - - -\n"
                "220 0 1 gcend - - - -\n"
                "240 0 1 alloc 6 48 1 -\n"
                "240 0 - end - - - -\n",
                "2 objects live when the trace ends");
}

static void the_dead_are_freed_when_they_are_swept(void **state)
{
    (void)state;
    struct builder b;
    two_collections(&b);
    expect_rows(&b, sweep,
                "0 0 1 alloc 1 48 1 -\n"
                "10 0 1 alloc 2 48 1 -\n"
                "15 0 1 free 1 - - -\n"
                "20 0 1 alloc 3 48 1 -\n"
                "100 0 1 gcbegin - - - -\n"
                "110 0 1 alloc 4 48 1 -\n"
                "120 0 1 gcend - - - -\n"
                "130 0 1 free 2 - - -\n"
                "150 0 1 alloc 5 48 1 -\n"
                "200 0 1 gcbegin - - - -\n"
                "210 0 1 free 3 - - -\n"
                "220 0 1 gcend - - - -\n"
                "230 0 1 free 4 - - -\n"
                "240 0 1 alloc 6 48 1 -\n"
                "240 0 - end - - - -\n",
                "2 objects live when the trace ends");
}

/* When the row with this text comes, and in which line; fails if it is not there once. */
static uint64_t time_of(const char *rows, const char *text, int *line)
{
    uint64_t time = 0;
    int found = 0, at = 0;
    char copy[4096];
    snprintf(copy, sizeof copy, "%s", rows);
    for (char *row = strtok(copy, "\n"); row != NULL; row = strtok(NULL, "\n"), at++)
        if (strstr(row, text) != NULL) {
            time = strtoull(row, NULL, 10);
            *line = at;
            found++;
        }
    assert_int_equal(found, 1);
    return time;
}

/* Each at a time drawn from when it may have been, which ends as the collection that found it dead begins; and all of
 * that time is drawn from. */
static void the_dead_die_at_random_when_they_may_have(void **state)
{
    (void)state;
    static const struct window {
        const char *birth, *death;
        uint64_t after, until;
    } windows[] = {
        {"alloc 2 ", "free 2 ", 10, 100},
        {"alloc 3 ", "free 3 ", 20, 100},
        {"alloc 4 ", "free 4 ", 110, 200},
    };
    struct builder b;
    two_collections(&b);
    builder_end_generation(&b);
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        uint64_t least = UINT64_MAX, most = 0;
        for (uint64_t seed = 0; seed < 400; seed++) {
            struct row_options options = {.death = DEATH_UNIFORM, .seed = seed};
            struct told told = tell_bytes(b.bytes, b.length, options, 64);
            int born, died, first, second;
            time_of(told.rows, windows[i].birth, &born);
            uint64_t time = time_of(told.rows, windows[i].death, &died);
            time_of(told.rows, "100 0 1 gcbegin", &first);
            time_of(told.rows, "200 0 1 gcbegin", &second);
            assert_true(born < died && died < (i < 2 ? first : second));
            least = time < least ? time : least;
            most = time > most ? time : most;
            told_free(&told);
        }
        assert_in_range(least, windows[i].after + 1, windows[i].after + 4);
        assert_in_range(most, windows[i].until - 3, windows[i].until);
    }
    builder_free(&b);
}

/* Allocated by M 2 after the collection began, as its clock has it, and found dead by it. */
static void the_dead_are_not_dead_before_they_live(void **state)
{
    (void)state;
    struct builder b;
    begin(&b, 25);
    EVENT(&b, GO_PROC_STATUS, 0, 1, P_IDLE);
    EVENT(&b, GO_SPAN, 0, 10, 1, NOSCAN(5));
    EVENT(&b, GO_GC_BEGIN, 100, 1, 0);
    EVENT(&b, GO_GC_END, 20, 2);
    EVENT(&b, GO_HEAP_OBJECT_FREE, 10, WORD(10, 6));
    builder_batch(&b, 2, 1050);
    EVENT(&b, GO_PROC_START, 0, 1, 1);
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 60, WORD(10, 6), 0);
    expect_rows(&b, gc,
                "100 0 1 gcbegin - - - -\n"
                "110 1 - alloc 1 48 1 -\n"
                "110 1 - free 1 - - -\n"
                "120 0 1 gcend - - - -\n"
                "120 0 - end - - - -\n"
                "120 1 - end - - - -\n",
                "1 objects found dead by a collection that had begun before");
}

/* A trace that begins while marking: the collection begins where the program goes on, and what is swept afterwards died
 * before that. */
static void a_trace_that_begins_in_a_collection(void **state)
{
    (void)state;
    struct builder b;
    begin(&b, 25);
    EVENT(&b, GO_GC_ACTIVE, 0, 7);
    EVENT(&b, GO_SPAN, 0, 10, 1, NOSCAN(5));
    EVENT(&b, GO_HEAP_OBJECT, 0, WORD(10, 0), 0);
    EVENT(&b, GO_GOROUTINE_STACK, 0, 7, 12);
    EVENT(&b, GO_HEAP_OBJECT_ALLOC, 5, WORD(10, 12), 0);
    EVENT(&b, GO_GC_END, 5, 8);
    EVENT(&b, GO_HEAP_OBJECT_FREE, 5, WORD(10, 0));
    expect_rows(&b, gc,
                "0 0 1 alloc 1 48 1 -\n"
                "0 0 1 stackalloc 2 2048 - -\n"
                "5 0 - free 1 - - -\n"
                "5 0 1 gcbegin - - - -\n"
                "5 0 1 alloc 3 48 1 -\n"
                "10 0 1 gcend - - - -\n"
                "10 0 - end - - - -\n",
                "1 objects live when the trace ends");
}

/* One that lasts over a generation's end is told of again, and is still the same. */
static void a_collection_over_two_generations(void **state)
{
    (void)state;
    struct builder b;
    begin(&b, 26);
    EVENT(&b, GO_GC_BEGIN, 10, 1, 0);
    builder_end_generation(&b);
    builder_generation(&b, 2, NS);
    builder_batch(&b, 1, 1100);
    EVENT(&b, GO_PROC_STATUS, 0, 0, P_RUNNING);
    EVENT(&b, GO_STATUS, 0, 1, 1, G_RUNNING);
    EVENT(&b, GO_GC_ACTIVE, 0, 2);
    EVENT(&b, GO_GC_END, 20, 3);
    EVENT(&b, GO_HEAP_GOAL, 0, 4096);
    expect_rows(&b, gc,
                "10 0 1 gcbegin - - - -\n"
                "120 0 1 gcend - - - -\n"
                "120 0 1 heapgoal - 4096 - -\n"
                "120 0 - end - - - -\n",
                "");
}

/* ---- generations ---- */

/* Types have other ids; Ms, objects and time go on. */
static void state_lasts_over_generations(void **state)
{
    (void)state;
    static const unsigned versions[] = {23, 25, 26};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        struct builder b;
        builder_begin(&b, versions[i]);
        builder_generation(&b, 1, LINUX_TICKS);
        builder_batch(&b, 1, 1000);
        EVENT(&b, GO_PROC_STATUS, 0, 0, P_RUNNING);
        EVENT(&b, GO_STATUS, 0, 1, 1, G_RUNNING);
        EVENT(&b, GO_SPAN, 0, 10, 1, SCAN(5));
        EVENT(&b, GO_HEAP_OBJECT_ALLOC, 10, WORD(10, 0), 1);
        EVENT(&b, GO_CREATE, 1, 2, 0, 0);
        builder_type(&b, 1, 0x500, 48, "A");
        builder_end_generation(&b);
        builder_generation(&b, 2, LINUX_TICKS);
        builder_batch(&b, 1, 2000);
        EVENT(&b, GO_HEAP_OBJECT_ALLOC, 0, WORD(10, 6), 1);
        EVENT(&b, GO_PROC_STATUS, 0, 0, P_RUNNING);
        EVENT(&b, GO_STATUS, 0, 1, 1, G_RUNNING);
        EVENT(&b, GO_BLOCK, 0, 0, 0);
        EVENT(&b, GO_STATUS, 0, 2, GO_NONE, G_RUNNABLE);
        EVENT(&b, GO_START, 0, 2, 1);
        EVENT(&b, GO_HEAP_OBJECT_ALLOC, 1, WORD(10, 12), 2);
        EVENT(&b, GO_HEAP_OBJECT_FREE, 1, WORD(10, 0));
        builder_type(&b, 1, 0x600, 48, "B");
        builder_type(&b, 2, 0x500, 48, "A");
        expect_rows(&b, sweep,
                    "640 0 1 alloc 1 48 0 A\n"
                    "64000 0 1 alloc 2 48 0 B\n"
                    "64064 0 2 alloc 3 48 0 A\n"
                    "64128 0 2 free 1 - - -\n"
                    "64128 0 - end - - - -\n",
                    "2 objects live when the trace ends");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_there_comes_at_time_0),
        cmocka_unit_test(metas_say_where_rows_come_from),
        cmocka_unit_test(an_m_changes_its_goroutine_and_its_p),
        cmocka_unit_test(a_p_is_stolen_from_a_system_call),
        cmocka_unit_test(goroutines_begin_and_end_in_system_calls),
        cmocka_unit_test(order_is_by_number_before_it_is_by_time),
        cmocka_unit_test(an_event_waits_for_the_one_before_it_in_its_slot),
        cmocka_unit_test(what_waits_in_vain_is_repaired_and_counted),
        cmocka_unit_test(headers_tiny_blocks_and_large_objects),
        cmocka_unit_test(the_dead_of_a_collection_die_as_it_begins),
        cmocka_unit_test(the_dead_are_freed_when_they_are_swept),
        cmocka_unit_test(the_dead_die_at_random_when_they_may_have),
        cmocka_unit_test(the_dead_are_not_dead_before_they_live),
        cmocka_unit_test(a_trace_that_begins_in_a_collection),
        cmocka_unit_test(a_collection_over_two_generations),
        cmocka_unit_test(state_lasts_over_generations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
