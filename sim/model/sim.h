/* One simulated run: the heap under study, the Ps that use it, and what is counted on the way.
 *
 *     trace --feed--> struct sim_p (a process each) --core functions--> heap --platform--> engine (time, locks)
 *              ^-- sched --^   ^-- collector, sweeper (processes too) --^
 *
 * Everything a run knows is in here, so that many run side by side, one a thread.
 */
#ifndef SIM_H
#define SIM_H

#include "engine/lock.h"
#include "model/config.h"
#include "model/event_ring.h"
#include "model/heap_map.h"
#include "model/limiter.h"
#include "model/pacer.h"
#include "model/portrait.h"
#include "model/sched.h"
#include "model/scavenger.h"
#include "model/timeline.h"
#include "model/wait_series.h"
#include "model/warmth.h"
#include "model/work.h"
#include "model/work_buffers.h"
#include "size_class.h"
#include "trace/trace.h"

#include <stdio.h>

struct sim;

/* Who served an allocation, in the order of what it costs. */
enum tier { TIER_FAST, TIER_CENTRAL, TIER_HEAP, TIER_OS, TIERS };

/* A group of events ahead: what its frees will touch is being brought into the cache. */
enum { LOOK_GROUP = 8 };
struct look {
    uint64_t addrs[LOOK_GROUP];
    unsigned n;
};

/* A few turns to come, as turns.c notes them: what happens, on which Ps, and what is freed. */
enum { TURN_GROUP = 4, TURN_GROUPS = 4 };
struct turns {
    struct trace_event events[TURN_GROUP];
    const struct goheap_p *ps[TURN_GROUP];
    struct look freed;
};

/* A worker, from when it finds something to mark until it looks what else its P has to do (gcBgMarkWorker). */
struct stint {
    bool on;
    bool fractional;            /* else idle, or dedicated */
    double unchecked;           /* bytes marked since it last looked whether it is over */
    uint64_t piece, piece_done; /* bytes of the piece of a table that it is at, still to be scanned; and scanned */
    bool found;                 /* others see something that lay behind that */
    double fractional_ns;       /* marking as a fractional worker: of its P, in all of the cycle */
};

/* A simulated P. Of it, most events touch the first cache line of its process and two more. */
struct sim_p {
    _Alignas(64) struct process process;
    _Alignas(64) struct trace_event event; /* in hand, if there is one: done next */
    struct goheap_p *p;
    uint64_t not_before; /* it is busy until then with work that was done on its behalf */
    uint64_t last_time;  /* recorded time of its last event */
    bool in_hand;
    uint8_t tier;       /* of the allocation under way */
    bool check_gc;      /* the heap grew: look at the trigger */
    bool gives_span;    /* back, as soon as it has the heap lock */
    bool idle;          /* nothing to do before its next event's time, or ever */
    bool lent;          /* the sweeper is using its time */
    bool waits;         /* idle until its process' time, with an event in hand */
    bool preempted;     /* its goroutine's time slice was over in the midst of an event */
    bool blocked;       /* its goroutine waits for the collector, which may use its time to mark, */
    bool naps;          /* unless a worker of its own does when there is anything */
    uint8_t look_at;
    uint64_t fault_ns;   /* of the time that has passed: the program's, once it touches a new span's pages */
    _Alignas(64) struct sim *sim;
    struct event_ring ring; /* its share of the trace, in file order, while it has a stream of its own */
    struct stream *stream;  /* else the one that it runs, or will when that can go on; NULL if there is none */
    uint32_t ran_last;      /* number of the one that it ran last */
    uint32_t idle_place;    /* in sched.idle */
    bool starving;      /* it waits for the window to move, or for an event */
    double assist_bytes; /* it may allocate so much while marking lasts; below 0: it owes (gcAssistBytes) */
    uint64_t preempt_at; /* end of its goroutine's time slice */
    struct stint stint;     /* of the fractional worker, while the goroutine has been stopped */
    bool assists;           /* its goroutine does, and need not be stopped for its stack to be scanned */
    bool stopped;           /* its slice was ended for that */
    uint64_t idle_since;
    uint64_t fresh_bytes; /* of the span that it has just got: so much has never been touched */
    struct fresh_span *fresh; /* by span class; NULL while there is none */
    struct process *wants_back; /* its own process, when that waits for the sweeper */
    struct look look[3]; /* one a step; look_at is where the next group goes */
};

