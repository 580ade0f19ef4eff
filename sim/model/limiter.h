/* The limiter of the collector's share of the CPU: a leaky bucket of collector's time less the program's.
 *
 *     +1 ns for each ns of collection, -1 for each of the program --> [0 .. 1 s for each P];  full: no assists
 *
 * Follows runtime/mgclimit.go (gcCPULimiterState). Background marking counts for its goal, a share of all Ps, whatever
 * it takes; what else the Ps do is the program's, but for those with nothing to do and for marking because of that.
 * Pure arithmetic.
 */
#ifndef LIMITER_H
#define LIMITER_H

#include <stdbool.h>
#include <stdint.h>

struct limiter {
    bool enabled;      /* the config's wish */
    double mark_share; /* gcBackgroundUtilization */
    bool marking;
    bool limiting;     /* the bucket is full */
    double fill;       /* ns */
    uint64_t updated;  /* virtual ns */
    uint64_t assist_ns; /* since then */
    double worker_ns;   /* since then, of Ps with nothing to do, as dedicated and fractional workers */
};

void limiter_init(struct limiter *limiter, bool enabled, double mark_share);
/* Catches up with the clock; for `idle` of `ps` Ps the program has had nothing to do since the last time. */
void limiter_update(struct limiter *limiter, uint64_t now, uint32_t ps, uint32_t idle);
static inline bool limiter_is_due(const struct limiter *limiter, uint64_t now)
{
    return now > limiter->updated + 10000000; /* gcCPULimiterUpdatePeriod */
}
/* The world was stopped at the last update, and starts again now: marking, or not any more. */
void limiter_transition(struct limiter *limiter, bool marking, uint64_t now, uint32_t ps);

#endif
