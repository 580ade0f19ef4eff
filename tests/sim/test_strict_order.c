/* Strict order is strict. Random programs of up to 64 processes run twice: as coroutines in the engine, at quantum 0,
 * and as step machines in a reference that knows only this: of all events to come, look at every one, take the
 * earliest (ties: what ends a hold first, then the lower number), let it happen, and begin again. What each process
 * did and when, in which order they did it, and what the locks say of themselves must be the same to the byte.
 *
 *     struct plan --run_engine---> coroutines, ready heap, sim/engine's locks ---> struct outcome
 *                \--run_reference--> one event at a time, locks of its own --------> struct outcome
 */
#include "model/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PROCESSES = 64, LOCKS = 3, QUEUES = 3, LONGEST = 48, PLANS = 4000 };
enum { NOTES = 2 * LONGEST + 2, WAITS = PROCESSES * LONGEST };

enum op {
    THINK,  /* time passes, then it meets the others */
    RUN,    /* time passes that nobody sees: the clock runs ahead */
    LOCK,   /* takes a lock */
    UNLOCK, /* releases it */
    PARK,   /* until somebody wakes those in a queue */
    WAKE,   /* wakes all of them */
    SLEEP,  /* for a time, unless it is hastened */
    HASTEN, /* ends another's sleep */
    SPAWN,  /* brings the next process into being */
    END
};

struct instruction {
    enum op op;
    unsigned which; /* lock, queue or process */
    uint64_t ns;
};

struct plan {
    unsigned processes, at_first; /* the others are spawned by and by, or never */
    uint64_t start[PROCESSES];    /* of those there at first */
    struct instruction code[PROCESSES][LONGEST]; /* to END */
    enum lock_policy policy[LOCKS];
    struct lock_costs costs[LOCKS];
};

/* What a process did. No padding: these are compared as bytes. */
struct note {
    uint64_t time;
    uint64_t what;
    uint64_t order; /* how many met others before, of all processes; 0 where its clock may have run ahead */
};

struct outcome {
    struct note notes[PROCESSES][NOTES];
    unsigned note_count[PROCESSES];
    uint64_t order;
    struct {
        uint64_t acquisitions, contended, hold_ns, longest_queue;
        struct histogram wait;
    } locks[LOCKS];
};

static void note(struct outcome *out, uint32_t id, uint64_t time, unsigned what, bool meets)
{
    assert_true(out->note_count[id] < NOTES);
    out->notes[id][out->note_count[id]++] = (struct note){time, what, meets ? ++out->order : 0};
}

enum { BEGIN = END + 1, UNPARKED };

/* --- random plans -------------------------------------------------------------------------------------- */

static uint32_t draw(uint64_t *random, uint32_t below)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*random >> 33) % below);
}

/* Short times and few of them, so that things happen at the same time. */
static uint64_t draw_ns(uint64_t *random)
{
    static const uint64_t some[] = {0, 0, 1, 1, 2, 3, 5, 5, 10, 40};
    return some[draw(random, sizeof some / sizeof some[0])];
}

/* What comes next for a process that holds the locks of a set; taken in ascending order, so that it cannot end in
 * everyone waiting for each other. */
static struct instruction draw_instruction(uint64_t *random, const struct plan *plan, unsigned held)
{
    static const enum op some[] = {THINK, THINK, THINK, RUN, RUN, RUN, LOCK, LOCK, LOCK, LOCK, LOCK, LOCK, UNLOCK,
                                   UNLOCK, UNLOCK, UNLOCK, PARK, WAKE, WAKE, SLEEP, HASTEN, SPAWN};
    struct instruction i = {.op = some[draw(random, sizeof some / sizeof some[0])], .ns = draw_ns(random)};
    unsigned lock = draw(random, LOCKS);
    if (i.op == LOCK && held >> lock)
        i.op = RUN;
    if (i.op == UNLOCK && !(held >> lock & 1))
        i.op = RUN;
    if (i.op == PARK && held && draw(random, 64))
        i.op = WAKE;
    i.which = i.op == LOCK || i.op == UNLOCK ? lock
              : i.op == HASTEN               ? draw(random, plan->processes)
                                             : draw(random, QUEUES);
    return i;
}

