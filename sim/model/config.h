/* What is simulated: one struct, filled in from JSON files and --set through one table.
 *
 *     configs/go1.19.json  --layered-->  struct sim_config  --config_core-->  struct goheap_config (the core's part)
 */
#ifndef CONFIG_H
#define CONFIG_H

#include "base/error.h"
#include "base/settings.h"
#include "goheap.h"
#include "model/pacer.h"
#include "size_class.h"

enum config_sleep { SLEEP_POLLED, SLEEP_TIMED }; /* what ends a wait for an event's time */
enum config_pacing { PACING_AUTO, PACING_RECORDED, PACING_THINK, PACING_MAX };
enum config_gc { GC_PACED, GC_RECORDED };
enum config_scheduler { SCHEDULER_AUTO, SCHEDULER_QUEUE, SCHEDULER_DEALT };

#define COSTS_NEAR (256 << 10) /* bytes in use: a small heap, most of which is in the nearest caches */
#define COSTS_NEAREST (-2.0)   /* doublings of it: memory for which zero_byte is all */
enum { COSTS_FAR = 5 };        /* distances at which it is known what zeroing takes more */

/* What each step takes, in ns; `_byte` ones per byte. One table a file in configs/cost. */
struct costs {
    double alloc;          /* an allocation served by the P's own span, in a heap of COSTS_NEAR */
    double alloc_doubling; /* and more, each time that the heap in use is twice as large: less of it is in the caches */
    double alloc_scan_byte; /* and a byte of it, if it may hold pointers: saying where */
    double tiny;           /* and more, if it shares a block with others: counting them */
    double free;           /* a free that clears a live bit, under immediate reclaim, in such a heap */
    double free_doubling;  /* and more, likewise; of a death, too */
    double death;          /* dropping the last reference to an object, under collection */
    double zero;           /* zeroing a slot that was used before, */
    double zero_byte;      /* and each byte of it, if it is near, */
    double zero_far[COSTS_FAR]; /* and more, where so much has been zeroed since: COSTS_NEAR, four times that ...; */
    double zero_buffer;    /* but for so many bytes of it, which the processor takes without waiting for them; */
    double zero_large;     /* of zero_far the part that counts in an object that is larger than all slots */
    double zero_miss_byte; /* and more, where it is not in the cache, in a heap much larger than zero_cache, */
    double zero_miss;      /* up to so much an object */
    double zero_cache;     /* bytes */
    double barrier;        /* a pointer stored while marking is on: one an allocation, one a death */
    double refill;         /* an mcache lets a span go and gets another */
    double central;        /* list work of a refill or sweep under the central lock */
    double cache_line;     /* taking a cache line another P wrote (span sets, marks) */
    double page_cache;     /* filling a P's page cache, under the heap lock */
    double page_find;      /* searching the page allocator, under the heap lock */
    double span_setup;     /* making a span of pages */
    double span_first;     /* and more where there have never been so many: the OS backs pages of the heap's tables */
    double span_free;      /* giving a span's pages back */
    double span_free_hold; /* and what it does of that under the heap lock */
    double grow;           /* asking the OS for address space, under the heap lock */
    double grow_first;     /* and more the first time, and where all else of the heap's tables is first used */
    double fault_byte;     /* first touch of memory that the OS has to back */
    double zero_fault_byte; /* the same where zeroing comes before the program: the allocation's time */
    double scavenge;       /* giving a run of free pages back to the OS: the call */
    double scavenge_byte;  /* and what it unmaps */
    double sweep_span;     /* looking after one span */
    double sweep_object;   /* and each of its slots */
    double lock;           /* taking a lock that is free */
    double handoff;        /* FIFO: from a release to the next in the queue running on */
    double spin;           /* Go's mutex: a round of spinning, 30 PAUSEs */
    double yield;          /* sched_yield */
    double sleep;          /* a futex call: to sleep, or to wake somebody up */
    double wake;           /* from a release to the one woken by it running on */
    double mark_object;    /* marking one object */
    double mark_miss;      /* and more, in a heap much larger than mark_cache: finding its span */
    double mark_span_miss; /* the same, in a span that has its marks in it (Green Tea) */
    double mark_first;     /* and more, the first in its span; where some have their marks in them, in those */
    double mark_cache;     /* bytes; some of a heap that fits is not there, either */
    double mark_byte;      /* scanning a byte that may hold a pointer */
    double root_byte;      /* the same, of global variables */
    double mark_span_byte; /* the same in spans that are scanned as a whole (Green Tea) */
    double mark_span_miss_byte; /* and more, if it is not in the cache */
    double scan_miss_byte; /* a byte to scan that is not in the cache, where spans are not scanned as a whole, */
    double scan_miss;      /* up to so much an object: what follows has been fetched ahead */
    double scan_cache;     /* the same */
    double goroutine_switch; /* a P goes on with another stream, where streams outnumber the Ps */
    double stop_world;     /* stopping or starting the world, apart from waiting for the Ps */
    double stop_p;         /* and for each P */
    double mark_done;      /* while programs run, all Ps are asked what they have found to mark and not shown; for the
                            * first time in a cycle that takes up to twice as long */
    double worker_wake;    /* a P that sleeps has been woken and comes to mark; half beside a small heap */
};

