/* What is counted beside the heap's own totals: who asked for how much, and the heap's course over time.
 *
 * The core knows slots; only the replay knows what was asked for. Samples are O(classes) and thinned out as the
 * run grows longer. A portrait walks the heap. Under collection the heap is fullest when a cycle begins, or at the
 * end, so that is when it is looked at; besides, whenever its use has grown by a quarter (without: by 1/16).
 */
#include "model/sim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_INTERVAL_NS = 1000 };

void account_init(struct sim *sim)
{
    sim->accounts.sample_interval = FIRST_INTERVAL_NS;
    bool collects = sim->core.reclaim == GOHEAP_RECLAIM_GC && sim->config.gogc >= 0;
    sim->accounts.peak_step = collects ? 4 : 16;
}

static uint64_t page_bytes(const struct sim *sim, const struct object *o)
{
    uint64_t page = sim->config.page_size;
    return (o->size + page - 1) & ~(page - 1);
}

void account_alloc(struct sim *sim, const struct object *o)
{
    struct accounts *a = &sim->accounts;
    struct class_account *c = &a->of[o->account];
    c->allocs++;
    c->requested += o->size;
    a->live_requested += o->size;
    if (a->live_requested > a->peak_live_requested)
        a->peak_live_requested = a->live_requested;
    if (__builtin_expect(o->account == 0, 0))
        a->large_live_bytes += page_bytes(sim, o);
}

void account_death(struct sim *sim, const struct object *o)
{
    struct accounts *a = &sim->accounts;
    struct class_account *c = &a->of[o->account];
    c->deaths++;
    c->requested_by_dead += o->size;
    a->live_requested -= o->size;
    if (__builtin_expect(o->account == 0, 0))
        a->large_live_bytes -= page_bytes(sim, o);
}

/* Slots of live objects; a tiny object counts for its own size. */
static uint64_t live_bytes(const struct sim *sim)
{
    const struct accounts *a = &sim->accounts;
    uint64_t bytes = a->large_live_bytes + account_live_requested(&a->of[ACCOUNT_TINY]);
    for (unsigned i = 1; i < sim->core.table.count; i++)
        bytes += account_live(&a->of[i]) * sim->core.table.classes[i].size;
    return bytes;
}

/* What tiny blocks have beside their live objects. */
static uint64_t tiny_waste(const struct sim *sim, int64_t shared)
{
    const struct class_account *tiny = &sim->accounts.of[ACCOUNT_TINY];
    uint64_t blocks = account_live(tiny) - (uint64_t)shared;
    return blocks * sim->core.tiny_size - account_live_requested(tiny);
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
        .heap_sys = g.heap_inuse + g.heap_free + g.heap_released,
        .heap_idle = g.heap_free + g.heap_released,
        .stack_inuse = g.stack_inuse,
        .tiny = tiny_waste(sim, g.tiny_shared),
        .tail = g.tails,
        .dead = g.dead,
        .live = live_bytes(sim),
        .requested = sim->accounts.live_requested,
        .heap_live = g.heap_live,
        .goal = collector_goal(sim),
        .cycles = sim->collector.cycles,
    };
}

/* Keeps the first sample of each interval, doubled until at most half of them are left: by their times and not their
 * number, or of a run that is busy at first the samples after that would be dropped again and again. */
static void thin_out(struct accounts *a)
{
    do {
        uint32_t kept = 0;
        a->sample_interval *= 2;
        for (uint32_t i = 0; i < a->sample_count; i++)
            if (kept == 0 || a->samples[i].t_ns / a->sample_interval != a->samples[kept - 1].t_ns / a->sample_interval)
                a->samples[kept++] = a->samples[i];
        a->sample_count = kept;
    } while (a->sample_count > SAMPLES_MAX / 2);
}

/* How long objects live, as far as samples tell: how many there are stands from one to the next. */
static void note_live(struct accounts *a, unsigned classes, uint64_t ns)
{
    for (unsigned i = 0; i <= classes; i++) {
        unsigned account = i < classes ? i : ACCOUNT_TINY;
        if (a->of[account].allocs == 0)
            continue;
        a->live_ns[account] += (double)a->live_seen[account] * (double)ns;
        a->live_seen[account] = account_live(&a->of[account]);
    }
}

/* What the size of the heap says of how much of it is in the caches. */
static void note_size(struct sim *sim, double in_use)
{
    sim->cold = cache_miss(sim->config.costs.zero_cache, in_use);
    sim->doublings = in_use > COSTS_NEAR ? log2(in_use / COSTS_NEAR) : 0;
    collector_tax(sim, sim->tax);
}

