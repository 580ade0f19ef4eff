/* The files of a sweep. results.csv is opened before the first run, so that a directory that cannot be
 * written is no surprise at the end. */
#include "sweep/output.h"

#include "report/report.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The table of open temporary files, in base/out_file.c, has 128 places, however many threads there are. */
enum { FILES_AT_ONCE = 100 };

static bool join(char *path, const char *directory, const char *file, struct error *error)
{
    return snprintf(path, PATH_MAX, "%s/%s", directory, file) < PATH_MAX ||
           error_set(error, "%s: %s", directory, strerror(ENAMETOOLONG));
}

/* NNNN.json and nothing else: what is not a sweep's stays. */
static bool is_run(const char *name)
{
    size_t digits = strspn(name, "0123456789");
    return digits >= 4 && strcmp(name + digits, ".json") == 0;
}

static bool remove_runs(const char *path, struct error *error)
{
    bool ok = true;
    DIR *directory = opendir(path);
    if (!directory)
        return error_set(error, "%s: %s", path, strerror(errno));
    for (const struct dirent *entry; ok && (entry = readdir(directory)) != NULL;)
        if (is_run(entry->d_name) && unlinkat(dirfd(directory), entry->d_name, 0) != 0)
            ok = error_set(error, "%s/%s: %s", path, entry->d_name, strerror(errno));
    closedir(directory);
    return ok;
}

/* Old results are removed last, when the new ones' file is open already, and only if they are a file. */
static bool open_csv(struct output *output, const char *path, struct error *error)
{
    struct stat status;
    output->csv_stream = out_file_open(&output->csv, path, error);
    if (!output->csv_stream)
        return false;
    if (lstat(path, &status) == 0 && S_ISREG(status.st_mode))
        unlink(path);
    return true;
}

bool output_open(struct output *output, const char *directory, struct error *error)
{
    char runs[PATH_MAX], csv[PATH_MAX];
    output->directory = directory;
    if (!directory[0]) /* would become the root directory */
        return error_set(error, "\"\": %s", strerror(ENOENT));
    if (!join(runs, directory, "runs", error) || !join(csv, directory, "results.csv", error) ||
        !make_directory(runs, error) || !open_csv(output, csv, error))
        return false;
    if (!remove_runs(runs, error)) {
        out_file_abandon(&output->csv);
        return false;
    }
    sem_init(&output->writing, 0, FILES_AT_ONCE);
    return true;
}

bool output_commit(struct output *output, struct error *error)
{
    sem_destroy(&output->writing);
    return out_file_commit(&output->csv, error);
}

void output_abandon(struct output *output)
{
    sem_destroy(&output->writing);
    out_file_abandon(&output->csv);
}

bool output_run(struct output *output, size_t index, const json_t *document, struct error *error)
{
    char file[32], path[PATH_MAX];
    snprintf(file, sizeof file, "runs/%04zu.json", index + 1);
    if (!join(path, output->directory, file, error))
        return false;
    while (sem_wait(&output->writing) != 0)
        continue; /* interrupted by a signal */
    bool ok = report_write_json(document, path, error);
    sem_post(&output->writing);
    return ok;
}
