/* Queueing theory at the engine's lock. A source sends customers to it, each of whom holds it for the time of its
 * service and goes. Where the answer is known on paper, it must come out: by hand to the nanosecond, the mean waits of
 * M/D/1 and M/M/1, and Little's law. */
#include "engine/lock.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_CUSTOMERS = 2048 }; /* at the same time */
#ifdef GOHEAP_DEBUG
enum { PRECISION = 10 };        /* what means may be off by, in percent: sanitizers' runs have fewer customers */
#else
enum { PRECISION = 2 };
#endif
enum { SERVICE = 1000000 };     /* mean time that the lock is held for, ns: rounding to whole ns is lost in it */

struct station;

/* Whoever has been served waits to be sent again: a few processes make up for millions. */
struct customer {
    struct process process;
    struct station *station;
    uint64_t service; /* ns */
    struct customer *next_idle;
};

/* A lock, and who comes to it. */
struct station {
    struct engine engine;
    struct lock lock;
    struct process source;
    struct customer *customers, *idle;
    uint32_t count;
    /* who comes: the first `arrivals` of next(), which gives the time from one to the next and the time that the
     * newcomer will hold the lock for */
    void (*next)(struct station *station, uint64_t *gap, uint64_t *service);
    uint64_t arrivals, arrived, served;
    const uint64_t (*table)[2]; /* for next(): gaps and services in order */
    uint64_t random;
    double gap, service;        /* means, ns */
    uint64_t *came, *began;     /* unless NULL: when each came, and when it got the lock, each in its own order */
};

static void visit(struct process *me, void *arg)
{
    struct customer *customer = arg;
    struct station *station = customer->station;
    for (;;) {
        lock_acquire(&station->lock, me);
        if (station->began)
            station->began[station->served] = me->now;
        station->served++;
        me->now += customer->service;
        lock_release(&station->lock, me);
        process_sync(me); /* it may be sent again from that time on, not earlier */
        customer->next_idle = station->idle;
        station->idle = customer;
        process_park(me);
    }
}

/* The process is the earliest. */
static void send(struct station *station, uint64_t now, uint64_t service)
{
    struct customer *customer = station->idle;
    if (customer) {
        station->idle = customer->next_idle;
        customer->service = service;
        process_wake(&customer->process, now);
        return;
    }
    assert_true(station->count < MOST_CUSTOMERS);
    customer = &station->customers[station->count++];
    customer->station = station;
    customer->service = service;
    assert_true(engine_spawn(&station->engine, &customer->process, station->count, now, visit, customer));
}

static void send_all(struct process *me, void *arg)
{
    struct station *station = arg;
    while (station->arrived < station->arrivals) {
        uint64_t gap, service;
        station->next(station, &gap, &service);
        me->now += gap;
        process_sync(me);
        if (station->came)
            station->came[station->arrived] = me->now;
        station->arrived++;
        send(station, me->now, service);
    }
}

static void run(struct station *station)
{
    station->customers = calloc(MOST_CUSTOMERS, sizeof *station->customers);
    assert_non_null(station->customers);
    engine_init(&station->engine, 0);
    assert_true(engine_spawn(&station->engine, &station->source, 0, 0, send_all, station));
    engine_run(&station->engine);
    assert_int_equal(station->served, station->arrivals);
    assert_int_equal(station->lock.acquisitions, station->arrivals);
    assert_null(station->lock.holder);
    process_destroy(&station->source);
    for (uint32_t i = 0; i < station->count; i++)
        process_destroy(&station->customers[i].process);
    engine_destroy(&station->engine);
    free(station->customers);
}

/* --- by hand ------------------------------------------------------------------------------------------- */

static void next_of_table(struct station *station, uint64_t *gap, uint64_t *service)
{
    *gap = station->table[station->arrived][0];
    *service = station->table[station->arrived][1];
}

/* Gap and service of each. They come at 0, 10, 20, 45, 71, 75, 75, 200. */
static const uint64_t eight[8][2] = {{0, 40}, {10, 5}, {10, 25}, {25, 1}, {26, 9}, {4, 10}, {0, 3}, {125, 1}};

/* Passing on is free: the lock is held 0-40, 40-45, 45-70, 70-71, 71-80 (who came just then did not wait), 80-90,
 * 90-93, 200-201. Waits: 0, 30, 25, 25, 0, 5, 15, 0. */
static void test_eight_by_hand(void **state)
{
    (void)state;
    uint64_t began[8];
    struct station s = {.next = next_of_table, .table = eight, .arrivals = 8, .began = began};
    lock_init(&s.lock, LOCK_FIFO, &(struct lock_costs){0});
    run(&s);
    assert_memory_equal(began, ((const uint64_t[]){0, 40, 45, 70, 71, 80, 90, 200}), sizeof began);
    assert_int_equal(s.lock.contended, 5);
    assert_int_equal(s.lock.wait.sum, 30 + 25 + 25 + 5 + 15);
    assert_int_equal(s.lock.hold_ns, 40 + 5 + 25 + 1 + 9 + 10 + 3 + 1);
    assert_int_equal(s.lock.longest_queue, 2);
}

