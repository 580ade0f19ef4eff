/* A process that goes by steps does what the same process does that runs in one piece. */
#include "engine/engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { WALKERS = 12, STEPS = 40, SEEN = WALKERS * STEPS };

struct walker {
    struct process process;
    uint64_t seed;
    int done;
    struct diary *diary;
};

/* Who was where when, and who waits in the middle of a step for another to wake it. */
struct diary {
    struct { uint32_t id; uint64_t now; } seen[SEEN];
    int count;
    struct process *waiting;
};

/* A step takes 1 to 50 ns, and now and then waits for whoever comes next. */
static void walk(struct walker *w)
{
    struct process *me = &w->process;
    struct diary *d = w->diary;
    w->seed = w->seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    d->seen[d->count].id = me->id;
    d->seen[d->count++].now = me->now;
    if (d->waiting) {
        process_wake(d->waiting, me->now);
        d->waiting = NULL;
    } else if (w->seed >> 61 == 0 && d->count < SEEN - WALKERS) {
        d->waiting = me;
        process_park(me);
    }
    me->now += 1 + (w->seed >> 40) % 50;
    if (w->seed >> 62 == 3)
        process_sync(me);
}

static void run_whole(struct process *me, void *arg)
{
    struct walker *w = arg;
    for (; w->done < STEPS; w->done++) {
        walk(w);
        process_pace(me);
    }
}

static bool run_step(struct process *me, void *arg)
{
    struct walker *w = arg;
    do {
        if (w->done == STEPS)
            return false;
        walk(w);
        w->done++;
    } while (!process_is_ahead(me));
    return true;
}

/* `steppers` is a bit a walker. */
static void run(struct diary *d, uint64_t seed, uint32_t steppers, uint64_t quantum)
{
    struct walker w[WALKERS];
    struct engine engine;
    engine_init(&engine, quantum);
    d->count = 0;
    d->waiting = NULL;
    for (uint32_t i = 0; i < WALKERS; i++) {
        w[i] = (struct walker){.seed = seed * WALKERS + i, .diary = d};
        assert_true(steppers >> i & 1 ? engine_spawn_steps(&engine, &w[i].process, i, i % 3, run_step, &w[i])
                                      : engine_spawn(&engine, &w[i].process, i, i % 3, run_whole, &w[i]));
    }
    engine_run(&engine);
    for (uint32_t i = 0; i < WALKERS; i++)
        process_destroy(&w[i].process);
    engine_destroy(&engine);
}

static void test_steps(void **state)
{
    (void)state;
    static const uint32_t steppers[] = {0xfff, 0x555, 0x001, 0xffe};
    static struct diary whole, stepped;
    for (uint64_t seed = 1; seed <= 100; seed++)
        for (int i = 0; i < 4; i++) {
            uint64_t quantum = seed % 2 * 30;
            run(&whole, seed, 0, quantum);
            run(&stepped, seed, steppers[i], quantum);
            assert_true(whole.count > SEEN - WALKERS * 2);
            assert_int_equal(whole.count, stepped.count);
            for (int k = 0; k < whole.count; k++) {
                assert_int_equal(whole.seen[k].id, stepped.seen[k].id);
                assert_int_equal(whole.seen[k].now, stepped.seen[k].now);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_steps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
