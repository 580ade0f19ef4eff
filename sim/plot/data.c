/* What is wrong with the data is found here: gnuplot says little about it. */
#include "plot/data.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct plot_figure plot_figures[PLOT_FIGURES] = {
    {"heap", "What the heap's memory was used for, over virtual time",
     {{"heap.csv",
       {"t_ns", "heap_sys_bytes", "requested_bytes", "rounding_bytes", "tiny_bytes", "tail_bytes", "unused_bytes",
        "dead_bytes", "free_bytes", "released_bytes", "goal_bytes", "cycles"}}}},
    {"map", "The heap by address and over time: full, sparse, free, given back",
     {{"heap_map.csv",
       {"t_ns", "width_ns", "from_bytes", "height_bytes", "objects_bytes", "live_bytes", "stack_bytes",
        "free_bytes", "released_bytes"}}}},
    {"waste", "Bytes without a live object in them, by size class, when most was in use",
     {{"classes.csv",
       {"class", "size_bytes", "span_bytes", "rounding_bytes", "tiny_bytes", "tail_bytes", "dead_bytes",
        "unused_bytes"}}}},
    {"spans", "How full spans are, and how long free runs are",
     {{"spans.csv", {"moment", "class", "size_bytes", "occupancy_tenths", "span_bytes"}},
      {"free_runs.csv", {"moment", "pages_from", "pages_to", "runs"}}}},
    {"turnover", "How often objects are replaced, by size class, and how many spans refills sweep",
     {{"refills.csv", {"class", "spans_from", "spans_to", "refills"}},
      {"classes.csv", {"class", "size_bytes", "allocs", "tiny_allocs", "turnover_per_s"}}}},
    {"collector", "Live heap, trigger, peak and goal of each collection, pauses and assists",
     {{"cycles.csv",
       {"end_ns", "pause_ns", "assist_ns", "trigger_bytes", "heap_end_bytes", "heap_marked_bytes",
        "goal_bytes"}}}},
    {"locks", "Who waited where, and for how long",
     {{"locks.csv", {"lock", "acquisitions", "contended", "wait_ns"}}}},
    {"waits", "When they waited",
     {{"waits.csv", {"lock", "t_ns", "width_ns", "contended", "wait_ns"}}}},
    {"latency", "What an allocation took, by who served it",
     {{"latency_cdf.csv", {"tier", "up_to_ns", "count", "slower"}}}},
    {"sweep", "Lock waits and mapped memory over the configurations",
     {{"results.csv",
       {"config", "trace", "size_classes", "ps", "gogc", "pacing", "peak_mapped_bytes", "lock_wait_ns"}}}},
    {"lines", "Metrics of a sweep against a number that was varied", {{"results.csv", {"run"}}}},
    {"grid", "A metric of a sweep by what was varied", {{"results.csv", {"run"}}}},
    {"front", "Two metrics of a sweep that are traded for each other", {{"results.csv", {"run"}}}},
    {"trace", "Sizes and lifetimes in the trace",
     {{"trace.csv", {"of", "from", "to", "objects", "bytes"}}}},
};

/* --- places and names ---------------------------------------------------------------------------------- */

bool plot_join(char *path, const char *directory, const char *name, struct error *error)
{
    if ((size_t)snprintf(path, PATH_MAX, "%s/%s", directory, name) < PATH_MAX)
        return true;
    return error_set(error, "%.200s: the path is too long", directory);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* "redis.csv.zst" out of the info.json of a trace's figures, else the directory's name. */
static void name_trace(const char *directory, char *title, size_t size)
{
    char path[PATH_MAX];
    struct error ignored = {.text = ""};
    const char *trace;
    bool fits = plot_join(path, directory, "info.json", &ignored);
    json_t *document = fits ? json_load_file(path, 0, NULL) : NULL;
    bool known = document && json_unpack(document, "{s:{s:s}}", "trace", "name", &trace) == 0;
    snprintf(title, size, "%.120s", base_name(known ? trace : directory));
    json_decref(document);
}

/* "redis.csv.zst, go1.19, 4 Ps, recorded pacing" out of run.json; if there is none, another name. */
static void name_run(const char *directory, char *title, size_t size)
{
    char path[PATH_MAX];
    struct error ignored = {.text = ""};
    const char *trace, *config, *pacing;
    int ps;
    bool fits = plot_join(path, directory, "run.json", &ignored);
    json_t *document = fits ? json_load_file(path, 0, NULL) : NULL;
    if (document && json_unpack(document, "{s:{s:s, s:{s:s}, s:i, s:s}}", "run", "trace", &trace, "config",
                                "name", &config, "ps", &ps, "pacing", &pacing) == 0)
        snprintf(title, size, "%.80s, %.60s, %d %s, %s pacing",
                 strcmp(trace, "-") == 0 ? base_name(directory) : base_name(trace), config, ps,
                 ps == 1 ? "P" : "Ps", pacing);
    else
        name_trace(directory, title, size);
    json_decref(document);
}

void plot_title(const char *directory, bool one_of_several, char *title)
{
    int used = one_of_several ? snprintf(title, PLOT_TITLE, "%.60s: ", base_name(directory)) : 0;
    name_run(directory, title + used, PLOT_TITLE - (size_t)used);
    for (char *c = title; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
}

/* --- the data ------------------------------------------------------------------------------------------ */

static bool has_column(const char *header, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = header; *at; at += strspn(at, ",")) {
        size_t here = strcspn(at, ",\r\n");
        if (here == length && memcmp(at, name, length) == 0)
            return true;
        at += here;
        if (*at != ',')
            return false;
    }
    return false;
}

static bool check_header(const struct plot_csv *csv, const char *header, const char *path, struct error *error)
{
    for (const char *const *name = csv->columns; *name; name++)
        if (!has_column(header, *name))
            return error_set(error, "%s:1: the header has no column \"%s\"", path, *name);
    return true;
}

/* Whether there are rows below a header with the figure's columns in it. */
bool plot_check_csv(const struct plot_csv *csv, const char *directory, bool *has_rows, struct error *error)
{
    char path[PATH_MAX];
    FILE *f = plot_join(path, directory, csv->name, error) ? fopen(path, "re") : NULL;
    if (!f && error->text[0])
        return false;
    if (!f)
        return error_set(error, "%s: %s", path, strerror(errno));
    char *line = NULL;
    size_t size = 0;
    bool ok = getline(&line, &size, f) > 0 || error_set(error, "%s: empty; expected a header", path);
    ok = ok && check_header(csv, line, path, error);
    *has_rows = false;
    while (ok && !*has_rows && getline(&line, &size, f) > 0)
        *has_rows = strspn(line, " \t\r\n") < strlen(line);
    if (ok && ferror(f))
        ok = error_set(error, "%s: cannot be read", path);
    free(line);
    fclose(f);
    return ok;
}
