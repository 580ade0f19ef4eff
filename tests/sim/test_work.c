/* What there is to mark, by hand: in what order it is taken, and when others see what a piece of a table points to. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/work.h"

enum { PIECE = 128 << 10 };

/* A table of two pieces and a half, which points to 1 MB of objects, 1,000 bytes in a buffer, and to 100 spans, in each of
 * them to 10 objects of 500 bytes. It hangs on a stack of 3,000 bytes. */
static struct mark_work table(void)
{
    struct mark_work w = {.unfound = PIECE * 5 / 2, .hidden_objects = 1000000, .hidden_spans = 500000};
    w.roots[STACK].left = 3000;
    w.unscanned = w.first.pieces = w.unfound;
    w.buffer = 1000;
    w.span_count = 100;
    w.objects_in_spans = 1000;
    return w;
}

static uint64_t take(struct mark_work *w, enum marker who, double want, struct work **kind)
{
    uint64_t work = mark_work_take(w, who, ROOTS_FIRST, want, 1, kind);
    if (mark_work_is_root(w, *kind))
        mark_work_did_root(w, who, *kind);
    return work;
}

/* Who scans the stack has the table; what it finds goes into buffers of its own, and two full ones away. */
static void test_order(void **state)
{
    (void)state;
    struct mark_work w = table();
    struct work *kind;
    assert_true(mark_work_in_sight(&w));
    assert_int_equal(mark_work_take(&w, BACKGROUND, ROOTS_FIRST, 1, 1, &kind), 3000); /* whole, however little is wanted */
    assert_ptr_equal(kind, &w.roots[STACK]);
    assert_null(mark_work_next(&w, PROGRAM, ROOTS_FIRST)); /* it has not been scanned yet */
    assert_null(mark_work_next(&w, BACKGROUND, ROOTS_FIRST));
    assert_false(mark_work_did_root(&w, BACKGROUND, kind));
    assert_int_equal(take(&w, BACKGROUND, 1, &kind), PIECE);
    assert_ptr_equal(kind, &w.pieces);
    assert_null(mark_work_next(&w, PROGRAM, ROOTS_FIRST)); /* the others are in the same buffer */
    assert_int_equal(take(&w, PROGRAM, 1, &kind), 0);
    assert_null(kind);
    assert_ptr_equal(mark_work_next(&w, BACKGROUND, ROOTS_FIRST), &w.pieces);
    assert_false(mark_work_in_sight(&w));
    assert_true(mark_work_scanned(&w, BACKGROUND, PIECE, true));
    assert_int_equal(w.objects.left, 399000); /* 1 of 2.5; halves of a byte count; of 400,001 less than two buffers kept */
    assert_int_equal(w.pieces.left, PIECE * 3 / 2);
    assert_int_equal(take(&w, BACKGROUND, 1e9, &kind), 1001);
    assert_int_equal(take(&w, PROGRAM, 1e9, &kind), 1000); /* a buffer, */
    assert_int_equal(take(&w, PROGRAM, 10, &kind), 11);    /* of which it keeps what it does not take */
    assert_int_equal(w.objects.own[PROGRAM], 989);
    w.objects.left = 500;
    assert_int_equal(take(&w, BACKGROUND, 1e9, &kind), 500); /* the oldest, with the pieces at its bottom */
    assert_int_equal(take(&w, BACKGROUND, 1, &kind), PIECE / 2); /* the end of the table was put last */
    assert_ptr_equal(kind, &w.pieces);
    assert_int_equal(take(&w, BACKGROUND, 1, &kind), PIECE);
    assert_true(take(&w, BACKGROUND, 1e9, &kind) > 0);
    assert_ptr_equal(kind, &w.spans);
}

