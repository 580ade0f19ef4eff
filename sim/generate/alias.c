/* Vose's construction: columns with too little are filled up by those with too much. */
#include "generate/alias.h"

#include <stdlib.h>

/* The indices of columns with less than their share from the left, those of the others from the right. */
static void fill(struct alias_column *columns, uint32_t *order, uint32_t n)
{
    uint32_t small = 0, large = n;
    for (uint32_t i = 0; i < n; i++) {
        if (columns[i].keep < 1)
            order[small++] = i;
        else
            order[--large] = i;
    }
    while (small > 0 && large < n) {
        uint32_t poor = order[--small], rich = order[large];
        columns[poor].other = rich;
        columns[rich].keep -= 1 - columns[poor].keep;
        if (columns[rich].keep < 1) {
            large++;
            order[small++] = rich;
        }
    }
    /* what is left is full but for rounding */
    while (small > 0)
        columns[order[--small]].keep = 1;
    for (; large < n; large++)
        columns[order[large]].keep = 1;
}

bool alias_init(struct alias *alias, const double *weights, size_t n)
{
    double sum = 0;
    *alias = (struct alias){.n = 0};
    for (size_t i = 0; i < n; i++)
        sum += weights[i];
    if (!(sum > 0))
        return true;
    uint32_t *order = calloc(n, sizeof *order);
    alias->columns = calloc(n, sizeof *alias->columns);
    bool good = order != NULL && alias->columns != NULL;
    if (good) {
        alias->n = (uint32_t)n;
        for (uint32_t i = 0; i < alias->n; i++)
            alias->columns[i] = (struct alias_column){weights[i] / sum * (double)n, i};
        fill(alias->columns, order, alias->n);
    }
    free(order);
    return good;
}

void alias_free(struct alias *alias)
{
    free(alias->columns);
    *alias = (struct alias){.n = 0};
}
