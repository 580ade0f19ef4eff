/* Every function of the family against C, POSIX and glibc's manual. */
#include "check.h"

#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

enum { PAGE = 4096, MANY = 100 };

/* Not in every libc: the library under test must have them. */
extern void free_sized(void *block, size_t size) __attribute__((weak));
extern void free_aligned_sized(void *block, size_t alignment, size_t size) __attribute__((weak));
extern void cfree(void *block) __attribute__((weak));

static bool is_aligned(const void *block, size_t alignment)
{
    return (uintptr_t)block % alignment == 0;
}

static bool all_bytes(const unsigned char *block, size_t n, unsigned char value)
{
    for (size_t i = 0; i < n; i++)
        if (block[i] != value)
            return false;
    return true;
}

/* --- sizes and alignment ------------------------------------------------------------------------------- */

static void zero(void)
{
    void *blocks[MANY];
    for (int i = 0; i < MANY; i += 4) {
        blocks[i] = malloc(0);
        blocks[i + 1] = calloc(0, 100);
        blocks[i + 2] = realloc(NULL, 0);
        blocks[i + 3] = memalign(64, 0);
    }
    for (int i = 0; i < MANY; i++) {
        CHECK(blocks[i] != NULL);
        for (int j = 0; j < i; j++)
            CHECK(blocks[i] != blocks[j]);
    }
    for (int i = 0; i < MANY; i++)
        free(blocks[i]);
}

static void every_size(void)
{
    for (size_t size = 1; size <= 70000; size++) {
        unsigned char *block = malloc(size), *other = malloc(size);
        CHECK(block && other && block != other);
        CHECK(is_aligned(block, size > 8 ? 16 : 8) && is_aligned(other, size > 8 ? 16 : 8));
        CHECK(malloc_usable_size(block) >= size);
        memset(block, 1, malloc_usable_size(block));
        memset(other, 2, malloc_usable_size(other));
        CHECK(all_bytes(block, malloc_usable_size(block), 1));
        free(other);
        free(block);
    }
}

static void check_aligned(unsigned char *block, size_t alignment, size_t size)
{
    CHECK(block && is_aligned(block, alignment) && malloc_usable_size(block) >= size);
    memset(block, 0x5a, size);
    free(block);
}

static void every_alignment(void)
{
    static const size_t sizes[] = {0, 1, 7, 8, 9, 24, 100, 1000, 4096, 5000, 32768, 32769, 100000, 1 << 20, 3 << 20};
    for (size_t alignment = 1; alignment <= 1 << 20; alignment *= 2)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            void *block = NULL;
            check_aligned(aligned_alloc(alignment, sizes[i]), alignment, sizes[i]);
            check_aligned(memalign(alignment, sizes[i]), alignment, sizes[i]);
            CHECK(posix_memalign(&block, alignment, sizes[i]) == (alignment < sizeof(void *) ? EINVAL : 0));
            if (block)
                check_aligned(block, alignment, sizes[i]);
        }
}

static void bad_alignments(void)
{
    static const size_t bad[] = {0, 3, 24, 48, 100, SIZE_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int there;
        void *block = &there;
        errno = 77;
        CHECK(posix_memalign(&block, bad[i], 100) == EINVAL);
        CHECK(block == &there && errno == 77);
        CHECK(aligned_alloc(bad[i], 100) == NULL && errno == EINVAL);
    }
    /* memalign takes the next power of two. */
    check_aligned(memalign(24, 100), 32, 100);
    check_aligned(memalign(0, 100), 16, 100);
    errno = 0;
    CHECK(memalign(SIZE_MAX, 1) == NULL && errno == EINVAL);
}

static void pages(void)
{
    for (size_t size = 0; size < 5 * PAGE; size += 777) {
        check_aligned(valloc(size), PAGE, size);
        check_aligned(pvalloc(size), PAGE, size ? (size + PAGE - 1) / PAGE * PAGE : PAGE);
    }
}

/* --- what cannot be had -------------------------------------------------------------------------------- */

#define REFUSED(call) (errno = 0, (call) == NULL && errno == ENOMEM)

static void too_large(void)
{
    static const size_t sizes[] = {(size_t)PTRDIFF_MAX + 1, PTRDIFF_MAX, SIZE_MAX - 4096, SIZE_MAX - 1, SIZE_MAX};
    char *block = malloc(100);
    memset(block, 'x', 100);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        void *untouched = block;
        CHECK(REFUSED(malloc(sizes[i])));
        CHECK(REFUSED(calloc(1, sizes[i])));
        CHECK(REFUSED(calloc(sizes[i], 1)));
        CHECK(REFUSED(realloc(block, sizes[i])));
        CHECK(REFUSED(realloc(NULL, sizes[i])));
        CHECK(REFUSED(aligned_alloc(64, sizes[i])));
        CHECK(REFUSED(aligned_alloc((size_t)1 << 63, sizes[i])));
        CHECK(REFUSED(memalign(1 << 20, sizes[i])));
        CHECK(REFUSED(valloc(sizes[i])));
        CHECK(REFUSED(pvalloc(sizes[i])));
        errno = 77;
        CHECK(posix_memalign(&untouched, 64, sizes[i]) == ENOMEM && untouched == block && errno == 77);
    }
    CHECK(all_bytes((unsigned char *)block, 100, 'x'));
    free(block);
}

