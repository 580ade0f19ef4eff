/* A simulated P: takes its events one by one and does what they say.
 *
 * Every event is: wait for its time, let earlier Ps go first, pass the gate, act. A step of the P's process ends where
 * it lets others go first, with the event in hand. Time spent in the core is charged by the platform as the core
 * reports its steps; what the fast path takes is charged here.
 */
#include "model/address_log.h"
#include "model/marking.h"
#include "model/sim.h"

#include <stdlib.h>
#include <string.h>

#define TRACE_SIZE_MASK (2 * TRACE_MAX_SIZE - 1)

/* When the event may happen, by the pacing. */
static uint64_t time_of(struct sim_p *sp, const struct trace_event *event)
{
    uint64_t now = sp->process.now;
    if (sp->sim->pacing == PACING_RECORDED)
        return now < event->time_ns ? event->time_ns : now;
    if (sp->sim->pacing == PACING_THINK) {
        uint64_t gap = event->time_ns > sp->last_time ? event->time_ns - sp->last_time : 0;
        sp->last_time = event->time_ns;
        return now + gap;
    }
    return now;
}

void sim_p_make_up(struct sim_p *sp)
{
    if (sp->sim->timeline)
        timeline_makes_up(sp->sim->timeline, sp, sp->not_before);
    sp->process.now = sp->not_before;
}

/* Sets the P's clock to when the event in hand may happen; it is idle until then. */
static void set_out(struct sim_p *sp)
{
    struct process *me = &sp->process;
    if (me->now < sp->not_before)
        sim_p_make_up(sp);
    uint64_t time = time_of(sp, &sp->event);
    if (me->now < time) {
        sweeper_idle(sp);
        sp->waits = true;
        me->now = time;
    }
}

/* Its time has come. */
static void arrive(struct sim_p *sp)
{
    if (sp->idle) {
        sp->waits = false;
        marking_await_p(sp);
        sweeper_busy(sp);
    }
    if (__builtin_expect(sp->sim->stopped, 0))
        world_gate(sp->sim, &sp->process);
}

static void out_of_space(struct sim_p *sp, const struct trace_event *event)
{
    sim_fail(sp->sim, "%s: id %llu: %llu bytes do not fit into the simulated address space of %llu bytes",
             sp->sim->source->name, (unsigned long long)event->id, (unsigned long long)event->size,
             (unsigned long long)sp->sim->config.address_space);
}

/* What an allocation will count for: its slot, or if it is tiny or large, itself. */
static uint64_t slot_bytes(const struct sim *sim, const struct trace_event *event)
{
    uint64_t size = event->size;
    if (size == 0 || (event->noscan && size < sim->core.tiny_size))
        return size;
    unsigned class = gh_class_of(&sim->classes, size, event->noscan);
    return class ? sim->core.table.classes[class].size : size;
}

/* Somebody may have come to free the object before it was allocated, or declared dead. */
static void tell_awaiting(struct sim *sim, uint32_t slot, uint64_t now)
{
    queue_wake(&sim->awaiting[0].processes, now); /* those who want another slot go back to waiting */
    sched_wake_for(sim, &sim->awaiting[slot % AWAITING_LISTS], slot, now);
}

/* ns for pages that became a span: the program waits for them when it first touches them, not the allocation; less
 * those for pages that an allocation has zeroed before that. It wraps around 0. */
static uint64_t take_faults(struct sim_p *sp)
{
    uint64_t ns = sp->fault_ns;
    sp->fault_ns = 0;
    return ns;
}

/* The P allocates from another span of a class than before; of one that is new, little has been touched. */
static void note_span(struct sim_p *sp, unsigned class, bool noscan, uint64_t addr)
{
    uint64_t bytes = sp->fresh_bytes;
    sp->fresh_bytes = 0;
    if (class == 0 || class >= GOHEAP_MAX_CLASSES)
        return; /* a large object is touched whole, a tiny block before this */
    if (!sp->fresh && !(sp->fresh = calloc(2 * GOHEAP_MAX_CLASSES, sizeof *sp->fresh))) {
        sim_fail(sp->sim, "out of memory");
        return;
    }
    warmth_take_span(sp->sim->warmth, &sp->fresh[2 * class + noscan], addr, bytes);
}

/* What the pacer is told of an object that may hold pointers, which is a slice of them: while their bits lie in the span
 * (Go 1.22, mbitmap.go, writeHeapBitsSmall), its first pointer alone. */
