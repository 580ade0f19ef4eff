/* Where a configuration's size classes come from: a file in configs/classes, a list, or rules to make one by. */
#include "base/setting_value.h"
#include "classes/rules.h"
#include "model/config.h"

#include <limits.h>
#include <string.h>

static bool read_pair(json_t *pair, struct goheap_size_class *class)
{
    json_int_t size = json_integer_value(json_array_get(pair, 0)), pages = json_integer_value(json_array_get(pair, 1));
    if (!json_is_array(pair) || json_array_size(pair) != 2 || size < 1 || size > UINT32_MAX || pages < 1 ||
        pages > UINT32_MAX)
        return false;
    *class = (struct goheap_size_class){(uint32_t)size, (uint32_t)pages};
    return true;
}

/* where starts errors: "size_classes: ", or behind a file's name. */
static bool read_classes(json_t *list, const char *where, struct goheap_class_table *table, struct error *error)
{
    char got[80];
    if (!json_is_array(list))
        return error_set(error, "%sexpected a name, a list of pairs [bytes, pages a span], or rules", where);
    if (json_array_size(list) >= GOHEAP_MAX_CLASSES)
        return error_set(error, "%s%zu size classes, expected at most %d", where, json_array_size(list),
                         GOHEAP_MAX_CLASSES - 1);
    *table = (struct goheap_class_table){.count = (unsigned)json_array_size(list) + 1};
    for (unsigned i = 1; i < table->count; i++) {
        json_t *pair = json_array_get(list, i - 1);
        if (read_pair(pair, &table->classes[i]))
            continue;
        setting_quote_json(pair, got, sizeof got);
        return error_set(error, "%sentry %u: expected [bytes, pages a span], got %s", where, i, got);
    }
    return true;
}

/* Spans are counted in pages: a file may say for which ones. */
static bool check_page_size(const json_t *made_for, uint64_t page_size, const char *where, struct error *error)
{
    return !json_is_integer(made_for) || json_integer_value(made_for) == (json_int_t)page_size ||
           error_set(error, "%smade for pages of %lld bytes, expected page_size %llu", where,
                     (long long)json_integer_value(made_for), (unsigned long long)page_size);
}

static bool load_classes(const char *name, uint64_t page_size, struct goheap_class_table *table, struct error *error)
{
    char path[PATH_MAX];
    if (!settings_find(name, "classes", path, sizeof path, error))
        return false;
    json_error_t json_error;
    json_t *object = json_load_file(path, JSON_REJECT_DUPLICATES, &json_error);
    if (!object)
        return error_set(error, "%s:%d:%d: %s", path, json_error.line, json_error.column, json_error.text);
    char where[256];
    snprintf(where, sizeof where, "%.200s: size_classes: ", path);
    bool ok = check_page_size(json_object_get(object, "page_size"), page_size, where, error) &&
              read_classes(json_object_get(object, "size_classes"), where, table, error);
    json_decref(object);
    return ok;
}

bool config_check_spans(const struct goheap_config *core, const char *name, struct error *error)
{
    for (unsigned i = 1; i < core->table.count; i++) {
        const struct goheap_size_class *c = &core->table.classes[i];
        uint32_t tail = (c->pages << core->page_shift) % c->size;
        if (tail >> core->page_shift != 0)
            return error_set(error, "configuration \"%s\": size class %u (%u bytes): no object reaches the end of a "
                             "span of %u pages: %u hold as many", name, i, c->size, c->pages,
                             c->pages - (tail >> core->page_shift));
    }
    return true;
}

static bool make_classes(json_t *object, uint64_t page_size, struct goheap_class_table *table, struct error *error)
{
    struct class_rules rules;
    struct error why = {.text = ""};
    class_rules_init(&rules);
    if (!settings_load_json(class_rules_table, class_rules_table_size, &rules, object, "size_classes", error))
        return false;
    return (class_rules_check(&rules, &why) && class_rules_generate(&rules, (uint32_t)page_size, table, &why)) ||
           error_set(error, "size_classes: %s", why.text);
}

bool config_classes(const struct sim_config *config, struct goheap_class_table *table, struct error *error)
{
    json_t *classes = config->size_classes;
    if (json_is_string(classes))
        return load_classes(json_string_value(classes), config->page_size, table, error);
    if (json_is_object(classes))
        return make_classes(classes, config->page_size, table, error);
    return read_classes(classes, "size_classes: ", table, error);
}
