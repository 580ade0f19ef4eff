/* `goheap classes`: a table of size classes, as Go prints its own and as JSON; a configuration's, or one made by Go's
 * rules.
 *
 *     configuration ----------------+
 *     --rule --class_rules_generate-+--> table --+--> text or JSON on stdout
 *                                                +--> FILE, a configuration
 */
#include "base/out_file.h"
#include "classes/class_table.h"
#include "classes/rules.h"
#include "cmd/cmd.h"
#include "cmd/config_options.h"

enum { OPT_JSON, OPT_OUT, OPT_GENERATE, OPT_RULE };

enum { RULES_MAX = 64 };

static const struct option_spec options[] = {
    CONFIG_OPTIONS,
    {OPT_GENERATE, '\0', "generate", NULL, "make the table by Go's rules, for the configuration's page size"},
    {OPT_RULE, '\0', "rule", "KEY=VALUE", "a constant of these rules, see above"},
    {OPT_JSON, '\0', "json", NULL, "print the table as JSON that a configuration's size_classes accepts"},
    {OPT_OUT, 'o', "output", "FILE", "write the table as a configuration, instead of printing it"},
};

static const struct command_spec command = {
    .name = "goheap classes",
    .summary = "print a table of size classes, or make one",
    .description = "Prints the size classes of a configuration with the columns of Go's sizeclasses.go:\n"
                   "\"tail waste\" is what is left over at the end of a span, \"max waste\" the share of a span\n"
                   "that is lost when every object in it is as small as the class allows.\n"
                   "Without -c the configuration is " CONFIG_DEFAULT ".\n"
                   "\n"
                   "With --generate the table is made as Go makes its own (mksizeclasses.go): sizes go up in\n"
                   "steps, each gets the shortest span that leaves little over, and sizes of which as many fit\n"
                   "into as long a span become one. Without --rule that is the table of Go 1.16 to today.\n"
                   "\n"
                   "  waste      share of a span that may be left over at its end (0.125)\n"
                   "  min_size   bytes of the smallest class, and of the first steps (8)\n"
                   "  wide_from  from this power of two on (32; 16: no class of 24 bytes, as before Go 1.16) ...\n"
                   "  wide_step  ... steps have at least so many bytes (16),\n"
                   "  steps      ... and so many lead to the next power of two (8),\n"
                   "  max_step   ... unless they had more bytes than this (256)\n"
                   "  max_size   bytes of the largest class (32768, the only one the allocator takes)\n"
                   "  merge      sizes of which as many fit into as long a span become one (true)\n"
                   "  raise      a class grows as long as as many fit, by 128 bytes (true; false in Go 1.5)\n",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = "goheap classes\n"
                "goheap classes --set 'size_classes=[[1024, 1], [32768, 4]]' --set tiny_size=0\n"
                "goheap classes --json >mine.json    (edit it, then: goheap replay -c go1.19 -c mine.json)\n"
                "goheap classes --generate --rule wide_from=16 --rule raise=false     (Go 1.5's)\n"
                "goheap classes --generate --rule waste=0.05 -o tight.json\n",
};

struct classes {
    struct config_options options;
    struct class_rules rules;
    const char *out;
    const char *rule[RULES_MAX];
    unsigned rule_count;
    bool json, generate;
};

static bool take(void *context, int id, const char *argument, struct error *error)
{
    struct classes *c = context;
    switch (id) {
    case OPT_JSON:
        return c->json = true;
    case OPT_OUT:
        c->out = argument;
        return true;
    case OPT_GENERATE:
        return c->generate = true;
    case OPT_RULE:
        if (c->rule_count == RULES_MAX)
            return error_set(error, "expected at most %d of these", RULES_MAX);
        c->rule[c->rule_count++] = argument;
        return true;
    default:
        return config_options_take(&c->options, id, argument, error);
    }
}

/* What --rule says. OPTIONS_RUN, or the exit code. */
static int apply_rules(struct classes *c)
{
    struct error error = {.text = ""};
    if (c->rule_count > 0 && !c->generate)
        return options_misuse(&command, "--rule changes how a table is made: expected it with --generate");
    class_rules_init(&c->rules);
    for (unsigned i = 0; i < c->rule_count; i++)
        if (!settings_set(class_rules_table, class_rules_table_size, &c->rules, c->rule[i], &error))
            return options_misuse(&command, "%s", error.text);
    if (!class_rules_check(&c->rules, &error))
        return options_misuse(&command, "%s", error.text);
    return OPTIONS_RUN;
}

/* Puts the table that the rules make in the place of the configuration's. */
static bool generate(struct classes *c, struct goheap_class_table *table, struct error *error)
{
    struct sim_config *config = &c->options.config;
    if (!class_rules_generate(&c->rules, (uint32_t)config->page_size, table, error))
        return false;
    json_decref(config->size_classes);
    config->size_classes = class_table_list(table);
    return config->size_classes != NULL || error_set(error, "out of memory");
}

/* "Go's rules with waste=0.05": what a generated table is to say of itself. */
static void write_note(const struct classes *c, char *note, size_t size)
{
    size_t used = (size_t)snprintf(note, size, "goheap classes --generate: Go's rules");
    for (unsigned i = 0; i < c->rule_count && used < size; i++)
        used += (size_t)snprintf(note + used, size - used, "%s%s", i > 0 ? ", " : " with ", c->rule[i]);
}

static bool print(const struct classes *c, const struct goheap_class_table *table, struct error *error)
{
    struct out_file out;
    FILE *f = out_file_open(&out, "-", error);
    if (f == NULL)
        return false;
    if (c->json)
        class_table_json(table, (uint32_t)c->options.config.page_size, NULL, f);
    else
        class_table_text(table, (uint32_t)c->options.config.page_size, f);
    return out_file_commit(&out, error);
}

static bool put(const struct classes *c, const struct goheap_class_table *table, struct error *error)
{
    char note[1024] = "goheap classes";
    if (c->out == NULL)
        return print(c, table, error);
    if (c->generate)
        write_note(c, note, sizeof note);
    return class_table_file(table, (uint32_t)c->options.config.page_size, note, c->out, error);
}

/* A generated table can be looked at even if the allocator could not work with it. */
static bool run(struct classes *c, struct error *error)
{
    struct goheap_class_table generated;
    if (c->generate && !generate(c, &generated, error))
        return false;
    struct goheap_config core;
    struct error refusal = {.text = ""};
    bool good = config_core(&c->options.config, &core, &refusal), only_text = c->out == NULL && !c->json;
    if (!good && !(c->generate && only_text))
        return error_set(error, "%s", refusal.text);
    if (!put(c, good ? &core.table : &generated, error))
        return false;
    if (!good)
        fprintf(stderr, "goheap: no configuration can have this table: %s\n", refusal.text);
    return true;
}

int cmd_classes(int argc, char **argv)
{
    struct classes c = {.json = false};
    struct error error = {.text = ""};
    config_options_init(&c.options);
    int first, code = options_parse(&command, argc, argv, take, &c, &first);
    if (code == OPTIONS_RUN)
        code = apply_rules(&c);
    if (code == OPTIONS_RUN)
        code = config_options_apply(&c.options, &command);
    if (code == OPTIONS_RUN && !run(&c, &error)) {
        fprintf(stderr, "goheap: %s\n", error.text);
        code = 1;
    }
    config_options_clear(&c.options);
    return code == OPTIONS_RUN ? 0 : code;
}
