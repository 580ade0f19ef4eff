/* What is counted beside the heap's own totals: who asked for how much, and the heap's course over time.
 *
 * The core knows slots; only the replay knows what was asked for. Samples are O(1) and thinned out as the
 * run grows longer; a portrait walks the heap, and is taken when the heap has grown by 1/16 since the last.
 */
#include "model/sim.h"

#include <string.h>

enum { FIRST_INTERVAL_NS = 1000 };

void account_init(struct sim *sim)
{
    sim->accounts.sample_interval = FIRST_INTERVAL_NS;
}

static uint64_t slot_bytes(const struct sim *sim, const struct object *o)
{
    if (o->tiny)
        return o->size;
    if (o->size_class)
        return sim->core.table.classes[o->size_class].size;
    uint64_t page = sim->config.page_size;
    return (o->size + page - 1) / page * page;
}

void account_alloc(struct sim *sim, struct object *o)
{
    struct accounts *a = &sim->accounts;
    if (o->size == 0) {
        a->zero_sized++;
        return;
    }
    struct class_account *c = o->tiny ? &a->tiny : &a->classes[o->size_class];
    c->live++;
    c->live_requested += o->size;
    c->allocs++;
    c->requested += o->size;
    a->live_bytes += slot_bytes(sim, o);
    a->live_requested += o->size;
    if (a->live_requested > a->peak_live_requested)
        a->peak_live_requested = a->live_requested;
}

void account_death(struct sim *sim, const struct object *o)
{
    struct accounts *a = &sim->accounts;
    if (o->size == 0)
        return;
    struct class_account *c = o->tiny ? &a->tiny : &a->classes[o->size_class];
    c->live--;
    c->live_requested -= o->size;
    a->live_bytes -= slot_bytes(sim, o);
    a->live_requested -= o->size;
}

/* --- over time ----------------------------------------------------------------------------------------- */

static struct sample take_sample(struct sim *sim, uint64_t now)
{
    struct goheap_gauges g;
    goheap_gauges(sim->heap, &g);
    return (struct sample){
        .t_ns = now,
        .mapped = g.heap_inuse + g.heap_free + g.heap_released + g.stack_inuse,
        .released = g.heap_released,
        .in_use = g.heap_inuse,
        .live = sim->accounts.live_bytes,
        .requested = sim->accounts.live_requested,
        .heap_live = g.heap_live,
        .goal = collector_goal(sim),
        .cycles = sim->collector.cycles,
    };
}

static void thin_out(struct accounts *a)
{
    for (uint32_t i = 0; i < SAMPLES_MAX / 2; i++)
        a->samples[i] = a->samples[i * 2];
    a->sample_count = SAMPLES_MAX / 2;
    a->sample_interval *= 2;
}

void account_sample(struct sim *sim, uint64_t now)
{
    struct accounts *a = &sim->accounts;
    struct sample s = take_sample(sim, now);
    if (s.mapped > a->peak_mapped)
        a->peak_mapped = s.mapped;
    if (s.in_use > a->peak.sample.in_use + a->peak.sample.in_use / 16)
        account_portrait(sim, now, &a->peak);
    if (now < a->next_sample)
        return;
    if (a->sample_count == SAMPLES_MAX)
        thin_out(a);
    /* Ps run ahead of each other: the series itself never goes back. */
    if (a->sample_count && a->samples[a->sample_count - 1].t_ns > s.t_ns)
        s.t_ns = a->samples[a->sample_count - 1].t_ns;
    a->samples[a->sample_count++] = s;
    a->next_sample = (now / a->sample_interval + 1) * a->sample_interval;
}

void account_portrait(struct sim *sim, uint64_t now, struct portrait *p)
{
    p->t_ns = now;
    p->sample = take_sample(sim, now);
    goheap_class_stats(sim->heap, p->classes);
    memcpy(p->accounts, sim->accounts.classes, sizeof p->accounts);
    p->tiny = sim->accounts.tiny;
    goheap_free_pages(sim->heap, &p->free);
}

/* --- MemStats ------------------------------------------------------------------------------------------ */

void account_memstats(struct sim *sim, uint64_t now, struct memstats_snapshot *m)
{
    const struct collector *c = &sim->collector;
    memset(m, 0, sizeof *m);
    double ns = 0;
    double *aside = sim->aside;
    sim->aside = &ns;
    goheap_memstats(sim->heap, &m->heap);
    sim->aside = aside;
    m->t_ns = now;
    m->next_gc = collector_goal(sim);
    m->last_gc_ns = c->last_end_ns;
    m->pause_total_ns = c->pause_total_ns;
    m->cycles = c->cycles;
    m->forced_cycles = c->forced_cycles;
    memcpy(m->pause_ns, c->pause_ns, sizeof m->pause_ns);
    memcpy(m->pause_end, c->pause_end, sizeof m->pause_end);
    double all = (double)now * (double)(sim->p_count ? sim->p_count : 1);
    m->gc_cpu_fraction = all > 0 ? (double)(c->mark_cpu_ns + c->stop_cpu_ns) / all : 0;
}
