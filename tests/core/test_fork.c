/* fork in a concurrent heap: two threads never pause, the main thread forks between goheap_lock_all and _unlock_all.
 *
 *     child: allocates on the P of the thread that forked, frees what that had and what lies in the mailbox, exits 0
 *
 * A child that finds a lock taken for ever ends by its alarm. */
#include "goheap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heap_fixture.h"

enum { THREADS = 2, FORKS = 50, MAILBOX = 64, OWN = 200, SECONDS = 20 };

/* goheap_lock_all takes more locks than the 64 that TSan's search for deadlocks can follow. */
#ifdef __SANITIZE_THREAD__
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "detect_deadlocks=0";
}
#endif

struct world {
    struct goheap *heap;
    uint64_t mailbox[MAILBOX]; /* objects in flight, from thread to thread */
    bool stop;
};

struct worker {
    struct world *world;
    uint64_t seed;
    pthread_t thread;
    bool ok;
};

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return *seed >> 33;
}

/* Mostly small, now and then a span of its own: every lock is taken. The size is what the object holds. */
static uint64_t take(struct goheap_p *p, uint64_t *seed)
{
    uint64_t size = 8 + next_random(seed) % (next_random(seed) % 50 ? 2000 : 100000);
    uint64_t addr = goheap_alloc(p, size, 0);
    if (addr)
        *(uint64_t *)(uintptr_t)addr = size;
    return addr;
}

static bool drop(struct goheap_p *p, uint64_t addr)
{
    if (!addr)
        return true;
    uint64_t size = *(const uint64_t *)(uintptr_t)addr;
    return size >= 8 && size < 8 + 100000 && goheap_free(p, addr) == GOHEAP_OK;
}

static bool exchange(struct world *world, struct goheap_p *p, uint64_t *seed)
{
    uint64_t addr = take(p, seed), *slot = &world->mailbox[next_random(seed) % MAILBOX];
    return addr && drop(p, __atomic_exchange_n(slot, addr, __ATOMIC_ACQ_REL));
}

static bool empty_mailbox(struct world *world, struct goheap_p *p)
{
    bool ok = true;
    for (unsigned i = 0; i < MAILBOX; i++)
        ok &= drop(p, __atomic_exchange_n(&world->mailbox[i], 0, __ATOMIC_ACQ_REL));
    return ok;
}

/* Its P comes and goes, so that there are idle ones as well. */
static void *work(void *arg)
{
    struct worker *me = arg;
    struct world *world = me->world;
    me->ok = true;
    while (me->ok && !__atomic_load_n(&world->stop, __ATOMIC_RELAXED)) {
        struct goheap_p *p = goheap_p_acquire(world->heap);
        for (unsigned i = 0; i < 500 && me->ok; i++)
            me->ok = exchange(world, p, &me->seed);
        goheap_p_release(p);
    }
    return NULL;
}

static bool fill(struct goheap_p *p, uint64_t *own, uint64_t *seed)
{
    bool ok = true;
    for (unsigned i = 0; i < OWN; i++)
        ok &= drop(p, own[i]) && (own[i] = take(p, seed)) != 0;
    return ok;
}

static void be_child(struct world *world, struct goheap_p *p, uint64_t *own, uint64_t seed)
{
    alarm(SECONDS);
    bool ok = fill(p, own, &seed) && fill(p, own, &seed);
    for (unsigned i = 0; i < 1000; i++)
        ok &= exchange(world, p, &seed);
    for (unsigned i = 0; i < OWN; i++)
        ok &= drop(p, own[i]);
    _exit(ok && empty_mailbox(world, p) ? 0 : 1);
}

static pid_t fork_once(struct world *world, struct goheap_p *p, uint64_t *own, uint64_t seed)
{
    goheap_lock_all(world->heap);
    pid_t child = fork();
    goheap_unlock_all(world->heap);
    if (child == 0)
        be_child(world, p, own, seed);
    return child;
}

static void start(struct world *world, struct worker *workers)
{
    struct goheap_config c;
    goheap_config_malloc(&c);
    c.address_space = UINT64_C(1) << 33; /* a sanitizer leaves little room */
    *world = (struct world){.heap = goheap_new(&c, goheap_platform_mmap())};
    assert_non_null(world->heap);
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.world = world, .seed = i + 1};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
}

/* What the parent's threads have done is all there: in the end nothing is left. */
static void finish(struct world *world, struct worker *workers, struct goheap_p *p, uint64_t *own)
{
    __atomic_store_n(&world->stop, true, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_true(workers[i].ok);
    }
    verify(world->heap);
    for (unsigned i = 0; i < OWN; i++)
        assert_true(drop(p, own[i]));
    assert_true(empty_mailbox(world, p));
    struct goheap_memstats m;
    goheap_memstats(world->heap, &m);
    verify(world->heap);
    assert_int_equal(m.heap_objects, 0);
    assert_int_equal(m.heap_inuse, 0);
    goheap_delete(world->heap);
}

static void test_fork(void **state)
{
    (void)state;
    struct world world;
    struct worker workers[THREADS];
    uint64_t own[OWN] = {0}, seed = 99;
    start(&world, workers);
    struct goheap_p *p = goheap_p_new(world.heap, NULL);
    for (unsigned i = 0; i < FORKS; i++) {
        assert_true(fill(p, own, &seed));
        pid_t child = fork_once(&world, p, own, seed);
        assert_true(child > 0);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    finish(&world, workers, p, own);
}

/* --- no lock is forgotten ------------------------------------------------------------------------------ */

struct locks {
    unsigned made, held;
};

static void count_init(void *self, struct goheap_lock *lock, enum goheap_lock_kind kind, unsigned index)
{
    ((struct locks *)self)->made++;
    goheap_platform_mmap()->lock_init(self, lock, kind, index);
}

static void count_lock(void *self, struct goheap_p *p, struct goheap_lock *lock)
{
    ((struct locks *)self)->held++;
    goheap_platform_mmap()->lock(self, p, lock);
}

static void count_unlock(void *self, struct goheap_p *p, struct goheap_lock *lock)
{
    ((struct locks *)self)->held--;
    goheap_platform_mmap()->unlock(self, p, lock);
}

static void test_all_locks(void **state)
{
    (void)state;
    struct locks locks = {0, 0};
    struct goheap_platform platform = *goheap_platform_mmap();
    platform.self = &locks;
    platform.lock_init = count_init;
    platform.lock = count_lock;
    platform.unlock = count_unlock;
    struct goheap_config c;
    goheap_config_malloc(&c);
    c.address_space = UINT64_C(1) << 33;
    struct goheap *heap = goheap_new(&c, &platform);
    assert_non_null(heap);
    goheap_lock_all(heap);
    assert_int_equal(locks.held, locks.made);
    goheap_unlock_all(heap);
    assert_int_equal(locks.held, 0);
    goheap_delete(heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fork), cmocka_unit_test(test_all_locks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
