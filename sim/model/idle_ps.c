/* The heap of idle Ps. */
#include "model/idle_ps.h"

#include "model/sim.h"

#include <stdlib.h>

bool idle_ps_init(struct idle_ps *idle, uint32_t n)
{
    *idle = (struct idle_ps){.heap = malloc((n + UINT64_C(1)) * sizeof(struct sim_p *))};
    return idle->heap;
}

void idle_ps_destroy(struct idle_ps *idle)
{
    free(idle->heap);
}

/* Whether a is to be given something rather than b. */
static bool is_freer(const struct sim_p *a, const struct sim_p *b)
{
    if (a->stream && b->stream)
        return stream_before(b->stream, a->stream);
    return !a->stream && (b->stream || a->process.id < b->process.id);
}

static void place(struct idle_ps *idle, uint32_t at, struct sim_p *sp)
{
    idle->heap[at] = sp;
    sp->idle_place = at;
}

static void rise(struct idle_ps *idle, uint32_t at, struct sim_p *sp)
{
    for (; at > 1 && is_freer(sp, idle->heap[at / 2]); at /= 2)
        place(idle, at, idle->heap[at / 2]);
    place(idle, at, sp);
}

static void sink(struct idle_ps *idle, uint32_t at, struct sim_p *sp)
{
    for (uint32_t child; (child = 2 * at) <= idle->count; at = child) {
        if (child < idle->count)
            child += is_freer(idle->heap[child + 1], idle->heap[child]);
        if (!is_freer(idle->heap[child], sp))
            break;
        place(idle, at, idle->heap[child]);
    }
    place(idle, at, sp);
}

void idle_ps_add(struct idle_ps *idle, struct sim_p *sp)
{
    rise(idle, ++idle->count, sp);
}

void idle_ps_remove(struct idle_ps *idle, struct sim_p *sp)
{
    uint32_t at = sp->idle_place;
    struct sim_p *last = idle->heap[idle->count--];
    sp->idle_place = 0;
    if (last == sp)
        return;
    if (at > 1 && is_freer(last, idle->heap[at / 2]))
        rise(idle, at, last);
    else
        sink(idle, at, last);
}

void idle_ps_replaced(struct idle_ps *idle)
{
    sink(idle, 1, idle->heap[1]);
}
