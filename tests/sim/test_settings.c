/* Settings: what is accepted, what is refused and in which words, that a dump sets the same again,
 * and that hostile files end in an error, never in a crash or in a member its row does not allow. */
#include "base/nearest.h"
#include "base/settings.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum policy { POLICY_FIFO, POLICY_RANDOM };

static const char *const policy_names[] = {"fifo", "random", NULL};

struct run {
    uint64_t seed, ps;
    double lock_ns, ratio;
    bool gctrace;
    enum policy policy;
    uint64_t arena, limit;
    int64_t gogc;
    char label[8];
    json_t *classes;
};

#define AT(member) .offset = offsetof(struct run, member)

static const struct setting table[] = {
    {.key = "seed", .type = SETTING_U64, AT(seed)},
    {.key = "ps", .type = SETTING_U64, AT(ps), .min = 1, .max = 64},
    {.key = "gogc", .type = SETTING_PERCENT_OR_OFF, AT(gogc), .max = INT32_MAX},
    {.key = "gomemlimit", .type = SETTING_BYTES_OR_OFF, AT(limit)},
    {.key = "gctrace", .type = SETTING_BOOL, AT(gctrace)},
    {.key = "label", .type = SETTING_TEXT, AT(label), .size = 8},
    {.key = "classes", .type = SETTING_JSON, AT(classes)},
    {.key = "costs.lock_ns", .type = SETTING_DOUBLE, AT(lock_ns)},
    {.key = "costs.ratio", .type = SETTING_DOUBLE, AT(ratio), .max = 1},
    {.key = "heap.arena", .type = SETTING_BYTES, AT(arena), .min = 4096, .max = 1 << 30},
    {.key = "heap.deep.policy", .type = SETTING_ENUM, AT(policy), .names = policy_names},
};

enum { ROWS = sizeof table / sizeof table[0] };

static char directory[] = "/tmp/test_settings.XXXXXX";
static char file[128];

static void write_file(const char *path, const char *text, size_t length)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, length, f), length);
    assert_int_equal(fclose(f), 0);
}

static bool load(struct run *run, const char *text, struct error *error)
{
    error->text[0] = '\0';
    write_file(file, text, strlen(text));
    return settings_load_file(table, ROWS, run, file, error);
}

static void assert_loads(struct run *run, const char *text)
{
    struct error error;
    if (!load(run, text, &error))
        fail_msg("%s: %s", text, error.text);
}

/* The file must fail with "FILE" + expected, the whole of it unless expected ends in '*'. */
static void assert_refused(const char *text, const char *expected)
{
    struct run run = {.seed = 1};
    struct error error;
    size_t length = strlen(expected), path = strlen(file);
    bool prefix = expected[length - 1] == '*';

    assert_false(load(&run, text, &error));
    assert_memory_equal(error.text, file, path);
    if (prefix ? strncmp(error.text + path, expected, length - 1) != 0
               : strcmp(error.text + path, expected) != 0)
        fail_msg("%s\n  got      %s\n  expected %s", text, error.text + path, expected);
    settings_clear(table, ROWS, &run);
}

static void test_every_type(void **state)
{
    (void)state;
    struct run run = {.label = "before"};
    assert_loads(&run, "{\"seed\": 7, \"ps\": 4, \"gogc\": 200, \"gomemlimit\": \"64MiB\","
                       " \"gctrace\": true, \"label\": \"seven77\", \"classes\": [8, 16],"
                       " \"costs\": {\"lock_ns\": 12.5, \"ratio\": 1, \"note\": [\"a\", \"b\"]},"
                       " \"note\": \"measured\","
                       " \"heap\": {\"arena\": \"4KiB\", \"deep\": {\"policy\": \"random\"}}}");
    assert_int_equal(run.seed, 7);
    assert_int_equal(run.ps, 4);
    assert_int_equal(run.gogc, 200);
    assert_int_equal(run.limit, 64 << 20);
    assert_true(run.gctrace);
    assert_string_equal(run.label, "seven77");
    assert_int_equal(json_array_size(run.classes), 2);
    assert_true(run.lock_ns == 12.5 && run.ratio == 1);
    assert_int_equal(run.arena, 4096);
    assert_int_equal(run.policy, POLICY_RANDOM);

    assert_loads(&run, "{\"gogc\": \"off\", \"gomemlimit\": \"off\", \"seed\": 1e6, \"classes\": null,"
                       " \"costs\": {}}");
    assert_int_equal(run.gogc, -1);
    assert_true(run.limit == UINT64_MAX);
    assert_int_equal(run.seed, 1000000);
    assert_null(run.classes);
    assert_int_equal(run.ps, 4); /* layered: what a file does not mention stays */
}

