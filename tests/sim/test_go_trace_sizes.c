/* Requested sizes of Go's objects, by policy: worked out by hand from size classes and headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "go_trace/sizes.h"

/* Of this size class, large ones of so many pages. */
static struct go_span span_of(unsigned size_class, bool noscan, uint64_t pages)
{
    struct go_span span;
    bool heap;
    assert_true(go_span_describe(&span, 0, pages, (uint64_t)size_class << 2 | (noscan ? 2 : 0), &heap));
    assert_true(heap);
    return span;
}

static void fit(void **state)
{
    (void)state;
    static const struct {
        unsigned size_class;
        bool noscan;
        unsigned pages;
        uint64_t type, size;
    } cases[] = {
        {5, true, 1, 0, 48},          /* no type: all of it */
        {5, true, 1, 33, 33},         /* the smallest for the slot of 48, after 32 */
        {5, true, 1, 48, 48},
        {5, true, 1, 32, 48},         /* neither one nor two */
        {5, true, 1, 24, 48},         /* two */
        {5, true, 1, 20, 40},         /* two */
        {5, true, 1, 49, 48},         /* does not go in */
        {1, false, 1, 8, 8},
        {26, false, 1, 505, 505},     /* of 512 bytes: no header */
        {27, false, 1, 513, 513},     /* of 576, 568 of them for the object; 512 takes the class below */
        {27, false, 1, 512, 568},     /* so there is no telling */
        {27, false, 1, 0, 568},
        {27, true, 1, 513, 513},
        {27, true, 1, 0, 576},
        {28, false, 1, 569, 569},     /* of 640: above 568 */
        {28, false, 1, 568, 632},
        {28, true, 1, 576, 640},
        {67, false, 4, 0, 32760},
        {2, false, 1, 8, 16},         /* two pointers */
        {2, true, 1, 4, 4},           /* a tiny object alone in its block */
        {2, true, 1, 1, 16},          /* bytes */
        {2, true, 1, 16, 16},
        {0, true, 4, 0, 32768},       /* large from 32761 on */
        {0, true, 4, 32761, 32761},
        {0, true, 4, 32760, 32768},
        {0, true, 5, 0, 40960},
        {0, false, 5, 1000, 40000},   /* an array of 40 */
        {0, false, 5, 32769, 32769},
        {0, false, 5, 8192, 40960},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct go_span span = span_of(cases[i].size_class, cases[i].noscan, cases[i].pages);
        uint64_t size = go_request(SIZE_FIT, &span, cases[i].type, 12345);
        if (size != cases[i].size)
            fail_msg("case %zu: expected %lu, got %lu", i, (unsigned long)cases[i].size, (unsigned long)size);
    }
}

static void slot(void **state)
{
    (void)state;
    struct go_span small = span_of(27, false, 1), large = span_of(0, true, 5);
    assert_int_equal(go_request(SIZE_SLOT, &small, 10, 1), 576);
    assert_int_equal(go_request(SIZE_SLOT, &large, 10, 1), 40960);
}

/* All that the numbers can be, and nothing else, comes from drawing. */
static void expect_drawn(struct go_span span, uint64_t type, uint64_t least, uint64_t most, uint64_t step)
{
    uint64_t smallest = UINT64_MAX, largest = 0;
    for (uint64_t random = 0; random < 5000; random++) {
        uint64_t size = go_request(SIZE_UNIFORM, &span, type, random);
        assert_int_equal((size - least) % step, 0);
        smallest = size < smallest ? size : smallest;
        largest = size > largest ? size : largest;
    }
    assert_int_equal(smallest, least);
    assert_int_equal(largest, most);
}

static void uniform(void **state)
{
    (void)state;
    expect_drawn(span_of(5, true, 1), 0, 33, 48, 1);
    expect_drawn(span_of(5, true, 1), 4, 36, 48, 4);
    expect_drawn(span_of(5, true, 1), 40, 40, 40, 1);
    expect_drawn(span_of(27, false, 1), 8, 520, 568, 8);
    expect_drawn(span_of(28, false, 1), 0, 569, 632, 1);
    expect_drawn(span_of(2, true, 1), 0, 1, 16, 1);
    expect_drawn(span_of(0, true, 5), 4096, 36864, 40960, 4096);
}

static void tiny(void **state)
{
    (void)state;
    assert_int_equal(go_tiny_request(SIZE_FIT, false, 0, 1), 15);
    assert_int_equal(go_tiny_request(SIZE_FIT, true, 0, 1), 8);
    assert_int_equal(go_tiny_request(SIZE_FIT, true, 4, 1), 4);
    assert_int_equal(go_tiny_request(SIZE_FIT, false, 2, 1), 2);
    for (uint64_t random = 0; random < 100; random++)
        assert_in_range(go_tiny_request(SIZE_UNIFORM, true, 0, random), 1, 8);
}

/* Descriptions that no Go writes. */
static void no_such_span(void **state)
{
    (void)state;
    struct go_span span;
    bool heap;
    assert_false(go_span_describe(&span, 0, 0, 20, &heap));
    assert_false(go_span_describe(&span, 0, 17, 20, &heap));
    assert_false(go_span_describe(&span, 0, 2, 1 << 2, &heap));
    assert_true(go_span_describe(&span, 0, 1, 1 << 2, &heap));
    assert_false(go_span_describe(&span, 0, 17, 67 << 2, &heap));
    assert_false(go_span_describe(&span, 0, 1, 68 << 2, &heap));
    assert_false(go_span_describe(&span, 0, UINT64_C(1) << 34, 0, &heap));
    assert_true(go_span_describe(&span, 0, UINT64_C(1) << 33, 0, &heap));
    assert_true(go_span_describe(&span, 0, 1, 1, &heap));
    assert_false(heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fit),  cmocka_unit_test(slot),         cmocka_unit_test(uniform),
        cmocka_unit_test(tiny), cmocka_unit_test(no_such_span),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
