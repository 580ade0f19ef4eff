/* The thread of a P: takes its events one by one and does what they say, the clock read around each call of the core.
 *
 * Between two events it is at a safepoint. What it does besides (finding its event and its object, writing to the object)
 * is not measured.
 */
#include "real/threads.h"
#include "real/touch.h"

#include <stdlib.h>
#include <sys/resource.h>

enum { SPINS = 1000, NAP_NS = 50 * 1000 }; /* waiting: some 20 us awake, then asleep between looks */

/* --- measuring ----------------------------------------------------------------------------------------- */

/* Whether the OS has taken the core away since the thread last looked. */
static bool was_preempted(struct real_p *rp)
{
    struct rusage usage;
    uint64_t before = rp->preemptions;
    if (getrusage(RUSAGE_THREAD, &usage) == 0)
        rp->preemptions = (uint64_t)usage.ru_nivcsw;
    return rp->preemptions != before;
}

/* Of an operation that has at most so many bytes to zero. */
static uint64_t begin_timing(struct real_p *rp, uint64_t bytes)
{
    const struct ticks *t = &rp->real->ticks;
    rp->readings = 1;
    rp->plausible = t->plausible + (int64_t)((double)bytes * t->plausible_byte);
    return ticks_now(t);
}

bool thread_was_interrupted(struct real_p *rp, int64_t took)
{
    return took > rp->plausible || (took > rp->real->ticks.suspicious && was_preempted(rp));
}

static void end_timing(struct real_p *rp, unsigned what, uint64_t began)
{
    const struct ticks *t = &rp->real->ticks;
    uint64_t ended = ticks_now(t);
    int64_t took = (int64_t)(ended - began) - (int64_t)(rp->readings * t->cost);
    if (__builtin_expect(took > t->plausible, 0) && thread_was_interrupted(rp, took)) {
        rp->preempted++; /* how long it took is not known, only that this is next to nothing beside the rest */
        rp->preempted_ticks += took;
        took = 0;
    }
    rp->ticks[what] += took;
    histogram_add(&rp->times[what], ticks_to_ns(t, took));
}

/* --- objects ------------------------------------------------------------------------------------------- */

static uint64_t addr_of(const struct object *o)
{
    return __atomic_load_n(&o->addr, __ATOMIC_ACQUIRE);
}

static void wait_for_address(struct real *real, const struct object *o)
{
    const struct timespec nap = {.tv_nsec = NAP_NS};
    for (unsigned i = 0; i < SPINS; i++) {
        if (addr_of(o) || real_failed(real) || stops_wanted(&real->stops))
            break;
#ifdef __x86_64__
        __builtin_ia32_pause();
#endif
    }
    if (addr_of(o))
        return;
    stops_leave(&real->stops);
    while (!addr_of(o) && !real_failed(real))
        nanosleep(&nap, NULL);
    stops_enter(&real->stops);
}

/* The object that the event ends, once it exists; NULL if the run has failed. The earliest event in the trace that has
 * not been executed waits for nobody, so all waiting ends. */
static struct object *existing(struct real_p *rp, uint32_t slot)
{
    struct object *o = &rp->real->objects[slot];
    if (__builtin_expect(addr_of(o) == 0, 0))
        wait_for_address(rp->real, o);
    return addr_of(o) ? o : NULL;
}

static void out_of_space(struct real_p *rp, const struct real_event *event)
{
    struct real *real = rp->real;
    uint64_t mapped = __atomic_load_n(&real->mapped, __ATOMIC_RELAXED);
    real_fail(real, "%s: no memory for %llu bytes: the heap has %llu, and the machine, a limit on processes, or "
              "address_space=%llu allows no more",
              real->sim.source->name, (unsigned long long)event->size, (unsigned long long)mapped,
              (unsigned long long)real->sim.core.address_space);
}

/* --- events -------------------------------------------------------------------------------------------- */

