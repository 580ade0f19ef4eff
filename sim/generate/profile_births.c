/* Allocations as a Poisson process, each of a row of the profile, by rate, with a lifetime of its own: for every row a
 * queue M/G/infinity. Hence how it begins: in the steady state the number of a row's live objects is Poisson
 * distributed around its live, and what is left of their lives has the density P(lifetime > x) / mean. Both are drawn
 * exactly, so that nothing has to be waited for and the first event is as good as the last. */
#include "generate/profile_births.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "generate/alias.h"
#include "generate/load.h"

#define NS 1e9 /* in a s */

struct profile_births {
    struct births births; /* first: the two share their address */
    const struct profile *profile;
    struct random random;
    struct alias standing;  /* rows by live */
    double standing_left;   /* of the mean number of objects to begin with, what is still to be looked at */
    struct alias *arrivals; /* by phase: rows by rate */
    double *rates;          /* by phase: allocations a ns */
    struct load load;
};

/* ---- lifetimes ---- */

/* The mean lifetime of a row in ns; infinite if nothing of it ever dies. */
static double mean_of(const struct profile_row *row)
{
    return row->live == 0 ? 0 : row->live / row->rate * NS;
}

static double draw_lifetime(struct profile_births *b, double mean)
{
    switch (b->profile->lifetime) {
    case LIFETIME_CONSTANT:
        return mean;
    case LIFETIME_PARETO: /* of shape 2: the least is half of the mean, and P(more than x) = (least / x)^2 */
        return mean / 2 / sqrt(random_unit(&b->random));
    default:
        return mean * random_exponential(&b->random);
    }
}

/* What is left of the life of an object that is met at some time: its density is P(life > x) / mean. */
static double draw_rest(struct profile_births *b, double mean)
{
    double u = random_unit(&b->random);
    switch (b->profile->lifetime) {
    case LIFETIME_CONSTANT:
        return mean * u;
    case LIFETIME_PARETO: /* half of it up to the least, evenly; beyond, (least / x)^2 */
        return u <= 0.5 ? mean * u : mean / 4 / (1 - u + 0x1p-53);
    default:
        return mean * random_minus_log(u);
    }
}

/* ---- threads ---- */

static void draw_ps(struct profile_births *b, struct birth *birth)
{
    const struct profile *p = b->profile;
    uint32_t ps = (uint32_t)p->ps, from, to;
    if (p->handover_share == 0 || random_unit(&b->random) > p->handover_share) {
        birth->p = birth->death_p = (uint16_t)random_below(&b->random, ps);
        return;
    }
    if (p->handover_to == HANDOVER_CONSUMERS) {
        uint32_t producers = (uint32_t)(p->handover_producers > 0 ? p->handover_producers : p->ps / 2);
        from = (uint32_t)random_below(&b->random, producers);
        to = producers + (uint32_t)random_below(&b->random, ps - producers);
    } else {
        from = (uint32_t)random_below(&b->random, ps);
        uint32_t further = p->handover_to == HANDOVER_NEXT ? 1 : 1 + (uint32_t)random_below(&b->random, ps - 1);
        to = (from + further) % ps;
    }
    birth->p = (uint16_t)from;
    birth->death_p = (uint16_t)to;
}

/* ---- births ---- */

static void draw_object(struct profile_births *b, const struct profile_row *row, double now, double lifetime,
                        struct birth *birth)
{
    double noscan = row->noscan >= 0 ? row->noscan : b->profile->noscan, death = now + lifetime;
    birth->clock = birth->t_ns = (uint64_t)now;
    birth->death = death < (double)BIRTH_LATEST ? (uint64_t)death : BIRTH_NEVER;
    birth->size = row->size;
    birth->noscan = noscan >= 1 || (noscan > 0 && random_unit(&b->random) <= noscan);
    draw_ps(b, birth);
}

/* The points of a Poisson process of rate 1 between 0 and the mean number of objects are as many as there are. */
static bool next_standing(struct profile_births *b, struct birth *birth)
{
    b->standing_left -= random_exponential(&b->random);
    if (!(b->standing_left > 0))
        return false;
    const struct profile_row *row = &b->profile->rows[alias_draw(&b->standing, &b->random)];
    draw_object(b, row, 0, draw_rest(b, mean_of(row)), birth);
    return true;
}