static void test_unknown_keys(void **state)
{
    (void)state;
    assert_refused("{\"costs\": {\"lok_ns\": 1}}",
                   ": unknown key \"costs.lok_ns\"; the nearest known one is \"costs.lock_ns\"");
    assert_refused("{\"cotss\": {\"lock_ns\": 1}}",
                   ": unknown key \"cotss\"; the nearest known one is \"costs\"");
    assert_refused("{\"lock_ns\": 1}",
                   ": unknown key \"lock_ns\"; the nearest known one is \"costs.lock_ns\"");
    assert_refused("{\"heap\": {\"policy\": 1}}",
                   ": unknown key \"heap.policy\"; the nearest known one is \"heap.deep.policy\"");
    assert_refused("{\"entirely_else\": 1}", ": unknown key \"entirely_else\"");
    assert_refused("{\"costs.lock_ns\": 1}",
                   ": key \"costs.lock_ns\" has a dot in it; expected nested objects");
    assert_refused("{\"\": 1}", ": unknown key \"\"");
    assert_refused("{\"a\\u001b[31mb\": 1}", ": unknown key \"a?[31mb\"");
    assert_refused("{\"costs\": 5}", ": costs: expected an object of settings, got 5");
    assert_refused("{\"note\": 5}", ": note: expected a string or an array of strings");
    assert_refused("{\"note\": [\"a\", {}]}", ": note: expected a string or an array of strings");
}

static void test_wrong_values(void **state)
{
    (void)state;
    assert_refused("{\"seed\": -1}", ": seed: expected a whole number of at least 0, got -1");
    assert_refused("{\"seed\": 1.5}", ": seed: expected a whole number of at least 0, got 1.5");
    assert_refused("{\"seed\": 1e300}", ": seed: expected a whole number of at least 0, got*");
    assert_refused("{\"seed\": \"0x10\"}", ": seed: expected a whole number*");
    assert_refused("{\"seed\": \"18446744073709551616\"}", ": seed: expected a whole number*");
    assert_refused("{\"seed\": \"\"}", ": seed: expected a whole number of at least 0, got \"\"");
    assert_refused("{\"seed\": null}", ": seed: expected a whole number of at least 0, got null");
    assert_refused("{\"ps\": 0}", ": ps: expected a whole number from 1 to 64, got 0");
    assert_refused("{\"ps\": 65}", ": ps: expected a whole number from 1 to 64, got 65");
    assert_refused("{\"ps\": \"off\"}", ": ps: expected a whole number from 1 to 64, got \"off\"");
    assert_refused("{\"gogc\": -1}", ": gogc: expected a percentage, a whole number from 0 to "
                                     "2147483647, or \"off\", got -1");
    assert_refused("{\"gomemlimit\": \"10MB\"}",
                   ": gomemlimit: expected a number of bytes of at least 0, such as 4096 or "
                   "\"64MiB\", or \"off\", got \"10MB\"");
    assert_refused("{\"gomemlimit\": \"18446744073709551615\"}", ": gomemlimit: expected*");
    assert_refused("{\"heap\": {\"arena\": \"off\"}}", ": heap.arena: expected a number of bytes*");
    assert_refused("{\"heap\": {\"arena\": \"4TiB\"}}", ": heap.arena: expected a number of bytes*");
    assert_refused("{\"costs\": {\"lock_ns\": \"5\"}}",
                   ": costs.lock_ns: expected a number of at least 0, got \"5\"");
    assert_refused("{\"costs\": {\"lock_ns\": -0.1}}", ": costs.lock_ns: expected a number*");
    assert_refused("{\"costs\": {\"ratio\": 1.01}}",
                   ": costs.ratio: expected a number from 0 to 1, got 1.01");
    assert_refused("{\"gctrace\": 1}", ": gctrace: expected true or false, got 1");
    assert_refused("{\"label\": \"eight888\"}",
                   ": label: expected text of at most 7 bytes, got \"eight888\"");
    assert_refused("{\"heap\": {\"deep\": {\"policy\": \"lifo\"}}}",
                   ": heap.deep.policy: expected one of \"fifo\", \"random\", got \"lifo\"");
    assert_refused("{\"heap\": {\"deep\": {\"policy\": 0}}}", ": heap.deep.policy: expected one of*");
}

