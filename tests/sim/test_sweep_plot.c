/* Which columns of a sweep are drawn, how runs become cells of a table, and which points are on a front. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "plot/sweep_front.h"
#include "plot/sweep_pivot.h"
#include "plot/sweep_text.h"

static bool read_text(struct sweep_table *table, const char *text, struct error *error)
{
    char path[64];
    int fd = memfd_create("results.csv", 0);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    snprintf(path, sizeof path, "/dev/fd/%d", fd);
    bool ok = sweep_table_read(table, path, error);
    close(fd);
    return ok;
}

static struct sweep_table table_of(const char *text)
{
    struct sweep_table table;
    struct error error = {.text = ""};
    if (!read_text(&table, text, &error))
        fail_msg("%s", error.text);
    return table;
}

static size_t column(const struct sweep_table *table, const char *name)
{
    size_t c = 0;
    while (strcmp(table->columns[c].name, name) != 0)
        c++;
    return c;
}

/* --- reading ------------------------------------------------------------------------------------------- */

static void test_table(void **state)
{
    (void)state;
    struct sweep_table t = table_of("run,config,gogc,peak_mapped_bytes,error\n1,\"a,\"\"b\n\",off,7,\n2,c,50,8,\n"
                                    "3,c,50.0,,\n4,c,100,9,it failed\n");
    double number;
    assert_int_equal(t.rows, 3);
    assert_int_equal(t.failed, 1);
    assert_string_equal(sweep_cell(&t, 0, 1), "a,\"b\n");
    assert_false(t.columns[0].asked);
    assert_true(t.columns[1].asked);
    assert_false(t.columns[3].asked);
    assert_int_equal(t.columns[1].values, 2);
    assert_int_equal(t.columns[2].values, 3);
    assert_int_equal(t.columns[2].numbers, 2);
    assert_false(sweep_number(&t, 0, 2, &number));
    assert_true(sweep_number(&t, 1, 2, &number));
    assert_true(number == 50);
    assert_false(sweep_number(&t, 2, 3, &number));
    sweep_table_free(&t);
}

static void test_numbers(void **state)
{
    (void)state;
    static const char *const none[] = {"inf", "nan", "0x10", "1e999", "1 ", " 1", "+1", "-", "1,", ""};
    struct sweep_table t = table_of("a,b\n-1.5e3,0\n");
    double number;
    assert_true(sweep_number(&t, 0, 0, &number));
    assert_true(number == -1500);
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        free(t.cells[0]);
        t.cells[0] = strdup(none[i]);
        assert_false(sweep_number(&t, 0, 0, &number));
    }
    sweep_table_free(&t);
}

static void refused(const char *text, const char *expected)
{
    struct sweep_table table;
    struct error error = {.text = ""};
    assert_false(read_text(&table, text, &error));
    sweep_table_free(&table);
    assert_non_null(strstr(error.text, expected));
}

static void test_damaged(void **state)
{
    (void)state;
    refused("", "expected a header");
    refused("a,b\n1,2\n1\n", "row 3: expected 2 fields, as the header has, got 1");
    refused("a,b\n1,2,3\n", "row 2: expected 2 fields, as the header has, got 3");
    refused("a,b\n\"1,2\n", "row 2: expected CSV");
    char wide[2 * SWEEP_COLUMNS + 2] = "";
    for (int i = 0; i < SWEEP_COLUMNS; i++)
        strcat(wide, "a,");
    refused(wide, "expected at most 256 columns");
}

static void test_many_rows(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    fprintf(f, "run,gogc,peak_mapped_bytes\n");
    for (int i = 0; i < SWEEP_ROWS + 3; i++)
        fprintf(f, "%d,%d,%d\n", i + 1, i, i);
    fclose(f);
    struct sweep_table t = table_of(text);
    free(text);
    assert_int_equal(t.rows, SWEEP_ROWS);
    assert_int_equal(t.left_out, 3);
    assert_int_equal(t.columns[1].numbers, SWEEP_ROWS);
    sweep_table_free(&t);
}

/* --- picking ------------------------------------------------------------------------------------------- */

/* size_classes follow from the configuration; page_size is a setting of the plan's; one P has two values of gogc. */
static const char some[] =
    "run,config,trace,size_classes,ps,gogc,peak_mapped_bytes,lock_wait_ns,gc_cpu_ns,classes,page_size,error\n"
    "1,go1.5,a.csv,go1.5,1,50,100,0,5,66,8192,\n"
    "2,go1.5,a.csv,go1.5,2,50,110,0,6,66,8192,\n"
    "3,go1.5,a.csv,go1.5,4,50,120,0,7,66,8192,\n"
    "4,go1.19,a.csv,go1.19,1,50,130,0,8,67,8192,\n"
    "5,go1.19,a.csv,go1.19,2,50,140,0,9,67,8192,\n"
    "6,go1.19,a.csv,go1.19,4,100,150,0,10,67,8192,\n";

