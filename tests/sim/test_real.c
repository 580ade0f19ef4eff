/* Runs by threads beside simulated ones of the same traces: what does not depend on time is the same. Each P is a
 * thread, so all of this is also worth running under ThreadSanitizer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include "real/threads.h"
#include "run_trace.h"

#define SETTINGS(...) (const char *const[]){__VA_ARGS__, NULL}

/* --- runs ---------------------------------------------------------------------------------------------- */

static void run_real(struct run *r, const char *text, const char *const *settings)
{
    configure(r, "go1.19", settings);
    run_trace_by(r, text, real_new, real_run);
}

static void end_real(struct run *r)
{
    address_log_free(r->sim->addresses);
    free(r->addresses);
    real_destroy(r->sim);
    config_clear(&r->config);
}

/* The run fails, and says so. */
static void expect_failure(const char *text, const char *const *settings, const char *said)
{
    struct run r = {.sim = NULL};
    configure(&r, "go1.19", settings);
    struct error error = {.text = ""};
    struct trace_source *source = open_text(text, &r.config);
    r.sim = real_new(&r.config, &error);
    if (r.sim)
        assert_false(real_run(r.sim, source, &error));
    if (!strstr(error.text, said))
        fail_msg("expected \"%s\", got \"%s\"", said, error.text);
    source->close(source);
    real_destroy(r.sim);
    config_clear(&r.config);
}

/* --- comparing ----------------------------------------------------------------------------------------- */

/* Who asked for what, and what became of it: no order between Ps changes that. */
static void same_accounts(const struct sim *a, const struct sim *b)
{
    assert_int_equal(a->events, b->events);
    assert_int_equal(a->p_count, b->p_count);
    assert_memory_equal(a->accounts.of, b->accounts.of, sizeof a->accounts.of);
    assert_int_equal(a->accounts.live_requested, b->accounts.live_requested);
    uint64_t served[2] = {0, 0};
    for (unsigned i = 0; i < TIERS; i++) {
        served[0] += a->accounts.latency[i].count;
        served[1] += b->accounts.latency[i].count;
    }
    assert_int_equal(served[0], served[1]);
}

static void same_mallocs(const struct goheap_memstats *a, const struct goheap_memstats *b)
{
    assert_int_equal(a->mallocs, b->mallocs);
    assert_int_equal(a->total_alloc, b->total_alloc);
    for (unsigned i = 0; i < 61; i++)
        assert_int_equal(a->by_size[i].mallocs, b->by_size[i].mallocs);
}

static void same_frees(const struct goheap_memstats *a, const struct goheap_memstats *b)
{
    assert_int_equal(a->frees, b->frees);
    assert_int_equal(a->heap_alloc, b->heap_alloc);
    assert_int_equal(a->heap_objects, b->heap_objects);
    for (unsigned i = 0; i < 61; i++)
        assert_int_equal(a->by_size[i].frees, b->by_size[i].frees);
}

static void same_pages(const struct goheap_memstats *a, const struct goheap_memstats *b)
{
    assert_int_equal(a->heap_inuse, b->heap_inuse);
    assert_int_equal(a->heap_idle, b->heap_idle);
    assert_int_equal(a->heap_sys, b->heap_sys);
    assert_int_equal(a->stack_inuse, b->stack_inuse);
    assert_int_equal(a->mspan_inuse, b->mspan_inuse);
}

/* One P: each allocation was served by the same tier, and lies at the same place, seen from the heap's beginning. */
static void same_addresses(const struct run *a, const struct run *b)
{
    for (unsigned i = 0; i < TIERS; i++)
        assert_int_equal(a->sim->accounts.latency[i].count, b->sim->accounts.latency[i].count);
    const char *x = a->addresses, *y = b->addresses;
    uint64_t delta = UINT64_MAX; /* of the two heaps */
    while (*x) {
        uint64_t id[2], size[2], addr[2];
        assert_int_equal(sscanf(x, "%" SCNu64 " %" SCNu64 " %" SCNx64, &id[0], &size[0], &addr[0]), 3);
        assert_int_equal(sscanf(y, "%" SCNu64 " %" SCNu64 " %" SCNx64, &id[1], &size[1], &addr[1]), 3);
        assert_int_equal(id[0], id[1]);
        assert_int_equal(size[0], size[1]);
        if (delta == UINT64_MAX && size[0])
            delta = addr[1] - addr[0];
        assert_int_equal(addr[1] - addr[0], size[0] ? delta : 0);
        x = strchr(x, '\n') + 1;
        y = strchr(y, '\n') + 1;
    }
    assert_int_equal(*y, 0);
}

