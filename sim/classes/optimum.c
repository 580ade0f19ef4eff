/* No sum overflows: the weights together are below 2^63 and a cost below 2^55. */
#include "classes/optimum.h"

#include <stdlib.h>

/* What objects cost; ties are decided by what the made-up ones would. */
struct price {
    wide counted, made_up;
};

struct choice {
    struct price price;
    uint16_t from; /* the class before */
    bool possible;
};

/* Objects of up to a candidate's size, of each kind. */
struct lot {
    uint64_t counted[DEMAND_KINDS], made_up[DEMAND_KINDS];
};

struct optimum {
    const struct candidates *candidates;
    unsigned most;
    struct lot *lots;       /* by candidate, from 1 on; lots[0] is empty */
    struct choice *choices; /* by number of classes and last class, both from 0 on */
};

static struct choice *choice_at(const struct optimum *o, unsigned classes, unsigned last)
{
    return &o->choices[(size_t)classes * (o->candidates->count + 1) + last];
}

/* Of the made-up objects there are as many between any size and its double, and what they waste counts in proportion to
 * their size: 2^40 / size^2 of each. */
static uint64_t made_up(uint32_t size)
{
    return (UINT64_C(1) << 40) / ((uint64_t)size * size);
}

static void fill_lots(struct optimum *o, const struct demand_weights *w)
{
    uint32_t size = 1;
    for (unsigned i = 1; i <= o->candidates->count; i++) {
        o->lots[i] = o->lots[i - 1];
        for (; size <= o->candidates->all[i - 1].size; size++)
            for (unsigned kind = 0; kind < DEMAND_KINDS; kind++) {
                o->lots[i].counted[kind] += w->of[kind][size];
                o->lots[i].made_up[kind] += made_up(size);
            }
    }
}

/* Of the objects larger than candidate i (0: all), up to j, in class j. */
static struct price price_of(const struct optimum *o, unsigned i, unsigned j)
{
    const struct candidate *c = &o->candidates->all[j - 1];
    struct price price = {0, 0};
    for (unsigned kind = 0; kind < DEMAND_KINDS; kind++) {
        price.counted += (wide)(o->lots[j].counted[kind] - o->lots[i].counted[kind]) * c->cost[kind];
        price.made_up += (wide)(o->lots[j].made_up[kind] - o->lots[i].made_up[kind]) * c->cost[kind];
    }
    return price;
}

static bool is_less(struct price a, struct price b)
{
    return a.counted < b.counted || (a.counted == b.counted && a.made_up < b.made_up);
}

/* The best way to have class j as the last of so many: from the class before, down to the last required one. */
static void choose(const struct optimum *o, unsigned classes, unsigned j)
{
    struct choice *best = choice_at(o, classes, j);
    for (unsigned i = j; i-- > 0;) {
        const struct choice *before = choice_at(o, classes - 1, i);
        if (before->possible) {
            struct price price = price_of(o, i, j);
            price.counted += before->price.counted;
            price.made_up += before->price.made_up;
            if (!best->possible || is_less(price, best->price))
                *best = (struct choice){price, (uint16_t)i, true};
        }
        if (i > 0 && o->candidates->all[i - 1].required)
            break;
    }
}

struct optimum *optimum_find(const struct candidates *candidates, const struct demand_weights *weights, unsigned most)
{
    struct optimum *o = calloc(1, sizeof *o);
    if (o == NULL)
        return NULL;
    size_t width = (size_t)candidates->count + 1;
    *o = (struct optimum){.candidates = candidates, .most = most};
    o->lots = calloc(width, sizeof *o->lots);
    o->choices = calloc(width * ((size_t)most + 1), sizeof *o->choices);
    if (o->lots == NULL || o->choices == NULL) {
        optimum_free(o);
        return NULL;
    }
    fill_lots(o, weights);
    choice_at(o, 0, 0)->possible = true;
    for (unsigned classes = 1; classes <= most; classes++)
        for (unsigned j = 1; j <= candidates->count; j++)
            choose(o, classes, j);
    return o;
}

void optimum_free(struct optimum *o)
{
    if (o == NULL)
        return;
    free(o->lots);
    free(o->choices);
    free(o);
}

bool optimum_has(const struct optimum *o, unsigned classes)
{
    return classes <= o->most && choice_at(o, classes, o->candidates->count)->possible;
}

wide optimum_cost(const struct optimum *o, unsigned classes)
{
    return choice_at(o, classes, o->candidates->count)->price.counted;
}

void optimum_table(const struct optimum *o, unsigned classes, struct goheap_class_table *table)
{
    *table = (struct goheap_class_table){.count = classes + 1};
    for (unsigned last = o->candidates->count; classes > 0; classes--) {
        const struct candidate *c = &o->candidates->all[last - 1];
        table->classes[classes] = (struct goheap_size_class){c->size, c->pages};
        last = choice_at(o, classes, last)->from;
    }
}