/* An assist comes to roots when it sees nothing else, a worker does them first. */
static void test_roots(void **state)
{
    (void)state;
    struct mark_work w = {.roots = {{.left = 10}, {.left = 20}, {.left = 5}, {.left = 30}, {.left = 40}}};
    struct work *kind;
    w.unfound = 300;
    assert_int_equal(mark_work_left(&w), 405);
    assert_int_equal(mark_work_take(&w, PROGRAM, ROOTS_LAST, 9, 1, &kind), 10); /* nothing else is in sight */
    assert_int_equal(mark_work_take(&w, PROGRAM, ROOTS_LAST, 9, 1, &kind), 20);
    assert_int_equal(mark_work_take(&w, PROGRAM, ROOTS_LAST, 9, 1, &kind), 4); /* these by fours */
    assert_int_equal(mark_work_take(&w, PROGRAM, ROOTS_LAST, 9, 1, &kind), 1);
    assert_int_equal(mark_work_take(&w, PROGRAM, ROOTS_LAST, 9, 1, &kind), 30);
    assert_true(mark_work_did_root(&w, PROGRAM, kind)); /* the last root is in sight still */
    assert_int_equal(w.pieces.own[PROGRAM], 300);
    w.pieces.own[PROGRAM] = 0;
    w.objects.left = 300;
    assert_int_equal(mark_work_take(&w, PROGRAM, ROOTS_LAST, 9, 1, &kind), 10);
    assert_ptr_equal(kind, &w.objects);
    struct mark_work worker = w;
    assert_int_equal(mark_work_take(&worker, BACKGROUND, ROOTS_FIRST, 9, 1, &kind), 40);
    assert_ptr_equal(kind, &worker.roots[RUNTIMES_STACKS]);
    assert_int_equal(mark_work_take(&worker, BACKGROUND, ROOTS_FIRST, 999, 1, &kind), 290);
    assert_null(mark_work_next(&worker, BACKGROUND, ROOTS_FIRST));
    assert_int_equal(mark_work_take(&w, BACKGROUND, ROOTS_LAST, 999, 1, &kind), 290);
    assert_true(mark_work_in_sight(&w));
    assert_int_equal(mark_work_take(&w, BACKGROUND, ROOTS_LAST, 9, 1, &kind), 40);
    assert_null(mark_work_next(&w, BACKGROUND, ROOTS_LAST));
    assert_int_equal(mark_work_left(&w), 0);
}

/* Pieces of a table that hold nothing come after all else, as wholes; an assist's roots after them. */
static void test_empty_pieces(void **state)
{
    (void)state;
    struct mark_work w = {.empty.left = PIECE * 3 / 2, .objects.own = {0, 70}, .spans.left = 50};
    struct work *kind;
    w.roots[RUNTIMES_STACKS].left = 9;
    assert_int_equal(mark_work_take(&w, PROGRAM, ROOTS_LAST, 999, 1, &kind), 70);
    assert_int_equal(mark_work_take(&w, PROGRAM, ROOTS_LAST, 999, 1, &kind), 50);
    assert_int_equal(mark_work_take(&w, PROGRAM, ROOTS_LAST, 1, 1, &kind), PIECE);
    assert_ptr_equal(kind, &w.empty);
    assert_true(mark_work_in_sight(&w));
    assert_int_equal(mark_work_left(&w), PIECE / 2 + 9);
    assert_int_equal(mark_work_take(&w, PROGRAM, ROOTS_LAST, 1, 1, &kind), PIECE / 2);
    assert_int_equal(mark_work_take(&w, PROGRAM, ROOTS_LAST, 1, 1, &kind), 9);
    assert_true(mark_work_is_root(&w, kind));
    assert_null(mark_work_next(&w, PROGRAM, ROOTS_LAST));
}