static const struct lock *lock_of(const struct sim *sim, enum goheap_lock_kind kind, unsigned index)
{
    for (const struct named_lock *l = sim->locks; l; l = l->next)
        if (l->kind == kind && l->index == index)
            return &l->lock;
    fail_msg("no lock of kind %d, index %u", (int)kind, index);
    return NULL;
}

/* --- traces -------------------------------------------------------------------------------------------- */

/* Events of several streams: sizes of all kinds, half of them without pointers; an object is freed `lag` allocations
 * of its stream later, by the next stream if `cross`. Free it afterwards. */
static char *churn(unsigned streams, unsigned each, unsigned lag, bool cross, bool tiny)
{
    char *text;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    fputs("p,op,id,size,noscan,align\n", f);
    uint32_t x = 12345;
    for (unsigned i = 0; i < each; i++)
        for (unsigned s = 0; s < streams; s++) {
            x = x * 1664525u + 1013904223u;
            unsigned bytes = x >> 24 < 3 ? 40000 + (x >> 8) % 60000 : x >> 24 < 40 ? (x >> 8) % 4000 : (x >> 8) % 200;
            if (!tiny && bytes < 16)
                bytes += 16;
            const char *align = x % 64 == 7 && bytes ? "64" : "";
            fprintf(f, "%u,alloc,%u,%u,%u,%s\n", s, i * streams + s + 1, bytes, x >> 7 & 1, align);
            if (i >= lag)
                fprintf(f, "%u,free,%u,,,\n", (s + cross) % streams, (i - lag) * streams + s + 1);
        }
    fclose(f);
    return text;
}

static const char collected[] =
    "op,id,size,noscan\n"
    "alloc,1,0,1\n"
    "alloc,2,5,1\n"
    "alloc,3,8,1\n"
    "alloc,4,33,0\n"
    "alloc,5,1000,1\n"
    "alloc,6,40000,0\n"
    "alloc,7,1048576,1\n"
    "stackalloc,8,4096,\n"
    "stats,,,\n"
    "dead,4,,\n"
    "free,5,,\n"
    "dead,6,,\n"
    "free,6,,\n"
    "gc,,,\n"
    "stats,,,\n"
    "alloc,9,48,0\n"
    "alloc,10,600000,1\n"
    "stackfree,8,,\n"
    "free,2,,\n"
    "free,3,,\n"
    "free,4,,\n"
    "gc,,,\n"
    "alloc,11,2,1\n"
    "stats,,,\n";

/* --- one thread ---------------------------------------------------------------------------------------- */

static void test_one_thread_is_the_simulation(void **state)
{
    (void)state;
    char *text = churn(3, 6000, 700, true, true);
    const char *const *settings = SETTINGS("ps=1", "scheduler=dealt", "reclaim=immediate");
    struct run a, b;
    run_trace(&a, text, settings);
    run_real(&b, text, settings);
    same_accounts(a.sim, b.sim);
    same_mallocs(&a.sim->last.heap, &b.sim->last.heap);
    same_frees(&a.sim->last.heap, &b.sim->last.heap);
    same_pages(&a.sim->last.heap, &b.sim->last.heap);
    same_addresses(&a, &b);
    assert_int_equal(a.sim->accounts.peak_live_requested, b.sim->accounts.peak_live_requested);
    end_run(&a);
    end_real(&b);
    free(text);
}

/* And nobody is there to wait for. */
static void test_locks_of_one_thread(void **state)
{
    (void)state;
    char *text = churn(1, 20000, 5000, false, true);
    const char *const *settings = SETTINGS("central_locked=true", "reclaim=immediate");
    struct run a, b;
    run_trace(&a, text, settings);
    run_real(&b, text, settings);
    for (const struct named_lock *l = a.sim->locks; l; l = l->next) {
        const struct lock *f = lock_of(b.sim, l->kind, l->index);
        assert_int_equal(f->acquisitions, l->lock.acquisitions);
        assert_int_equal(f->contended, 0);
        assert_int_equal(f->wait.count, 0);
        assert_int_equal(f->longest_queue, 0);
    }
    const struct lock *heap = lock_of(b.sim, GOHEAP_LOCK_HEAP, 0);
    assert_true(heap->acquisitions > 10);
    assert_true(heap->hold_ns > 0 && heap->hold_ns <= b.sim->end_ns);
    end_run(&a);
    end_real(&b);
    free(text);
}

