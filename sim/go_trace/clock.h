/* The trace's time, in ns from its start, by the clock of the machine that recorded it, in ticks.
 *
 * In a generation the clock has one frequency; where the next has another it goes on from the moment at which that
 * begins. On Linux a tick is a whole number of ns. */
#ifndef GO_TRACE_CLOCK_H
#define GO_TRACE_CLOCK_H

#include <stdint.h>

struct go_clock {
    uint64_t ticks, ns;  /* the same moment */
    uint64_t frequency;  /* Hz, from that moment on; 0: no generation has begun */
    uint64_t tick_ns;    /* of one tick, if that is a whole number */
    uint64_t whole;      /* ticks after that moment for which tick_ns counts; 0: it does not */
};

/* Another generation begins, the first included, at this tick: with this frequency, from 1 on. */
void go_clock_begin_generation(struct go_clock *clock, uint64_t ticks, uint64_t frequency);

/* What go_clock_ns does where ticks are no whole numbers of ns, or before the moment that it counts from. */
uint64_t go_clock_divide(const struct go_clock *clock, uint64_t ticks);

/* Of this tick. What is before the start counts as the start, what is beyond the latest time of a trace as that. */
static inline uint64_t go_clock_ns(const struct go_clock *clock, uint64_t ticks)
{
    uint64_t after = ticks - clock->ticks;
    return after < clock->whole ? clock->ns + after * clock->tick_ns : go_clock_divide(clock, ticks);
}

#endif
