/* From a plan's JSON to its axes, checked, and from an index to a run. What a setting accepts, and what an
 * unknown key is told, is the settings tables' business. */
#include "sweep/plan.h"

#include "base/setting_value.h"
#include "trace/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRACES, CONFIGS };

#define LIST(member) {.key = #member, .type = SETTING_JSON, .offset = offsetof(struct plan, member)}

static const struct setting plan_table[] = {
    LIST(traces), LIST(configs), LIST(size_classes), LIST(ps), LIST(set),
};
enum { PLAN_KEYS = sizeof plan_table / sizeof plan_table[0] };

/* --- settings ------------------------------------------------------------------------------------------ */

/* {"costs": {"lock": VALUE}} for "costs.lock"; takes the value, NULL included. */
static json_t *nested(const char *key, json_t *value)
{
    const char *dot = strchr(key, '.');
    char name[128];
    snprintf(name, sizeof name, "%.*s", (int)(dot ? dot - key : (ptrdiff_t)strlen(key)), key);
    json_t *object = json_object();
    if (json_object_set_new(object, name, dot ? nested(dot + 1, value) : value) != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* Gives a config the value. It is copied: settings keep references, and the plan's are not to be counted by
 * several threads. */
static bool apply(struct sim_config *config, const char *key, const json_t *value, const char *source,
                  struct error *error)
{
    json_t *object = nested(key, json_deep_copy(value));
    bool ok = object ? settings_load_json(config_table, config_table_size, config, object, source, error)
                     : error_set(error, "out of memory");
    json_decref(object);
    return ok;
}

/* A key of "set" has to be a setting, and none that the plan asks for elsewhere. */
static bool check_key(const struct plan *plan, const char *key, struct error *error)
{
    if (strcmp(key, "ps") == 0 || strcmp(key, "size_classes") == 0)
        return error_set(error, "%s: set: \"%s\" is a key of the plan itself", plan->path, key);
    if (strcmp(key, "name") == 0)
        return error_set(error, "%s: set: \"name\" is what a configuration is called, nothing to vary",
                         plan->path);
    for (size_t i = 0; i < config_table_size; i++)
        if (strcmp(config_table[i].key, key) == 0)
            return true;
    struct sim_config scratch;
    struct error why = {.text = ""};
    char assignment[256];
    config_init(&scratch);
    snprintf(assignment, sizeof assignment, "%.*s=0", (int)strcspn(key, "="), key);
    if (config_set(&scratch, assignment, &why))
        error_set(&why, "expected a setting's key alone, got \"%s\"", key);
    config_clear(&scratch);
    return error_set(error, "%s: set: %s", plan->path, why.text);
}

/* Tries each value of a setting's axis on its own, so that the error names the key. */
static bool check_values(const struct plan *plan, const struct axis *axis, const char *source,
                         struct error *error)
{
    struct sim_config scratch;
    size_t i;
    json_t *value;
    bool ok = true, table = strcmp(axis->key, "size_classes") == 0;
    config_init(&scratch);
    json_array_foreach(axis->values, i, value) {
        if (table && !json_is_string(value) && !json_is_array(value))
            ok = error_set(error, "%s: size_classes: expected names or lists of [bytes, pages a span]",
                           plan->path);
        ok = ok && apply(&scratch, axis->key, value, source, error);
    }
    config_clear(&scratch);
    return ok;
}

/* --- axes ---------------------------------------------------------------------------------------------- */

/* Adds an axis at the end; a value that is no list is a list of one. */
static bool add_axis(struct plan *plan, const char *key, json_t *values, const char *source,
                     struct error *error)
{
    struct axis *axis = &plan->axes[plan->axis_count++];
    *axis = (struct axis){.key = key, .values = json_is_array(values) ? json_incref(values) : json_array()};
    if (!json_is_array(values) && json_array_append(axis->values, values) != 0)
        return error_set(error, "out of memory");
    if (json_array_size(axis->values) == 0)
        return error_set(error, "%s: %s: expected at least one value", source, key);
    return true;
}

static bool add_setting(struct plan *plan, const char *key, json_t *values, const char *source,
                        struct error *error)
{
    return add_axis(plan, key, values, source, error) &&
           check_values(plan, &plan->axes[plan->axis_count - 1], source, error);
}

static bool add_set(struct plan *plan, struct error *error)
{
    char source[PATH_MAX + 8];
    const char *key;
    json_t *values;
    snprintf(source, sizeof source, "%s: set", plan->path);
    json_object_foreach(plan->set, key, values) {
        if (strcmp(key, "note") == 0)
            continue;
        if (!check_key(plan, key, error) || !add_setting(plan, key, values, source, error))
            return false;
    }
    return true;
}

/* All axes, in the order of the product. */
static bool make_axes(struct plan *plan, struct error *error)
{
    if (!plan->traces)
        return error_set(error, "%s: traces: expected a list of files", plan->path);
    if (plan->set && !json_is_object(plan->set))
        return error_set(error, "%s: set: expected an object of settings and their values", plan->path);
    if (!plan->configs)
        plan->configs = json_string(CONFIG_DEFAULT);
    plan->axes = calloc(PLAN_KEYS + json_object_size(plan->set), sizeof *plan->axes);
    if (!plan->axes || !plan->configs)
        return error_set(error, "out of memory");
    return add_axis(plan, "traces", plan->traces, plan->path, error) &&
           add_axis(plan, "configs", plan->configs, plan->path, error) &&
           (!plan->size_classes || add_setting(plan, "size_classes", plan->size_classes, plan->path, error)) &&
           (!plan->ps || add_setting(plan, "ps", plan->ps, plan->path, error)) && add_set(plan, error);
}

/* Strides, from the fastest axis on, and how many runs there are. */
static bool count_runs(struct plan *plan, struct error *error)
{
    size_t runs = 1;
    for (size_t a = plan->axis_count; a-- > 0;) {
        size_t n = json_array_size(plan->axes[a].values);
        plan->axes[a].stride = runs;
        if (n > PLAN_RUNS_MAX / runs)
            return error_set(error, "%s: more than %d runs", plan->path, PLAN_RUNS_MAX);
        runs *= n;
    }
    plan->runs = runs;
    return true;
}

/* --- configs and traces -------------------------------------------------------------------------------- */

static const char *text_at(const struct plan *plan, size_t axis, size_t i, struct error *error)
{
    const json_t *value = json_array_get(plan->axes[axis].values, i);
    char got[80];
    if (json_is_string(value))
        return json_string_value(value);
    setting_quote_json(value, got, sizeof got);
    error_set(error, "%s: %s: expected names, got %s", plan->path, plan->axes[axis].key, got);
    return NULL;
}

/* Two configs of one name could not be told apart in the results. */
static bool check_name(const struct plan *plan, size_t i, struct error *error)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(plan->bases[k].name, plan->bases[i].name) == 0)
            return error_set(error, "%s: configs: entries %zu and %zu are both called \"%s\"", plan->path,
                             k + 1, i + 1, plan->bases[i].name);
    return true;
}

