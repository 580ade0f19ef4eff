/* The memory that those who mark keep what they have found in: spans beside the heap's objects, as stacks are, from a
 * cycle's beginning until all has been swept. MemStats show them where they make the heap grow or a P's supply of
 * span descriptors run out. Follows runtime/mgcwork.go (getempty, freeSomeWbufs) and mgcsweep.go (bgsweep).
 */
#ifndef WORK_BUFFERS_H
#define WORK_BUFFERS_H

#include <stdint.h>

struct goheap_marked;
struct goheap_p;
struct sim;

enum { WORK_BUFFER_SPANS = 520 }; /* two buffers for each of 4,096 Ps, and those for a piece of a table */

struct work_buffers {
    uint64_t spans[WORK_BUFFER_SPANS]; /* their addresses */
    uint32_t count;                    /* 0: given back */
};

/* As many as it takes ps Ps to mark that, on the account of p, one of them. The world is stopped. */
void work_buffers_take(struct work_buffers *w, const struct sim *sim, const struct goheap_marked *marked,
                       struct goheap_p *p, uint32_t ps);
/* They go back, on p's account, if they have not yet. By any thread. */
void work_buffers_give(struct work_buffers *w, struct goheap_p *p);

#endif
