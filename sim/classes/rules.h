/* By which rules Go chooses its size classes: runtime/mksizeclasses.go (makeClasses), in old Gos runtime/msize.go
 * (initSizes), with their constants as settings.
 *
 *     struct class_rules + page size  --class_rules_generate-->  table of size classes
 *                          size       --class_rules_pages----->  pages of its span
 *
 * Nothing here asks whether the allocator can work with a table: that is goheap_config_check's business. */
#ifndef CLASSES_RULES_H
#define CLASSES_RULES_H

#include "base/error.h"
#include "base/settings.h"
#include "goheap.h"

enum { CLASS_MAX_PAGES = 128 /* of a span, as the core has it */ };

struct class_rules {
    double waste;       /* share of a span that may be left over at its end */
    uint64_t max_size;  /* bytes of the largest class */
    uint64_t min_size;  /* bytes of the smallest class, and the step from there on: a power of two */
    uint64_t wide_from; /* from this power of two on */
    uint64_t wide_step; /* steps are at least so long; a power of two */
    uint64_t steps;     /* and so many lead to the next power of two, which is one itself */
    uint64_t max_step;  /* unless they were longer than this power of two */
    bool merge;         /* sizes of which as many fit into as long a span become one class */
    bool raise;         /* a class grows to the largest multiple of 128 of which as many fit */
};

extern const struct setting class_rules_table[];
extern const size_t class_rules_table_size;

/* Those of Go 1.16 and later. */
void class_rules_init(struct class_rules *rules);

/* False with *error, which begins with the key: a step that is not a power of two. */
bool class_rules_check(const struct class_rules *rules, struct error *error);

/* Pages of the shortest span that holds an object of so many bytes and is left with no more than the rules allow; 0 if
 * none of CLASS_MAX_PAGES does. size is less than 2^31, page a power of two up to 64 KiB. */
uint32_t class_rules_pages(const struct class_rules *rules, uint32_t size, uint32_t page);

/* The table that the rules make, class 0 included. The rules must have passed their check; page as above. False with
 * *error if it has more classes than a table holds, or a size is left without a span. */
bool class_rules_generate(const struct class_rules *rules, uint32_t page, struct goheap_class_table *table,
                          struct error *error);

#endif
