/* A program under a preloaded malloc, and what it and its children used: processor time, wall time, the largest
 * of their peaks in memory. The allocator is preloaded into the program only. */
#include "bench_malloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void become(const char *preload, char **argv)
{
    int nowhere = open("/dev/null", O_WRONLY);
    if (nowhere < 0 || dup2(nowhere, STDOUT_FILENO) < 0)
        _exit(BENCH_FAILED);
    if (preload)
        setenv("LD_PRELOAD", preload, 1);
    execvp(argv[0], argv);
    _exit(errno == ENOENT ? BENCH_ABSENT : BENCH_FAILED);
}

static double milliseconds(struct timeval t)
{
    return (double)t.tv_sec * 1e3 + (double)t.tv_usec / 1e3;
}

enum bench_status bench_run(const char *preload, char **argv)
{
    struct rusage used;
    int status;
    uint64_t began = bench_now(BENCH_WALL);
    pid_t child = fork();
    if (child == 0)
        become(preload, argv);
    if (child < 0 || wait4(child, &status, 0, &used) != child)
        return bench_fail(BENCH_FAILED, "%s: %s", argv[0], strerror(errno));
    uint64_t wall_ns = bench_now(BENCH_WALL) - began;
    if (WIFSIGNALED(status))
        return bench_fail(BENCH_FAILED, "%s: ended by signal %d", argv[0], WTERMSIG(status));
    if (WEXITSTATUS(status) == BENCH_ABSENT)
        return bench_fail(BENCH_ABSENT, "%s: not there", argv[0]);
    if (WEXITSTATUS(status) != 0)
        return bench_fail(BENCH_FAILED, "%s: exit status %d", argv[0], WEXITSTATUS(status));
    printf("time=%.3f unit=ms clock=cpu wall=%.3f rss_kib=%ld\n",
           milliseconds(used.ru_utime) + milliseconds(used.ru_stime), (double)wall_ns / 1e6, used.ru_maxrss);
    return BENCH_OK;
}
