/* `goheap classes`: a table of size classes, as Go prints its own and as JSON: a configuration's, one made by Go's
 * rules, or the best one for a trace.
 *
 *     configuration ----------------+
 *     --rule --class_rules_generate-+--> table ---------+---------------> text or JSON on stdout, or FILE
 *                                                       |
 *     TRACE --trace_source--> events --demand--> study -+--> the best table, and what it saves: text, or files in DIR
 */
#include <string.h>

#include "base/out_file.h"
#include "classes/class_table.h"
#include "classes/rules.h"
#include "classes/study.h"
#include "cmd/cmd.h"
#include "cmd/config_options.h"
#include "cmd/progress.h"
#include "trace/trace.h"

enum { OPT_JSON, OPT_OUT, OPT_GENERATE, OPT_RULE, OPT_OPTIMISE, OPT_CLASSES, OPT_OBJECTIVE, OPT_TEST };

enum { RULES_MAX = 64, BATCH = 128 /* events */ };

static const struct option_spec options[] = {
    CONFIG_OPTIONS,
    {OPT_GENERATE, '\0', "generate", NULL, "make the table by Go's rules, for the configuration's page size"},
    {OPT_RULE, '\0', "rule", "KEY=VALUE", "a constant of these rules, see above"},
    {OPT_OPTIMISE, '\0', "optimise", "TRACE", "find the best table for this trace, and tell what it saves"},
    {OPT_OPTIMISE, '\0', "train", "TRACE", "the same, to go with --test"},
    {OPT_TEST, '\0', "test", "TRACE", "and what that table saves on another trace; may be repeated"},
    {OPT_CLASSES, 'k', "classes", "N", "classes of the best table; by default as many as the configuration's"},
    {OPT_OBJECTIVE, '\0', "objective", "WHAT", "whose waste is to be least: internal (default), inuse, peak"},
    {OPT_JSON, '\0', "json", NULL, "print the table as JSON that a configuration's size_classes accepts"},
    {OPT_OUT, 'o', "output", "FILE",
     "write the table as a configuration, instead of printing it; with --optimise, unless the name ends in .json, a "
     "directory for it and for CSV files, made if missing"},
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
                   "  raise      a class grows as long as as many fit, by 128 bytes (true; false in Go 1.5)\n"
                   "\n"
                   "With --optimise the table is the best there is for a trace, found exactly: of all tables of N\n"
                   "classes that these rules' sizes and spans make up, the one in which its objects waste the\n"
                   "least by rounding up to slots and, in proportion, at the ends of spans. Sizes are multiples\n"
                   "of min_size, from wide_from on of wide_step, from 1 KiB on of 128, up to 32 KiB; waste and\n"
                   "raise say which spans there are; the other rules do not matter. Objects are all that were\n"
                   "ever allocated (internal), those live on average over time (inuse), or those live when the\n"
                   "most requested bytes are (peak). Tiny ones, which share blocks of a class that stays, and\n"
                   "large ones do not count; headers do, as what is needed.\n",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = "goheap classes\n"
                "goheap classes --set 'size_classes=[[1024, 1], [32768, 4]]' --set tiny_size=0\n"
                "goheap classes --json >mine.json    (edit it, then: goheap replay -c go1.19 -c mine.json)\n"
                "goheap classes --generate --rule wide_from=16 --rule raise=false     (Go 1.5's)\n"
                "goheap classes --generate --rule waste=0.05 -o tight.json\n"
                "goheap classes --optimise traces/redis.csv.zst --objective peak -k 32 -o best.json\n"
                "goheap classes --train traces/redis.csv.zst --test traces/sqlite.csv.zst -o out/classes\n",
};

struct classes {
    struct config_options options;
    struct class_rules rules;
    const char *out;
    const char *rule[RULES_MAX];
    unsigned rule_count;
    bool json, generate;
    const char *traces[STUDY_TRACES]; /* the first one is --optimise's */
    unsigned tests;
    uint64_t count; /* of classes; 0: as many as the configuration has */
    enum demand_objective objective;
    bool has_objective;
};

static bool take_objective(struct classes *c, const char *argument, struct error *error)
{
    for (unsigned i = 0; study_objectives[i] != NULL; i++)
        if (strcmp(study_objectives[i], argument) == 0) {
            c->objective = (enum demand_objective)i;
            return c->has_objective = true;
        }
    return error_set(error, "expected internal, inuse or peak, got \"%.40s\"", argument);
}

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
    case OPT_OPTIMISE:
        if (c->traces[0] != NULL)
            return error_set(error, "expected one trace; others go with --test");
        c->traces[0] = argument;
        return true;
    case OPT_TEST:
        if (c->tests == STUDY_TRACES - 1)
            return error_set(error, "expected at most %d of these", STUDY_TRACES - 1);
        c->traces[++c->tests] = argument;
        return true;
    case OPT_CLASSES:
        return options_u64(argument, 1, GOHEAP_MAX_CLASSES - 1, &c->count, error);
    case OPT_OBJECTIVE:
        return take_objective(c, argument, error);
    default:
        return config_options_take(&c->options, id, argument, error);
    }
}

