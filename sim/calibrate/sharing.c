/* What it costs to share: the platform's lock, free and handed over, and cache lines that somebody else wrote. */
#include "calibrate/experiment.h"

#include "calibrate/partner.h"
#include "calibrate/statistics.h"

#include <stdatomic.h>
#include <stdlib.h>

/* --- lock ---------------------------------------------------------------------------------------------- */

struct locking {
    const struct bench *bench;
    struct goheap_lock lock;
    atomic_uint turn;     /* handoff: the round that the holder has begun */
    atomic_uint arrived;  /* the round in which the partner is about to ask for the lock */
    atomic_ullong running; /* when the partner had it, ns; 0: not yet */
};

static void take(struct locking *l)
{
    l->bench->platform->lock(l->bench->platform->self, NULL, &l->lock);
}

static void let_go(struct locking *l)
{
    l->bench->platform->unlock(l->bench->platform->self, NULL, &l->lock);
}

static void *lock_open(const struct bench *bench)
{
    struct locking *l = aligned_alloc(_Alignof(struct locking), sizeof *l);
    if (!l)
        return NULL;
    l->bench = bench;
    atomic_init(&l->turn, 0);
    atomic_init(&l->arrived, 0);
    atomic_init(&l->running, 0);
    bench->platform->lock_init(bench->platform->self, &l->lock, GOHEAP_LOCK_HEAP, 0);
    return l;
}

static void lock_close(void *state)
{
    struct locking *l = state;
    l->bench->platform->lock_destroy(l->bench->platform->self, &l->lock);
    free(l);
}

static bool lock_sample(void *state, double *ns)
{
    enum { TIMES = 10000 };
    struct locking *l = state;
    uint64_t began = now_ns();
    for (int i = 0; i < TIMES; i++) {
        take(l);
        let_go(l);
    }
    ns[0] = ns_since(began) / TIMES;
    return true;
}

const struct experiment lock_experiment = {
    .findings = {FINDING(lock, "the platform's lock taken and let go, nobody else there")},
    .open = lock_open,
    .sample = lock_sample,
    .close = lock_close,
};

/* --- handoff ------------------------------------------------------------------------------------------- */

enum { HANDOFFS = 40, HELD_NS = 5000 /* long enough for the partner to fall asleep */ };

static void spin_until(atomic_uint *value, unsigned wanted)
{
    while (atomic_load_explicit(value, memory_order_acquire) != wanted)
        ;
}

/* The partner's side: in each round, ask for the lock that the other holds. */
static void ask_for_lock(void *arg)
{
    struct locking *l = arg;
    for (unsigned i = 1; i <= HANDOFFS; i++) {
        spin_until(&l->turn, i);
        atomic_store(&l->arrived, i);
        take(l);
        atomic_store(&l->running, now_ns());
        let_go(l);
    }
}

/* ns from letting go of the lock to the partner's running on; *call: of letting go. */
static double time_handoff(struct locking *l, unsigned round, double *call)
{
    atomic_store(&l->running, 0);
    take(l);
    atomic_store(&l->turn, round);
    spin_until(&l->arrived, round);
    for (uint64_t began = now_ns(); now_ns() - began < HELD_NS;)
        ;
    uint64_t released = now_ns(), running;
    let_go(l);
    *call = ns_since(released);
    while (!(running = atomic_load(&l->running)))
        ;
    return (double)(running - released);
}

static bool handoff_sample(void *state, double *ns)
{
    struct locking *l = state;
    double times[HANDOFFS], calls[HANDOFFS];
    atomic_store(&l->turn, 0);
    atomic_store(&l->arrived, 0);
    partner_pin(l->bench->partner);
    partner_start(l->bench->partner, ask_for_lock, l);
    for (unsigned i = 0; i < HANDOFFS; i++)
        times[i] = time_handoff(l, i + 1, &calls[i]);
    partner_wait(l->bench->partner);
    partner_part(l->bench->partner);
    ns[0] = ns[1] = statistics_quartiles(times, HANDOFFS).median;
    ns[2] = statistics_quartiles(calls, HANDOFFS).median - l->bench->known->lock / 2;
    return true;
}

const struct experiment handoff_experiment = {
    .findings = {FINDING(handoff, "from letting go of a lock held for 5 us to the thread that waited running on"),
                 FINDING(wake, "the same, for a mutex that others may take meanwhile"),
                 FINDING(sleep, "letting go of it, which wakes the thread up")},
    .two_cpus = true,
    .open = lock_open,
    .sample = handoff_sample,
    .close = lock_close,
};

/* --- cache_line ---------------------------------------------------------------------------------------- */

enum { LINES = 256, STEP = 101 /* to the next: nothing that a prefetcher would guess */ };

struct lines {
    const struct bench *bench;
    struct {
        _Alignas(128) atomic_uint value; /* neighbouring lines come into the cache together */
    } line[LINES];
};

static void *lines_open(const struct bench *bench)
{
    struct lines *l = aligned_alloc(_Alignof(struct lines), sizeof *l);
    if (!l)
        return NULL;
    l->bench = bench;
    for (int i = 0; i < LINES; i++)
        atomic_init(&l->line[i].value, 0);
    return l;
}

/* Which line is next hangs, as far as the processor knows, on what was in the last one: it cannot fetch ahead. */
static void add_to_each(void *arg)
{
    enum { TOP_BIT = 31 }; /* never set: nobody counts so far */
    struct lines *l = arg;
    unsigned at = 0;
    for (unsigned i = 0; i < LINES; i++)
        at = (at + STEP + (atomic_fetch_add(&l->line[at].value, 1) >> TOP_BIT)) % LINES;
}

static double time_adding(struct lines *l)
{
    uint64_t began = now_ns();
    add_to_each(l);
    return ns_since(began) / LINES;
}

static bool lines_sample(void *state, double *ns)
{
    enum { TIMES = 10 };
    struct lines *l = state;
    partner_pin(l->bench->partner);
    ns[0] = 0;
    for (int i = 0; i < TIMES; i++) {
        partner_start(l->bench->partner, add_to_each, l);
        partner_wait(l->bench->partner);
        double others = time_adding(l), mine = time_adding(l);
        ns[0] += (others - mine) / TIMES;
    }
    partner_part(l->bench->partner);
    return true;
}

const struct experiment cache_line_experiment = {
    .findings = {FINDING(cache_line, "an atomic addition on a line that another CPU wrote, less on one's own")},
    .two_cpus = true,
    .open = lines_open,
    .sample = lines_sample,
    .close = free,
};
