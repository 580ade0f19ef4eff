#include "classes/candidates.h"

#include <stdlib.h>

uint64_t class_cost(const struct goheap_config *config, const struct goheap_size_class *c, bool noscan)
{
    uint32_t objects = gh_objects_in_span(config, c, noscan);
    uint64_t span = (uint64_t)c->pages << config->page_shift;
    return objects == 0 ? UINT64_MAX : (span << 32) / objects;
}

/* The next size that the rules' alignment allows. */
static uint32_t next_size(const struct class_rules *rules, uint32_t size)
{
    uint64_t step = ++size < rules->wide_from ? rules->min_size : rules->wide_step;
    if (step < GH_SMALL_DIV)
        step = GH_SMALL_DIV;
    if (size > GH_SMALL_MAX && step < GH_LARGE_DIV)
        step = GH_LARGE_DIV;
    return (uint32_t)((size + step - 1) / step * step);
}

/* Of the spans for this size and for smaller ones, of which each holds as many, the one with the least left over in
 * proportion; of several the shortest. 0 if there is none. */
static uint32_t best_pages(const struct class_rules *rules, const struct candidates *smaller, uint32_t size,
                           uint32_t page)
{
    uint32_t best = class_rules_pages(rules, size, page);
    for (unsigned i = 0; rules->raise && i < smaller->count; i++) {
        uint32_t other = smaller->all[i].size, pages = class_rules_pages(rules, other, page), span = pages * page;
        if (pages == 0 || span / size == 0 || span / size != span / other)
            continue;
        uint64_t left = (uint64_t)(span % size) * best, least = (uint64_t)(best * page % size) * pages;
        if (best == 0 || left < least || (left == least && pages < best))
            best = pages;
    }
    return best;
}

static bool is_required(const struct goheap_config *config, uint32_t size)
{
    return size == GH_MAX_SMALL || size == config->tiny_size ||
           (config->header_bytes > 0 && size == config->pointer_bits_max);
}

static void add(struct candidates *candidates, const struct class_rules *rules, const struct goheap_config *config,
                uint32_t size)
{
    uint32_t pages = best_pages(rules, candidates, size, UINT32_C(1) << config->page_shift);
    struct goheap_size_class class = {size, pages};
    struct candidate c = {.size = size, .pages = pages, .required = is_required(config, size)};
    for (unsigned kind = 0; kind < DEMAND_KINDS; kind++) {
        c.cost[kind] = class_cost(config, &class, kind);
        if (c.cost[kind] == UINT64_MAX)
            return;
    }
    candidates->all[candidates->count++] = c;
}

static bool check_required(const struct candidates *candidates, const struct goheap_config *config, struct error *error)
{
    uint32_t sizes[] = {GH_MAX_SMALL, config->tiny_size, config->header_bytes > 0 ? config->pointer_bits_max : 0};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        bool found = sizes[i] == 0;
        for (unsigned j = 0; j < candidates->count && !found; j++)
            found = candidates->all[j].size == sizes[i];
        if (!found)
            return error_set(error, "a class of %u bytes is needed, and the rules do not allow it", sizes[i]);
    }
    return true;
}

bool candidates_init(struct candidates *candidates, const struct class_rules *rules, const struct goheap_config *config,
                     struct error *error)
{
    *candidates = (struct candidates){.all = calloc(GH_MAX_SMALL / GH_SMALL_DIV, sizeof *candidates->all)};
    if (candidates->all == NULL)
        return error_set(error, "out of memory");
    for (uint32_t size = next_size(rules, 0); size <= GH_MAX_SMALL; size = next_size(rules, size))
        add(candidates, rules, config, size);
    return check_required(candidates, config, error);
}

void candidates_free(struct candidates *candidates)
{
    free(candidates->all);
    *candidates = (struct candidates){.count = 0};
}