void account_sample(struct sim *sim, uint64_t now)
{
    struct accounts *a = &sim->accounts;
    struct sample s = take_sample(sim, now);
    note_size(sim, (double)s.in_use);
    if (sim->timeline)
        timeline_sample(sim->timeline, &s);
    if (s.mapped > a->peak_mapped)
        a->peak_mapped = s.mapped;
    if (s.in_use > a->peak.sample.in_use + a->peak.sample.in_use / a->peak_step)
        account_portrait(sim, now, &a->peak);
    if (now < a->next_sample)
        return;
    /* Ps run ahead of each other: the series itself never goes back. */
    uint64_t last = a->sample_count ? a->samples[a->sample_count - 1].t_ns : 0;
    if (last > s.t_ns)
        s.t_ns = last;
    note_live(a, sim->core.table.count, s.t_ns - last);
    if (a->sample_count == SAMPLES_MAX)
        thin_out(a);
    a->samples[a->sample_count++] = s;
    if (sim->heap_map)
        heap_map_look(sim->heap_map, sim->heap, s.t_ns, sim->events);
    a->next_sample = (now / a->sample_interval + 1) * a->sample_interval;
}

void account_peak(struct sim *sim, uint64_t now)
{
    struct goheap_gauges g;
    goheap_gauges(sim->heap, &g);
    if (g.heap_inuse > sim->accounts.peak.sample.in_use)
        account_portrait(sim, now, &sim->accounts.peak);
}

void account_portrait(struct sim *sim, uint64_t now, struct portrait *p)
{
    p->t_ns = now;
    p->sample = take_sample(sim, now);
    portrait_take(&p->spans, sim->heap, sim->core.page_shift);
    memcpy(p->accounts, sim->accounts.of, sizeof p->accounts);
    goheap_free_pages(sim->heap, &p->free);
}

/* --- locks --------------------------------------------------------------------------------------------- */

static struct lock_times *times_of(struct named_lock *lock)
{
    if (!lock->times) {
        lock->times = calloc(1, sizeof *lock->times);
        if (!lock->times)
            abort(); /* 32 KiB */
        wait_series_init(&lock->times->waits);
    }
    return lock->times;
}

void account_held(struct named_lock *lock, uint64_t ns)
{
    histogram_add(&times_of(lock)->hold, ns);
}

void account_waited(struct named_lock *lock, uint64_t since, uint64_t until)
{
    wait_series_add(&times_of(lock)->waits, since, until);
}

void account_hold(struct named_lock *lock, const struct process *process)
{
    account_held(lock, process->now - lock->lock.held_since);
    lock->last_holder = process;
}

void account_wait(void *named_lock, struct process *process, uint64_t since)
{
    struct named_lock *lock = named_lock;
    account_waited(lock, since, process->now);
    if (lock->sim->timeline)
        timeline_waited(lock->sim->timeline, lock, process, since);
}

/* --- whose account --------------------------------------------------------------------------------------- */

unsigned account_of_slot(const struct sim *sim, uint64_t addr, uint64_t size, bool noscan)
{
    if (size == 0)
        return ACCOUNT_ZERO;
    uint64_t slot = goheap_usable_size(sim->heap, addr);
    bool large = slot > GH_MAX_SMALL || gh_header_of(&sim->classes, slot, noscan);
    return large ? 0 : gh_class_of_small(&sim->classes, slot);
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
    m->next_gc = collector_next_gc(sim);
    m->last_gc_ns = c->last_end_ns;
    m->pause_total_ns = c->pause_total_ns;
    m->cycles = c->cycles;
    m->forced_cycles = c->forced_cycles;
    memcpy(m->pause_ns, c->pause_ns, sizeof m->pause_ns);
    memcpy(m->pause_end, c->pause_end, sizeof m->pause_end);
    double all = (double)now * (double)(sim->p_count ? sim->p_count : 1);
    m->gc_cpu_fraction = all > 0 ? (double)(c->mark_cpu_ns + c->stop_cpu_ns) / all : 0;
}

bool account_snapshot(struct sim *sim, uint64_t now)
{
    if (sim->snapshot_count == sim->snapshot_room) {
        size_t room = sim->snapshot_room ? sim->snapshot_room * 2 : 8;
        struct memstats_snapshot *snapshots = realloc(sim->snapshots, room * sizeof *snapshots);
        if (!snapshots)
            return false;
        sim->snapshots = snapshots;
        sim->snapshot_room = room;
    }
    account_memstats(sim, now, &sim->snapshots[sim->snapshot_count++]);
    return true;
}