static void draw_code(uint64_t *random, const struct plan *plan, struct instruction *code)
{
    unsigned held = 0, n = 0, length = draw(random, LONGEST - LOCKS - QUEUES);
    while (n < length) {
        code[n] = draw_instruction(random, plan, held);
        held |= code[n].op == LOCK ? 1u << code[n].which : 0;
        held &= code[n].op == UNLOCK ? ~(1u << code[n].which) : ~0u;
        n++;
    }
    for (unsigned lock = 0; lock < LOCKS; lock++)
        if (held >> lock & 1)
            code[n++] = (struct instruction){.op = UNLOCK, .which = lock};
    for (unsigned queue = 0; queue < QUEUES; queue++)
        code[n++] = (struct instruction){.op = WAKE, .which = queue};
    code[n] = (struct instruction){.op = END};
}

static void draw_plan(uint64_t seed, struct plan *plan)
{
    uint64_t random = seed * UINT64_C(0x9e3779b97f4a7c15);
    memset(plan, 0, sizeof *plan);
    plan->processes = 1 + draw(&random, PROCESSES);
    plan->at_first = plan->processes - draw(&random, plan->processes / 2 + 1);
    for (unsigned i = 0; i < plan->processes; i++) {
        plan->start[i] = draw_ns(&random);
        draw_code(&random, plan, plan->code[i]);
    }
    for (unsigned i = 0; i < LOCKS; i++) {
        plan->policy[i] = draw(&random, 2) ? LOCK_GO : LOCK_FIFO;
        plan->costs[i] = (struct lock_costs){draw_ns(&random), draw_ns(&random), draw_ns(&random),
                                             draw_ns(&random), draw_ns(&random), draw_ns(&random)};
    }
}

/* --- in the engine ------------------------------------------------------------------------------------- */

struct actor {
    struct process process;
    struct stage *stage;
    bool asleep;
};

struct stage {
    const struct plan *plan;
    struct outcome *out;
    struct engine engine;
    struct lock locks[LOCKS];
    struct process *queues[QUEUES];
    struct actor actors[PROCESSES];
    unsigned spawned;
};

static void act(struct process *me, void *arg);

static void spawn(struct stage *stage, uint64_t start)
{
    struct actor *actor = &stage->actors[stage->spawned];
    actor->stage = stage;
    assert_true(engine_spawn(&stage->engine, &actor->process, stage->spawned++, start, act, actor));
}

static void sleep_for(struct actor *actor, uint64_t ns)
{
    actor->asleep = true;
    actor->process.now += ns;
    process_sync(&actor->process);
    actor->asleep = false;
}

/* Those that have to do with others; the process is the earliest. */
static void meet(struct actor *actor, const struct instruction *i)
{
    struct stage *stage = actor->stage;
    struct process *me = &actor->process;
    switch (i->op) {
    case PARK:
        queue_park(&stage->queues[i->which], me);
        note(stage->out, me->id, me->now, UNPARKED, true);
        break;
    case WAKE:
        queue_wake(&stage->queues[i->which], me->now);
        break;
    case SLEEP:
        sleep_for(actor, i->ns);
        note(stage->out, me->id, me->now, UNPARKED, true);
        break;
    case HASTEN:
        if (stage->actors[i->which].asleep)
            process_hasten(&stage->actors[i->which].process, me->now);
        break;
    case SPAWN:
        if (stage->spawned < stage->plan->processes)
            spawn(stage, me->now);
        break;
    default:
        fail();
    }
}

