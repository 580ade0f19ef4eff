/* What other size classes would save: the best table for one trace, beside the configuration's own, on that trace and
 * on others.
 *
 *     config, rules --study_init--> candidates
 *     the first trace's demand --study_add--> the best tables of 1 to N classes, and the one that is asked for
 *     each trace's demand      --study_add--> what is wasted before and after, and with the best table for it alone
 *                              --study_text, study_files--> tables, CSV, a configuration
 */
#ifndef CLASSES_STUDY_H
#define CLASSES_STUDY_H

#include <stdio.h>

#include "classes/optimum.h"
#include "classes/waste.h"

enum {
    STUDY_TRACES = 16,    /* at most, the first included */
    STUDY_FRONT_FROM = 8, /* classes: of these numbers all are shown */
    STUDY_FRONT_TO = 128
};

struct study_trace {
    const char *name; /* the caller's */
    uint64_t objects, tiny, large, empty; /* as demand.h has them */
    struct waste_sheet before, after, best; /* best: the best for this trace; of the first one the same as after */
    struct waste front[STUDY_FRONT_TO + 1]; /* with the first trace's best table of so many classes */
};

struct study {
    struct goheap_config core; /* with the table before */
    const char *config_name;   /* the caller's */
    enum demand_objective objective;
    unsigned classes; /* of the table that is looked for */
    struct candidates candidates;
    struct optimum *optimum; /* for the first trace */
    struct study_trace *traces[STUDY_TRACES];
    unsigned count;
};

extern const char *const study_objectives[]; /* by enum demand_objective; ended by NULL */

/* classes 0: as many as the config's table. False with *error if there is no such table; study_free may be called in
 * either case. */
bool study_init(struct study *study, const struct goheap_config *core, const char *config_name,
                const struct class_rules *rules, enum demand_objective objective, unsigned classes,
                struct error *error);
void study_free(struct study *study);

/* The next trace, of up to STUDY_TRACES; its name is kept, its demand is not. False with *error, which begins with the
 * name: no memory, or nothing in it to go by. */
bool study_add(struct study *study, struct demand *demand, const char *name, struct error *error);

/* After the first trace. */
bool study_has_front(const struct study *study, unsigned classes);
/* The fewest classes of which the best table wastes no more on that trace than the config's; 0: none does. */
unsigned study_fewest(const struct study *study);
static inline const struct goheap_class_table *study_table(const struct study *study)
{
    return &study->traces[0]->after.table;
}

void study_text(const struct study *study, FILE *out);
/* Writes classes.json with the note, summary.csv, classes.csv and front.csv into a directory that exists. */
bool study_files(const struct study *study, const char *note, const char *directory, struct error *error);

#endif
