/* The pacer: how large the heap may grow before the next collection starts.
 *
 *     heap_marked (survived the last cycle)  <  trigger (the cycle starts)  <  goal (it should be over)
 *
 * Follows runtime/mgcpacer.go of Go 1.19 (gcControllerState): the goal from GOGC or the memory limit, the
 * trigger from how fast the heap grew while marking in the cycles before. Stacks and globals are not
 * simulated and count as 0 bytes. All figures are bytes.
 */
#ifndef PACER_H
#define PACER_H

#include <stdbool.h>
#include <stdint.h>

struct pacer {
    int64_t gogc;           /* percent; -1: off */
    uint64_t memory_limit;  /* UINT64_MAX: off */
    uint64_t heap_minimum;  /* scaled by GOGC */
    double mark_share;      /* gcBackgroundUtilization */
    uint64_t heap_marked;
    uint64_t last_heap_scan;
    uint64_t percent_goal;  /* goal from GOGC alone */
    uint64_t sweep_trigger; /* not before this, lest there be no time to sweep; 0: nothing to sweep */
    uint64_t triggered;     /* heap at which the current cycle started; UINT64_MAX: none under way */
    uint64_t runway;        /* bytes the program is expected to allocate during marking */
    double cons_mark;       /* allocation against marking speed, smoothed */
    double cons_mark_integral;
};

/* What the heap says of itself, for the memory limit. */
struct pacer_memory {
    uint64_t mapped_ready; /* mapped and not released, the runtime's own included */
    uint64_t heap_free;    /* of it: free pages */
    uint64_t heap_alloc;   /* of it: objects */
};

void pacer_init(struct pacer *pacer, int64_t gogc, uint64_t memory_limit, uint64_t heap_minimum, double mark_share);
uint64_t pacer_goal(const struct pacer *pacer, const struct pacer_memory *memory);
/* UINT64_MAX if no heap size starts a collection. */
uint64_t pacer_trigger(const struct pacer *pacer, const struct pacer_memory *memory);
/* A cycle starts. */
void pacer_start_cycle(struct pacer *pacer, const struct pacer_memory *memory);

struct pacer_cycle {
    uint64_t heap_live;   /* when marking ended */
    uint64_t marked;      /* bytes that survived, new objects included */
    uint64_t scan_work;   /* bytes scanned */
    double utilization;   /* share of the Ps that marked */
};
/* Marking has ended; the next goal and trigger are set. */
void pacer_end_cycle(struct pacer *pacer, const struct pacer_cycle *cycle);
/* The heap's state changed in a way that moves the goal: sweep_done or not (gcControllerState.commit). */
void pacer_commit(struct pacer *pacer, bool sweep_done, uint64_t heap_live);

#endif
