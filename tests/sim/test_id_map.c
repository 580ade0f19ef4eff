/* The table of ids, in what a naive model of few ids (test_lifetimes.c) does not come to: crowded buckets, large
 * tables, and ids that come and go for long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "trace/lifetimes.h"

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

/* How ids are spread: side by side, far apart, by the highest bits only. */
static uint64_t spread(unsigned way, uint64_t n)
{
    return way == 0 ? n : way == 1 ? n * UINT64_C(0x9e3779b97f4a7c15) : n << 44;
}

/* Half as many ids as the table has room for before it grows, drawn anew again and again: numbers and marks are found
 * while they are there and not after, and the table neither grows nor, with counts that do not come down, gets slow. */
static void churn(unsigned way, uint64_t seed, unsigned ids, unsigned steps)
{
    struct id_map map;
    uint64_t state = seed * 77 + 1;
    uint32_t *numbers = calloc(ids, sizeof *numbers);
    size_t live = 0;
    assert_true(numbers != NULL && id_map_init(&map, seed));
    for (unsigned step = 1; step <= steps; step++) {
        unsigned n = (unsigned)(next_random(&state) % ids);
        bool added;
        struct id_entry *entry = id_map_find(&map, spread(way, n));
        assert_int_equal(entry != NULL, numbers[n] != 0);
        if (entry != NULL) {
            assert_int_equal(entry->number, numbers[n]);
            assert_int_equal(entry->mark, numbers[n] % 5);
            id_map_remove(&map, entry);
            numbers[n] = 0;
            live--;
            continue;
        }
        entry = id_map_put(&map, spread(way, n), &added);
        assert_true(entry != NULL && added && entry->number == 0 && entry->mark == 0);
        entry->number = numbers[n] = step;
        entry->mark = (uint8_t)(step % 5);
        live++;
        assert_ptr_equal(id_map_put(&map, spread(way, n), &added), entry);
        assert_false(added);
    }
    assert_int_equal(map.count, live);
    assert_true(map.capacity <= 6 * (size_t)ids);
    uint64_t passed = 0;
    for (size_t i = 0; i < map.capacity; i += 4) {
        passed += map.entries[i].passed;
        assert_true(map.entries[i].passed < live);
    }
    assert_true(passed <= live); /* few ids are away from home, by a bucket or two */
    for (unsigned n = 0; n < ids; n++)
        if (numbers[n] != 0)
            id_map_remove(&map, id_map_find(&map, spread(way, n)));
    for (size_t i = 0; i < map.capacity; i += 4)
        assert_int_equal(map.entries[i].passed, 0); /* nobody is behind */
    id_map_free(&map);
    free(numbers);
}

static void test_churn(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 3; way++) {
        for (uint64_t seed = 0; seed < 10; seed++)
            churn(way, seed, 60, 20000);
        churn(way, 5, 20000, 200000);
    }
}

/* So many that the table is one of large pages. */
static void test_large(void **state)
{
    (void)state;
    enum { IDS = 300000 };
    struct id_map map;
    bool added;
    assert_true(id_map_init(&map, 3));
    for (uint64_t id = 0; id < IDS; id++)
        assert_true(id_map_put(&map, id, &added) != NULL && added);
    assert_int_equal(map.count, IDS);
    for (uint64_t id = 0; id < 2 * IDS; id++) {
        id_map_fetch(&map, id);
        assert_int_equal(id_map_find(&map, id) != NULL, id < IDS);
    }
    id_map_free(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_churn),
        cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
