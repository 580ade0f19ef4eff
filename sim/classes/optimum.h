/* The best table of size classes there is: of all that can be made of the candidates, the one in which the objects that
 * were counted take the least room. Found exactly, by dynamic programming over the candidates by size:
 *
 *     best(n, j) = min over i < j of  best(n - 1, i) + objects of more than size i and up to size j, x cost of class j
 *
 * where no required class lies between i and j. One pass gives the best tables of 1 to N classes at once, in
 * N x candidates^2 steps: at most 128 + 248 candidates, a few million.
 *
 * Of tables that are equally good the one is taken that suits a made-up lot of objects best, in which sizes of every
 * magnitude are alike: so classes that the counted objects have no use for lie where they help others. */
#ifndef CLASSES_OPTIMUM_H
#define CLASSES_OPTIMUM_H

#include "classes/candidates.h"

struct optimum; /* what was found */

/* Tables of up to `most` classes, which is at least 1 and below GOHEAP_MAX_CLASSES, class 0 not counted. Weights as
 * demand_weights gives them, their sum below 2^63. The candidates are the caller's and outlive it. NULL: no memory. */
struct optimum *optimum_find(const struct candidates *candidates, const struct demand_weights *weights, unsigned most);
void optimum_free(struct optimum *optimum);

/* Whether there is a table of so many classes: not of fewer than are required, or more than there are candidates. */
bool optimum_has(const struct optimum *optimum, unsigned classes);
/* What the counted objects cost in the best table of so many classes, weight x cost, which there is. */
wide optimum_cost(const struct optimum *optimum, unsigned classes);
/* That table, class 0 included. */
void optimum_table(const struct optimum *optimum, unsigned classes, struct goheap_class_table *table);

#endif