static void test_collections_of_one_thread(void **state)
{
    (void)state;
    const char *const *settings = SETTINGS("background_sweep=false");
    struct run a, b;
    run_trace(&a, collected, settings);
    run_real(&b, collected, settings);
    same_accounts(a.sim, b.sim);
    same_addresses(&a, &b);
    assert_int_equal(b.sim->collector.cycles, 2);
    assert_int_equal(b.sim->collector.forced_cycles, 2);
    assert_int_equal(b.sim->snapshot_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        const struct memstats_snapshot *x = &a.sim->snapshots[i], *y = &b.sim->snapshots[i];
        same_mallocs(&x->heap, &y->heap);
        same_frees(&x->heap, &y->heap);
        same_pages(&x->heap, &y->heap);
        assert_int_equal(x->next_gc, y->next_gc);
        assert_int_equal(x->cycles, y->cycles);
    }
    const struct cycle_record *r = &b.sim->collector.records[1];
    assert_int_equal(r->heap_marked, a.sim->collector.records[1].heap_marked);
    assert_true(r->start_ns <= r->end_ns && r->pause_ns == r->end_ns - r->start_ns);
    end_run(&a);
    end_real(&b);
}

/* --- several ------------------------------------------------------------------------------------------- */

static void same_on(const char *text, const char *ps, bool frees, const char *const *settings)
{
    const char *all[8] = {ps, "scheduler=dealt"};
    for (unsigned i = 0; settings[i]; i++)
        all[i + 2] = settings[i];
    struct run a, b;
    run_trace(&a, text, all);
    run_real(&b, text, all);
    same_accounts(a.sim, b.sim);
    same_mallocs(&a.sim->last.heap, &b.sim->last.heap);
    if (frees)
        same_frees(&a.sim->last.heap, &b.sim->last.heap);
    end_run(&a);
    end_real(&b);
}

static void test_threads_free_for_each_other(void **state)
{
    (void)state;
    char *text = churn(4, 5000, 300, true, true);
    for (unsigned i = 0; i < 3; i++) {
        const char *ps[] = {"ps=1", "ps=2", "ps=4"};
        same_on(text, ps[i], true, SETTINGS("reclaim=immediate"));
        same_on(text, ps[i], true, SETTINGS("gogc=off"));
    }
    free(text);
}

/* Which deaths a collection sees hangs on where the others are; what is allocated does not, tiny blocks apart. */
static void test_threads_collect(void **state)
{
    (void)state;
    char *text = churn(4, 12000, 300, true, false);
    same_on(text, "ps=4", false, SETTINGS("gogc=20"));
    struct run r;
    run_real(&r, text, SETTINGS("ps=4", "gogc=20"));
    assert_true(r.sim->collector.cycles > 3);
    assert_true(r.sim->last.heap.frees > 0);
    for (uint64_t i = 1; i < r.sim->collector.cycles && i < CYCLES_KEPT; i++) {
        const struct cycle_record *record = &r.sim->collector.records[i];
        assert_true(record->heap_start >= record->trigger);
        assert_true(record->start_ns >= record[-1].start_ns);
    }
    end_real(&r);
    free(text);
}

/* --- a memory limit ------------------------------------------------------------------------------------ */

/* Threads take pages, which has them look at what is mapped, while others map and make more; the limit has them
 * collect, and can be kept. */
static void test_threads_within_a_limit(void **state)
{
    (void)state;
    char *text = churn(4, 12000, 300, true, false);
    struct run r;
    run_real(&r, text, SETTINGS("ps=4", "gogc=off", "gomemlimit=16MiB", "runtime_bytes=0"));
    assert_true(r.sim->collector.cycles > 1);
    end_real(&r);
    free(text);
}

/* More lives than the limit allows, and Go would collect all the time. Here the program gets on between two cycles. */
static void test_limit_below_what_lives(void **state)
{
    (void)state;
    char *text = churn(2, 6000, 4000, false, false);
    struct run r;
    run_real(&r, text, SETTINGS("ps=2", "gogc=off", "gomemlimit=1MiB"));
    const struct collector *c = &r.sim->collector;
    assert_true(c->cycles > 3 && c->cycles < CYCLES_KEPT);
    assert_true(c->cycles <= 1 + (r.sim->last.heap.total_alloc >> 20) * 2);
    for (uint64_t i = 1; i < c->cycles; i++)
        assert_true(c->records[i].heap_start >= c->records[i - 1].heap_marked + (1 << 20));
    end_real(&r);
    free(text);
}

