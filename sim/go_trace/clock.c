/* Ticks into ns, by division. */
#include "go_trace/clock.h"

#define LATEST_NS (UINT64_C(1) << 62) /* what a trace may have: row_check.c */

enum { NS_PER_SECOND = 1000000000 };

uint64_t go_clock_divide(const struct go_clock *clock, uint64_t ticks)
{
    __extension__ typedef unsigned __int128 wide;
    if (ticks >= clock->ticks) {
        wide after = (wide)(ticks - clock->ticks) * NS_PER_SECOND / clock->frequency + clock->ns;
        return after < LATEST_NS ? (uint64_t)after : LATEST_NS;
    }
    wide before = (wide)(clock->ticks - ticks) * NS_PER_SECOND / clock->frequency;
    return before < clock->ns ? clock->ns - (uint64_t)before : 0;
}

void go_clock_begin_generation(struct go_clock *clock, uint64_t ticks, uint64_t frequency)
{
    if (clock->frequency == 0)
        *clock = (struct go_clock){.ticks = ticks};
    else if (clock->frequency != frequency)
        *clock = (struct go_clock){.ticks = ticks, .ns = go_clock_ns(clock, ticks)};
    clock->frequency = frequency;
    clock->tick_ns = NS_PER_SECOND / frequency;
    clock->whole = NS_PER_SECOND % frequency == 0 ? (LATEST_NS - clock->ns) / clock->tick_ns : 0;
}
