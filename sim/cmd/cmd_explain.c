/* `goheap explain`: how an object of a size is allocated, told from the configuration alone.
 *
 *     size --explain--> struct explanation --+--> a few lines of text
 *                                            +--> an object in a JSON array
 *
 * The order of the cases is goheap_alloc's (core/alloc.c), and the class comes from the core's own lookup:
 * nothing here decides what serves a size. */
#include "base/out_file.h"
#include "cmd/cmd.h"
#include "cmd/config_options.h"
#include "size_class.h"

#include <inttypes.h>
#include <stdlib.h>

enum { OPT_SCAN, OPT_JSON };

static const struct option_spec options[] = {
    CONFIG_OPTIONS,
    {OPT_SCAN, '\0', "scan", NULL, "the objects hold pointers, so that small ones do not share a block"},
    {OPT_JSON, '\0', "json", NULL, "print a JSON array with an object for each SIZE"},
};

static const struct command_spec command = {
    .name = "goheap explain",
    .summary = "tell how an object of a size is allocated",
    .operands = "SIZE...",
    .min_operands = 1,
    .max_operands = SIZE_MAX,
    .description = "SIZE is in bytes, or as Go reads GOMEMLIMIT: 1000, 64KiB, 3MiB. Wasted is what of the slot\n"
                   "nobody asked for; of a block shared by tiny objects, when all in it are of that size;\n"
                   "of a large object's span, what its last page has too much.\n"
                   "Without -c the configuration is " CONFIG_DEFAULT ".\n",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = "goheap explain 33 1000 64KiB\n"
                "goheap explain --scan 8\n"
                "goheap explain --json 17 | jq '.[0].slot_bytes'\n",
};

struct explain {
    struct config_options options;
    bool scan, json;
    struct goheap_config core;
    struct gh_size_classes classes;
    uint64_t *sizes;
    size_t count;
};

static bool take(void *context, int id, const char *argument, struct error *error)
{
    struct explain *e = context;
    switch (id) {
    case OPT_SCAN:
        e->scan = true;
        return true;
    case OPT_JSON:
        e->json = true;
        return true;
    default:
        return config_options_take(&e->options, id, argument, error);
    }
}

/* --- one size ------------------------------------------------------------------------------------------ */

enum kind { ZERO, TINY, SMALL, LARGE };

/* A slot is what one object, or several tiny ones, are put into; a large object's slot is its span. */
struct explanation {
    enum kind kind;
    uint64_t size;
    unsigned class; /* 0: none */
    uint64_t slot, objects_per_slot;
    uint64_t header; /* before the object, in its slot */
    uint64_t wasted; /* of the slot, when it is as full of such objects as can be, header apart */
    uint64_t alignment;
    uint64_t span, slots, tail;
    uint64_t class_from, class_to;     /* sizes it serves */
    uint64_t class_below, class_above; /* neighbours' slots, 0: none */
};

static uint64_t largest_power_in(uint64_t n, uint64_t limit)
{
    uint64_t lowest = n & -n;
    return lowest < limit ? lowest : limit;
}

static void explain_class(const struct explain *e, struct explanation *x)
{
    const struct gh_class *all = e->classes.classes;
    const struct gh_class *c = &all[x->class];
    uint64_t page = UINT64_C(1) << e->core.page_shift;
    x->slot = c->size;
    x->objects_per_slot = 1;
    x->alignment = largest_power_in(c->size, page);
    x->span = c->pages * page;
    x->slots = c->objects[!e->scan];
    x->tail = x->span - x->slots * x->slot;
    x->class_below = all[x->class - 1].size;
    x->header = gh_header_of(&e->classes, c->size, !e->scan);
    x->class_from = x->class_below + 1 - gh_header_of(&e->classes, x->class_below, !e->scan);
    x->class_to = c->size - x->header;
    x->class_above = x->class + 1 < e->classes.count ? all[x->class + 1].size : 0;
}