/* Passing on takes 2: held 0-40, 42-47, 49-74, 76-77, 79-88, 90-100, 102-105, 200-201. Now the one that comes at 71
 * waits as well, and at 75 four do. */
static void test_eight_with_handoff_by_hand(void **state)
{
    (void)state;
    uint64_t began[8];
    struct station s = {.next = next_of_table, .table = eight, .arrivals = 8, .began = began};
    lock_init(&s.lock, LOCK_FIFO, &(struct lock_costs){.handoff = 2});
    run(&s);
    assert_memory_equal(began, ((const uint64_t[]){0, 42, 49, 76, 79, 90, 102, 200}), sizeof began);
    assert_int_equal(s.lock.contended, 6);
    assert_int_equal(s.lock.wait.sum, 32 + 29 + 31 + 8 + 15 + 27);
    assert_int_equal(s.lock.longest_queue, 4);
}

static void next_regular(struct station *station, uint64_t *gap, uint64_t *service)
{
    *gap = station->arrived ? (uint64_t)station->gap : 0;
    *service = (uint64_t)station->service;
}

/* One comes every 100 and stays for 150. Customer i comes at 100 i, is served from 150 i on, and so waits 50 i. When
 * it comes, those up to the (2 i / 3)th have had their turn: of 50, the last one finds itself the 17th of the queue. */
static void test_overload_by_hand(void **state)
{
    (void)state;
    uint64_t began[50];
    struct station s = {.next = next_regular, .gap = 100, .service = 150, .arrivals = 50, .began = began};
    lock_init(&s.lock, LOCK_FIFO, &(struct lock_costs){0});
    run(&s);
    for (uint64_t i = 0; i < 50; i++)
        assert_int_equal(began[i], 150 * i);
    assert_int_equal(s.lock.wait.sum, 50 * (49 * 50 / 2));
    assert_int_equal(s.lock.contended, 49);
    assert_int_equal(s.lock.longest_queue, 49 - 2 * 49 / 3);
}

/* One comes every 150 and stays for 100: nobody ever waits, and the lock is held two thirds of the time. */
static void test_regular_by_hand(void **state)
{
    (void)state;
    struct station s = {.next = next_regular, .gap = 150, .service = 100, .arrivals = 1000};
    lock_init(&s.lock, LOCK_FIFO, &(struct lock_costs){.handoff = 30});
    run(&s);
    assert_int_equal(s.lock.contended, 0);
    assert_int_equal(s.lock.wait.sum, 0);
    assert_int_equal(s.lock.hold_ns, 100 * 1000);
    assert_int_equal(s.lock.longest_queue, 0);
}

/* --- closed forms -------------------------------------------------------------------------------------- */

/* From 0, which it never is, to 1. SplitMix64. */
static double uniform(uint64_t *random)
{
    uint64_t z = *random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return (double)((z >> 11) + 1) * 0x1p-53;
}

static uint64_t exponential(uint64_t *random, double mean)
{
    return (uint64_t)(-log(uniform(random)) * mean + 0.5);
}

static void next_poisson_fixed(struct station *station, uint64_t *gap, uint64_t *service)
{
    *gap = exponential(&station->random, station->gap);
    *service = (uint64_t)station->service;
}

static void next_poisson_exponential(struct station *station, uint64_t *gap, uint64_t *service)
{
    *gap = exponential(&station->random, station->gap);
    *service = exponential(&station->random, station->service);
}

/* So many that 2 % of the mean wait (or PRECISION) are 2.5 standard deviations of what is measured. Waits that follow
 * one another are alike, the more so the fuller the station is. For M/M/1 that is known: over n customers, n times the
 * variance of their mean wait tends to S^2 rho (2 + 5 rho - 4 rho^2 + rho^3) / (1 - rho)^4 (D. J. Daley, "The serial
 * correlation coefficients of waiting times in a stationary single server queue", 1968). At 0.9 it takes 7 million.
 * With fixed services the relative variance is about half of that (seen over several seeds), and so half as many will
 * do. That the station is empty at first is forgotten after some hundred customers at 0.9. */
static uint64_t customers_for(double rho, bool fixed)
{
    double one = rho * (2 + 5 * rho - 4 * rho * rho + rho * rho * rho) / pow(1 - rho, 4);
    double deviation = PRECISION / 100.0 / 2.5 * rho / (1 - rho);
    return (uint64_t)(one / (deviation * deviation) / (fixed ? 2 : 1)) + 1;
}

