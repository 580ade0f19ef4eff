/* What there is to mark, by hand: in what order it is taken, and when others see what a piece of a table points to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/work.h"

enum { PIECE = 128 << 10 };

/* A table of two pieces and a half, which points to 1 MB of objects, 1,000 in a buffer, and to 500,000 of spans;
 * roots of 3,000 bytes. */
static struct mark_work table(void)
{
    struct mark_work w = {.objects.left = 3000, .pieces.left = PIECE * 5 / 2, .hidden_objects = 1000000};
    w.hidden_spans = 500000;
    w.unscanned = w.pieces.left;
    w.buffer = 1000;
    return w;
}

static void test_order(void **state)
{
    (void)state;
    struct mark_work w = table();
    struct work *kind;
    assert_int_equal(mark_work_take(&w, BACKGROUND, 1999.5, 1, &kind), 2000);
    assert_ptr_equal(kind, &w.objects);
    assert_int_equal(mark_work_take(&w, PROGRAM, 1e9, 1, &kind), 1000);
    assert_int_equal(mark_work_take(&w, BACKGROUND, 1, 1, &kind), PIECE); /* whole, however little is wanted */
    assert_ptr_equal(kind, &w.pieces);
    assert_null(mark_work_next(&w, PROGRAM)); /* the others are in the same buffer */
    assert_int_equal(mark_work_take(&w, PROGRAM, 1, 1, &kind), 0);
    assert_null(kind);
    assert_ptr_equal(mark_work_next(&w, BACKGROUND), &w.pieces);
    assert_false(mark_work_in_sight(&w));
    assert_true(mark_work_scanned(&w, BACKGROUND, PIECE, true));
    assert_int_equal(w.objects.left, 399000); /* 1 of 2.5; halves of a byte count; of 400,001 less than two buffers kept */
    assert_int_equal(w.spans.left, 50000);    /* a quarter of 200,001 */
    assert_int_equal(mark_work_take(&w, BACKGROUND, 1e9, 1, &kind), 1001);
    assert_ptr_equal(mark_work_next(&w, BACKGROUND), &w.objects);
    assert_true(mark_work_in_sight(&w));
    w.objects.left = 0;
    assert_int_equal(mark_work_take(&w, BACKGROUND, 1e9, 1, &kind), 150001); /* its ring, before others' pieces */
    assert_ptr_equal(kind, &w.spans);
    assert_int_equal(mark_work_take(&w, PROGRAM, 1, 2, &kind), PIECE * 3 / 2); /* a piece each, as far as they go */
    assert_int_equal(mark_work_take(&w, PROGRAM, 1e9, 1, &kind), 50000);
    assert_ptr_equal(kind, &w.spans);
}

/* Roots are taken as wholes. An assist comes to the last of them when it sees nothing else, a worker does them first. */
static void test_roots(void **state)
{
    (void)state;
    struct mark_work w = {.roots.left = 5000, .last_roots = 1100, .objects.left = 300};
    struct work *kind;
    assert_int_equal(mark_work_left(&w), 6400);
    assert_int_equal(mark_work_take(&w, BACKGROUND, 9, 1, &kind), 5000);
    assert_ptr_equal(kind, &w.roots);
    assert_int_equal(mark_work_take(&w, BACKGROUND, 9, 1, &kind), 10);
    assert_ptr_equal(kind, &w.objects);
    struct mark_work worker = w;
    mark_work_roots_first(&worker);
    assert_int_equal(mark_work_take(&worker, BACKGROUND, 9, 1, &kind), 1100);
    assert_ptr_equal(kind, &worker.roots);
    assert_int_equal(mark_work_take(&worker, BACKGROUND, 999, 1, &kind), 290);
    assert_null(mark_work_next(&worker, BACKGROUND));
    assert_int_equal(mark_work_take(&w, BACKGROUND, 999, 1, &kind), 290);
    assert_true(mark_work_in_sight(&w));
    assert_int_equal(mark_work_take(&w, BACKGROUND, 9, 1, &kind), 1100);
    assert_null(mark_work_next(&w, BACKGROUND));
    assert_int_equal(mark_work_left(&w), 0);
}

/* Pieces of a table that hold nothing come after all else, as wholes; the last roots after them. */
static void test_empty_pieces(void **state)
{
    (void)state;
    struct mark_work w = {.empty.left = PIECE * 3 / 2, .objects.own = {0, 70}, .spans.left = 50, .last_roots = 9};
    struct work *kind;
    assert_int_equal(mark_work_take(&w, PROGRAM, 999, 1, &kind), 70);
    assert_int_equal(mark_work_take(&w, PROGRAM, 999, 1, &kind), 50);
    assert_int_equal(mark_work_take(&w, PROGRAM, 1, 1, &kind), PIECE);
    assert_ptr_equal(kind, &w.empty);
    assert_true(mark_work_in_sight(&w));
    assert_int_equal(mark_work_left(&w), PIECE / 2 + 9);
    assert_int_equal(mark_work_take(&w, PROGRAM, 1, 1, &kind), PIECE / 2);
    assert_int_equal(mark_work_take(&w, PROGRAM, 1, 1, &kind), 9);
    assert_ptr_equal(kind, &w.roots);
    assert_null(mark_work_next(&w, PROGRAM));
}