/* In steps of 100 ms: collections may take a second more than the program, and then as much as it. */
static void test_rest_between_collections(void **state)
{
    (void)state;
    const uint64_t ms = 1000000;
    uint64_t fill = 0;
    for (int i = 1; i <= 9; i++)
        assert_int_equal(collect_rest(&fill, 0, 100 * ms), 0); /* there is room for another: 100, 200, ... 900 */
    assert_int_equal(collect_rest(&fill, 50 * ms, 100 * ms), 50 * ms); /* 950: room for half of one */
    assert_int_equal(collect_rest(&fill, 50 * ms, 100 * ms), 100 * ms); /* 1,000: full */
    assert_int_equal(collect_rest(&fill, 100 * ms, 100 * ms), 100 * ms);
    assert_int_equal(collect_rest(&fill, 0, 3000 * ms), 3000 * ms); /* more than it holds */
    assert_int_equal(fill, 1000 * ms);
    assert_int_equal(collect_rest(&fill, 5000 * ms, 100 * ms), 0); /* the program has run for long */
    assert_int_equal(fill, 100 * ms);
}

/* P 1 has nothing to do but to wait for what P 0 allocates, one by one; gc and stats stop it in the middle of that. */
static void test_waiting_for_another(void **state)
{
    (void)state;
    char *text;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    fputs("p,op,id,size\n", f);
    for (unsigned i = 1; i <= 3000; i++) {
        fprintf(f, "0,%s,%u,%u\n", i % 3 ? "alloc" : "stackalloc", i, 2048 + i % 100);
        fprintf(f, "1,%s,%u,\n", i % 3 ? "free" : "stackfree", i);
        if (i % 500 == 0)
            fputs("0,gc,,\n0,stats,,\n", f);
    }
    fclose(f);
    struct run r;
    run_real(&r, text, SETTINGS("ps=2"));
    assert_int_equal(r.sim->collector.forced_cycles, 6);
    assert_int_equal(r.sim->snapshot_count, 6);
    assert_int_equal(r.sim->accounts.live_requested, 0);
    assert_int_equal(r.sim->measured.frees.count, 2000);
    end_real(&r);
    free(text);
}

/* --- waiting for a lock -------------------------------------------------------------------------------- */

struct contender {
    const struct goheap_platform *platform;
    struct goheap_lock *lock;
};

static void *take_and_give(void *arg)
{
    const struct contender *c = arg;
    c->platform->lock(c->platform->self, NULL, c->lock);
    c->platform->unlock(c->platform->self, NULL, c->lock);
    return NULL;
}

/* Two come while the lock is held, which is let go when both wait. */
static void test_contended_lock(void **state)
{
    (void)state;
    struct run r;
    configure(&r, "go1.19", SETTINGS("ps=1"));
    struct error error = {.text = ""};
    struct sim *sim = real_new(&r.config, &error);
    assert_non_null(sim);
    ((struct real *)sim)->counting = true;
    const struct goheap_platform *pf = &sim->platform;
    struct goheap_lock lock;
    pf->lock_init(pf->self, &lock, GOHEAP_LOCK_STACKS, 77);
    const struct lock *l = lock_of(sim, GOHEAP_LOCK_STACKS, 77);
    struct contender contender = {pf, &lock};
    pthread_t threads[2];
    pf->lock(pf->self, NULL, &lock);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, &contender), 0);
    while (__atomic_load_n(&l->waiting, __ATOMIC_RELAXED) < 2)
        sched_yield();
    pf->unlock(pf->self, NULL, &lock);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(l->acquisitions, 3);
    assert_int_equal(l->contended, 2);
    assert_int_equal(l->wait.count, 2);
    assert_true(l->wait.max > 0 && l->wait.sum >= l->wait.max);
    assert_int_equal(l->longest_queue, 2);
    assert_true(l->hold_ns > 0);
    pf->lock_destroy(pf->self, &lock);
    real_destroy(sim);
    config_clear(&r.config);
}