/* 2,000 bytes of objects are two buffers: one of them is seen, with the table's rest at its bottom. */
static void test_buffers(void **state)
{
    (void)state;
    struct mark_work w = table();
    struct work *kind;
    w.hidden_spans = 0;
    take(&w, BACKGROUND, 1, &kind);
    take(&w, BACKGROUND, 1, &kind);
    uint64_t for_1500 = w.unscanned * 1500 / 1000000, for_600 = w.unscanned * 600 / 1000000;
    assert_false(mark_work_scanned(&w, BACKGROUND, for_1500, false));
    assert_null(mark_work_next(&w, PROGRAM, ROOTS_FIRST));
    assert_true(mark_work_scanned(&w, BACKGROUND, for_600, false));
    assert_int_equal(w.objects.left, 1000);
    assert_in_range(w.objects.own[BACKGROUND], 1090, 1100);
    assert_int_equal(take(&w, PROGRAM, 1e9, &kind), 1000);
    assert_int_equal(take(&w, PROGRAM, 1, &kind), PIECE / 2);
    assert_ptr_equal(kind, &w.pieces);
    assert_int_equal(w.pieces.own[PROGRAM], PIECE);
}

/* Buffers that were put before the one with the table's rest are taken after it. */
static void test_last_in_first_out(void **state)
{
    (void)state;
    struct mark_work w = {.buffer = 1000, .unscanned = PIECE, .hidden_objects = 3000};
    struct work *kind;
    w.objects.left = 1500;
    w.pieces.own[BACKGROUND] = PIECE * 2;
    mark_work_scanned(&w, BACKGROUND, PIECE, true); /* shows two buffers, the first with pieces, and keeps one */
    assert_int_equal(w.objects.left, 3500);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(take(&w, PROGRAM, 1e9, &kind), 1000);
    assert_int_equal(w.pieces.own[PROGRAM], PIECE * 2);
    assert_int_equal(w.objects.left, 1500);
    mark_work_give_back(&w, PROGRAM, 0); /* above what there is */
    assert_int_equal(take(&w, BACKGROUND, 1e9, &kind), 1000);
    assert_int_equal(take(&w, BACKGROUND, 1, &kind), PIECE);
    assert_ptr_equal(kind, &w.pieces);
    assert_int_equal(w.objects.left, 1500);
    mark_work_publish(&w);
    w.objects.left = 0;
    w.pieces.left = 0;
    w.pieces.own[BACKGROUND] = PIECE * 6;
    assert_true(mark_work_balance(&w, BACKGROUND)); /* below which there is nothing */
    assert_int_equal(w.below, 0);
}

/* What hangs on globals is there before the table is, and comes before other roots; where spans are scanned as wholes, as
 * objects in them. Of that, what a write barrier has marked before is nobody's any more. */
static void test_globals(void **state)
{
    (void)state;
    struct mark_work w = table();
    struct work *kind;
    w.hidden_spans = 0;
    w.roots[BSS].left = 1000;
    w.hanging = 400;
    assert_int_equal(mark_work_shaded_first(&w, 0.25), 100);
    assert_int_equal(mark_work_take(&w, PROGRAM, ROOTS_LAST, 1, 1, &kind), 1000);
    assert_false(mark_work_did_root(&w, PROGRAM, kind));
    assert_int_equal(w.hidden_objects, 999600);
    assert_int_equal(mark_work_take(&w, PROGRAM, ROOTS_LAST, 1000, 1, &kind), 300);
    assert_ptr_equal(kind, &w.objects);
    w.hidden_spans = 500000;
    w.hanging = 800;
    assert_int_equal(mark_work_shaded_first(&w, 0.25), 200);
    assert_false(mark_work_did_root(&w, PROGRAM, &w.roots[DATA]));
    assert_int_equal(w.hidden_spans, 499800);
    assert_false(mark_work_did_root(&w, PROGRAM, &w.roots[BSS]));
    assert_int_equal(w.hidden_spans, 499200);
    assert_int_equal(mark_work_take(&w, PROGRAM, ROOTS_LAST, 1000, 1, &kind), 600);
    assert_ptr_equal(kind, &w.alone);
    assert_int_equal(mark_work_take(&w, PROGRAM, ROOTS_LAST, 1000, 1, &kind), 3000);
    assert_true(mark_work_is_root(&w, kind));
}

