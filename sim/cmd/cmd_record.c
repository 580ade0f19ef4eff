/* `goheap record`: runs a program with libgoheap-record.so preloaded and makes a trace of what
 * it does.
 *
 *   make the recording -> open the trace -> start the program -> every 10 ms, merge what it recorded
 *                      -> it ends: remove the recording -> merge the rest -> rename
 *
 * Invariant: whatever happens, nothing but the finished trace stays behind: the recording is
 * removed from its directory before the rest is merged (it is open by then), the trace is renamed when
 * it is complete. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/options.h"
#include "cmd/cmd.h"
#include "preload/format.h"
#include "record/record.h"

enum { OPT_OUTPUT };

static const struct option_spec own_options[] = {
    {OPT_OUTPUT, 'o', "output", "TRACE",
     "the trace to write: binary if its name ends in .ght, else CSV, compressed if in .zst; - is standard output "
     "(PROGRAM's own then goes to standard error)"},
};

static const struct command_spec usage = {
    .name = "goheap record",
    .summary = "run a program and record its calls of malloc, free and their kin, from all its threads",
    .operands = "[--] PROGRAM [ARGS]...",
    .max_operands = SIZE_MAX,
    .options_first = true,
    .description =
        "What is recorded: the process that PROGRAM starts as, if it is dynamically linked and not\n"
        "set-uid. Children that it forks run unrecorded. If it replaces itself by exec, as scripts that\n"
        "start the real program do, the trace is of the last program that it became. Blocks allocated\n"
        "past malloc (mmap, an allocator within the program) are not seen. A process that may no longer\n"
        "open files in $TMPDIR (chroot, changed user) stops being recorded, which is reported.\n"
        "\n"
        "If a signal ends PROGRAM, SIGKILL too, the trace holds all that came before. ^C ends PROGRAM;\n"
        "its trace is still written. A second ^C gives the trace up. The trace grows as PROGRAM runs;\n"
        "what is still to be written, 16 bytes an event, waits in $TMPDIR (/tmp). If TRACE is no file\n"
        "(standard output, a pipe), all of it waits there until PROGRAM has ended.\n"
        "\n"
        "Exit status: 0 the trace was written, however PROGRAM ended; 1 it was not; 2 wrong usage.\n",
    .options = own_options,
    .n_options = sizeof own_options / sizeof own_options[0],
    .examples = "goheap record -o sort.csv.zst -- sort --parallel=4 words.txt\n",
};

/* -- Signals: what comes while the program runs is the program's; later ones are ours. -- */

static volatile sig_atomic_t running; /* process id of the program; 0: it has ended */
static volatile sig_atomic_t interrupted;

/* The terminal sends its signals to the program as well; those that somebody sent to us alone
 * are passed on. */
static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (running == 0)
        interrupted = 1;
    else if (info->si_code <= 0)
        kill((pid_t)running, number);
}

static void catch_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct sigaction before;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
    }
}

/* -- The recording's directory -- */

struct workplace {
    char directory[PATH_MAX / 2];
    char recording[PATH_MAX]; /* the file in it */
    char library[PATH_MAX];   /* what to preload: where it was found, or a link in the directory */
    bool linked;
};

/* Next to the executable (a build directory), or where `make install` puts libraries. */
static bool find_library(char *path, size_t size, struct error *error)
{
    static const char *const places[] = {"", GOHEAP_LIB_FROM_BIN "/"};
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0)
        return error_set(error, "/proc/self/exe: %s", strerror(errno));
    self[length] = '\0';
    *(strrchr(self, '/') + 1) = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        int needed = snprintf(path, size, "%s%slibgoheap-record.so", self, places[i]);
        if (needed > 0 && (size_t)needed < size && access(path, R_OK) == 0)
            return true;
    }
    return error_set(error, "libgoheap-record.so is neither in %s nor in %s" GOHEAP_LIB_FROM_BIN, self, self);
}

static void clear_workplace(const struct workplace *place)
{
    if (place->linked)
        unlink(place->library);
    unlink(place->recording);
    rmdir(place->directory);
}

/* LD_PRELOAD is a list with colons or spaces between the names: a library below a directory with
 * such a character in its name is preloaded by a link. */
