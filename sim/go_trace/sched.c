/* The tables of Ms, Ps and goroutines. */
#include "go_trace/sched.h"

#include <stdlib.h>
#include <string.h>

#define NO_G UINT32_MAX

bool go_sched_init(struct go_sched *sched)
{
    *sched = (struct go_sched){.g_unused = NO_G};
    bool ms = id_map_init(&sched->by_m, id_map_seed()), gs = id_map_init(&sched->by_g, id_map_seed());
    return ms && gs;
}

void go_sched_free(struct go_sched *sched)
{
    id_map_free(&sched->by_m);
    id_map_free(&sched->by_g);
    free(sched->ms);
    free(sched->ps);
    free(sched->gs);
}

/* ---- Ms ---- */

struct go_m_state *go_sched_find_m(const struct go_sched *sched, uint64_t m)
{
    const struct id_entry *entry = id_map_find(&sched->by_m, m);
    return entry != NULL ? &sched->ms[entry->number] : NULL;
}

struct go_m_state *go_sched_new_m(struct go_sched *sched, struct go_writer *writer)
{
    bool added;
    struct id_entry *entry = id_map_put(&sched->by_m, writer->m, &added);
    if (entry == NULL)
        return NULL;
    if (!added) {
        writer->state = entry->number + 1;
        return &sched->ms[entry->number];
    }
    if (sched->m_count == sched->m_capacity) {
        size_t capacity = sched->m_capacity == 0 ? 16 : sched->m_capacity * 2;
        struct go_m_state *larger = reallocarray(sched->ms, capacity, sizeof *larger);
        if (larger == NULL)
            return NULL;
        sched->ms = larger;
        sched->m_capacity = capacity;
    }
    entry->number = (uint32_t)sched->m_count;
    sched->ms[sched->m_count++] = (struct go_m_state){.m = writer->m, .p = GO_NONE, .g = GO_NONE};
    writer->state = (uint32_t)sched->m_count;
    return &sched->ms[sched->m_count - 1];
}

bool go_sched_begin_generation(struct go_sched *sched)
{
    size_t had = sched->m_count;
    sched->m_count = 0;
    id_map_free(&sched->by_m);
    if (!id_map_init(&sched->by_m, id_map_seed()))
        return false;
    for (size_t i = 0; i < had; i++) {
        struct go_m_state state = sched->ms[i];
        if (state.p == GO_NONE && state.g == GO_NONE)
            continue;
        struct go_m_state *kept = go_sched_new_m(sched, &(struct go_writer){.m = state.m});
        if (kept == NULL)
            return false;
        *kept = state;
    }
    return true;
}

/* ---- Ps ---- */

struct go_sequence *go_sched_new_p(struct go_sched *sched, uint64_t p)
{
    if (p >= sched->p_count) {
        size_t count = (size_t)p + 1 > sched->p_count * 2 ? (size_t)p + 1 : sched->p_count * 2;
        struct go_sequence *larger = reallocarray(sched->ps, count, sizeof *larger);
        if (larger == NULL)
            return NULL;
        memset(larger + sched->p_count, 0, (count - sched->p_count) * sizeof *larger);
        sched->ps = larger;
        sched->p_count = count;
    }
    return &sched->ps[p];
}

/* ---- goroutines ---- */

static uint32_t unused_g(struct go_sched *sched)
{
    uint32_t index = sched->g_unused;
    if (index != NO_G) {
        sched->g_unused = sched->gs[index].next_unused;
        return index;
    }
    if (sched->g_count == sched->g_capacity) {
        uint32_t capacity = sched->g_capacity == 0 ? 64 : sched->g_capacity * 2;
        struct go_sequence *larger =
            capacity > sched->g_capacity ? reallocarray(sched->gs, capacity, sizeof *larger) : NULL;
        if (larger == NULL)
            return NO_G;
        sched->gs = larger;
        sched->g_capacity = capacity;
    }
    return sched->g_count++;
}

struct go_sequence *go_sched_put_g(struct go_sched *sched, uint64_t g, bool *added)
{
    struct id_entry *entry = id_map_put(&sched->by_g, g, added);
    if (entry == NULL)
        return NULL;
    if (!*added)
        return &sched->gs[entry->number];
    entry->number = unused_g(sched);
    if (entry->number == NO_G)
        return NULL;
    sched->gs[entry->number] = (struct go_sequence){0};
    return &sched->gs[entry->number];
}

void go_sched_remove_g(struct go_sched *sched, uint64_t g)
{
    struct id_entry *entry = id_map_find(&sched->by_g, g);
    sched->gs[entry->number].next_unused = sched->g_unused;
    sched->g_unused = entry->number;
    id_map_remove(&sched->by_g, entry);
}
