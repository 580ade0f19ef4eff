/* A profile: what a program allocates, in figures from which a trace can be made up.
 *
 *   CSV: rows of size, rate, live                                    --+--profile_load--> struct profile --> births
 *   JSON: such rows, and how load, phases and threads go with them   --'
 *
 * rate is allocations a second, live the objects that are live on average. By Little's law (J. D. C. Little, Operations
 * Research 9(3), 1961) the mean lifetime is live / rate, whatever the distribution. */
#ifndef PROFILE_H
#define PROFILE_H

#include <jansson.h>

#include "base/error.h"
#include "base/settings.h"

struct profile_row {
    uint64_t size;     /* bytes */
    double rate, live; /* a second; on average. At a load of 1 */
    double noscan;     /* the share of its objects without pointers; negative: profile.noscan */
};

enum { PROFILE_MAX_ROWS = 1 << 20, PROFILE_MAX_PHASES = 1024, PROFILE_MAX_PAIRS = 1 << 22 /* rows x phases */ };

/* A stretch of time; phases follow one another, round and round. */
struct profile_phase {
    double duration_s;
    double load;                 /* times the rate of each row */
    double until_end;            /* the share of its objects that live until it ends, whatever their row says */
    uint64_t min_size, max_size; /* rows outside have no allocations in it */
};

enum profile_lifetime { LIFETIME_EXPONENTIAL, LIFETIME_CONSTANT, LIFETIME_PARETO /* of shape 2 */ };
enum profile_handover { HANDOVER_ANY, HANDOVER_NEXT, HANDOVER_CONSUMERS };

struct profile {
    char name[256];            /* of the file, for messages */
    const char *path;          /* the caller's */
    uint64_t events, ps, seed; /* allocs and frees; threads */
    uint64_t live;             /* scaled to so many objects; 0: as it is, but at most about a fifth of the events */
    unsigned lifetime;         /* enum profile_lifetime */
    unsigned start;            /* 0: with the objects that are live on average, 1: with none */
    double noscan;
    double diurnal_amplitude, diurnal_period_s;
    double bursts_every_s, bursts_length_s, bursts_factor; /* every 0: none */
    double handover_share;
    unsigned handover_to;        /* enum profile_handover */
    uint64_t handover_producers; /* of HANDOVER_CONSUMERS: the Ps before it; 0: half of them */
    json_t *sizes_json, *phases_json;
    struct profile_row *rows;
    size_t row_count;
    struct profile_phase *phases; /* at least one */
    size_t phase_count;
    double scale; /* that rates and live have been multiplied by */
};

extern const struct setting profile_table[];
extern const size_t profile_table_size;

void profile_init(struct profile *profile); /* to the defaults */
void profile_clear(struct profile *profile);

/* Reads a file ("-": standard input; the path outlives the profile), in JSON if its first character is a brace, else in
 * CSV. False with *error. Then profile_table's settings may be changed, by settings_set, and then comes
 * profile_finish. */
bool profile_load(struct profile *profile, const char *path, struct error *error);

/* Once: reads the rows and phases that the settings give, holds the settings against one another and scales the rows.
 * False with *error. */
bool profile_finish(struct profile *profile, struct error *error);

/* For profile_load: rows from CSV text, in a file of this name. */
bool profile_csv(struct profile *profile, const char *name, const char *text, size_t length, struct error *error);
/* Adds a row. False with *error, which says what is wrong with which of its columns, but not where it stands. */
bool profile_add_row(struct profile *profile, const struct profile_row *row, struct error *error);

#endif
