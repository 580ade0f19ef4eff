/* Options: a subcommand's command line described by a table, parsed by getopt_long. The help text is
 * made from the same table, and so can completions be.
 *
 *     enum { OPT_CONFIG, OPT_QUIET };
 *     static const struct option_spec options[] = {
 *         {OPT_CONFIG, 'c', "config", "CONFIG", "a configuration; later ones override earlier ones"},
 *         {OPT_QUIET, 'q', "quiet", NULL, "no progress"},
 *     };
 *     static const struct command_spec replay = {
 *         .name = "goheap replay", .summary = "run traces through the simulated runtime",
 *         .operands = "TRACE...", .min_operands = 1, .max_operands = SIZE_MAX,
 *         .options = options, .n_options = 2, .examples = "goheap replay -c go1.19 web.ght\n",
 *     };
 *
 *     int first;
 *     int code = options_parse(&replay, argc, argv, take, &run, &first);
 *     if (code != OPTIONS_RUN)
 *         return code;
 *     for (int i = first; i < argc; i++) ...argv[i]...
 *
 * -h, --help and --version are built in. Long options are never abbreviated.
 * Invariant: wrong usage prints one message, on stderr, and is exit code 2. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPTIONS_RUN (-1) /* no exit code: the command line is good, go on */

struct option_spec {
    int id;                /* the caller's, handed to its options_take */
    char short_name;       /* '\0': none */
    const char *long_name; /* without the dashes; every option has one */
    const char *argument;  /* what it is called in the help; NULL: a flag */
    const char *help;      /* one sentence or two; wrapped to the terminal's 80 columns */
};

struct command_spec {
    const char *name;     /* as typed: "goheap replay"; its first word starts error messages */
    const char *summary;  /* half a line: what it does */
    const char *operands; /* for the usage line: "TRACE..."; NULL or "": none */
    size_t min_operands, max_operands;
    bool options_first;      /* options end at the first operand (for "record PROGRAM ARGS") */
    const char *description; /* paragraphs, lines broken and ended by '\n'; NULL: none */
    const struct option_spec *options;
    size_t n_options; /* at most 64 */
    const char *examples; /* lines ended by '\n'; NULL: none */
};

/* Called for every option in the order given, repeats included; argument is NULL for a flag, else
 * points into argv. Return false with error filled in to refuse the argument: wrong usage. */
typedef bool options_take(void *context, int id, const char *argument, struct error *error);

/* Parses argv[1..argc); argv[0] is skipped, whatever it is. Operands are moved to the end of argv,
 * in order: argv[*first_operand..argc). "--" ends options. Returns OPTIONS_RUN, or the code to exit
 * with at once: 0 after --help or --version (1 if stdout could not take it), 2 after wrong usage.
 * Uses getopt's globals: not for several threads at a time. */
int options_parse(const struct command_spec *command, int argc, char **argv, options_take *take,
                  void *context, int *first_operand);

/* Reports wrong usage that only the caller can see, say options that exclude each other. Returns 2. */
int options_misuse(const struct command_spec *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Writes the text of --help to stdout. Returns the exit code: 0, or 1 if stdout could not take it. */
int options_help(const struct command_spec *command);

/* For options_take: reads a decimal whole number within [min, max]. */
bool options_u64(const char *argument, uint64_t min, uint64_t max, uint64_t *value,
                 struct error *error);

#endif
