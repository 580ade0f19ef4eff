/* How much there is to scan, when a goroutine is stopped for a fractional worker, who sleeps through the marking, and how
 * long that takes to find that it is over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "run_trace.h"

enum { TRACE_BYTES = 1 << 21 };

/* 30,000 objects of 1 KiB that stay, after some first rows: beyond 4 MiB, the first goal, there is about as much to
 * scan. */
static const char *growing_after(const char *first)
{
    static char text[TRACE_BYTES];
    size_t at = (size_t)snprintf(text, sizeof text, "p,op,id,size,noscan\n%s", first);
    for (unsigned i = 1; i <= 30000; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "0,alloc,%u,1024,0\n", i);
    assert_true(at < sizeof text);
    return text;
}

static const char *growing(void)
{
    return growing_after("");
}

static struct cycle_record nth_cycle(unsigned n, const char *trace, const char *ps, const char *setting,
                                     const char *another)
{
    struct run r;
    run_trace(&r, trace, (const char *const[]){ps, setting, another, NULL});
    assert_true(r.sim->collector.cycles >= n);
    struct cycle_record record = r.sim->collector.records[n - 1];
    end_run(&r);
    return record;
}

static struct cycle_record first_cycle(const char *trace, const char *ps, const char *setting)
{
    return nth_cycle(1, trace, ps, setting, NULL);
}

/* The first cycle of one goroutine alone on its P begins 0.618... of the way from one end of a slice to the next: 0.382
 * of 4/3 of timeslice_ns are over, 0.618 are left, until when nobody but the goroutine marks. */
static void test_slice(void **state)
{
    (void)state;
    char setting[64];
    struct cycle_record alone = first_cycle(growing(), "ps=1", "timeslice_ns=1000000000");
    assert_int_equal(alone.background_ns, 0);
    assert_true(alone.assist_ns > 0);
    double slice = (double)alone.mark_ns / (0.6180339887498949 * 4 / 3);
    snprintf(setting, sizeof setting, "timeslice_ns=%.0f", slice * 1.02);
    assert_int_equal(first_cycle(growing(), "ps=1", setting).background_ns, 0);
    snprintf(setting, sizeof setting, "timeslice_ns=%.0f", slice * 0.9);
    assert_true(first_cycle(growing(), "ps=1", setting).background_ns > 0);
}

static struct run objects_with_pointers(const char *config)
{
    static char text[1 << 14];
    size_t at = (size_t)snprintf(text, sizeof text, "p,op,id,size,noscan\n");
    for (unsigned i = 0; i < 100; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "0,alloc,%u,1000,0\n0,alloc,%u,50,0\n", i, 100 + i);
    at += (size_t)snprintf(text + at, sizeof text - at, "0,alloc,200,40000,0\n0,gc,,,\n");
    assert_true(at < sizeof text);
    struct run r;
    run_trace_on(&r, config, text, (const char *const[]){"ps=1", NULL});
    return r;
}

/* Objects are scanned as far as was asked for, 100 of 1,000 bytes, 100 of 50 and one of 40,000; in spans that are scanned
 * as wholes, all of their slots, of 64 and since Go 1.26 only of those. What the pacer is told as they are allocated is
 * all that was asked for, or since Go 1.22, where their bits lie in spans, one pointer each. */
static void test_scan_bytes(void **state)
{
    (void)state;
    struct run old = objects_with_pointers("go1.19"), new = objects_with_pointers("go1.26");
    assert_int_equal(old.sim->collector.pacer.last_heap_scan, 100 * 1000 + 100 * 50 + 40000);
    assert_int_equal(old.sim->accounts.scan_allocated, 100 * 1000 + 100 * 50 + 40000);
    assert_int_equal(new.sim->collector.pacer.last_heap_scan, 100 * 1000 + 100 * 64 + 40000);
    assert_int_equal(new.sim->accounts.scan_allocated, 100 * 1000 + 100 * 8 + 40000);
    end_run(&old);
    end_run(&new);
}

