/* Stretches of constant rate, and within them the day by thinning (P. A. W. Lewis, G. S. Shedler, Naval Research
 * Logistics Quarterly 26(3), 1979): arrivals at the highest rate, of which each stays with the probability that the
 * rate has then. Where a stretch ends before the next arrival one begins anew, as a Poisson process remembers nothing.
 */
#include "generate/load.h"

#include <math.h>

#define NS 1e9 /* in a s */

static double burst_gap(const struct profile *p, struct random *random)
{
    return p->bursts_every_s > 0 ? p->bursts_every_s * NS * random_exponential(random) : (double)INFINITY;
}

/* Whether there are arrivals, not many fewer than changes of the rate, a s on average. */
static bool check_rates(const struct profile *p, const double *rates, struct error *error)
{
    double time = 0, arrivals = 0, cycle = p->bursts_every_s + p->bursts_length_s;
    for (size_t i = 0; i < p->phase_count; i++) {
        time += p->phases[i].duration_s;
        arrivals += p->phases[i].duration_s * rates[i] * NS;
    }
    double changes = (double)p->phase_count / time;
    if (!(arrivals > 0))
        return error_set(error, "%s: expected rates above 0, got none in any phase", p->name);
    arrivals /= time;
    if (p->bursts_every_s > 0) {
        changes += 2 / cycle;
        arrivals *= (p->bursts_every_s + p->bursts_length_s * p->bursts_factor) / cycle;
    }
    return changes <= 1000 * arrivals ||
           error_set(error, "%s: expected an allocation in a thousand phases or bursts at least, got rates that give "
                     "fewer", p->name);
}

bool load_start(struct load *load, const struct profile *profile, const double *rates, struct random *random,
                struct error *error)
{
    *load = (struct load){.profile = profile, .rates = rates, .phase_end = profile->phases[0].duration_s * NS,
                          .burst_change = burst_gap(profile, random)};
    return check_rates(profile, rates, error);
}

/* Around 0, from -1 to 1, once a period: of parabolas, within 6 % of a sine. */
static double wave(double periods)
{
    double at = periods - floor(periods);
    return at < 0.5 ? 16 * at * (0.5 - at) : -16 * (at - 0.5) * (1 - at);
}

/* The next stretch begins, at now. */
static void change(struct load *load, struct random *random)
{
    const struct profile *p = load->profile;
    if (load->now >= load->burst_change) {
        load->in_burst = !load->in_burst;
        load->burst_change = load->now + (load->in_burst ? p->bursts_length_s * NS : burst_gap(p, random));
    }
    if (load->now >= load->phase_end) {
        load->phase = (load->phase + 1) % p->phase_count;
        load->phase_end = load->now + p->phases[load->phase].duration_s * NS;
    }
}

void load_advance(struct load *load, struct random *random)
{
    const struct profile *p = load->profile;
    double swing = p->diurnal_amplitude;
    for (;;) {
        double rate = load->rates[load->phase] * (load->in_burst ? p->bursts_factor : 1) * (1 + swing);
        double until = load->phase_end < load->burst_change ? load->phase_end : load->burst_change;
        double next = rate > 0 ? load->now + random_exponential(random) / rate : (double)INFINITY;
        if (next >= until) {
            load->now = until;
            change(load, random);
            continue;
        }
        load->now = next;
        if (swing == 0 ||
            random_unit(random) * (1 + swing) <= 1 + swing * wave(next / (p->diurnal_period_s * NS)))
            return;
    }
}
