/* A program to be recorded: threads that allocate in every form there is and free each other's
 * blocks.
 *
 *   stress THREADS ROUNDS        prints what it did, in numbers that the trace must agree with
 *   stress THREADS ROUNDS fork   also forks children that allocate and free on their own
 *   stress THREADS die MS        kills itself (SIGKILL) after that many milliseconds
 *   stress THREADS brief N       N generations of short threads that free in destructors
 *
 * Invariant: a counted block's size is 777 modulo 1000 and the size of no other block is (libc's
 * own, thread stacks' descriptors), so that a trace can be compared with the counts. */
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BOXES = 509, MAX_THREADS = 64 };

static _Atomic(void *) boxes[BOXES]; /* blocks between threads: whoever takes one out owns it */
static atomic_ullong allocs, frees;
static atomic_bool forever;
static unsigned long rounds;
static pthread_key_t key;

static unsigned long long next_random(unsigned long long *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static size_t odd_size(unsigned long long random)
{
    return 777 + 1000 * (random >> 40 & 7);
}

/* The size is kept in the block, as the block goes from hand to hand. */
static void *keep(void *block, size_t size)
{
    if (block == NULL)
        abort();
    atomic_fetch_add(&allocs, 1);
    memcpy(block, &size, sizeof size);
    return block;
}

static void drop(void *block)
{
    if (block == NULL)
        return;
    free(block);
    atomic_fetch_add(&frees, 1);
}

static void *aligned(unsigned long long random, size_t size)
{
    void *block = NULL;
    switch (random % 4) {
    case 0:
        return memalign(64, size);
    case 1:
        return posix_memalign(&block, 256, size) == 0 ? block : NULL;
    case 2:
        return aligned_alloc(4096, size);
    default:
        return valloc(size);
    }
}

static void *any_form(unsigned long long random)
{
    size_t size = odd_size(random);
    switch (random % 8) {
    case 0:
        return keep(calloc(1, size), size);
    case 1:
        return keep(realloc(NULL, size), size);
    case 2:
        return keep(reallocarray(NULL, 1, size), size);
    case 3:
        return keep(aligned(random >> 8, size), size);
    default:
        return keep(malloc(size), size);
    }
}

/* Grows, shrinks, leaves, frees or fails to resize the block; the counts follow what the trace
 * should say. */
static void *resize(void *block, unsigned long long random)
{
    size_t size, before;
    volatile size_t impossible = PTRDIFF_MAX;
    memcpy(&before, block, sizeof before);
    switch (random % 8) {
    case 0:
        if (realloc(block, impossible) != NULL)
            abort();
        return block;
    case 1:
        size = 0;
        free(realloc(block, size)); /* NULL in glibc, a block of no size in others */
        atomic_fetch_add(&frees, 1);
        return NULL;
    case 2:
        return realloc(block, before);
    default:
        size = odd_size(random);
        block = realloc(block, size);
        if (size == before)
            return block;
        atomic_fetch_add(&frees, 1);
        return keep(block, size);
    }
}

static void *work(void *seed)
{
    unsigned long long state = (unsigned long long)(uintptr_t)seed * 0x9e3779b97f4a7c15u + 1;
    for (unsigned long i = 0; forever || i < rounds; i++) {
        unsigned long long random = next_random(&state);
        _Atomic(void *) *box = &boxes[(random >> 16) % BOXES];
        void *block;
        if (random % 3 == 0) {
            block = atomic_exchange(box, NULL);
            if (block == NULL)
                continue;
            block = resize(block, next_random(&state));
        } else {
            block = any_form(next_random(&state));
        }
        drop(atomic_exchange(box, block));
    }
    return NULL;
}

static void run_threads(int count, void *(*body)(void *))
{
    pthread_t threads[MAX_THREADS];
    for (int i = 0; i < count; i++) {
        if (pthread_create(&threads[i], NULL, body, (void *)(uintptr_t)(i + 1)) != 0)
            abort();
    }
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

/* What the children do must be in nobody's trace. _Fork runs no handlers. */
static void *fork_children(void *unused)
{
    (void)unused;
    for (int i = 0; i < 20; i++) {
        pid_t child = i % 2 == 0 ? fork() : _Fork();
        if (child == 0) {
            for (size_t j = 0; j < BOXES && i % 2 == 0; j++)
                free(atomic_exchange(&boxes[j], malloc(1777)));
            _exit(0);
        }
        if (child < 0 || waitpid(child, NULL, 0) != child)
            abort();
    }
    return NULL;
}

/* Frees again and again, so that the last block goes in the last round of the destructors. */
static void destroy(void *block)
{
    drop(block);
    static _Thread_local int round;
    if (++round < 4)
        pthread_setspecific(key, any_form(0));
}

static void *live_briefly(void *unused)
{
    (void)unused;
    pthread_setspecific(key, any_form(7));
    return NULL;
}

static void *kill_soon(void *milliseconds)
{
    long ms = (long)(intptr_t)milliseconds;
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
    kill(getpid(), SIGKILL);
    return NULL;
}

static void print_counts(void)
{
    unsigned long long live = 0, bytes = 0;
    for (size_t i = 0; i < BOXES; i++) {
        size_t size;
        if (boxes[i] == NULL)
            continue;
        memcpy(&size, boxes[i], sizeof size);
        live++;
        bytes += size;
    }
    printf("allocs %llu frees %llu live %llu bytes %llu\n", atomic_load(&allocs),
           atomic_load(&frees), live, bytes);
}

int main(int argc, char **argv)
{
    pthread_t other;
    if (argc < 3)
        return 2;
    int threads = atoi(argv[1]);
    if (threads < 1 || threads > MAX_THREADS || pthread_key_create(&key, destroy) != 0)
        return 2;
    if (argc == 4 && strcmp(argv[2], "brief") == 0) {
        for (int i = 0; i < atoi(argv[3]); i++)
            run_threads(threads, live_briefly);
    } else if (argc == 4 && strcmp(argv[2], "die") == 0) {
        forever = true;
        pthread_create(&other, NULL, kill_soon, (void *)(intptr_t)atol(argv[3]));
        run_threads(threads, work);
    } else {
        rounds = strtoul(argv[2], NULL, 10);
        if (argc == 4)
            pthread_create(&other, NULL, fork_children, NULL);
        run_threads(threads, work);
        if (argc == 4)
            pthread_join(other, NULL);
    }
    print_counts();
    return 0;
}
