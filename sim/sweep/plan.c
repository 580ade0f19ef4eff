/* From a plan's file to its runs, each of them checked, and from an index to a run. */
#include "sweep/plan.h"

#include "base/setting_value.h"
#include "trace/crc32c.h"
#include "trace/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY(member) {.key = #member, .type = SETTING_JSON, .offset = offsetof(struct plan, member)}

static const struct setting plan_table[] = {
    KEY(traces), KEY(configs), KEY(size_classes), KEY(ps), KEY(set), KEY(list), KEY(skip), KEY(sample),
};
enum { PLAN_KEYS = sizeof plan_table / sizeof plan_table[0] };

/* --- configs ------------------------------------------------------------------------------------------- */

/* Two configs of one name could not be told apart in the results. */
static bool check_name(const struct plan *plan, size_t i, struct error *error)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(plan->bases[k].name, plan->bases[i].name) == 0)
            return error_set(error, "%s: configs: entries %zu and %zu are both called \"%s\"", plan->path,
                             k + 1, i + 1, plan->bases[i].name);
    return true;
}

/* Several layers are called after all of them, with a plus in between. */
static bool add_layer(struct sim_config *base, const char *name, const char *before, struct error *error)
{
    char joined[sizeof base->name];
    if ((size_t)snprintf(joined, sizeof joined, "%s+%s", before, name) >= sizeof joined)
        return error_set(error, "%s+%s: expected names of at most %zu characters together", before, name,
                         sizeof joined - 1);
    if (!config_load(base, name, error))
        return false;
    memcpy(base->name, joined, sizeof joined);
    return true;
}

static bool load_config(struct sim_config *base, const json_t *names, struct error *error)
{
    const char *first = json_string_value(json_is_array(names) ? json_array_get(names, 0) : names);
    config_init(base);
    if (!config_load(base, CONFIG_DEFAULT, error) || !config_load(base, first, error))
        return false;
    for (size_t i = 1; i < json_array_size(names); i++) {
        char before[sizeof base->name];
        memcpy(before, base->name, sizeof before);
        if (!add_layer(base, json_string_value(json_array_get(names, i)), before, error))
            return false;
    }
    return true;
}

static bool load_configs(struct plan *plan, struct error *error)
{
    size_t n = json_array_size(plan->base_names);
    plan->bases = calloc(n, sizeof *plan->bases);
    if (!plan->bases)
        return error_set(error, "out of memory");
    for (size_t i = 0; i < n; i++) {
        struct error why = {.text = ""};
        plan->base_count++;
        if (!load_config(&plan->bases[i], json_array_get(plan->base_names, i), &why))
            return error_set(error, "%s: configs: %s", plan->path, why.text);
        if (!check_name(plan, i, error))
            return false;
    }
    return true;
}

/* --- traces -------------------------------------------------------------------------------------------- */

/* Whether a directory has the file; then path[0..PATH_MAX) says where. */
static bool is_at(const char *directory, const char *name, char *path)
{
    char there[PATH_MAX];
    if (snprintf(there, sizeof there, "%s/%s", directory, name) >= PATH_MAX || access(there, F_OK) != 0)
        return false;
    memcpy(path, there, strlen(there) + 1);
    return true;
}

/* Where a trace is: in the plan's directory, the working directory, or one above the plan's, so that bundled
 * plans work from everywhere. The name itself, which opening will complain of, if it is nowhere. */
static void find_trace(const char *plan, const char *name, char *path)
{
    char directory[PATH_MAX] = ".", above[PATH_MAX];
    const char *slash = strrchr(plan, '/');
    if (slash)
        snprintf(directory, sizeof directory, "%.*s", (int)(slash - plan), plan);
    if (slash && name[0] != '/' && is_at(directory, name, path))
        return;
    snprintf(path, PATH_MAX, "%s", name);
    if (name[0] == '/' || access(name, F_OK) == 0 || !realpath(directory[0] ? directory : "/", above))
        return;
    for (char *end; (end = strrchr(above, '/')) != NULL;) {
        *end = '\0';
        if (is_at(above, name, path))
            return;
    }
}

/* Every run reads its trace from the start, so it has to be a file. Opening it reads the header, too. */
static bool check_trace(const struct plan *plan, const char *path, struct error *error)
{
    struct error why = {.text = ""};
    struct stat status;
    struct trace_source *source = NULL;
    if (strcmp(path, "-") == 0 || (stat(path, &status) == 0 && !S_ISREG(status.st_mode)))
        error_set(&why, "%.300s: expected a file, which every run can read anew", path);
    else
        source = trace_open(path, TRACE_STREAM_BY_P, &why);
    if (!source)
        return error_set(error, "%s: traces: %s", plan->path, why.text);
    source->close(source);
    return true;
}

static bool find_traces(struct plan *plan, struct error *error)
{
    size_t n = json_array_size(plan->trace_names);
    plan->trace_paths = calloc(n, sizeof *plan->trace_paths);
    if (!plan->trace_paths)
        return error_set(error, "out of memory");
    for (size_t i = 0; i < n; i++) {
        char path[PATH_MAX];
        find_trace(plan->path, json_string_value(json_array_get(plan->trace_names, i)), path);
        if (!(plan->trace_paths[i] = strdup(path)))
            return error_set(error, "out of memory");
        plan->trace_count++;
        if (!check_trace(plan, path, error))
            return false;
    }
    return true;
}