/* 20,000 objects of 64 bytes that refer to each other, in spans that are scanned as wholes: marking each takes its 100 ns
 * on one P, too, though no table points to them and none is scanned by itself. */
static void test_marks_without_table(void **state)
{
    (void)state;
    static char text[1 << 20];
    size_t at = (size_t)snprintf(text, sizeof text, "p,op,id,size,noscan\n");
    for (unsigned i = 0; i < 20000; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "0,alloc,%u,64,0\n", i);
    at += (size_t)snprintf(text + at, sizeof text - at, "0,gc,,,\n");
    assert_true(at < sizeof text);
    struct run r;
    run_trace_on(&r, "go1.26", text,
                 (const char *const[]){"ps=1", "gogc=off", "costs.mark_object=100", "costs.mark_cache=1e9", NULL});
    assert_in_range(r.sim->collector.records[0].mark_ns, 2000000, 4000000);
    end_run(&r);
}

static uint64_t marked_at(const struct cycle_record *record)
{
    return record->start_ns + record->first_stop_ns + record->mark_ns;
}

/* The other P, in small heaps after so much of half of that: 0.1 and 1.8 of what the multiple of the square root of 2 has
 * behind the point. The program's first assist begins after 9 us. */
static const char *comes = "costs.worker_wake=28000", *soon = "costs.worker_wake=18000";

static uint64_t background_with(unsigned cycle, const char *first, double timeslice_ns, const char *other)
{
    char setting[64];
    snprintf(setting, sizeof setting, "timeslice_ns=%.0f", timeslice_ns);
    return nth_cycle(cycle, growing_after(first), "ps=2", setting, other).background_ns;
}

/* After two forced collections, which the other P ends, a slice begins that ends 1.236... times 2/3 of timeslice_ns
 * later: in the next cycle, where a slice that had gone on since the start, 4/3 of timeslice_ns, would end after it. */
static void test_slice_from_the_end(void **state)
{
    (void)state;
    const char *forced = "0,gc,,,\n0,gc,,,\n";
    struct cycle_record next = nth_cycle(3, growing_after(forced), "ps=2", "timeslice_ns=1000000000", soon);
    double end = (double)marked_at(&next);
    assert_true(background_with(3, forced, end * 1.05 * 3 / 4, soon) > next.background_ns);
    assert_int_equal(background_with(3, forced, end * 1.05 * 3 / (2 * 1.2360679774997898), soon),
                     next.background_ns);
}

/* Where the goroutine is not stopped at the start of a cycle, as the other P comes soon and takes what would have been
 * enough for an assist, which scans its own stack: the slice goes on that it had, in the first cycle one since the start
 * of the run, of 4/3 of timeslice_ns. */
static void test_slice_goes_on(void **state)
{
    (void)state;
    struct cycle_record one = nth_cycle(1, growing(), "ps=2", "timeslice_ns=1000000000", soon);
    double end = (double)marked_at(&one);
    assert_true(background_with(1, "", end * 0.95 * 3 / 4, soon) > one.background_ns);
    assert_int_equal(background_with(1, "", end * 1.05 * 3 / 4, soon), one.background_ns);
}

/* When the other P comes to the program's stack, the assist that did globals is over, in the second cycle, too. It stops
 * the goroutine to scan its stack, and with that a slice begins that ends 1.236... times 2/3 of timeslice_ns later. */
static void test_slice_from_the_scan(void **state)
{
    (void)state;
    struct cycle_record two = nth_cycle(2, growing(), "ps=2", "timeslice_ns=1000000000", comes);
    double for_all = (double)two.mark_ns * 3 / (2 * 1.2360679774997898);
    assert_true(background_with(2, "", for_all * 0.9, comes) > two.background_ns);
    assert_int_equal(background_with(2, "", for_all * 1.1, comes), two.background_ns);
}

/* The first automatic cycle after so many forced ones, with a table of one piece, on two Ps. The one that is idle comes
 * after 20 us, times 0.1 and so on, the program's assist after 9 us. The data takes 7 us, the globals without values twice
 * as much; marking an object takes 100 ns. For all the pacer knows there is always more to mark: no assist at the end of a
 * cycle pays for all of the trace that is left. */
