/* Goals and triggers, in the arithmetic of mgcpacer.go. */
#include "model/pacer.h"

#include <math.h>
#include <string.h>

enum {
    SWEEP_MIN_DISTANCE = 1 << 20, /* sweepMinHeapDistance */
    MIN_RUNWAY = 64 << 10,
    DEFAULT_HEAP_MINIMUM = 4 << 20,
    MIN_LIMIT_HEADROOM = 1 << 20, /* memoryLimitMinHeapGoalHeadroom */
    MIN_WORK_LEFT = 1000,
    TRIGGER_DEN = 64,             /* the trigger lies between 45/64 and 61/64 of the way to the goal */
    TRIGGER_MIN = 45,
    TRIGGER_MAX = 61
};

static uint64_t at_most(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t at_least(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void pacer_init(struct pacer *pacer, const struct pacer_policy *policy)
{
    int64_t gogc = policy->gogc;
    *pacer = (struct pacer){
        .policy = *policy,
        /* setGCPercent: a GOGC that is off wraps around, so that no minimum stands in the limit's way */
        .heap_minimum = gogc < 0 ? UINT64_MAX : policy->heap_minimum * (uint64_t)gogc / 100,
        .triggered = UINT64_MAX,
    };
    pacer_commit(pacer, true, 0);
}

/* memoryLimitHeapGoal */
static uint64_t limit_goal(const struct pacer *pacer, const struct pacer_memory *m)
{
    uint64_t limit = pacer->policy.memory_limit;
    uint64_t other = m->mapped_ready - m->heap_free - m->heap_alloc;
    uint64_t overage = m->mapped_ready > limit ? m->mapped_ready - limit : 0;
    if (other + overage >= limit)
        return pacer->heap_marked;
    uint64_t goal = limit - (other + overage);
    uint64_t headroom = at_least((uint64_t)((double)goal * pacer->policy.limit_headroom), MIN_LIMIT_HEADROOM);
    goal = goal < 2 * headroom ? headroom : goal - headroom;
    return goal < pacer->heap_marked ? pacer->heap_marked : goal;
}

/* heapGoalInternal */
static uint64_t goal_and_floor(const struct pacer *pacer, const struct pacer_memory *m, uint64_t *min_trigger)
{
    uint64_t goal = pacer->percent_goal;
    *min_trigger = 0;
    if (pacer->policy.memory_limit != UINT64_MAX) {
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

void pacer_start_cycle(struct pacer *pacer, const struct pacer_memory *memory, const struct pacer_progress *progress)
{
    pacer->triggered =
        pacer->policy.counts_from == COUNTS_FROM_TRIGGER ? pacer_trigger(pacer, memory) : progress->heap_live;
    pacer_revise(pacer, memory, progress);
}

/* What the last cycle scanned, and this one should. */
static double expected_work(const struct pacer *pacer)
{
    return (double)(pacer->last_heap_scan + pacer->policy.stack_scan + pacer->policy.globals_scan);
}

/* There is more to scan than was expected: the goal moves on, but not beyond what the next cycle's would be. */
static double extended_goal(const struct pacer *pacer, double goal, double expected, double most)
{
    const double gogc = pacer->policy.gogc < 0 ? 100000 : (double)pacer->policy.gogc;
    double from = (double)pacer->triggered;
    double extended = (goal - from) / expected * most + from, hard = (1 + gogc / 100) * goal;
    return extended > hard ? hard : extended;
}

void pacer_revise(struct pacer *pacer, const struct pacer_memory *memory, const struct pacer_progress *progress)
{
    /* Signed, as in Go: without a goal (GOGC off, a forced cycle) whoever allocates has to finish the marking. */
    double goal = (double)(int64_t)pacer_goal(pacer, memory), live = (double)progress->heap_live;
    double expected = expected_work(pacer);
    double most = (double)(progress->heap_scan + pacer->policy.stack_most + pacer->policy.globals_scan);
    if (progress->work > expected) {
        goal = extended_goal(pacer, goal, expected, most);
        expected = most;
    }
    if (live > goal) {
        goal *= 1.1; /* maxOvershoot */
        expected = most;
    }
    double work = expected - progress->work, bytes = goal - live;
    work = work < MIN_WORK_LEFT ? MIN_WORK_LEFT : work;
    bytes = bytes < 1 ? 1 : bytes;
    pacer->work_per_byte = work / bytes;
    pacer->bytes_per_work = bytes / work;
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

/* The highest of this cycle's and the last four's; the oldest is forgotten. */
static double highest(struct pacer *pacer, double current)
{
    enum { N = sizeof pacer->recent / sizeof pacer->recent[0] };
    double most = current;
    for (int i = 0; i < N; i++)
        most = pacer->recent[i] > most ? pacer->recent[i] : most;
    memmove(pacer->recent, pacer->recent + 1, (N - 1) * sizeof pacer->recent[0]);
    pacer->recent[N - 1] = current;
    return most;
}

void pacer_end_cycle(struct pacer *pacer, const struct pacer_cycle *cycle)
{
    const struct pacer_policy *policy = &pacer->policy;
    if (cycle->heap_live > pacer->triggered) {
        double utilization = policy->mark_share + cycle->assists;
        double work = (double)(cycle->heap_scan + policy->stack_scan + policy->globals_scan);
        double consumed = (double)(cycle->heap_live - pacer->triggered) * (utilization + cycle->idle);
        double current = consumed / (work * (1 - utilization));
        pacer->cons_mark = policy->cons_mark == CONS_MARK_CONTROLLER ? control(pacer, pacer->cons_mark, current)
                                                                     : highest(pacer, current);
    }
    pacer->heap_marked = cycle->marked;
    pacer->last_heap_scan = cycle->heap_scan;
    pacer->triggered = UINT64_MAX;
}

static uint64_t goal_of_percent(const struct pacer *pacer)
{
    const struct pacer_policy *policy = &pacer->policy;
    if (policy->gogc < 0)
        return UINT64_MAX;
    uint64_t base = pacer->heap_marked + policy->stack_scan + policy->globals_scan;
    return at_least(pacer->heap_marked + base * (uint64_t)policy->gogc / 100, /* at most 2^46 x 2^17 */
                    pacer->heap_minimum);
}

void pacer_commit(struct pacer *pacer, bool sweep_done, uint64_t heap_live)
{
    pacer->sweep_trigger = sweep_done ? 0 : heap_live + SWEEP_MIN_DISTANCE;
    pacer->percent_goal = goal_of_percent(pacer);
    double share = pacer->policy.mark_share;
    double runway = share > 0 ? pacer->cons_mark * (1 - share) / share * expected_work(pacer) : 0;
    /* What does not fit becomes a very large number on amd64, negative ones too: the trigger is as early as can be. */
    pacer->runway = runway > -1 && runway < 0x1p63 ? (uint64_t)runway : UINT64_MAX;
}
