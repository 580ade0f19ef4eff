/* What the files of real/ share: the run, and the thread of each P.
 *
 *   struct real_p   its thread's own while that runs; everybody's in a stop and after the end
 *   struct real     fixed while threads run, or changed in stops only; what is not says so
 */
#ifndef THREADS_H
#define THREADS_H

#include "real/real.h"
#include "real/stops.h"
#include "real/ticks.h"

#include <pthread.h>

/* An event, as short as it gets: of `dead` and `free` the one that is a death is TRACE_FREE, the other is left out. */
struct real_event {
    uint64_t size : 48;
    uint64_t op : 8; /* enum trace_op */
    uint64_t align_log2 : 7;
    uint64_t noscan : 1;
    uint32_t slot; /* of the lifetime; none is used twice */
};

/* What is timed: allocations by tier, and frees. */
enum { TIMED_FREES = TIERS, TIMED };

/* A lock has been had, or before that been waited for. */
struct lock_use {
    struct named_lock *named;
    uint64_t queue; /* so many waited, this thread among them; 0: it has been had */
    uint64_t since; /* ticks; of a wait */
    int64_t ticks;  /* it took; without those of reading the clock */
};
enum { LOCK_USES = 256 };

struct real_p {
    struct real *real;
    struct goheap_p *p;
    struct real_event *events;
    uint64_t count, room;
    uint64_t at;     /* events executed; atomic: others look */
    uint64_t folded; /* of them, those that are in sim->accounts */
    uint64_t readings; /* of the clock within the operation under way */
    int64_t plausible; /* ticks that it may take by itself */
    uint8_t tier;      /* of the allocation under way */
    bool check_gc;     /* the heap grew: look at the trigger */
    pthread_t thread;
    unsigned use_count;
    struct lock_use uses[LOCK_USES]; /* not added up yet */
    uint64_t preemptions; /* of the thread, when it last looked */
    uint64_t preempted;   /* operations that one of them made long, */
    int64_t preempted_ticks;
    int64_t ticks[TIMED];            /* sums, exact: */
    struct histogram times[TIMED];   /* ns, each rounded, and no less than 0 */
} __attribute__((aligned(64)));

struct real {
    struct sim sim; /* first: the two share their address */
    struct ticks ticks;
    struct stops stops;
    struct real_p **ps;
    uint32_t p_count, p_room;
    struct object *objects; /* by slot; addr is atomic: 0 until it is allocated */
    uint64_t object_room, object_count;
    uint64_t live, peak_live; /* bytes asked for, in the trace's order */
    uint64_t read;            /* events of the trace */
    uint64_t began;           /* ticks */
    uint64_t mapped, memory;  /* bytes: mapped, written under the heap lock, atomic; that the machine has */
    uint64_t trigger;         /* heap_live at which a cycle starts, as it was when last looked at */
    uint64_t unlimited_trigger; /* the same, were there no memory limit */
    uint64_t limiter_fill, rest_until; /* ns: collecting less running; one for the limit alone starts no earlier */
    bool counting;            /* locks are: the threads are there */
    pthread_mutex_t stacks;   /* taking and giving stacks, which Ps free for each other */
    pthread_mutex_t accounting; /* sim.locks' totals while threads run */
    pthread_mutex_t failing;
    bool failed;              /* atomic; once set, no thread begins another event */
};

/* Objects that are on no account: stacks. */
enum { ACCOUNT_STACK = ACCOUNTS };

static inline bool real_failed(const struct real *real)
{
    return __builtin_expect(__atomic_load_n(&real->failed, __ATOMIC_RELAXED), 0);
}

/* ns since the threads began. */
static inline uint64_t real_now(const struct real *real)
{
    return ticks_to_ns(&real->ticks, (int64_t)(ticks_now(&real->ticks) - real->began));
}

/* real.c: the first failure is the run's; false. Any thread. */
bool real_fail(struct real *real, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* decode.c */
/* Reads the whole source into the Ps' events; makes Ps as streams need them. */
bool decode(struct real *real, struct trace_source *source);
/* Brings sim->accounts up to where the Ps are. The world is stopped. */
void decode_fold(struct real *real);

/* measure.c */
/* Fills in sim->platform: mmap's, measured. */
void measure_platform(struct real *real);
/* Adds up how the P has used locks; called by its thread, before too many are noted to do so between events. */
void measure_add_up(struct real_p *rp);
/* Turns what was measured in ticks into sim's ns. After the end. */
void measure_results(struct real *real);

/* thread.c: pthread_create's; arg is a struct real_p. */
void *thread_main(void *arg);
/* Whether the core was somebody else's during the operation under way, which has taken so many ticks: the OS has given
 * it away, or an interrupt or the hypervisor, of which a thread is told nothing, has kept it for longer than the
 * operation can have taken. By the P's thread. */
bool thread_was_interrupted(struct real_p *rp, int64_t took);

/* collect.c */
void collect_init(struct real *real);
/* Sets the trigger, which moves with what is mapped if there is a memory limit; returns it. The world is stopped. */
uint64_t collect_look(struct real *real);
/* A cycle has taken pause_ns, and before it the program has run for program_ns: how long the program is to run until
 * the next one, lest collections take more than half of the time; *fill is what they have taken more so far, at most
 * 1 s. All in ns. */
uint64_t collect_rest(uint64_t *fill, uint64_t program_ns, uint64_t pause_ns);
/* Collects if the heap has reached the trigger. */
void collect_check(struct real_p *rp);
/* runtime.GC(): a complete cycle, everything swept on return. */
void collect_force(struct real_p *rp);

#endif
