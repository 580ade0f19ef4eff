/* The scavenger's arithmetic, apart from the process that uses it: how much memory it lets the heap keep, and how long
 * it sleeps so as to take 1 % of the Ps' time.
 *
 *     worked >= 1 ms  -->  sleep worked / sleep_ratio  -->  share of the time it took  --controller-->  sleep_ratio
 *
 * Follows runtime/mgcscavenge.go (gcPaceScavenger, scavengerState.sleep, piController), in which Go 1.19 and 1.26 agree
 * but for the part of the memory limit that is aimed at. Bytes and ns.
 */
#ifndef SCAVENGER_H
#define SCAVENGER_H

#include <stdint.h>

/* The least work that is measured and slept for (minScavWorkTime). */
#define SCAVENGER_MIN_WORK_NS 1e6

/* What the heap may retain after a cycle whose goal was last_goal and which left in_use bytes of spans, when the next
 * one's is goal; UINT64_MAX if what it retains is no more than that. */
uint64_t scavenger_retain_goal(uint64_t in_use, uint64_t goal, uint64_t last_goal, uint64_t retained);
/* The same for all memory under a limit, of which `part` is aimed at. */
uint64_t scavenger_limit_goal(uint64_t limit, double part, uint64_t mapped_ready);

struct scavenger_pacing {
    double sleep_ratio;  /* of work to sleep */
    double integral;     /* the controller's */
    int64_t cooldown_ns; /* left of the time in which the controller, having failed, is not used */
};

void scavenger_pacing_init(struct scavenger_pacing *pacing);
/* How long to sleep after so much work. */
uint64_t scavenger_pacing_sleep(const struct scavenger_pacing *pacing, double worked);
/* It slept that long after so much work, beside so many Ps. */
void scavenger_pacing_slept(struct scavenger_pacing *pacing, double worked, uint64_t slept, uint32_t ps);

#endif
