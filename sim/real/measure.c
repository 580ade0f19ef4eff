/* The platform that threads run on: mmap's, with every lock measured, and the steps that say who served an allocation.
 *
 * A lock is the mutex that mmap's platform has, tried first: who gets it at once has not waited. Two readings of the
 * clock an acquisition, three if it waits; they are told to the P, which takes them off the time of its allocation.
 *
 *     lock, unlock --struct lock_use--> the P's notes --now and then, between events--> struct named_lock
 *
 * What is found out is only noted meanwhile. Adding it up takes longer than many a lock is held; done by the holder it
 * would make others wait that else would not. */
#include "real/threads.h"

#include <stdlib.h>
#include <unistd.h>

/* Where objects of size 0 are, as in a simulation, so that addresses compare. Nobody touches them. */
#define ZERO_BASE 0x1000

struct real_lock {
    pthread_mutex_t mutex;
    struct named_lock *named;
    uint64_t held_since; /* ticks; the holder's */
};

_Static_assert(sizeof(struct real_lock) <= sizeof(struct goheap_lock), "fits where the core leaves room");

static struct real_lock *real_lock_of(struct goheap_lock *lock)
{
    return (struct real_lock *)(void *)lock->room;
}

static struct real_p *real_p_of(struct goheap_p *p)
{
    return p ? goheap_p_user(p) : NULL;
}

/* --- memory -------------------------------------------------------------------------------------------- */

/* Under the heap lock. Memory is promised freely and missed when it is touched: no more than there is. */
static bool measured_map(void *self, uint64_t addr, uint64_t bytes)
{
    struct real *real = self;
    const struct goheap_platform *os = goheap_platform_mmap();
    if (bytes > real->memory - real->mapped || !os->map(os->self, addr, bytes))
        return false;
    __atomic_store_n(&real->mapped, real->mapped + bytes, __ATOMIC_RELAXED);
    return true;
}

/* --- locks --------------------------------------------------------------------------------------------- */

/* The record outlives the heap: it is freed with the sim. */
static void measured_lock_init(void *self, struct goheap_lock *lock, enum goheap_lock_kind kind, unsigned index)
{
    struct real *real = self;
    struct named_lock *named = calloc(1, sizeof *named);
    if (!named)
        abort(); /* a few megabytes at the start of a run */
    named->kind = kind;
    named->index = index;
    named->next = real->sim.locks;
    real->sim.locks = named;
    struct real_lock *rl = real_lock_of(lock);
    pthread_mutex_init(&rl->mutex, NULL);
    rl->named = named;
}

static void measured_lock_destroy(void *self, struct goheap_lock *lock)
{
    (void)self;
    pthread_mutex_destroy(&real_lock_of(lock)->mutex);
}

static void tell_readings(struct goheap_p *p, unsigned n)
{
    struct real_p *rp = real_p_of(p);
    if (rp)
        rp->readings += n;
}

/* The operation under way waits for others, or for the OS, for as long as they take. */
static void expect_waiting(struct goheap_p *p)
{
    struct real_p *rp = real_p_of(p);
    if (rp)
        rp->plausible = INT64_MAX;
}

/* It sweeps a span, one of many perhaps. */
static void expect_sweeping(struct goheap_p *p)
{
    enum { AT_ONCE = 8 }; /* in the time that is plausible for all else */
    struct real_p *rp = real_p_of(p);
    if (rp && rp->plausible != INT64_MAX)
        rp->plausible += rp->real->ticks.plausible / AT_ONCE;
}

/* Under `accounting`. */
static void add_up(const struct real *real, const struct lock_use *use)
{
    struct lock *f = &use->named->lock;
    uint64_t ns = ticks_to_ns(&real->ticks, use->ticks);
    if (use->queue == 0) {
        f->acquisitions++;
        f->hold_ns += use->ticks > 0 ? (uint64_t)use->ticks : 0; /* ticks, until the end */
        account_held(use->named, ns);
        return;
    }
    uint64_t since = ticks_to_ns(&real->ticks, (int64_t)(use->since - real->began));
    f->contended++;
    if (use->queue > f->longest_queue)
        f->longest_queue = use->queue;
    histogram_add(&f->wait, ns);
    account_waited(use->named, since, since + ns);
}

static void add_up_all(struct real *real, const struct lock_use *uses, unsigned n)
{
    pthread_mutex_lock(&real->accounting);
    for (unsigned i = 0; i < n; i++)
        add_up(real, &uses[i]);
    pthread_mutex_unlock(&real->accounting);
}

void measure_add_up(struct real_p *rp)
{
    add_up_all(rp->real, rp->uses, rp->use_count);
    rp->use_count = 0;
}

static void note_use(struct real *real, struct goheap_p *p, struct lock_use use)
{
    struct real_p *rp = real_p_of(p);
    if (!rp) {
        add_up_all(real, &use, 1);
        return;
    }
    if (rp->use_count == LOCK_USES)
        measure_add_up(rp);
    rp->uses[rp->use_count++] = use;
}

