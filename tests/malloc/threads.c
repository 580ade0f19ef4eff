/* Threads that come and go, destructors that allocate, forks among threads that allocate. */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AT_ONCE = 8, CHURN = 10000, LEAVING = 400, KEYS = 40, WORKERS = 4, FORKS = 100 };

static void *short_life(void *unused)
{
    void *blocks[20];
    for (int i = 0; i < 20; i++)
        blocks[i] = malloc((size_t)i * 50);
    for (int i = 0; i < 20; i++)
        free(blocks[i]);
    return unused;
}

static void run_threads(unsigned n, void *(*run)(void *))
{
    for (unsigned done = 0; done < n; done += AT_ONCE) {
        pthread_t threads[AT_ONCE];
        for (int i = 0; i < AT_ONCE; i++)
            CHECK(pthread_create(&threads[i], NULL, run, NULL) == 0);
        for (int i = 0; i < AT_ONCE; i++)
            CHECK(pthread_join(threads[i], NULL) == 0);
    }
}

static void churn(void)
{
    run_threads(CHURN, short_life);
}

/* A thread that exits by itself is torn down by itself. */
static void detached(void)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    for (int i = 0; i < CHURN / 10; i++) {
        pthread_t thread;
        while (pthread_create(&thread, &attr, short_life, NULL) != 0)
            usleep(1000);
    }
    usleep(100000);
}

/* --- destructors --------------------------------------------------------------------------------------- */

static pthread_key_t keys[KEYS];
static atomic_uint destroyed;

/* Keeps coming back, for as many rounds as there are. */
static void destroy(void *value)
{
    free(value);
    short_life(NULL);
    pthread_key_t key = keys[atomic_fetch_add(&destroyed, 1) % KEYS];
    pthread_setspecific(key, malloc(100));
}

static void *leave(void *unused)
{
    for (int i = 0; i < KEYS; i++)
        pthread_setspecific(keys[i], malloc((size_t)i));
    return unused;
}

static void destructors(void)
{
    for (int i = 0; i < KEYS; i++)
        CHECK(pthread_key_create(&keys[i], destroy) == 0);
    run_threads(LEAVING, leave);
    CHECK(destroyed >= LEAVING * KEYS);
}

/* --- before main and after it -------------------------------------------------------------------------- */

static void *early;

__attribute__((constructor(101))) static void before_main(void)
{
    early = malloc(100);
}

static void free_early(void)
{
    free(early);
    short_life(NULL);
    CHECK((early = calloc(1000, 1000)) != NULL);
}

static void at_exit(void)
{
    CHECK(early != NULL);
    for (int i = 0; i < 40; i++) /* more than there is room for without allocating */
        CHECK(atexit(free_early) == 0);
}

/* --- fork ---------------------------------------------------------------------------------------------- */

static atomic_bool enough;

static void *keep_busy(void *unused)
{
    while (!enough) {
        void *large = malloc(200000);
        short_life(NULL);
        free(large);
    }
    return unused;
}

/* The child allocates and frees, has a thread of its own, and forks. */
static void in_child(int depth)
{
    for (int i = 0; i < 50; i++)
        short_life(NULL);
    free(malloc(1 << 20));
    run_threads(AT_ONCE, short_life);
    if (depth > 0) {
        pid_t pid = fork();
        if (pid == 0)
            in_child(depth - 1);
        int status;
        CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    }
    _exit(failures != 0);
}

static void forks(void)
{
    pthread_t threads[WORKERS];
    for (int i = 0; i < WORKERS; i++)
        CHECK(pthread_create(&threads[i], NULL, keep_busy, NULL) == 0);
    for (int i = 0; i < FORKS; i++) {
        void *mine = malloc(300);
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            alarm(20);
            free(mine);
            in_child(i % 10 == 0);
        }
        int status;
        CHECK(waitpid(pid, &status, 0) == pid && status == 0);
        free(mine);
    }
    enough = 1;
    for (int i = 0; i < WORKERS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

/* Handlers of others allocate, before and after. */
static void allocate(void)
{
    free(malloc(100000));
    short_life(NULL);
}

static void fork_handlers(void)
{
    for (int i = 0; i < 100; i++)
        CHECK(pthread_atfork(allocate, allocate, allocate) == 0);
    forks();
}

int main(int argc, char **argv)
{
    static const struct part parts[] = {
        {"churn", churn}, {"detached", detached}, {"destructors", destructors}, {"at-exit", at_exit},
        {"forks", forks}, {"fork-handlers", fork_handlers},
    };
    return run_part(parts, sizeof parts / sizeof parts[0], argc, argv);
}
