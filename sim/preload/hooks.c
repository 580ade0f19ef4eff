/* The functions that stand in front of the program's malloc, free and their kin.
 *
 * Each calls the next definition in the search order, which is glibc's or that of an allocator
 * the program is linked with; never glibc's by name, as malloc_usable_size and the like go
 * straight to that other allocator.
 * Invariant: a free is recorded before the real call and an allocation after it, so that the
 * time at which an address is given up is never later than the time at which another thread has
 * it again. */
#include "recording.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define LIKELY(condition) __builtin_expect(!!(condition), 1)

/* C23; not in every libc's headers. */
EXPORT void free_sized(void *block, size_t size);
EXPORT void free_aligned_sized(void *block, size_t alignment, size_t size);
EXPORT void *malloc(size_t size);
EXPORT void free(void *block);
EXPORT void *calloc(size_t count, size_t size);
EXPORT void *realloc(void *block, size_t size);
EXPORT void *reallocarray(void *block, size_t count, size_t size);
EXPORT void *memalign(size_t alignment, size_t size);
EXPORT void *aligned_alloc(size_t alignment, size_t size);
EXPORT int posix_memalign(void **block, size_t alignment, size_t size);
EXPORT void *valloc(size_t size);
EXPORT void *pvalloc(size_t size);
EXPORT size_t malloc_usable_size(void *block);

static struct {
    void *(*malloc)(size_t);
    void (*free)(void *);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void *(*memalign)(size_t, size_t);
    void *(*aligned_alloc)(size_t, size_t);
    int (*posix_memalign)(void **, size_t, size_t);
    size_t (*usable_size)(void *);
} real;

static _Atomic bool ready; /* the real functions are known and it is decided whether we record */

/* -- The bootstrap arena: what dlsym asks for while it looks for malloc. Never given back, never
 * recorded. -- */

enum { ARENA_BYTES = 65536, ARENA_ALIGN = 16 };

static _Alignas(ARENA_ALIGN) unsigned char arena[ARENA_BYTES];
static _Atomic size_t arena_used;

static bool in_arena(const void *block)
{
    return (uintptr_t)block - (uintptr_t)arena < ARENA_BYTES;
}

