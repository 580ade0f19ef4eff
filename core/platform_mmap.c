/* The operating system as the platform: mmap, mprotect and madvise for memory, pthread mutexes for locks. */
#include "goheap.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char zero_sized; /* what every object of size 0 points at */

static void *map_pages(uint64_t hint, uint64_t bytes, int protection)
{
    void *at = mmap((void *)(uintptr_t)hint, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

static void unmap_range(uint64_t from, uint64_t to)
{
    if (from < to)
        munmap((void *)(uintptr_t)from, to - from);
}

static uint64_t os_reserve(void *self, uint64_t hint, uint64_t bytes, uint64_t align)
{
    (void)self;
    void *at = map_pages(hint, bytes, PROT_NONE);
    if (at && (uintptr_t)at % align == 0)
        return (uintptr_t)at;
    if (at)
        munmap(at, bytes);
    at = map_pages(0, bytes + align, PROT_NONE);
    if (!at)
        return 0;
    uint64_t start = ((uintptr_t)at + align - 1) / align * align;
    unmap_range((uintptr_t)at, start);
    unmap_range(start + bytes, (uintptr_t)at + bytes + align);
    return start;
}

static bool os_map(void *self, uint64_t addr, uint64_t bytes)
{
    (void)self;
    return mprotect((void *)(uintptr_t)addr, bytes, PROT_READ | PROT_WRITE) == 0;
}

static void os_unuse(void *self, uint64_t addr, uint64_t bytes)
{
    (void)self;
    madvise((void *)(uintptr_t)addr, bytes, MADV_DONTNEED);
}

static uint64_t os_unuse_unit(void *self)
{
    (void)self;
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

static void os_unreserve(void *self, uint64_t addr, uint64_t bytes)
{
    (void)self;
    munmap((void *)(uintptr_t)addr, bytes);
}

static void os_zero(void *self, struct goheap_p *p, uint64_t addr, uint64_t bytes)
{
    (void)self;
    (void)p;
    memset((void *)(uintptr_t)addr, 0, bytes);
}

static void *os_metadata_alloc(void *self, size_t bytes)
{
    (void)self;
    return map_pages(0, bytes, PROT_READ | PROT_WRITE);
}

static void os_metadata_free(void *self, void *memory, size_t bytes)
{
    (void)self;
    munmap(memory, bytes);
}

_Static_assert(sizeof(pthread_mutex_t) <= sizeof(struct goheap_lock), "a mutex must fit where the core leaves room");

static pthread_mutex_t *mutex_of(struct goheap_lock *lock)
{
    return (pthread_mutex_t *)(void *)lock->room;
}

static void os_lock_init(void *self, struct goheap_lock *lock, enum goheap_lock_kind kind, unsigned index)
{
    (void)self;
    (void)kind;
    (void)index;
    pthread_mutex_init(mutex_of(lock), NULL);
}

static void os_lock_destroy(void *self, struct goheap_lock *lock)
{
    (void)self;
    pthread_mutex_destroy(mutex_of(lock));
}

static void os_lock(void *self, struct goheap_p *p, struct goheap_lock *lock)
{
    (void)self;
    (void)p;
    pthread_mutex_lock(mutex_of(lock));
}

static void os_unlock(void *self, struct goheap_p *p, struct goheap_lock *lock)
{
    (void)self;
    (void)p;
    pthread_mutex_unlock(mutex_of(lock));
}

const struct goheap_platform *goheap_platform_mmap(void)
{
    static const struct goheap_platform platform = {
        .zero_base = &zero_sized,
        .reserve = os_reserve,
        .map = os_map,
        .unuse = os_unuse,
        .unuse_unit = os_unuse_unit,
        .unreserve = os_unreserve,
        .zero = os_zero,
        .metadata_alloc = os_metadata_alloc,
        .metadata_free = os_metadata_free,
        .lock_init = os_lock_init,
        .lock_destroy = os_lock_destroy,
        .lock = os_lock,
        .unlock = os_unlock,
    };
    return &platform;
}
