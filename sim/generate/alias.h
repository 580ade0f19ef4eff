/* Drawing one of n things by weight in constant time: the alias method of A. J. Walker, its table built as
 * M. D. Vose has it (IEEE Transactions on Software Engineering 17(9), 1991).
 *
 * Each of n columns, of equal probability, is shared by at most two things: its own and an alias. */
#ifndef ALIAS_H
#define ALIAS_H

#include <stdbool.h>
#include <stddef.h>

#include "generate/random.h"

struct alias_column {
    double keep; /* the probability of its own thing */
    uint32_t other;
};

struct alias {
    struct alias_column *columns;
    uint32_t n; /* 0: nothing can be drawn */
};

/* weights: n < 2^32 of them, finite, none negative; their sum need not be 1. If it is 0 nothing can be drawn. False:
 * no memory. alias_free may be called in any case, also on zeroed memory. */
bool alias_init(struct alias *alias, const double *weights, size_t n);
void alias_free(struct alias *alias);

/* The index of the thing; n is not 0. */
static inline uint32_t alias_draw(const struct alias *alias, struct random *r)
{
    uint32_t i = (uint32_t)random_below(r, alias->n);
    return random_unit(r) <= alias->columns[i].keep ? i : alias->columns[i].other;
}

#endif
