/* Whole numbers as text and back, against printf. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/decimal.h"

enum { ROOM = DECIMAL_ROOM + DECIMAL_AHEAD };

/* The text is what printf writes, nothing behind its room is touched, and it is read again, whatever stands behind. */
static void assert_number(uint64_t number, char after)
{
    char want[ROOM], text[ROOM + 8];
    int length = snprintf(want, sizeof want, "%llu", (unsigned long long)number);
    memset(text, after, sizeof text);
    char *end = decimal_put(text, number);
    assert_int_equal(end - text, length);
    assert_memory_equal(text, want, (size_t)length);
    for (size_t i = DECIMAL_ROOM; i < sizeof text; i++)
        assert_int_equal(text[i], after);
    memset(end, after, (size_t)(text + sizeof text - end));
    uint64_t again = ~number;
    assert_ptr_equal(decimal_take((unsigned char *)text, &again), end);
    if (length <= DECIMAL_SAFE)
        assert_int_equal(again, number);
}

static void test_numbers(void **state)
{
    (void)state;
    static const char after[] = ",\n/:;\x7f\xff\xb0 -";
    uint64_t random = 1, power = 1;
    for (uint64_t number = 0; number < 20000; number++)
        assert_number(number, after[number % (sizeof after - 1)]);
    for (int digits = 1; digits <= 20; digits++, power *= 10)
        for (size_t i = 0; i < sizeof after - 1; i++)
            for (uint64_t by = 0; by < 3; by++)
                assert_number(power + by - 1, after[i]);
    for (int i = 0; i < 100000; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        assert_number(random >> i % 64, after[(size_t)i % (sizeof after - 1)]);
    }
    assert_number(UINT64_MAX, ',');
}

static void assert_put_near(uint64_t number, struct decimal_near *near)
{
    char want[ROOM], text[ROOM];
    memset(text, '#', sizeof text);
    int length = snprintf(want, sizeof want, "%llu", (unsigned long long)number);
    assert_int_equal(decimal_put_near(text, number, near) - text, length);
    assert_memory_equal(text, want, (size_t)length);
    assert_int_equal(text[DECIMAL_ROOM], '#');
}

/* Numbers near one another, and jumps, come out as they would alone, and within their room; UINT64_MAX and 5 are not
 * near. */
static void test_near(void **state)
{
    (void)state;
    static const uint64_t starts[] = {0, 99999990, 100000000, 12345678912345678, UINT64_MAX - 150000000};
    static const uint64_t jumps[] = {UINT64_MAX, 5, UINT64_MAX, 99999999, 100000000, 5, 1000000000, 999999999};
    struct decimal_near near = {0};
    for (size_t i = 0; i < 5 * sizeof starts / sizeof starts[0]; i++)
        for (uint64_t by = 0; by < 150000000; by += 1 + by / 7)
            assert_put_near(starts[i * 3 % 5] + by, &near);
    for (size_t i = 0; i < sizeof jumps / sizeof jumps[0]; i++)
        assert_put_near(jumps[i], &near);
}

/* Zeros in front count; nothing is no number; what is too long is told by its length. */
static void test_texts(void **state)
{
    (void)state;
    static const unsigned char zeros[] = "0000000000000000042,......", none[] = ",........", longer[] =
        "123456789012345678901234567890,........";
    uint64_t number = 7;
    assert_int_equal(decimal_take(zeros, &number) - zeros, 19);
    assert_int_equal(number, 42);
    assert_ptr_equal(decimal_take(none, &number), none);
    assert_int_equal(number, 42);
    assert_int_equal(decimal_take(longer, &number) - longer, 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_near),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
