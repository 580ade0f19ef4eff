/* Programs that free a lot and then do nothing: does their memory go back? They look at /proc with nothing but
 * system calls, so as to call malloc no more. */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

enum { TOTAL_MIB = 256, PATIENCE_MS = 10000, SMALL = 64 };

static void sleep_ms(long ms)
{
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&left, NULL);
}

static size_t rss(void)
{
    char text[200];
    int fd = open("/proc/thread-self/statm", O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    const char *second = strchr(text, ' ');
    return second ? (size_t)atol(second) * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

static int thread_count(void)
{
    char entries[4096];
    int fd = open("/proc/self/task", O_RDONLY | O_DIRECTORY), n = 0;
    long got = syscall(SYS_getdents64, fd, entries, sizeof entries);
    for (long at = 0; at < got;) {
        const struct dirent64 *entry = (const void *)(entries + at);
        n += entry->d_name[0] != '.';
        at += entry->d_reclen;
    }
    close(fd);
    return n;
}

/* Waits until the resident set is below the limit and no thread is there but n. */
static void falls_below(size_t limit, int n)
{
    for (int waited = 0; (rss() >= limit || thread_count() > n) && waited < PATIENCE_MS; waited += 50)
        sleep_ms(50);
    CHECK(rss() < limit);
    CHECK(thread_count() <= n);
}

static void fill_and_free(size_t size, size_t bytes)
{
    size_t n = bytes / size;
    char **blocks = malloc(n * sizeof *blocks);
    for (size_t i = 0; i < n; i++) {
        blocks[i] = malloc(size);
        memset(blocks[i], 1, size);
    }
    CHECK(rss() >= bytes);
    for (size_t i = 0; i < n; i++)
        free(blocks[i]);
    free(blocks);
}

static void large(void)
{
    fill_and_free(MIB, TOTAL_MIB * MIB);
    falls_below(32 * MIB, 1);
}

static void one(void)
{
    fill_and_free(TOTAL_MIB * MIB, TOTAL_MIB * MIB);
    falls_below(32 * MIB, 1);
}

static void small(void)
{
    fill_and_free(SMALL, TOTAL_MIB * MIB);
    falls_below(32 * MIB, 1);
}

static void again(void)
{
    for (int i = 0; i < 3; i++)
        large();
}

static void *churn(void *unused)
{
    for (int i = 0; i < 50; i++)
        free(malloc(1000));
    return unused;
}

/* Among threads that end, whose stacks libc frees with a lock held. */
static void threads(void)
{
    fill_and_free(SMALL, 64 * MIB);
    for (int i = 0; i < 200; i++) {
        pthread_t some[50];
        for (int j = 0; j < 50; j++)
            CHECK(pthread_create(&some[j], NULL, churn, NULL) == 0);
        for (int j = 0; j < 50; j++)
            CHECK(pthread_join(some[j], NULL) == 0);
        fill_and_free(100000, 20 * MIB);
    }
    falls_below(48 * MIB, 1);
}

static void in_child(void)
{
    fill_and_free(MIB, 64 * MIB); /* the parent has a scavenger now */
    pid_t pid = fork();
    if (pid == 0) {
        large();
        _exit(failures != 0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void modest(void)
{
    fill_and_free(1000, 8 * MIB);
    sleep_ms(500);
    CHECK(thread_count() == 1);
    CHECK(rss() >= 8 * MIB);
}

static void kept(void)
{
    fill_and_free(MIB, TOTAL_MIB * MIB);
    falls_below(160 * MIB, 1);
    CHECK(rss() >= 128 * MIB);
}

static void off(void)
{
    fill_and_free(MIB, TOTAL_MIB * MIB);
    sleep_ms(2000);
    CHECK(thread_count() == 1);
    CHECK(rss() >= TOTAL_MIB * MIB);
}

static void *last_words(void *unused)
{
    fill_and_free(MIB, TOTAL_MIB * MIB);
    if (failures)
        _exit(1);
    return unused;
}

/* The process ends with its last thread, even if that is the scavenger. */
static void last_thread(void)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, last_words, NULL) == 0);
    pthread_exit(NULL);
}

int main(int argc, char **argv)
{
    static const struct part parts[] = {
        {"large", large}, {"one", one}, {"small", small}, {"again", again}, {"threads", threads},
        {"in-child", in_child}, {"modest", modest}, {"kept", kept}, {"off", off}, {"last-thread", last_thread},
    };
    return run_part(parts, sizeof parts / sizeof parts[0], argc, argv);
}
