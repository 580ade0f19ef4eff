/* For test_strict_order: runs a plan one event at a time, with no engine, no coroutines and locks of its own. Slow: of
 * all events to come it looks at every one to find the next. */
#ifndef STRICT_REFERENCE_H
#define STRICT_REFERENCE_H

#include "strict_plan.h"

/* What happens to a process at its next event. */
enum step {
    NOTHING,   /* until somebody else gives it an event */
    BEGINS,
    GOES_ON,   /* with the instruction that it has come to: it meets the others now */
    ARRIVES,   /* at a lock */
    GETS_IT,
    LOOKS,     /* at the key of Go's mutex */
    FALLS_ASLEEP, /* on it, if it has not changed */
    RELEASES,
    WAKES_UP   /* from PARK or SLEEP */
};

enum { ENDS_A_HOLD, ANY_OTHER }; /* at the same time, the first comes first */

struct machine {
    uint64_t now;
    enum step step;
    int rank;
    bool moved;               /* its clock has run on since its last event */
    const struct instruction *at;
    int queue;                /* parked in it, or -1 */
    bool asleep;              /* in SLEEP */
    unsigned looks, wait_key; /* Go's mutex: how often it has looked in vain; the key to take it with */
    size_t wait;              /* its entry among the lock's waits */
    uint64_t asleep_since;    /* Go's mutex: its place among the sleepers, from 1; 0: not asleep */
};

struct wait {
    uint64_t came, got; /* got: UINT64_MAX while it waits */
    unsigned who;
};

struct reference_lock {
    bool held;
    unsigned key; /* 0: free, 1: held, 2: held, and somebody may sleep */
    uint64_t since, sleepers;
    uint64_t acquisitions, held_ns;
    size_t wait_count, longest;
    struct wait waits[WAITS]; /* of all that ever waited, in the order that they came in */
};

struct reference {
    const struct plan *plan;
    struct outcome *out;
    struct machine machines[PROCESSES];
    unsigned spawned;
    struct reference_lock locks[LOCKS];
};

static void happens(struct machine *m, enum step step, int rank)
{
    m->step = step;
    m->rank = rank;
}

static void spawn_machine(struct reference *r, uint64_t start)
{
    struct machine *m = &r->machines[r->spawned];
    *m = (struct machine){.now = start, .at = r->plan->code[r->spawned], .queue = -1};
    happens(m, BEGINS, ANY_OTHER);
    r->spawned++;
}

/* The next event of all; -1: there is none. */
static int earliest(const struct reference *r)
{
    int first = -1;
    for (int i = 0; i < (int)r->spawned; i++) {
        const struct machine *m = &r->machines[i], *f = &r->machines[first < 0 ? i : first];
        if (m->step != NOTHING &&
            (first < 0 || m->now < f->now || (m->now == f->now && m->rank < f->rank)))
            first = i;
    }
    return first;
}

static void got(struct reference *r, int id, struct reference_lock *lock, const struct machine *m)
{
    lock->held = true;
    lock->since = m->now;
    note(r->out, (uint32_t)id, m->now, LOCK, true);
}

static void begin_wait(struct reference_lock *lock, int id, struct machine *m)
{
    assert_true(lock->wait_count < WAITS);
    size_t queue = 1;
    for (size_t i = 0; i < lock->wait_count; i++)
        queue += lock->waits[i].got > m->now;
    if (queue > lock->longest)
        lock->longest = queue;
    m->wait = lock->wait_count++;
    lock->waits[m->wait] = (struct wait){m->now, UINT64_MAX, (unsigned)id};
}

/* First come, first served: to the first of the waits that has no end yet, if there is one. */
static void pass_on(struct reference *r, struct reference_lock *lock, uint64_t at)
{
    for (size_t i = 0; i < lock->wait_count; i++)
        if (lock->waits[i].got == UINT64_MAX) {
            lock->waits[i].got = at;
            lock->held = true; /* nobody else gets it before */
            r->machines[lock->waits[i].who].now = at;
            happens(&r->machines[lock->waits[i].who], GETS_IT, ANY_OTHER);
            return;
        }
}

