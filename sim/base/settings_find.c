/* Where a configuration's name leads: settings_find and nothing else. The places are searched in a
 * fixed order and the listing of them is sorted, so the answer depends only on what the files are. */
#include "base/settings.h"

#include "base/nearest.h"
#include "base/setting_value.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PLACES = 3 };

struct places {
    char directory[PLACES][PATH_MAX]; /* empty: there is no such place */
};

struct name_list {
    char **names;
    size_t n;
};

static bool ends_in_json(const char *name)
{
    size_t length = strlen(name);
    return length > strlen(".json") && strcmp(name + length - strlen(".json"), ".json") == 0;
}

/* snprintf of a directory and what is below it; a result that is cut off is no path: empty. */
static void join(char *path, const char *parent, const char *middle, const char *subdir)
{
    if (snprintf(path, PATH_MAX, "%s%s%s%s", parent, middle, subdir[0] != '\0' ? "/" : "",
                 subdir) >= PATH_MAX)
        path[0] = '\0';
}

static void list_places(const char *subdir, struct places *places)
{
    const char *chosen = getenv("GOHEAP_CONFIGS");
    char executable[PATH_MAX];

    memset(places, 0, sizeof *places);
    if (chosen != NULL && chosen[0] != '\0')
        join(places->directory[0], chosen, "", subdir);
    ssize_t length = readlink("/proc/self/exe", executable, sizeof executable - 1);
    if (length > 0) {
        executable[length] = '\0';
        *strrchr(executable, '/') = '\0';
        join(places->directory[1], executable, "/../configs", subdir);
    }
    join(places->directory[2], GOHEAP_DATADIR, "/configs", subdir);
}

static int is_config(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && ends_in_json(entry->d_name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Adds the names, without ".json", of the configurations in one directory; none if out of memory. */
static void add_names(struct name_list *list, const char *directory)
{
    struct dirent **entries;
    int found = scandir(directory, &entries, is_config, NULL);
    if (found < 0)
        return;

    char **names = realloc(list->names, (list->n + (size_t)found + 1) * sizeof *names);
    if (names != NULL)
        list->names = names;
    for (int i = 0; i < found; i++) {
        size_t length = strlen(entries[i]->d_name) - strlen(".json");
        char *name = names != NULL ? strndup(entries[i]->d_name, length) : NULL;
        if (name != NULL)
            list->names[list->n++] = name;
        free(entries[i]);
    }
    free(entries);
}

/* Every name once, as many as fit: "go1.16, go1.19, ...". The list is sorted. */
static void join_names(const struct name_list *list, char *text, size_t size)
{
    size_t used = 0;

    for (size_t i = 0; i < list->n; i++) {
        if (i > 0 && strcmp(list->names[i], list->names[i - 1]) == 0)
            continue;
        if (used + strlen(list->names[i]) + sizeof ", , ..." > size) {
            snprintf(text + used, size - used, ", ...");
            return;
        }
        used += (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "",
                                 list->names[i]);
    }
}

static bool not_found(const struct places *places, const char *name, struct error *error)
{
    struct name_list list = {NULL, 0};
    char quoted[80], known[240];

    for (int i = 0; i < PLACES; i++)
        if (places->directory[i][0] != '\0')
            add_names(&list, places->directory[i]);
    setting_quote(name, quoted, sizeof quoted);
    if (list.n > 0) {
        qsort(list.names, list.n, sizeof *list.names, by_name);
        join_names(&list, known, sizeof known);
        const char *near = nearest_name(name, (const char *const *)list.names, list.n);
        error_set(error, "no configuration \"%s\"%s%s%s; known: %s", quoted,
                  near != NULL ? "; the nearest is \"" : "", near != NULL ? near : "",
                  near != NULL ? "\"" : "", known);
    } else {
        error_set(error, "no configuration \"%s\": there are none in $GOHEAP_CONFIGS, beside the "
                         "executable's directory or in %s", quoted, places->directory[PLACES - 1]);
    }
    for (size_t i = 0; i < list.n; i++)
        free(list.names[i]);
    free(list.names);
    return false;
}

static bool take_path(const char *name, char *path, size_t size, struct error *error)
{
    if (strcmp(name, "-") != 0 && access(name, R_OK) != 0)
        return error_set(error, "%s: %s", name, strerror(errno));
    if ((size_t)snprintf(path, size, "%s", name) >= size)
        return error_set(error, "%s: %s", name, strerror(ENAMETOOLONG));
    return true;
}

bool settings_find(const char *name, const char *subdir, char *path, size_t size,
                   struct error *error)
{
    struct places places;

    if (strchr(name, '/') != NULL || ends_in_json(name) || strcmp(name, "-") == 0)
        return take_path(name, path, size, error);
    list_places(subdir, &places);
    for (int i = 0; i < PLACES; i++) {
        if (places.directory[i][0] == '\0')
            continue;
        int length = snprintf(path, size, "%s/%s.json", places.directory[i], name);
        if ((size_t)length < size && access(path, R_OK) == 0)
            return true;
    }
    if (access(name, F_OK) == 0)
        return take_path(name, path, size, error);
    return not_found(&places, name, error);
}