static uint64_t counted_scan(const struct sim *sim, uint64_t size)
{
    return size <= sim->core.pointer_bits_max ? sizeof(void *) : size;
}

/* From one beginning of marking to the next, as many as there are bits for: an object of the present one is black, but so
 * seems one of each 31 eras ago. */
static unsigned era(const struct sim *sim)
{
    return 1 + (unsigned)((sim->collector.cycles + sim->marking.on) % 31);
}

static void do_alloc(struct sim_p *sp, const struct trace_event *event)
{
    struct sim *sim = sp->sim;
    struct process *me = &sp->process;
    unsigned flags = GOHEAP_ZEROED | (event->noscan ? GOHEAP_NOSCAN : 0);
    uint64_t began = me->now;
    sp->tier = TIER_FAST;
    if (__builtin_expect(sim->paying, 0) && (began = marking_pay(sp, slot_bytes(sim, event))) == MARKING_LEFT)
        return;
    me->now += sim->alloc_ns;
    world_enter_core(sim);
    uint64_t addr = event->align_log2
                        ? goheap_alloc_aligned(sp->p, event->size, UINT64_C(1) << event->align_log2, flags)
                        : goheap_alloc(sp->p, event->size, flags);
    world_leave_core(sim, me);
    if (__builtin_expect(addr == 0, 0)) {
        out_of_space(sp, event);
        return;
    }
    struct object *o = &sim->objects[event->slot];
    bool awaited = o->addr == OBJECT_AWAITED;
    unsigned account = event->align_log2 ? account_of_slot(sim, addr, event->size, event->noscan)
                                         : account_of(sim, event->size, event->noscan);
    *o = (struct object){.addr = addr,
                         .size = event->size & TRACE_SIZE_MASK,
                         .account = account & 0x1ff,
                         .death_due = o->death_due,
                         .era = (event->noscan ? 0U : era(sim)) & 31};
    account_alloc(sim, o);
    if (!event->noscan) {
        sim->accounts.scan_allocated += counted_scan(sim, event->size);
        me->now += event->size * sim->alloc_scan_1024 >> 10;
    } else if (account == ACCOUNT_TINY) {
        me->now += (uint64_t)(sim->config.costs.tiny * sim->tax + 0.5);
    }
    histogram_add(&sim->accounts.latency[sp->tier], me->now - began - (sp->fault_ns ? take_faults(sp) : 0));
    if (sim->addresses)
        address_log_put(sim->addresses, event->number, addr);
    if (__builtin_expect(awaited, 0))
        tell_awaiting(sim, event->slot, me->now);
    if (__builtin_expect(sp->check_gc, 0)) {
        if (sim->warmth)
            note_span(sp, account, event->noscan, addr);
        collector_check(sim, sp);
    }
}

/* What is awaited of the slot's object is another's to do; whatever comes first wakes all Ps that wait. False if the
 * stream has left its P: then its event begins anew. */
static bool wait_for(struct sim_p *sp, uint32_t slot)
{
    if (sp->stream)
        sp->stream->awaits = slot;
    return marking_wait(sp, &sp->sim->awaiting[sp->stream ? slot % AWAITING_LISTS : 0]);
}

/* Until the object is allocated. False if the run has failed, or if the stream has left its P. */
static bool await(struct sim_p *sp, uint32_t slot)
{
    struct sim *sim = sp->sim;
    enum timeline_what was = sim_p_does(sp, TIMELINE_AWAITS);
    bool here = true;
    while (here && sim->objects[slot].addr <= OBJECT_AWAITED && !sim->failed) {
        sim->objects[slot].addr = OBJECT_AWAITED;
        here = wait_for(sp, slot);
    }
    sim_p_does(sp, was);
    return here && !sim->failed;
}

/* Until the object has been declared dead, where that stands before its end: else its slot would be another's then. As
 * await. */
static bool await_death(struct sim_p *sp, uint32_t slot)
{
    struct sim *sim = sp->sim;
    bool here = true;
    while (here && sim->objects[slot].death_due && !sim->failed) {
        sim->objects[slot].death_awaited = 1;
        here = wait_for(sp, slot);
    }
    return here && !sim->failed;
}

