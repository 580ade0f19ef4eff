/* From a plan's JSON to its axes, each value checked. What a setting accepts, and what an unknown key is told, is the
 * settings tables' business. */
#include "sweep/plan.h"

#include "base/setting_value.h"

#include <stdlib.h>
#include <string.h>

enum { AXES_BESIDE_SET = 5 }; /* traces, configs, size_classes, ps, list */

bool plan_key_chooses(const char *key)
{
    return strcmp(key, "trace") == 0 || strcmp(key, "config") == 0;
}

const json_t *plan_axis_value(const struct axis *axis, size_t i, const char *key)
{
    const json_t *value = json_array_get(axis->values, i);
    if (!axis->key)
        return json_object_get(value, key);
    return strcmp(axis->key, key) == 0 ? value : NULL;
}

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

bool plan_apply(struct sim_config *config, const char *key, const json_t *value, const char *source,
                struct error *error)
{
    json_t *object = nested(key, json_deep_copy(value));
    bool ok = object ? settings_load_json(config_table, config_table_size, config, object, source, error)
                     : error_set(error, "out of memory");
    json_decref(object);
    return ok;
}

/* A key has to be a setting, and none that only says what a configuration is called. */
static bool check_key(const char *key, const char *source, struct error *error)
{
    if (strcmp(key, "name") == 0)
        return error_set(error, "%s: \"name\" is what a configuration is called, nothing to vary", source);
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
    return error_set(error, "%s: %s", source, why.text);
}

/* Tries a value on its own, so that the error names the key. */
static bool check_value(const char *key, const json_t *value, const char *source, struct error *error)
{
    struct sim_config scratch;
    bool is_table = json_is_string(value) || json_is_array(value) || json_is_object(value);
    if (strcmp(key, "size_classes") == 0 && !is_table)
        return error_set(error, "%s: size_classes: expected names, lists of [bytes, pages a span] or objects", source);
    config_init(&scratch);
    bool ok = plan_apply(&scratch, key, value, source, error);
    config_clear(&scratch);
    return ok;
}

static bool is_list_of_names(const json_t *value)
{
    size_t i;
    const json_t *entry;
    json_array_foreach(value, i, entry)
        if (!json_is_string(entry))
            return false;
    return json_array_size(value) > 0;
}

/* A trace is a name, a configuration one or several. */
static bool check_choice(const char *key, const json_t *value, const char *source, struct error *error)
{
    char got[80];
    if (json_is_string(value) || (strcmp(key, "config") == 0 && is_list_of_names(value)))
        return true;
    setting_quote_json(value, got, sizeof got);
    return error_set(error, "%s: expected names, got %s", source, got);
}

/* --- the lists of what there is ------------------------------------------------------------------------ */

static bool contains(const json_t *array, const json_t *value)
{
    size_t i;
    const json_t *entry;
    json_array_foreach(array, i, entry)
        if (json_equal(entry, value))
            return true;
    return false;
}

static bool add_once(json_t *array, json_t *value, struct error *error)
{
    return contains(array, value) || json_array_append(array, value) == 0 || error_set(error, "out of memory");
}

/* Notes what a value of an axis names: a trace, a configuration, or else the key of a setting. */
static bool note_value(struct plan *plan, const char *key, json_t *value, struct error *error)
{
    if (strcmp(key, "trace") == 0)
        return add_once(plan->trace_names, value, error);
    if (strcmp(key, "config") == 0)
        return add_once(plan->base_names, value, error);
    json_t *name = json_string(key);
    bool ok = name ? add_once(plan->settings, name, error) : error_set(error, "out of memory");
    json_decref(name);
    return ok;
}

/* --- axes ---------------------------------------------------------------------------------------------- */

static struct axis *new_axis(struct plan *plan, const char *key, json_t *values, const char *source,
                             struct error *error)
{
    struct axis *axis = &plan->axes[plan->axis_count++];
    *axis = (struct axis){.key = key, .values = json_is_array(values) ? json_incref(values) : json_array()};
    bool ok = json_is_array(values) || json_array_append(axis->values, values) == 0;
    if (!ok)
        error_set(error, "out of memory");
    else if (!(ok = json_array_size(axis->values) > 0))
        error_set(error, "%s: expected at least one value", source);
    return ok ? axis : NULL;
}

