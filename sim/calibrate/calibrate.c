/* Whose turn it is to take samples, and when to stop.
 *
 *     lock  sweep  small ... handoff  lock  sweep  small ... handoff  lock ...
 *      |---------- a lap ----------|   each a few samples at a time
 *
 * A machine's speed may change several times a second, as when its owner has given the other half of a core to somebody
 * else. Costs that are to be added up must have seen the same of that: all experiments go on side by side, until each
 * has enough samples, and its findings are quiet or patience ends.
 */
#include "calibrate/calibrate.h"

#include "base/clock.h"
#include "calibrate/experiment.h"
#include "calibrate/host.h"
#include "calibrate/partner.h"
#include "calibrate/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    WARM_UP = 2, /* samples that are thrown away, as another experiment had the caches, */
    TURN = 5,    /* and those that are not */
    MOST = 5     /* times the samples that are wanted are taken of what is not quiet */
};

/* s after the beginning: from then on no more samples are taken for quiet's sake, or no more than there must be. */
#define PATIENCE 10.0
#define END_OF_PATIENCE 15.0

static const struct experiment *const experiments[] = {
    &lock_experiment,       &sweep_experiment,      &small_experiment,   &far_experiment,  &large_experiment,
    &death_experiment,      &central_experiment,    &page_cache_experiment, &pages_experiment, &grow_experiment,
    &grow_first_experiment, &span_first_experiment, &fault_experiment,    &scavenge_experiment,
    &cache_line_experiment, &handoff_experiment,
};
enum { EXPERIMENTS = sizeof experiments / sizeof experiments[0] };

/* One of them, under way. */
struct under_way {
    const struct experiment *experiment;
    void *state;           /* NULL: not opened */
    struct measured *rows; /* its findings' */
    double *values[EXPERIMENT_COSTS];
    unsigned samples;
    bool quiet, over; /* the findings are; it takes no more samples */
};

struct run {
    struct calibration *calibration;
    struct lab_configs configs;
    struct bench bench;
    unsigned samples; /* that are wanted of each */
    double began;     /* s */
    struct under_way under_way[EXPERIMENTS];
};

static unsigned findings_of(const struct experiment *e)
{
    unsigned n = 0;
    while (n < EXPERIMENT_COSTS && e->findings[n].key)
        n++;
    return n;
}

static bool is_later(const struct run *run, double seconds)
{
    return seconds_now() - run->began > seconds;
}

/* --- a turn -------------------------------------------------------------------------------------------- */

/* False if one could not be taken. What is no number, as where nothing of a kind happened, says nothing: 0. */
static bool take_samples(struct under_way *u, unsigned n)
{
    for (unsigned i = 0; i < WARM_UP + n; i++) {
        double ns[EXPERIMENT_COSTS] = {0};
        if (!u->experiment->sample(u->state, ns))
            return false;
        for (unsigned f = 0; i >= WARM_UP && f < findings_of(u->experiment); f++)
            u->values[f][u->samples] = isfinite(ns[f]) ? ns[f] : 0;
        u->samples += i >= WARM_UP;
    }
    return true;
}

static void judge(struct measured *row, double *values, unsigned samples)
{
    struct quartiles q = statistics_quartiles(values, samples);
    double noise = statistics_noise(&q);
    row->state = MEASURED_NOTHING;
    if (!isfinite(noise))
        return;
    row->ns = q.median;
    row->noise = noise;
    row->samples = samples;
    row->state = noise <= CALIBRATE_NOISE ? MEASURED : MEASURED_NOISY;
}

static void remember(struct costs *known, const struct finding *finding, const struct measured *row)
{
    const double ns = row->state == MEASURED_NOTHING ? 0 : row->ns;
    memcpy((char *)known + finding->offset, &ns, sizeof ns);
}