/* What the program lets go of is its own to scan, unless a piece has shown it: in the mean, of what is let go of when half
 * of the pieces have been scanned, half. */
static void test_shade(void **state)
{
    (void)state;
    struct mark_work w = table();
    struct work *kind;
    mark_work_shade(&w, PROGRAM, 100, true);
    mark_work_shade(&w, PROGRAM, 200, false);
    assert_int_equal(w.hidden_spans, 499900);
    assert_int_equal(w.hidden_objects, 999800);
    assert_ptr_equal(mark_work_next(&w, BACKGROUND, ROOTS_LAST), &w.roots[STACK]); /* nobody else sees it */
    assert_int_equal(mark_work_take(&w, PROGRAM, ROOTS_LAST, 1000, 1, &kind), 200); /* from its buffer first */
    assert_ptr_equal(kind, &w.objects);
    assert_int_equal(mark_work_take(&w, PROGRAM, ROOTS_LAST, 1000, 1, &kind), 100);
    assert_ptr_equal(kind, &w.alone);
    w.unscanned /= 2;
    mark_work_shade(&w, PROGRAM, 100, true);
    assert_int_equal(w.alone.own[PROGRAM], 50);
    mark_work_publish(&w); /* others see it */
    assert_int_equal(mark_work_take(&w, BACKGROUND, ROOTS_LAST, 1000, 1, &kind), 50);
    mark_work_shade(&w, PROGRAM, 1e9, true); /* not more than there is */
    assert_int_equal(w.hidden_spans, 0);
    w.unscanned = 0;
    mark_work_shade(&w, PROGRAM, 100, false);
    assert_int_equal(w.objects.own[PROGRAM], 0);
}

/* The older half of more than four, pieces first, if nobody else has given any. 253 objects are in a buffer. */
static void test_balance(void **state)
{
    (void)state;
    struct mark_work w = {.pieces.own[PROGRAM] = PIECE * 17 / 2, .buffer = 25300};
    assert_false(mark_work_balance(&w, PROGRAM)); /* the first has not been scanned */
    w.begun = true;
    assert_false(mark_work_balance(&w, BACKGROUND));
    assert_true(mark_work_balance(&w, PROGRAM));
    assert_int_equal(w.pieces.own[PROGRAM], PIECE * 7 / 2); /* the end of the table is the newest */
    assert_int_equal(w.pieces.left, PIECE * 5);
    w.pieces.own[PROGRAM] = PIECE * 6;
    assert_false(mark_work_balance(&w, PROGRAM));
    w.pieces.left = 0;
    w.pieces.own[PROGRAM] = PIECE * 4;
    assert_false(mark_work_balance(&w, PROGRAM));
    w.pieces.own[PROGRAM]++;
    assert_true(mark_work_balance(&w, PROGRAM));
    assert_int_equal(w.pieces.own[PROGRAM], PIECE + 1);
    assert_int_equal(w.pieces.left, PIECE * 3);
    w.pieces.left = 0;
    w.objects.own[PROGRAM] = 800; /* 8 objects and 2 pieces: these and 3 of those */
    assert_true(mark_work_balance(&w, PROGRAM));
    assert_int_equal(w.pieces.own[PROGRAM], 0);
    assert_int_equal(w.pieces.left, PIECE + 1);
    assert_in_range(w.objects.left, 300, 301);
    assert_int_equal(w.objects.left + w.objects.own[PROGRAM], 800);
    w.pieces.left = w.objects.left = 0;
    w.pieces.own[PROGRAM] = PIECE * 5 / 2;
    w.objects.own[PROGRAM] = 120; /* 3 pieces and 1.2 objects: of 4.2 half are 2.2, and no piece that is whole is kept */
    assert_true(mark_work_balance(&w, PROGRAM));
    assert_int_equal(w.pieces.own[PROGRAM], 0);
    assert_int_equal(w.pieces.left, PIECE * 5 / 2);
}