/* The object that the event ends, once it exists; NULL if it is not to be ended now. */
static inline struct object *existing(struct sim_p *sp, uint32_t slot)
{
    if (__builtin_expect(sp->sim->objects[slot].addr <= OBJECT_AWAITED, 0) && !await(sp, slot))
        return NULL;
    return &sp->sim->objects[slot]; /* which may have moved */
}

/* The write barrier: what the program lets go of while marking lasts. Large objects are left to the pieces. */
static void shade(struct sim *sim, const struct object *o)
{
    if (!o->era || o->era == era(sim) || !o->account || o->account >= sim->core.table.count)
        return;
    double size = sim->core.table.classes[o->account].size;
    bool by_span = mark_work_by_span(sim, size);
    mark_work_shade(&sim->marking.work, marking_program(sim), by_span ? size : (double)o->size, by_span);
}

static void end_object(struct sim_p *sp, struct object *o)
{
    struct sim *sim = sp->sim;
    if (o->dead)
        return;
    o->dead = 1;
    account_death(sim, o);
    sp->process.now += sim->free_ns;
    if (__builtin_expect(sim->marking.on, 0) && !sim->marking.finished)
        shade(sim, o);
    uint64_t addr = o->addr;
    world_enter_core(sim);
    enum goheap_result result = goheap_free(sp->p, addr);
    world_leave_core(sim, &sp->process);
    if (result != GOHEAP_OK)
        sim_fail(sim, "the heap does not know the object at 0x%llx (result %d): a bug in goheap",
                 (unsigned long long)addr, (int)result);
}

static void do_free(struct sim_p *sp, const struct trace_event *event)
{
    struct object *o = existing(sp, event->slot);
    if (!o || (o->death_due && !await_death(sp, event->slot)))
        return;
    end_object(sp, &sp->sim->objects[event->slot]); /* which may have moved */
    sp->sim->objects[event->slot].addr = 0;
    sp->sim->source->release(sp->sim->source, event->slot);
}

/* Under collection an object that cannot be reached any more is dead, whatever is freed later. */
static void do_dead(struct sim_p *sp, const struct trace_event *event)
{
    struct sim *sim = sp->sim;
    struct object *o = existing(sp, event->slot);
    if (!o)
        return;
    if (sim->core.reclaim == GOHEAP_RECLAIM_GC)
        end_object(sp, o);
    o = &sim->objects[event->slot]; /* which may have moved */
    bool awaited = o->death_awaited;
    o->death_due = o->death_awaited = 0;
    if (awaited)
        tell_awaiting(sim, event->slot, sp->process.now);
}

static void do_stack_alloc(struct sim_p *sp, const struct trace_event *event)
{
    struct sim *sim = sp->sim;
    sp->process.now += sim->alloc_ns;
    world_enter_core(sim);
    uint64_t addr = goheap_stack_alloc(sp->p, event->size);
    world_leave_core(sim, &sp->process);
    take_faults(sp); /* its time is nobody's latency */
    sp->fresh_bytes = 0;
    if (addr == 0) {
        out_of_space(sp, event);
        return;
    }
    bool awaited = sim->objects[event->slot].addr == OBJECT_AWAITED;
    sim->objects[event->slot].addr = addr;
    if (awaited)
        tell_awaiting(sim, event->slot, sp->process.now);
}

static void do_stack_free(struct sim_p *sp, const struct trace_event *event)
{
    struct sim *sim = sp->sim;
    struct object *o = existing(sp, event->slot);
    if (!o)
        return;
    uint64_t addr = o->addr;
    world_enter_core(sim);
    enum goheap_result result = goheap_stack_free(sp->p, addr);
    world_leave_core(sim, &sp->process);
    if (result != GOHEAP_OK)
        sim_fail(sim, "the heap does not know the stack at 0x%llx: a bug in goheap", (unsigned long long)addr);
    sim->objects[event->slot].addr = 0;
    sim->source->release(sim->source, event->slot);
}

static void do_stats(struct sim_p *sp)
{
    struct sim *sim = sp->sim;
    uint64_t began = sp->process.now;
    world_stop(sim, &sp->process);
    if (!account_snapshot(sim, sp->process.now))
        sim_fail(sim, "out of memory for %zu snapshots", sim->snapshot_count + 1);
    world_start(sim, &sp->process);
    if (sim->timeline)
        timeline_did(sim->timeline, sp, TIMELINE_STOPS, began);
}

