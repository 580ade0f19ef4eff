/* What a correct program never does; each part should end the process. It prints the address first. */
#include "check.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

extern void *_Znwm(size_t size) __attribute__((weak)); /* operator new */

static char not_ours[64];

static void *said(void *block)
{
    printf("%p\n", block);
    fflush(stdout);
    return block;
}

static void twice(size_t size)
{
    void *block = said(malloc(size)), *other = malloc(size);
    free(block);
    free(block);
    free(other);
}

static void double_small(void)
{
    twice(100);
}

static void double_large(void)
{
    twice(1 << 20);
}

static void interior(void)
{
    char *block = malloc(100);
    free(said(block + 16));
}

static void interior_large(void)
{
    char *block = malloc(1 << 20);
    free(said(block + 4096));
}

static void foreign(void)
{
    free(said(not_ours));
}

static void foreign_realloc(void)
{
    CHECK(realloc(said(not_ours), 10) == NULL);
}

static void foreign_usable_size(void)
{
    CHECK(malloc_usable_size(said(not_ours)) == 0);
}

static void interior_realloc(void)
{
    char *block = malloc(100);
    CHECK(realloc(said(block + 16), 1000) == NULL);
}

static void wild(void)
{
    free(said((void *)(uintptr_t)0x1000));
}

static void new_fails(void)
{
    CHECK(_Znwm(SIZE_MAX) == NULL);
}

int main(int argc, char **argv)
{
    static const struct part parts[] = {
        {"double", double_small}, {"double-large", double_large}, {"interior", interior},
        {"interior-large", interior_large}, {"foreign", foreign}, {"foreign-realloc", foreign_realloc},
        {"foreign-usable-size", foreign_usable_size}, {"interior-realloc", interior_realloc}, {"wild", wild},
        {"new-fails", new_fails},
    };
    return run_part(parts, sizeof parts / sizeof parts[0], argc, argv);
}
