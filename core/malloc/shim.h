/* The process-wide heap behind malloc: what the files of this folder share.
 *
 *   malloc.c, new.c  what programs call      \
 *   thread.c         whose P serves the call  >  goheap_alloc, goheap_free  (core/)
 *   process.c        the heap; fork; exit    /
 *   scavenger.c      memory back to the OS       settings.c, stats.c, text.c, caller.c
 *
 * Nothing here may allocate, use stdio, or look symbols up: it runs inside the dynamic loader, inside fork and
 * inside pthread_create. Names are gm_, and none of them is visible outside of the library.
 */
#ifndef GM_SHIM_H
#define GM_SHIM_H

#include "goheap.h"

#define GM_EXPORT __attribute__((visibility("default")))
#define GM_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define GM_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

enum gm_thread_state {
    GM_NEW,     /* has no P yet */
    GM_OWNER,   /* p is its own */
    GM_LEAVING, /* the same, and a round of thread-specific destructors is over */
    GM_GONE     /* its P was released: what it still does goes through the shared P */
};

struct gm_thread {
    struct goheap_p *p; /* NULL: gm_alloc_slow and gm_free_slow know what to do */
    enum gm_thread_state state;
    uint64_t freed; /* bytes of pages freed since the last look at the gauges */
};
#define GM_TLS __thread __attribute__((tls_model("initial-exec")))
extern GM_TLS struct gm_thread gm_thread;

/* Not 0: a scavenger is wanted; the thread's next free sees to it. A variable of its own, so that free need keep
 * nothing in registers across goheap_free. */
extern GM_TLS unsigned gm_wanted;

/* --- process.c ----------------------------------------------------------------------------------------- */

extern struct goheap *gm_heap_now; /* NULL before the first call; never destroyed */
extern unsigned gm_page_shift;     /* log2 of its pages' size */
/* Makes the heap unless it is there; NULL if memory cannot be had. Keeps errno. */
struct goheap *gm_heap_make(void);

static inline struct goheap *gm_heap(void)
{
    struct goheap *heap = __atomic_load_n(&gm_heap_now, __ATOMIC_ACQUIRE);
    return GM_LIKELY(heap) ? heap : gm_heap_make();
}

/* --- thread.c ------------------------------------------------------------------------------------------ */

/* Before any thread can have a P; false if the system has no keys left. */
bool gm_threads_init(void);
/* For threads without a P of their own at hand. align 1: as the size asks. */
void *gm_alloc_slow(size_t size, size_t align, unsigned flags);
void gm_free_slow(void *block);
/* Around a fork: nobody else is at the shared P. */
void gm_shared_lock(void);
void gm_shared_unlock(void);

/* --- scavenger.c --------------------------------------------------------------------------------------- */

/* Platform step: how the shim learns of free pages. */
void gm_on_step(void *self, struct goheap_p *p, enum goheap_step step, uint64_t amount);
/* From here on threads may be created. */
void gm_scavenger_allow(void);
void gm_scavenger_forbid(void);
/* In the child of a fork there is no scavenger. */
void gm_scavenger_forget(void);
/* The caller has no lock of goheap's, and was itself called from `caller`. Keeps errno. */
void gm_scavenger_start(const void *caller);

/* --- caller.c ------------------------------------------------------------------------------------------ */

void gm_callers_init(void);
/* Whether the code at that address is libc's or the dynamic loader's. */
bool gm_is_libc(const void *code);

/* --- ending -------------------------------------------------------------------------------------------- */

/* Says what was wrong with the block in one line, and aborts. text.c */
_Noreturn void gm_misuse(const char *function, enum goheap_result misuse, const void *block);
/* Prints MemStats; see stats.c. */
void gm_stats_print(struct goheap *heap, int fd);

/* --- the paths that every call takes ------------------------------------------------------------------- */

/* A block of at least one byte, so that every block is unique; NULL if there is no memory, errno as it was. */
static inline void *gm_alloc(size_t size, unsigned flags)
{
    struct goheap_p *p = gm_thread.p;
    size += size == 0;
    if (GM_UNLIKELY(!p))
        return gm_alloc_slow(size, 1, flags);
    return (void *)(uintptr_t)goheap_alloc(p, size, flags);
}

static inline void *gm_alloc_aligned(size_t size, size_t align)
{
    struct goheap_p *p = gm_thread.p;
    size += size == 0;
    if (GM_UNLIKELY(!p))
        return gm_alloc_slow(size, align, 0);
    return (void *)(uintptr_t)goheap_alloc_aligned(p, size, align, 0);
}

/* What is left to do after a free that was not plain. malloc.c */
void gm_after_free(enum goheap_result result, const void *caller);

/* Inlined into what the program called, whose return address says who that was. */
__attribute__((always_inline)) static inline void gm_free(void *block)
{
    struct goheap_p *p = gm_thread.p;
    if (GM_UNLIKELY(!p)) {
        gm_free_slow(block);
        return;
    }
    enum goheap_result result = goheap_free(p, (uintptr_t)block);
    if (GM_UNLIKELY(((unsigned)result | gm_wanted) != 0))
        gm_after_free(result, __builtin_return_address(0));
}

#endif