/* How long a lock was held, in ns, and when it was waited for. */
struct lock_times {
    struct histogram hold;
    struct wait_series waits;
};

/* A lock of the heap's, as the platform sees it. */
struct named_lock {
    struct lock lock;
    struct lock_times *times; /* NULL until it is first released: most locks of a heap never are */
    const struct process *last_holder; /* who released it last */
    struct sim *sim;
    enum goheap_lock_kind kind;
    unsigned index;
    struct named_lock *next; /* on sim->locks, newest first */
};

/* An open lifetime of the trace. */
struct object {
    uint64_t addr; /* 0: not allocated yet; OBJECT_AWAITED: and a P waits for it */
    uint64_t size : 47;   /* requested */
    uint64_t account : 9; /* the size class that serves it, 0 if it is large; or one of the two below */
    uint64_t dead : 1;    /* its death has been told to the heap */
    uint64_t death_due : 1;     /* a `dead` of it has been read and not executed yet: its `free` comes after that */
    uint64_t death_awaited : 1; /* and a P waits for it */
    uint64_t era : 5; /* it was born in (sim_p.c), 0: it holds no pointers */
};
enum { ACCOUNT_TINY = GOHEAP_MAX_CLASSES, ACCOUNT_ZERO, ACCOUNTS }; /* objects that share a slot, or have none */
enum { OBJECT_AWAITED = 1, AWAITING_LISTS = 1024 };

/* Objects of a kind, and the bytes that they asked for: all there ever were, and those of them that died. */
struct class_account {
    uint64_t allocs, requested;
    uint64_t deaths, requested_by_dead;
};

static inline uint64_t account_live(const struct class_account *c)
{
    return c->allocs - c->deaths;
}

static inline uint64_t account_live_requested(const struct class_account *c)
{
    return c->requested - c->requested_by_dead;
}

/* The heap at one moment, cheap to take: a point of the time series. */
struct sample {
    uint64_t t_ns;
    uint64_t mapped, released, in_use, live, requested; /* bytes */
    uint64_t heap_sys, heap_idle, stack_inuse;          /* as in MemStats */
    uint64_t tiny, tail, dead; /* of in_use: room left in tiny blocks, behind the last slots of spans, not swept yet */
    uint64_t heap_live, goal;
    uint64_t cycles;
};

/* With these, what makes up heap_sys: requested, rounding, tiny, tail, unused, dead, free, released. */
static inline uint64_t sample_rounding(const struct sample *s)
{
    return s->live - s->requested;
}

static inline uint64_t sample_unused(const struct sample *s)
{
    return s->in_use - s->live - s->tiny - s->tail - s->dead;
}

static inline uint64_t sample_free(const struct sample *s)
{
    return s->heap_idle - s->released;
}

enum { SAMPLES_MAX = 2048 };

/* The heap in depth, O(spans) to take; kept for the moment it was fullest and for the end. */
struct portrait {
    uint64_t t_ns;
    struct sample sample;
    struct portrait_spans spans;
    struct class_account accounts[ACCOUNTS];
    struct goheap_free_pages free;
};