static void products(void)
{
    void *block = malloc(10);
    CHECK(REFUSED(calloc(SIZE_MAX / 2, 3)));
    CHECK(REFUSED(calloc((size_t)1 << 32, (size_t)1 << 32)));
    CHECK(REFUSED(reallocarray(block, (size_t)1 << 33, (size_t)1 << 33)));
    CHECK(REFUSED(reallocarray(NULL, SIZE_MAX, SIZE_MAX)));
    block = reallocarray(block, 100, 20);
    CHECK(block && malloc_usable_size(block) >= 2000);
    free(block);
}

/* With an address space of 4 GiB. */
static void used_up(void)
{
    void *blocks[5] = {NULL};
    int n = 0;
    while (n < 5 && (blocks[n] = malloc((size_t)1 << 30)))
        n++;
    CHECK((n == 3 || n == 4) && errno == ENOMEM);
    CHECK(REFUSED(malloc((size_t)5 << 30)));
    free(malloc(100));
    for (int i = 0; i < n; i++)
        free(blocks[i]);
    CHECK((blocks[0] = malloc((size_t)3 << 30)) != NULL);
    free(blocks[0]);
}

/* --- the content --------------------------------------------------------------------------------------- */

static void zeroed(void)
{
    for (size_t size = 1; size < 300000; size += 1 + size / 3) {
        for (int round = 0; round < 20; round++) {
            unsigned char *block = calloc(round % 2 ? size : 1, round % 2 ? 1 : size);
            CHECK(block && all_bytes(block, size, 0));
            memset(block, 0xff, malloc_usable_size(block));
            free(block);
        }
    }
}

static bool holds_pattern(const unsigned char *block, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++)
        if (block[i] != (unsigned char)(i * 31 + seed))
            return false;
    return true;
}

static void put_pattern(unsigned char *block, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++)
        block[i] = (unsigned char)(i * 31 + seed);
}

static void resized(void)
{
    unsigned char *block = NULL;
    size_t before = 0, size = 1;
    for (unsigned round = 0; round < 3000; round++) {
        block = realloc(block, size);
        CHECK(block && is_aligned(block, size > 8 ? 16 : 8) && malloc_usable_size(block) >= size);
        CHECK(holds_pattern(block, before < size ? before : size, round));
        put_pattern(block, size, round + 1);
        before = size;
        size = (size * 2654435761u + round) % (round % 3 ? 3000 : 200000) + 1;
    }
    CHECK(realloc(block, 0) == NULL);
}

static void in_place(void)
{
    char *block = malloc(1000);
    CHECK(realloc(block, 1001) == block && realloc(block, malloc_usable_size(block)) == block);
    CHECK(realloc(block, 600) == block);
    char *small = realloc(block, 100);
    CHECK(small != block && malloc_usable_size(small) < 200);
    free(small);
}

/* What grows step by step is not copied at each step. */
static void growing(void)
{
    char *block = malloc(100000);
    unsigned moves = 0;
    for (size_t size = 100000; size < 64 << 20; size += 4096) {
        char *grown = realloc(block, size);
        CHECK(grown != NULL);
        moves += grown != block;
        block = grown;
        block[size - 1] = 1;
    }
    CHECK(moves < 100);
    free(block);
}

/* --- freeing ------------------------------------------------------------------------------------------- */

static void freeing(void)
{
    errno = 77;
    free(NULL);
    for (size_t size = 1; size < 10 << 20; size *= 3) {
        free(malloc(size));
        free_sized(malloc(size), size);
        free_aligned_sized(aligned_alloc(64, size), 64, size);
        cfree(malloc(size));
    }
    free_sized(NULL, 0);
    free_aligned_sized(NULL, 64, 0);
    CHECK(errno == 77);
    CHECK(malloc_usable_size(NULL) == 0);
}

static void trim(void)
{
    char *block = malloc(50 << 20);
    memset(block, 1, 50 << 20);
    free(block);
    CHECK(malloc_trim(SIZE_MAX) == 0);
    CHECK(malloc_trim(0) == 1);
    CHECK(malloc_trim(0) == 0);
    block = calloc(1, 50 << 20);
    CHECK(all_bytes((unsigned char *)block, 50 << 20, 0));
    free(block);
}

int main(int argc, char **argv)
{
    static const struct part parts[] = {
        {"zero", zero}, {"every-size", every_size}, {"every-alignment", every_alignment},
        {"bad-alignments", bad_alignments}, {"pages", pages}, {"too-large", too_large}, {"products", products},
        {"used-up", used_up},
        {"zeroed", zeroed}, {"resized", resized}, {"in-place", in_place}, {"growing", growing},
        {"freeing", freeing}, {"trim", trim},
    };
    return run_part(parts, sizeof parts / sizeof parts[0], argc, argv);
}