static void test_bad_json(void **state)
{
    (void)state;
    assert_refused("", ":1:0: *");
    assert_refused("5", ":1:*");
    assert_refused("[]", ": expected a JSON object");
    assert_refused("{\"seed\": 1,\n \"seed\": 2}", ":2:*");
    assert_refused("{\"seed\": NaN}", ":1:*");
    assert_refused("{\"costs\": {\"lock_ns\": 1e400}}", ":1:*");
    assert_refused("{\"seed\": 18446744073709551616}", ":1:*");
    assert_refused("{\"seed\": 1} x", ":1:*");
    assert_refused("{\"label\": \"\xff\"}", ":1:*");
    assert_refused("{\"label\": \"a\\u0000b\"}", ":1:*");
    assert_refused("{\"a\\u0000b\": 1}", ":1:*");
}

static void test_unreadable(void **state)
{
    (void)state;
    struct run run = {.seed = 1};
    struct error error = {.text = ""}, other = {.text = ""};
    assert_false(settings_load_file(table, ROWS, &run, "/nonexistent/x.json", &error));
    assert_string_equal(error.text, "/nonexistent/x.json: No such file or directory");
    assert_false(settings_load_file(table, ROWS, &run, "/tmp", &other));
    assert_string_equal(other.text, "/tmp: Is a directory");
}

static char *repeat(const char *before, char c, size_t n, const char *after)
{
    size_t start = strlen(before);
    char *text = malloc(start + n + strlen(after) + 1);
    assert_non_null(text);
    strcpy(text, before);
    memset(text + start, c, n);
    strcpy(text + start + n, after);
    return text;
}

static void test_huge(void **state)
{
    (void)state;
    static const struct {
        const char *before;
        char c;
        const char *after, *expected;
    } cases[] = {
        {"{\"", 'k', "\": 1}", ": unknown key \"kkkk*"},
        {"{\"costs\": {\"", 'k', "\": 1}}", ": unknown key \"kkkk*"},
        {"{\"label\": \"", 'v', "\"}", ": label: expected text of at most 7 bytes, got \"vvv*"},
        {"{\"seed\": ", '[', "}", ":1:*"},
        {"{\"seed\": ", '9', "}", ":1:*"},
        {"{\"gomemlimit\": \"", '9', "MiB\"}", ": gomemlimit: expected*"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = repeat(cases[i].before, cases[i].c, 1 << 20, cases[i].after);
        assert_refused(text, cases[i].expected);
        free(text);
    }
}

/* As deep as jansson lets it be, where a number, a group or an unknown key is expected. */
static void test_nested(void **state)
{
    (void)state;
    static const struct {
        const char *start, *expected;
    } cases[] = {{"{\"seed\": ", ": seed: expected a whole number of at least 0, got [[[*"},
                 {"{\"costs\": ", ": costs: expected an object of settings, got [[[*"},
                 {"{\"mystery\": ", ": unknown key \"mystery\""}};
    enum { DEPTH = 2000 };
    char closing[DEPTH + 2];

    memset(closing, ']', DEPTH);
    strcpy(closing + DEPTH, "}");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = repeat(cases[i].start, '[', DEPTH, closing);
        assert_refused(text, cases[i].expected);
        free(text);
    }
}

static void assert_set(struct run *run, const char *assignment)
{
    struct error error = {.text = ""};
    if (!settings_set(table, ROWS, run, assignment, &error))
        fail_msg("%s: %s", assignment, error.text);
}

static void assert_set_refused(const char *assignment, const char *expected)
{
    struct run run = {.seed = 1};
    struct error error = {.text = ""};
    assert_false(settings_set(table, ROWS, &run, assignment, &error));
    assert_string_equal(error.text, expected);
}