/* What --rule says. OPTIONS_RUN, or the exit code. */
static int apply_rules(struct classes *c)
{
    struct error error = {.text = ""};
    if (c->traces[0] == NULL && (c->tests > 0 || c->count > 0 || c->has_objective))
        return options_misuse(&command, "--test, --classes and --objective go with --optimise");
    if (c->rule_count > 0 && !c->generate && c->traces[0] == NULL)
        return options_misuse(&command, "--rule changes how a table is made: expected --generate or --optimise");
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

/* " with waste=0.05, ..." */
static void note_rules(const struct classes *c, char *note, size_t size)
{
    size_t used = 0;
    note[0] = '\0';
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
    char rules[512], note[1024] = "goheap classes";
    if (c->out == NULL)
        return print(c, table, error);
    note_rules(c, rules, sizeof rules);
    if (c->generate)
        snprintf(note, sizeof note, "goheap classes --generate: Go's rules%s", rules);
    return class_table_file(table, (uint32_t)c->options.config.page_size, note, c->out, error);
}

/* A generated table can be looked at even if the allocator could not work with it. */
static bool show(const struct classes *c, const struct goheap_class_table *generated, struct error *error)
{
    struct goheap_config core;
    struct error refusal = {.text = ""};
    bool good = config_core(&c->options.config, &core, &refusal), only_text = c->out == NULL && !c->json;
    if (!good && !(c->generate && only_text))
        return error_set(error, "%s", refusal.text);
    if (!put(c, good ? &core.table : generated, error))
        return false;
    if (!good)
        fprintf(stderr, "goheap: no configuration can have this table: %s\n", refusal.text);
    return true;
}

/* --- the best one for a trace ------------------------------------------------------------------------------ */

static bool read_demand(struct demand *demand, struct trace_source *source, struct error *error)
{
    struct trace_event events[BATCH];
    struct progress progress;
    uint64_t count = 0;
    size_t n;
    progress_begin(&progress, "events", 0);
    bool good = true;
    while (good && (n = source->read(source, events, BATCH, error)) > 0) {
        for (size_t i = 0; i < n && good; i++) {
            struct error why = {.text = ""};
            good = demand_take(demand, &events[i], source->timed, &why) ||
                   error_set(error, "%.200s: %s", source->name, why.text);
            if (events[i].op == TRACE_FREE || events[i].op == TRACE_STACKFREE)
                source->release(source, events[i].slot);
        }
        count += n;
        progress_show(&progress, count, source->bytes_done, source->bytes_total);
    }
    progress_wipe(&progress);
    return good && error->text[0] == '\0';
}

static bool study_trace(struct study *study, const char *path, struct error *error)
{
    struct trace_source *source = trace_open(path, TRACE_STREAM_BY_P, error);
    struct demand *demand = source != NULL ? demand_new(&study->core) : NULL;
    bool good = demand != NULL || error_set(error, "out of memory");
    good = good && read_demand(demand, source, error);
    good = good && study_add(study, demand, strcmp(path, "-") == 0 ? "standard input" : path, error);
    if (source != NULL)
        source->close(source);
    demand_free(demand);
    return good;
}

/* The path's last part: what a file says must not depend on where its sources were. */
static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static bool is_file(const char *out)
{
    size_t length = strlen(out);
    return strcmp(out, "-") == 0 || (length > 5 && strcmp(out + length - 5, ".json") == 0);
}

static bool print_study(const struct study *study, struct error *error)
{
    struct out_file out;
    FILE *f = out_file_open(&out, "-", error);
    if (f == NULL)
        return false;
    study_text(study, f);
    return out_file_commit(&out, error);
}

static bool put_study(const struct classes *c, const struct study *study, struct error *error)
{
    char rules[512], note[1024];
    note_rules(c, rules, sizeof rules);
    snprintf(note, sizeof note, "goheap classes --optimise: the best %u classes for %.200s, objective %s%s",
             study->classes, base_name(c->traces[0]), study_objectives[study->objective], rules);
    if (c->out != NULL && is_file(c->out))
        return class_table_file(study_table(study), UINT32_C(1) << study->core.page_shift, note, c->out, error);
    if (c->out != NULL && !(make_directory(c->out, error) && study_files(study, note, c->out, error)))
        return false;
    return c->json ? print(c, study_table(study), error) : print_study(study, error);
}

static bool optimise(const struct classes *c, struct error *error)
{
    struct goheap_config core;
    struct study study = {.count = 0};
    const struct sim_config *config = &c->options.config;
    const char *name = c->generate ? "--generate" : config->name;
    bool good = config_core(config, &core, error) &&
                study_init(&study, &core, name, &c->rules, c->objective, (unsigned)c->count, error);
    for (unsigned i = 0; good && i <= c->tests; i++)
        good = study_trace(&study, c->traces[i], error);
    good = good && put_study(c, &study, error);
    study_free(&study);
    return good;
}

static bool run(struct classes *c, struct error *error)
{
    struct goheap_class_table generated;
    if (c->generate && !generate(c, &generated, error))
        return false;
    return c->traces[0] != NULL ? optimise(c, error) : show(c, &generated, error);
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