/* Go's mutex: takes it if it is free, or lets time pass until the next look. True if it has got it. */
static bool look_at(struct reference *r, int id, struct reference_lock *lock, const struct lock_costs *costs)
{
    struct machine *m = &r->machines[id];
    if (lock->key == 0) {
        lock->key = m->wait_key;
    } else if (m->looks < 5) {
        m->now += m->looks++ < 4 ? costs->spin : costs->yield;
        happens(m, LOOKS, ANY_OTHER);
        return false;
    }
    lock->waits[m->wait].got = m->now;
    got(r, id, lock, m);
    return true;
}

/* The look after the fifth in vain: the key says from now on that somebody sleeps. */
static bool look_again(struct reference *r, int id, struct reference_lock *lock, const struct lock_costs *costs)
{
    struct machine *m = &r->machines[id];
    if (m->looks < 5)
        return look_at(r, id, lock, costs);
    m->wait_key = 2;
    if (lock->key == 0)
        return look_at(r, id, lock, costs);
    lock->key = 2;
    m->now += costs->sleep;
    happens(m, FALLS_ASLEEP, ANY_OTHER);
    return false;
}

static bool arrive(struct reference *r, int id, struct reference_lock *lock, enum lock_policy policy,
                   const struct lock_costs *costs)
{
    struct machine *m = &r->machines[id];
    unsigned key = lock->key;
    bool must_wait = policy == LOCK_GO ? key != 0 : lock->held;
    lock->acquisitions++;
    lock->key = 1;
    if (!must_wait) {
        got(r, id, lock, m);
        return true;
    }
    begin_wait(lock, id, m);
    m->looks = 0;
    m->wait_key = key;
    return policy == LOCK_GO && look_at(r, id, lock, costs);
}

static void wake_sleeper(struct reference *r, unsigned which, uint64_t at)
{
    struct machine *first = NULL;
    for (unsigned i = 0; i < r->spawned; i++) {
        struct machine *m = &r->machines[i];
        if (m->asleep_since && m->at->which == which && (!first || m->asleep_since < first->asleep_since))
            first = m;
    }
    if (!first)
        return;
    first->asleep_since = 0;
    first->looks = 0;
    first->now = at;
    happens(first, LOOKS, ANY_OTHER);
}

static void release(struct reference *r, int id, unsigned which)
{
    struct reference_lock *lock = &r->locks[which];
    const struct lock_costs *costs = &r->plan->costs[which];
    struct machine *m = &r->machines[id];
    unsigned key = lock->key;
    lock->held_ns += m->now - lock->since;
    lock->held = false;
    lock->key = 0;
    if (r->plan->policy[which] == LOCK_FIFO) {
        pass_on(r, lock, m->now + costs->handoff);
    } else if (key == 2) {
        wake_sleeper(r, which, m->now + costs->wake);
        m->now += costs->sleep;
        m->moved |= costs->sleep > 0;
    }
    note(r->out, (uint32_t)id, m->now, UNLOCK, false);
}

static void wake_queue(struct reference *r, int queue, uint64_t now)
{
    for (unsigned i = 0; i < r->spawned; i++)
        if (r->machines[i].queue == queue) {
            r->machines[i].queue = -1;
            r->machines[i].now = now;
            happens(&r->machines[i], WAKES_UP, ANY_OTHER);
        }
}