static bool avoid_separators(struct workplace *place, struct error *error)
{
    if (strpbrk(place->library, ": \t") == NULL)
        return true;
    char found[PATH_MAX];
    strcpy(found, place->library);
    snprintf(place->library, sizeof place->library, "%s/record.so", place->directory);
    if (strpbrk(place->library, ": \t") != NULL)
        return error_set(error, "the library cannot be preloaded from %s, nor by a link from %s: "
                         "LD_PRELOAD allows no colons and spaces", found, place->directory);
    place->linked = symlink(found, place->library) == 0;
    return place->linked || error_set(error, "%s: %s", place->library, strerror(errno));
}

static bool make_workplace(struct workplace *place, struct error *error)
{
    *place = (struct workplace){.linked = false};
    if (!find_library(place->library, sizeof place->library, error))
        return false;
    char base[PATH_MAX / 4];
    const char *given = getenv("TMPDIR");
    if (given == NULL || *given == '\0')
        given = "/tmp";
    char *resolved = realpath(given, NULL); /* absolute: the program may change its directory */
    bool fits = resolved != NULL && strlen(resolved) < sizeof base;
    if (fits)
        strcpy(base, resolved);
    else
        error_set(error, "%s: %s", given, strerror(resolved == NULL ? errno : ENAMETOOLONG));
    free(resolved);
    if (!fits)
        return false;
    snprintf(place->directory, sizeof place->directory, "%s/goheap-record-XXXXXX", base);
    if (mkdtemp(place->directory) == NULL)
        return error_set(error, "%s: %s", given, strerror(errno));
    snprintf(place->recording, sizeof place->recording, "%s/events", place->directory);
    if (avoid_separators(place, error) && record_create(place->recording, error))
        return true;
    clear_workplace(place);
    return false;
}

/* -- The program -- */

/* In the child: never returns. Why exec failed goes through the pipe. */
static void become_program(const struct workplace *place, char **command, bool swap_output,
                           int report)
{
    const char *preload = getenv("LD_PRELOAD");
    bool others = preload != NULL && *preload != '\0';
    size_t size = strlen(place->library) + (others ? strlen(preload) : 0) + 2;
    char *list = malloc(size);
    if (list != NULL) {
        snprintf(list, size, "%s%s%s", place->library, others ? ":" : "", others ? preload : "");
        setenv("LD_PRELOAD", list, 1);
        setenv(RECORD_ENVIRONMENT, place->recording, 1);
        if (swap_output)
            dup2(STDERR_FILENO, STDOUT_FILENO);
        execvp(command[0], command);
    }
    int reason = errno;
    ssize_t ignored = write(report, &reason, sizeof reason);
    (void)ignored;
    _exit(127);
}

/* Starts the program; false and *error if there is nothing that could run. */
static bool start_program(const struct workplace *place, char **command, bool swap_output,
                          struct error *error)
{
    int report[2], reason;
    if (pipe2(report, O_CLOEXEC) != 0)
        return error_set(error, "%s: %s", command[0], strerror(errno));
    sigset_t all, before, after;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before); /* until `running` says whom a signal is for */
    after = before;
    sigaddset(&after, SIGCHLD); /* accompany_program waits for it */
    void (*on_child)(int) = signal(SIGCHLD, SIG_DFL);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGCHLD, on_child);
        for (int number = 1; number < NSIG; number++) {
            struct sigaction action;
            if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_IGN)
                signal(number, SIG_DFL);
        }
        sigprocmask(SIG_SETMASK, &before, NULL);
        become_program(place, command, swap_output, report[1]);
    }
    reason = errno;
    running = child > 0 ? child : 0;
    sigprocmask(SIG_SETMASK, &after, NULL);
    close(report[1]);
    bool failed = child < 0 || read(report[0], &reason, sizeof reason) == (ssize_t)sizeof reason;
    close(report[0]);
    if (!failed)
        return true;
    if (child > 0)
        waitpid(child, NULL, 0);
    running = 0;
    return error_set(error, "%s: %s", command[0], strerror(reason));
}

enum {
    PASS_NS = 10 * 1000 * 1000, /* between two passes of the merge */
    NICENESS = 5, /* of ours while the program runs: a quarter of a core, where it keeps all of them busy */
};

/* True once the program has ended. It stays a zombie until `running` is 0: a signal must not be passed on to a process
 * of the same number. */
static bool has_ended(void)
{
    siginfo_t info = {.si_pid = 0};
    return waitid(P_PID, (id_t)running, &info, WEXITED | WNOWAIT | WNOHANG) != 0 ? errno != EINTR : info.si_pid != 0;
}