static struct explanation explain_size(const struct explain *e, uint64_t size)
{
    struct explanation x = {.kind = SMALL, .size = size};
    if (size == 0) {
        x.kind = ZERO;
    } else if (size > e->classes.max_small) {
        x.kind = LARGE;
        uint64_t page = UINT64_C(1) << e->core.page_shift;
        x.slot = x.span = (size + page - 1) & ~(page - 1);
        x.objects_per_slot = x.slots = 1;
        x.alignment = page;
    } else if (size < e->core.tiny_size && !e->scan) {
        x.kind = TINY;
        x.class = gh_class_of_small(&e->classes, e->core.tiny_size);
        explain_class(e, &x);
        x.objects_per_slot = e->core.tiny_shared ? x.slot / size : 1; /* a size is a multiple of its own alignment: no gaps */
        x.alignment = largest_power_in(size, 8);
    } else {
        x.class = gh_class_of(&e->classes, size, !e->scan);
        explain_class(e, &x);
        x.alignment = x.header ? largest_power_in(x.header, x.alignment) : x.alignment;
    }
    x.wasted = x.slot - x.header - x.objects_per_slot * size;
    return x;
}

/* --- text ---------------------------------------------------------------------------------------------- */

/* "8 KiB" where that is exact, else "8191 B". */
static const char *bytes_text(uint64_t n, char text[32])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    unsigned u = 0;
    while (n >= 1024 && n % 1024 == 0 && u < 4) {
        n /= 1024;
        u++;
    }
    snprintf(text, 32, "%" PRIu64 " %s", n, units[u]);
    return text;
}

/* ", 15 B (31.3 %) wasted": the last digit rounded half up, as people do. */
static void write_waste(FILE *f, const struct explanation *x)
{
    if (x->header)
        fprintf(f, ", a header of %" PRIu64 " B", x->header);
    if (x->wasted == 0) {
        fputs(", nothing wasted\n", f);
        return;
    }
    uint64_t tenths = (2000 * x->wasted + x->slot) / (2 * x->slot);
    if (tenths == 0)
        fprintf(f, ", %" PRIu64 " B (under 0.1 %%) wasted\n", x->wasted);
    else
        fprintf(f, ", %" PRIu64 " B (%" PRIu64 ".%" PRIu64 " %%) wasted\n", x->wasted, tenths / 10, tenths % 10);
}

static void write_span(FILE *f, const struct explanation *x, const char *slots)
{
    char span[32];
    fprintf(f, "  span of %s: %" PRIu64 " %s%s", bytes_text(x->span, span), x->slots, slots,
            x->slots == 1 ? "" : "s");
    if (x->tail)
        fprintf(f, " and a tail of %" PRIu64 " B", x->tail);
    else
        fputs(", no tail", f);
    fprintf(f, "; aligned to %" PRIu64 "\n", x->alignment);
}

static void write_neighbours(FILE *f, const struct explanation *x)
{
    fprintf(f, "  class %u serves %" PRIu64 " to %" PRIu64 " B; ", x->class, x->class_from, x->class_to);
    if (x->class_below)
        fprintf(f, "below it are slots of %" PRIu64 " B, ", x->class_below);
    else
        fputs("it is the smallest, ", f);
    if (x->class_above)
        fprintf(f, "above it of %" PRIu64 " B\n", x->class_above);
    else
        fputs("above it every object has a span of its own\n", f);
}

/* What becomes of a tiny size when it cannot share a block. */
static void write_scan(FILE *f, const struct explain *e, uint64_t size)
{
    unsigned class = gh_class_of_small(&e->classes, size);
    fprintf(f, "  if it holds pointers (--scan): class %u, a slot of %" PRIu32 " B to itself\n", class,
            e->classes.classes[class].size);
}

static void write_large(FILE *f, const struct explanation *x, const struct explain *e)
{
    char span[32], page[32];
    uint64_t pages = x->span >> e->core.page_shift;
    fprintf(f, "large, a span of its own: %" PRIu64 " page%s of %s", pages, pages == 1 ? "" : "s",
            bytes_text(x->alignment, page));
    if (pages > 1)
        fprintf(f, " = %s", bytes_text(x->span, span));
    write_waste(f, x);
    fprintf(f, "  aligned to %" PRIu64 ", a page; straight from mheap\n", x->alignment);
}

static void write_text(FILE *f, const struct explain *e, const struct explanation *x)
{
    fprintf(f, "%" PRIu64 " B -> ", x->size);
    switch (x->kind) {
    case ZERO:
        fputs("no memory: all objects of no size are at one address (Go's zerobase)\n", f);
        break;
    case TINY:
        fprintf(f, "tiny, %spacked with others: %" PRIu64 " of them in a block of %" PRIu64 " B (class %u)",
                e->core.tiny_shared ? "" : "not ", x->objects_per_slot, x->slot, x->class);
        write_waste(f, x);
        write_span(f, x, "block");
        write_scan(f, e, x->size);
        break;
    case SMALL:
        fprintf(f, "class %u, slots of %" PRIu64 " B", x->class, x->slot);
        write_waste(f, x);
        write_span(f, x, "slot");
        write_neighbours(f, x);
        break;
    case LARGE:
        write_large(f, x, e);
        break;
    }
}