struct accounts {
    struct class_account of[ACCOUNTS];
    uint64_t large_live_bytes; /* pages of live large objects */
    uint64_t live_requested;
    uint64_t scan_allocated; /* bytes of objects that may hold pointers, as the pacer counts them */
    uint64_t peak_live_requested, peak_mapped;
    struct sample samples[SAMPLES_MAX];
    uint32_t sample_count;
    uint64_t sample_interval, next_sample;
    uint64_t live_seen[ACCOUNTS]; /* objects that were live at the latest of the samples, and */
    double live_ns[ACCOUNTS];     /* all that were at each, times the ns until the next one */
    struct portrait peak; /* when in_use was highest */
    uint64_t peak_step;   /* growth by 1/peak_step is looked at */
    struct histogram latency[TIERS];
};

struct cycle_record {
    uint64_t number;            /* from 1 */
    uint64_t start_ns, mark_ns; /* from the first stop to the second; of marking alone */
    uint64_t first_stop_ns, pause_ns; /* the first stop; both */
    uint64_t end_ns;            /* when the second stop was over */
    uint64_t assist_ns, background_ns, idle_ns; /* time of Ps: of those that allocate, of workers, that nobody needed */
    uint64_t trigger, heap_start, heap_end, heap_marked, goal; /* bytes; the goal as it was when marking ended */
    uint64_t next_goal;
    double cpu_fraction;        /* of the collector, since the start */
    bool forced, by_clock; /* by runtime.GC; because the last one was long ago */
};

enum { CYCLES_KEPT = 4096, PAUSES = 256 };

/* The mark phase under way; work is bytes to scan. */
struct marking {
    bool on, finished;      /* begun and not ended; all is marked, but the world has not been stopped yet */
    struct mark_work work;
    uint64_t heap_scan;     /* all there was to do on the heap */
    uint64_t heap_scan_most; /* the most it could have been, for all the pacer knows */
    uint32_t at_work;       /* how many workers and assists are (work.nproc - work.nwait) */
    struct stint stint;     /* of the background workers, who are all alike */
    double done;
    double credit;          /* done in the background, not used by assists yet (bgScanCredit) */
    uint64_t start_ns;
    uint32_t dedicated;     /* workers that take a P for themselves */
    double fractional;      /* share of each P that another worker may take */
    uint32_t takers;        /* background workers that have found what only they see */
    uint32_t background;    /* Ps that mark and do not run a program */
    bool asleep;            /* Ps with nothing else to do have found no work, and do not look again */
    bool seeks;             /* the P that comes to mark has not been asleep */
    struct sim_p *waits;    /* its goroutine waits until that P has worked off its share, or another comes for it, */
    bool comes;             /* as one does */
    bool asked; /* somebody asks all Ps for what only they see: nobody else does (markDoneSema) */
    uint64_t asked_ns; /* when they had been asked last; 0: they have not */
    const struct sim_p *finisher; /* whose assist took the last work; NULL: another's */
    double assist_ns, dedicated_ns, fractional_ns, idle_ns;
    struct waiters parked; /* in debt, with nothing left to do about it */
    uint32_t naps;         /* Ps that wait for credit, or for something to mark */
    struct process *wanted; /* Ps that have something to do, but for the worker on them */
    uint64_t slice_ends;    /* that one's */
};

/* Cycles that the trace tells of, where those are followed: all 0 where not. */
struct recorded_cycles {
    uint64_t begun, ended; /* by its events so far */
    uint64_t followed;     /* begun here too */
    struct sim_p *starter; /* whose event was the latest beginning */
};

struct collector {
    struct process process, sweeper;
    struct pacer pacer;
    bool running;        /* a cycle is under way, from its request to the end of marking */
    bool forced, by_clock; /* as its record has it; else by the heap's size */
    struct recorded_cycles recorded;
    bool asleep, sweeper_asleep;
    bool due;            /* asleep only until its process' time */
    unsigned started;    /* how many of the two processes exist */
    struct work_buffers work_buffers; /* from a cycle's beginning until all is swept */
    struct waiters waiters; /* until the cycle is over */
    struct sim_p *starter; /* whose allocation or call started the cycle; NULL: the clock did */
    uint64_t cycles, forced_cycles;
    uint64_t pause_total_ns, mark_total_ns, stop_cpu_ns;
    uint64_t mark_cpu_ns, assist_ns; /* that the program could have used; by assists */
    uint64_t scan_counted, scan_seen; /* of accounts.scan_allocated: up to the last cycle's end, to the last refill */
    uint64_t last_end_ns;
    uint64_t pause_ns[PAUSES], pause_end[PAUSES];
    uint64_t spans_swept_background;
    struct cycle_record records[CYCLES_KEPT]; /* the first ones */
    struct histogram pauses;
};

