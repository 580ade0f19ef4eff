/* A table in, getopt_long's calls and one error message out. getopt_long is only trusted with what
 * it does well (permuting, clusters, "=", "--"); abbreviations, which it accepts, are turned down
 * here, and its own messages, which name no nearest option, are off.
 * Invariant: all wrong usage leads through options_misuse(), which prints once and returns 2. */
#include "base/options.h"

#include "base/nearest.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_MAX 64
#define LINE_END 80   /* columns of help */
#define INDENT_MAX 32 /* the help of options wider than this starts on a line of its own */

/* What getopt_long returns for row i of the table: beyond any character. */
#define LONG_BASE 1000

/* --help and --version as rows behind the caller's. */
enum { BUILT_IN_HELP, BUILT_IN_VERSION, BUILT_IN };

struct parser {
    struct option longs[OPTIONS_MAX + BUILT_IN + 1];
    char shorts[2 + 2 * (OPTIONS_MAX + BUILT_IN) + 1];
};

static int program_length(const struct command_spec *command)
{
    return (int)strcspn(command->name, " ");
}

int options_misuse(const struct command_spec *command, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "%.*s: ", program_length(command), command->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, " (see \"%s --help\")\n", command->name);
    return 2;
}

static const struct option_spec *row_at(const struct command_spec *command, size_t row)
{
    static const struct option_spec built_in[BUILT_IN] = {
        [BUILT_IN_HELP] = {0, 'h', "help", NULL, "print this help and exit"},
        [BUILT_IN_VERSION] = {0, '\0', "version", NULL, "print the version and exit"},
    };
    return row < command->n_options ? &command->options[row]
                                    : &built_in[row - command->n_options];
}

static size_t row_count(const struct command_spec *command)
{
    return command->n_options + BUILT_IN;
}

static size_t spell(const struct option_spec *option, char *text, size_t size)
{
    char letter[8] = "    ";
    if (option->short_name != '\0')
        snprintf(letter, sizeof letter, "-%c, ", option->short_name);
    return (size_t)snprintf(text, size, "  %s--%s%s%s", letter, option->long_name,
                            option->argument != NULL ? " " : "",
                            option->argument != NULL ? option->argument : "");
}

/* Prints words from column on, breaking lines before LINE_END and indenting them to indent. */
static void print_wrapped(const char *words, size_t column, size_t indent)
{
    while (*words != '\0') {
        size_t length = strcspn(words, " ");
        if (column > indent && column + 1 + length > LINE_END) {
            printf("\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            putchar(' ');
            column++;
        }
        printf("%.*s", (int)length, words);
        column += length;
        words += length;
        words += strspn(words, " ");
    }
    putchar('\n');
}

static void print_options(const struct command_spec *command)
{
    char text[LINE_END];
    size_t indent = 0;

    for (size_t i = 0; i < row_count(command); i++) {
        size_t width = spell(row_at(command, i), text, sizeof text) + 2;
        if (width > indent && width <= INDENT_MAX)
            indent = width;
    }
    printf("\nOptions:\n");
    for (size_t i = 0; i < row_count(command); i++) {
        const struct option_spec *option = row_at(command, i);
        size_t width = spell(option, text, sizeof text);
        if (width + 2 > indent)
            printf("%s\n%*s", text, (int)indent, ""); /* too wide: its help starts below */
        else
            printf("%-*s", (int)indent, text);
        print_wrapped(option->help, indent, indent);
    }
}

/* The exit code after text meant for stdout: a full disk or closed stdout is a failure. */
static int printed(const struct command_spec *command)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    fprintf(stderr, "%.*s: standard output: %s\n", program_length(command), command->name,
            strerror(errno != 0 ? errno : EIO));
    return 1;
}