static void expect_mean_wait(const struct lock *lock, double expected)
{
    double mean = (double)lock->wait.sum / (double)lock->acquisitions;
    if (fabs(mean / expected - 1) > PRECISION / 100.0)
        fail_msg("a mean wait of %.1f ns over %llu customers, expected %.1f", mean,
                 (unsigned long long)lock->acquisitions, expected);
}

/* The mean wait of M/D/1 or M/M/1 (half as long where services are fixed) at utilisation rho. */
static void check_mean_wait(enum lock_policy policy, const struct lock_costs *costs, double rho, bool fixed)
{
    struct station s = {.next = fixed ? next_poisson_fixed : next_poisson_exponential,
                        .arrivals = customers_for(rho, fixed),
                        .random = (uint64_t)(rho * 10 + 0.5) * 2 + fixed,
                        .gap = SERVICE / rho,
                        .service = SERVICE};
    lock_init(&s.lock, policy, costs);
    run(&s);
    expect_mean_wait(&s.lock, rho * SERVICE / (1 - rho) / (fixed ? 2 : 1));
}

static void test_fixed_service(void **state)
{
    (void)state;
    for (int tenths = 1; tenths <= 9; tenths++)
        check_mean_wait(LOCK_FIFO, &(struct lock_costs){0}, tenths / 10.0, true);
}

static void test_exponential_service(void **state)
{
    (void)state;
    for (int tenths = 1; tenths <= 9; tenths++)
        check_mean_wait(LOCK_FIFO, &(struct lock_costs){0}, tenths / 10.0, false);
}

/* The mean does not depend on who is served next, as long as nobody looks at how long services take and the lock is
 * not left free while somebody waits. Go's mutex comes close where its costs are small beside the service: waking
 * somebody up leaves the lock free for a moment, a share of 0.002 of a service here. */
static void test_go_mutex_seldom_busy(void **state)
{
    (void)state;
    static const struct lock_costs costs = {.spin = 300, .yield = 200, .sleep = 500, .wake = 2000};
    for (int tenths = 1; tenths <= 4; tenths++)
        for (int fixed = 0; fixed < 2; fixed++)
            check_mean_wait(LOCK_GO, &costs, tenths / 10.0, fixed);
}

/* --- Little's law -------------------------------------------------------------------------------------- */

enum { RECORDED = 200000 / PRECISION };

static int by_time(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The length of the queue, integrated over time: it grows by one whenever somebody comes, and shrinks by one whenever
 * somebody gets the lock. Both are in order. */
static uint64_t integral(const uint64_t *came, const uint64_t *began, size_t n)
{
    uint64_t area = 0, last = 0;
    for (size_t in = 0, out = 0; out < n;) {
        bool comes = in < n && came[in] <= began[out];
        uint64_t now = comes ? came[in] : began[out];
        area += (in - out) * (now - last);
        last = now;
        if (comes)
            in++;
        else
            out++;
    }
    return area;
}

static void check_little(enum lock_policy policy, const struct lock_costs *costs, double rho)
{
    static uint64_t came[RECORDED], began[RECORDED];
    struct station s = {.next = next_poisson_exponential,
                        .arrivals = RECORDED,
                        .random = 1,
                        .gap = SERVICE / rho,
                        .service = SERVICE,
                        .came = came,
                        .began = began};
    lock_init(&s.lock, policy, costs);
    run(&s);
    qsort(began, RECORDED, sizeof began[0], by_time);
    assert_true(s.lock.wait.sum > 0);
    assert_int_equal(s.lock.wait.sum, integral(came, began, RECORDED));
}

/* The mean length of the queue is the rate of arrivals times the mean wait: over the whole time, the integral of its
 * length is the sum of all waits. Exactly, whatever the policy and its costs. */
static void test_little(void **state)
{
    (void)state;
    static const struct lock_costs costs = {.handoff = 12345, .spin = 20000, .yield = 30000, .sleep = 4000, .wake = 50000};
    for (int tenths = 1; tenths <= 9; tenths++) {
        check_little(LOCK_FIFO, &(struct lock_costs){0}, tenths / 10.0);
        check_little(LOCK_FIFO, &costs, tenths / 10.0);
        check_little(LOCK_GO, &costs, tenths / 10.0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eight_by_hand),
        cmocka_unit_test(test_eight_with_handoff_by_hand),
        cmocka_unit_test(test_overload_by_hand),
        cmocka_unit_test(test_regular_by_hand),
        cmocka_unit_test(test_fixed_service),
        cmocka_unit_test(test_exponential_service),
        cmocka_unit_test(test_go_mutex_seldom_busy),
        cmocka_unit_test(test_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