enum scavenger_state {
    SCAVENGER_RUNS,
    SCAVENGER_DUE,   /* at its process' time, or earlier if it is woken */
    SCAVENGER_PARKED /* until it is woken */
};

struct scavenger {
    struct process process;
    bool started;
    enum scavenger_state state;
    bool sysmon; /* is to wake it */
    bool works;  /* at releasing pages, on a P with nothing else to do, if there is one */
    struct scavenger_pacing pacing;
    uint64_t retain_goal, limit_goal; /* bytes; UINT64_MAX: met */
    uint64_t released, worked_ns;     /* so far */
    uint64_t released_by_all;         /* and by Ps that took pages */
};

/* A MemStats object as a `stats` event, or the end, asks for. */
struct memstats_snapshot {
    uint64_t t_ns;
    struct goheap_memstats heap;
    uint64_t next_gc, last_gc_ns, pause_total_ns;
    uint64_t cycles, forced_cycles;
    double gc_cpu_fraction;
    uint64_t pause_ns[PAUSES], pause_end[PAUSES];
};

/* Of a run by threads, whose times are the machine's (real/). */
struct measurement {
    const char *clock;      /* that was read, static; NULL: the run is simulated */
    double clock_ns;        /* that a reading takes, which all times are without */
    struct histogram frees; /* as accounts.latency has allocations */
    uint64_t preemptions;   /* how often the OS took a core from a thread */
    uint64_t preempted, preempted_ns; /* operations that were long because of it, and count as having taken no time */
};

/* Called now and then while a run goes on; false asks it to stop. */
struct sim_progress {
    bool (*tell)(void *context, uint64_t events, const struct trace_source *source);
    void *context;
};

/* Called at the end of each cycle, with the world stopped. */
struct cycle_listener {
    void (*tell)(void *context, const struct sim *sim, const struct cycle_record *record);
    void *context;
};

struct sim {
    struct sim_config config; /* borrowed JSON stays the caller's */
    struct goheap_config core;
    struct gh_size_classes classes; /* for looking sizes up where the core has no reason to tell */
    struct engine engine;
    struct goheap_platform platform;
    struct goheap *heap;
    struct named_lock *locks;
    struct sim_p **ps;
    uint32_t p_count, p_room, ps_running;
    struct error *error;  /* where the run's failure goes */
    bool failed, done;

    /* what charging reads on every event; ns, the collector's share of the Ps included while it marks */
    uint64_t alloc_ns, free_ns;
    uint64_t alloc_scan_1024; /* for 1,024 bytes of an object that may hold pointers */
    double doublings; /* from COSTS_NEAR to what is in use */
    double cold; /* how likely it is that memory is not in the cache when it is zeroed */
    struct warmth *warmth; /* how far it is; NULL where that costs nothing */
    bool grown; /* the heap has */
    uint64_t spans, spans_most; /* there are, of any kind, and have been at a time */
    double tax; /* factor on all costs: 1, or more while marking takes its share */

    /* the trace */
    struct trace_source *source;
    bool source_ended;
    unsigned pacing; /* decided: recorded, think or max */
    uint64_t buffered;
    uint32_t starving; /* Ps that wait for the window to move */
    struct turns turns[TURN_GROUPS]; /* a ring; so many turns went through it: */
    uint64_t turns_noted;
    struct object *objects;
    uint64_t object_room;
    struct waiters awaiting[AWAITING_LISTS]; /* another's allocation: streams by slot, Ps in the first */
    struct sched sched;
    uint64_t events;
    struct address_log *addresses; /* borrowed; NULL if nobody wants them */
    struct timeline *timeline;     /* likewise */
    struct heap_map *heap_map;     /* likewise */