int options_help(const struct command_spec *command)
{
    const char *operands = command->operands != NULL ? command->operands : "";

    printf("Usage: %s [OPTION]...%s%s\n", command->name, *operands != '\0' ? " " : "", operands);
    printf("%s\n", command->summary);
    if (command->description != NULL)
        printf("\n%s", command->description);
    print_options(command);
    if (command->examples != NULL)
        printf("\nExamples:\n");
    for (const char *line = command->examples; line != NULL && *line != '\0';) {
        size_t length = strcspn(line, "\n");
        printf("  %.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
    return printed(command);
}

static int print_version(const struct command_spec *command)
{
    printf("%.*s %s\n", program_length(command), command->name, GOHEAP_VERSION);
    return printed(command);
}

/* The table in getopt_long's terms. A leading ':' tells a missing argument from an unknown option. */
static void parser_start(struct parser *parser, const struct command_spec *command)
{
    char *letter = parser->shorts;

    assert(command->n_options <= OPTIONS_MAX);
    memset(parser, 0, sizeof *parser);
    if (command->options_first)
        *letter++ = '+';
    *letter++ = ':';
    for (size_t i = 0; i < row_count(command); i++) {
        const struct option_spec *option = row_at(command, i);
        parser->longs[i] = (struct option){
            .name = option->long_name,
            .has_arg = option->argument != NULL ? required_argument : no_argument,
            .val = LONG_BASE + (int)i,
        };
        if (option->short_name == '\0')
            continue;
        *letter++ = option->short_name;
        if (option->argument != NULL)
            *letter++ = ':';
    }
}

static const char *nearest_option(const struct command_spec *command, const char *word,
                                  size_t length)
{
    struct nearest nearest;
    nearest_start(&nearest, word, length);
    for (size_t i = 0; i < row_count(command); i++) {
        const char *name = row_at(command, i)->long_name;
        nearest_offer(&nearest, name, strlen(name));
    }
    return nearest.best;
}

/* typed as on the command line: --gogcc, --gogcc=5. */
static int unknown_long(const struct command_spec *command, const char *typed)
{
    size_t length = strcspn(typed, "=");
    const char *near = nearest_option(command, typed + 2, length - 2);

    if (near == NULL)
        return options_misuse(command, "unknown option %.*s", (int)length, typed);
    return options_misuse(command, "unknown option %.*s; the nearest known one is --%s",
                          (int)length, typed, near);
}

/* element: where getopt stands, which is the letter's own element if it is not the last in there. */
static int unknown_short(const struct command_spec *command, int letter, const char *element)
{
    const char *near = NULL;

    if (element != NULL && element[0] == '-' && element[1] == (char)letter && element[2] != '\0')
        near = nearest_option(command, element + 1, strcspn(element + 1, "="));
    if (near != NULL) /* Go's flags have one dash, and habits are strong */
        return options_misuse(command, "unknown option %s; the nearest known one is --%s",
                              element, near);
    return options_misuse(command, isprint((unsigned char)letter) ? "unknown option -%c"
                                                                  : "unknown option -\\x%02x",
                          (unsigned char)letter);
}

/* The row behind what getopt_long returned or left in optopt, a letter or LONG_BASE + row. NULL for
 * a letter that is in no row. */
static const struct option_spec *row_of(const struct command_spec *command, int value)
{
    if (value >= LONG_BASE)
        return row_at(command, (size_t)(value - LONG_BASE));
    for (size_t i = 0; i < row_count(command); i++)
        if (row_at(command, i)->short_name == value && value != '\0')
            return row_at(command, i);
    return NULL;
}

static bool is_abbreviated(const char *typed, const struct option_spec *option)
{
    size_t length = strcspn(typed + 2, "=");
    return length != strlen(option->long_name) || memcmp(typed + 2, option->long_name, length) != 0;
}

static int take_option(const struct command_spec *command, const struct option_spec *option,
                       options_take *take, void *context)
{
    struct error error = {.text = ""};

    if (option == row_at(command, command->n_options + BUILT_IN_HELP))
        return options_help(command);
    if (option == row_at(command, command->n_options + BUILT_IN_VERSION))
        return print_version(command);
    if (!take(context, option->id, optarg, &error))
        return options_misuse(command, "--%s: %s", option->long_name, error.text);
    return OPTIONS_RUN;
}

/* Judges one return value of getopt_long. An option's own element of argv is the one before optind,
 * or two before if its argument was an element by itself. */
static int judge(const struct command_spec *command, char **argv, int got, options_take *take,
                 void *context)
{
    bool refused = got == '?' || got == ':';
    int value = refused ? optopt : got;
    const char *typed = argv[optind - (optarg == argv[optind - 1] ? 2 : 1)];
    const struct option_spec *option = row_of(command, value);

    if (value == 0 || (value >= LONG_BASE && is_abbreviated(typed, option)))
        return unknown_long(command, typed);
    if (option == NULL)
        return unknown_short(command, value, argv[optind]);
    if (got == ':')
        return options_misuse(command, "--%s: expected its argument, %s", option->long_name,
                              option->argument);
    if (got == '?')
        return options_misuse(command, "--%s: expected no argument", option->long_name);
    return take_option(command, option, take, context);
}

int options_parse(const struct command_spec *command, int argc, char **argv, options_take *take,
                  void *context, int *first_operand)
{
    struct parser parser;
    int got;

    parser_start(&parser, command);
    optind = 0; /* glibc: start afresh, whatever was parsed before */
    opterr = 0;
    while ((got = getopt_long(argc, argv, parser.shorts, parser.longs, NULL)) != -1) {
        int code = judge(command, argv, got, take, context);
        if (code != OPTIONS_RUN)
            return code;
    }
    *first_operand = optind;
    size_t operands = (size_t)(argc - optind);
    if (operands < command->min_operands)
        return options_misuse(command, "expected %s", command->operands);
    if (operands > command->max_operands)
        return options_misuse(command, "unexpected operand \"%s\"",
                              argv[optind + (int)command->max_operands]);
    return OPTIONS_RUN;
}

bool options_u64(const char *argument, uint64_t min, uint64_t max, uint64_t *value,
                 struct error *error)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(argument, &end, 10);
    /* strtoull would also take space and signs, and -1 as 2^64 - 1 */
    if (!isdigit((unsigned char)argument[0]) || *end != '\0' || errno != 0 || number < min ||
        number > max)
        return error_set(error, "expected a whole number from %" PRIu64 " to %" PRIu64 ", got \"%s\"",
                         min, max, argument);
    *value = number;
    return true;
}
