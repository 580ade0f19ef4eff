/* The table of lifetimes against a naive model of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "trace/lifetimes.h"

enum { MODEL_IDS = 300 };

/* What lifetimes.c promises, for few ids, in the plainest way. */
struct model {
    struct {
        enum { CLOSED, LIVE, DEAD } state;
        enum lifetime_kind kind;
        uint32_t slot;
    } ids[MODEL_IDS];
    uint32_t released[MODEL_IDS * 4], released_count, slots;
    uint32_t passed; /* steps that lifetimes_pass has done */
    uint32_t pending[MODEL_IDS * 4], pending_count; /* closed and not yet released */
};

static uint64_t random_state;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

/* Small ids, large ones, and ids that differ only in their highest bits. */
static uint64_t spread(unsigned i)
{
    return i % 3 == 0 ? i : i % 3 == 1 ? UINT64_MAX - i : (uint64_t)i << 55 | (uint64_t)i >> 9;
}

static enum lifetime_status model_end(struct model *model, unsigned i, enum lifetime_kind kind,
                                      bool is_free)
{
    if (model->ids[i].state == CLOSED)
        return LIFETIME_NOT_OPEN;
    if (model->ids[i].kind != kind)
        return LIFETIME_WRONG_KIND;
    if (!is_free && model->ids[i].state == DEAD)
        return LIFETIME_IS_DEAD;
    model->ids[i].state = is_free ? CLOSED : DEAD;
    if (is_free)
        model->pending[model->pending_count++] = model->ids[i].slot;
    return LIFETIME_OK;
}

static enum lifetime_status model_open(struct model *model, unsigned i, enum lifetime_kind kind)
{
    if (model->ids[i].state != CLOSED)
        return LIFETIME_IS_OPEN;
    model->ids[i].state = LIVE;
    model->ids[i].kind = kind;
    bool recycled = model->released_count > 0;
    model->ids[i].slot = recycled ? model->released[--model->released_count] : model->slots++;
    return LIFETIME_OK;
}

/* What is done at once, or left to the others: then they are asked next, and the model knows what they say. Counts the
 * former. */
static bool pass(struct model *model, struct lifetimes *table, unsigned i, bool begins, enum lifetime_kind kind)
{
    uint32_t slot = UINT32_MAX;
    uint64_t id = spread(i);
    if (!lifetimes_pass(table, id, begins, kind, &slot)) {
        assert_int_equal(slot, UINT32_MAX);
        return false;
    }
    assert_int_equal(begins ? model_open(model, i, kind) : model_end(model, i, kind, true), LIFETIME_OK);
    assert_int_equal(slot, model->ids[i].slot);
    if (!begins)
        model->released[model->released_count++] = model->pending[--model->pending_count];
    model->passed++;
    return true;
}

static void model_step(struct model *model, struct lifetimes *table)
{
    unsigned what = (unsigned)(next_random() % 10), i = (unsigned)(next_random() % MODEL_IDS);
    enum lifetime_kind kind = next_random() % 4 == 0 ? LIFETIME_STACK : LIFETIME_OBJECT;
    enum lifetime_status expected, status;
    uint32_t slot = UINT32_MAX;
    if (model->pending_count > 0 && (what == 9 || model->pending_count > MODEL_IDS)) {
        uint32_t k = (uint32_t)(next_random() % model->pending_count);
        lifetimes_release(table, model->pending[k]);
        model->released[model->released_count++] = model->pending[k];
        model->pending[k] = model->pending[--model->pending_count];
        return;
    }
    if (what < 8 && next_random() % 2 == 0 && pass(model, table, i, what < 4, kind))
        return;
    if (what < 4) {
        expected = model_open(model, i, kind);
        status = lifetimes_open(table, spread(i), kind, &slot);
    } else if (what < 8) {
        expected = model_end(model, i, kind, true);
        status = lifetimes_close(table, spread(i), kind, &slot);
    } else {
        expected = model_end(model, i, kind, false);
        status = lifetimes_die(table, spread(i), kind, &slot);
    }
    assert_int_equal(status, expected);
    assert_int_equal(slot, status == LIFETIME_OK ? model->ids[i].slot : UINT32_MAX);
}

static void test_lifetimes_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct model model = {0};
        struct lifetimes table;
        random_state = seed;
        assert_true(lifetimes_init(&table, seed % 2 == 0 ? 0 : seed * UINT64_C(0x9e3779b97f4a7c15)));
        for (int step = 0; step < 50000; step++)
            model_step(&model, &table);
        size_t live = 0;
        for (unsigned i = 0; i < MODEL_IDS; i++) {
            struct id_entry *entry = id_map_find(&table.map, spread(i));
            assert_int_equal(entry != NULL, model.ids[i].state != CLOSED);
            live += entry != NULL;
        }
        assert_true(model.passed > 1000);
        assert_int_equal(table.map.count, live);
        assert_true(table.map.capacity <= 1024); /* as many as were open at once, not as ever were */
        lifetimes_free(&table);
    }
}

/* A table as full as it gets, so that ids have been pushed past their homes: all must be found after each
 * removal, whichever it was. */
static void test_map_removal(void **state)
{
    (void)state;
    enum { IDS = 24 }; /* of 64 entries: with one more it grows */
    struct id_map map;
    bool added;
    assert_true(id_map_init(&map, 0));
    for (uint64_t id = 0; id < IDS; id++)
        assert_true(id_map_put(&map, id << 58, &added) != NULL && added);
    assert_int_equal(map.capacity, 64);
    for (uint64_t gone = 0; gone < IDS; gone++) {
        id_map_remove(&map, id_map_find(&map, gone << 58));
        for (uint64_t id = 0; id < IDS; id++)
            assert_int_equal(id_map_find(&map, id << 58) != NULL, id > gone);
    }
    assert_int_equal(map.count, 0);
    id_map_free(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lifetimes_model),
        cmocka_unit_test(test_map_removal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
