/* mmap, and alignment for huge pages. */
#include "base/pages.h"

#include <stdint.h>
#include <sys/mman.h>

enum { HUGE = 2 << 20, LARGEST = 64 << 20 };

static void *map(size_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

/* A mapping that starts at a multiple of a huge page. */
static void *map_aligned(size_t bytes)
{
    char *at = map(bytes + HUGE);
    if (!at)
        return NULL;
    size_t before = (HUGE - (uintptr_t)at % HUGE) % HUGE;
    if (before)
        munmap(at, before);
    if (HUGE - before)
        munmap(at + before + bytes, HUGE - before);
    madvise(at + before, bytes, MADV_HUGEPAGE);
    return at + before;
}

void *pages_alloc(size_t bytes)
{
    return bytes >= HUGE && bytes <= LARGEST && bytes % 4096 == 0 ? map_aligned(bytes) : map(bytes);
}

void pages_free(void *memory, size_t bytes)
{
    munmap(memory, bytes);
}
