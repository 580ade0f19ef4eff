/* The best tables of size classes: by hand, against all tables there are, and beside Go's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "classes/optimum.h"
#include "classes/waste.h"
#include "model/config.h"

static uint64_t random_state;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

static unsigned below(unsigned n)
{
    return (unsigned)(next_random() % n);
}

#define SHARE(bytes) ((uint64_t)(bytes) << 32)

static struct demand_weights *no_weights(void)
{
    struct demand_weights *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->objects = 1;
    return w;
}

/* --- by hand ------------------------------------------------------------------------------------------------- */

/* Objects of 10, 20 and 30 bytes, 100, 1 and 50 of them; classes of 10, 20, 30 and 40 bytes of which an object takes 2
 * bytes more, the last one, which has to be, 5. */
static void test_by_hand(void **state)
{
    struct candidate all[] = {
        {10, 1, {SHARE(12), SHARE(12)}, false},
        {20, 1, {SHARE(22), SHARE(22)}, false},
        {30, 1, {SHARE(32), SHARE(32)}, false},
        {40, 2, {SHARE(45), SHARE(45)}, true},
    };
    static const uint64_t costs[] = {
        0,
        151 * 45,                          /* 40 */
        100 * 12 + 51 * 45,                /* 10 40, rather than 100 * 32 + 0 or 101 * 22 + 50 * 45 */
        100 * 12 + 51 * 32,                /* 10 30 40 */
        100 * 12 + 1 * 22 + 50 * 32,       /* all */
    };
    static const uint32_t three[] = {0, 10, 30, 40};
    struct candidates candidates = {4, all};
    struct demand_weights *w = no_weights();
    struct goheap_class_table table;
    (void)state;
    w->of[1][10] = 100;
    w->of[0][20] = 1;
    w->of[1][30] = 50;
    struct optimum *o = optimum_find(&candidates, w, 6);
    assert_non_null(o);
    assert_false(optimum_has(o, 0));
    assert_false(optimum_has(o, 5));
    for (unsigned n = 1; n <= 4; n++) {
        assert_true(optimum_has(o, n));
        assert_int_equal((uint64_t)(optimum_cost(o, n) >> 32), costs[n]);
    }
    optimum_table(o, 3, &table);
    assert_int_equal(table.count, 4);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(table.classes[i].size, three[i]);
    assert_int_equal(table.classes[3].pages, 2);
    optimum_free(o);
    free(w);
}

/* A class that every table has stands there though nobody needs it, and the only one that is left goes elsewhere. */
static void test_required(void **state)
{
    struct candidate all[] = {
        {8, 1, {SHARE(8), SHARE(8)}, false},
        {16, 1, {SHARE(16), SHARE(16)}, true},
        {24, 1, {SHARE(24), SHARE(24)}, false},
        {32, 1, {SHARE(32), SHARE(32)}, true},
    };
    struct candidates candidates = {4, all};
    struct demand_weights *w = no_weights();
    struct goheap_class_table table;
    (void)state;
    w->of[0][24] = 1000;
    w->of[0][3] = 1;
    struct optimum *o = optimum_find(&candidates, w, 4);
    assert_non_null(o);
    assert_false(optimum_has(o, 1));
    assert_int_equal((uint64_t)(optimum_cost(o, 2) >> 32), 16 + 32000);
    assert_int_equal((uint64_t)(optimum_cost(o, 3) >> 32), 16 + 24000);
    optimum_table(o, 3, &table);
    assert_int_equal(table.classes[1].size, 16);
    assert_int_equal(table.classes[2].size, 24);
    optimum_free(o);
    free(w);
}

/* As much as there can be: no sum overflows. */
static void test_largest_sums(void **state)
{
    struct candidate all[] = {
        {8, 1, {UINT64_C(1) << 54, UINT64_C(1) << 54}, false},
        {16, 1, {(UINT64_C(1) << 55) - 1, (UINT64_C(1) << 55) - 1}, true},
    };
    struct candidates candidates = {2, all};
    struct demand_weights *w = no_weights();
    (void)state;
    w->of[0][8] = UINT64_C(1) << 62;
    w->of[1][16] = (UINT64_C(1) << 62) - 1;
    struct optimum *o = optimum_find(&candidates, w, 2);
    assert_non_null(o);
    assert_true(optimum_cost(o, 1) == (wide)((UINT64_C(1) << 63) - 1) * all[1].cost[0]);
    assert_true(optimum_cost(o, 2) == ((wide)1 << 116) + (wide)((UINT64_C(1) << 62) - 1) * all[1].cost[0]);
    optimum_free(o);
    free(w);
}

/* --- against all tables there are ---------------------------------------------------------------------------- */

enum { FEW = 9 /* candidates at most */, FEW_SIZES = 40 };