/* Merges along until the program has ended, or only waits if not `passes`. False if the merge failed. */
static bool accompany_program(struct record_merge *merge, bool passes, struct record_moment *end, struct error *error)
{
    static const struct timespec pause = {.tv_nsec = PASS_NS};
    bool good = true;
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    if (passes)
        (void)!nice(NICENESS);
    while (sigtimedwait(&child, NULL, passes && good ? &pause : NULL), !has_ended()) {
        if (passes && good)
            good = record_merge_pass(merge, error);
    }
    *end = record_merge_now(merge);
    return good;
}

/* Lets go of the ended program and says on stderr if its end was not a good one. */
static void bury_program(const char *name)
{
    int status = 0;
    pid_t child = (pid_t)running;
    running = 0;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status))
        fprintf(stderr, "goheap: %s was killed by signal %d; the trace holds what came before\n",
                name, WTERMSIG(status));
    else if (WEXITSTATUS(status) != 0)
        fprintf(stderr, "goheap: %s exited with status %d\n", name, WEXITSTATUS(status));
}

/* -- The command -- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

static void print_summary(const struct record_summary *s, const char *path)
{
    fprintf(stderr, "goheap: %" PRIu64 " events (%" PRIu64 " allocations, %" PRIu64 " frees)"
            " from %" PRIu64 " threads in %.3f s\n", s->allocs + s->frees, s->allocs, s->frees,
            s->threads, (double)s->duration_ns / 1e9);
    fprintf(stderr, "goheap: peak live %" PRIu64 " bytes in %" PRIu64 " blocks; at the end %" PRIu64
            " bytes in %" PRIu64 " blocks\n", s->peak_bytes, s->peak_blocks, s->end_bytes,
            s->end_blocks);
    if (s->unknown_frees != 0)
        fprintf(stderr, "goheap: dropped %" PRIu64 " frees of blocks allocated out of sight\n",
                s->unknown_frees);
    if (s->missed_frees != 0)
        fprintf(stderr, "goheap: added %" PRIu64 " frees that were out of sight\n",
                s->missed_frees);
    if (s->stop_errno != 0)
        fprintf(stderr, "goheap: warning: recording stopped before the program did: %s\n",
                strerror(s->stop_errno));
    else if (s->allocs == 0)
        fprintf(stderr, "goheap: warning: the program never called malloc; it may have its own\n");
    fprintf(stderr, "goheap: wrote %s\n", strcmp(path, "-") == 0 ? "standard output" : path);
}

/* Whether what has been written to the trace could be taken back, which is what passes while the program runs take. */
static bool is_file(const char *path)
{
    struct stat status;
    return strcmp(path, "-") != 0 && (stat(path, &status) != 0 || S_ISREG(status.st_mode));
}

/* Runs the program; false if it could not be started, or the merge failed. */
static bool run_program(const struct workplace *place, struct record_merge *merge, const char *path, char **command,
                        struct record_moment *end, struct error *error)
{
    if (!start_program(place, command, strcmp(path, "-") == 0, error))
        return false;
    bool good = accompany_program(merge, is_file(path), end, error);
    bury_program(base_name(command[0]));
    return good;
}

static bool record(const char *path, char **command, struct error *error)
{
    struct workplace place;
    catch_signals();
    if (!make_workplace(&place, error))
        return false;
    struct record_options options = {.program = base_name(command[0]), .trace = path, .interrupted = &interrupted};
    struct record_merge *merge = record_merge_open(place.recording, &options, error);
    struct record_moment end;
    bool good = merge != NULL && run_program(&place, merge, path, command, &end, error);
    clear_workplace(&place);
    struct record_summary summary;
    good = good && record_merge_finish(merge, &end, &summary, error);
    if (merge != NULL)
        record_merge_close(merge);
    if (good)
        print_summary(&summary, path);
    return good;
}

static bool take(void *context, int id, const char *argument, struct error *error)
{
    (void)id; /* there is but one */
    if (*argument == '\0')
        return error_set(error, "expected a file's name");
    *(const char **)context = argument;
    return true;
}

int cmd_record(int argc, char **argv)
{
    const char *path = NULL;
    int first, code = options_parse(&usage, argc, argv, take, &path, &first);
    if (code != OPTIONS_RUN)
        return code;
    if (path == NULL)
        return options_misuse(&usage, "expected -o TRACE");
    if (first == argc)
        return options_misuse(&usage, "expected a PROGRAM to run");
    struct error error = {.text = ""};
    if (record(path, argv + first, &error))
        return 0;
    fprintf(stderr, "goheap: %s\n", error.text);
    return 1;
}
