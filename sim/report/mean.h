/* The heap on average over virtual time, rather than at its fullest: memory costs bytes times time. */
#ifndef REPORT_MEAN_H
#define REPORT_MEAN_H

#include "model/sim.h"

struct mean {
    uint64_t in_use, mapped, live, requested; /* bytes, rounded to whole ones */
};

/* Of n samples in the order of time, each of which stands until the next one, and the last until end_ns; what was
 * before the first is not known and not counted. If no time passes, the last sample. All 0 without samples. */
struct mean report_mean(const struct sample *samples, uint32_t n, uint64_t end_ns);

#endif