static void do_event(struct sim_p *sp, const struct trace_event *event)
{
    switch ((enum trace_op)event->op) {
    case TRACE_ALLOC:
        do_alloc(sp, event);
        break;
    case TRACE_FREE:
        do_free(sp, event);
        break;
    case TRACE_DEAD:
        do_dead(sp, event);
        break;
    case TRACE_GC:
        collector_force(sp);
        break;
    case TRACE_STATS:
        do_stats(sp);
        break;
    case TRACE_STACKALLOC:
        do_stack_alloc(sp, event);
        break;
    case TRACE_STACKFREE:
        do_stack_free(sp, event);
        break;
    case TRACE_GCBEGIN:
    case TRACE_GCEND:
        collector_follow(sp, event->op == TRACE_GCBEGIN);
        break;
    case TRACE_PROCS:
    case TRACE_HEAPLIVE:
    case TRACE_HEAPGOAL:
    case TRACE_END:
    case TRACE_OPS:
        break; /* what the recorded runtime did of its own accord */
    }
}

static void tell_progress(struct sim *sim)
{
    sim->next_tell += 1 << 16;
    if (sim->progress.tell && !sim->progress.tell(sim->progress.context, sim->events, sim->source))
        sim_fail(sim, "interrupted");
}

static void finish(struct sim_p *sp)
{
    struct sim *sim = sp->sim;
    if (sp->process.now > sim->end_ns)
        sim->end_ns = sp->process.now;
    sweeper_idle(sp);
    sched_end(sim, sp->process.now);
    if (--sim->ps_running == 0 || sim->failed) {
        queue_wake(&sim->awaiting[0].processes, 0);
        feed_all(sim, 0);
        if (!sim->done)
            collector_stop(sim);
    }
}

static void act(struct sim_p *sp)
{
    struct sim *sim = sp->sim;
    const struct process *me = &sp->process;
    arrive(sp);
    do_event(sp, &sp->event);
    if (__builtin_expect(me->now >= sim->accounts.next_sample, 0))
        account_sample(sim, me->now);
    if (__builtin_expect(++sim->events >= sim->next_tell, 0))
        tell_progress(sim);
}

/* From the event in hand to the next one that others go before. */
static bool sim_p_step(struct process *me, void *arg)
{
    struct sim_p *sp = arg;
    do {
        if (sp->in_hand)
            act(sp);
        sp->in_hand = !sp->sim->failed && feed_next(sp, &sp->event);
        if (!sp->in_hand) {
            finish(sp);
            return false;
        }
        set_out(sp);
    } while (!process_is_ahead(me));
    if (feed_takes_turns(sp->sim))
        turns_note(sp);
    return true;
}

static bool make_p_room(struct sim *sim)
{
    if (sim->p_count < sim->p_room)
        return true;
    uint32_t room = sim->p_room ? sim->p_room * 2 : 16;
    struct sim_p **ps = realloc(sim->ps, room * sizeof *ps);
    if (!ps)
        return false;
    sim->ps = ps;
    sim->p_room = room;
    return true;
}

/* The heap's part of a P. Takes no time and lets nobody else run: whoever reads the trace is in the midst of it. */
static struct goheap_p *new_heap_p(struct sim_p *sp)
{
    struct sim *sim = sp->sim;
    double ns = 0;
    sim->aside = &ns;
    struct goheap_p *p = goheap_p_new(sim->heap, sp);
    sim->aside = NULL;
    return p;
}

struct sim_p *sim_p_new(struct sim *sim, uint64_t start)
{
    struct sim_p *sp = aligned_alloc(_Alignof(struct sim_p), sizeof *sp);
    if (sp)
        memset(sp, 0, sizeof *sp);
    if (!sp || !make_p_room(sim) || (sim->timeline && !timeline_p(sim->timeline, start))) {
        free(sp);
        sim_fail(sim, "out of memory");
        return NULL;
    }
    sp->sim = sim;
    sp->p = new_heap_p(sp);
    if (!sp->p || !engine_spawn_steps(&sim->engine, &sp->process, sim->p_count, start, sim_p_step, sp)) {
        free(sp);
        sim_fail(sim, "out of memory for P %u", sim->p_count);
        return NULL;
    }
    sim->ps[sim->p_count++] = sp;
    sim->ps_running++;
    return sp;
}

void sim_p_destroy(struct sim_p *sp)
{
    process_destroy(&sp->process);
    event_ring_free(&sp->ring);
    free(sp->fresh);
    free(sp);
}
