/* gnuplot as a child process: what it says is collected, it dies when we do. */
#include "plot/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child: never returns. Why exec failed goes where gnuplot's own messages go. */
static void become_gnuplot(char *const *argv, int talk, pid_t parent)
{
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(1); /* nobody is left to rename or remove the figure */
    if (nothing >= 0)
        dup2(nothing, STDIN_FILENO);
    dup2(talk, STDOUT_FILENO);
    dup2(talk, STDERR_FILENO);
    execvp(argv[0], argv);
    if (errno == ENOENT)
        _exit(GNUPLOT_NOT_FOUND);
    dprintf(STDERR_FILENO, "it cannot be started: %s\n", strerror(errno));
    _exit(1);
}

/* All that comes out of the pipe; the part that fits is kept. */
static void listen_to(int from, struct gnuplot_talk *talk)
{
    char rest[512];
    for (;;) {
        size_t room = sizeof talk->text - 1 - talk->used;
        ssize_t n = read(from, room ? talk->text + talk->used : rest, room ? room : sizeof rest);
        if (n == 0 || (n < 0 && errno != EINTR))
            break;
        if (n > 0 && room)
            talk->used += (size_t)n;
    }
    while (talk->used && strchr(" \t\n", talk->text[talk->used - 1]))
        talk->used--;
    talk->text[talk->used] = '\0';
}

int gnuplot_run(char *const *argv, struct gnuplot_talk *talk, struct error *error)
{
    int ends[2], status = 0;
    pid_t parent = getpid();
    if (pipe2(ends, O_CLOEXEC) != 0) {
        error_set(error, "pipe: %s", strerror(errno));
        return -1;
    }
    pid_t child = fork();
    if (child == 0)
        become_gnuplot(argv, ends[1], parent);
    if (child < 0)
        error_set(error, "fork: %s", strerror(errno));
    close(ends[1]);
    if (child > 0) {
        listen_to(ends[0], talk);
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            continue;
    }
    close(ends[0]);
    if (child < 0)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool gnuplot_finished(const char *path, const char *ending)
{
    char tail[33] = "";
    FILE *f = fopen(path, "re");
    size_t n = f && fseek(f, -32, SEEK_END) == 0 ? fread(tail, 1, sizeof tail - 1, f) : 0;
    if (f)
        fclose(f);
    return memmem(tail, n, ending, strlen(ending)) != NULL;
}