static void test_defaults(void **state)
{
    (void)state;
    struct sweep_table t = table_of(some);
    struct sweep_pick pick;
    struct error error = {.text = ""};
    assert_int_equal(sweep_pick_lines(&t, NULL, &pick, &error), SWEEP_GOOD);
    assert_int_equal(pick.x, column(&t, "ps"));
    assert_int_equal(pick.ys, 2);
    assert_int_equal(pick.y[0], column(&t, "peak_mapped_bytes"));
    assert_int_equal(pick.y[1], column(&t, "gc_cpu_ns"));
    assert_int_equal(pick.bys, 1); /* with Ps, the configuration says which run it is */
    assert_int_equal(pick.by[0], column(&t, "config"));
    assert_int_equal(sweep_pick_grid(&t, NULL, &pick, &error), SWEEP_GOOD);
    assert_int_equal(pick.x, column(&t, "ps"));
    assert_int_equal(pick.ys, 1);
    assert_int_equal(sweep_pick_front(&t, NULL, &pick, &error), SWEEP_GOOD);
    assert_int_equal(pick.x, column(&t, "gc_cpu_ns"));
    assert_int_equal(pick.y[0], column(&t, "peak_mapped_bytes"));
    assert_int_equal(pick.bys, 2);
    assert_int_equal(pick.by[1], column(&t, "ps"));
    sweep_table_free(&t);
}

static void test_choices(void **state)
{
    (void)state;
    struct sweep_table t = table_of(some);
    struct sweep_pick pick;
    struct error error = {.text = ""};
    struct sweep_choice choice = {.x = "classes", .y = {"lock_wait_ns", "ps"}, .ys = 2, .by = {"gogc"}, .bys = 1};
    assert_int_equal(sweep_pick_lines(&t, &choice, &pick, &error), SWEEP_GOOD);
    assert_int_equal(pick.x, column(&t, "classes"));
    assert_int_equal(pick.y[1], column(&t, "ps"));
    assert_int_equal(pick.by[0], column(&t, "gogc"));
    choice.x = "config";
    assert_int_equal(sweep_pick_lines(&t, &choice, &pick, &error), SWEEP_WRONG);
    assert_non_null(strstr(error.text, "\"config\" of results.csv holds no numbers"));
    assert_int_equal(sweep_pick_grid(&t, &choice, &pick, &error), SWEEP_GOOD);
    error.text[0] = '\0'; /* the first one stays */
    choice.x = "page_size";
    assert_int_equal(sweep_pick_lines(&t, &choice, &pick, &error), SWEEP_NOTHING);
    assert_string_equal(error.text, "all runs have the same page_size");
    error.text[0] = '\0';
    choice.y[1] = "peak_maped_bytes";
    choice.x = "ps";
    assert_int_equal(sweep_pick_lines(&t, &choice, &pick, &error), SWEEP_WRONG);
    assert_string_equal(error.text,
                        "results.csv has no column \"peak_maped_bytes\"; did you mean \"peak_mapped_bytes\"?");
    struct sweep_choice half = {.x = "ps"};
    assert_int_equal(sweep_pick_front(&t, &half, &pick, &error), SWEEP_NOTHING); /* nobody waited */
    sweep_table_free(&t);
}

static void nothing(const char *text, const char *lines, const char *grid)
{
    struct sweep_table t = table_of(text);
    struct sweep_pick pick;
    struct error error = {.text = ""};
    assert_int_equal(sweep_pick_lines(&t, NULL, &pick, &error), SWEEP_NOTHING);
    assert_string_equal(error.text, lines);
    error.text[0] = '\0';
    assert_int_equal(sweep_pick_grid(&t, NULL, &pick, &error), SWEEP_NOTHING);
    assert_string_equal(error.text, grid);
    assert_int_equal(sweep_pick_front(&t, NULL, &pick, &error), SWEEP_NOTHING);
    sweep_table_free(&t);
}

static void test_nothing_to_show(void **state)
{
    (void)state;
    nothing("run,ps,peak_mapped_bytes,error\n", "no run of the sweep succeeded", "no run of the sweep succeeded");
    nothing("run,ps,peak_mapped_bytes,error\n1,1,5,oh\n", "no run of the sweep succeeded",
            "no run of the sweep succeeded");
    nothing("run,ps,peak_mapped_bytes,error\n1,1,5,\n", "nothing that was varied is a number", "nothing was varied");
    nothing("run,config,peak_mapped_bytes\n1,a,5\n2,b,6\n", "nothing that was varied is a number",
            "only config was varied");
    nothing("run,ps,peak_mapped_bytes\n1,1,5\n2,2,5\n", "no metric differs between the runs",
            "no metric differs between the runs");
}

/* --- cells --------------------------------------------------------------------------------------------- */

