/* The simulated world behind the core's seam: addresses are arithmetic, locks wait in virtual time, steps
 * cost what the cost table says. Metadata is real memory, as everywhere.
 *
 * The process that pays is whichever one the engine is running; none is when results are read after a run. */
#include "base/pages.h"
#include "model/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool sim_fail(struct sim *sim, const char *format, ...)
{
    char text[sizeof sim->error->text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    sim->failed = true;
    return error_set(sim->error, "%s", text);
}

static void charge(struct sim *sim, double ns)
{
    if (sim->aside)
        *sim->aside += ns;
    else if (sim->engine.current)
        sim->engine.current->now += (uint64_t)(ns * sim->tax + 0.5);
}

/* --- memory -------------------------------------------------------------------------------------------- */

/* Where objects of size 0 are: an address that is the same in every run, and never the heap's. */
#define ZERO_BASE 0x1000

static uint64_t sim_reserve(void *self, uint64_t hint, uint64_t bytes, uint64_t align)
{
    (void)self;
    (void)bytes;
    return (hint + align - 1) & ~(align - 1);
}

static bool sim_map(void *self, uint64_t addr, uint64_t bytes)
{
    (void)self;
    (void)addr;
    (void)bytes;
    return true;
}

static void sim_forget(void *self, uint64_t addr, uint64_t bytes)
{
    (void)self;
    (void)addr;
    (void)bytes;
}

/* ns more that zeroing takes for not being near. What has to be backed for it has been charged when the span was
 * made, as the program's time, which it now is not. */
static double zero_farther(struct sim *sim, struct goheap_p *p, uint64_t addr, uint64_t bytes)
{
    const struct costs *c = &sim->config.costs;
    uint64_t unbacked;
    double doublings = warmth_zero(sim->warmth, addr, bytes, sim->doublings, &unbacked);
    if (unbacked && p)
        ((struct sim_p *)goheap_p_user(p))->fault_ns -= (uint64_t)((double)unbacked * c->zero_fault_byte);
    return costs_zero_farther(c, (double)bytes, doublings);
}

static void sim_zero(void *self, struct goheap_p *p, uint64_t addr, uint64_t bytes)
{
    struct sim *sim = self;
    const struct costs *c = &sim->config.costs;
    double fetch = (double)bytes * c->zero_miss_byte, ns = c->zero + (double)bytes * c->zero_byte;
    if (sim->warmth)
        ns += zero_farther(sim, p, addr, bytes);
    charge(sim, ns + sim->cold * (fetch < c->zero_miss ? fetch : c->zero_miss));
}

static void *sim_metadata_alloc(void *self, size_t bytes)
{
    (void)self;
    return pages_alloc(bytes);
}

static void sim_metadata_free(void *self, void *memory, size_t bytes)
{
    (void)self;
    pages_free(memory, bytes);
}

/* --- locks --------------------------------------------------------------------------------------------- */

static struct named_lock **lock_of(struct goheap_lock *lock)
{
    return (struct named_lock **)(void *)lock->room;
}

static struct lock_costs lock_costs(const struct costs *c)
{
    return (struct lock_costs){.acquire = (uint64_t)c->lock,
                               .handoff = (uint64_t)c->handoff,
                               .spin = (uint64_t)c->spin,
                               .yield = (uint64_t)c->yield,
                               .sleep = (uint64_t)c->sleep,
                               .wake = (uint64_t)c->wake};
}

static void sim_lock_init(void *self, struct goheap_lock *lock, enum goheap_lock_kind kind, unsigned index)
{
    struct sim *sim = self;
    struct named_lock *named = calloc(1, sizeof *named);
    if (!named)
        abort(); /* a few megabytes at the start of a run */
    const struct lock_costs costs = lock_costs(&sim->config.costs);
    lock_init(&named->lock, sim->config.mutex, &costs);
    named->lock.waited = account_wait;
    named->lock.context = named;
    named->sim = sim;
    named->kind = kind;
    named->index = index;
    named->next = sim->locks;
    sim->locks = named;
    *lock_of(lock) = named;
}

/* The record outlives the heap: it is freed with the sim. */
static void sim_lock_destroy(void *self, struct goheap_lock *lock)
{
    (void)self;
    *lock_of(lock) = NULL;
}

/* Nobody to wait for: no process is running, or the world is stopped and the time goes aside. */
static bool alone(const struct sim *sim)
{
    return !sim->engine.current || sim->aside;
}

/* The heap lock has been taken. */
static void charge_giving_span(struct sim *sim, struct sim_p *sp)
{
    if (sp->gives_span)
        charge(sim, sim->config.costs.span_free_hold);
    sp->gives_span = false;
}

/* The part of it that comes before the lock. */
static void charge_span_free(struct sim *sim, struct goheap_p *p)
{
    const struct costs *c = &sim->config.costs;
    charge(sim, c->span_free);
    if (c->span_free_hold <= 0)
        return;
    if (p)
        ((struct sim_p *)goheap_p_user(p))->gives_span = true;
    else
        charge(sim, c->span_free_hold);
}

static void sim_lock(void *self, struct goheap_p *p, struct goheap_lock *lock)
{
    struct sim *sim = self;
    struct named_lock *named = *lock_of(lock);
    bool sets = named->kind == GOHEAP_LOCK_SETS;
    if (sets)
        charge(sim, sim->config.costs.cache_line);
    if (alone(sim)) {
        named->lock.acquisitions += sim->engine.current != NULL;
    } else if (sets) {
        process_sync(sim->engine.current);
        named->lock.acquisitions++;
    } else {
        lock_acquire(&named->lock, sim->engine.current);
    }
    if (named->kind == GOHEAP_LOCK_CENTRAL)
        charge(sim, sim->config.costs.central);
    else if (named->kind == GOHEAP_LOCK_HEAP && p)
        charge_giving_span(sim, goheap_p_user(p));
}

static void sim_unlock(void *self, struct goheap_p *p, struct goheap_lock *lock)
{
    (void)p;
    struct sim *sim = self;
    struct named_lock *named = *lock_of(lock);
    if (alone(sim) || named->kind == GOHEAP_LOCK_SETS)
        return;
    struct process *me = sim->engine.current;
    account_hold(named, me);
    lock_release(&named->lock, me);
}

/* --- steps --------------------------------------------------------------------------------------------- */

static void reach_tier(struct goheap_p *p, enum tier tier)
{
    struct sim_p *sp = p ? goheap_p_user(p) : NULL;
    if (!sp)
        return;
    sp->check_gc = true;
    if (sp->tier < tier)
        sp->tier = (uint8_t)tier;
}

static void charge_sweep(struct sim *sim, struct goheap_p *p, double ns)
{
    const struct process *me = sim->engine.current;
    uint64_t before = me ? me->now : 0;
    charge(sim, ns);
    if (sim->timeline && me && p)
        timeline_swept(sim->timeline, goheap_p_user(p), me->now - before);
}

/* It is the program that touches the memory, later: its time, not the allocation's. */
static void charge_fault(struct sim *sim, struct goheap_p *p, double ns)
{
    const struct process *me = sim->engine.current;
    uint64_t before = me ? me->now : 0;
    charge(sim, ns);
    if (me && p)
        ((struct sim_p *)goheap_p_user(p))->fault_ns += me->now - before;
}

/* Pages of a new span that the OS has to back. */
static void note_fresh(struct goheap_p *p, uint64_t bytes)
{
    if (p)
        ((struct sim_p *)goheap_p_user(p))->fresh_bytes = bytes;
}

/* A span more. Descriptors and bitmaps of spans that are gone are used again: only more than ever take more room. */
static void charge_span(struct sim *sim)
{
    const struct costs *c = &sim->config.costs;
    charge(sim, c->span_setup);
    if (++sim->spans > sim->spans_most) {
        sim->spans_most = sim->spans;
        charge(sim, c->span_first);
    }
}

static void sim_step(void *self, struct goheap_p *p, enum goheap_step step, uint64_t amount)
{
    struct sim *sim = self;
    const struct costs *c = &sim->config.costs;
    switch (step) {
    case GOHEAP_STEP_REFILL:
        reach_tier(p, TIER_CENTRAL);
        charge(sim, c->refill);
        break;
    case GOHEAP_STEP_SWEEP:
        charge_sweep(sim, p, c->sweep_span + (double)amount * c->sweep_object);
        break;
    case GOHEAP_STEP_SPAN_ALLOC:
        reach_tier(p, TIER_HEAP);
        charge_span(sim);
        break;
    case GOHEAP_STEP_SPAN_FREE:
        sim->spans--;
        charge_span_free(sim, p);
        break;
    case GOHEAP_STEP_PAGE_CACHE:
        charge(sim, c->page_cache);
        break;
    case GOHEAP_STEP_PAGE_FIND:
        charge(sim, c->page_find);
        break;
    case GOHEAP_STEP_GROW:
        reach_tier(p, TIER_OS);
        charge(sim, sim->grown ? c->grow : c->grow + c->grow_first);
        sim->grown = true;
        break;
    case GOHEAP_STEP_FAULT:
        charge_fault(sim, p, (double)amount * c->fault_byte);
        note_fresh(p, amount);
        break;
    case GOHEAP_STEP_SCAVENGE:
        sim->scavenger.released_by_all += amount;
        charge(sim, c->scavenge + (double)amount * c->scavenge_byte);
        break;
    case GOHEAP_STEP_SWEPT:
        scavenger_ready(sim);
        break;
    case GOHEAP_STEPS:
        break;
    }
}

static bool needs_warmth(const struct costs *c)
{
    for (unsigned i = 0; i < COSTS_FAR; i++)
        if (c->zero_far[i] > 0)
            return true;
    return c->zero_fault_byte > 0;
}

void sim_platform_init(struct sim *sim)
{
    const struct costs *c = &sim->config.costs;
    if (needs_warmth(c)) {
        sim->warmth = warmth_new();
        if (!sim->warmth)
            abort(); /* some megabytes at the start of a run */
    }
    sim->platform = (struct goheap_platform){
        .self = sim,
        .zero_base = (const void *)(uintptr_t)ZERO_BASE,
        .reserve = sim_reserve,
        .map = sim_map,
        .unuse = sim_forget,
        .unreserve = sim_forget,
        .zero = sim_zero,
        .metadata_alloc = sim_metadata_alloc,
        .metadata_free = sim_metadata_free,
        .lock_init = sim_lock_init,
        .lock_destroy = sim_lock_destroy,
        .lock = sim_lock,
        .unlock = sim_unlock,
        .step = sim_step,
    };
}

void sim_platform_destroy(struct sim *sim)
{
    warmth_free(sim->warmth);
    for (struct named_lock *lock = sim->locks, *next; lock; lock = next) {
        next = lock->next;
        free(lock->times);
        free(lock);
    }
}