static bool next_birth(struct births *births, struct birth *birth, struct error *error)
{
    struct profile_births *b = (struct profile_births *)births;
    if (b->standing_left > 0 && next_standing(b, birth))
        return true;
    load_advance(&b->load, &b->random);
    if (b->load.now >= (double)BIRTH_LATEST)
        return error_set(error, "%s: expected a trace of at most 73 years, got rates that give a longer one",
                         b->profile->name);
    const struct profile_row *row = &b->profile->rows[alias_draw(&b->arrivals[b->load.phase], &b->random)];
    const struct profile_phase *phase = &b->profile->phases[b->load.phase];
    bool stays = phase->until_end > 0 && random_unit(&b->random) <= phase->until_end;
    double lifetime = stays ? b->load.phase_end - b->load.now : draw_lifetime(b, mean_of(row));
    draw_object(b, row, b->load.now, lifetime, birth);
    return true;
}

static void tell(const struct births *births, FILE *out)
{
    const struct profile *p = ((const struct profile_births *)births)->profile;
    double live = 0, rate = 0;
    for (size_t i = 0; i < p->row_count; i++) {
        live += p->rows[i].live;
        rate += p->rows[i].rate;
    }
    fprintf(out, "%zu rows, times %.6g: %.6g objects live, %.6g allocations a second, seed %" PRIu64 "\n",
            p->row_count, p->scale, live, rate, p->seed);
}

static void close_births(struct births *births)
{
    struct profile_births *b = (struct profile_births *)births;
    for (size_t i = 0; b->arrivals != NULL && i < b->profile->phase_count; i++)
        alias_free(&b->arrivals[i]);
    alias_free(&b->standing);
    free(b->arrivals);
    free(b->rates);
    free(b);
}

/* ---- tables ---- */

/* Sets the phase's rate and the table of its rows. weights: room for as many as there are rows. */
static bool make_phase(struct profile_births *b, size_t i, double *weights)
{
    const struct profile *p = b->profile;
    const struct profile_phase *phase = &p->phases[i];
    double sum = 0;
    for (size_t k = 0; k < p->row_count; k++) {
        bool has = p->rows[k].size >= phase->min_size && p->rows[k].size <= phase->max_size;
        weights[k] = has ? p->rows[k].rate : 0;
        sum += weights[k];
    }
    b->rates[i] = sum * phase->load / NS;
    return alias_init(&b->arrivals[i], weights, p->row_count);
}

static bool make_tables(struct profile_births *b)
{
    const struct profile *p = b->profile;
    double *weights = calloc(p->row_count, sizeof *weights);
    bool good = weights != NULL;
    for (size_t i = 0; good && i < p->row_count; i++) {
        weights[i] = p->rows[i].live;
        b->standing_left += p->start == 0 ? weights[i] : 0;
    }
    good = good && alias_init(&b->standing, weights, p->row_count);
    for (size_t i = 0; good && i < p->phase_count; i++)
        good = make_phase(b, i, weights);
    free(weights);
    return good;
}

struct births *profile_births_open(const struct profile *profile, struct error *error)
{
    struct profile_births *b = calloc(1, sizeof *b);
    if (b == NULL) {
        error_set(error, "%s: out of memory", profile->name);
        return NULL;
    }
    b->births = (struct births){next_birth, tell, close_births, true};
    b->profile = profile;
    random_seed(&b->random, profile->seed);
    b->arrivals = calloc(profile->phase_count, sizeof *b->arrivals);
    b->rates = calloc(profile->phase_count, sizeof *b->rates);
    bool good = (b->arrivals != NULL && b->rates != NULL && make_tables(b)) ||
                error_set(error, "%s: out of memory", profile->name);
    if (good && load_start(&b->load, profile, b->rates, &b->random, error))
        return &b->births;
    close_births(&b->births);
    return NULL;
}