/* Of 10,000 spans, 100 bytes in each, one that marks 2,000 objects in as many keeps half a ring of 256. */
static void test_ring(void **state)
{
    (void)state;
    struct mark_work w = {.unscanned = PIECE, .hidden_spans = 1000000, .buffer = 1000, .span_count = 1e8};
    w.objects_in_spans = 2000;
    assert_true(mark_work_scanned(&w, PROGRAM, PIECE, true));
    assert_in_range(w.spans.own[PROGRAM], 63900, 64100); /* 128 of 2,000 */
    assert_int_equal(w.spans.own[PROGRAM] + w.spans.left, 1000000);
    assert_int_equal(w.hidden_spans, 0);
}

/* 64 spans that are queued show 16 of them, once; the next 64 do not while these are there. A span with objects marked
 * before is not queued again. */
static void test_spill(void **state)
{
    (void)state;
    struct mark_work w = {.unscanned = 1000, .hidden_spans = 100000, .buffer = 1000, .span_count = 1e8};
    w.objects_in_spans = 1000;
    assert_false(mark_work_scanned(&w, PROGRAM, 60, false));
    assert_true(mark_work_scanned(&w, PROGRAM, 10, false));
    assert_in_range(w.spans.left, 1590, 1610); /* 16 of 70, 100 bytes each */
    assert_false(mark_work_scanned(&w, PROGRAM, 70, false));
    w.spans.left = 0;
    w.span_count = 1; /* it is queued already */
    assert_false(mark_work_scanned(&w, PROGRAM, 70, false));
    assert_int_equal(w.spans.left, 0);
}

/* Who takes a span that all see takes half of these into its ring, half a ring at most: what it does not scan of them
 * nobody else sees. */
static void test_refill(void **state)
{
    (void)state;
    struct mark_work w = {.spans.left = 100000, .queued[MARKERS] = 1000, .span_bytes = 100, .span_count = 1000};
    struct work *kind;
    assert_int_equal(mark_work_take(&w, PROGRAM, ROOTS_LAST, 99, 1, &kind), 100);
    assert_in_range(w.spans.own[PROGRAM], 12690, 12710); /* 128 of 1,000, less one */
    assert_int_equal(w.spans.own[PROGRAM] + w.spans.left, 99900);
    w.spans.left = 500;
    w.queued[MARKERS] = 5;
    assert_int_equal(mark_work_take(&w, BACKGROUND, ROOTS_FIRST, 99, 1, &kind), 100);
    assert_in_range(w.spans.own[BACKGROUND], 199, 202); /* 3 of 5, less one */
    w.spans.own[BACKGROUND] = w.spans.left = 100;
    w.queued[BACKGROUND] = w.queued[MARKERS] = 1;
    assert_int_equal(mark_work_take(&w, BACKGROUND, ROOTS_FIRST, 1000, 1, &kind), 100);
    assert_int_equal(w.spans.left, 100); /* its own come first */
    assert_int_equal(mark_work_take(&w, BACKGROUND, ROOTS_FIRST, 1000, 1, &kind), 100);
    assert_false(mark_work_in_sight(&w));
}

/* Stacks of the runtime's goroutines are jobs of their own: a worker that has done its share stops between them. */
static void test_goroutines(void **state)
{
    (void)state;
    struct mark_work w = {0};
    struct work *kind;
    w.roots[RUNTIMES_STACKS].left = 1100;
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(mark_work_take(&w, BACKGROUND, ROOTS_FIRST, 9, 1, &kind), 184);
    assert_true(mark_work_in_sight(&w));
    assert_int_equal(mark_work_take(&w, BACKGROUND, ROOTS_FIRST, 9, 1, &kind), 180);
    assert_false(mark_work_in_sight(&w));
}