/* Its turn has come. True if it goes on with the next instruction at once. */
static bool meets(struct reference *r, int id)
{
    struct machine *m = &r->machines[id];
    note(r->out, (uint32_t)id, m->now, m->at->op, true);
    switch (m->at->op) {
    case PARK:
        m->queue = (int)m->at->which;
        return false;
    case WAKE:
        wake_queue(r, (int)m->at->which, m->now);
        return true;
    case SLEEP:
        m->asleep = true;
        m->now += m->at->ns;
        happens(m, WAKES_UP, ANY_OTHER);
        return false;
    case HASTEN:
        if (r->machines[m->at->which].asleep && r->machines[m->at->which].now > m->now)
            r->machines[m->at->which].now = m->now;
        return true;
    case SPAWN:
        if (r->spawned < r->plan->processes)
            spawn_machine(r, m->now);
        return true;
    default: /* THINK */
        return true;
    }
}

/* The event. True if the process goes on with the next instruction at once. */
static bool take_place(struct reference *r, int id, enum step step)
{
    struct machine *m = &r->machines[id];
    unsigned which = m->at->which < LOCKS ? m->at->which : 0;
    struct reference_lock *lock = &r->locks[which];
    const struct lock_costs *costs = &r->plan->costs[which];
    switch (step) {
    case GOES_ON:
        return meets(r, id);
    case ARRIVES:
        return arrive(r, id, lock, r->plan->policy[which], costs);
    case GETS_IT:
        got(r, id, lock, m);
        return true;
    case LOOKS:
        return look_again(r, id, lock, costs);
    case FALLS_ASLEEP:
        if (lock->key == 2) {
            m->asleep_since = ++lock->sleepers;
            return false;
        }
        m->looks = 0;
        return look_at(r, id, lock, costs);
    case RELEASES:
        release(r, id, which);
        return true;
    default: /* WAKES_UP */
        m->asleep = false;
        note(r->out, (uint32_t)id, m->now, UNPARKED, true);
        return true;
    }
}

/* On with the program until it has to meet others, which is its next event. */
static void proceed(struct reference *r, int id)
{
    struct machine *m = &r->machines[id];
    for (; m->at->op != END; m->at++) {
        if (m->at->op == UNLOCK) {
            bool fifo = r->plan->policy[m->at->which] == LOCK_FIFO;
            if (m->moved || !fifo) { /* else it is still the same event */
                happens(m, RELEASES, fifo ? ENDS_A_HOLD : ANY_OTHER);
                return;
            }
            release(r, id, m->at->which);
            continue;
        }
        if (m->at->op == RUN || m->at->op == THINK) {
            m->now += m->at->ns;
            m->moved |= m->at->ns > 0;
        }
        if (m->at->op == LOCK)
            m->now += r->plan->costs[m->at->which].acquire;
        if (m->at->op != RUN) {
            happens(m, m->at->op == LOCK ? ARRIVES : GOES_ON, ANY_OTHER);
            return;
        }
    }
    note(r->out, (uint32_t)id, m->now, END, false);
}

static void run_reference(const struct plan *plan, struct outcome *out)
{
    static struct reference r;
    memset(&r, 0, sizeof r);
    r.plan = plan;
    r.out = out;
    while (r.spawned < plan->at_first)
        spawn_machine(&r, plan->start[r.spawned]);
    for (int id; (id = earliest(&r)) >= 0;) {
        struct machine *m = &r.machines[id];
        enum step step = m->step;
        m->step = NOTHING;
        m->moved = false;
        if (step == BEGINS) {
            note(out, (uint32_t)id, m->now, BEGIN, true);
            proceed(&r, id);
        } else if (take_place(&r, id, step)) {
            m->at++;
            proceed(&r, id);
        }
    }
    for (unsigned i = 0; i < LOCKS; i++) {
        const struct reference_lock *lock = &r.locks[i];
        out->locks[i].acquisitions = lock->acquisitions;
        out->locks[i].contended = lock->wait_count;
        out->locks[i].hold_ns = lock->held_ns;
        out->locks[i].longest_queue = lock->longest;
        for (size_t w = 0; w < lock->wait_count; w++)
            if (lock->waits[w].got != UINT64_MAX)
                histogram_add(&out->locks[i].wait, lock->waits[w].got - lock->waits[w].came);
    }
}

#endif
