/* Setting a run up, running it, and taking it down. */
#include "model/sim.h"

#include <stdlib.h>

struct sim *sim_new(const struct sim_config *config, struct error *error)
{
    struct sim *sim = calloc(1, sizeof *sim);
    if (!sim) {
        error_set(error, "out of memory");
        return NULL;
    }
    sim->config = *config;
    sim->error = error;
    if (!config_core(config, &sim->core, error)) {
        free(sim);
        return NULL;
    }
    gh_size_classes_init(&sim->classes, &sim->core);
    engine_init(&sim->engine, config->quantum_ns);
    lock_init(&sim->world, LOCK_FIFO, &(struct lock_costs){0}); /* worldsema: a semaphore hands over */
    sim_platform_init(sim);
    account_init(sim);
    sim->heap = goheap_new(&sim->core, &sim->platform);
    if (!sim->heap) {
        error_set(error, "out of memory for the heap's tables");
        sim_destroy(sim);
        return NULL;
    }
    return sim;
}

/* Ps exist from the start where their number is given, else as streams appear; never none. */
static bool start(struct sim *sim)
{
    if (!collector_start(sim) || !scavenger_start(sim))
        return false;
    for (uint64_t i = 0; i < sim->config.ps; i++)
        if (!sim_p_new(sim, 0))
            return false;
    if (!feed_read(sim, NULL, 0))
        return false;
    return sim->p_count || sim_p_new(sim, 0);
}

bool sim_run(struct sim *sim, struct trace_source *source, struct error *error)
{
    sim->source = source;
    sim->error = error;
    if (!start(sim))
        return false;
    engine_run(&sim->engine);
    sim->engine.current = NULL;
    if (sim->failed)
        return false;
    if (sim->ps_running)
        return sim_fail(sim, "%u Ps wait for each other: a bug in goheap", sim->ps_running);
    if (sim->timeline)
        timeline_end(sim->timeline, sim->end_ns);
    sim->accounts.next_sample = 0; /* the end is always a point of the series */
    account_sample(sim, sim->end_ns);
    account_peak(sim, sim->end_ns);
    account_portrait(sim, sim->end_ns, &sim->end);
    account_memstats(sim, sim->end_ns, &sim->last);
    return true;
}

void sim_destroy(struct sim *sim)
{
    if (!sim)
        return;
    if (sim->heap)
        goheap_delete(sim->heap);
    for (uint32_t i = 0; i < sim->p_count; i++)
        sim_p_destroy(sim->ps[i]);
    free(sim->ps);
    collector_destroy(sim);
    scavenger_destroy(sim);
    sched_destroy(sim);
    feed_destroy(sim);
    sim_platform_destroy(sim);
    engine_destroy(&sim->engine);
    free(sim->snapshots);
    free(sim);
}