    /* stopping the world */
    struct lock world; /* whoever holds it may stop the world */
    bool stopped;
    uint32_t busy;           /* processes inside the core: the world waits for them */
    struct process *stopper; /* waits for the busy ones */
    struct process *gate;    /* processes that wait for the world to start */
    double *aside;           /* if not NULL, charges are added up here, and nobody waits for locks */

    uint32_t ps_idle, ps_blocked; /* Ps with nothing to do; with a goroutine that waits for the collector */
    uint32_t paying; /* not 0 while allocations may owe marking: while it lasts, and for each that had to wait for it */
    struct marking marking;
    struct limiter limiter;
    struct collector collector;
    struct scavenger scavenger;
    struct cycle_listener listener;
    struct accounts accounts;
    struct memstats_snapshot *snapshots;
    size_t snapshot_count, snapshot_room;
    struct memstats_snapshot last;
    struct portrait end;
    uint64_t end_ns;
    struct measurement measured;
    struct sim_progress progress;
    uint64_t next_tell; /* events at which progress is told */
};

/* A run over the source with the given config; false with *error filled in when it fails. The results stay
 * in the sim until sim_destroy. The source is borrowed. */
struct sim *sim_new(const struct sim_config *config, struct error *error);
bool sim_run(struct sim *sim, struct trace_source *source, struct error *error);
void sim_destroy(struct sim *sim);

/* --- between the files of the model -------------------------------------------------------------------- */