/* Adds an axis at the end. named: the plan's key for it, under its path. */
static bool add_axis(struct plan *plan, const char *key, const char *named, json_t *values, struct error *error)
{
    char source[PATH_MAX + 160];
    size_t i;
    json_t *value;
    snprintf(source, sizeof source, "%s: %s", plan->path, named);
    const struct axis *axis = new_axis(plan, key, values, source, error);
    if (!axis)
        return false;
    if (!plan_key_chooses(key)) /* errors of settings name the key themselves */
        source[strlen(source) - strlen(key) - 2] = '\0';
    json_array_foreach(axis->values, i, value) {
        if (!(plan_key_chooses(key) ? check_choice : check_value)(key, value, source, error))
            return false;
        if (strcmp(key, "config") == 0 && contains(plan->base_names, value))
            return error_set(error, "%s: entry %zu is one of those before", source, i + 1);
        if (!note_value(plan, key, value, error))
            return false;
    }
    return true;
}

static bool add_set(struct plan *plan, struct error *error)
{
    char source[PATH_MAX + 8], named[160];
    const char *key;
    json_t *values;
    snprintf(source, sizeof source, "%s: set", plan->path);
    json_object_foreach(plan->set, key, values) {
        if (strcmp(key, "note") == 0)
            continue;
        if (strcmp(key, "ps") == 0 || strcmp(key, "size_classes") == 0)
            return error_set(error, "%s: \"%s\" is a key of the plan itself", source, key);
        if (!check_key(key, source, error))
            return false;
        snprintf(named, sizeof named, "set: %s", key);
        if (!add_axis(plan, key, named, values, error))
            return false;
    }
    return true;
}

static bool has_axis(const struct plan *plan, const char *key)
{
    for (size_t a = 0; a < plan->axis_count; a++)
        if (plan->axes[a].key && strcmp(plan->axes[a].key, key) == 0)
            return true;
    return false;
}

/* One entry of the list; the trace and the configuration are named in all of them or in none. */
static bool check_entry(struct plan *plan, json_t *entry, const json_t *first, const char *source,
                        struct error *error)
{
    const char *key;
    json_t *value;
    if (!json_is_object(entry))
        return error_set(error, "%s: expected an object of keys and their values", source);
    if (!json_object_get(entry, "trace") != !json_object_get(first, "trace"))
        return error_set(error, "%s: expected a \"trace\" in all entries, or in none", source);
    if (!json_object_get(entry, "config") != !json_object_get(first, "config"))
        return error_set(error, "%s: expected a \"config\" in all entries, or in none", source);
    json_object_foreach(entry, key, value) {
        if (strcmp(key, "note") == 0)
            continue;
        if (has_axis(plan, key))
            return error_set(error, "%s: \"%s\" has a list of its own already", source, key);
        bool ok = plan_key_chooses(key) ? check_choice(key, value, source, error)
                                        : check_key(key, source, error) && check_value(key, value, source, error);
        if (!ok || !note_value(plan, key, value, error))
            return false;
    }
    return true;
}

static bool add_list(struct plan *plan, struct error *error)
{
    char source[PATH_MAX + 64];
    size_t i;
    json_t *entry;
    snprintf(source, sizeof source, "%s: list", plan->path);
    const struct axis *axis = new_axis(plan, NULL, plan->list, source, error);
    if (!axis)
        return false;
    json_array_foreach(axis->values, i, entry) {
        snprintf(source, sizeof source, "%s: list: entry %zu", plan->path, i + 1);
        if (!check_entry(plan, entry, json_array_get(axis->values, 0), source, error))
            return false;
    }
    return true;
}

/* Whether the list's entries name it. */
static bool is_listed(const struct plan *plan, const char *key)
{
    return json_object_get(json_is_array(plan->list) ? json_array_get(plan->list, 0) : plan->list, key) != NULL;
}

static bool prepare(struct plan *plan, struct error *error)
{
    if (plan->set && !json_is_object(plan->set))
        return error_set(error, "%s: set: expected an object of settings and their values", plan->path);
    if (!plan->traces && !is_listed(plan, "trace"))
        return error_set(error, "%s: traces: expected a list of files", plan->path);
    if (!plan->configs && !is_listed(plan, "config"))
        plan->configs = json_string(CONFIG_DEFAULT);
    plan->axes = calloc(AXES_BESIDE_SET + json_object_size(plan->set), sizeof *plan->axes);
    plan->settings = json_array();
    plan->trace_names = json_array();
    plan->base_names = json_array();
    return (plan->axes && plan->settings && plan->trace_names && plan->base_names) ||
           error_set(error, "out of memory");
}

/* All axes, in the order of the product. */
bool plan_make_axes(struct plan *plan, struct error *error)
{
    return prepare(plan, error) && (!plan->traces || add_axis(plan, "trace", "traces", plan->traces, error)) &&
           (!plan->configs || add_axis(plan, "config", "configs", plan->configs, error)) &&
           (!plan->size_classes || add_axis(plan, "size_classes", "size_classes", plan->size_classes, error)) &&
           (!plan->ps || add_axis(plan, "ps", "ps", plan->ps, error)) && add_set(plan, error) &&
           (!plan->list || add_list(plan, error));
}