/* Zeroed memory, its size kept in the unit before it; NULL when the arena is used up. */
static void *arena_alloc(size_t size)
{
    if (size > ARENA_BYTES)
        return NULL;
    size_t bytes = ARENA_ALIGN + (size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    size_t start = atomic_fetch_add(&arena_used, bytes);
    if (start + bytes > ARENA_BYTES)
        return NULL;
    memcpy(arena + start, &size, sizeof size);
    return arena + start + ARENA_ALIGN;
}

static size_t arena_size(const void *block)
{
    size_t size;
    memcpy(&size, (const unsigned char *)block - ARENA_ALIGN, sizeof size);
    return size;
}

/* -- Start-up -- */

/* POSIX promises that functions fit into the void * that dlsym returns; ISO C has no cast for
 * it. */
static void find(void *function, const char *name)
{
    void *address = dlsym(RTLD_NEXT, name);
    memcpy(function, &address, sizeof address);
}

static void find_all(void)
{
    find(&real.free, "free");
    find(&real.calloc, "calloc");
    find(&real.realloc, "realloc");
    find(&real.memalign, "memalign");
    find(&real.aligned_alloc, "aligned_alloc");
    find(&real.posix_memalign, "posix_memalign");
    find(&real.usable_size, "malloc_usable_size");
    find(&real.malloc, "malloc");
}

/* False: this call comes from within the search for the real functions, and only the arena can
 * serve it. */
static bool prepare(void)
{
    static _Atomic int searching; /* 0: not yet, 1: at it, 2: done */
    int before = 0;
    if (atomic_compare_exchange_strong(&searching, &before, 1)) {
        find_all();
        atomic_store(&searching, 2);
    } else if (before == 1) {
        return false;
    }
    if (recording_start())
        atomic_store(&ready, true);
    return true;
}

static inline bool prepared(void)
{
    return LIKELY(atomic_load_explicit(&ready, memory_order_acquire)) || prepare();
}

__attribute__((constructor)) static void start(void)
{
    prepare();
}

/* -- The hooks -- */

/* The exponent of the power of two that an allocator makes of an alignment. */
static unsigned align_log2(size_t alignment)
{
    unsigned log2 = 0;
    while (log2 < 63 && ((size_t)1 << log2) < alignment)
        log2++;
    return log2;
}

void *malloc(size_t size)
{
    if (!prepared())
        return arena_alloc(size);
    bool outermost = recording_enter();
    void *block = real.malloc(size);
    if (outermost && block != NULL)
        recording_put(RECORD_ALLOC, block, size, 0);
    recording_leave();
    return block;
}

void free(void *block)
{
    if (block == NULL || in_arena(block) || !prepared())
        return;
    if (recording_enter())
        recording_put(RECORD_FREE, block, 0, 0);
    real.free(block);
    recording_leave();
}

void free_sized(void *block, size_t size)
{
    (void)size;
    free(block);
}

void free_aligned_sized(void *block, size_t alignment, size_t size)
{
    (void)alignment;
    (void)size;
    free(block);
}

void *calloc(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    if (!prepared())
        return arena_alloc(bytes);
    bool outermost = recording_enter();
    void *block = real.calloc(count, size);
    if (outermost && block != NULL)
        recording_put(RECORD_ALLOC, block, bytes, 0);
    recording_leave();
    return block;
}

/* A block from the arena cannot grow: its content moves to the real heap. */
static void *leave_arena(void *block, size_t size)
{
    void *moved = malloc(size);
    size_t old = arena_size(block);
    if (moved != NULL)
        memcpy(moved, block, old < size ? old : size);
    return moved;
}

/* The old address can be somebody else's before realloc returns, so giving it up is recorded
 * beforehand, and what came of it afterwards. A NULL for size 0 means that the block was freed. */
void *realloc(void *block, size_t size)
{
    if (block == NULL)
        return malloc(size);
    if (in_arena(block))
        return leave_arena(block, size);
    if (!prepared())
        return NULL;
    bool outermost = recording_enter();
    if (outermost)
        recording_put(size == 0 ? RECORD_FREE : RECORD_RESIZE, block, 0, 0);
    void *moved = real.realloc(block, size);
    if (outermost && moved != NULL)
        recording_put(size == 0 ? RECORD_ALLOC : RECORD_RESIZED, moved, size, 0);
    else if (outermost && size != 0)
        recording_put(RECORD_CANCEL, block, 0, 0);
    recording_leave();
    return moved;
}

void *reallocarray(void *block, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(block, bytes);
}

void *memalign(size_t alignment, size_t size)
{
    if (!prepared())
        return NULL;
    bool outermost = recording_enter();
    void *block = real.memalign(alignment, size);
    if (outermost && block != NULL)
        recording_put(RECORD_ALLOC, block, size, align_log2(alignment));
    recording_leave();
    return block;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    if (!prepared())
        return NULL;
    bool outermost = recording_enter();
    void *block = real.aligned_alloc(alignment, size);
    if (outermost && block != NULL)
        recording_put(RECORD_ALLOC, block, size, align_log2(alignment));
    recording_leave();
    return block;
}

int posix_memalign(void **block, size_t alignment, size_t size)
{
    if (!prepared())
        return ENOMEM;
    bool outermost = recording_enter();
    int failure = real.posix_memalign(block, alignment, size);
    if (outermost && failure == 0 && *block != NULL)
        recording_put(RECORD_ALLOC, *block, size, align_log2(alignment));
    recording_leave();
    return failure;
}

/* valloc and pvalloc go through memalign, which every allocator has; some lack these two, and
 * the next definition would be that of another heap. */
void *valloc(size_t size)
{
    return memalign((size_t)sysconf(_SC_PAGESIZE), size);
}

void *pvalloc(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes;
    if (__builtin_add_overflow(size, page - 1, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return memalign(page, bytes / page * page);
}

size_t malloc_usable_size(void *block)
{
    if (block != NULL && in_arena(block))
        return arena_size(block);
    return prepared() ? real.usable_size(block) : 0;
}