static void test_assignments(void **state)
{
    (void)state;
    struct run run = {.seed = 1};
    assert_set(&run, "seed=18446744073709551615");
    assert_true(run.seed == UINT64_MAX);
    assert_set(&run, "gogc=off");
    assert_int_equal(run.gogc, -1);
    assert_set(&run, "gomemlimit=3GiB");
    assert_true(run.limit == UINT64_C(3) << 30);
    assert_set(&run, "heap.deep.policy=random");
    assert_int_equal(run.policy, POLICY_RANDOM);
    assert_set(&run, "costs.lock_ns=1e3");
    assert_true(run.lock_ns == 1000);
    assert_set(&run, "label=a=b");
    assert_string_equal(run.label, "a=b");
    assert_set(&run, "label=");
    assert_string_equal(run.label, "");
    assert_set(&run, "label=123");
    assert_string_equal(run.label, "123");
    assert_set(&run, "classes=[1,2,3]");
    assert_set(&run, "classes={\"a\":1}");
    assert_int_equal(json_object_size(run.classes), 1);
    settings_clear(table, ROWS, &run);
    assert_null(run.classes);
}

static void test_bad_assignments(void **state)
{
    (void)state;
    char *huge = repeat("", 'k', 1 << 20, "=1");
    struct run run = {.seed = 1};
    struct error error = {.text = ""};
    assert_false(settings_set(table, ROWS, &run, huge, &error));
    assert_memory_equal(error.text, "unknown key \"kkk", 16);
    free(huge);

    assert_set_refused("gogcc=1", "unknown key \"gogcc\"; the nearest known one is \"gogc\"");
    assert_set_refused("gogc", "expected KEY=VALUE, got \"gogc\"");
    assert_set_refused("=5", "unknown key \"\"");
    assert_set_refused("costs=5", "costs: expected one of its settings, as in costs.NAME=VALUE");
    assert_set_refused("ps=many", "ps: expected a whole number from 1 to 64, got \"many\"");
    assert_set_refused("ps=", "ps: expected a whole number from 1 to 64, got \"\"");
    assert_set_refused("costs.ratio=nan", "costs.ratio: expected a number from 0 to 1, got \"nan\"");
    assert_set_refused("costs.ratio=1e400",
                       "costs.ratio: expected a number from 0 to 1, got \"1e400\"");
    assert_set_refused("label=\xff", "label: expected UTF-8, got \"\xff\"");
    assert_set_refused("label=\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9",
                       "label: expected text of at most 7 bytes, got "
                       "\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\"");
    assert_set_refused("classes=[1", "classes: expected JSON: ']' expected near end of file");
}

/* A quotation that is cut off never ends in half a character. */
static void test_cut_quotation(void **state)
{
    (void)state;
    struct run run = {.seed = 1};
    for (size_t padding = 0; padding < 2; padding++) {
        struct error error = {.text = ""};
        char assignment[128] = "label=x";
        size_t length = strlen("label=") + padding;
        for (; length < 100; length += 2)
            memcpy(assignment + length, "\xc3\xa9", 3);
        assert_false(settings_set(table, ROWS, &run, assignment, &error));
        assert_string_equal(error.text + strlen(error.text) - 5, "\xc3\xa9...");
        json_t *text = json_string(error.text); /* NULL unless UTF-8 */
        assert_non_null(text);
        json_decref(text);
    }
}

static void test_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {{"0", 0}, {"1B", 1}, {"512KiB", 512 << 10}, {"1TiB", UINT64_C(1) << 40},
                {"16777215TiB", UINT64_C(16777215) << 40}, {"18446744073709551615", UINT64_MAX}};
    static const char *const bad[] = {"", "MiB", "-1", "+1", " 1", "1 ", "1.5GiB", "1kib", "1K", "1MB",
                                      "16777216TiB", "18446744073709551616", "0x10", "1MiBB"};
    uint64_t bytes = 99;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(settings_parse_bytes(bad[i], &bytes));
    assert_int_equal(bytes, 99);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(settings_parse_bytes(good[i].text, &bytes));
        assert_true(bytes == good[i].bytes);
    }
}

static void assert_round_trip(struct run *run)
{
    struct run again = {.seed = 3, .label = "other"};
    struct error error = {.text = ""};
    json_t *dump = settings_dump(table, ROWS, run);
    char *text = json_dumps(dump, JSON_INDENT(2));

    assert_non_null(text);
    if (!load(&again, text, &error))
        fail_msg("%s\n%s", text, error.text);
    json_t *second = settings_dump(table, ROWS, &again);
    assert_true(json_equal(dump, second));
    assert_true(run->seed == again.seed && run->limit == again.limit && run->gogc == again.gogc);
    assert_true(run->lock_ns == again.lock_ns && run->policy == again.policy);
    assert_string_equal(run->label, again.label);
    free(text);
    json_decref(dump);
    json_decref(second);
    settings_clear(table, ROWS, &again);
}