/* An object for each P, of those that hang on globals, lies below a table's other pieces with who has found both, and is
 * given away first. */
static void test_hung(void **state)
{
    (void)state;
    struct mark_work w = {.buffer = 25300, .begun = true, .hidden_spans = 1000, .ps = 2, .hanging = 100};
    w.pieces.own[BACKGROUND] = PIECE * 17 / 2;
    assert_false(mark_work_did_root(&w, BACKGROUND, &w.roots[BSS]));
    assert_true(mark_work_balance(&w, BACKGROUND));
    assert_int_equal(w.pieces.own[BACKGROUND], PIECE * 9 / 2); /* 5 of 11 */
    assert_int_equal(w.pieces.left, PIECE * 4);
    w.pieces.left = 0;
    assert_true(mark_work_balance(&w, BACKGROUND)); /* they are gone */
    assert_int_equal(w.pieces.left, PIECE * 3);
    assert_false(mark_work_did_root(&w, BACKGROUND, &w.roots[BSS])); /* all that hung there has been found */
    assert_int_equal(w.hung[BACKGROUND], 0);
    w.pieces.left = 0;
    w.ps = 64; /* 64 and 3 pieces: half are fewer than those, and there is nothing in them that all see then */
    w.hanging = 100;
    w.pieces.own[BACKGROUND] = PIECE * 5 / 2;
    assert_false(mark_work_did_root(&w, BACKGROUND, &w.roots[BSS]));
    assert_false(mark_work_balance(&w, BACKGROUND));
    assert_int_equal(w.pieces.own[BACKGROUND], PIECE * 5 / 2);
    assert_int_equal(w.pieces.left, 0);
    assert_int_equal(w.hung[BACKGROUND], 0);
    w.hanging = 100;
    w.hidden_spans = 0; /* small objects are in buffers as well, and counted there */
    assert_false(mark_work_did_root(&w, BACKGROUND, &w.roots[BSS]));
    assert_int_equal(w.hung[BACKGROUND], 0);
}

/* Whether anything has become everyone's since all Ps were asked last: in buffers, as spans, or by asking. */
static void test_flushed(void **state)
{
    (void)state;
    struct mark_work w = {.buffer = 1000, .unscanned = PIECE, .hidden_objects = 3000, .begun = true};
    assert_false(mark_work_publish(&w));
    mark_work_scanned(&w, PROGRAM, PIECE / 4, false);
    assert_true(mark_work_publish(&w)); /* 750 bytes that only it saw */
    assert_false(mark_work_publish(&w));
    mark_work_scanned(&w, PROGRAM, PIECE * 3 / 4, false);
    w.objects.own[PROGRAM] = 0;
    assert_true(mark_work_publish(&w)); /* a buffer */
    w.objects.left = 0;
    w.pieces.own[PROGRAM] = PIECE * 6;
    assert_true(mark_work_balance(&w, PROGRAM));
    w.pieces.own[PROGRAM] = 0;
    assert_true(mark_work_publish(&w));
    assert_false(mark_work_publish(&w));
}

/* A byte takes 5 ns in an object alone, 1 ns in a full span of 1,000 bytes: in one of which a fifth is to be scanned 4.2.
 * Of 100 spans 50 are queued: half of what is found lies in these. */
static void test_sparse_spans(void **state)
{
    (void)state;
    struct mark_work w = {.span_count = 100, .span_bytes = 1000, .full_ns = 1, .alone.byte_ns = 5, .buffer = 1000};
    w.spans.left = 10000;
    w.queued[MARKERS] = 50;
    struct work *spans = mark_work_next(&w, PROGRAM, ROOTS_LAST);
    assert_ptr_equal(spans, &w.spans);
    assert_true(fabs(spans->byte_ns - 4.2) < 1e-9);
    w.unscanned = PIECE;
    w.hidden_spans = 40000;
    w.objects_in_spans = 1e6;
    mark_work_scanned(&w, PROGRAM, PIECE, false);
    assert_int_equal(w.spans.left, 30000);
    assert_int_equal(w.spans.own[PROGRAM], 20000);
    assert_true(fabs(w.queued[PROGRAM] - 50) < 1e-9);
    assert_true(fabs(mark_work_next(&w, BACKGROUND, ROOTS_LAST)->byte_ns - (0.6 + 0.4 * 5)) < 1e-9);
    w.spans.left = 60000; /* more than spans can hold */
    assert_true(fabs(mark_work_next(&w, BACKGROUND, ROOTS_LAST)->byte_ns - 1) < 1e-9);
}