/* ns a byte that zeroing takes more, so many doublings of COSTS_NEAR away, COSTS_NEAREST at the least: by straight
 * lines from each distance in zero_far to the next, and no more than at the last. */
static inline double costs_zero_far(const struct costs *c, double doublings)
{
    double at = (doublings - COSTS_NEAREST) / 2;
    if (at >= COSTS_FAR)
        return c->zero_far[COSTS_FAR - 1];
    unsigned next = (unsigned)at;
    double before = next > 0 ? c->zero_far[next - 1] : 0;
    return before + (at - next) * (c->zero_far[next] - before);
}

/* ns that zeroing so many bytes takes more, so far away. */
static inline double costs_zero_farther(const struct costs *c, double bytes, double doublings)
{
    double part = bytes > GH_MAX_SMALL ? c->zero_large : 1;
    return bytes > c->zero_buffer ? (bytes - c->zero_buffer) * part * costs_zero_far(c, doublings) : 0;
}

struct sim_config {
    char name[64];
    /* the core's */
    json_t *size_classes; /* a name in configs/classes, or [[bytes, pages], ...] */
    uint64_t page_size, tiny_size;
    bool page_cache, central_locked;
    bool tiny_shared, noscan_apart, descriptor_tails;
    unsigned page_heap, central_lists, sweep_order; /* enum goheap_page_heap, _central_lists, _sweep_order */
    unsigned reclaim; /* enum goheap_reclaim */
    unsigned scavenge_index; /* enum goheap_scavenge_index */
    uint64_t arena_base, address_space, mspan_bytes, mcache_bytes, arena_table_bytes, span_block_bytes;
    uint64_t header_bytes, pointer_bits_max, mark_bytes, mark_from;
    bool released_is_zero;
    /* the collector's */
    unsigned gc;          /* enum config_gc: when cycles begin and end */
    int64_t gogc;         /* percent; -1: off */
    uint64_t gomemlimit;  /* bytes; UINT64_MAX: off */
    uint64_t heap_minimum; /* bytes at GOGC 100 below which no collection starts */
    double mark_share;    /* of the Ps' time that marking in the background should take */
    unsigned cons_mark;   /* enum pacer_cons_mark */
    unsigned counts_from; /* enum pacer_counts_from */
    bool mark_wakes_idle; /* an idle P is woken when there is something to mark */
    double limit_headroom; /* share of the memory limit's goal that is kept free */
    uint64_t gc_period_ns; /* after a cycle, until there is another in any case; 0: never */
    bool cpu_limiter;     /* no assists where they would take the collector above half of the Ps' time */
    uint64_t timeslice_ns; /* of a goroutine before it is preempted */
    uint64_t stack_bytes, globals_bytes; /* what else is scanned */
    uint64_t stack_room_bytes;           /* what stacks take */
    uint64_t runtime_bytes; /* what else is mapped, for the memory limit */
    bool background_sweep;
    bool background_scavenge;
    double scavenge_limit_part; /* of the memory limit that the scavenger aims at */
    bool idle_page_flush;       /* idle Ps give their page caches back as a cycle ends */
    /* the machine's and the trace's */
    uint64_t ps;          /* 0: as many as the trace has */
    uint64_t quantum_ns;
    unsigned mutex;       /* enum lock_policy: how the heap's locks are waited for */
    unsigned pacing;      /* enum config_pacing */
    unsigned sleep;       /* enum config_sleep */
    unsigned stream_by;   /* TRACE_STREAM_BY_P or _G */
    unsigned scheduler;   /* enum config_scheduler: who runs streams that outnumber the Ps */
    uint64_t window;      /* events read ahead at most */
    struct costs costs;
};

extern const struct setting config_table[];
extern const size_t config_table_size;

/* The defaults that the config files layer upon. */
void config_init(struct sim_config *config);
void config_clear(struct sim_config *config);
/* Layers a named config or a path; the file may say "base": another such name. */
bool config_load(struct sim_config *config, const char *name, struct error *error);
bool config_set(struct sim_config *config, const char *assignment, struct error *error);
/* The pacer's part. */
struct pacer_policy config_pacer(const struct sim_config *config);
/* The core's part, checked. */
bool config_core(const struct sim_config *config, struct goheap_config *core, struct error *error);
/* Of that, the size classes, of a configuration that has some; its page size is a power of two. */
bool config_classes(const struct sim_config *config, struct goheap_class_table *table, struct error *error);
/* False where a span has pages that no object reaches: the allocator could work with it, but it would be a mistake. */
bool config_check_spans(const struct goheap_config *core, const char *name, struct error *error);

/* The newest generation that is confirmed; what runs without -c. */
#define CONFIG_DEFAULT "go1.26"

#endif
