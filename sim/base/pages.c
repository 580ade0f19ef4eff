/* mmap, alignment for huge pages, and blocks that are kept. */
#include "base/pages.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum { HUGE = 2 << 20, LARGEST = 64 << 20, GUARD = 4096, KEPT = 128, KEPT_BYTES = 256 << 20 };

struct block {
    char *memory;
    size_t bytes;
    bool guarded; /* a stack, above its guard */
};

/* What a thread has freed and may get again, the latest last. */
struct kept {
    bool keeping;
    unsigned count;
    size_t backed; /* bytes of those that are not sparse */
    struct block blocks[KEPT];
};

static _Thread_local struct kept kept;

static bool is_sparse(size_t bytes)
{
    return bytes > LARGEST;
}

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

/* ---- what is kept ---- */

static struct block take_out(unsigned i)
{
    struct block block = kept.blocks[i];
    kept.count--;
    kept.backed -= is_sparse(block.bytes) ? 0 : block.bytes;
    memmove(&kept.blocks[i], &kept.blocks[i + 1], (kept.count - i) * sizeof block);
    return block;
}

/* The latest that fits, as the caches may still have it; NULL if none does. */
static char *find_kept(size_t bytes, bool guarded)
{
    for (unsigned i = kept.count; i-- > 0;)
        if (kept.blocks[i].bytes == bytes && kept.blocks[i].guarded == guarded)
            return take_out(i).memory;
    return NULL;
}

static void unmap_oldest(void)
{
    struct block block = take_out(0);
    munmap(block.memory, block.bytes);
}

/* Of a sparse block nobody knows what has been touched, so the OS is to zero it. */
static void put_away(char *memory, size_t bytes, bool guarded)
{
    if (!kept.keeping || (is_sparse(bytes) && madvise(memory, bytes, MADV_DONTNEED) != 0)) {
        munmap(memory, bytes);
        return;
    }
    if (kept.count == KEPT)
        unmap_oldest();
    kept.blocks[kept.count++] = (struct block){memory, bytes, guarded};
    kept.backed += is_sparse(bytes) ? 0 : bytes;
    while (kept.backed > KEPT_BYTES)
        unmap_oldest();
}

void pages_keep(void)
{
    kept.keeping = true;
}

void pages_let_go(void)
{
    kept.keeping = false;
    while (kept.count)
        unmap_oldest();
}

/* ---- blocks and stacks ---- */

void *pages_alloc(size_t bytes)
{
    char *memory = find_kept(bytes, false);
    if (!memory)
        return bytes >= HUGE && !is_sparse(bytes) && bytes % 4096 == 0 ? map_aligned(bytes) : map(bytes);
    return is_sparse(bytes) ? memory : memset(memory, 0, bytes);
}

void pages_free(void *memory, size_t bytes)
{
    put_away(memory, bytes, false);
}

void *pages_alloc_stack(size_t bytes)
{
    char *memory = find_kept(GUARD + bytes, true);
    if (memory)
        return memory + GUARD;
    memory = map(GUARD + bytes);
    if (!memory)
        return NULL;
    mprotect(memory, GUARD, PROT_NONE);
    return memory + GUARD;
}

void pages_free_stack(void *stack, size_t bytes)
{
    put_away((char *)stack - GUARD, GUARD + bytes, true);
}
