/* Go's rules for size classes: the tables of three Gos, number for number, and what other constants make. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "classes/class_table.h"
#include "classes/rules.h"
#include "model/config.h"

enum { PAGE = 8192 };

/* The table that a rule changed by each of the settings makes, for pages of 8 KiB. */
static struct goheap_class_table generated(const char *const *settings)
{
    struct class_rules rules;
    struct goheap_class_table table;
    struct error error = {.text = ""};
    class_rules_init(&rules);
    for (; settings != NULL && *settings != NULL; settings++)
        assert_true(settings_set(class_rules_table, class_rules_table_size, &rules, *settings, &error));
    assert_true(class_rules_check(&rules, &error));
    assert_true(class_rules_generate(&rules, PAGE, &table, &error));
    return table;
}

/* The table of configs/classes/NAME.json, as its Go's sources have it. */
static struct goheap_class_table known(const char *name)
{
    struct sim_config config;
    struct goheap_config core = {.page_shift = 0};
    struct error error = {.text = ""};
    char assignment[64];
    config_init(&config);
    snprintf(assignment, sizeof assignment, "size_classes=%s", name);
    bool good = config_set(&config, assignment, &error) && config_core(&config, &core, &error);
    if (!good)
        fail_msg("%s", error.text);
    config_clear(&config);
    return core.table;
}

static void assert_same(const struct goheap_class_table *a, const struct goheap_class_table *b)
{
    assert_int_equal(a->count, b->count);
    for (unsigned i = 0; i < a->count; i++) {
        assert_int_equal(a->classes[i].size, b->classes[i].size);
        assert_int_equal(a->classes[i].pages, b->classes[i].pages);
    }
}

static void test_tables_of_go(void **state)
{
    static const struct {
        const char *name;
        unsigned count; /* class 0 included, as Go's _NumSizeClasses */
        const char *settings[3];
    } gos[] = {
        {"\"go1.5\"", 67, {"wide_from=16", "raise=false"}},
        {"\"go1.11\"", 67, {"wide_from=16"}},
        {"\"go1.19\"", 68, {NULL}},
        {"\"no24\"", 67, {"wide_from=16"}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof gos / sizeof gos[0]; i++) {
        struct goheap_class_table made = generated(gos[i].settings), real = known(gos[i].name);
        assert_int_equal(made.count, gos[i].count);
        assert_same(&made, &real);
    }
    struct goheap_config core;
    goheap_config_go119(&core);
    struct goheap_class_table today = generated(NULL);
    assert_same(&today, &core.table);
}

/* Powers of two, worked out by hand. */
static void test_one_step_a_doubling(void **state)
{
    static const char *const settings[] = {"steps=1", "max_step=1MiB", "wide_from=8", "wide_step=8", NULL};
    (void)state;
    struct goheap_class_table made = generated(settings), real = known("\"pow2\"");
    assert_same(&made, &real);
}

/* Without merging there is a class for each step: two of 8 bytes before 32, (128 - 32) / 16 of 16, and eight for each
 * doubling up to 2048; then one every 256 bytes. */
static void test_no_merging(void **state)
{
    static const char *const settings[] = {"merge=false", "raise=false", NULL};
    (void)state;
    struct goheap_class_table made = generated(settings);
    assert_int_equal(made.count, 1 + 3 + 6 + 8 * 4 + (32768 - 2048) / 256 + 1);
}

/* What Go's loop promises, for many constants: sizes ascend, spans are the shortest that leave little over. */
static void assert_promises(const struct class_rules *rules, const struct goheap_class_table *table, uint32_t page)
{
    for (unsigned i = 1; i < table->count; i++) {
        const struct goheap_size_class *c = &table->classes[i];
        uint32_t span = c->pages * page;
        assert_true(c->size > c[-1].size && c->size % rules->min_size == 0);
        assert_true(span >= c->size && c->pages <= CLASS_MAX_PAGES);
        assert_true(span - span / c->size * c->size <= (uint32_t)(rules->waste * span));
        if (!rules->raise)
            for (uint32_t less = page; less < span; less += page)
                assert_true(less < c->size || less - less / c->size * c->size > (uint32_t)(rules->waste * less));
    }
}

static void test_other_constants(void **state)
{
    static const double wastes[] = {0.5, 0.125, 0.1, 0.02};
    unsigned made = 0;
    (void)state;
    for (unsigned i = 0; i < 4 * 4 * 3 * 4; i++) {
        struct class_rules rules;
        struct goheap_class_table table;
        struct error error = {.text = ""};
        class_rules_init(&rules);
        rules.waste = wastes[i % 4];
        rules.merge = i / 4 % 2;
        rules.raise = i / 8 % 2;
        rules.steps = UINT64_C(4) << (i / 16 % 3);
        uint32_t page = UINT32_C(4096) << (i / 48 % 4);
        assert_true(class_rules_check(&rules, &error));
        if (class_rules_generate(&rules, page, &table, &error)) {
            assert_promises(&rules, &table, page);
            made++;
        } else {
            assert_non_null(strstr(error.text, "size class"));
        }
    }
    assert_true(made > 100);
}

/* With one constant changed, or two (else NULL). */
static void refused_both(const char *assignment, const char *other, const char *expected)
{
    struct class_rules rules;
    struct goheap_class_table table;
    struct error error = {.text = ""};
    class_rules_init(&rules);
    if (settings_set(class_rules_table, class_rules_table_size, &rules, assignment, &error) &&
        (other == NULL || settings_set(class_rules_table, class_rules_table_size, &rules, other, &error)) &&
        class_rules_check(&rules, &error) && class_rules_generate(&rules, PAGE, &table, &error))
        fail_msg("%s was taken", assignment);
    if (strstr(error.text, expected) == NULL)
        fail_msg("%s: %s", assignment, error.text);
}

static void refused(const char *assignment, const char *expected)
{
    refused_both(assignment, NULL, expected);
}

static void test_bad_constants(void **state)
{
    (void)state;
    refused("waste=1.5", "waste: expected");
    refused("waste=-0.1", "waste: expected");
    refused_both("waste=0", "max_step=128", "(16512 bytes): no span of up to 128 pages leaves as little as 0 of it");
    refused("min_size=24", "min_size: expected a power of two, got 24");
    refused("min_size=0", "min_size: expected");
    refused("steps=3", "steps: expected a power of two, got 3");
    refused("wide_from=48", "wide_from: expected a power of two");
    refused("wide_step=9", "wide_step: expected a power of two");
    refused("max_step=100", "max_step: expected a power of two");
    refused("max_size=2MiB", "max_size: expected");
    refused_both("max_step=8", "merge=false", "more than 255 size classes");
    refused("wast=0.1", "nearest known one is \"waste\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_of_go),    cmocka_unit_test(test_one_step_a_doubling),
        cmocka_unit_test(test_no_merging),      cmocka_unit_test(test_other_constants),
        cmocka_unit_test(test_bad_constants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
