/* Write beside, then rename. The names of temporary files are kept in a fixed table, the program's
 * one mutable global, because a signal handler may use nothing else.
 *
 *     slot:  FREE --open--> FILLING --> LIVE --commit, abandon--> FREE
 *                                        \--signal--> DOOMED   (the process is about to end)
 *
 * Invariant: a slot's path and owner change only in FILLING; the handler reads them only after having
 * moved the slot from LIVE to DOOMED, so it never sees half a path, whichever thread it runs in. */
#include "base/out_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLOTS 128

enum { FREE, FILLING, LIVE, DOOMED };

static struct {
    atomic_int state;
    pid_t owner; /* a forked child must not remove its parent's files */
    char path[PATH_MAX];
} slots[SLOTS];

static int claim_slot(const char *path)
{
    for (int i = 0; i < SLOTS; i++) {
        int expected = FREE;
        if (!atomic_compare_exchange_strong(&slots[i].state, &expected, FILLING))
            continue;
        slots[i].owner = getpid();
        memcpy(slots[i].path, path, strlen(path) + 1);
        atomic_store(&slots[i].state, LIVE);
        return i;
    }
    errno = EMFILE;
    return -1;
}

static void release_slot(int slot)
{
    int expected = LIVE;
    atomic_compare_exchange_strong(&slots[slot].state, &expected, FREE);
}

/* SA_RESETHAND has restored the default action; the signal raised here waits for the return. */
static void remove_and_reraise(int signal_number)
{
    pid_t self = getpid();
    for (int i = 0; i < SLOTS; i++) {
        int expected = LIVE;
        if (atomic_compare_exchange_strong(&slots[i].state, &expected, DOOMED) &&
            slots[i].owner == self)
            unlink(slots[i].path);
    }
    raise(signal_number);
}

void out_file_cleanup_on_signals(void)
{
    static const int ending[] = {SIGHUP, SIGINT, SIGPIPE, SIGTERM};
    struct sigaction new = {.sa_handler = remove_and_reraise, .sa_flags = (int)SA_RESETHAND};
    struct sigaction old;

    for (size_t i = 0; i < sizeof ending / sizeof ending[0]; i++)
        sigaddset(&new.sa_mask, ending[i]);
    for (size_t i = 0; i < sizeof ending / sizeof ending[0]; i++)
        if (sigaction(ending[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(ending[i], &new, NULL);
}

static FILE *open_failed(struct error *error, const char *path)
{
    error_set(error, "%s: %s", path, strerror(errno));
    return NULL;
}

/* A new file of out->temp's name, opened; NULL with errno. In the table before it exists: there is no
 * moment at which a signal would leave it behind. */
static FILE *open_temp(struct out_file *out)
{
    out->slot = claim_slot(out->temp);
    if (out->slot < 0)
        return NULL;
    int fd = open(out->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    FILE *stream = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (stream != NULL)
        return stream;

    int reason = errno;
    if (fd >= 0) {
        close(fd);
        unlink(out->temp);
    }
    release_slot(out->slot);
    errno = reason;
    return NULL;
}

/* Fills in out->path. A link is followed, so that the rename replaces the file and not the link. */
static bool resolve(struct out_file *out, const char *path)
{
    struct stat status;
    if (lstat(path, &status) == 0 && S_ISLNK(status.st_mode))
        return realpath(path, out->path) != NULL;
    if (path[0] == '\0' || strlen(path) >= sizeof out->path) {
        errno = path[0] == '\0' ? ENOENT : ENAMETOOLONG; /* "" would become "./.tmp.PID" */
        return false;
    }
    memcpy(out->path, path, strlen(path) + 1);
    return true;
}

FILE *out_file_open(struct out_file *out, const char *path, struct error *error)
{
    struct stat status;

    out->stream = NULL;
    out->slot = -1;
    if (strcmp(path, "-") == 0) {
        strcpy(out->path, "standard output");
        return out->stream = stdout;
    }
    bool exists = stat(path, &status) == 0;
    if (exists && !S_ISREG(status.st_mode)) { /* a link to it, as /dev/fd/N is, may lead to no path */
        memcpy(out->path, path, strlen(path) + 1);
        out->stream = fopen(path, "we");
        return out->stream != NULL ? out->stream : open_failed(error, path);
    }
    if (!resolve(out, path))
        return open_failed(error, path);
    if (exists && access(path, W_OK) != 0)
        return open_failed(error, path);
    if (snprintf(out->temp, sizeof out->temp, "%s.tmp.%ld", out->path, (long)getpid()) >=
        (int)sizeof out->temp) {
        errno = ENAMETOOLONG;
        return open_failed(error, path);
    }
    out->stream = open_temp(out);
    return out->stream != NULL ? out->stream : open_failed(error, path);
}

/* Flushes and closes; the errno of a failure, 0 if every write arrived. Of an earlier failed write
 * only ferror is left: one more byte into what is broken anyway asks again for the reason. */
static int finish_stream(FILE *stream)
{
    int reason = 0;

    if (ferror(stream)) {
        fputc('\n', stream);
        reason = EIO;
    }
    if (fflush(stream) != 0)
        reason = errno;
    if (stream != stdout && fclose(stream) != 0 && reason == 0)
        reason = errno;
    return reason;
}

bool out_file_commit(struct out_file *out, struct error *error)
{
    int reason = finish_stream(out->stream);

    out->stream = NULL;
    if (out->slot >= 0) {
        if (reason == 0 && rename(out->temp, out->path) != 0)
            reason = errno;
        if (reason != 0)
            unlink(out->temp);
        release_slot(out->slot);
    }
    return reason == 0 || error_set(error, "%s: %s", out->path, strerror(reason));
}

void out_file_abandon(struct out_file *out)
{
    if (out->stream != stdout)
        fclose(out->stream);
    out->stream = NULL;
    if (out->slot >= 0) {
        unlink(out->temp);
        release_slot(out->slot);
    }
}

/* One level; that it exists already is success only if it is a directory. */
static bool make_one(const char *path)
{
    struct stat status;

    if (mkdir(path, 0777) == 0)
        return true;
    int reason = errno;
    if (stat(path, &status) == 0) {
        if (S_ISDIR(status.st_mode))
            return true;
        reason = ENOTDIR;
    }
    errno = reason;
    return false;
}

bool make_directory(const char *path, struct error *error)
{
    char part[PATH_MAX];
    size_t length = strlen(path);

    errno = ENAMETOOLONG;
    if (length >= sizeof part)
        return error_set(error, "%s: %s", path, strerror(errno));
    memcpy(part, path, length + 1);
    for (size_t i = 1; i < length; i++) {
        if (part[i] != '/')
            continue;
        part[i] = '\0';
        if (!make_one(part))
            return error_set(error, "%s: %s", part, strerror(errno));
        part[i] = '/';
    }
    return make_one(part) || error_set(error, "%s: %s", path, strerror(errno));
}
