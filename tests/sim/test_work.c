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
    assert_int_equal(mark_work_take(&w, 1999.5, 1, &kind), 2000);
    assert_ptr_equal(kind, &w.objects);
    assert_int_equal(mark_work_take(&w, 1e9, 1, &kind), 1000);
    assert_int_equal(mark_work_take(&w, 1, 1, &kind), PIECE); /* whole, however little is wanted */
    assert_ptr_equal(kind, &w.pieces);
    assert_null(mark_work_next(&w)); /* the others are not in sight */
    assert_int_equal(mark_work_take(&w, 1, 1, &kind), 0);
    assert_null(kind);
    assert_true(mark_work_scanned(&w, PIECE, true));
    assert_int_equal(w.objects.left, 400001); /* 1 of 2.5; halves of a byte count */
    assert_int_equal(w.spans.left, 200001);
    w.objects.left = 0;
    assert_int_equal(mark_work_take(&w, 1, 2, &kind), PIECE * 3 / 2); /* a piece each, as far as they go */
    assert_true(mark_work_next(&w) == &w.spans);
}

/* 2,000 bytes of objects are two buffers: one of them is seen, and the table's rest. */
static void test_buffers(void **state)
{
    (void)state;
    struct mark_work w = table();
    struct work *kind;
    w.objects.left = 0;
    w.hidden_spans = 0;
    mark_work_take(&w, 1, 1, &kind);
    uint64_t for_1500 = w.unscanned * 1500 / 1000000, for_600 = w.unscanned * 600 / 1000000;
    assert_false(mark_work_scanned(&w, for_1500, false));
    assert_null(mark_work_next(&w));
    assert_true(mark_work_scanned(&w, for_600, false));
    assert_int_equal(w.objects.left, 1000);
    assert_in_range(w.buffered, 1090, 1100);
    w.objects.left = 0;
    assert_ptr_equal(mark_work_next(&w), &w.pieces);
}

/* The first piece, given back, is the first again; a later one is one of several. */
static void test_given_back(void **state)
{
    (void)state;
    struct mark_work w = table();
    struct work *kind;
    w.objects.left = w.hidden_spans = 0;
    w.buffer = 1000000;
    mark_work_take(&w, 1, 1, &kind);
    mark_work_scanned(&w, 4096, false);
    assert_null(mark_work_next(&w));
    mark_work_give_back(&w, PIECE - 4096);
    assert_ptr_equal(mark_work_next(&w), &w.pieces);
    assert_int_equal(mark_work_take(&w, 1, 1, &kind), PIECE);
    assert_null(mark_work_next(&w));
}

/* Nothing is lost: all that is taken and all that pieces show adds up to all there was. */
static void test_sum(void **state)
{
    (void)state;
    struct mark_work w = table();
    struct work *kind;
    uint64_t all = mark_work_left(&w), done = 0, work;
    while ((work = mark_work_take(&w, 777, 1, &kind)) > 0) {
        for (uint64_t left = kind == &w.pieces ? work : 0, part; left; left -= part) {
            part = portion(5000, left);
            mark_work_scanned(&w, part, part == left);
        }
        done += work;
    }
    assert_int_equal(done, all);
    assert_int_equal(mark_work_left(&w), 0);
}

/* Whatever three do, and stop doing in the middle: as long as anything is left and nobody is at it, something is in
 * sight, or those who owe work would look for it for ever. */
static void test_never_stuck(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (unsigned round = 0; round < 1000; round++) {
        struct mark_work w = table();
        uint64_t pieces[3] = {0};
        w.buffer = 1 + round * 1000;
        if (round % 2)
            mark_work_keep_roots(&w);
        while (mark_work_left(&w) || pieces[0] || pieces[1] || pieces[2]) {
            struct work *kind;
            random = random * 6364136223846793005u + 1442695040888963407u;
            uint64_t *mine = &pieces[(random >> 33) % 3];
            bool stops = (random >> 40) % 8 == 0;
            if (*mine && stops) {
                mark_work_give_back(&w, *mine);
                *mine = 0;
            } else if (*mine) {
                uint64_t part = portion(20000, *mine);
                *mine -= part;
                mark_work_scanned(&w, part, *mine == 0);
            } else {
                uint64_t work = mark_work_take(&w, 50000, 1, &kind);
                *mine = kind == &w.pieces ? work : 0;
            }
            if (!pieces[0] && !pieces[1] && !pieces[2] && mark_work_left(&w))
                assert_non_null(mark_work_next(&w));
        }
    }
}

static void test_kept_roots(void **state)
{
    (void)state;
    struct mark_work w = table(), plain = {.objects.left = 3000};
    mark_work_keep_roots(&w);
    assert_ptr_equal(mark_work_next(&w), &w.pieces);
    assert_int_equal(w.hidden_objects, 1003000);
    mark_work_keep_roots(&plain); /* no table, behind which they could be */
    assert_int_equal(plain.objects.left, 3000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_buffers),
        cmocka_unit_test(test_given_back),
        cmocka_unit_test(test_sum),
        cmocka_unit_test(test_never_stuck),
        cmocka_unit_test(test_kept_roots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