/* Somebody holds the lock. */
static void wait_turn(struct real *real, struct goheap_p *p, struct real_lock *rl, uint64_t arrived)
{
    struct lock *f = &rl->named->lock;
    uint64_t queue = __atomic_add_fetch(&f->waiting, 1, __ATOMIC_RELAXED);
    pthread_mutex_lock(&rl->mutex);
    __atomic_fetch_sub(&f->waiting, 1, __ATOMIC_RELAXED);
    rl->held_since = ticks_now(&real->ticks);
    int64_t waited = (int64_t)(rl->held_since - arrived) - (int64_t)real->ticks.cost;
    note_use(real, p, (struct lock_use){.named = rl->named, .queue = queue, .since = arrived, .ticks = waited});
}

static void measured_lock(void *self, struct goheap_p *p, struct goheap_lock *lock)
{
    struct real *real = self;
    struct real_lock *rl = real_lock_of(lock);
    if (!real->counting) {
        pthread_mutex_lock(&rl->mutex);
        return;
    }
    uint64_t arrived = ticks_now(&real->ticks);
    if (pthread_mutex_trylock(&rl->mutex) == 0) {
        rl->held_since = arrived;
        tell_readings(p, 1);
    } else {
        wait_turn(real, p, rl, arrived);
        expect_waiting(p);
        tell_readings(p, 2);
    }
}

static void measured_unlock(void *self, struct goheap_p *p, struct goheap_lock *lock)
{
    struct real *real = self;
    struct real_lock *rl = real_lock_of(lock);
    if (!real->counting) {
        pthread_mutex_unlock(&rl->mutex);
        return;
    }
    struct named_lock *named = rl->named;
    int64_t held = (int64_t)(ticks_now(&real->ticks) - rl->held_since) - (int64_t)real->ticks.cost;
    pthread_mutex_unlock(&rl->mutex);
    note_use(real, p, (struct lock_use){.named = named, .ticks = held});
    tell_readings(p, 1);
}

/* --- steps --------------------------------------------------------------------------------------------- */

static void reach_tier(struct goheap_p *p, enum tier tier)
{
    struct real_p *rp = real_p_of(p);
    if (!rp)
        return;
    rp->check_gc = true;
    if (rp->tier < tier)
        rp->tier = (uint8_t)tier;
}

static void measured_step(void *self, struct goheap_p *p, enum goheap_step step, uint64_t amount)
{
    struct real *real = self;
    if (step == GOHEAP_STEP_REFILL) {
        reach_tier(p, TIER_CENTRAL);
    } else if (step == GOHEAP_STEP_SWEEP) {
        expect_sweeping(p);
    } else if (step == GOHEAP_STEP_SPAN_ALLOC) {
        reach_tier(p, TIER_HEAP);
    } else if (step == GOHEAP_STEP_GROW) {
        reach_tier(p, TIER_OS);
        expect_waiting(p);
    } else if (step == GOHEAP_STEP_SCAVENGE) {
        __atomic_fetch_add(&real->sim.scavenger.released_by_all, amount, __ATOMIC_RELAXED);
        expect_waiting(p);
    }
}

/* ------------------------------------------------------------------------------------------------------- */

static uint64_t machine_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : UINT64_MAX;
}

void measure_platform(struct real *real)
{
    struct goheap_platform *pf = &real->sim.platform;
    *pf = *goheap_platform_mmap(); /* whose functions have no use for self */
    pf->self = real;
    pf->zero_base = (const void *)(uintptr_t)ZERO_BASE;
    pf->map = measured_map;
    pf->lock_init = measured_lock_init;
    pf->lock_destroy = measured_lock_destroy;
    pf->lock = measured_lock;
    pf->unlock = measured_unlock;
    pf->step = measured_step;
    real->memory = machine_memory();
}

void measure_results(struct real *real)
{
    struct sim *sim = &real->sim;
    for (struct named_lock *l = sim->locks; l; l = l->next)
        l->lock.hold_ns = ticks_to_ns(&real->ticks, (int64_t)l->lock.hold_ns);
    for (unsigned what = 0; what < TIMED; what++) {
        struct histogram *to = what < TIERS ? &sim->accounts.latency[what] : &sim->measured.frees;
        int64_t ticks = 0;
        for (uint32_t i = 0; i < real->p_count; i++) {
            histogram_merge(to, &real->ps[i]->times[what]);
            ticks += real->ps[i]->ticks[what];
        }
        to->sum = ticks_to_ns(&real->ticks, ticks);
    }
    int64_t preempted = 0;
    for (uint32_t i = 0; i < real->p_count; i++) {
        sim->measured.preemptions += real->ps[i]->preemptions;
        sim->measured.preempted += real->ps[i]->preempted;
        preempted += real->ps[i]->preempted_ticks;
    }
    sim->measured.preempted_ns = ticks_to_ns(&real->ticks, preempted);
    sim->measured.clock = real->ticks.tsc ? "tsc" : "clock_gettime";
    sim->measured.clock_ns = (double)real->ticks.cost * real->ticks.ns;
}