static void do_alloc(struct real_p *rp, const struct real_event *event)
{
    struct real *real = rp->real;
    unsigned flags = GOHEAP_ZEROED | (event->noscan ? GOHEAP_NOSCAN : 0);
    rp->tier = TIER_FAST;
    uint64_t began = begin_timing(rp, event->size);
    uint64_t addr = event->align_log2
                        ? goheap_alloc_aligned(rp->p, event->size, UINT64_C(1) << event->align_log2, flags)
                        : goheap_alloc(rp->p, event->size, flags);
    end_timing(rp, rp->tier, began);
    if (__builtin_expect(addr == 0, 0)) {
        out_of_space(rp, event);
        return;
    }
    touch_object(addr, event->size);
    struct object *o = &real->objects[event->slot];
    if (__builtin_expect(event->align_log2 != 0, 0))
        o->account = account_of_slot(&real->sim, addr, event->size, event->noscan) & 0x1ff;
    __atomic_store_n(&o->addr, addr, __ATOMIC_RELEASE);
    if (__builtin_expect(rp->check_gc, 0))
        collect_check(rp);
}

static void check_result(struct real *real, enum goheap_result result, uint64_t addr)
{
    if (__builtin_expect(result != GOHEAP_OK, 0))
        real_fail(real, "the heap does not know what is at 0x%llx (result %d): a bug in goheap",
                  (unsigned long long)addr, (int)result);
}

static void do_free(struct real_p *rp, const struct real_event *event)
{
    struct object *o = existing(rp, event->slot);
    if (!o)
        return;
    uint64_t addr = addr_of(o), began = begin_timing(rp, 0);
    enum goheap_result result = goheap_free(rp->p, addr);
    end_timing(rp, TIMED_FREES, began);
    check_result(rp->real, result, addr);
}

static void do_stack_alloc(struct real_p *rp, const struct real_event *event)
{
    struct real *real = rp->real;
    pthread_mutex_lock(&real->stacks);
    uint64_t addr = goheap_stack_alloc(rp->p, event->size);
    pthread_mutex_unlock(&real->stacks);
    if (addr == 0)
        out_of_space(rp, event);
    else
        __atomic_store_n(&real->objects[event->slot].addr, addr, __ATOMIC_RELEASE);
}

static void do_stack_free(struct real_p *rp, const struct real_event *event)
{
    struct real *real = rp->real;
    struct object *o = existing(rp, event->slot);
    if (!o)
        return;
    pthread_mutex_lock(&real->stacks);
    enum goheap_result result = goheap_stack_free(rp->p, addr_of(o));
    pthread_mutex_unlock(&real->stacks);
    check_result(real, result, addr_of(o));
}

static void do_stats(struct real_p *rp)
{
    struct real *real = rp->real;
    stops_begin(&real->stops, true);
    if (!account_snapshot(&real->sim, real_now(real)))
        real_fail(real, "out of memory for snapshots");
    stops_end(&real->stops, true);
}

static void do_event(struct real_p *rp, const struct real_event *event)
{
    switch ((enum trace_op)event->op) {
    case TRACE_ALLOC:
        do_alloc(rp, event);
        break;
    case TRACE_FREE:
        do_free(rp, event);
        break;
    case TRACE_GC:
        collect_force(rp);
        break;
    case TRACE_STATS:
        do_stats(rp);
        break;
    case TRACE_STACKALLOC:
        do_stack_alloc(rp, event);
        break;
    case TRACE_STACKFREE:
        do_stack_free(rp, event);
        break;
    case TRACE_DEAD:
    case TRACE_GCBEGIN:
    case TRACE_GCEND:
    case TRACE_PROCS:
    case TRACE_HEAPLIVE:
    case TRACE_HEAPGOAL:
    case TRACE_END:
    case TRACE_OPS:
        break; /* decode leaves them out */
    }
}

void *thread_main(void *arg)
{
    struct real_p *rp = arg;
    struct real *real = rp->real;
    stops_arrive(&real->stops);
    was_preempted(rp); /* before, maybe */
    for (uint64_t at = 0; at < rp->count && !real_failed(real); at++) {
        stops_check(&real->stops);
        do_event(rp, &rp->events[at]);
        if (__builtin_expect(rp->use_count > LOCK_USES / 2, 0))
            measure_add_up(rp);
        __atomic_store_n(&rp->at, at + 1, __ATOMIC_RELAXED);
    }
    measure_add_up(rp);
    was_preempted(rp);
    stops_depart(&real->stops);
    return NULL;
}
