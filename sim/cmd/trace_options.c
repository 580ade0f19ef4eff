/* From words on the command line to what trace/row.h calls them. */
#include "cmd/trace_options.h"

#include <string.h>

/* The index of the argument among three words, or -1 with *error. */
static int one_of(const char *argument, const char *const words[3], struct error *error)
{
    for (int i = 0; i < 3; i++)
        if (strcmp(argument, words[i]) == 0)
            return i;
    error_set(error, "expected %s, %s or %s, got \"%.40s\"", words[0], words[1], words[2], argument);
    return -1;
}

static bool take_size(struct row_options *rows, const char *argument, struct error *error)
{
    static const char *const sizes[] = {[SIZE_FIT] = "fit", [SIZE_SLOT] = "slot", [SIZE_UNIFORM] = "uniform"};
    int size = one_of(argument, sizes, error);
    if (size >= 0)
        rows->size = (unsigned)size;
    return size >= 0;
}

static bool take_death(struct row_options *rows, const char *argument, struct error *error)
{
    static const char *const deaths[] = {[DEATH_UNIFORM] = "uniform", [DEATH_GC] = "gc", [DEATH_SWEEP] = "sweep"};
    int death = one_of(argument, deaths, error);
    if (death >= 0)
        rows->death = (unsigned)death;
    return death >= 0;
}

bool trace_options_take(struct trace_options *options, int id, const char *argument, struct error *error)
{
    switch (id) {
    case OPT_FROM:
        return (options->from = row_format_named(argument, error)) != NULL;
    case OPT_SIZE:
        return take_size(&options->rows, argument, error);
    case OPT_DEATH:
        return take_death(&options->rows, argument, error);
    case OPT_SALVAGE:
        return options->rows.salvage = true;
    default:
        return options_u64(argument, 0, UINT64_MAX, &options->rows.seed, error);
    }
}
