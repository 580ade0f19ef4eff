/* Measuring the real core on this host: all experiments, one after the other, and how far each is to be believed.
 *
 *     experiment --samples, until quiet enough, or for so long--> median, noise --> struct measured
 *
 * What comes out is a cost table that configurations take as they take those in configs/cost. */
#ifndef CALIBRATE_H
#define CALIBRATE_H

#include "base/error.h"
#include "model/config.h"

#include <jansson.h>
#include <stdio.h>

enum measured_state {
    MEASURED,
    MEASURED_NOISY,  /* the noise never came down to CALIBRATE_NOISE */
    MEASURED_NOTHING /* it could not be measured, or came out as nothing or less: the base has it */
};

struct measured {
    const char *key, *how; /* static; of struct costs */
    enum measured_state state;
    double ns;
    double noise; /* see statistics_noise */
    unsigned samples;
};

enum { CALIBRATE_MAX = 40, CALIBRATE_LEAST_SAMPLES = 3, CALIBRATE_MOST_SAMPLES = 1000 };

#define CALIBRATE_NOISE 0.1 /* above it more samples are taken */

struct calibration {
    struct measured rows[CALIBRATE_MAX]; /* in the order in which they were measured */
    unsigned count;
    struct costs known; /* the same; what is not in them is 0 */
    double seconds;     /* that it took */
};

/* Told before each experiment what is measured next. */
struct calibrate_listener {
    void (*tell)(void *context, const char *key, unsigned done, unsigned all);
    void *context;
};

/* Measures, by so many samples of each, and up to five times as many of what is noisy; tell may be NULL. False with
 * *error if there is no memory, or no thread. */
bool calibrate_run(struct calibration *calibration, unsigned samples, const struct calibrate_listener *listener,
                   struct error *error);

/* The table for people. */
void calibrate_print(const struct calibration *calibration, FILE *out);
/* The configuration, a new object: a "note" that says how each was measured, the name of its base, the costs. NULL when
 * memory runs out. */
json_t *calibrate_document(const struct calibration *calibration, const char *base);
/* As files have it, with no more digits than there are. */
void calibrate_write(const json_t *document, FILE *out);

#endif