static bool load_configs(struct plan *plan, struct error *error)
{
    size_t n = json_array_size(plan->axes[CONFIGS].values);
    plan->bases = calloc(n, sizeof *plan->bases);
    if (!plan->bases)
        return error_set(error, "out of memory");
    for (size_t i = 0; i < n; i++) {
        struct error why = {.text = ""};
        const char *name = text_at(plan, CONFIGS, i, error);
        config_init(&plan->bases[i]);
        if (!name)
            return false;
        if (!config_load(&plan->bases[i], CONFIG_DEFAULT, &why) || !config_load(&plan->bases[i], name, &why))
            return error_set(error, "%s: configs: %s", plan->path, why.text);
        if (!check_name(plan, i, error))
            return false;
    }
    return true;
}

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
    size_t n = json_array_size(plan->axes[TRACES].values);
    plan->trace_paths = calloc(n, sizeof *plan->trace_paths);
    if (!plan->trace_paths)
        return error_set(error, "out of memory");
    for (size_t i = 0; i < n; i++) {
        char path[PATH_MAX];
        const char *name = text_at(plan, TRACES, i, error);
        if (!name)
            return false;
        find_trace(plan->path, name, path);
        if (!(plan->trace_paths[i] = strdup(path)))
            return error_set(error, "out of memory");
        if (!check_trace(plan, path, error))
            return false;
    }
    return true;
}

/* --- runs ---------------------------------------------------------------------------------------------- */

static size_t pick(const struct axis *axis, size_t index)
{
    return index / axis->stride % json_array_size(axis->values);
}

bool plan_run_init(struct plan_run *run, const struct plan *plan, size_t index, struct error *error)
{
    size_t trace = pick(&plan->axes[TRACES], index);
    const struct sim_config *base = &plan->bases[pick(&plan->axes[CONFIGS], index)];
    run->trace = json_string_value(json_array_get(plan->axes[TRACES].values, trace));
    run->trace_path = plan->trace_paths[trace];
    run->config = *base;
    run->config.size_classes = json_deep_copy(base->size_classes);
    bool ok = run->config.size_classes || !base->size_classes || error_set(error, "out of memory");
    for (size_t a = PLAN_SETTINGS; a < plan->axis_count && ok; a++) {
        const struct axis *axis = &plan->axes[a];
        ok = apply(&run->config, axis->key, json_array_get(axis->values, pick(axis, index)), NULL, error);
    }
    return ok;
}

void plan_run_clear(struct plan_run *run)
{
    config_clear(&run->config);
}

/* What the core says to each configuration. Traces vary slowest: those of the first one are all there are. */
static bool check_runs(const struct plan *plan, struct error *error)
{
    bool ok = true;
    for (size_t i = 0; i < plan->axes[TRACES].stride && ok; i++) {
        struct plan_run run;
        struct goheap_config core;
        struct error why = {.text = ""};
        ok = plan_run_init(&run, plan, i, error);
        if (ok && !config_core(&run.config, &core, &why)) {
            char classes[60];
            setting_quote_json(run.config.size_classes, classes, sizeof classes);
            ok = error_set(error, "%s: run %zu (config %s, size_classes %s): %s", plan->path, i + 1,
                           run.config.name, classes, why.text);
        }
        plan_run_clear(&run);
    }
    return ok;
}

bool plan_load(struct plan *plan, const char *name, struct error *error)
{
    memset(plan, 0, sizeof *plan);
    return settings_find(name, "plans", plan->path, sizeof plan->path, error) &&
           settings_load_file(plan_table, PLAN_KEYS, plan, plan->path, error) && make_axes(plan, error) &&
           count_runs(plan, error) && load_configs(plan, error) && find_traces(plan, error) &&
           check_runs(plan, error);
}

/* Also of what a failed load has left: arrays are as long as their axes, and zero where not reached. */
void plan_clear(struct plan *plan)
{
    for (size_t i = 0; plan->trace_paths && i < json_array_size(plan->axes[TRACES].values); i++)
        free(plan->trace_paths[i]);
    for (size_t i = 0; plan->bases && i < json_array_size(plan->axes[CONFIGS].values); i++)
        config_clear(&plan->bases[i]);
    for (size_t a = 0; a < plan->axis_count; a++)
        json_decref(plan->axes[a].values);
    free(plan->trace_paths);
    free(plan->bases);
    free(plan->axes);
    settings_clear(plan_table, PLAN_KEYS, plan);
}
