/* Walks JSON along a settings table: finds the row of each key, names the nearest if there is none.
 * What a row accepts is setting_value.c's business.
 * Invariant: recursion goes only into groups that the table has, so input cannot make it deep. */
#include "base/settings.h"

#include "base/nearest.h"
#include "base/setting_value.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define KEY_MAX 128 /* of a dotted key, its terminator included */

struct walk {
    const struct setting *table;
    size_t n;
    void *target;
    char where[256]; /* starts every error: "run.json: ", or nothing */
    struct error *error;
};

static const struct setting *find_row(const struct setting *table, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(table[i].key, key) == 0)
            return &table[i];
    return NULL;
}

/* Whether key is what stands before a dot in some row's key. */
static bool is_group(const struct setting *table, size_t n, const char *key)
{
    size_t length = strlen(key);
    for (size_t i = 0; i < n; i++)
        if (strncmp(table[i].key, key, length) == 0 && table[i].key[length] == '.')
            return true;
    return false;
}

/* The length of as many components of key as word has: of "costs.lock_ns", for "csts", "costs". */
static size_t same_depth(const char *key, const char *word)
{
    const char *end = strchr(key, '.');
    for (const char *dot = strchr(word, '.'); dot != NULL && end != NULL; dot = strchr(dot + 1, '.'))
        end = strchr(end + 1, '.');
    return end != NULL ? (size_t)(end - key) : strlen(key);
}

static const char *last_component(const char *key)
{
    const char *dot = strrchr(key, '.');
    return dot != NULL ? dot + 1 : key;
}

/* "unknown key ...; the nearest known one is ...": by the whole key, else by its last component, so
 * that a setting given without its group, or in the wrong one, is found too. */
static bool unknown_key(const struct walk *walk, const char *key)
{
    struct nearest nearest;
    char quoted[KEY_MAX];

    setting_quote(key, quoted, sizeof quoted);
    nearest_start(&nearest, key, strlen(key));
    for (size_t i = 0; i < walk->n; i++)
        nearest_offer(&nearest, walk->table[i].key, same_depth(walk->table[i].key, key));
    if (nearest.best != NULL)
        return error_set(walk->error, "%sunknown key \"%s\"; the nearest known one is \"%.*s\"",
                         walk->where, quoted, (int)nearest.best_length, nearest.best);

    const char *last = last_component(key);
    nearest_start(&nearest, last, strlen(last));
    for (size_t i = 0; i < walk->n; i++) {
        const char *name = last_component(walk->table[i].key);
        nearest_offer(&nearest, name, strlen(name));
    }
    for (size_t i = 0; i < walk->n; i++)
        if (last_component(walk->table[i].key) == nearest.best)
            return error_set(walk->error, "%sunknown key \"%s\"; the nearest known one is \"%s\"",
                             walk->where, quoted, walk->table[i].key);
    return error_set(walk->error, "%sunknown key \"%s\"", walk->where, quoted);
}

static bool check_note(const struct walk *walk, const json_t *note)
{
    bool good = json_is_string(note) || json_is_array(note);
    for (size_t i = 0; i < json_array_size(note); i++)
        good = good && json_is_string(json_array_get(note, i));
    return good || error_set(walk->error, "%snote: expected a string or an array of strings",
                             walk->where);
}

static bool load_object(const struct walk *walk, json_t *object, const char *group);

/* One member of an object; group is the object's own key with a final dot, or "". */
static bool load_member(const struct walk *walk, const char *group, const char *name,
                        json_t *value)
{
    char key[KEY_MAX], inner[KEY_MAX + 1], got[80];

    if (strcmp(name, "note") == 0)
        return check_note(walk, value);
    if (snprintf(key, sizeof key, "%s%s", group, name) >= (int)sizeof key)
        return unknown_key(walk, name);
    if (strchr(name, '.') != NULL)
        return error_set(walk->error, "%skey \"%s\" has a dot in it; expected nested objects",
                         walk->where, key);

    const struct setting *row = find_row(walk->table, walk->n, key);
    if (row != NULL)
        return setting_store(row, walk->target, value, walk->where, walk->error);
    if (!is_group(walk->table, walk->n, key))
        return unknown_key(walk, key);
    if (!json_is_object(value)) {
        setting_quote_json(value, got, sizeof got);
        return error_set(walk->error, "%s%s: expected an object of settings, got %s", walk->where,
                         key, got);
    }
    snprintf(inner, sizeof inner, "%s.", key);
    return load_object(walk, value, inner);
}

