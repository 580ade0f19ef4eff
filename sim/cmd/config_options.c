/* Collecting first, applying afterwards: that is what makes the order one by kind. */
#include "cmd/config_options.h"

#include <stdio.h>
#include <string.h>

void config_options_init(struct config_options *options)
{
    memset(options, 0, sizeof *options);
    config_init(&options->config);
}

void config_options_clear(struct config_options *options)
{
    config_clear(&options->config);
}

static const char *key_of(int id)
{
    return id == OPT_PS ? "ps" : id == OPT_GOGC ? "gogc" : id == OPT_LIMIT ? "gomemlimit" : NULL;
}

bool config_options_take(struct config_options *options, int id, const char *argument, struct error *error)
{
    if (options->file_count == CONFIG_OPTIONS_MAX || options->set_count == CONFIG_OPTIONS_MAX)
        return error_set(error, "expected at most %d of these", CONFIG_OPTIONS_MAX);
    if (id == OPT_CONFIG) {
        options->files[options->file_count++] = argument;
    } else {
        options->sets[options->set_count].key = key_of(id);
        options->sets[options->set_count++].value = argument;
    }
    return true;
}

static bool set(struct sim_config *config, const char *key, const char *value, struct error *error)
{
    char assignment[4096];
    if (!key)
        return config_set(config, value, error);
    if ((size_t)snprintf(assignment, sizeof assignment, "%s=%s", key, value) >= sizeof assignment)
        return error_set(error, "%s: the value is too long", key);
    return config_set(config, assignment, error);
}

int config_options_apply(struct config_options *options, const struct command_spec *command)
{
    struct error error = {.text = ""};
    bool ok = config_load(&options->config, CONFIG_DEFAULT, &error);
    for (unsigned i = 0; ok && i < options->file_count; i++)
        ok = config_load(&options->config, options->files[i], &error);
    if (!ok) {
        fprintf(stderr, "goheap: %s\n", error.text);
        return 1;
    }
    for (unsigned i = 0; i < options->set_count; i++)
        if (!set(&options->config, options->sets[i].key, options->sets[i].value, &error))
            return options_misuse(command, "%s", error.text);
    return OPTIONS_RUN;
}