static void test_round_trip(void **state)
{
    (void)state;
    struct run run = {.seed = UINT64_MAX, .ps = 1, .lock_ns = 0.1, .ratio = 1.0 / 3,
                      .limit = UINT64_MAX, .gogc = -1, .arena = 1 << 30, .policy = POLICY_RANDOM,
                      .label = "\xc3\xa9\n\""};
    assert_round_trip(&run);
    run = (struct run){.ps = 64, .arena = 4096, .limit = UINT64_MAX - 1, .seed = INT64_MAX,
                       .lock_ns = 1.7976931348623157e308, .gctrace = true,
                       .classes = json_pack("[{s:i}]", "size", 8)};
    assert_round_trip(&run);
    settings_clear(table, ROWS, &run);
}

static void test_find(void **state)
{
    (void)state;
    char path[256], made[160], tiny[8];
    struct error error = {.text = ""};

    snprintf(made, sizeof made, "%s/cost", directory);
    assert_int_equal(mkdir(made, 0777), 0);
    snprintf(made, sizeof made, "%s/cost/xeon-test.json", directory);
    write_file(made, "{}", 2);
    setenv("GOHEAP_CONFIGS", directory, 1);

    assert_true(settings_find("xeon-test", "cost", path, sizeof path, &error));
    assert_string_equal(path, made);
    assert_true(settings_find(made, "", path, sizeof path, &error));
    assert_true(settings_find("-", "", path, sizeof path, &error));
    assert_string_equal(error.text, "");
    assert_false(settings_find("xeon-tset", "cost", path, sizeof path, &error));
    assert_non_null(strstr(error.text, "no configuration \"xeon-tset\"; the nearest is \"xeon-test\""));
    error.text[0] = '\0';
    assert_false(settings_find("missing.json", "", path, sizeof path, &error));
    assert_string_equal(error.text, "missing.json: No such file or directory");
    error.text[0] = '\0';
    assert_false(settings_find(made, "", tiny, sizeof tiny, &error));
    error.text[0] = '\0';
    assert_false(settings_find("x", "no-such-subdir", path, sizeof path, &error));
    assert_memory_equal(error.text, "no configuration \"x\": there are none", 35);
    unlink(made);
    snprintf(made, sizeof made, "%s/cost", directory);
    rmdir(made);
}

/* More names than an error can hold. */
static void test_find_many(void **state)
{
    (void)state;
    char path[256];
    struct error error = {.text = ""};
    for (int i = 0; i < 100; i++) {
        snprintf(path, sizeof path, "%s/generation-%d.json", directory, i);
        write_file(path, "{}", 2);
    }
    assert_false(settings_find("absent", "", path, sizeof path, &error));
    assert_non_null(strstr(error.text, "; known: "));
    assert_string_equal(error.text + strlen(error.text) - 5, ", ...");
    for (int i = 0; i < 100; i++) {
        snprintf(path, sizeof path, "%s/generation-%d.json", directory, i);
        unlink(path);
    }
}

static void test_nearest(void **state)
{
    (void)state;
    static const char *const names[] = {"replay", "record", "sweep", "info"};
    assert_string_equal(nearest_name("replya", names, 4), "replay");
    assert_string_equal(nearest_name("recrod", names, 4), "record");
    assert_string_equal(nearest_name("swep", names, 4), "sweep");
    assert_string_equal(nearest_name("info", names, 4), "info");
    assert_null(nearest_name("calibrate", names, 4));
    assert_null(nearest_name("", names, 4));
    assert_null(nearest_name("x", (const char *const[]){"y"}, 1));
    assert_null(nearest_name("replay", names, 0));
}

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(file, sizeof file, "%s/run.json", directory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(file);
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type),   cmocka_unit_test(test_unknown_keys),
        cmocka_unit_test(test_wrong_values), cmocka_unit_test(test_bad_json),
        cmocka_unit_test(test_unreadable),   cmocka_unit_test(test_huge),
        cmocka_unit_test(test_nested),       cmocka_unit_test(test_assignments),
        cmocka_unit_test(test_bad_assignments), cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_cut_quotation),
        cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_find),
        cmocka_unit_test(test_find_many),    cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
