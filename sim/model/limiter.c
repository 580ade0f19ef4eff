/* The bucket of runtime/mgclimit.go. */
#include "model/limiter.h"

static const double capacity_of_p = 1e9; /* capacityPerProc, ns */

void limiter_init(struct limiter *limiter, bool enabled, double mark_share)
{
    *limiter = (struct limiter){.enabled = enabled, .mark_share = mark_share};
}

/* accumulate */
static void fill(struct limiter *limiter, double program_ns, double collector_ns, uint32_t ps)
{
    double capacity = capacity_of_p * ps, level = limiter->fill + collector_ns - program_ns;
    limiter->limiting = limiter->enabled && level >= capacity;
    limiter->fill = level < 0 ? 0 : level > capacity ? capacity : level;
}

void limiter_update(struct limiter *limiter, uint64_t now, uint32_t ps, uint32_t idle)
{
    if (now <= limiter->updated)
        return;
    double elapsed = (double)(now - limiter->updated);
    double collector = (double)limiter->assist_ns + (limiter->marking ? elapsed * ps * limiter->mark_share : 0);
    double busy = elapsed * (ps - idle) + limiter->worker_ns;
    limiter->updated = now;
    limiter->assist_ns = 0;
    limiter->worker_ns = 0;
    fill(limiter, busy - collector, collector, ps);
}

void limiter_transition(struct limiter *limiter, bool marking, uint64_t now, uint32_t ps)
{
    double stopped = now > limiter->updated ? (double)(now - limiter->updated) : 0;
    limiter->marking = marking;
    limiter->updated = now > limiter->updated ? now : limiter->updated;
    fill(limiter, 0, stopped * ps, ps);
}
