/* Rounds of samples, and when to stop. */
#include "calibrate/calibrate.h"

#include "base/clock.h"
#include "calibrate/experiment.h"
#include "calibrate/host.h"
#include "calibrate/partner.h"
#include "calibrate/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ROUNDS = 5, WARM_UP = 2 /* samples that are thrown away */ };

/* s after the beginning: from then on no round is repeated, and none takes more samples than it must. */
#define PATIENCE 10.0
#define END_OF_PATIENCE 15.0

static const struct experiment *const experiments[] = {
    &lock_experiment,       &sweep_experiment,   &program_experiment,   &death_experiment,    &central_experiment,
    &page_cache_experiment, &pages_experiment,   &grow_experiment,      &grow_first_experiment, &fault_experiment,
    &scavenge_experiment,   &cache_line_experiment, &handoff_experiment, &zero_miss_experiment,
};
enum { EXPERIMENTS = sizeof experiments / sizeof experiments[0] };

struct run {
    struct calibration *calibration;
    struct lab_configs configs;
    struct bench bench;
    unsigned samples; /* a round */
    double *values[EXPERIMENT_COSTS];
    double began; /* s */
};

static unsigned findings_of(const struct experiment *e)
{
    unsigned n = 0;
    while (n < EXPERIMENT_COSTS && e->findings[n].key)
        n++;
    return n;
}

/* --- a round ------------------------------------------------------------------------------------------- */

static bool is_later(const struct run *run, double seconds)
{
    return seconds_now() - run->began > seconds;
}

/* Returns how many samples were taken; 0 if one could not be. */
static unsigned take_samples(struct run *run, const struct experiment *e, void *state)
{
    for (unsigned i = 0; i < WARM_UP + run->samples; i++) {
        double ns[EXPERIMENT_COSTS] = {0};
        if (i >= WARM_UP + CALIBRATE_LEAST_SAMPLES && is_later(run, END_OF_PATIENCE))
            return i - WARM_UP;
        if (!e->sample(state, ns))
            return 0;
        for (unsigned f = 0; i >= WARM_UP && f < EXPERIMENT_COSTS; f++)
            run->values[f][i - WARM_UP] = ns[f];
    }
    return run->samples;
}

/* A round's values, if they are the quietest so far. */
static void judge(struct measured *row, double *values, unsigned samples)
{
    struct quartiles q = statistics_quartiles(values, samples);
    double noise = statistics_noise(&q);
    row->rounds++;
    if (!isfinite(noise) || (row->state != MEASURED_NOTHING && noise >= row->noise))
        return;
    row->ns = q.median;
    row->noise = noise;
    row->samples = samples;
    row->state = noise <= CALIBRATE_NOISE ? MEASURED : MEASURED_NOISY;
}

/* Rounds until each finding has been quiet in one, or patience ends. */
static void rounds(struct run *run, const struct experiment *e, void *state, struct measured *rows)
{
    bool quiet = false;
    for (unsigned round = 0; !quiet && round < MOST_ROUNDS; round++) {
        if (round > 0 && is_later(run, PATIENCE))
            return;
        unsigned samples = take_samples(run, e, state);
        if (samples == 0)
            return;
        quiet = true;
        for (unsigned f = 0; f < findings_of(e); f++) {
            judge(&rows[f], run->values[f], samples);
            quiet &= rows[f].state == MEASURED;
        }
    }
}

/* --- all of them --------------------------------------------------------------------------------------- */

/* Whether the host has what it takes. */
static bool possible(const struct run *run, const struct experiment *e)
{
    return (!e->two_cpus || partner_cpus() > 1) && (!e->cache || run->bench.cache_bytes > 0);
}

static void remember(struct costs *known, const struct finding *finding, const struct measured *row)
{
    if (row->state != MEASURED_NOTHING)
        memcpy((char *)known + finding->offset, &row->ns, sizeof row->ns);
}

static bool measure(struct run *run, const struct experiment *e, struct error *error)
{
    struct calibration *c = run->calibration;
    struct measured *rows = &c->rows[c->count];
    for (unsigned f = 0; f < findings_of(e); f++)
        rows[f] = (struct measured){.key = e->findings[f].key, .how = e->findings[f].how, .state = MEASURED_NOTHING};
    c->count += findings_of(e);
    if (!possible(run, e))
        return true;
    void *state = e->open(&run->bench);
    if (!state)
        return error_set(error, "out of memory measuring %s", e->findings[0].key);
    rounds(run, e, state, rows);
    e->close(state);
    for (unsigned f = 0; f < findings_of(e); f++)
        remember(&c->known, &e->findings[f], &rows[f]);
    return true;
}

static bool measure_all(struct run *run, const struct calibrate_listener *listener, struct error *error)
{
    for (unsigned i = 0; i < EXPERIMENTS; i++) {
        if (listener->tell)
            listener->tell(listener->context, experiments[i]->findings[0].key, i, EXPERIMENTS);
        if (!measure(run, experiments[i], error))
            return false;
    }
    return true;
}

static bool prepare(struct run *run, struct error *error)
{
    if (!lab_configs_load(&run->configs, error))
        return false;
    for (unsigned f = 0; f < EXPERIMENT_COSTS; f++)
        if (!(run->values[f] = calloc(run->samples, sizeof *run->values[f])))
            return error_set(error, "out of memory");
    struct partner *partner = partner_new();
    if (!partner)
        return error_set(error, "there can be no second thread");
    run->bench = (struct bench){
        .configs = &run->configs,
        .platform = goheap_platform_mmap(),
        .known = &run->calibration->known,
        .partner = partner,
        .cache_bytes = host_cache_bytes(),
    };
    return true;
}

bool calibrate_run(struct calibration *calibration, unsigned samples, const struct calibrate_listener *listener,
                   struct error *error)
{
    *calibration = (struct calibration){.count = 0};
    struct run run = {.calibration = calibration, .samples = samples, .began = seconds_now()};
    bool ok = prepare(&run, error) && measure_all(&run, listener, error);
    calibration->cache_bytes = run.bench.cache_bytes;
    calibration->seconds = seconds_now() - run.began;
    if (run.bench.partner)
        partner_free(run.bench.partner);
    for (unsigned f = 0; f < EXPERIMENT_COSTS; f++)
        free(run.values[f]);
    return ok;
}
