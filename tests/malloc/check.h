/* What the test programs of this folder share: CHECK, and a table of parts to run by name. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <string.h>

static int failures;

enum { FAILURES_SHOWN = 10 };

#define CHECK(condition) ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition))

static void check_failed(const char *file, int line, const char *condition)
{
    if (failures++ < FAILURES_SHOWN)
        fprintf(stderr, "%s:%d: %s\n", file, line, condition);
}

struct part {
    const char *name;
    void (*run)(void);
};

/* Runs the part named by the first argument; the exit status of main. */
static int run_part(const struct part *parts, size_t n, int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < n; i++)
        if (strcmp(argv[1], parts[i].name) == 0) {
            parts[i].run();
            return failures != 0;
        }
    fprintf(stderr, "usage: %s PART\n", argv[0]);
    return 2;
}

#endif
