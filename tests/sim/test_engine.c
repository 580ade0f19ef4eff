/* The engine: order of processes, and locks whose waits are worked out by hand. */
#include "engine/lock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 64 };

struct script {
    struct process process;
    struct lock *lock;
    uint64_t first, think, service; /* ns: when it comes first, between, and how long it holds the lock */
    int rounds;
    uint64_t got[MOST]; /* when it got the lock, round by round */
    uint64_t end;
};

static void use_lock(struct process *me, void *arg)
{
    struct script *s = arg;
    for (int i = 0; i < s->rounds; i++) {
        me->now += i ? s->think : 0;
        lock_acquire(s->lock, me);
        s->got[i] = me->now;
        me->now += s->service;
        lock_release(s->lock, me);
    }
    s->end = me->now;
}

static void run(struct script *scripts, uint32_t n, struct lock *lock, uint64_t quantum)
{
    struct engine engine;
    engine_init(&engine, quantum);
    for (uint32_t i = 0; i < n; i++) {
        scripts[i].lock = lock;
        assert_true(engine_spawn(&engine, &scripts[i].process, i, scripts[i].first, use_lock, &scripts[i]));
    }
    engine_run(&engine);
    for (uint32_t i = 0; i < n; i++) {
        assert_true(scripts[i].process.finished);
        process_destroy(&scripts[i].process);
    }
    engine_destroy(&engine);
}

/* Two hammer one lock; A holds it for 100, B for 70.
 *   A 0-100   B 100-170   A 170-270   B 270-340   A 340-440   B 440-510
 * A waits 0, 70, 70; B waits 100 each time. */
static void test_two_by_hand(void **state)
{
    (void)state;
    struct lock lock;
    lock_init(&lock, LOCK_FIFO, &(struct lock_costs){0});
    struct script s[2] = {{.service = 100, .rounds = 3}, {.service = 70, .rounds = 3}};
    run(s, 2, &lock, 0);
    const uint64_t a[] = {0, 170, 340}, b[] = {100, 270, 440};
    assert_memory_equal(s[0].got, a, sizeof a);
    assert_memory_equal(s[1].got, b, sizeof b);
    assert_int_equal(s[0].end, 440);
    assert_int_equal(s[1].end, 510);
    assert_int_equal(lock.acquisitions, 6);
    assert_int_equal(lock.contended, 5);
    assert_int_equal(lock.wait.sum, 70 + 70 + 3 * 100);
    assert_int_equal(lock.wait.max, 100);
    assert_int_equal(lock.hold_ns, 3 * 100 + 3 * 70);
    assert_int_equal(lock.longest_queue, 1);
}

/* Taking costs 5 before the queue is joined, passing on costs 10.
 *   A asks at 5, holds 5-55; asks again at 60. B asks at 5, gets it at 55+10, holds 65-95, asks again at 100.
 *   A (asked at 60) gets it at 105, holds 105-155. B (asked at 100) gets it at 165, holds 165-195. */
static void test_costs_by_hand(void **state)
{
    (void)state;
    struct lock lock;
    lock_init(&lock, LOCK_FIFO, &(struct lock_costs){.acquire = 5, .handoff = 10});
    struct script s[2] = {{.service = 50, .rounds = 2}, {.service = 30, .rounds = 2}};
    run(s, 2, &lock, 0);
    const uint64_t a[] = {5, 105}, b[] = {65, 165};
    assert_memory_equal(s[0].got, a, sizeof a);
    assert_memory_equal(s[1].got, b, sizeof b);
    assert_int_equal(lock.wait.sum, 60 + 45 + 65);
}

/* Arrivals 0, 10, 20, 30 at a lock held for 100 each: first come, first served; waits 0, 90, 180, 270. */
static void test_queue_order(void **state)
{
    (void)state;
    struct lock lock;
    lock_init(&lock, LOCK_FIFO, &(struct lock_costs){0});
    /* ids run against the order of arrival */
    struct script s[4] = {{.first = 30, .service = 100, .rounds = 1},
                          {.first = 20, .service = 100, .rounds = 1},
                          {.first = 10, .service = 100, .rounds = 1},
                          {.first = 0, .service = 100, .rounds = 1}};
    run(s, 4, &lock, 0);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(s[i].got[0], (3 - i) * 100);
    assert_int_equal(lock.wait.sum, 90 + 180 + 270);
    assert_int_equal(lock.longest_queue, 3);
}

/* Who comes at the same moment is served by number; who comes just as the lock is released need not wait. */
static void test_ties(void **state)
{
    (void)state;
    struct lock lock;
    lock_init(&lock, LOCK_FIFO, &(struct lock_costs){0});
    struct script s[3] = {{.first = 0, .service = 50, .rounds = 1},
                          {.first = 0, .service = 50, .rounds = 1},
                          {.first = 100, .service = 50, .rounds = 1}};
    run(s, 3, &lock, 0);
    assert_int_equal(s[0].got[0], 0);
    assert_int_equal(s[1].got[0], 50);
    assert_int_equal(s[2].got[0], 100);
    assert_int_equal(lock.contended, 1);
}