/* 2,000 bytes of objects are two buffers: one of them is seen, and the table's rest, which others take one by one. */
static void test_buffers(void **state)
{
    (void)state;
    struct mark_work w = table();
    struct work *kind;
    w.objects.left = 0;
    w.hidden_spans = 0;
    mark_work_take(&w, BACKGROUND, 1, 1, &kind);
    uint64_t for_1500 = w.unscanned * 1500 / 1000000, for_600 = w.unscanned * 600 / 1000000;
    assert_false(mark_work_scanned(&w, BACKGROUND, for_1500, false));
    assert_null(mark_work_next(&w, PROGRAM));
    assert_true(mark_work_scanned(&w, BACKGROUND, for_600, false));
    assert_int_equal(w.objects.left, 1000);
    assert_in_range(w.objects.own[BACKGROUND], 1090, 1100);
    w.objects.left = 0;
    assert_int_equal(mark_work_take(&w, PROGRAM, 1, 1, &kind), PIECE);
    assert_ptr_equal(kind, &w.pieces);
    assert_int_equal(w.pieces.left, PIECE / 2);
}

/* Half of more than four pieces, if nobody else has given any. */
static void test_balance(void **state)
{
    (void)state;
    struct mark_work w = {.pieces.own[PROGRAM] = PIECE * 17 / 2};
    assert_false(mark_work_balance(&w, PROGRAM)); /* the first has not been scanned */
    w.begun = true;
    assert_false(mark_work_balance(&w, BACKGROUND));
    assert_true(mark_work_balance(&w, PROGRAM));
    assert_int_equal(w.pieces.own[PROGRAM], PIECE * 4);
    assert_int_equal(w.pieces.left, PIECE * 9 / 2);
    w.pieces.own[PROGRAM] = PIECE * 6;
    assert_false(mark_work_balance(&w, PROGRAM));
    w.pieces.left = 0;
    w.pieces.own[PROGRAM] = PIECE * 4;
    assert_false(mark_work_balance(&w, PROGRAM));
    w.pieces.own[PROGRAM]++;
    assert_true(mark_work_balance(&w, PROGRAM));
    assert_int_equal(w.pieces.own[PROGRAM], PIECE * 2);
    assert_int_equal(w.pieces.left, PIECE * 2 + 1);
}

/* 256 spans of 8 KiB go in a ring. */
static void test_ring(void **state)
{
    (void)state;
    struct mark_work w = {.unscanned = PIECE, .hidden_spans = 16 << 20, .buffer = 1000};
    assert_true(mark_work_scanned(&w, PROGRAM, PIECE, true));
    assert_int_equal(w.spans.own[PROGRAM], 2 << 20);
    assert_int_equal(w.spans.left, 14 << 20);
    assert_int_equal(w.hidden_spans, 0);
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
    while ((work = mark_work_take(&w, PROGRAM, 777, 1, &kind)) > 0) {
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
        mark_work_balance(w, who);
        uint64_t work = mark_work_take(w, who, 50000, 1, &kind);
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
        if (round % 2)
            mark_work_keep_pieces(&w, round % 4 == 1 ? PROGRAM : BACKGROUND, round % 8 < 4);
        while (mark_work_left(&w) || pieces[0] || pieces[1] || pieces[2]) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            uint64_t i = (random >> 33) % 3;
            act(&w, i ? PROGRAM : BACKGROUND, &pieces[i], (random >> 40) % 8 == 0);
            if ((random >> 50) % 16 == 0)
                mark_work_swap(&w);
            if (pieces[0] || pieces[1] || pieces[2] || !mark_work_left(&w))
                continue;
            assert_true(mark_work_next(&w, BACKGROUND) || mark_work_next(&w, PROGRAM));
            if (mark_work_next(&w, BACKGROUND))
                continue;
            mark_work_publish(&w);
            assert_non_null(mark_work_next(&w, BACKGROUND));
            assert_non_null(mark_work_next(&w, PROGRAM));
        }
    }
}

static void test_kept_pieces(void **state)
{
    (void)state;
    struct mark_work w = table(), plain = {.objects.left = 3000};
    mark_work_keep_pieces(&w, PROGRAM, false);
    assert_ptr_equal(mark_work_next(&w, BACKGROUND), &w.objects);
    assert_ptr_equal(mark_work_next(&w, PROGRAM), &w.pieces);
    assert_int_equal(w.hidden_objects, 1000000);
    w = table();
    mark_work_keep_pieces(&w, PROGRAM, true);
    assert_null(mark_work_next(&w, BACKGROUND));
    assert_int_equal(w.hidden_objects, 1003000);
    mark_work_keep_pieces(&plain, PROGRAM, true); /* no table, behind which they could be */
    assert_int_equal(plain.objects.left, 3000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_roots),
        cmocka_unit_test(test_empty_pieces),
        cmocka_unit_test(test_buffers),
        cmocka_unit_test(test_balance),
        cmocka_unit_test(test_ring),
        cmocka_unit_test(test_given_back),
        cmocka_unit_test(test_sum),
        cmocka_unit_test(test_never_stuck),
        cmocka_unit_test(test_kept_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