static bool load_object(const struct walk *walk, json_t *object, const char *group)
{
    const char *name;
    json_t *value;

    json_object_foreach(object, name, value) {
        if (!load_member(walk, group, name, value))
            return false;
    }
    return true;
}

bool settings_load_json(const struct setting *table, size_t n, void *target, json_t *object,
                        const char *source, struct error *error)
{
    struct walk walk = {.table = table, .n = n, .target = target, .error = error};

    if (source != NULL) {
        setting_quote(source, walk.where, sizeof walk.where - 2);
        strcat(walk.where, ": ");
    }
    if (!json_is_object(object))
        return error_set(error, "%sexpected a JSON object", walk.where);
    return load_object(&walk, object, "");
}

/* Reads the JSON by hand-opened stream: jansson reports a directory or a failing read as bad JSON. */
static json_t *read_json(const char *path, struct error *error)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *stream = standard ? stdin : fopen(path, "re");
    json_error_t wrong;

    if (stream == NULL) {
        error_set(error, "%s: %s", path, strerror(errno));
        return NULL;
    }
    errno = 0;
    json_t *root = json_loadf(stream, JSON_REJECT_DUPLICATES, &wrong);
    if (root == NULL && ferror(stream))
        error_set(error, "%s: %s", path, strerror(errno));
    else if (root == NULL)
        error_set(error, "%s:%d:%d: %s", path, wrong.line, wrong.column, wrong.text);
    if (!standard)
        fclose(stream);
    return root;
}

bool settings_load_file(const struct setting *table, size_t n, void *target, const char *path,
                        struct error *error)
{
    json_t *root = read_json(path, error);
    bool loaded = root != NULL && settings_load_json(table, n, target, root, path, error);
    json_decref(root);
    return loaded;
}

bool settings_set(const struct setting *table, size_t n, void *target, const char *assignment,
                  struct error *error)
{
    struct walk walk = {.table = table, .n = n, .target = target, .error = error};
    const char *equals = strchr(assignment, '=');
    char key[KEY_MAX], quoted[KEY_MAX];

    setting_quote(assignment, quoted, sizeof quoted);
    if (equals == NULL)
        return error_set(error, "expected KEY=VALUE, got \"%s\"", quoted);
    size_t length = (size_t)(equals - assignment);
    if (length >= sizeof key)
        return unknown_key(&walk, assignment);
    memcpy(key, assignment, length);
    key[length] = '\0';

    const struct setting *row = find_row(table, n, key);
    if (row == NULL && is_group(table, n, key))
        return error_set(error, "%s: expected one of its settings, as in %s.NAME=VALUE", key, key);
    if (row == NULL)
        return unknown_key(&walk, key);
    json_t *value = setting_from_text(row, equals + 1, error);
    bool stored = value != NULL && setting_store(row, target, value, "", error);
    json_decref(value);
    return stored;
}

/* The object in which the dotted key's last component belongs, made where it is missing. */
static json_t *group_of(json_t *object, const char *key)
{
    char name[KEY_MAX];
    const char *dot;

    for (; (dot = strchr(key, '.')) != NULL; key = dot + 1) {
        snprintf(name, sizeof name, "%.*s", (int)(dot - key), key);
        if (json_object_get(object, name) == NULL)
            json_object_set_new(object, name, json_object());
        object = json_object_get(object, name); /* NULL: out of memory; stays NULL */
    }
    return object;
}

json_t *settings_dump(const struct setting *table, size_t n, const void *target)
{
    json_t *root = json_object();

    for (size_t i = 0; i < n && root != NULL; i++) {
        json_t *value = setting_fetch(&table[i], target);
        if (value == NULL && table[i].type == SETTING_JSON)
            continue;
        if (json_object_set_new(group_of(root, table[i].key), last_component(table[i].key),
                                value) != 0) {
            json_decref(root);
            root = NULL;
        }
    }
    return root;
}

void settings_clear(const struct setting *table, size_t n, void *target)
{
    for (size_t i = 0; i < n; i++) {
        if (table[i].type != SETTING_JSON)
            continue;
        char *member = (char *)target + table[i].offset;
        json_t *json;
        memcpy(&json, member, sizeof json);
        json_decref(json);
        memset(member, 0, sizeof json);
    }
}
