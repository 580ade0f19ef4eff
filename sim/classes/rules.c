/* Go's loop over sizes, and the two rules that make its classes fewer and larger. */
#include "classes/rules.h"

#include "size_class.h"

#define AT(member) .offset = offsetof(struct class_rules, member)

const struct setting class_rules_table[] = {
    {.key = "waste", .type = SETTING_DOUBLE, AT(waste), .max = 1,
     .help = "share of a span that may be left over at its end (0.125)"},
    {.key = "max_size", .type = SETTING_BYTES, AT(max_size), .min = 1024, .max = 1 << 20,
     .help = "bytes of the largest class (32768, the only one that the allocator takes)"},
    {.key = "min_size", .type = SETTING_BYTES, AT(min_size), .min = 8, .max = 1024,
     .help = "bytes of the smallest class, and the first step (8)"},
    {.key = "wide_from", .type = SETTING_BYTES, AT(wide_from), .min = 8, .max = 1 << 20,
     .help = "from this power of two on (32; 16: no class of 24 bytes, as before Go 1.16)"},
    {.key = "wide_step", .type = SETTING_BYTES, AT(wide_step), .min = 8, .max = 1 << 20,
     .help = "steps have at least so many bytes (16)"},
    {.key = "steps", .type = SETTING_U64, AT(steps), .min = 1, .max = 4096,
     .help = "and so many lead to the next power of two (8)"},
    {.key = "max_step", .type = SETTING_BYTES, AT(max_step), .min = 8, .max = 1 << 20,
     .help = "but none has more bytes than this (256)"},
    {.key = "merge", .type = SETTING_BOOL, AT(merge),
     .help = "sizes of which as many fit into as long a span become one class (true)"},
    {.key = "raise", .type = SETTING_BOOL, AT(raise),
     .help = "a class grows to the largest multiple of 128 of which as many fit (true; false in Go 1.5)"},
};

const size_t class_rules_table_size = sizeof class_rules_table / sizeof class_rules_table[0];

void class_rules_init(struct class_rules *rules)
{
    *rules = (struct class_rules){
        .waste = 0.125,
        .max_size = GH_MAX_SMALL,
        .min_size = 8,
        .wide_from = 32,
        .wide_step = 16,
        .steps = 8,
        .max_step = 256,
        .merge = true,
        .raise = true,
    };
}

static bool is_power_of_two(uint64_t number)
{
    return number != 0 && (number & (number - 1)) == 0;
}

bool class_rules_check(const struct class_rules *rules, struct error *error)
{
    const struct {
        const char *key;
        uint64_t value;
    } powers[] = {
        {"min_size", rules->min_size}, {"wide_from", rules->wide_from}, {"wide_step", rules->wide_step},
        {"steps", rules->steps},       {"max_step", rules->max_step},
    };
    for (size_t i = 0; i < sizeof powers / sizeof powers[0]; i++)
        if (!is_power_of_two(powers[i].value))
            return error_set(error, "%s: expected a power of two, got %llu", powers[i].key,
                             (unsigned long long)powers[i].value);
    return true;
}

uint32_t class_rules_pages(const struct class_rules *rules, uint32_t size, uint32_t page)
{
    for (uint32_t pages = 1; pages <= CLASS_MAX_PAGES; pages++) {
        uint32_t span = pages * page;
        if (span >= size && span % size <= (uint32_t)(span * rules->waste))
            return pages;
    }
    return 0;
}

/* From a size to the next one that is tried, given the step so far. */
static uint32_t step_from(const struct class_rules *rules, uint32_t size, uint32_t step)
{
    if (!is_power_of_two(size) || size < rules->wide_from)
        return step;
    uint64_t part = size / rules->steps;
    if (part < rules->wide_step)
        part = rules->wide_step;
    return (uint32_t)(part > rules->max_step ? rules->max_step : part);
}

/* Makes a class as large as its span can hold as many of, by multiples of GH_LARGE_DIV, as the lookup of large sizes
 * has it. Go's tables stay sorted by this; where nothing was merged one might not, so a class stays below the next,
 * which has been raised before. */
static void raise(struct goheap_size_class *c, const struct goheap_size_class *next, uint32_t page)
{
    uint32_t span = c->pages * page, size = span / (span / c->size) / GH_LARGE_DIV * GH_LARGE_DIV;
    if (size > c->size && (next == NULL || size < next->size))
        c->size = size;
}

/* A size that the loop has come to, as a class of its own or in the place of the one before. */
static bool add(const struct class_rules *rules, uint32_t size, uint32_t page, struct goheap_class_table *table,
                struct error *error)
{
    struct goheap_size_class *last = &table->classes[table->count - 1];
    uint32_t pages = class_rules_pages(rules, size, page), span = pages * page;
    if (pages == 0)
        return error_set(error, "size class %u (%u bytes): no span of up to %d pages leaves as little as %g of it",
                         table->count, size, CLASS_MAX_PAGES, rules->waste);
    if (rules->merge && table->count > 1 && pages == last->pages && span / size == span / last->size) {
        last->size = size;
        return true;
    }
    if (table->count == GOHEAP_MAX_CLASSES)
        return error_set(error, "more than %d size classes, from %u bytes on: expected no more", GOHEAP_MAX_CLASSES - 1,
                         size);
    table->classes[table->count++] = (struct goheap_size_class){size, pages};
    return true;
}

bool class_rules_generate(const struct class_rules *rules, uint32_t page, struct goheap_class_table *table,
                          struct error *error)
{
    *table = (struct goheap_class_table){.count = 1};
    uint32_t step = (uint32_t)rules->min_size;
    for (uint32_t size = step; size <= rules->max_size; size += step) {
        step = step_from(rules, size, step);
        if (!add(rules, size, page, table, error))
            return false;
    }
    for (unsigned i = table->count - 1; rules->raise && i > 0; i--)
        raise(&table->classes[i], i + 1 < table->count ? &table->classes[i + 1] : NULL, page);
    return true;
}
