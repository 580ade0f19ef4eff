/* The size classes that a table may be made of, and what an object in each costs.
 *
 * Sizes are those that Go's rules of alignment allow: multiples of min_size, from wide_from on of wide_step, from 1 KiB
 * on of 128. Go takes far fewer, one in eight of a doubling: which ones is what an optimum is to find. Spans are those
 * that Go's rules may come to: the one for the size itself, or, where a class may be raised, the one for a smaller size
 * of which it holds as many; of these, the one of which the least is left over. So all that class_rules_generate makes
 * by the same rules can be made of candidates, with spans that leave no more over.
 *
 * A span's bytes are shared out to the objects in it: what is left over at its end, and what the collector keeps there,
 * is paid for by each object in proportion, as if all of its slots were taken. */
#ifndef CLASSES_CANDIDATES_H
#define CLASSES_CANDIDATES_H

#include "classes/demand.h"
#include "classes/rules.h"

struct candidate {
    uint32_t size, pages;
    uint64_t cost[DEMAND_KINDS]; /* of an object: its share of the span, in units of 2^-32 bytes */
    bool required;               /* every table has it */
};

struct candidates {
    unsigned count;
    struct candidate *all; /* ascending; the last one has GH_MAX_SMALL bytes and is required */
};

/* The share of a span of the class that an object with or without pointers has: below 2^55. A multiple of 2^-32 bytes,
 * rounded down. UINT64_MAX if the span holds none. */
uint64_t class_cost(const struct goheap_config *config, const struct goheap_size_class *c, bool noscan);

/* Required are the class of 32 KiB, that of tiny blocks, and where objects have headers above some size that size: it
 * has to be the end of a class (mbitmap.go, heapBitsInSpan). False with *error if the rules do not allow these. */
bool candidates_init(struct candidates *candidates, const struct class_rules *rules, const struct goheap_config *config,
                     struct error *error);
void candidates_free(struct candidates *candidates);

#endif