/* --- JSON ---------------------------------------------------------------------------------------------- */

static void put(json_t *object, const char *key, uint64_t value)
{
    json_object_set_new(object, key, json_integer((json_int_t)value));
}

static json_t *size_json(const struct explain *e, const struct explanation *x)
{
    static const char *const kinds[] = {[ZERO] = "zero", [TINY] = "tiny", [SMALL] = "small", [LARGE] = "large"};
    json_t *o = json_object();
    put(o, "size", x->size);
    json_object_set_new(o, "scan", json_boolean(e->scan));
    json_object_set_new(o, "kind", json_string(kinds[x->kind]));
    put(o, "class", x->class);
    put(o, "slot_bytes", x->slot);
    put(o, "objects_per_slot", x->objects_per_slot);
    put(o, "wasted_bytes", x->wasted);
    json_object_set_new(o, "wasted_share", json_real(x->slot ? (double)x->wasted / (double)x->slot : 0));
    put(o, "alignment", x->alignment);
    put(o, "span_pages", x->span >> e->core.page_shift);
    put(o, "span_bytes", x->span);
    put(o, "slots_per_span", x->slots);
    put(o, "tail_bytes", x->tail);
    return o;
}

static bool write_json(FILE *f, const struct explain *e, struct error *error)
{
    json_t *array = json_array();
    for (size_t i = 0; i < e->count; i++) {
        struct explanation x = explain_size(e, e->sizes[i]);
        if (json_array_append_new(array, size_json(e, &x)) != 0) {
            json_decref(array);
            return error_set(error, "out of memory");
        }
    }
    json_dumpf(array, f, JSON_INDENT(1) | JSON_REAL_PRECISION(6)); /* the stream remembers failures */
    fputc('\n', f);
    json_decref(array);
    return true;
}

/* --- the command --------------------------------------------------------------------------------------- */

static bool print(struct explain *e, struct error *error)
{
    struct out_file out;
    FILE *f = out_file_open(&out, "-", error);
    if (!f)
        return false;
    if (e->json && !write_json(f, e, error)) {
        out_file_abandon(&out);
        return false;
    }
    for (size_t i = 0; i < e->count && !e->json; i++) {
        struct explanation x = explain_size(e, e->sizes[i]);
        write_text(f, e, &x);
    }
    return out_file_commit(&out, error);
}

/* Every SIZE, before anything is printed. */
static bool read_sizes(struct explain *e, char **texts, size_t n, struct error *error)
{
    char limit[32];
    e->sizes = malloc(n * sizeof *e->sizes);
    if (!e->sizes)
        return error_set(error, "out of memory");
    for (e->count = 0; e->count < n; e->count++) {
        const char *text = texts[e->count];
        if (!settings_parse_bytes(text, &e->sizes[e->count]))
            return error_set(error, "SIZE: expected bytes, as in 1000 or 64KiB, got \"%.40s\"", text);
        if (e->sizes[e->count] > e->core.address_space)
            return error_set(error, "SIZE: expected at most the address space of %s, got %.40s",
                             bytes_text(e->core.address_space, limit), text);
    }
    return true;
}

/* The core's own tables, from the configuration. */
static bool prepare(struct explain *e, struct error *error)
{
    if (!config_core(&e->options.config, &e->core, error))
        return false;
    gh_size_classes_init(&e->classes, &e->core);
    return true;
}

static int failed(const struct error *error)
{
    fprintf(stderr, "goheap: %s\n", error->text);
    return 1;
}

int cmd_explain(int argc, char **argv)
{
    struct explain e = {.count = 0};
    struct error error = {.text = ""};
    config_options_init(&e.options);
    int first, code = options_parse(&command, argc, argv, take, &e, &first);
    if (code == OPTIONS_RUN)
        code = config_options_apply(&e.options, &command);
    if (code == OPTIONS_RUN) {
        if (!prepare(&e, &error))
            code = failed(&error);
        else if (!read_sizes(&e, argv + first, (size_t)(argc - first), &error))
            code = options_misuse(&command, "%s", error.text);
        else
            code = print(&e, &error) ? 0 : failed(&error);
    }
    free(e.sizes);
    config_options_clear(&e.options);
    return code;
}
