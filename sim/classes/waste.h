/* Where the room goes that objects take and do not use, by size class.
 *
 *     an object's share of its span = the slot it needs + rounding up to the slot it gets + its part of the tail
 *
 * The tail is what the objects of a span cannot have: what is left over at its end, and what the collector keeps there.
 * A header is part of the slot that is needed. All as demand.h counts objects, and candidates.h their shares. */
#ifndef CLASSES_WASTE_H
#define CLASSES_WASTE_H

#include "classes/candidates.h"

struct waste {
    double objects;                  /* the rest in bytes */
    double needed, rounding, tail;
};

struct waste_sheet {
    struct goheap_class_table table;
    struct waste of[GOHEAP_MAX_CLASSES]; /* as the table; 0: all of them */
    wide cost;                           /* weight x cost of all, exact */
};

/* What a table that the config accepts makes of the counted objects. */
void waste_sheet_fill(struct waste_sheet *sheet, const struct goheap_config *config,
                      const struct goheap_class_table *table, const struct demand_weights *weights);

static inline double waste_of(const struct waste *w)
{
    return w->rounding + w->tail;
}

#endif