/* platform.c: the simulated world as the core sees it. */
void sim_platform_init(struct sim *sim);
void sim_platform_destroy(struct sim *sim);
bool sim_fail(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* feed.c */
/* The P's next event, or false when the trace has no more for it. May let others run. */
bool feed_next(struct sim_p *sp, struct trace_event *event);
/* Reads a batch into the Ps' queues, on behalf of a P whose queue is empty, or of none. Ps that it brings into
 * being start at `now`. */
bool feed_read(struct sim *sim, struct sim_p *reader, uint64_t now);
/* Reads until the window is full, for streams that outnumber the Ps. */
bool feed_fill(struct sim *sim, uint64_t now);
/* Half of the window has been used up, and there may be more to read. */
static inline bool feed_is_low(const struct sim *sim)
{
    return sim->buffered <= sim->config.window / 2 && !sim->source_ended;
}
/* With so many Ps nobody does several events at a time. */
static inline bool feed_takes_turns(const struct sim *sim)
{
    return sim->p_count >= 16;
}
/* Wakes all that wait for the window to move. */
void feed_all(struct sim *sim, uint64_t now);
void feed_destroy(struct sim *sim);

/* turns.c: the P's turn is over; what its event in hand will touch is fetched meanwhile. */
void turns_note(const struct sim_p *sp);

/* sim_p.c */
struct sim_p *sim_p_new(struct sim *sim, uint64_t start);
void sim_p_destroy(struct sim_p *sp);
/* It takes the time that others have spent on its behalf. */
void sim_p_make_up(struct sim_p *sp);
/* What it does from now on, for the timeline if there is one; returns what it did until now. */
static inline enum timeline_what sim_p_does(const struct sim_p *sp, enum timeline_what what)
{
    return sp->sim->timeline ? timeline_enter(sp->sim->timeline, sp, what) : what;
}

/* world.c */
/* The last one has come out of the core: whoever wants to stop the world goes on. */
void world_is_quiet(struct sim *sim, uint64_t now);
/* Comes in from, and out to, where the world can be stopped. */
static inline void world_enter_core(struct sim *sim)
{
    sim->busy++;
}
static inline void world_leave_core(struct sim *sim, struct process *process)
{
    if (--sim->busy == 0 && __builtin_expect(sim->stopper != NULL, 0))
        world_is_quiet(sim, process->now);
}
/* A process at a safepoint: waits while the world is stopped. */
void world_gate(struct sim *sim, struct process *process);
/* Keeps everyone out of the core; returns when all are. Not by a process inside it. */
void world_stop(struct sim *sim, struct process *process);
void world_start(struct sim *sim, struct process *process);

/* Queues of parked processes, linked by process->next. */
void queue_park(struct process **queue, struct process *process);
void queue_wake(struct process **queue, uint64_t now);

/* A process of the runtime's own sleeps until there is work; whoever wakes it clears its flag. */
void daemon_doze(struct process *me, bool *asleep);
void daemon_rouse(struct process *process, bool *asleep, uint64_t now);

/* collector.c */
bool collector_start(struct sim *sim);
void collector_stop(struct sim *sim);
void collector_destroy(struct sim *sim);
/* The collector's own process: does a cycle; sleeps until somebody rouses it. */
void collector_run_cycle(struct sim *sim, struct process *me);
void collector_doze(struct sim *sim);
void collector_rouse(struct sim *sim, uint64_t now);
/* The memory that a limit is of; nothing if there is none. */
struct pacer_memory collector_memory(const struct sim *sim);
uint64_t collector_goal(struct sim *sim);
/* The same as MemStats has it: where nothing sets a goal, what a memory limit of 2^63 - 1 comes to. */
uint64_t collector_next_gc(struct sim *sim);
/* How far the heap has come, for the pacer, while a cycle is under way. */
struct pacer_progress collector_progress(const struct sim *sim);
/* All costs are so much higher: 1, or more while dedicated workers have taken Ps from the program. */
void collector_tax(struct sim *sim, double tax);
/* A cycle is over: numbers it, adds it to the totals, tells who listens. The world is stopped. */
void collector_record(struct sim *sim, struct cycle_record *record);
/* Debug builds walk the whole heap: false with the reason if something does not hold. */
bool collector_verify(const struct sim *sim, char *why, size_t size);
/* Once all is swept, the markers' work buffers go back. Inside the core, on a P's time. */
void collector_give_work_buffers(struct sim *sim, struct goheap_p *p);

/* cycles.c */
/* The process that the cycles run on. */
void collector_main(struct process *me, void *sim);
/* Begins a cycle if the heap has reached the trigger; sets the assist ratio if one is under way. */
void collector_check(struct sim *sim, struct sim_p *sp);
/* runtime.GC(): a complete cycle, everything swept on return. */
void collector_force(struct sim_p *sp);
/* A gcbegin, or else gcend, of the trace: where cycles are the recorded ones, one begins or may end. */
void collector_follow(struct sim_p *sp, bool begins);

/* sweeper.c */
/* The process that sweeps in the background; there is a P again whose time it may use, or something to sweep. */
void sweeper_main(struct process *me, void *sim);
void sweeper_rouse(struct sim *sim, uint64_t now);
/* The P has nothing to do: the runtime's processes may use its time, until it is busy again. */
void sweeper_idle(struct sim_p *sp);
void sweeper_busy(struct sim_p *sp);
/* The first P that has nothing to do and whose time nobody is using; NULL if there is none. */
struct sim_p *sweeper_idle_p(const struct sim *sim);
/* A process of the runtime's goes into the core on an idle P's time, and comes out again. */
void sweeper_borrow(struct sim *sim, struct process *me, struct sim_p *sp);
void sweeper_give_back(struct sim *sim, struct process *me, struct sim_p *sp);

/* marking.c, workers.c, assist.c */
void marking_begin(struct sim *sim, const struct goheap_marked *marked, uint64_t now);
/* Marks in the background until all is done, or the run. */
void marking_run(struct sim *sim, struct process *me);
/* All is marked: whoever waits for that goes on. */
void marking_wake(struct sim *sim, uint64_t now);
void marking_end(struct sim *sim, uint64_t now);
/* A goroutine is about to allocate while marking lasts, or had to wait for marking before; not inside the core. Returns
 * when it came to do so, MARKING_LEFT if it has left its P to wait: the event is to begin anew. */
uint64_t marking_pay(struct sim_p *sp, uint64_t bytes);
#define MARKING_LEFT UINT64_MAX
/* Parks a P's goroutine; the P may mark meanwhile. Or, where another runs on the P meanwhile, false at once: the event
 * is to begin anew. */
bool marking_wait(struct sim_p *sp, struct waiters *waiters);
/* A P has no longer anything to do: it looks for something to mark, and finds it. */
void marking_seek(struct sim *sim, uint64_t now);
/* How likely it is that one looks for something in a heap of that size that is not in the cache. */
static inline double cache_miss(double cache, double heap)
{
    return heap > cache ? 1 - cache / heap : 0;
}
static inline uint32_t sim_idle_ps(const struct sim *sim)
{
    return sim->ps_idle + sim->ps_blocked;
}
/* ns that a mark takes longer because another P that is at work may have been the last to set one in that span;
 * where there are dedicated workers, all Ps are at work. */
static inline double sim_shared_line(const struct sim *sim)
{
    const struct marking *m = &sim->marking;
    uint32_t at_work = m->dedicated ? sim->p_count : sim->p_count - sim_idle_ps(sim) + m->background;
    return at_work ? sim->config.costs.cache_line * (at_work - 1) / at_work : 0;
}

/* scavenger.c */
bool scavenger_start(struct sim *sim);
void scavenger_stop(struct sim *sim);
void scavenger_destroy(struct sim *sim);
/* A cycle's marking has ended, its goal was last_goal; the next one's is known. The world is stopped. */
void scavenger_end_cycle(struct sim *sim, uint64_t last_goal);
/* A cycle begins: what the last one freed has been swept (finishsweep_m). */
void scavenger_wake(struct sim *sim, uint64_t now);
/* All spans are swept, or being swept: sysmon is to wake it. */
void scavenger_ready(struct sim *sim);

/* account.c */
void account_init(struct sim *sim);
/* Whose account an allocation goes on. An aligned one, of which the slot is known, may lie in a larger class than its
 * size's. */
static inline unsigned account_of(const struct sim *sim, uint64_t size, bool noscan)
{
    if (size == 0)
        return ACCOUNT_ZERO;
    if (noscan && size < sim->core.tiny_size)
        return ACCOUNT_TINY;
    return gh_class_of(&sim->classes, size, noscan);
}
unsigned account_of_slot(const struct sim *sim, uint64_t addr, uint64_t size, bool noscan);
void account_alloc(struct sim *sim, const struct object *object);
void account_death(struct sim *sim, const struct object *object);
void account_sample(struct sim *sim, uint64_t now);
/* A named lock has been held, or waited for; by whoever holds it. */
void account_held(struct named_lock *lock, uint64_t ns);
void account_waited(struct named_lock *lock, uint64_t since, uint64_t until);
/* A named lock is about to be released by the process that runs. */
void account_hold(struct named_lock *lock, const struct process *process);
/* A named lock's wait is over, which began then. */
void account_wait(void *named_lock, struct process *process, uint64_t since);
/* Takes the peak's portrait if more is in use than then. The world is stopped. */
void account_peak(struct sim *sim, uint64_t now);
void account_portrait(struct sim *sim, uint64_t now, struct portrait *portrait);
void account_memstats(struct sim *sim, uint64_t now, struct memstats_snapshot *snapshot);
/* The same as a `stats` event asks for it: kept in sim->snapshots. The world is stopped. False if there is no
 * memory. */
bool account_snapshot(struct sim *sim, uint64_t now);

#endif
