/* Options: every way a command line can be right or wrong, with the exact text and exit code.
 * stdout and stderr are redirected to files while options_parse runs. */
#include "base/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { OPT_CONFIG, OPT_JOBS, OPT_QUIET, OPT_GCTRACE, OPT_GOGC };

static const struct option_spec options[] = {
    {OPT_CONFIG, 'c', "config", "CONFIG", "a configuration, by name or as a path; may be repeated, "
                                          "and later ones override what earlier ones say"},
    {OPT_JOBS, 'j', "jobs", "N", "run N at a time"},
    {OPT_QUIET, 'q', "quiet", NULL, "no progress"},
    {OPT_GCTRACE, '\0', "gctrace", NULL, "a line for each collection"},
    {OPT_GOGC, '\0', "gogc", "N|off", "heap growth that starts a collection"},
};

static const struct command_spec replay = {
    .name = "goheap replay",
    .summary = "Replay traces through the simulated runtime.",
    .operands = "TRACE...",
    .min_operands = 1,
    .max_operands = 3,
    .description = "Traces are CSV or .ght.\n",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = "goheap replay -c go1.19 web.ght\ngoheap replay --gogc off web.ght\n",
};

static const struct command_spec record = {
    .name = "goheap record",
    .summary = "Record a program.",
    .operands = "PROGRAM [ARG]...",
    .min_operands = 1,
    .max_operands = SIZE_MAX,
    .options_first = true,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
};

/* What one parse did: calls of take as "0=go1.19 2 ", then operands as "| a b ". */
struct outcome {
    int code;
    char taken[256];
    char out[4096], err[1024];
};

static bool take(void *context, int id, const char *argument, struct error *error)
{
    struct outcome *outcome = context;
    size_t used = strlen(outcome->taken);
    uint64_t jobs;

    snprintf(outcome->taken + used, sizeof outcome->taken - used, "%d%s%s ", id,
             argument != NULL ? "=" : "", argument != NULL ? argument : "");
    return id != OPT_JOBS || options_u64(argument, 1, 64, &jobs, error);
}

static int redirect(FILE *stream, FILE *to)
{
    fflush(stream);
    int saved = dup(fileno(stream));
    assert_true(saved >= 0 && dup2(fileno(to), fileno(stream)) >= 0);
    return saved;
}

static void restore(FILE *stream, int saved, FILE *from, char *text, size_t size)
{
    fflush(stream);
    assert_true(dup2(saved, fileno(stream)) >= 0);
    close(saved);
    rewind(from);
    text[fread(text, 1, size - 1, from)] = '\0';
    fclose(from);
}

/* line: arguments separated by single spaces; "" is an empty argument when written as two spaces. */
static void parse(const struct command_spec *command, const char *line, struct outcome *outcome)
{
    char words[256], *rest = words, *argv[32] = {"replay"};
    int argc = 1, first = 0;
    FILE *out = tmpfile(), *err = tmpfile();

    snprintf(words, sizeof words, "%s", line);
    while (*line != '\0' && rest != NULL)
        argv[argc++] = strsep(&rest, " ");
    memset(outcome, 0, sizeof *outcome);
    int saved_out = redirect(stdout, out), saved_err = redirect(stderr, err);
    outcome->code = options_parse(command, argc, argv, take, outcome, &first);
    restore(stderr, saved_err, err, outcome->err, sizeof outcome->err);
    restore(stdout, saved_out, out, outcome->out, sizeof outcome->out);
    if (outcome->code != OPTIONS_RUN)
        return;
    strcat(outcome->taken, "|");
    for (int i = first; i < argc; i++) {
        strcat(outcome->taken, " ");
        strcat(outcome->taken, argv[i]);
    }
}

static void assert_good(const struct command_spec *command, const char *line, const char *taken)
{
    struct outcome outcome;
    parse(command, line, &outcome);
    assert_string_equal(outcome.err, "");
    assert_string_equal(outcome.out, "");
    assert_int_equal(outcome.code, OPTIONS_RUN);
    assert_string_equal(outcome.taken, taken);
}