/* What the objects cost if the candidates of a set are the classes; the largest is in it. */
static wide cost_of_set(const struct candidate *all, unsigned set, const struct demand_weights *w)
{
    wide cost = 0;
    for (uint32_t size = 1; size <= FEW_SIZES; size++)
        for (unsigned kind = 0; kind < DEMAND_KINDS; kind++) {
            unsigned class = 0;
            while ((set >> class & 1) == 0 || all[class].size < size)
                class++;
            cost += (wide)w->of[kind][size] * all[class].cost[kind];
        }
    return cost;
}

/* Costs need not grow with sizes: a long span's tail may make up for it. */
static unsigned make_candidates(struct candidate *all)
{
    unsigned count = 0;
    for (uint32_t size = 1; size <= FEW_SIZES && count < FEW; size += 1 + below(9))
        all[count++] = (struct candidate){size, 1 + below(9), {SHARE(size) + next_random() % SHARE(20),
                                          SHARE(size) + next_random() % SHARE(20)}, below(6) == 0};
    all[count - 1].size = FEW_SIZES;
    all[count - 1].required = true;
    return count;
}

static void make_weights(struct demand_weights *w)
{
    unsigned shift = below(60);
    memset(w->of, 0, sizeof w->of);
    for (uint32_t size = 1; size <= FEW_SIZES; size++)
        for (unsigned kind = 0; kind < DEMAND_KINDS; kind++)
            w->of[kind][size] = below(3) == 0 ? next_random() >> (8 + shift % 50) : 0;
}

static void check_all_tables(const struct candidates *c, const struct demand_weights *w)
{
    wide best[FEW + 1];
    bool has[FEW + 1] = {false};
    for (unsigned set = 0; set < 1u << c->count; set++) {
        bool whole = true;
        for (unsigned i = 0; i < c->count; i++)
            whole = whole && (!c->all[i].required || (set >> i & 1));
        if (!whole)
            continue;
        unsigned n = (unsigned)__builtin_popcount(set);
        wide cost = cost_of_set(c->all, set, w);
        if (!has[n] || cost < best[n])
            best[n] = cost;
        has[n] = true;
    }
    struct optimum *o = optimum_find(c, w, FEW);
    assert_non_null(o);
    for (unsigned n = 1; n <= FEW; n++) {
        assert_int_equal(optimum_has(o, n), has[n]);
        if (!has[n])
            continue;
        struct goheap_class_table table;
        unsigned set = 0;
        assert_true(optimum_cost(o, n) == best[n]);
        optimum_table(o, n, &table);
        for (unsigned i = 0, t = 1; i < c->count && t <= n; i++)
            if (c->all[i].size == table.classes[t].size && c->all[i].pages == table.classes[t].pages) {
                set |= 1u << i;
                t++;
            }
        assert_int_equal(__builtin_popcount(set), n);
        assert_true(cost_of_set(c->all, set, w) == best[n]);
    }
    optimum_free(o);
}

static void test_all_tables(void **state)
{
    struct candidate all[FEW];
    struct candidates candidates = {0, all};
    struct demand_weights *w = no_weights();
    (void)state;
    random_state = 20;
    for (unsigned i = 0; i < 3000; i++) {
        candidates.count = make_candidates(all);
        make_weights(w);
        check_all_tables(&candidates, w);
    }
    free(w);
}

/* --- beside Go's --------------------------------------------------------------------------------------------- */

static struct goheap_config core_of(const char *name, const char *assignment)
{
    struct sim_config config;
    struct goheap_config core = {.page_shift = 0};
    struct error error = {.text = ""};
    config_init(&config);
    bool good = config_load(&config, name, &error) && (assignment == NULL || config_set(&config, assignment, &error)) &&
                config_core(&config, &core, &error);
    if (!good)
        fail_msg("%s", error.text);
    config_clear(&config);
    return core;
}

static struct candidates candidates_for(const struct goheap_config *core, const char *const *settings)
{
    struct class_rules rules;
    struct candidates candidates;
    struct error error = {.text = ""};
    class_rules_init(&rules);
    for (; *settings != NULL; settings++)
        assert_true(settings_set(class_rules_table, class_rules_table_size, &rules, *settings, &error));
    if (!candidates_init(&candidates, &rules, core, &error))
        fail_msg("%s", error.text);
    return candidates;
}

static const struct {
    const char *config, *settings[3];
} gos[] = {
    {"go1.5", {"wide_from=16", "raise=false"}}, {"go1.11", {"wide_from=16"}}, {"go1.19", {NULL}}, {"go1.26", {NULL}},
};

/* Each of a Go's classes is a candidate, which costs no more. */
static void test_candidates_hold_go(void **state)
{
    (void)state;
    for (size_t g = 0; g < sizeof gos / sizeof gos[0]; g++) {
        struct goheap_config core = core_of(gos[g].config, NULL);
        struct candidates c = candidates_for(&core, gos[g].settings);
        for (unsigned i = 1, j = 0; i < core.table.count; i++) {
            const struct goheap_size_class *class = &core.table.classes[i];
            while (j < c.count && c.all[j].size < class->size)
                j++;
            assert_true(j < c.count && c.all[j].size == class->size);
            for (unsigned kind = 0; kind < DEMAND_KINDS; kind++)
                assert_true(c.all[j].cost[kind] <= class_cost(&core, class, kind));
        }
        candidates_free(&c);
    }
}

