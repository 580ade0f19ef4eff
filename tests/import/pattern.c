/* A program to be recorded by other tools: one thread, every form of allocation that all of them see, and what it did
 * as the trace must have it: "allocs N frees N live N bytes N".
 *
 *   pattern ROUNDS
 *
 * Only blocks whose size is 777 modulo 1000 count, and no other block has such a size (libc's own), so that a trace
 * can be compared with the counts. A realloc is a free and an alloc. */
#include <malloc.h>
#include <mcheck.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BOXES = 211 };

static size_t allocs, frees, live_bytes;

static void *count(void *block, size_t size)
{
    if (block == NULL)
        abort();
    allocs++;
    live_bytes += size;
    memcpy(block, &size, sizeof size);
    return block;
}

static void uncount(size_t size)
{
    frees++;
    live_bytes -= size;
}

static size_t size_of(const void *block)
{
    size_t size;
    memcpy(&size, block, sizeof size);
    return size;
}

static void *make(unsigned form, size_t size)
{
    void *block = NULL;
    switch (form) {
    case 0:
        return calloc(1, size);
    case 1:
        return calloc(size, 1);
    case 2:
        return realloc(NULL, size);
    case 3:
        return posix_memalign(&block, 256, size) == 0 ? block : NULL;
    case 4:
        return aligned_alloc(64, size);
    default:
        return malloc(size);
    }
}

/* To a new place or not, or not at all. */
static void *resize(void *block, size_t size, volatile size_t impossible)
{
    size_t before = size_of(block);
    if (realloc(block, impossible) != NULL)
        abort();
    block = count(realloc(block, size), size);
    uncount(before);
    return block;
}

static void run(unsigned long rounds)
{
    static void *boxes[BOXES];
    unsigned random = 1;
    for (unsigned long i = 0; i < rounds; i++) {
        random = random * 1103515245 + 12345;
        void **box = &boxes[(random >> 16) % BOXES];
        size_t size = 777 + 1000 * (size_t)(random >> 8 & 7);
        if (*box == NULL) {
            *box = count(make(random >> 11 & 7, size), size);
        } else if ((random >> 14 & 3) == 0) {
            *box = resize(*box, size, PTRDIFF_MAX);
        } else {
            uncount(size_of(*box));
            free(*box);
            *box = NULL;
        }
        free(NULL);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    mtrace(); /* does nothing without MALLOC_TRACE */
    run(strtoul(argv[1], NULL, 10));
    muntrace();
    printf("allocs %zu frees %zu live %zu bytes %zu\n", allocs, frees, allocs - frees, live_bytes);
    return 0;
}