/* The first object that is marked in a span takes 80 ns longer: of a table whose pieces point anywhere in 1,000 spans,
 * nearly all do at the beginning, 1/e of them after 1,000, none after a piece. */
static void test_first_marks(void **state)
{
    (void)state;
    struct mark_work w = {.unscanned = 2 * PIECE, .buffer = 1000};
    w.first = (struct first_marks){.spans = 1000, .ns = 80, .byte_ns = 2, .pieces = 2 * PIECE};
    mark_work_scanned(&w, PROGRAM, 8, false);
    assert_in_range(w.pieces.byte_ns * 1000, 11980, 12000);
    mark_work_scanned(&w, PROGRAM, 7992, false);
    assert_in_range(w.pieces.byte_ns * 1000, 5678, 5679);
    mark_work_scanned(&w, PROGRAM, PIECE - 8000, true);
    assert_in_range(w.pieces.byte_ns * 1000, 2000, 2001);
}

/* Of one that points to them in their order, ten in a span, every tenth does; of one half of which is so, half of both. */
static void test_first_marks_in_order(void **state)
{
    (void)state;
    struct mark_work w = {.unscanned = 2 * PIECE, .buffer = 1000};
    w.first = (struct first_marks){
        .spans = 1000, .even = 0.1, .ordered = 1, .ns = 80, .byte_ns = 2, .pieces = 2 * PIECE};
    mark_work_time_pieces(&w);
    assert_in_range(w.pieces.byte_ns * 1000, 2999, 3001);
    mark_work_scanned(&w, PROGRAM, PIECE, true);
    assert_in_range(w.pieces.byte_ns * 1000, 2999, 3001);
    w.first.ordered = 0.5;
    mark_work_time_pieces(&w);
    assert_in_range(w.pieces.byte_ns * 1000, 2499, 2501);
}

/* Who stops keeps nothing; the others do. */
static void test_given_back(void **state)
{
    (void)state;
    struct mark_work w = {.objects = {.left = 7, .own = {1, 4000}}, .pieces.own = {20, 50000}, .spans.own = {300, 600000}};
    mark_work_give_back(&w, PROGRAM, 100);
    assert_int_equal(w.objects.left, 4007);
    assert_int_equal(w.pieces.left, 50100);
    assert_int_equal(w.spans.left, 600000);
    assert_int_equal(w.objects.own[PROGRAM] + w.pieces.own[PROGRAM] + w.spans.own[PROGRAM], 0);
    mark_work_swap(&w);
    assert_int_equal(w.objects.own[BACKGROUND], 0);
    assert_int_equal(w.objects.own[PROGRAM], 1);
    assert_int_equal(w.pieces.own[PROGRAM], 20);
    assert_int_equal(w.spans.own[PROGRAM], 300);
    mark_work_publish(&w);
    assert_int_equal(w.objects.own[PROGRAM] + w.pieces.own[PROGRAM] + w.spans.own[PROGRAM], 0);
    assert_int_equal(w.objects.left, 4008);
    assert_int_equal(w.pieces.left, 50120);
    assert_int_equal(w.spans.left, 600300);
}

