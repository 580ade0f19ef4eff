/* Strict order is strict. Random programs of up to 64 processes run twice: as coroutines in the engine, at quantum 0,
 * and as step machines in a reference that knows only this: of all events to come, look at every one, take the
 * earliest (ties: what ends a hold first, then the lower number), let it happen, and begin again. What each process
 * did and when, in which order they did it, and what the locks say of themselves must be the same to the byte.
 *
 *     struct plan --run_engine---> coroutines, ready heap, sim/engine's locks ---> struct outcome
 *                \--run_reference--> one event at a time, locks of its own --------> struct outcome
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/sim.h"
#include "strict_plan.h"
#include "strict_reference.h"

enum { PLANS = 4000 };

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
