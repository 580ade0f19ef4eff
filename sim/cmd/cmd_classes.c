/* `goheap classes`: a configuration's table of size classes, as Go prints its own and as JSON.
 *
 * The text has the columns of runtime/sizeclasses.go (mksizeclasses.go, printComment), number for number;
 * the JSON is a configuration again: `classes --json >t.json`, then `-c t.json`. */
#include "base/out_file.h"
#include "cmd/cmd.h"
#include "cmd/config_options.h"

enum { OPT_JSON };

static const struct option_spec options[] = {
    CONFIG_OPTIONS,
    {OPT_JSON, '\0', "json", NULL, "print the table as JSON that a configuration's size_classes accepts"},
};

static const struct command_spec command = {
    .name = "goheap classes",
    .summary = "print a table of size classes",
    .description = "Prints the size classes of a configuration with the columns of Go's sizeclasses.go:\n"
                   "\"tail waste\" is what is left over at the end of a span, \"max waste\" the share of a span\n"
                   "that is lost when every object in it is as small as the class allows.\n"
                   "Without -c the configuration is " CONFIG_DEFAULT ".\n",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = "goheap classes\n"
                "goheap classes --set 'size_classes=[[1024, 1], [32768, 4]]' --set tiny_size=0\n"
                "goheap classes --json >mine.json    (edit it, then: goheap replay -c go1.19 -c mine.json)\n",
};

struct classes {
    struct config_options options;
    bool json;
};

static bool take(void *context, int id, const char *argument, struct error *error)
{
    struct classes *c = context;
    if (id != OPT_JSON)
        return config_options_take(&c->options, id, argument, error);
    c->json = true;
    return true;
}

/* Slots start at multiples of their size in a span that starts at a page. */
static uint32_t slot_alignment(uint32_t size, uint32_t page)
{
    uint32_t lowest = size & -size;
    return lowest < page ? lowest : page;
}

static void write_text(FILE *f, const struct goheap_class_table *table, unsigned page_shift)
{
    fprintf(f, "class  bytes/obj  bytes/span  objects  tail waste  max waste  min align\n");
    for (unsigned i = 1; i < table->count; i++) {
        uint32_t size = table->classes[i].size, before = table->classes[i - 1].size;
        uint32_t span = table->classes[i].pages << page_shift;
        uint32_t objects = span / size, tail = span % size;
        uint64_t lost = (uint64_t)(size - before - 1) * objects + tail;
        fprintf(f, "%5u  %9u  %10u  %7u  %10u  %8.2f%%  %9u\n", i, size, span, objects, tail,
                100 * ((double)lost / (double)span), slot_alignment(size, UINT32_C(1) << page_shift));
    }
}

/* By hand, as jansson would give every number a line of its own. */
static void write_json(FILE *f, const struct goheap_class_table *table)
{
    fputs("{\n  \"size_classes\": [", f);
    for (unsigned i = 1; i < table->count; i++)
        fprintf(f, "%s%s[%u, %u]", i > 1 ? "," : "", (i - 1) % 8 ? " " : "\n    ", table->classes[i].size,
                table->classes[i].pages);
    fputs("\n  ]\n}\n", f);
}

static bool print(const struct classes *c, struct error *error)
{
    struct goheap_config core;
    struct out_file out;
    FILE *f = config_core(&c->options.config, &core, error) ? out_file_open(&out, "-", error) : NULL;
    if (!f)
        return false;
    if (c->json)
        write_json(f, &core.table);
    else
        write_text(f, &core.table, core.page_shift);
    return out_file_commit(&out, error);
}

int cmd_classes(int argc, char **argv)
{
    struct classes c = {.json = false};
    struct error error = {.text = ""};
    config_options_init(&c.options);
    int first, code = options_parse(&command, argc, argv, take, &c, &first);
    if (code == OPTIONS_RUN)
        code = config_options_apply(&c.options, &command);
    if (code == OPTIONS_RUN) {
        code = print(&c, &error) ? 0 : 1;
        if (code != 0)
            fprintf(stderr, "goheap: %s\n", error.text);
    }
    config_options_clear(&c.options);
    return code;
}