/* Nothing is lost: all that is taken and all that pieces show adds up to all there was. */
static void test_sum(void **state)
{
    (void)state;
    struct mark_work w = table();
    struct work *kind;
    uint64_t all = mark_work_left(&w), done = 0, work;
    while ((work = take(&w, PROGRAM, 777, &kind)) > 0) {
        for (uint64_t left = kind == &w.pieces ? work : 0, part; left; left -= part) {
            part = portion(5000, left);
            mark_work_scanned(&w, PROGRAM, part, part == left);
        }
        mark_work_balance(&w, PROGRAM);
        done += work;
    }
    assert_int_equal(done, all);
    assert_int_equal(mark_work_left(&w), 0);
}

/* What one of three does next, of whom the first is in the background; a piece it has taken is in *mine. It stops in
 * the middle now and then. */
static void act(struct mark_work *w, enum marker who, uint64_t *mine, bool stops)
{
    if (stops) {
        mark_work_give_back(w, who, *mine);
        *mine = 0;
    } else if (*mine) {
        uint64_t part = portion(20000, *mine);
        *mine -= part;
        mark_work_scanned(w, who, part, *mine == 0);
    } else {
        struct work *kind;
        if (mark_work_balance(w, who))
            assert_true(mark_work_in_sight(w));
        uint64_t work = take(w, who, 50000, &kind);
        *mine = kind == &w->pieces ? work : 0;
    }
}

/* Whatever they do: as long as anything is left and nobody is at it, somebody sees it, and everybody once all have been
 * asked; or those who owe work would look for it for ever. */
static void test_never_stuck(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (unsigned round = 0; round < 1000; round++) {
        struct mark_work w = table();
        uint64_t pieces[3] = {0};
        w.buffer = 1 + round * 1000;
        w.hidden_objects = round % 2 ? round * 5000 : w.hidden_objects;
        w.hanging = round * 100;
        w.ps = round % 9;
        w.roots[DATA].left = w.roots[BSS].left = 5000;
        w.roots[SPECIALS].left = 10;
        uint64_t all = mark_work_left(&w);
        while (mark_work_left(&w) || pieces[0] || pieces[1] || pieces[2]) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            uint64_t i = (random >> 33) % 3;
            act(&w, i ? PROGRAM : BACKGROUND, &pieces[i], (random >> 40) % 8 == 0);
            if ((random >> 50) % 16 == 0)
                mark_work_swap(&w);
            if ((random >> 54) % 4 == 0)
                mark_work_shade(&w, PROGRAM, 5000, (random >> 56) % 2);
            assert_in_range(mark_work_left(&w), 0, all);
            if (pieces[0] || pieces[1] || pieces[2] || !mark_work_left(&w))
                continue;
            assert_true(mark_work_next(&w, BACKGROUND, ROOTS_FIRST) || mark_work_next(&w, PROGRAM, ROOTS_FIRST));
            if (mark_work_next(&w, BACKGROUND, ROOTS_FIRST))
                continue;
            mark_work_publish(&w);
            assert_non_null(mark_work_next(&w, BACKGROUND, ROOTS_FIRST));
            assert_non_null(mark_work_next(&w, PROGRAM, ROOTS_FIRST));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_roots),
        cmocka_unit_test(test_empty_pieces),
        cmocka_unit_test(test_buffers),
        cmocka_unit_test(test_last_in_first_out),
        cmocka_unit_test(test_globals),
        cmocka_unit_test(test_shade),
        cmocka_unit_test(test_balance),
        cmocka_unit_test(test_ring),
        cmocka_unit_test(test_spill),
        cmocka_unit_test(test_refill),
        cmocka_unit_test(test_goroutines),
        cmocka_unit_test(test_hung),
        cmocka_unit_test(test_flushed),
        cmocka_unit_test(test_sparse_spans),
        cmocka_unit_test(test_first_marks),
        cmocka_unit_test(test_first_marks_in_order),
        cmocka_unit_test(test_given_back),
        cmocka_unit_test(test_sum),
        cmocka_unit_test(test_never_stuck),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
