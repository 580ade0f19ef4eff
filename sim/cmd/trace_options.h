/* The options that say how a trace is read that others recorded, shared by every subcommand that reads one. */
#ifndef TRACE_OPTIONS_H
#define TRACE_OPTIONS_H

#include "base/options.h"
#include "trace/row_open.h"

enum { OPT_FROM = 2000, OPT_SIZE, OPT_DEATH, OPT_SALVAGE, OPT_SEED };

/* Five of a command_spec's options; operand: what the trace is called in its help. */
#define TRACE_OPTIONS(operand) \
    {OPT_FROM, '\0', "from", "FORMAT", "what " operand " is, whatever its first bytes say"}, \
    {OPT_SIZE, '\0', "size", "fit|slot|uniform", \
     "requested sizes where " operand " has only those of slots: what the object's type makes likely (the default), " \
     "the whole slot, or drawn at random from those that take the slot"}, \
    {OPT_DEATH, '\0', "death", "uniform|gc|sweep", \
     "deaths where " operand " has only the sweeps: drawn at random from when they may have been (the default), at " \
     "the start of the collection that found them, or at the sweep"}, \
    {OPT_SALVAGE, '\0', "salvage", NULL, "of a broken file, what is good in it"}, \
    {OPT_SEED, '\0', "seed", "N", "of what is drawn at random; by default 0"}

struct trace_options {
    const struct row_format *from; /* NULL: by the first bytes */
    struct row_options rows;
};

/* Takes one of the ids above into the options, which are all 0 before; false with *error if the argument is none. */
bool trace_options_take(struct trace_options *options, int id, const char *argument, struct error *error);

#endif