/* Random objects, mostly small. */
static void random_demand(struct demand_weights *w)
{
    memset(w->of, 0, sizeof w->of);
    for (unsigned i = 0; i < 300; i++) {
        uint32_t size = 1 + below(1u << (3 + below(13)));
        w->of[below(2)][size > GH_MAX_SMALL ? GH_MAX_SMALL : size] += 1 + below(1000);
    }
}

/* So the best table is never worse than Go's; it costs what its sheet says, and the allocator accepts it. */
static void test_never_worse_than_go(void **state)
{
    struct demand_weights *w = no_weights();
    (void)state;
    random_state = 21;
    for (size_t g = 0; g < sizeof gos / sizeof gos[0]; g++) {
        struct goheap_config core = core_of(gos[g].config, NULL);
        struct candidates c = candidates_for(&core, gos[g].settings);
        struct waste_sheet sheet;
        char why[256];
        random_demand(w);
        struct optimum *o = optimum_find(&c, w, core.table.count - 1);
        assert_non_null(o);
        waste_sheet_fill(&sheet, &core, &core.table, w);
        assert_true(optimum_cost(o, core.table.count - 1) <= sheet.cost);
        for (unsigned n = 3; n < core.table.count; n++) {
            struct goheap_config other = core;
            optimum_table(o, n, &other.table);
            assert_int_equal(other.table.count, n + 1);
            assert_true(goheap_config_check(&other, why, sizeof why));
            waste_sheet_fill(&sheet, &core, &other.table, w);
            assert_true(sheet.cost == optimum_cost(o, n));
        }
        optimum_free(o);
        candidates_free(&c);
    }
    free(w);
}

/* Where all is one size, the classes that are left over are of use to others: none is far from the one before. */
static void test_spare_classes(void **state)
{
    static const char *const none[] = {NULL};
    struct goheap_config core = core_of("go1.26", NULL);
    struct candidates c = candidates_for(&core, none);
    struct demand_weights *w = no_weights();
    struct goheap_class_table table;
    (void)state;
    w->of[0][1000] = 5;
    struct optimum *o = optimum_find(&c, w, 67);
    assert_non_null(o);
    optimum_table(o, 67, &table);
    for (unsigned i = 2; i < table.count; i++)
        assert_true(table.classes[i].size <= 2 * table.classes[i - 1].size);
    optimum_free(o);
    candidates_free(&c);
    free(w);
}

static void test_rules_without_a_needed_class(void **state)
{
    struct goheap_config core = core_of("go1.26", NULL);
    struct class_rules rules;
    struct candidates candidates;
    struct error error = {.text = ""};
    (void)state;
    class_rules_init(&rules);
    rules.min_size = 32;
    assert_false(candidates_init(&candidates, &rules, &core, &error));
    assert_string_equal(error.text, "a class of 16 bytes is needed, and the rules do not allow it");
    candidates_free(&candidates);
}

/* --- the waste ----------------------------------------------------------------------------------------------- */

/* Go 1.26: of 8 KiB 256 are for bits where objects of 48 bytes have pointers, 128 where they have none: 165 and 168
 * slots. What needs 600 bytes goes to slots of 1,024, eight a span, header included. */
static void test_waste_by_hand(void **state)
{
    struct goheap_config core = core_of("go1.26", "size_classes=[[16, 1], [48, 1], [512, 1], [1024, 1], [32768, 4]]");
    struct demand_weights *w = no_weights();
    struct waste_sheet sheet;
    (void)state;
    w->objects = 0.5;
    w->of[0][40] = 10;
    w->of[1][48] = 4;
    w->of[0][600] = 2;
    waste_sheet_fill(&sheet, &core, &core.table, w);
    assert_true(sheet.of[2].objects == 7 && sheet.of[2].needed == 296 && sheet.of[2].rounding == 40);
    double tail = 5 * (8192.0 / 165 - 48) + 2 * (8192.0 / 168 - 48);
    assert_true(sheet.of[2].tail > tail - 1e-6 && sheet.of[2].tail < tail + 1e-6);
    assert_true(sheet.of[4].rounding == 424 && sheet.of[4].tail == 0);
    assert_true(sheet.of[0].objects == 8 && sheet.of[0].needed == 896 && sheet.of[0].rounding == 464);
    assert_true(sheet.of[0].tail == sheet.of[2].tail);
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_required),
        cmocka_unit_test(test_largest_sums),
        cmocka_unit_test(test_all_tables),
        cmocka_unit_test(test_candidates_hold_go),
        cmocka_unit_test(test_never_worse_than_go),
        cmocka_unit_test(test_spare_classes),
        cmocka_unit_test(test_rules_without_a_needed_class),
        cmocka_unit_test(test_waste_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