static struct cycle_record raced(unsigned forced, const char *wakes)
{
    static char first[1 << 20];
    size_t at = (size_t)snprintf(first, sizeof first, "0,alloc,0,131072,0\n");
    for (unsigned i = 0; i < 20000; i++)
        at += (size_t)snprintf(first + at, sizeof first - at, "0,alloc,%u,24,1\n", 100000 + i);
    for (unsigned i = 0; i < forced; i++)
        at += (size_t)snprintf(first + at, sizeof first - at, "0,gc,,,\n");
    struct run r;
    run_trace(&r, growing_after(first),
              (const char *const[]){"ps=2", "timeslice_ns=1000000000", "costs.mark_object=100", "costs.root_byte=0.1",
                                    "costs.mark_cache=1e9", "costs.scan_cache=1e9", "costs.cache_line=0",
                                    "globals_bytes=200000", "stack_room_bytes=16MiB", wakes, NULL});
    assert_true(r.sim->collector.cycles > forced);
    struct cycle_record record = r.sim->collector.records[forced];
    end_run(&r);
    return record;
}

/* A piece of 16,384 pointers is marked by who scans the stack: the starter itself, if the other P comes while it is at the
 * data, or what hangs on it (the first multiple, 0.41: after 17 us), and takes the other globals. Else an assist has done
 * enough with these (the second, 0.83: after 32 us), and the other P has the stack, as a fractional worker, which looks
 * only after the piece whether it has done its share. */
static void test_who_has_the_table(void **state)
{
    (void)state;
    struct cycle_record starter = raced(0, "mark_wakes_idle=true");
    struct cycle_record other = raced(1, "mark_wakes_idle=true");
    assert_true(starter.assist_ns > 1638400);
    assert_true(starter.background_ns < 1638400);
    assert_true(other.background_ns > 1638400);
    assert_true(other.assist_ns < 1638400);
}

/* Before Go 1.26 a P that has found nothing is not woken for what the starter finds. */
static void test_sleeps_on(void **state)
{
    (void)state;
    struct cycle_record woken = raced(0, "mark_wakes_idle=true");
    struct cycle_record asleep = raced(0, "mark_wakes_idle=false");
    assert_true(asleep.idle_ns + asleep.background_ns < 100000); /* roots */
    assert_true(woken.idle_ns + woken.background_ns > 500000);
    assert_true(asleep.assist_ns > woken.assist_ns);
}

/* How long the first cycle marks on two Ps that do not take lines from one another. */
static uint64_t forced_marking(const char *trace, const char *wakes)
{
    struct run r;
    run_trace(&r, trace, (const char *const[]){"ps=2", "costs.cache_line=0", wakes, NULL});
    assert_true(r.sim->collector.cycles >= 1);
    uint64_t ns = r.sim->collector.records[0].mark_ns;
    end_run(&r);
    return ns;
}

/* A trace of so many objects with pointers, first of them one of another size, and collections after all. */
static const char *then_forced(unsigned objects, unsigned size, unsigned first, unsigned collections)
{
    static char text[1 << 17];
    size_t at = (size_t)snprintf(text, sizeof text, "p,op,id,size,noscan\n0,alloc,1,%u,0\n", first);
    for (unsigned i = 2; i <= objects; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "0,alloc,%u,%u,0\n", i, size);
    for (unsigned i = 0; i < collections; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "0,gc,,,\n");
    return text;
}

/* Where nobody runs a program, the P that has all there is to mark marks alone. */
static void test_forced_alone(void **state)
{
    (void)state;
    const char *text = then_forced(2000, 1024, 1024, 1);
    uint64_t together = forced_marking(text, "mark_wakes_idle=true");
    uint64_t alone = forced_marking(text, "mark_wakes_idle=false");
    assert_true(10 * alone > 19 * together && 10 * alone < 21 * together);
}