/* Locks are meetings: how far Ps may run ahead in between does not change who gets them when. */
static void test_quantum_does_not_matter_for_locks(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct script s[2][8];
        struct lock lock[2];
        for (int k = 0; k < 2; k++) {
            uint64_t r = seed;
            lock_init(&lock[k], LOCK_FIFO, &(struct lock_costs){.acquire = 3, .handoff = 7});
            for (int i = 0; i < 8; i++) {
                r = r * UINT64_C(6364136223846793005) + 1442695040888963407u;
                s[k][i] = (struct script){.first = (r >> 40) % 200,
                                          .think = (r >> 50) % 100,
                                          .service = (r >> 30) % 60,
                                          .rounds = MOST};
            }
            run(s[k], 8, &lock[k], k ? 1000 : 0);
        }
        for (int i = 0; i < 8; i++)
            assert_memory_equal(s[0][i].got, s[1][i].got, sizeof s[0][i].got);
        assert_int_equal(lock[0].wait.sum, lock[1].wait.sum);
    }
}

/* --- running ahead ------------------------------------------------------------------------------------- */

struct walker {
    struct process process;
    uint64_t step, ahead; /* how far it was ahead of the other at most */
    const struct process *other;
};

static void walk(struct process *me, void *arg)
{
    struct walker *w = arg;
    for (int i = 0; i < 1000; i++) {
        me->now += w->step;
        process_pace(me);
        if (!w->other->finished && me->now > w->other->now && me->now - w->other->now > w->ahead)
            w->ahead = me->now - w->other->now;
    }
}

static uint64_t furthest_ahead(uint64_t quantum)
{
    struct engine engine;
    struct walker w[2] = {{.step = 3}, {.step = 7}};
    engine_init(&engine, quantum);
    for (uint32_t i = 0; i < 2; i++) {
        w[i].other = &w[1 - i].process;
        assert_true(engine_spawn(&engine, &w[i].process, i, 0, walk, &w[i]));
    }
    engine_run(&engine);
    process_destroy(&w[0].process);
    process_destroy(&w[1].process);
    engine_destroy(&engine);
    return w[0].ahead > w[1].ahead ? w[0].ahead : w[1].ahead;
}

/* At quantum 0 whoever goes on is the earliest. */
static void test_quantum(void **state)
{
    (void)state;
    assert_int_equal(furthest_ahead(0), 0);
    uint64_t ahead = furthest_ahead(100);
    assert_true(ahead > 80 && ahead <= 100);
}

struct sleeper {
    struct process process, waker;
    uint64_t until, woken_at; /* it sleeps from 0 until then; at some time somebody wants it to go on at `hasten` */
    uint64_t hasten;
};

static void sleep_once(struct process *me, void *arg)
{
    struct sleeper *s = arg;
    me->now = s->until;
    process_sync(me);
    s->woken_at = me->now;
}

static void hasten_once(struct process *me, void *arg)
{
    struct sleeper *s = arg;
    me->now = 10;
    process_sync(me);
    process_hasten(&s->process, s->hasten);
}

/* A sleep is shortened, never made longer, and what was not asleep is left alone. */
static void test_hasten(void **state)
{
    (void)state;
    static const uint64_t wanted[][3] = {{100, 40, 40}, {100, 10, 10}, {100, 200, 100}, {5, 30, 5}};
    for (int i = 0; i < 4; i++) {
        struct sleeper s = {.until = wanted[i][0], .hasten = wanted[i][1]};
        struct engine engine;
        engine_init(&engine, 0);
        assert_true(engine_spawn(&engine, &s.process, 0, 0, sleep_once, &s));
        assert_true(engine_spawn(&engine, &s.waker, 1, 0, hasten_once, &s));
        engine_run(&engine);
        assert_int_equal(s.woken_at, wanted[i][2]);
        process_destroy(&s.process);
        process_destroy(&s.waker);
        engine_destroy(&engine);
    }
}

static void test_histogram(void **state)
{
    (void)state;
    static struct histogram h;
    assert_int_equal(histogram_quantile(&h, 0.5), 0);
    for (uint64_t v = 1; v <= 1000; v++)
        histogram_add(&h, v);
    assert_int_equal(h.sum, 500500);
    assert_in_range(histogram_quantile(&h, 0.5), 500, 515);
    assert_in_range(histogram_quantile(&h, 0.99), 990, 1000);
    assert_int_equal(histogram_quantile(&h, 1), 1000);
    histogram_add(&h, UINT64_MAX);
    assert_int_equal(histogram_quantile(&h, 1), UINT64_MAX);
    for (uint64_t v = 1; v < UINT64_MAX / 3; v = v * 3 + 1)
        assert_true(histogram_bucket(v) < HISTOGRAM_BUCKETS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_by_hand),
        cmocka_unit_test(test_costs_by_hand),
        cmocka_unit_test(test_queue_order),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_quantum_does_not_matter_for_locks),
        cmocka_unit_test(test_quantum),
        cmocka_unit_test(test_hasten),
        cmocka_unit_test(test_histogram),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