static void act(struct process *me, void *arg)
{
    struct actor *actor = arg;
    struct stage *stage = actor->stage;
    note(stage->out, me->id, me->now, BEGIN, true);
    for (const struct instruction *i = stage->plan->code[me->id]; i->op != END; i++) {
        switch (i->op) {
        case THINK:
            me->now += i->ns;
            process_pace(me);
            note(stage->out, me->id, me->now, THINK, true);
            break;
        case RUN:
            me->now += i->ns;
            break;
        case LOCK:
            lock_acquire(&stage->locks[i->which], me);
            note(stage->out, me->id, me->now, LOCK, true);
            break;
        case UNLOCK:
            lock_release(&stage->locks[i->which], me);
            note(stage->out, me->id, me->now, UNLOCK, false);
            break;
        default:
            process_sync(me);
            note(stage->out, me->id, me->now, i->op, true);
            meet(actor, i);
            break;
        }
    }
    note(stage->out, me->id, me->now, END, false);
}

static void run_engine(const struct plan *plan, struct outcome *out)
{
    static struct stage stage;
    memset(&stage, 0, sizeof stage);
    stage.plan = plan;
    stage.out = out;
    engine_init(&stage.engine, 0);
    for (unsigned i = 0; i < LOCKS; i++)
        lock_init(&stage.locks[i], plan->policy[i], &plan->costs[i]);
    while (stage.spawned < plan->at_first)
        spawn(&stage, plan->start[stage.spawned]);
    engine_run(&stage.engine);
    for (unsigned i = 0; i < stage.spawned; i++)
        process_destroy(&stage.actors[i].process);
    engine_destroy(&stage.engine);
    for (unsigned i = 0; i < LOCKS; i++) {
        out->locks[i].acquisitions = stage.locks[i].acquisitions;
        out->locks[i].contended = stage.locks[i].contended;
        out->locks[i].hold_ns = stage.locks[i].hold_ns;
        out->locks[i].longest_queue = stage.locks[i].longest_queue;
        out->locks[i].wait = stage.locks[i].wait;
    }
}

/* --- the reference ------------------------------------------------------------------------------------- */

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

/* --- both ---------------------------------------------------------------------------------------------- */

/* Says where they part: the whole is too much to look at. */
static void compare(uint64_t seed, const struct outcome *engine, const struct outcome *reference)
{
    for (unsigned p = 0; p < PROCESSES; p++)
        for (unsigned n = 0; n < NOTES; n++) {
            const struct note *e = &engine->notes[p][n], *r = &reference->notes[p][n];
            if (memcmp(e, r, sizeof *e) != 0)
                fail_msg("plan %llu, process %u, note %u: time %llu, what %llu, order %llu; the reference has %llu, "
                         "%llu, %llu",
                         (unsigned long long)seed, p, n, (unsigned long long)e->time, (unsigned long long)e->what,
                         (unsigned long long)e->order, (unsigned long long)r->time, (unsigned long long)r->what,
                         (unsigned long long)r->order);
        }
    for (unsigned i = 0; i < LOCKS; i++)
        if (memcmp(&engine->locks[i], &reference->locks[i], sizeof engine->locks[i]) != 0)
            fail_msg("plan %llu: lock %u has other totals than in the reference", (unsigned long long)seed, i);
    assert_memory_equal(engine, reference, sizeof *engine);
}

static void test_random_plans(void **state)
{
    (void)state;
    static struct plan plan;
    static struct outcome engine, reference;
    uint64_t ends = 0, contended[2] = {0};
    for (uint64_t seed = 1; seed <= PLANS; seed++) {
        draw_plan(seed, &plan);
        memset(&engine, 0, sizeof engine);
        memset(&reference, 0, sizeof reference);
        run_engine(&plan, &engine);
        run_reference(&plan, &reference);
        compare(seed, &engine, &reference);
        for (unsigned p = 0; p < plan.processes; p++)
            ends += engine.note_count[p] && engine.notes[p][engine.note_count[p] - 1].what == END;
        for (unsigned i = 0; i < LOCKS; i++)
            contended[plan.policy[i] == LOCK_GO] += engine.locks[i].contended;
    }
    /* the plans are worth running: most processes come to their end, and both policies make them wait */
    assert_true(ends > PLANS * 16);
    assert_true(contended[0] > PLANS * 20 && contended[1] > PLANS * 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_plans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
