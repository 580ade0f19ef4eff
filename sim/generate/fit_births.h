/* A program as a fitted trace has it. */
#ifndef FIT_BIRTHS_H
#define FIT_BIRTHS_H

#include "generate/fit.h"
#include "generate/generator.h"

struct fit_options {
    const char *name; /* of the trace, for messages; outlives the births */
    uint64_t ps;      /* at most GENERATOR_MAX_PS; 0: as many as the trace has */
    uint64_t seed;
    bool timed;       /* the trace has times */
};

/* The fit is finished, and outlives the births. NULL with *error. */
struct births *fit_births_open(const struct fit *fit, const struct fit_options *options, struct error *error);

#endif
