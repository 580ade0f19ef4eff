/* What an object's death costs where it has to wait for a collection. */
#include "calibrate/experiment.h"

#include <stdlib.h>

enum { OBJECTS = 1000, SMALLEST = 16, LARGEST = 256 };

static void death_close(void *state)
{
    struct lab *lab = state;
    lab_close(lab);
    free(lab);
}

static void *death_open(const struct bench *bench)
{
    struct lab *lab = calloc(1, sizeof *lab);
    if (!lab)
        return NULL;
    if (!lab_open(lab, &bench->configs->gc, bench->platform, OBJECTS)) {
        death_close(lab);
        return NULL;
    }
    for (size_t i = 0; i < OBJECTS; i++)
        lab->sizes[i] = (uint32_t)(SMALLEST + lab_random(lab, LARGEST - SMALLEST + 1));
    return lab;
}

static bool death_sample(void *state, double *ns)
{
    enum { TIMES = 10 };
    struct lab *lab = state;
    bool ok = true;
    double died = 0;
    for (int i = 0; i < TIMES; i++) {
        lab_collect(lab);
        ok &= lab_alloc_all(lab, GOHEAP_NOSCAN);
        uint64_t began = now_ns();
        lab_free_all(lab);
        died += ns_since(began);
    }
    ns[0] = died / (TIMES * OBJECTS);
    return ok;
}

const struct experiment death_experiment = {
    .findings = {FINDING(death, "1,000 objects freed, shuffled, reclaim by collection: a live bit cleared")},
    .open = death_open,
    .sample = death_sample,
    .close = death_close,
};
