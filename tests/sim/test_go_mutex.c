/* The Go runtime's mutex in virtual time: who spins, who sleeps and who is faster, by hand; at random, that one holds
 * it at a time and that nobody sleeps for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "run_trace.h"

enum { MOST = 64, ROUNDS = 40 };

struct script {
    struct process process;
    struct lock *lock;
    int *inside;                     /* how many hold the lock */
    uint64_t first, think, service;  /* ns: when it comes first, between, and how long it holds the lock */
    int rounds;
    uint64_t got[ROUNDS], end;
};

static void use_lock(struct process *me, void *arg)
{
    struct script *s = arg;
    for (int i = 0; i < s->rounds; i++) {
        me->now += i ? s->think : 0;
        lock_acquire(s->lock, me);
        assert_int_equal(++*s->inside, 1);
        s->got[i] = me->now;
        me->now += s->service;
        process_sync(me); /* lets everybody else try meanwhile */
        assert_int_equal(--*s->inside, 0);
        lock_release(s->lock, me);
    }
    s->end = me->now;
}

static void run(struct script *scripts, uint32_t n, struct lock *lock)
{
    struct engine engine;
    int inside = 0;
    engine_init(&engine, 0);
    for (uint32_t i = 0; i < n; i++) {
        scripts[i].lock = lock;
        scripts[i].inside = &inside;
        assert_true(engine_spawn(&engine, &scripts[i].process, i, scripts[i].first, use_lock, &scripts[i]));
    }
    engine_run(&engine);
    for (uint32_t i = 0; i < n; i++) {
        assert_true(scripts[i].process.finished); /* nobody was forgotten */
        process_destroy(&scripts[i].process);
    }
    engine_destroy(&engine);
    assert_null(lock->first);
    assert_null(lock->holder);
    assert_int_equal(lock->waiting, 0);
}

/* --- by hand: A comes at 0 and B at 3 -------------------------------------------------------------------- */

static const struct lock_costs costs = {.spin = 10, .yield = 20, .sleep = 5, .wake = 100};

/* A holds it until 25. B looks at 3, 13, 23 and 33, and has it. It has never been said that somebody sleeps, so no
 * call is made to wake anybody. */
static void test_got_while_spinning(void **state)
{
    (void)state;
    struct lock lock;
    lock_init(&lock, LOCK_GO, &costs);
    struct script s[2] = {{.first = 0, .service = 25, .rounds = 1}, {.first = 3, .service = 40, .rounds = 1}};
    run(s, 2, &lock);
    assert_int_equal(s[0].end, 25);
    assert_int_equal(s[1].got[0], 33);
    assert_int_equal(s[1].end, 73);
    assert_int_equal(lock.acquisitions, 2);
    assert_int_equal(lock.contended, 1);
    assert_int_equal(lock.wait.count, 1);
    assert_int_equal(lock.wait.sum, 30);
    assert_int_equal(lock.hold_ns, 25 + 40);
    assert_int_equal(lock.longest_queue, 1);
}

/* A holds it until 200. B looks at 3, 13, 23 and 33, at 43 for the last time before it gives way for 20, says at 63
 * that it sleeps and is asleep at 68. A wakes it at 200, which takes A 5 and B 100. B does not know that nobody else
 * sleeps: its own release makes a call for nothing. */
static void test_slept_and_woken(void **state)
{
    (void)state;
    struct lock lock;
    lock_init(&lock, LOCK_GO, &costs);
    struct script s[2] = {{.first = 0, .service = 200, .rounds = 1}, {.first = 3, .service = 40, .rounds = 1}};
    run(s, 2, &lock);
    assert_int_equal(s[0].end, 205);
    assert_int_equal(s[1].got[0], 300);
    assert_int_equal(s[1].end, 345);
    assert_int_equal(lock.wait.sum, 297);
    assert_int_equal(lock.hold_ns, 200 + 40);
}

/* The same, and C comes at 250, while B wakes up: the lock is free, C need not wait, and holds it until 315. B looks
 * at 300 and 310, and has it at 320. C has taken it as one that nobody sleeps on, so its release calls nobody. */
static void test_overtaken_while_waking_up(void **state)
{
    (void)state;
    struct lock lock;
    lock_init(&lock, LOCK_GO, &costs);
    struct script s[3] = {{.first = 0, .service = 200, .rounds = 1},
                          {.first = 3, .service = 40, .rounds = 1},
                          {.first = 250, .service = 65, .rounds = 1}};
    run(s, 3, &lock);
    assert_int_equal(s[2].got[0], 250);
    assert_int_equal(s[2].end, 315);
    assert_int_equal(s[1].got[0], 320);
    assert_int_equal(s[1].end, 365);
    assert_int_equal(lock.contended, 1);
    assert_int_equal(lock.wait.sum, 317);
}

/* C holds it until 450. B has looked at 300, 310, 320, 330 and 340, has given way until 360 and sleeps again from 365
 * on; C wakes it, from 450 to 550. */
static void test_overtaken_and_asleep_again(void **state)
{
    (void)state;
    struct lock lock;
    lock_init(&lock, LOCK_GO, &costs);
    struct script s[3] = {{.first = 0, .service = 200, .rounds = 1},
                          {.first = 3, .service = 40, .rounds = 1},
                          {.first = 250, .service = 200, .rounds = 1}};
    run(s, 3, &lock);
    assert_int_equal(s[2].end, 455);
    assert_int_equal(s[1].got[0], 550);
    assert_int_equal(lock.wait.sum, 547);
    assert_int_equal(lock.wait.count, 1);
}

