/* The malloc family of C, POSIX and glibc.
 *
 * Semantics: malloc(0) is a block like any other; realloc(block, 0) frees, as glibc has it; a request that
 * cannot be met returns NULL with errno ENOMEM, and one beyond PTRDIFF_MAX never can, as the heap's address
 * space is smaller. Blocks of 9 bytes and more are aligned to 16, smaller ones to 8.
 */
#include "shim.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    KEPT_BYTES = 64,         /* a block this small is never moved to shrink */
    LARGE_BYTES = 32 << 10,  /* larger blocks are made of pages of their own */
};

/* C23, and one that glibc keeps for old programs: in no header yet, or no more. */
GM_EXPORT void free_sized(void *block, size_t size);
GM_EXPORT void free_aligned_sized(void *block, size_t alignment, size_t size);
GM_EXPORT void cfree(void *block);

__attribute__((cold, noinline)) static void *no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

static bool is_power_of_2(size_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

/* --- blocks -------------------------------------------------------------------------------------------- */

GM_EXPORT void *malloc(size_t size)
{
    void *block = gm_alloc(size, 0);
    return GM_LIKELY(block) ? block : no_memory();
}

GM_EXPORT void *calloc(size_t count, size_t size)
{
    size_t bytes;
    if (GM_UNLIKELY(__builtin_mul_overflow(count, size, &bytes)))
        return no_memory();
    void *block = gm_alloc(bytes, GOHEAP_ZEROED);
    return GM_LIKELY(block) ? block : no_memory();
}

/* Of a block that cannot be freed the heap has already told, which ended the process. */
__attribute__((cold)) void gm_after_free(enum goheap_result result, const void *caller)
{
    if (result != GOHEAP_OK)
        abort();
    gm_scavenger_start(caller);
}

GM_EXPORT void free(void *block)
{
    gm_free(block);
}

GM_EXPORT void cfree(void *block)
{
    gm_free(block);
}

GM_EXPORT void free_sized(void *block, size_t size)
{
    (void)size;
    gm_free(block);
}

GM_EXPORT void free_aligned_sized(void *block, size_t alignment, size_t size)
{
    (void)alignment;
    (void)size;
    gm_free(block);
}

/* --- sizes that change --------------------------------------------------------------------------------- */

static size_t usable(const char *function, const void *block)
{
    struct goheap *heap = gm_heap();
    size_t bytes = heap ? goheap_usable_size(heap, (uintptr_t)block) : 0;
    if (GM_UNLIKELY(bytes == 0))
        gm_misuse(function, GOHEAP_FOREIGN, block);
    return bytes;
}

/* Room for a block that grows. One that grows when it is large already will do so again: an eighth more, which
 * costs memory only once it is written, keeps the cost of growing to any size in proportion to that size. */
static void *alloc_grown(size_t size, size_t before)
{
    if (before > LARGE_BYTES && size > before && size <= PTRDIFF_MAX) {
        void *block = gm_alloc(size + size / 8, 0);
        if (block)
            return block;
    }
    return gm_alloc(size, 0);
}

__attribute__((always_inline)) static inline void *resize(void *block, size_t size)
{
    size_t before = usable("realloc", block);
    if (size <= before && (size >= before / 2 || before <= KEPT_BYTES))
        return block;
    void *moved = alloc_grown(size, before);
    if (!moved)
        return size <= before ? block : no_memory();
    memcpy(moved, block, size < before ? size : before);
    gm_free(block);
    return moved;
}

__attribute__((always_inline)) static inline void *change(void *block, size_t size)
{
    if (block && size != 0)
        return resize(block, size);
    if (block) {
        gm_free(block);
        return NULL;
    }
    void *fresh = gm_alloc(size, 0);
    return GM_LIKELY(fresh) ? fresh : no_memory();
}

GM_EXPORT void *realloc(void *block, size_t size)
{
    return change(block, size);
}

GM_EXPORT void *reallocarray(void *block, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return no_memory();
    return change(block, bytes);
}

GM_EXPORT size_t malloc_usable_size(void *block)
{
    return block ? usable("malloc_usable_size", block) : 0;
}

/* --- alignment ----------------------------------------------------------------------------------------- */

static void *aligned(size_t alignment, size_t size)
{
    void *block = gm_alloc_aligned(size, alignment);
    return GM_LIKELY(block) ? block : no_memory();
}

static void *bad_alignment(void)
{
    errno = EINVAL;
    return NULL;
}

GM_EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
    return is_power_of_2(alignment) ? aligned(alignment, size) : bad_alignment();
}

/* Takes the next power of two for an alignment that is none, as glibc does. */
GM_EXPORT void *memalign(size_t alignment, size_t size)
{
    if (alignment > SIZE_MAX / 2 + 1)
        return bad_alignment();
    size_t power = 1;
    while (power < alignment)
        power *= 2;
    return aligned(power, size);
}

GM_EXPORT int posix_memalign(void **block, size_t alignment, size_t size)
{
    if (!is_power_of_2(alignment) || alignment % sizeof(void *) != 0)
        return EINVAL;
    int before = errno;
    void *found = gm_alloc_aligned(size, alignment);
    errno = before;
    if (!found)
        return ENOMEM;
    *block = found;
    return 0;
}

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

GM_EXPORT void *valloc(size_t size)
{
    return aligned(page_bytes(), size);
}

/* Whole pages, at least one. */
GM_EXPORT void *pvalloc(size_t size)
{
    size_t page = page_bytes(), bytes;
    if (__builtin_add_overflow(size + (size == 0), page - 1, &bytes))
        return no_memory();
    return aligned(page, bytes / page * page);
}

/* --- the rest ------------------------------------------------------------------------------------------ */

/* 1 if memory was given back to the OS; pad: bytes of free memory to keep. */
GM_EXPORT int malloc_trim(size_t pad)
{
    struct goheap *heap = gm_heap();
    if (!heap)
        return 0;
    struct goheap_gauges gauges;
    goheap_gauges(heap, &gauges);
    if (gauges.heap_free <= pad)
        return 0;
    return goheap_scavenge(heap, NULL, gauges.heap_free - pad) > 0;
}
