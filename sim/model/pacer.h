/* The pacer: how large the heap may grow before the next collection starts, and how much a program has to help.
 *
 *     heap_marked (survived the last cycle)  <  trigger (the cycle starts)  <  goal (it should be over)
 *
 * Follows runtime/mgcpacer.go (gcControllerState): the goal from GOGC or the memory limit, the trigger from how fast
 * the heap grew while marking in the cycles before, the assist ratio from what is left of both. Generations differ in
 * struct pacer_policy alone. Pure arithmetic: no clock, no heap. All sizes are bytes; scan work is bytes scanned.
 */
#ifndef PACER_H
#define PACER_H

#include <stdbool.h>
#include <stdint.h>

/* How cons/mark is had from that of single cycles: a PI controller (Go 1.18 and 1.19), the highest of the last four
 * (later). */
enum pacer_cons_mark { CONS_MARK_CONTROLLER, CONS_MARK_HIGHEST };
/* Where allocation during a cycle is counted from: the trigger it was to start at (Go 1.19), the heap as it did. */
enum pacer_counts_from { COUNTS_FROM_TRIGGER, COUNTS_FROM_HEAP };

struct pacer_policy {
    int64_t gogc;           /* percent; -1: off */
    uint64_t memory_limit;  /* UINT64_MAX: off */
    uint64_t heap_minimum;  /* at GOGC 100 */
    double mark_share;      /* gcBackgroundUtilization */
    unsigned cons_mark;     /* enum pacer_cons_mark */
    unsigned counts_from;   /* enum pacer_counts_from */
    double limit_headroom;  /* share of the limit's goal that is kept free, at least 1 MiB */
    uint64_t stack_scan;    /* goroutine stacks, always the same */
    uint64_t stack_most;    /* all that they take, which a cycle might have to scan */
    uint64_t globals_scan;
};

struct pacer {
    struct pacer_policy policy;
    uint64_t heap_minimum;  /* scaled by GOGC */
    uint64_t heap_marked;
    uint64_t last_heap_scan;
    uint64_t percent_goal;  /* goal from GOGC alone */
    uint64_t sweep_trigger; /* not before this, lest there be no time to sweep; 0: nothing to sweep */
    uint64_t triggered;     /* heap at which the current cycle started; UINT64_MAX: none under way */
    uint64_t runway;        /* bytes the program is expected to allocate during marking */
    double cons_mark;       /* allocation against marking speed, smoothed */
    double cons_mark_integral;
    double recent[4];       /* cons/mark of the last cycles */
    double work_per_byte;   /* scan work that allocating a byte takes: the assist ratio */
    double bytes_per_work;
};

/* What the heap says of itself, for the memory limit. */
struct pacer_memory {
    uint64_t mapped_ready; /* mapped and not released, the runtime's own included */
    uint64_t heap_free;    /* of it: free pages */
    uint64_t heap_alloc;   /* of it: objects */
};

void pacer_init(struct pacer *pacer, const struct pacer_policy *policy);
uint64_t pacer_goal(const struct pacer *pacer, const struct pacer_memory *memory);
/* UINT64_MAX if no heap size starts a collection. */
uint64_t pacer_trigger(const struct pacer *pacer, const struct pacer_memory *memory);

/* How far the cycle under way has come. */
struct pacer_progress {
    uint64_t heap_live;
    uint64_t heap_scan; /* what there is to scan at most, stacks and globals apart */
    double work;        /* scan work done, stacks and globals included */
};
/* A cycle starts. */
void pacer_start_cycle(struct pacer *pacer, const struct pacer_memory *memory, const struct pacer_progress *progress);
/* Sets the assist ratio. */
void pacer_revise(struct pacer *pacer, const struct pacer_memory *memory, const struct pacer_progress *progress);

struct pacer_cycle {
    uint64_t heap_live;  /* when marking ended */
    uint64_t marked;     /* bytes that survived, new objects included */
    uint64_t heap_scan;  /* scan work done on the heap */
    double assists;      /* share of the Ps' time that assists took */
    double idle;         /* and marking by Ps with nothing else to do */
};
/* Marking has ended. */
void pacer_end_cycle(struct pacer *pacer, const struct pacer_cycle *cycle);
/* The heap's state changed in a way that moves the goal: sweep_done or not (gcControllerState.commit). */
void pacer_commit(struct pacer *pacer, bool sweep_done, uint64_t heap_live);

#endif
