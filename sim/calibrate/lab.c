/* Heaps to be measured, and what is done to all of them. */
#include "calibrate/lab.h"

#include "model/config.h"

#include <stdlib.h>

#define ADDRESS_SPACE (UINT64_C(1) << 36) /* bytes a heap: more than any experiment grows to */

static bool load_core(const char *name, struct goheap_config *core, struct error *error)
{
    struct sim_config config;
    config_init(&config);
    bool ok = config_load(&config, name, error) && config_core(&config, core, error);
    config_clear(&config);
    core->concurrent = true;
    core->address_space = ADDRESS_SPACE;
    return ok;
}

bool lab_configs_load(struct lab_configs *configs, struct error *error)
{
    if (!load_core(CONFIG_DEFAULT, &configs->gc, error) || !load_core("go1.11", &configs->lists, error))
        return false;
    configs->immediate = configs->gc;
    configs->immediate.reclaim = GOHEAP_RECLAIM_IMMEDIATE;
    return true;
}

/* xorshift64 */
uint64_t lab_random(struct lab *lab, uint64_t below)
{
    lab->seed ^= lab->seed << 13;
    lab->seed ^= lab->seed >> 7;
    lab->seed ^= lab->seed << 17;
    return (lab->seed >> 16) % below;
}

static void shuffle(struct lab *lab)
{
    for (uint32_t i = 0; i < lab->n; i++) {
        uint64_t j = lab_random(lab, i + 1u);
        lab->order[i] = lab->order[j];
        lab->order[j] = i;
    }
}

bool lab_open(struct lab *lab, const struct goheap_config *config, const struct goheap_platform *platform, size_t n)
{
    *lab = (struct lab){.n = n, .seed = 42};
    lab->objects = calloc(n, sizeof *lab->objects);
    lab->sizes = calloc(n, sizeof *lab->sizes);
    lab->order = calloc(n, sizeof *lab->order);
    if (!lab->objects || !lab->sizes || !lab->order)
        return false;
    shuffle(lab);
    lab->heap = goheap_new(config, platform);
    lab->p = lab->heap ? goheap_p_new(lab->heap, NULL) : NULL;
    return lab->p != NULL;
}

void lab_close(struct lab *lab)
{
    if (lab->p)
        goheap_p_delete(lab->p);
    if (lab->heap)
        goheap_delete(lab->heap);
    free(lab->objects);
    free(lab->sizes);
    free(lab->order);
    *lab = (struct lab){.n = 0};
}

bool lab_alloc_all(struct lab *lab, unsigned flags)
{
    bool ok = true;
    for (size_t i = 0; i < lab->n; i++)
        ok &= (lab->objects[i] = goheap_alloc(lab->p, lab->sizes[i], flags)) != 0;
    return ok;
}

void lab_free_all(struct lab *lab)
{
    for (size_t i = 0; i < lab->n; i++) {
        goheap_free(lab->p, lab->objects[lab->order[i]]);
        lab->objects[lab->order[i]] = 0;
    }
}

void lab_collect_unswept(struct lab *lab)
{
    struct goheap_marked marked;
    goheap_gc_begin(lab->heap, lab->p);
    goheap_gc_mark_live(lab->heap, &marked);
    goheap_gc_end(lab->heap, &marked);
    goheap_p_begin_sweep(lab->p);
}

void lab_collect(struct lab *lab)
{
    lab_collect_unswept(lab);
    while (goheap_sweep_one(lab->heap, lab->p) != UINT64_MAX)
        ;
}

double lab_slots(struct lab *lab, uint64_t size)
{
    struct goheap_class_stats stats[GOHEAP_MAX_CLASSES];
    unsigned class = goheap_class_of(lab->heap, size, GOHEAP_NOSCAN);
    goheap_class_stats(lab->heap, stats);
    return stats[class].spans ? (double)stats[class].slots / (double)stats[class].spans : 0;
}
