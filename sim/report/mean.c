#include "report/mean.h"

#include <math.h>

/* Sums are of bytes times ns, which 64 bits do not hold. */
struct sums {
    double in_use, mapped, live, requested, ns;
};

static void add(struct sums *sums, const struct sample *sample, double ns)
{
    sums->in_use += (double)sample->in_use * ns;
    sums->mapped += (double)sample->mapped * ns;
    sums->live += (double)sample->live * ns;
    sums->requested += (double)sample->requested * ns;
    sums->ns += ns;
}

static uint64_t over(double sum, double ns)
{
    return (uint64_t)llround(sum / ns);
}

struct mean report_mean(const struct sample *samples, uint32_t n, uint64_t end_ns)
{
    struct sums sums = {.ns = 0};
    if (n == 0)
        return (struct mean){.in_use = 0};
    for (uint32_t i = 0; i < n; i++) {
        uint64_t until = i + 1 < n ? samples[i + 1].t_ns : end_ns;
        if (until > samples[i].t_ns)
            add(&sums, &samples[i], (double)(until - samples[i].t_ns));
    }
    if (sums.ns == 0)
        add(&sums, &samples[n - 1], 1);
    return (struct mean){over(sums.in_use, sums.ns), over(sums.mapped, sums.ns), over(sums.live, sums.ns),
                         over(sums.requested, sums.ns)};
}
