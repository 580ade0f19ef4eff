#include "classes/waste.h"

/* Objects of more than `from` bytes that a class serves. Returns what they cost. */
static wide fill_class(struct waste *waste, const struct goheap_config *config, const struct goheap_size_class *c,
                       uint32_t from, const struct demand_weights *w)
{
    wide objects = 0, needed = 0, cost = 0;
    for (unsigned kind = 0; kind < DEMAND_KINDS; kind++) {
        wide of_kind = 0;
        for (uint32_t size = from + 1; size <= c->size; size++) {
            of_kind += w->of[kind][size];
            needed += (wide)w->of[kind][size] * size;
        }
        objects += of_kind;
        cost += of_kind * class_cost(config, c, kind);
    }
    wide slots = objects * c->size;
    waste->objects = (double)objects * w->objects;
    waste->needed = (double)needed * w->objects;
    waste->rounding = (double)(slots - needed) * w->objects;
    waste->tail = (double)(cost - (slots << 32)) * 0x1p-32 * w->objects;
    return cost;
}

void waste_sheet_fill(struct waste_sheet *sheet, const struct goheap_config *config,
                      const struct goheap_class_table *table, const struct demand_weights *weights)
{
    struct waste *all = &sheet->of[0];
    *sheet = (struct waste_sheet){.table = *table};
    for (unsigned i = 1; i < table->count; i++) {
        const struct goheap_size_class *c = &table->classes[i];
        sheet->cost += fill_class(&sheet->of[i], config, c, c[-1].size, weights);
        all->objects += sheet->of[i].objects;
        all->needed += sheet->of[i].needed;
        all->rounding += sheet->of[i].rounding;
        all->tail += sheet->of[i].tail;
    }
}