static void test_pivot(void **state)
{
    (void)state;
    struct sweep_table t = table_of("run,config,gogc,cycles,error\n1,b,100,4,\n2,a,50,7,\n3,b,off,9,\n4,b,50,1,\n"
                                    "5,b,100,8,\n6,a,100,,\n7,c,50,3,\n");
    struct sweep_pick pick = {.x = 2, .y = {3}, .ys = 1, .by = {1}, .bys = 1};
    struct sweep_pivot p;
    assert_true(sweep_pivot_make(&p, &t, &pick, true, 2, 10));
    assert_int_equal(p.place_count, 2);
    assert_true(p.places[0].number == 50 && p.places[1].number == 100);
    assert_int_equal(p.series_count, 2);
    assert_string_equal(sweep_cell(&t, p.series[0], 1), "b");
    assert_int_equal(p.series_left_out, 1);
    assert_int_equal(p.runs_left_out, 1);
    assert_int_equal(p.most, 2);
    assert_true(sweep_pivot_at(&p, 0, 0, 0) == 1);
    assert_true(sweep_pivot_at(&p, 0, 1, 0) == 6); /* the mean of 4 and 8 */
    assert_true(sweep_pivot_at(&p, 1, 0, 0) == 7);
    assert_true(isnan(sweep_pivot_at(&p, 1, 1, 0)));
    sweep_pivot_free(&p);
    assert_true(sweep_pivot_make(&p, &t, &pick, false, 9, 10));
    assert_int_equal(p.place_count, 3);
    assert_true(isnan(p.places[2].number));
    assert_true(sweep_pivot_at(&p, 0, 2, 0) == 9);
    assert_true(isnan(sweep_pivot_at(&p, 2, 1, 0))); /* no run there */
    sweep_pivot_free(&p);
    sweep_table_free(&t);
}

/* Against the definition, for points on a small grid, where many are the same or share a coordinate. */
static void test_front(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (int round = 0; round < 500; round++) {
        struct sweep_point points[12];
        size_t n = (size_t)round % 12 + 1;
        for (size_t i = 0; i < n; i++) {
            seed = seed * 1664525 + 1013904223;
            points[i] = (struct sweep_point){.x = seed >> 29, .y = seed >> 26 & 7, .row = i, .group = seed >> 25 & 1};
        }
        sweep_mark_front(points, n);
        for (size_t i = 0; i < n; i++) {
            bool beaten = false;
            for (size_t k = 0; k < n; k++)
                beaten = beaten || (points[k].group == points[i].group && points[k].x <= points[i].x &&
                                    points[k].y <= points[i].y &&
                                    (points[k].x < points[i].x || points[k].y < points[i].y));
            assert_int_equal(points[i].front, !beaten);
        }
    }
}

/* --- text ---------------------------------------------------------------------------------------------- */

static void puts_text(const char *text, size_t most, const char *expected)
{
    char got[600] = "";
    FILE *f = fmemopen(got, sizeof got, "w");
    sweep_put_text(f, text, most);
    fclose(f);
    assert_string_equal(got, expected);
}

static void test_text(void **state)
{
    (void)state;
    puts_text("plain", 5, "\"plain\"");
    puts_text("a\"b\tc\nd\\'\x7f", 20, "\"a'b?c?d\\'?\"");
    puts_text("123456", 5, "\"12…56\"");
    puts_text("äöüßñé", 5, "\"äö…ñé\"");
    puts_text("äöüßñ", 5, "\"äöüßñ\"");
    puts_text("\xff" "a\xc3", 5, "\"?a?\"");
}

static void sets(const char *name, const char *value, const char *expected)
{
    char text[SWEEP_TEXT];
    sweep_setting_text(name, value, text);
    assert_string_equal(text, expected);
}

static void test_settings(void **state)
{
    (void)state;
    sets("config", "go1.19", "go1.19");
    sets("trace", "traces/redis.csv.zst", "redis");
    sets("trace", ".zst", ".zst");
    sets("size_classes", "./out/classes.json", "classes classes");
    sets("ps", "1", "1 P");
    sets("ps", "16", "16 Ps");
    sets("gogc", "off", "GOGC off");
    sets("page_size", "8192", "page size 8 KiB");
    sets("gomemlimit", "67108864", "GOMEMLIMIT 64 MiB");
    sets("quantum_ns", "1500", "quantum 1.5 µs");
    sets("page_cache", "true", "page cache true");
    sets("costs.lock", "", "costs.lock none");
    assert_int_equal(sweep_unit("mean_live_bytes"), SWEEP_BYTES);
    assert_int_equal(sweep_unit("tiny_size"), SWEEP_BYTES);
    assert_int_equal(sweep_unit("lock_wait_ns"), SWEEP_NS);
    assert_int_equal(sweep_unit("cycles"), SWEEP_PLAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),         cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_damaged),       cmocka_unit_test(test_many_rows),
        cmocka_unit_test(test_defaults),      cmocka_unit_test(test_choices),
        cmocka_unit_test(test_nothing_to_show), cmocka_unit_test(test_pivot),
        cmocka_unit_test(test_front),         cmocka_unit_test(test_text),
        cmocka_unit_test(test_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