static void assert_misuse(const char *line, const char *message)
{
    struct outcome outcome;
    char expected[512];
    snprintf(expected, sizeof expected, "goheap: %s (see \"goheap replay --help\")\n", message);
    parse(&replay, line, &outcome);
    assert_string_equal(outcome.err, expected);
    assert_string_equal(outcome.out, "");
    assert_int_equal(outcome.code, 2);
}

static void test_good(void **state)
{
    (void)state;
    assert_good(&replay, "t", "| t");
    assert_good(&replay, "-c a t -c b --config c --config=d", "0=a 0=b 0=c 0=d | t");
    assert_good(&replay, "t1 -q t2 --gctrace t3", "2 3 | t1 t2 t3");
    assert_good(&replay, "-qj8 -ca t", "2 1=8 0=a | t");
    assert_good(&replay, "-- -q --config", "| -q --config");
    assert_good(&replay, "-c -- -", "0=-- | -");
    assert_good(&replay, "-c -q t", "0=-q | t");
    assert_good(&replay, "--config= t", "0= | t");
    assert_good(&replay, "--gogc off -", "4=off | -");
    assert_good(&record, "-c x ls -l --help", "0=x | ls -l --help");
    assert_good(&record, "-c x -- -ls -l", "0=x | -ls -l");
}

static void test_unknown(void **state)
{
    (void)state;
    assert_misuse("--gogcc 5 t", "unknown option --gogcc; the nearest known one is --gogc");
    assert_misuse("--cofnig=x t", "unknown option --cofnig; the nearest known one is --config");
    assert_misuse("t --hepl", "unknown option --hepl; the nearest known one is --help");
    assert_misuse("--something-else t", "unknown option --something-else");
    assert_misuse("-x t", "unknown option -x");
    assert_misuse("-qx t", "unknown option -x");
    assert_misuse("-gctrace t", "unknown option -gctrace; the nearest known one is --gctrace");
    assert_misuse("-\xc3 t", "unknown option -\\xc3");
    assert_misuse("-? t", "unknown option -?");
    assert_misuse("-: t", "unknown option -:");
    assert_misuse("--=x t", "unknown option --");
}

/* getopt_long itself would take these. */
static void test_abbreviated(void **state)
{
    (void)state;
    assert_misuse("--conf x t", "unknown option --conf; the nearest known one is --config");
    assert_misuse("--conf=x t", "unknown option --conf; the nearest known one is --config");
    assert_misuse("t --confi", "unknown option --confi; the nearest known one is --config");
    assert_misuse("--quie t", "unknown option --quie; the nearest known one is --quiet");
    assert_misuse("--quie=5 t", "unknown option --quie; the nearest known one is --quiet");
    assert_misuse("--g t", "unknown option --g");
    assert_misuse("--vers", "unknown option --vers");
}

static void test_arguments(void **state)
{
    (void)state;
    assert_misuse("t --config", "--config: expected its argument, CONFIG");
    assert_misuse("t -c", "--config: expected its argument, CONFIG");
    assert_misuse("t -qj", "--jobs: expected its argument, N");
    assert_misuse("--quiet=yes t", "--quiet: expected no argument");
    assert_misuse("--help=yes", "--help: expected no argument");
    assert_misuse("-j many t", "--jobs: expected a whole number from 1 to 64, got \"many\"");
    assert_misuse("--jobs=0 t", "--jobs: expected a whole number from 1 to 64, got \"0\"");
    assert_misuse("--jobs=-1 t", "--jobs: expected a whole number from 1 to 64, got \"-1\"");
    assert_misuse("--jobs= t", "--jobs: expected a whole number from 1 to 64, got \"\"");
    assert_misuse("-j 18446744073709551617 t", "--jobs: expected a whole number from 1 to 64, got "
                                               "\"18446744073709551617\"");
}