/* A P's uses of locks are noted, and added up when there is no room for more, or when it asks for it. */
static void test_uses_are_noted_first(void **state)
{
    (void)state;
    struct run r;
    configure(&r, "go1.19", SETTINGS("ps=1"));
    struct error error = {.text = ""};
    struct sim *sim = real_new(&r.config, &error);
    assert_non_null(sim);
    struct real_p *rp = aligned_alloc(_Alignof(struct real_p), sizeof *rp);
    assert_non_null(rp);
    *rp = (struct real_p){.real = (struct real *)sim};
    struct goheap_p *p = goheap_p_new(sim->heap, rp);
    assert_non_null(p);
    rp->real->counting = true;
    const struct goheap_platform *pf = &sim->platform;
    struct goheap_lock lock;
    pf->lock_init(pf->self, &lock, GOHEAP_LOCK_STACKS, 77);
    const struct named_lock *named = sim->locks;
    for (int i = 0; i < LOCK_USES + 10; i++) {
        assert_int_equal(named->lock.acquisitions, i <= LOCK_USES ? 0 : LOCK_USES);
        pf->lock(pf->self, p, &lock);
        pf->unlock(pf->self, p, &lock);
    }
    measure_add_up(rp);
    assert_int_equal(named->lock.acquisitions, LOCK_USES + 10);
    assert_int_equal(named->times->hold.count, LOCK_USES + 10);
    assert_int_equal(named->lock.contended, 0);
    rp->real->counting = false;
    goheap_p_delete(p);
    pf->lock_destroy(pf->self, &lock);
    free(rp);
    real_destroy(sim);
    config_clear(&r.config);
}

static uint64_t involuntary_switches(void)
{
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return (uint64_t)usage.ru_nivcsw;
}

/* An operation that takes longer than it can was interrupted; one that takes suspiciously long, if the OS has given the
 * core away since the thread last looked, and not again for the next one; a short one never was. */
static void test_who_was_interrupted(void **state)
{
    (void)state;
    struct real *real = calloc(1, sizeof *real);
    struct real_p *rp = aligned_alloc(_Alignof(struct real_p), sizeof *rp);
    assert_true(real && rp);
    real->ticks.suspicious = 1000;
    *rp = (struct real_p){.real = real, .plausible = INT64_MAX, .preemptions = UINT64_MAX};
    assert_false(thread_was_interrupted(rp, 1000));
    assert_true(thread_was_interrupted(rp, 1001));
    bool again;
    uint64_t before;
    do {
        before = involuntary_switches();
        rp->preemptions = before;
        again = thread_was_interrupted(rp, 1001);
    } while (involuntary_switches() != before); /* it really was */
    assert_false(again);
    rp->plausible = 500;
    assert_false(thread_was_interrupted(rp, 500));
    assert_true(thread_was_interrupted(rp, 501));
    free(rp);
    free(real);
}

/* --- what cannot be ------------------------------------------------------------------------------------ */

static void test_refused(void **state)
{
    (void)state;
    expect_failure("op,id,size\nalloc,1,8\n", SETTINGS("pacing=recorded"), "--real runs back to back");
    expect_failure("op,id,size\nalloc,1,8\n", SETTINGS("pacing=think"), "got think");
    expect_failure("op,id,size\nalloc,1,8\n", SETTINGS("ps=2000"), "at most 1024 threads");
    expect_failure("op,id,size\nalloc,1,8\nalloc,1,8\n", SETTINGS("ps=1"), ":3: ");
}

/* The others wait for what is never allocated: the failure ends that. */
static void test_out_of_memory(void **state)
{
    (void)state;
    expect_failure("p,op,id,size\n0,alloc,1,35184372088832\n1,free,1,\n", SETTINGS("ps=2"),
                   "no memory for 35184372088832 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_thread_is_the_simulation), cmocka_unit_test(test_locks_of_one_thread),
        cmocka_unit_test(test_collections_of_one_thread),    cmocka_unit_test(test_threads_free_for_each_other),
        cmocka_unit_test(test_threads_collect),              cmocka_unit_test(test_waiting_for_another),
        cmocka_unit_test(test_threads_within_a_limit),       cmocka_unit_test(test_limit_below_what_lives),
        cmocka_unit_test(test_rest_between_collections),     cmocka_unit_test(test_contended_lock),
        cmocka_unit_test(test_uses_are_noted_first),         cmocka_unit_test(test_who_was_interrupted),
        cmocka_unit_test(test_refused),                      cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
