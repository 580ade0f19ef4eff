/* The recording: what libgoheap-record.so writes and `goheap record` reads, while the program runs or afterwards.
 *
 *   slot 0        slot 1       slot 2      slot 3       slot 4 ...
 *   +-----------+------------+-----------+------------+-----------     slots are RECORD_SLOT bytes; those that
 *   | control   | window of  | chunk of  | window of  | chunk of       have been read are taken again
 *   |           | thread 0   | thread 0  | thread 1   | thread 0
 *   +-----------+------------+-----------+------------+-----------
 *
 * A thread puts its events into its window, which it keeps mapped. A full window is written to the file as a chunk,
 * whole and as it is, and then filled anew: that costs a fifth of what new mapped pages would. A window's head says
 * where its content becomes a chunk: `first` for the first one, then `then` in the one before.
 *
 *   control.newest --> window --older--> window ...     threads push theirs, the reader takes the list whole
 *     window.first --> chunk 0 --then--> chunk 1 ... and what the window holds now comes last
 *
 * Invariant: what `position` counts is complete, whatever instruction the program was killed at; and an event is
 * counted before the call it stands for becomes visible to another thread (frees before the real free, allocations
 * before malloc returns). Any prefix that a kill leaves is therefore consistent. */
#ifndef PRELOAD_FORMAT_H
#define PRELOAD_FORMAT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/tsc.h"

#define RECORD_ENVIRONMENT "GOHEAP_RECORD" /* holds the path of the recording */
#define RECORD_MAGIC UINT64_C(0x32636572656f6867) /* of the file */
#define RECORD_WINDOW_MAGIC UINT32_C(0x326e6977)  /* of a window, and of a chunk */

enum {
    RECORD_SLOT = 65536, /* bytes; a multiple of the page size */
    RECORD_HEAD = 64,    /* of a window */
    RECORD_SPARES = 256, /* slots that wait to be taken again, at most; 16 MiB */
    RECORD_UNITS = (RECORD_SLOT - RECORD_HEAD) / 16,
};

enum record_op {
    RECORD_ALLOC = 1, /* address, size, align_log2; stamped after the real call */
    RECORD_FREE,      /* address; stamped before the real call */
    RECORD_RESIZE,    /* address: realloc is about to take it; the thread's next event is the outcome */
    RECORD_RESIZED,   /* address, size: realloc gave this one, perhaps the same */
    RECORD_CANCEL,    /* realloc failed: the old block lives on */
    RECORD_HIGH,      /* no event: of the next one's numbers, what its unit has no bits for */
};

struct record_event {
    uint64_t later; /* ticks since the thread's event before; of the first: since start_ticks */
    uint64_t address;
    uint64_t size;       /* bytes asked for */
    uint8_t op;          /* enum record_op */
    uint8_t align_log2;  /* of the alignment asked for, at most 31; 0: none was */
};

/* An event, or half of one with numbers too large for one unit. */
struct record_unit {
    _Atomic uint64_t what; /* op: 3 bits, align_log2: 5, address: 56 */
    _Atomic uint64_t how;  /* later: 32 bits, size: 32 */
};

struct record_window {
    uint32_t magic;       /* RECORD_WINDOW_MAGIC */
    uint32_t incarnation; /* the control's, then */
    uint32_t thread;      /* from 0, in order of each thread's first event */
    uint32_t tid;         /* as Linux numbers it */
    uint64_t start_ticks;
    _Atomic uint64_t first;     /* slot of chunk 0, once it is written */
    _Atomic uint64_t then;      /* in a chunk: slot of the next one */
    _Atomic uint64_t older;     /* slot of the next window of control.newest; 0: none */
    _Atomic uint64_t end_ticks; /* the thread's destructors have run, libc's own may not; 0: not as far as is known */
    _Atomic uint64_t position;  /* chunks that are written << 32 | units that are in the window */
    struct record_unit units[RECORD_UNITS];
};