/* A table that the goroutine has to itself, which then waits for the cycle, is everybody's: twelve cycles, in which it
 * has it in four or so, come to an end. */
static void test_forced_with_table(void **state)
{
    (void)state;
    const char *text = then_forced(4200, 64, 1 << 20, 12);
    for (unsigned i = 0; i < 4; i++) {
        struct run r;
        run_trace(&r, text, (const char *const[]){i % 2 ? "ps=3" : "ps=2",
                                                  i < 2 ? "mark_wakes_idle=true" : "mark_wakes_idle=false", NULL});
        assert_true(r.sim->collector.cycles >= 12);
        end_run(&r);
    }
}

/* 10 MB begin a cycle, in which the program only lets 5,000 objects die, in 10 ms. */
static const char *then_frees(void)
{
    static char text[1 << 18];
    size_t at = (size_t)snprintf(text, sizeof text, "p,op,id,size,noscan\n");
    for (unsigned i = 0; i < 5000; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "0,alloc,%u,64,0\n", i);
    at += (size_t)snprintf(text + at, sizeof text - at, "0,alloc,5000,5000000,1\n0,alloc,5001,5000000,1\n");
    for (unsigned i = 0; i < 5000; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "0,free,%u,,\n", i);
    assert_true(at < sizeof text);
    return text;
}

static uint64_t marking_with(const char *trace, const char *ps, const char *mark_done)
{
    struct run r;
    run_trace(&r, trace, (const char *const[]){ps, "costs.death=2000", mark_done, NULL});
    assert_true(r.sim->collector.cycles >= 1);
    uint64_t ns = r.sim->collector.records[0].mark_ns;
    end_run(&r);
    return ns;
}

/* As long as a program runs its P has to be asked for what it has left to mark, and once more when it had any; a lone
 * one knows, and one that waits is not in the way. */
static void test_mark_done(void **state)
{
    (void)state;
    static const char forced[] = "p,op,id,size,noscan\n0,alloc,1,100,0\n0,gc,,,\n";
    const char *never = "costs.mark_done=0", *ms = "costs.mark_done=1000000";
    assert_int_equal(marking_with(forced, "ps=2", ms), marking_with(forced, "ps=2", never));
    assert_int_equal(marking_with(growing(), "ps=1", ms), marking_with(growing(), "ps=1", never));
    uint64_t asked = marking_with(then_frees(), "ps=2", ms) - marking_with(then_frees(), "ps=2", never);
    assert_in_range(asked, 1600000, 3600000); /* beside 10 MB a question takes four fifths of that */
}

/* How long the program takes. */
static uint64_t running_with(const char *trace, const char *ps, const char *mark_done)
{
    struct run r;
    run_trace(&r, trace, (const char *const[]){ps, "costs.death=2000", mark_done, NULL});
    uint64_t ns = r.sim->ps[0]->process.now;
    end_run(&r);
    return ns;
}

/* While its P is asked, once, as it has nothing that others do not see, the program stands still for half of mark_done. */
static void test_stands_still(void **state)
{
    (void)state;
    const char *never = "costs.mark_done=0", *ms = "costs.mark_done=1000000";
    uint64_t still = running_with(then_frees(), "ps=2", ms) - running_with(then_frees(), "ps=2", never);
    assert_in_range(still, 490000, 510000);
    assert_int_equal(running_with(then_frees(), "ps=1", ms), running_with(then_frees(), "ps=1", never));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slice),
        cmocka_unit_test(test_scan_bytes),
        cmocka_unit_test(test_marks_without_table),
        cmocka_unit_test(test_slice_from_the_end),
        cmocka_unit_test(test_slice_goes_on),
        cmocka_unit_test(test_slice_from_the_scan),
        cmocka_unit_test(test_who_has_the_table),
        cmocka_unit_test(test_sleeps_on),
        cmocka_unit_test(test_forced_alone),
        cmocka_unit_test(test_forced_with_table),
        cmocka_unit_test(test_mark_done),
        cmocka_unit_test(test_stands_still),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
