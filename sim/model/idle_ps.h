/* Ps with nothing to run now, of which the first is the one that is to be given something else: without a stream to wait
 * for, the one of the lowest number, else the one whose stream comes last.
 *
 * A heap; sp->idle_place is a P's place in it, from 1, or 0 if it is not there.
 */
#ifndef IDLE_PS_H
#define IDLE_PS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_p;

struct idle_ps {
    struct sim_p **heap; /* from 1 */
    uint32_t count;
};

/* Room for n Ps; false if there is no memory. */
bool idle_ps_init(struct idle_ps *idle, uint32_t n);
void idle_ps_destroy(struct idle_ps *idle);
void idle_ps_add(struct idle_ps *idle, struct sim_p *sp);
/* It is there. */
void idle_ps_remove(struct idle_ps *idle, struct sim_p *sp);
/* The first has another stream to wait for, which comes earlier. */
void idle_ps_replaced(struct idle_ps *idle);

/* NULL if there is none. */
static inline struct sim_p *idle_ps_first(const struct idle_ps *idle)
{
    return idle->count ? idle->heap[1] : NULL;
}

#endif
