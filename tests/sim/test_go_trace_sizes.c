/* Requested sizes of Go's objects, by policy: worked out by hand from size classes and headers. And what objects are
 * looked up by: spans, slots, types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "go_trace/sizes.h"
#include "go_trace/types.h"

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

/* Slots by division, of all classes in spans as long as a description may have. */
static void slots(void **state)
{
    (void)state;
    for (unsigned size_class = 1; size_class < GO_SIZE_CLASSES; size_class++) {
        struct go_span span;
        bool heap;
        uint64_t pages = 16;
        while (!go_span_describe(&span, 7, pages, (uint64_t)size_class << 2, &heap))
            pages--;
        for (uint64_t unit = 0; unit < pages * GO_PAGE_UNITS; unit++)
            assert_int_equal(go_slot_of(&span, 7 * GO_PAGE_UNITS + unit), unit * 8 / span.slot);
    }
}

/* A span is found by any of its pages until it is removed, whatever has been looked for in the meantime. */
static void found_by_page(void **state)
{
    (void)state;
    static struct go_spans spans;
    struct go_span near, far, again;
    bool heap;
    const uint64_t away = 5 * GO_PAGES_SEEN;
    assert_true(go_spans_init(&spans));
    assert_null(go_spans_find(&spans, 0));
    assert_true(go_span_describe(&near, 0, 2, 5 << 2, &heap) && go_spans_add(&spans, &near));
    assert_true(go_span_describe(&far, away, 3, 6 << 2, &heap) && go_spans_add(&spans, &far));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(go_spans_find(&spans, 1)->size_class, 5);
        assert_int_equal(go_spans_find(&spans, away + 1)->size_class, 6);
        assert_int_equal(go_spans_find(&spans, away + 2)->size_class, 6);
        assert_null(go_spans_find(&spans, 2));
        assert_null(go_spans_find(&spans, away + 3));
    }
    assert_ptr_equal(go_spans_overlap(&spans, &near), go_spans_find(&spans, 0));
    go_spans_remove(&spans, go_spans_find(&spans, 0));
    assert_null(go_spans_find(&spans, 0));
    assert_null(go_spans_find(&spans, 1));
    assert_true(go_span_describe(&again, 1, 1, 7 << 2, &heap) && go_spans_add(&spans, &again));
    assert_null(go_spans_find(&spans, 0));
    assert_int_equal(go_spans_find(&spans, 1)->size_class, 7);
    assert_int_equal(go_spans_find(&spans, away)->size_class, 6);
    go_spans_free(&spans);
}

/* A span's table of slots comes with its first object and goes with the last. */
static void slots_of_a_span(void **state)
{
    (void)state;
    struct go_span span = span_of(5, true, 1);
    assert_false(go_slot_is_taken(&span, 0));
    assert_true(go_slot_fill(&span));
    span.slots[3] = go_object(1, 65535, 7);
    assert_true(go_slot_fill(&span));
    span.slots[169] = go_object((UINT64_C(1) << 48) - 1, 2, 8);
    for (uint32_t slot = 0; slot < 170; slot++)
        assert_int_equal(go_slot_is_taken(&span, slot), slot == 3 || slot == 169);
    assert_int_equal(go_who_id(span.slots[3].who), 1);
    assert_int_equal(go_who_p(span.slots[3].who), 65535);
    assert_true(go_who_id(span.slots[169].who) == (UINT64_C(1) << 48) - 1);
    assert_int_equal(go_who_p(span.slots[169].who), 2);
    span.slots[3].who = 0;
    go_slot_empty(&span);
    assert_true(go_slot_is_taken(&span, 169));
    go_slot_empty(&span);
    assert_null(span.slots);
    assert_false(go_slot_is_taken(&span, 169));
}

/* Objects of several slots, each of which gives back the latest first. */
static void objects_of_tiny_blocks(void **state)
{
    (void)state;
    enum { SLOTS = 3, EACH = 100 };
    struct go_objects objects = {.list = NULL};
    uint32_t first[SLOTS] = {0};
    for (int again = 0; again < 2; again++) {
        for (unsigned i = 1; i <= EACH; i++)
            for (unsigned slot = 0; slot < SLOTS; slot++)
                assert_true(go_objects_add(&objects, &first[slot], go_object(i, slot, 10 * i)));
        for (unsigned i = EACH; i > 0; i--)
            for (unsigned slot = 0; slot < SLOTS; slot++) {
                struct go_object object = go_objects_take(&objects, &first[slot]);
                assert_int_equal(go_who_id(object.who), i);
                assert_int_equal(go_who_p(object.who), slot);
                assert_int_equal(object.born, 10 * i);
            }
        for (unsigned slot = 0; slot < SLOTS; slot++)
            assert_int_equal(first[slot], 0);
        assert_int_equal(objects.count, SLOTS * EACH);
    }
    go_objects_free(&objects);
}

/* Ids of both kinds of table, and of a generation only. */
static void types_by_id(void **state)
{
    (void)state;
    static struct go_types types;
    static const unsigned char table[] = {3, 16, 8, 0, 1, 'A', 0x80, 0x80, 4, 32, 24, 0, 2, 'B', 'B'};
    const unsigned char *at = table;
    assert_true(go_types_init(&types));
    assert_int_equal(go_types_add(&types, &at, table + sizeof table), GO_TABLE_OK);
    assert_int_equal(types.list[go_types_find(&types, 3)].size, 8);
    assert_int_equal(types.list[go_types_find(&types, 1 << 16)].size, 24);
    assert_int_equal(go_types_find(&types, 0), 0);
    assert_int_equal(go_types_find(&types, 4), 0);
    assert_int_equal(go_types_find(&types, 5000), 0);
    assert_true(go_types_next_generation(&types));
    assert_int_equal(go_types_find(&types, 3), 0);
    assert_int_equal(go_types_find(&types, 1 << 16), 0);
    go_types_free(&types);
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
        cmocka_unit_test(fit),           cmocka_unit_test(slot),        cmocka_unit_test(uniform),
        cmocka_unit_test(tiny),          cmocka_unit_test(slots),       cmocka_unit_test(no_such_span),
        cmocka_unit_test(found_by_page), cmocka_unit_test(types_by_id),
        cmocka_unit_test(slots_of_a_span), cmocka_unit_test(objects_of_tiny_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
