/* When allocations come: a Poisson process whose rate follows phases, a day, and bursts.
 *
 *     rate = base rate of the phase x (1 + amplitude x wave of the day) x factor, if a burst is on
 *
 * Times are in ns as doubles: at 10^15 ns, eleven days, they are still exact to an eighth. */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>

#include "generate/profile.h"
#include "generate/random.h"

struct load {
    const struct profile *profile;
    const double *rates; /* by phase, a ns: the sum of its rows, times its load; the caller's */
    double now;          /* of the latest arrival, ns */
    size_t phase;        /* at that time */
    double phase_end;    /* ns */
    bool in_burst;
    double burst_change; /* when it begins or ends; INFINITY: there are none */
};

/* False with *error if next to nothing would ever come: fewer than an arrival in a thousand phases and bursts. */
bool load_start(struct load *load, const struct profile *profile, const double *rates, struct random *random,
                struct error *error);
/* To the next arrival: sets now, and phase. */
void load_advance(struct load *load, struct random *random);

#endif
