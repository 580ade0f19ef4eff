/* The scavenger: a thread that gives free memory back to the OS while there is some to give.
 *
 *     free pages --(platform step, 4 MiB at a time)--> gauges: more than START_BYTES to give?
 *                --> gm_wanted --> the end of that free: pthread_create --> rounds until nothing is left
 *
 * What has stayed free for the whole of scavenge_delay_ms goes back, a quarter of it a round, so that memory that is
 * wanted again soon is not given and taken in turns. `retain` stays. A round is an eighth of the delay; the least
 * free memory of the last eight rounds is what was free throughout. When nothing is left the thread ends, and the
 * next one is created when there is again something to do: so an idle process has no thread that wakes up, a small
 * one never has a second thread at all, and one whose threads have all ended ends.
 *
 * A thread cannot be created where the core calls a step, with its locks held perhaps: so that only leaves a wish.
 * Nor can it be where libc calls free: it may hold the lock of its stacks, which pthread_create takes.
 */
#include "shim.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>

#include "settings.h"

#define MIB (UINT64_C(1) << 20)

enum {
    ROUNDS = 8,            /* a delay */
    STACK_BYTES = 256 << 10 /* the last thread of a process also runs what was registered for its exit */
};

static const uint64_t CHECK_BYTES = 4 * MIB;  /* of pages that a thread frees between two looks at the gauges */
static const uint64_t START_BYTES = 16 * MIB; /* to give, before a thread is worth it */
static const uint64_t LEAST_BYTES = 4 * MIB;  /* given in a round, and worth one */

static bool allowed; /* between the library's constructor and destructor */
static bool running; /* a scavenger exists or is being created */

/* --- what there is to give ----------------------------------------------------------------------------- */

static uint64_t minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static uint64_t retained(const struct goheap_gauges *gauges)
{
    return gm_settings.retain_bytes + gauges->heap_inuse / 100 * gm_settings.retain_percent;
}

/* more: bytes that are about to be free */
static bool worth_starting(const struct goheap *heap, uint64_t more)
{
    struct goheap_gauges gauges;
    goheap_gauges(heap, &gauges);
    return minus(gauges.heap_free + more, retained(&gauges)) > START_BYTES;
}

void gm_on_step(void *self, struct goheap_p *p, enum goheap_step step, uint64_t amount)
{
    (void)self;
    (void)p;
    struct gm_thread *thread = &gm_thread;
    if (step != GOHEAP_STEP_SPAN_FREE)
        return;
    uint64_t bytes = amount << gm_page_shift;
    thread->freed += bytes;
    if (thread->freed < CHECK_BYTES)
        return;
    thread->freed = 0;
    if (gm_settings.scavenge_delay_ms && __atomic_load_n(&allowed, __ATOMIC_RELAXED) &&
        !__atomic_load_n(&running, __ATOMIC_RELAXED) && worth_starting(gm_heap_now, bytes))
        gm_wanted = 1;
}

/* --- the thread ---------------------------------------------------------------------------------------- */

static void sleep_round(void)
{
    uint64_t ns = gm_settings.scavenge_delay_ms * 1000000 / ROUNDS;
    struct timespec left = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
    nanosleep(&left, NULL);
}

struct decay {
    uint64_t free[ROUNDS]; /* at the end of each of the last rounds */
    unsigned next;
};

static uint64_t free_throughout(const struct decay *decay)
{
    uint64_t least = decay->free[0];
    for (unsigned i = 1; i < ROUNDS; i++)
        if (decay->free[i] < least)
            least = decay->free[i];
    return least;
}

enum outcome {
    SOME_LEFT,
    NONE_LEFT,
    NONE_TO_BE_HAD /* what counts as free lies in the Ps' own caches */
};

static enum outcome give_some(struct goheap *heap, struct decay *decay)
{
    struct goheap_gauges gauges;
    goheap_gauges(heap, &gauges);
    uint64_t keep = retained(&gauges), given = 0;
    decay->free[decay->next++ % ROUNDS] = gauges.heap_free;
    uint64_t old = minus(free_throughout(decay), keep);
    if (old > 0) {
        uint64_t part = old / 4 < LEAST_BYTES ? LEAST_BYTES : old / 4;
        given = goheap_scavenge(heap, NULL, part < old ? part : old);
        if (given == 0)
            return NONE_TO_BE_HAD;
    }
    for (unsigned i = 0; i < ROUNDS; i++)
        decay->free[i] = minus(decay->free[i], given);
    return minus(gauges.heap_free, given) > keep + LEAST_BYTES ? SOME_LEFT : NONE_LEFT;
}

/* Whether the scavenger ends: not if much was freed while it made up its mind, which nobody told it then. */
static bool may_end(const struct goheap *heap, enum outcome outcome)
{
    if (outcome == SOME_LEFT)
        return false;
    __atomic_store_n(&running, false, __ATOMIC_SEQ_CST);
    if (outcome == NONE_TO_BE_HAD || !worth_starting(heap, 0))
        return true;
    return __atomic_exchange_n(&running, true, __ATOMIC_SEQ_CST);
}

static void *scavenge(void *unused)
{
    (void)unused;
    prctl(PR_SET_NAME, "goheap-scavenge");
    struct decay decay = {.next = 0};
    do
        sleep_round();
    while (!may_end(gm_heap_now, give_some(gm_heap_now, &decay)));
    return NULL;
}

/* False if there can be no thread now. */
static bool create_thread(void)
{
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0)
        return false;
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    bool created = pthread_create(&thread, &attr, scavenge, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return created;
}

void gm_scavenger_start(const void *caller)
{
    if (gm_is_libc(caller))
        return;
    gm_wanted = 0; /* first, as creating a thread may free */
    if (!__atomic_load_n(&allowed, __ATOMIC_RELAXED) || __atomic_exchange_n(&running, true, __ATOMIC_SEQ_CST))
        return;
    int before = errno;
    if (!create_thread())
        __atomic_store_n(&running, false, __ATOMIC_SEQ_CST);
    errno = before;
}

/* --- when ---------------------------------------------------------------------------------------------- */

void gm_scavenger_allow(void)
{
    __atomic_store_n(&allowed, true, __ATOMIC_SEQ_CST);
}

void gm_scavenger_forbid(void)
{
    __atomic_store_n(&allowed, false, __ATOMIC_SEQ_CST);
}

void gm_scavenger_forget(void)
{
    __atomic_store_n(&running, false, __ATOMIC_SEQ_CST);
    gm_wanted = 0;
}
