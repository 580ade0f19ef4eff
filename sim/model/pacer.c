/* Goals and triggers, in the arithmetic of mgcpacer.go. */
#include "model/pacer.h"

#include <math.h>

enum {
    SWEEP_MIN_DISTANCE = 1 << 20, /* sweepMinHeapDistance */
    MIN_RUNWAY = 64 << 10,
    DEFAULT_HEAP_MINIMUM = 4 << 20,
    LIMIT_HEADROOM = 1 << 20,     /* memoryLimitHeapGoalHeadroom */
    TRIGGER_DEN = 64,             /* the trigger lies between 45/64 and 61/64 of the way to the goal */
    TRIGGER_MIN = 45,
    TRIGGER_MAX = 61
};

void pacer_init(struct pacer *pacer, int64_t gogc, uint64_t memory_limit, uint64_t heap_minimum, double mark_share)
{
    *pacer = (struct pacer){
        .gogc = gogc,
        .memory_limit = memory_limit,
        /* setGCPercent: a GOGC that is off wraps around, so that no minimum stands in the limit's way */
        .heap_minimum = gogc < 0 ? UINT64_MAX : heap_minimum * (uint64_t)gogc / 100,
        .mark_share = mark_share,
        .triggered = UINT64_MAX,
    };
    pacer_commit(pacer, true, 0);
}

/* memoryLimitHeapGoal */
static uint64_t limit_goal(const struct pacer *pacer, const struct pacer_memory *m)
{
    uint64_t limit = pacer->memory_limit;
    uint64_t other = m->mapped_ready - m->heap_free - m->heap_alloc;
    uint64_t overage = m->mapped_ready > limit ? m->mapped_ready - limit : 0;
    if (other + overage >= limit)
        return pacer->heap_marked;
    uint64_t goal = limit - (other + overage);
    goal = goal < 2 * LIMIT_HEADROOM ? LIMIT_HEADROOM : goal - LIMIT_HEADROOM;
    return goal < pacer->heap_marked ? pacer->heap_marked : goal;
}

/* heapGoalInternal */
static uint64_t goal_and_floor(const struct pacer *pacer, const struct pacer_memory *m, uint64_t *min_trigger)
{
    uint64_t goal = pacer->percent_goal;
    *min_trigger = 0;
    if (pacer->memory_limit != UINT64_MAX) {
        uint64_t limited = limit_goal(pacer, m);
        if (limited < goal)
            return limited;
    }
    if (pacer->sweep_trigger > goal)
        goal = pacer->sweep_trigger;
    *min_trigger = pacer->sweep_trigger;
    if (pacer->triggered != UINT64_MAX && goal < pacer->triggered + MIN_RUNWAY)
        goal = pacer->triggered + MIN_RUNWAY;
    return goal;
}

uint64_t pacer_goal(const struct pacer *pacer, const struct pacer_memory *memory)
{
    uint64_t floor;
    return goal_and_floor(pacer, memory, &floor);
}

static uint64_t at_most(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t at_least(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

uint64_t pacer_trigger(const struct pacer *pacer, const struct pacer_memory *memory)
{
    uint64_t min_trigger, goal = goal_and_floor(pacer, memory, &min_trigger);
    if (goal == UINT64_MAX)
        return UINT64_MAX;
    uint64_t marked = pacer->heap_marked;
    if (marked >= goal)
        return goal;
    uint64_t step = (goal - marked) / TRIGGER_DEN;
    min_trigger = at_least(at_least(min_trigger, marked), step * TRIGGER_MIN + marked);
    uint64_t max_trigger = step * TRIGGER_MAX + marked;
    if (goal > DEFAULT_HEAP_MINIMUM)
        max_trigger = at_least(max_trigger, goal - DEFAULT_HEAP_MINIMUM);
    max_trigger = at_least(max_trigger, min_trigger);
    uint64_t trigger = pacer->runway > goal ? min_trigger : goal - pacer->runway;
    return at_most(at_least(trigger, min_trigger), max_trigger);
}

void pacer_start_cycle(struct pacer *pacer, const struct pacer_memory *memory)
{
    pacer->triggered = pacer_trigger(pacer, memory);
}

/* piController.next with the constants that gcControllerState.init gives it. */
static double control(struct pacer *pacer, double input, double setpoint)
{
    const double kp = 0.9, ti = 4.0, tt = 1000, bound = 1000;
    double raw = kp * (setpoint - input) + pacer->cons_mark_integral;
    if (!isfinite(raw)) {
        pacer->cons_mark_integral = 0;
        return 0;
    }
    double output = raw < -bound ? -bound : raw > bound ? bound : raw;
    pacer->cons_mark_integral += (kp / ti) * (setpoint - input) + (1 / tt) * (output - raw);
    if (!isfinite(pacer->cons_mark_integral)) {
        pacer->cons_mark_integral = 0;
        return 0;
    }
    return output;
}

void pacer_end_cycle(struct pacer *pacer, const struct pacer_cycle *cycle)
{
    if (cycle->heap_live > pacer->triggered) {
        double consumed = (double)(cycle->heap_live - pacer->triggered) * cycle->utilization;
        double marked = (double)cycle->scan_work * (1 - cycle->utilization);
        pacer->cons_mark = control(pacer, pacer->cons_mark, consumed / marked);
    }
    pacer->heap_marked = cycle->marked;
    pacer->last_heap_scan = cycle->scan_work;
    pacer->triggered = UINT64_MAX;
}

void pacer_commit(struct pacer *pacer, bool sweep_done, uint64_t heap_live)
{
    pacer->sweep_trigger = sweep_done ? 0 : heap_live + SWEEP_MIN_DISTANCE;
    uint64_t goal = UINT64_MAX;
    if (pacer->gogc >= 0)
        goal = pacer->heap_marked + pacer->heap_marked * (uint64_t)pacer->gogc / 100; /* at most 2^46 x 2^17 */
    pacer->percent_goal = pacer->gogc >= 0 ? at_least(goal, pacer->heap_minimum) : UINT64_MAX;
    double share = pacer->mark_share;
    double runway = share > 0 ? pacer->cons_mark * (1 - share) / share * (double)pacer->last_heap_scan : 0;
    pacer->runway = runway > 0 ? (uint64_t)runway : 0;
}
