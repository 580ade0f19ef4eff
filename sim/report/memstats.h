/* runtime.MemStats as JSON. */
#ifndef REPORT_MEMSTATS_H
#define REPORT_MEMSTATS_H

#include "model/sim.h"

json_t *report_integer(uint64_t n);
json_t *memstats_json(const struct sim *sim, const struct memstats_snapshot *m);

#endif
