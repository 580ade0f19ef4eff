/* Stopping the world: nobody is inside the core until it starts again.
 *
 * A process between two events is at a safepoint, wherever its clock stands; one that has been suspended
 * inside the core (waiting for a lock) is not, and the stopper waits for it. Whoever comes to a safepoint
 * while the world is stopped waits at the gate. As in Go, whoever stops the world holds worldsema meanwhile.
 */
#include "model/sim.h"

void queue_park(struct process **queue, struct process *process)
{
    process->next = *queue;
    *queue = process;
    process_park(process);
}

void queue_wake(struct process **queue, uint64_t now)
{
    struct process *process = *queue;
    *queue = NULL;
    for (struct process *next; process; process = next) {
        next = process->next;
        process_wake(process, now);
    }
}

void daemon_doze(struct process *me, bool *asleep)
{
    *asleep = true;
    process_park(me);
}

void daemon_rouse(struct process *process, bool *asleep, uint64_t now)
{
    if (*asleep) {
        *asleep = false;
        process_wake(process, now);
    }
}

void world_is_quiet(struct sim *sim, uint64_t now)
{
    process_wake(sim->stopper, now);
    sim->stopper = NULL;
}

void world_gate(struct sim *sim, struct process *process)
{
    while (sim->stopped) {
        uint64_t came = process->now;
        queue_park(&sim->gate, process);
        if (sim->timeline)
            timeline_stopped(sim->timeline, process, came);
    }
}

void world_stop(struct sim *sim, struct process *process)
{
    lock_acquire(&sim->world, process);
    sim->stopped = true;
    const struct costs *c = &sim->config.costs;
    process->now += (uint64_t)(c->stop_world + (double)sim->p_count * c->stop_p);
    process_sync(process);
    while (sim->busy) {
        sim->stopper = process;
        process_park(process);
    }
}

void world_start(struct sim *sim, struct process *process)
{
    process_sync(process); /* whoever is earlier finds the gate closed */
    sim->stopped = false;
    lock_release(&sim->world, process);
    queue_wake(&sim->gate, process->now);
}
