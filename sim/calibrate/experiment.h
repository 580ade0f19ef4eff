/* An experiment: what it finds out, and the three functions that do it.
 *
 *     open --> sample, sample, sample ... --> close
 *
 * A sample takes at most some ms and gives a value for each of the costs that the experiment is about. Whoever runs it
 * takes many, and judges them. */
#ifndef EXPERIMENT_H
#define EXPERIMENT_H

#include "calibrate/lab.h"
#include "model/config.h"

#include <stddef.h>

enum { EXPERIMENT_COSTS = 8 }; /* that one experiment finds out, at most */

struct finding {
    const char *key; /* of struct costs; NULL: no more */
    size_t offset;   /* of the same */
    const char *how; /* it is measured */
};

#define FINDING_OF(name, member, text) {.key = name, .offset = offsetof(struct costs, member), .how = text}
#define FINDING(member, text) FINDING_OF(#member, member, text)

struct partner;

/* What experiments are given. */
struct bench {
    const struct lab_configs *configs;
    const struct goheap_platform *platform; /* the real one */
    const struct costs *known;              /* what the experiments before this one have found, else 0 */
    struct partner *partner;                /* another thread, asleep unless it is asked */
};

struct experiment {
    struct finding findings[EXPERIMENT_COSTS];
    bool two_cpus; /* it needs them */
    /* What samples work on, or NULL if memory cannot be had. The bench outlives it. */
    void *(*open)(const struct bench *bench);
    /* Fills in ns for each finding; false if it could not be done. */
    bool (*sample)(void *state, double *ns);
    void (*close)(void *state);
};

/* In an order in which each finds known what it needs: lock, sweeping and small objects first. */
extern const struct experiment lock_experiment, small_experiment, far_experiment, large_experiment;
extern const struct experiment death_experiment;
extern const struct experiment sweep_experiment, central_experiment, page_cache_experiment, pages_experiment;
extern const struct experiment grow_experiment, grow_first_experiment, span_first_experiment;
extern const struct experiment fault_experiment, scavenge_experiment;
extern const struct experiment cache_line_experiment, handoff_experiment;

#endif