/* What all samples so far say, for this experiment and for those that need to know. */
static void judge_all(struct run *run, struct under_way *u)
{
    u->quiet = true;
    for (unsigned f = 0; u->samples && f < findings_of(u->experiment); f++) {
        judge(&u->rows[f], u->values[f], u->samples);
        u->quiet &= u->rows[f].state == MEASURED;
        remember(&run->calibration->known, &u->experiment->findings[f], &u->rows[f]);
    }
}

/* How many samples the next turn is of. */
static unsigned turn_of(const struct run *run, const struct under_way *u)
{
    const unsigned wanted = u->samples < run->samples ? run->samples - u->samples : MOST * run->samples - u->samples;
    return wanted < TURN ? wanted : TURN;
}

static void take_turn(struct run *run, struct under_way *u)
{
    bool ok = take_samples(u, turn_of(run, u));
    judge_all(run, u);
    u->over = !ok || u->samples >= MOST * run->samples || (u->quiet && u->samples >= run->samples) ||
              (u->samples >= run->samples && is_later(run, PATIENCE)) ||
              (u->samples >= CALIBRATE_LEAST_SAMPLES && is_later(run, END_OF_PATIENCE));
}

/* --- all of them --------------------------------------------------------------------------------------- */

/* Rows for its findings, and if it can be done, what it needs. */
static bool begin(struct run *run, struct under_way *u, const struct experiment *e, struct error *error)
{
    struct calibration *c = run->calibration;
    *u = (struct under_way){.experiment = e, .rows = &c->rows[c->count], .over = e->two_cpus && partner_cpus() < 2};
    bool ok = true;
    for (unsigned f = 0; f < findings_of(e); f++) {
        u->rows[f] = (struct measured){.key = e->findings[f].key, .how = e->findings[f].how, .state = MEASURED_NOTHING};
        ok &= (u->values[f] = calloc(MOST * run->samples, sizeof *u->values[f])) != NULL;
    }
    c->count += findings_of(e);
    if (ok && !u->over)
        ok = (u->state = e->open(&run->bench)) != NULL;
    return ok || error_set(error, "out of memory measuring %s", e->findings[0].key);
}

static void end(struct under_way *u)
{
    if (u->state)
        u->experiment->close(u->state);
    for (unsigned f = 0; f < EXPERIMENT_COSTS; f++)
        free(u->values[f]);
}

/* A turn of each that takes more samples; false if none does. */
static bool lap(struct run *run, const struct calibrate_listener *listener)
{
    bool more = false;
    for (unsigned i = 0; i < EXPERIMENTS; i++) {
        struct under_way *u = &run->under_way[i];
        if (listener->tell)
            listener->tell(listener->context, experiments[i]->findings[0].key, i, EXPERIMENTS);
        if (!u->over)
            take_turn(run, u);
        more |= !u->over;
    }
    return more;
}

static bool measure_all(struct run *run, const struct calibrate_listener *listener, struct error *error)
{
    for (unsigned i = 0; i < EXPERIMENTS; i++)
        if (!begin(run, &run->under_way[i], experiments[i], error))
            return false;
    while (lap(run, listener))
        ;
    return true;
}

static bool prepare(struct run *run, struct error *error)
{
    if (!lab_configs_load(&run->configs, error))
        return false;
    struct partner *partner = partner_new();
    if (!partner)
        return error_set(error, "there can be no second thread");
    run->bench = (struct bench){
        .configs = &run->configs,
        .platform = goheap_platform_mmap(),
        .known = &run->calibration->known,
        .partner = partner,
    };
    return true;
}

bool calibrate_run(struct calibration *calibration, unsigned samples, const struct calibrate_listener *listener,
                   struct error *error)
{
    *calibration = (struct calibration){.count = 0};
    struct run run = {.calibration = calibration, .samples = samples, .began = seconds_now()};
    bool ok = prepare(&run, error) && measure_all(&run, listener, error);
    calibration->seconds = seconds_now() - run.began;
    for (unsigned i = 0; i < EXPERIMENTS; i++)
        end(&run.under_way[i]);
    if (run.bench.partner)
        partner_free(run.bench.partner);
    return ok;
}
