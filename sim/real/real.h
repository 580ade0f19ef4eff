/* A trace through the real core: threads instead of simulated Ps, mapped memory, mutexes, and the machine's clock.
 *
 *     trace --decode--> events of each P, in memory --a thread a P--> core/ --measured platform--> mmap, mutexes
 *                                                       \--what was counted and measured--> struct sim
 *
 * The results are left where a simulation leaves its own, so that the report is made of either in one way; times are
 * measured, sim->measured says so. A stream of the trace belongs to a P as in a simulation. A P executes its events
 * in the trace's order, back to back, and waits only for an object that another has yet to allocate.
 *
 * Not as in a simulation: a collection is one stop of the world, in which everything is marked at once; nothing sweeps
 * or scavenges in the background (Ps sweep as they allocate, and release memory as they take pages where the goals say
 * so). A thread writes to what it has been given, as a program would, but for what lies beyond an object's first MiB:
 * a trace of huge objects does not need all the memory that it asks for.
 */
#ifndef REAL_H
#define REAL_H

#include "model/sim.h"

/* More threads than this would measure the scheduler. */
enum { REAL_MAX_THREADS = 1024 };

/* A run to be made. NULL with *error filled in if there is no memory or address space, or if the config asks for what
 * threads cannot do (a pacing other than back to back). */
struct sim *real_new(const struct sim_config *config, struct error *error);
/* Runs the whole source, which is borrowed; false with *error filled in when that fails. The trace is decoded first:
 * 16 bytes an event and 16 a lifetime. sim is one of real_new's. */
bool real_run(struct sim *sim, struct trace_source *source, struct error *error);
/* Instead of sim_destroy. */
void real_destroy(struct sim *sim);

#endif
