/* Memory from the OS, and what a thread keeps of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/pages.h"

enum { MIB = 1 << 20 };

static bool is_zero(const unsigned char *memory, size_t bytes)
{
    return bytes == 0 || (memory[0] == 0 && memcmp(memory, memory + 1, bytes - 1) == 0);
}

/* Whether the process has it mapped. */
static bool is_mapped(void *memory)
{
    unsigned char resident;
    return mincore(memory, 4096, &resident) == 0;
}

static void test_unkept(void **state)
{
    (void)state;
    unsigned char *block = pages_alloc(3 * MIB + 4096);
    assert_true(is_zero(block, 3 * MIB + 4096));
    assert_int_equal((uintptr_t)block % (2 * MIB), 0); /* large enough for huge pages */
    pages_free(block, 3 * MIB + 4096);
    assert_false(is_mapped(block));
}

static void test_kept(void **state)
{
    (void)state;
    static const size_t sizes[] = {100, 64 << 10, 2 * MIB, 65 * MIB}; /* the last one is sparse */
    pages_keep();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned char *block = pages_alloc(sizes[i]);
        memset(block, 1, 100);
        block[sizes[i] - 1] = 1;
        pages_free(block, sizes[i]);
        unsigned char *other = pages_alloc(sizes[i] + 1);
        assert_ptr_not_equal(other, block);
        assert_ptr_equal(pages_alloc(sizes[i]), block);
        assert_true(is_zero(block, sizes[i]));
        pages_free(other, sizes[i] + 1);
        pages_free(block, sizes[i]);
        assert_true(is_mapped(block));
    }
    pages_let_go();
    unsigned char *block = pages_alloc(4096);
    pages_free(block, 4096);
    assert_false(is_mapped(block)); /* it keeps no more */
}

/* The latest first; of more than 128, or than 256 MiB, the oldest go. */
static void test_bounds(void **state)
{
    (void)state;
    enum { BLOCKS = 130, LARGE = 32 * MIB };
    char *blocks[BLOCKS], *large[9];
    pages_keep();
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = pages_alloc(4096);
    for (int i = 0; i < BLOCKS; i++)
        pages_free(blocks[i], 4096);
    for (int i = 0; i < BLOCKS; i++)
        assert_int_equal(is_mapped(blocks[i]), i >= 2);
    assert_ptr_equal(pages_alloc(4096), blocks[BLOCKS - 1]);
    assert_ptr_equal(pages_alloc(4096), blocks[BLOCKS - 2]);
    pages_free(blocks[BLOCKS - 2], 4096);
    pages_free(blocks[BLOCKS - 1], 4096);
    for (int i = 0; i < 9; i++)
        large[i] = pages_alloc(LARGE);
    for (int i = 0; i < 9; i++)
        pages_free(large[i], LARGE);
    assert_false(is_mapped(blocks[BLOCKS - 1]));
    for (int i = 0; i < 9; i++)
        assert_int_equal(is_mapped(large[i]), i >= 1);
    pages_let_go();
    assert_false(is_mapped(large[8]));
}

/* The exit status of a child that writes there, or minus the signal that ends it. */
static int write_in_child(char *at)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        *(volatile char *)at = 1;
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void test_stack(void **state)
{
    (void)state;
    enum { BYTES = 64 << 10 };
    pages_keep();
    for (int round = 0; round < 2; round++) {
        char *stack = pages_alloc_stack(BYTES);
        assert_int_equal(write_in_child(stack), 0);
        assert_int_equal(write_in_child(stack + BYTES - 1), 0);
        assert_int_equal(write_in_child(stack - 1), -SIGSEGV);
        char *block = pages_alloc(BYTES + 4096); /* no block is a stack, whatever its size */
        pages_free(block, BYTES + 4096);
        pages_free_stack(stack, BYTES);
        assert_ptr_equal(pages_alloc_stack(BYTES), stack);
        pages_free_stack(stack, BYTES);
    }
    pages_let_go();
}

/* Returns its argument if it is a block that this thread, which keeps nothing, gets. */
static void *other_thread(void *block)
{
    void *mine = pages_alloc(4096);
    void *same = mine == block ? mine : NULL;
    pages_free(mine, 4096);
    return same;
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t thread;
    void *same = NULL;
    pages_keep();
    char *block = pages_alloc(4096);
    pages_free(block, 4096);
    assert_int_equal(pthread_create(&thread, NULL, other_thread, block), 0);
    assert_int_equal(pthread_join(thread, &same), 0);
    assert_null(same);
    assert_ptr_equal(pages_alloc(4096), block);
    pages_free(block, 4096);
    pages_let_go();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unkept), cmocka_unit_test(test_kept),    cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_stack),  cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