/* A lets go at 65: B has said that it sleeps, at 63, but does not before 68. A's call finds nobody; B finds that the
 * key is another, does not fall asleep, and has the lock. */
static void test_released_before_asleep(void **state)
{
    (void)state;
    struct lock lock;
    lock_init(&lock, LOCK_GO, &costs);
    struct script s[2] = {{.first = 0, .service = 65, .rounds = 1}, {.first = 3, .service = 40, .rounds = 1}};
    run(s, 2, &lock);
    assert_int_equal(s[0].end, 70);
    assert_int_equal(s[1].got[0], 68);
}

/* B sleeps from 68 on. C comes at 185, and its first try makes the key say that nobody sleeps: A, at 200, wakes nobody.
 * But C knows what the key was, and takes the lock at 205 as one that somebody sleeps on. It wakes B when it lets go,
 * at 235. */
static void test_newcomer_remembers_the_sleeper(void **state)
{
    (void)state;
    struct lock lock;
    lock_init(&lock, LOCK_GO, &costs);
    struct script s[3] = {{.first = 0, .service = 200, .rounds = 1},
                          {.first = 3, .service = 40, .rounds = 1},
                          {.first = 185, .service = 30, .rounds = 1}};
    run(s, 3, &lock);
    assert_int_equal(s[0].end, 200);
    assert_int_equal(s[2].got[0], 205);
    assert_int_equal(s[2].end, 240);
    assert_int_equal(s[1].got[0], 335);
    assert_int_equal(lock.wait.sum, 20 + 332);
    assert_int_equal(lock.longest_queue, 2);
}

/* --- at random ------------------------------------------------------------------------------------------- */

static uint32_t draw(uint64_t *random, uint32_t below)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*random >> 33) % below);
}

/* One holds it at a time (use_lock), all come to their end (run), and what they held it for adds up. */
static void test_nobody_is_lost(void **state)
{
    (void)state;
    static struct script s[MOST];
    unsigned slept = 0;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        uint64_t random = seed, held = 0, taken = 0;
        uint32_t n = 2 + draw(&random, MOST - 2), scale = 1 + draw(&random, 300);
        struct lock_costs c = {.acquire = draw(&random, 3), .spin = draw(&random, 20), .yield = draw(&random, 20),
                               .sleep = draw(&random, 20), .wake = draw(&random, 200)};
        struct lock lock;
        lock_init(&lock, LOCK_GO, &c);
        for (uint32_t i = 0; i < n; i++) {
            s[i] = (struct script){.first = draw(&random, 100), .think = draw(&random, 10 * scale),
                                   .service = draw(&random, scale), .rounds = (int)draw(&random, ROUNDS)};
            held += s[i].service * (uint64_t)s[i].rounds;
            taken += (uint64_t)s[i].rounds;
        }
        run(s, n, &lock);
        assert_int_equal(lock.hold_ns, held);
        assert_int_equal(lock.acquisitions, taken);
        assert_int_equal(lock.wait.count, lock.contended);
        assert_true(lock.longest_queue < n);
        slept += lock.wait.max > 4 * c.spin + c.yield; /* nobody spins for longer than that */
    }
    assert_true(slept > 250);
}

/* --- in the model ---------------------------------------------------------------------------------------- */

static uint64_t waited(const struct sim *sim)
{
    uint64_t sum = 0;
    for (const struct named_lock *lock = sim->locks; lock; lock = lock->next)
        sum += lock->lock.wait.sum;
    return sum;
}

/* Eight Ps at central lists with locks, collections and all: both policies serve the same events, and nobody waits for
 * ever, which would be a failed run. */
static void test_in_the_heap(void **state)
{
    (void)state;
    enum { N = 40000 };
    char *text = malloc(N * 64), *to = text;
    to += sprintf(to, "p,op,id,size\n");
    for (int i = 0; i < N; i++) {
        to += sprintf(to, "%d,alloc,%d,%d\n", i % 8, i, 1024 + i % 4000);
        if (i >= 500)
            to += sprintf(to, "%d,free,%d,\n", (i + 1) % 8, i - 500);
    }
    uint64_t waits[2];
    for (int go = 0; go < 2; go++) {
        struct run r;
        run_trace(&r, text, (const char *const[]){"central_locked=true", go ? "mutex=go" : "mutex=fifo", NULL});
        assert_int_equal(r.sim->last.heap.mallocs, N);
        assert_true(r.sim->collector.cycles > 5);
        waits[go] = waited(r.sim);
        end_run(&r);
    }
    assert_true(waits[0] > 0 && waits[1] > 0 && waits[0] != waits[1]);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_got_while_spinning),
        cmocka_unit_test(test_slept_and_woken),
        cmocka_unit_test(test_overtaken_while_waking_up),
        cmocka_unit_test(test_overtaken_and_asleep_again),
        cmocka_unit_test(test_released_before_asleep),
        cmocka_unit_test(test_newcomer_remembers_the_sleeper),
        cmocka_unit_test(test_nobody_is_lost),
        cmocka_unit_test(test_in_the_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
