/* The seam between the allocator and its world.
 *
 *     core (addresses, bits, lists)  --->  struct goheap_platform  --->  mmap and pthreads
 *                                                                  \-->  a simulator's arithmetic
 *
 * The core computes addresses and never reads or writes an object, zeroing apart, so whoever fills in this
 * table decides whether memory stands behind them. The fast path (a bit scan in the span that a P owns)
 * calls none of these. Two implementations exist: platform_mmap.c here, and the simulator's own.
 *
 * All of the table's functions may be called from several threads at once if the embedder uses several.
 */
#ifndef GOHEAP_PLATFORM_H
#define GOHEAP_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct goheap_p;

/* What a lock protects; with the index (span class for CENTRAL and SETS, order for STACKS, else 0) that is its name. */
enum goheap_lock_kind {
    GOHEAP_LOCK_HEAP,    /* page allocator, span descriptors, growth: Go's mheap_.lock */
    GOHEAP_LOCK_CENTRAL, /* the span lists of one span class: Go's mcentral.lock, up to Go 1.15 */
    GOHEAP_LOCK_SETS,    /* the same lists where Go has lock-free span sets: nobody waits, a cache line moves */
    GOHEAP_LOCK_STACKS,  /* the stack pool of one order: Go's stackpool[order].item.mu */
    GOHEAP_LOCK_BITS,    /* memory for bitmaps: Go's gcBitsArenas.lock */
    GOHEAP_LOCK_KINDS
};

/* Room for a platform's lock, placed by the core where the lock belongs; a cache line, so that two locks
 * never share one. The platform owns its content between lock_init and lock_destroy. */
struct goheap_lock {
    unsigned char room[64] __attribute__((aligned(64)));
};

/* Steps that the core reports as it goes, each with an amount; a simulator charges time for them. The
 * comment gives the unit of the amount. */
enum goheap_step {
    GOHEAP_STEP_REFILL,     /* spans: an mcache lets a span go and gets another */
    GOHEAP_STEP_SWEEP,      /* objects looked at while sweeping one span */
    GOHEAP_STEP_SPAN_ALLOC, /* pages: mheap sets up a span */
    GOHEAP_STEP_SPAN_FREE,  /* pages: mheap takes a span back */
    GOHEAP_STEP_PAGE_CACHE, /* pages: a P's page cache is filled */
    GOHEAP_STEP_PAGE_FIND,  /* pages: the page allocator is searched */
    GOHEAP_STEP_GROW,       /* bytes: the heap maps more of its address space */
    GOHEAP_STEP_FAULT,      /* bytes: pages that the OS has to back (first use, or first after a release) */
    GOHEAP_STEP_SCAVENGE,   /* bytes: memory given back to the OS */
    GOHEAP_STEP_SWEPT,      /* 0: no span is left that a sweep of this cycle has not begun with */
    GOHEAP_STEPS
};

struct goheap_platform {
    void *self; /* handed back as the first argument of every function below */

    /* The address that every allocation of size 0 returns; never inside a heap. */
    const void *zero_base;

    /* Reserves bytes of address space, aligned to align (a power of two), at hint if that can be had.
     * Returns its address, or 0. Nothing is backed by memory yet. */
    uint64_t (*reserve)(void *self, uint64_t hint, uint64_t bytes, uint64_t align);
    /* Makes a part of a reservation usable (Go's sysMap); false if the OS refuses. */
    bool (*map)(void *self, uint64_t addr, uint64_t bytes);
    /* Gives the memory behind addr back, keeping the addresses (Go's sysUnused). */
    void (*unuse)(void *self, uint64_t addr, uint64_t bytes);
    /* What address and bytes of unuse have to be multiples of: the OS's page, in bytes, at most 64 of the heap's.
     * NULL: the heap's own pages will do. */
    uint64_t (*unuse_unit)(void *self);
    /* Ends a reservation. */
    void (*unreserve)(void *self, uint64_t addr, uint64_t bytes);
    /* Fills an object with zeros; p is the P on whose behalf. */
    void (*zero)(void *self, struct goheap_p *p, uint64_t addr, uint64_t bytes);

    /* Memory for the core's own bookkeeping: zeroed, page-aligned, backed only where touched, so that large
     * sparse tables are cheap. NULL if there is none. Never holds objects. */
    void *(*metadata_alloc)(void *self, size_t bytes);
    void (*metadata_free)(void *self, void *memory, size_t bytes);

    void (*lock_init)(void *self, struct goheap_lock *lock, enum goheap_lock_kind kind, unsigned index);
    void (*lock_destroy)(void *self, struct goheap_lock *lock);
    /* p is the P that takes the lock, or NULL for work on no P's behalf. */
    void (*lock)(void *self, struct goheap_p *p, struct goheap_lock *lock);
    void (*unlock)(void *self, struct goheap_p *p, struct goheap_lock *lock);

    /* Reports a step; NULL if nobody wants to know. */
    void (*step)(void *self, struct goheap_p *p, enum goheap_step step, uint64_t amount);
};

#ifdef __cplusplus
}
#endif
#endif