static void test_operands(void **state)
{
    (void)state;
    assert_misuse("", "expected TRACE...");
    assert_misuse("-q", "expected TRACE...");
    assert_misuse("a b c d", "unexpected operand \"d\"");
}

static void test_help(void **state)
{
    (void)state;
    struct outcome outcome;
    static const char expected[] =
        "Usage: goheap replay [OPTION]... TRACE...\n"
        "Replay traces through the simulated runtime.\n"
        "\n"
        "Traces are CSV or .ght.\n"
        "\n"
        "Options:\n"
        "  -c, --config CONFIG  a configuration, by name or as a path; may be repeated,\n"
        "                       and later ones override what earlier ones say\n"
        "  -j, --jobs N         run N at a time\n"
        "  -q, --quiet          no progress\n"
        "      --gctrace        a line for each collection\n"
        "      --gogc N|off     heap growth that starts a collection\n"
        "  -h, --help           print this help and exit\n"
        "      --version        print the version and exit\n"
        "\n"
        "Examples:\n"
        "  goheap replay -c go1.19 web.ght\n"
        "  goheap replay --gogc off web.ght\n";
    static const char *const lines[] = {"--help", "-h", "t -qh", "--help --bogus"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        parse(&replay, lines[i], &outcome);
        assert_string_equal(outcome.out, expected);
        assert_string_equal(outcome.err, "");
        assert_int_equal(outcome.code, 0);
    }
    parse(&replay, "--version", &outcome);
    assert_string_equal(outcome.out, "goheap " GOHEAP_VERSION "\n");
    assert_int_equal(outcome.code, 0);
}

/* An option too wide for the column has its help below; the others stay aligned. */
static void test_wide_option(void **state)
{
    (void)state;
    static const struct option_spec wide[] = {
        {0, 'w', "a-remarkably-long-option-name", "ARGUMENT", "is possible"},
        {1, 'n', "narrow", NULL, "is usual"},
    };
    static const struct command_spec command = {
        .name = "goheap x", .summary = "X.", .options = wide, .n_options = 2};
    struct outcome outcome;
    parse(&command, "-h", &outcome);
    assert_string_equal(outcome.out, "Usage: goheap x [OPTION]...\nX.\n\nOptions:\n"
                                     "  -w, --a-remarkably-long-option-name ARGUMENT\n"
                                     "                 is possible\n"
                                     "  -n, --narrow   is usual\n"
                                     "  -h, --help     print this help and exit\n"
                                     "      --version  print the version and exit\n");
}

static void test_help_on_full_disk(void **state)
{
    (void)state;
    FILE *full = fopen("/dev/full", "w"), *err = tmpfile();
    char text[256];

    assert_non_null(full);
    int saved_err = redirect(stderr, err), saved_out = redirect(stdout, full);
    int code = options_help(&replay);
    __fpurge(stdout);
    clearerr(stdout);
    dup2(saved_out, fileno(stdout));
    close(saved_out);
    restore(stderr, saved_err, err, text, sizeof text);
    fclose(full);
    assert_int_equal(code, 1);
    assert_string_equal(text, "goheap: standard output: No space left on device\n");
}

static void test_u64(void **state)
{
    (void)state;
    struct error error = {.text = ""};
    uint64_t value = 5;
    assert_true(options_u64("18446744073709551615", 0, UINT64_MAX, &value, &error));
    assert_true(value == UINT64_MAX);
    static const char *const bad[] = {"", " 1", "+1", "-1", "1 ", "0x1", "1e3", "18446744073709551616"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        error.text[0] = '\0';
        assert_false(options_u64(bad[i], 0, UINT64_MAX, &value, &error));
        assert_memory_equal(error.text, "expected a whole number", 23);
    }
    assert_true(value == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),       cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_abbreviated), cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_operands),   cmocka_unit_test(test_help),
        cmocka_unit_test(test_wide_option), cmocka_unit_test(test_help_on_full_disk),
        cmocka_unit_test(test_u64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