/* --- runs ---------------------------------------------------------------------------------------------- */

/* What a point has for the key; NULL if the plan does not say. */
static const json_t *value_at(const struct plan *plan, uint64_t point, const char *key)
{
    const json_t *value = NULL;
    for (size_t a = 0; a < plan->axis_count && !value; a++)
        value = plan_axis_value(&plan->axes[a], plan_pick(&plan->axes[a], point), key);
    return value;
}

/* Where a trace or a configuration is among those that there are, which it is. */
static size_t place_of(const json_t *names, const json_t *name)
{
    size_t i = 0;
    while (!json_equal(json_array_get(names, i), name))
        i++;
    return i;
}

static bool apply_settings(struct plan_run *run, const struct plan *plan, uint64_t point, struct error *error)
{
    size_t i;
    const json_t *key;
    json_array_foreach(plan->settings, i, key) {
        const json_t *value = value_at(plan, point, json_string_value(key));
        if (value && !plan_apply(&run->config, json_string_value(key), value, NULL, error))
            return false;
    }
    return true;
}

bool plan_run_init(struct plan_run *run, const struct plan *plan, size_t index, struct error *error)
{
    uint64_t point = plan->points[index];
    const struct sim_config *base = &plan->bases[place_of(plan->base_names, value_at(plan, point, "config"))];
    run->trace_number = place_of(plan->trace_names, value_at(plan, point, "trace"));
    run->trace = json_string_value(json_array_get(plan->trace_names, run->trace_number));
    run->trace_path = plan->trace_paths[run->trace_number];
    run->config = *base;
    run->config.size_classes = json_deep_copy(base->size_classes);
    if (!run->config.size_classes && base->size_classes)
        return error_set(error, "out of memory");
    return apply_settings(run, plan, point, error);
}

void plan_run_clear(struct plan_run *run)
{
    config_clear(&run->config);
}

static int add_to_digest(const char *text, size_t length, void *digest)
{
    *(uint32_t *)digest = crc32c(*(uint32_t *)digest, text, length);
    return 0;
}

/* Tables go in as numbers, whatever the name is by which they were found. */
static bool digest_run(struct plan *plan, const struct plan_run *run, const struct goheap_config *core,
                       struct error *error)
{
    json_t *settings = settings_dump(config_table, config_table_size, &run->config);
    add_to_digest(run->trace, strlen(run->trace) + 1, &plan->digest);
    for (unsigned i = 1; i < core->table.count; i++) {
        uint32_t class[2] = {core->table.classes[i].size, core->table.classes[i].pages};
        add_to_digest((const char *)class, sizeof class, &plan->digest);
    }
    bool ok = settings && json_dump_callback(settings, add_to_digest, &plan->digest, JSON_COMPACT) == 0;
    json_decref(settings);
    return ok || error_set(error, "out of memory");
}

/* What the core says to a configuration. */
static bool check_run(struct plan *plan, size_t i, struct error *error)
{
    struct plan_run run;
    struct goheap_config core;
    struct error why = {.text = ""};
    bool ok = plan_run_init(&run, plan, i, error);
    if (ok && !config_core(&run.config, &core, &why)) {
        char classes[60];
        setting_quote_json(run.config.size_classes, classes, sizeof classes);
        ok = error_set(error, "%s: run %zu (config %s, size_classes %s): %s", plan->path, i + 1, run.config.name,
                       classes, why.text);
    }
    ok = ok && digest_run(plan, &run, &core, error);
    plan_run_clear(&run);
    return ok;
}

static bool check_runs(struct plan *plan, struct error *error)
{
    for (size_t i = 0; i < plan->runs; i++)
        if (!check_run(plan, i, error))
            return false;
    return true;
}

bool plan_load(struct plan *plan, const char *name, struct error *error)
{
    memset(plan, 0, sizeof *plan);
    return settings_find(name, "plans", plan->path, sizeof plan->path, error) &&
           settings_load_file(plan_table, PLAN_KEYS, plan, plan->path, error) && plan_make_axes(plan, error) &&
           plan_choose_points(plan, error) && load_configs(plan, error) && find_traces(plan, error) &&
           check_runs(plan, error);
}

/* Also of what a failed load has left. */
void plan_clear(struct plan *plan)
{
    for (size_t i = 0; i < plan->trace_count; i++)
        free(plan->trace_paths[i]);
    for (size_t i = 0; i < plan->base_count; i++)
        config_clear(&plan->bases[i]);
    for (size_t a = 0; a < plan->axis_count; a++) {
        json_decref(plan->axes[a].values);
        free(plan->axes[a].agree);
    }
    json_decref(plan->settings);
    json_decref(plan->trace_names);
    json_decref(plan->base_names);
    free(plan->trace_paths);
    free(plan->bases);
    free(plan->axes);
    free(plan->points);
    settings_clear(plan_table, PLAN_KEYS, plan);
}