struct record_control {
    uint64_t magic;                /* RECORD_MAGIC */
    uint32_t tsc;                  /* ticks are the time stamp counter's; 0: ns of CLOCK_MONOTONIC */
    _Atomic uint32_t closed;       /* nobody reads any more: stop recording */
    _Atomic uint32_t owner;        /* recorded process; 0: the library was never loaded */
    _Atomic uint32_t incarnation;  /* how many programs that process has been that were recorded: exec replaces it */
    _Atomic uint32_t threads;      /* numbers given out */
    _Atomic int32_t stop_errno;    /* why recording stopped before the program did; 0: it did not */
    _Atomic uint64_t next_slot;    /* first slot that was never taken */
    _Atomic uint64_t newest;       /* slot of the window that came last to the list; 0: none */
    _Atomic uint64_t start_ticks;  /* when the recording of this incarnation began */
    _Atomic uint64_t start_ns;     /* CLOCK_MONOTONIC then */
    _Atomic uint64_t spares_taken, spares_given; /* how many slots went out of `spares`, and into it */
    _Atomic uint64_t spares[RECORD_SPARES];      /* the n-th given is in place n modulo RECORD_SPARES */
};

_Static_assert(sizeof(struct record_unit) == 16, "units must not straddle cache lines");
_Static_assert(offsetof(struct record_window, units) == RECORD_HEAD, "units follow the head at once");
_Static_assert(sizeof(struct record_window) == RECORD_SLOT, "a window is a slot");

_Static_assert(sizeof(struct record_control) <= RECORD_SLOT, "the control is a slot");

/* A slot for the caller alone; any thread. A place of `spares` is only written again after it has been passed, and then
 * the exchange fails. */
static inline uint64_t record_take_slot(struct record_control *control)
{
    uint64_t taken = atomic_load(&control->spares_taken);
    while (taken < atomic_load(&control->spares_given)) {
        uint64_t slot = atomic_load(&control->spares[taken % RECORD_SPARES]);
        if (atomic_compare_exchange_weak(&control->spares_taken, &taken, taken + 1))
            return slot;
    }
    return atomic_fetch_add(&control->next_slot, 1);
}

/* Lets others take a slot that nobody will look at any more. One thread alone may give. False: there are enough. */
static inline bool record_give_slot(struct record_control *control, uint64_t slot)
{
    uint64_t given = atomic_load(&control->spares_given);
    if (given - atomic_load(&control->spares_taken) >= RECORD_SPARES)
        return false;
    atomic_store(&control->spares[given % RECORD_SPARES], slot);
    atomic_store(&control->spares_given, given + 1);
    return true;
}

static inline uint64_t record_monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* Later than every reading that another thread took before it stored what this one has loaded. */
static inline uint64_t record_ticks(bool tsc)
{
    return tsc ? tsc_read_ordered() : record_monotonic_ns();
}

/* True if the event needs a unit of RECORD_HIGH before its own. */
static inline bool record_is_wide(const struct record_event *event)
{
    return ((event->later | event->size) >> 32 | event->address >> 56) != 0;
}

/* The halves: of a narrow event all is in the low one. */
static inline struct record_event record_high(const struct record_event *event)
{
    return (struct record_event){event->later >> 32, event->address >> 56, event->size >> 32, RECORD_HIGH, 0};
}

/* Who sees this in the window also sees the position that was stored before. */
static inline void record_pack(struct record_unit *unit, const struct record_event *event)
{
    atomic_store_explicit(&unit->what, event->address << 8 | (uint64_t)event->align_log2 << 3 | event->op,
                          memory_order_release);
    atomic_store_explicit(&unit->how, event->size << 32 | (event->later & UINT32_MAX), memory_order_release);
}

/* A position that is loaded afterwards is no older than what was copied. */
static inline void record_copy(struct record_unit *to, const struct record_unit *from)
{
    atomic_init(&to->what, atomic_load_explicit(&from->what, memory_order_acquire));
    atomic_init(&to->how, atomic_load_explicit(&from->how, memory_order_acquire));
}

static inline struct record_event record_unpack(const struct record_unit *unit)
{
    uint64_t what = atomic_load_explicit(&unit->what, memory_order_relaxed);
    uint64_t how = atomic_load_explicit(&unit->how, memory_order_relaxed);
    return (struct record_event){how & UINT32_MAX, what >> 8, how >> 32, what & 7, what >> 3 & 31};
}

/* Makes a narrow event whole by the high half that came before it. */
static inline void record_widen(struct record_event *event, const struct record_event *high)
{
    event->later |= high->later << 32;
    event->address |= high->address << 56;
    event->size |= high->size << 32;
}

#endif
