/* The files of a sweep. results.csv is opened before the first run, so that a directory that cannot be
 * written is no surprise at the end. */
#include "sweep/output.h"

#include "report/report.h"
#include "sweep/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* The table of open temporary files, in base/out_file.c, has 128 places, however many threads there are. */
enum { FILES_AT_ONCE = 100 };

/* --- what is there already ----------------------------------------------------------------------------- */

/* What follows the name of one of a sweep's files, NULL if it is none: what is not a sweep's stays. */
static const char *after_name(const char *name)
{
    static const char *const others[] = {"results.csv", "manifest.json"};
    size_t digits = strspn(name, "0123456789");
    if (digits >= 4 && strncmp(name + digits, ".json", 5) == 0)
        return name + digits + 5;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (strncmp(name, others[i], strlen(others[i])) == 0)
            return name + strlen(others[i]);
    return NULL;
}

static bool is_run(const char *name)
{
    const char *after = after_name(name);
    return name[0] >= '0' && name[0] <= '9' && after && !after[0];
}

/* Left by a process that was killed while it wrote; what this one is writing is not. */
static bool is_left_over(const char *name)
{
    const char *after = after_name(name);
    char own[32];
    snprintf(own, sizeof own, ".tmp.%ld", (long)getpid());
    return after && strncmp(after, ".tmp.", 5) == 0 && after[5 + strspn(after + 5, "0123456789")] == '\0' &&
           strcmp(after, own) != 0;
}

static bool remove_files(const char *path, bool (*which)(const char *name), struct error *error)
{
    bool ok = true;
    DIR *directory = opendir(path);
    if (!directory)
        return error_set(error, "%.300s: %s", path, strerror(errno));
    for (const struct dirent *entry; ok && (entry = readdir(directory)) != NULL;)
        if (which(entry->d_name) && unlinkat(dirfd(directory), entry->d_name, 0) != 0 && errno != ENOENT)
            ok = error_set(error, "%.300s/%.100s: %s", path, entry->d_name, strerror(errno));
    closedir(directory);
    return ok;
}

bool output_is_finished(const char *directory)
{
    char path[PATH_MAX];
    struct error ignored = {.text = ""};
    return manifest_join(path, directory, "results.csv", &ignored) && access(path, F_OK) == 0;
}

static bool same_sweep(const char *directory, const json_t *there, const json_t *manifest, struct error *error)
{
    struct shard a = manifest_shard(there), b = manifest_shard(manifest);
    const char *difference = manifest_difference(there, manifest);
    if (difference)
        return error_set(error, "%.300s: another sweep than this one: its %s; not resumed", directory, difference);
    if (a.number != b.number || a.of != b.of)
        return error_set(error, "%.300s: shard %u of %u, not %u of %u; not resumed", directory, a.number, a.of,
                         b.number, b.of);
    return true;
}

/* Removes an earlier sweep: first what makes it one, then results.csv, if it is a file, then its runs. */
static bool begin_anew(const char *directory, const char *runs, const char *csv, struct error *error)
{
    struct stat status;
    if (!manifest_remove(directory, error))
        return false;
    if (lstat(csv, &status) == 0 && S_ISREG(status.st_mode))
        unlink(csv);
    return remove_files(runs, is_run, error);
}

/* Whether there is a sweep to go on with; another one, or one that is not to be gone on with, is removed or refused. */
static bool settle(struct output *output, const json_t *manifest, bool resume, struct error *error)
{
    char runs[PATH_MAX], csv[PATH_MAX];
    struct error why = {.text = ""};
    bool is_there, ok = true;
    json_t *there = manifest_load(output->directory, &is_there, &why);
    output->resumed = resume && is_there;
    if (is_there && !there) /* somebody else's file, not to be removed */
        ok = error_set(error, "%s", why.text);
    else if (output->resumed)
        ok = same_sweep(output->directory, there, manifest, error);
    else if (is_there && !output_is_finished(output->directory))
        ok = error_set(error, "%.300s: an unfinished sweep: --resume goes on with it", output->directory);
    json_decref(there);
    if (!ok || !manifest_join(runs, output->directory, "runs", error) ||
        !manifest_join(csv, output->directory, "results.csv", error))
        return false;
    if (!output->resumed && !begin_anew(output->directory, runs, csv, error))
        return false;
    return remove_files(runs, is_left_over, error) && remove_files(output->directory, is_left_over, error) &&
           (output->resumed || manifest_save(manifest, output->directory, error));
}

/* --- opening and closing ------------------------------------------------------------------------------- */

/* The lock goes with the process, however that ends. Where a file system has no locks on directories there is none.
 * Whoever resumes waits: a cluster may take a node for dead whose processes live, and start them again elsewhere. */
static bool lock_directory(struct output *output, bool resume, struct error *error)
{
    output->lock = open(output->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (output->lock < 0)
        return error_set(error, "%.300s: %s", output->directory, strerror(errno));
    if (flock(output->lock, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
        return true;
    if (resume) {
        fprintf(stderr, "goheap: %s: another sweep is writing there, waiting for it\n", output->directory);
        while (flock(output->lock, LOCK_EX) != 0 && errno == EINTR)
            continue;
        return true;
    }
    close(output->lock);
    return error_set(error, "%.300s: another sweep is writing there", output->directory);
}

bool output_open(struct output *output, const char *directory, const json_t *manifest, bool resume,
                 struct error *error)
{
    char runs[PATH_MAX], csv[PATH_MAX];
    output->directory = directory;
    if (!directory[0]) /* would become the root directory */
        return error_set(error, "\"\": %s", strerror(ENOENT));
    if (!manifest_join(runs, directory, "runs", error) || !manifest_join(csv, directory, "results.csv", error) ||
        !make_directory(runs, error) || !lock_directory(output, resume, error))
        return false;
    output->csv_stream = out_file_open(&output->csv, csv, error);
    if (output->csv_stream && settle(output, manifest, resume, error)) {
        sem_init(&output->writing, 0, FILES_AT_ONCE);
        return true;
    }
    if (output->csv_stream)
        out_file_abandon(&output->csv);
    close(output->lock);
    return false;
}

bool output_commit(struct output *output, struct error *error)
{
    sem_destroy(&output->writing);
    bool ok = out_file_commit(&output->csv, error);
    close(output->lock);
    return ok;
}

void output_abandon(struct output *output)
{
    sem_destroy(&output->writing);
    out_file_abandon(&output->csv);
    close(output->lock);
}

/* --- runs ---------------------------------------------------------------------------------------------- */

static bool run_path(char *path, const char *directory, size_t index, struct error *error)
{
    char file[40];
    snprintf(file, sizeof file, "runs/%04zu.json", index + 1);
    return manifest_join(path, directory, file, error);
}

bool output_run(struct output *output, size_t index, const json_t *document, struct error *error)
{
    char path[PATH_MAX];
    if (!run_path(path, output->directory, index, error))
        return false;
    while (sem_wait(&output->writing) != 0)
        continue; /* interrupted by a signal */
    bool ok = report_write_json(document, path, error);
    sem_post(&output->writing);
    return ok;
}

json_t *output_load(const char *directory, size_t index, struct error *error)
{
    char path[PATH_MAX];
    json_error_t why;
    if (!run_path(path, directory, index, error))
        return NULL;
    json_t *document = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    if (json_is_object(json_object_get(document, "run")))
        return document;
    json_decref(document);
    error_set(error, "%.300s: expected the results of a run%s", path, access(path, F_OK) == 0 ? "" : "; no such file");
    return NULL;
}
