/* From a trace to the events of each P, all in memory, so that reading it is not measured; and what can be said of it
 * without running it.
 *
 *     source --batches--> ps[stream mod Ps]->events      objects[slot]: size and account of each lifetime
 *
 * Where streams outnumber Ps they are dealt out, whatever `scheduler` says: the OS schedules the threads, and a stream
 * that went from one to another would need locks of its own, whose time is not the allocator's.
 *
 * Slots are never given back to the reader, so that each lifetime has one of its own, in the order in which they begin.
 * Which objects there are, and which of them have died, follows from how far the Ps are: accounts are made up from that
 * when somebody looks, not as events happen.
 */
#include "model/address_log.h"
#include "real/threads.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH = 256 };

static struct real_p *new_p(struct real *real)
{
    struct real_p *rp = aligned_alloc(_Alignof(struct real_p), sizeof *rp);
    if (!rp) {
        real_fail(real, "out of memory");
        return NULL;
    }
    memset(rp, 0, sizeof *rp);
    rp->real = real;
    real->ps[real->p_count++] = rp;
    rp->p = goheap_p_new(real->sim.heap, rp);
    if (!rp->p)
        real_fail(real, "out of memory for P %u", real->p_count - 1);
    return rp->p ? rp : NULL;
}

static bool make_p_room(struct real *real, uint32_t n)
{
    if (n <= real->p_room)
        return true;
    struct real_p **ps = realloc(real->ps, REAL_MAX_THREADS * sizeof *ps);
    if (!ps)
        return real_fail(real, "out of memory");
    real->ps = ps;
    real->p_room = REAL_MAX_THREADS;
    return true;
}

static bool make_ps(struct real *real, uint32_t n)
{
    if (!make_p_room(real, n))
        return false;
    while (real->p_count < n)
        if (!new_p(real))
            return false;
    return true;
}

static struct real_p *p_of_stream(struct real *real, uint32_t stream)
{
    if (real->sim.config.ps)
        return real->ps[stream % real->p_count];
    if (stream >= REAL_MAX_THREADS) {
        real_fail(real, "%s: more than %d streams, give their threads a number with -P", real->sim.source->name,
                  REAL_MAX_THREADS);
        return NULL;
    }
    return make_ps(real, stream + 1) ? real->ps[stream] : NULL;
}

static bool make_object_room(struct real *real, uint32_t slot)
{
    if (slot < real->object_room)
        return true;
    uint64_t room = real->object_room ? real->object_room * 2 : 4096;
    struct object *objects = realloc(real->objects, room * sizeof *objects);
    if (!objects)
        return real_fail(real, "out of memory for %llu lifetimes", (unsigned long long)room);
    memset(objects + real->object_room, 0, (room - real->object_room) * sizeof *objects);
    real->objects = objects;
    real->object_room = room;
    return true;
}

static bool push_event(struct real *real, struct real_p *rp, const struct trace_event *event, enum trace_op op)
{
    if (rp->count == rp->room) {
        uint64_t room = rp->room ? rp->room * 2 : 1024;
        struct real_event *events = realloc(rp->events, room * sizeof *events);
        if (!events)
            return real_fail(real, "out of memory for %llu events", (unsigned long long)room);
        rp->events = events;
        rp->room = room;
    }
    struct real_event *e = &rp->events[rp->count++];
    *e = (struct real_event){.size = event->size & TRACE_SIZE_FIELD, .slot = event->slot};
    e->op = op & 0xff;
    e->align_log2 = event->align_log2;
    e->noscan = event->noscan;
    return true;
}

static void begin_object(struct real *real, const struct trace_event *event)
{
    struct sim *sim = &real->sim;
    bool stack = event->op == TRACE_STACKALLOC;
    unsigned account = stack ? ACCOUNT_STACK : account_of(sim, event->size, event->noscan); /* aligned: do_alloc looks */
    real->objects[event->slot] =
        (struct object){.size = event->size & (2 * TRACE_MAX_SIZE - 1), .account = account & 0x1ff};
    real->object_count = event->slot + UINT64_C(1);
    if (stack)
        return;
    if (sim->addresses)
        address_log_expect(sim->addresses, event->id, event->size);
    real->live += event->size;
    if (real->live > real->peak_live)
        real->peak_live = real->live;
}

/* An object dies once. Under collection that is when it cannot be reached any more, whatever is freed later. */
static bool push_death(struct real *real, struct real_p *rp, const struct trace_event *event)
{
    struct object *o = &real->objects[event->slot];
    if (o->dead || (event->op == TRACE_DEAD && real->sim.core.reclaim != GOHEAP_RECLAIM_GC))
        return true;
    o->dead = 1;
    real->live -= o->size;
    return push_event(real, rp, event, TRACE_FREE);
}

static bool decode_event(struct real *real, const struct trace_event *event)
{
    struct real_p *rp = p_of_stream(real, event->stream);
    if (!rp || !make_object_room(real, event->slot))
        return false;
    switch ((enum trace_op)event->op) {
    case TRACE_ALLOC:
    case TRACE_STACKALLOC:
        begin_object(real, event);
        return push_event(real, rp, event, event->op);
    case TRACE_FREE:
    case TRACE_DEAD:
        return push_death(real, rp, event);
    case TRACE_GC:
    case TRACE_STATS:
    case TRACE_STACKFREE:
        return push_event(real, rp, event, event->op);
    case TRACE_GCBEGIN:
    case TRACE_GCEND:
    case TRACE_PROCS:
    case TRACE_HEAPLIVE:
    case TRACE_HEAPGOAL:
    case TRACE_END:
    case TRACE_OPS:
        break; /* what the recorded runtime did of its own accord */
    }
    return true;
}

bool decode(struct real *real, struct trace_source *source)
{
    struct trace_event batch[BATCH];
    if (!make_ps(real, real->sim.config.ps ? (uint32_t)real->sim.config.ps : 1))
        return false;
    for (size_t n; (n = source->read(source, batch, BATCH, real->sim.error)) > 0; real->read += n)
        for (size_t i = 0; i < n; i++)
            if (!decode_event(real, &batch[i]))
                return false;
    return real->sim.error->text[0] == '\0';
}

/* --- accounts ------------------------------------------------------------------------------------------ */

static void fold_event(struct sim *sim, const struct real_event *event, const struct object *o)
{
    if (event->op == TRACE_ALLOC)
        account_alloc(sim, o);
    else if (event->op == TRACE_FREE)
        account_death(sim, o);
}

/* P by P, whose events have no order among each other here; the most that was live is what the trace has. */
void decode_fold(struct real *real)
{
    struct sim *sim = &real->sim;
    for (uint32_t i = 0; i < real->p_count; i++) {
        struct real_p *rp = real->ps[i];
        for (uint64_t at = __atomic_load_n(&rp->at, __ATOMIC_RELAXED); rp->folded < at; rp->folded++) {
            const struct real_event *event = &rp->events[rp->folded];
            fold_event(sim, event, &real->objects[event->slot]);
        }
    }
    sim->accounts.peak_live_requested = real->peak_live;
}
