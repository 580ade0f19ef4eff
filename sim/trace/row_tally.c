/* Live objects by slot: as many numbers as slots were ever taken at once, whatever the length of the trace. */
#include "trace/row_tally.h"

#include <stdlib.h>
#include <string.h>

/* So that sizes has the slot. */
static bool grow(struct row_tally *tally, uint32_t slot)
{
    size_t capacity = ((size_t)slot + 1) * 2;
    uint64_t *larger = reallocarray(tally->sizes, capacity, sizeof *larger);
    if (larger == NULL)
        return false;
    memset(larger + tally->capacity, 0, (capacity - tally->capacity) * sizeof *larger);
    tally->sizes = larger;
    tally->capacity = capacity;
    return true;
}

static uint64_t bytes_of(uint64_t entry)
{
    return entry - (entry != 0);
}

/* Whether an object begins or ends nobody can foretell, so that both are the same work. One may end twice: by a dead
 * and a free. */
static void take_object(struct row_tally *tally, const struct trace_event *event)
{
    uint64_t begins = event->op == TRACE_ALLOC;
    uint64_t before = tally->sizes[event->slot], after = (event->size + 1) & -begins;
    tally->sizes[event->slot] = after;
    tally->live = tally->live + (after != 0) - (before != 0);
    tally->live_bytes += bytes_of(after) - bytes_of(before);
    tally->peak_live = tally->live > tally->peak_live ? tally->live : tally->peak_live;
    tally->peak_bytes = tally->live_bytes > tally->peak_bytes ? tally->live_bytes : tally->peak_bytes;
}

bool row_tally_take(struct row_tally *tally, const struct trace_event *events, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (events[i].slot >= tally->capacity && !grow(tally, events[i].slot))
            return false;
        __builtin_prefetch(&tally->sizes[events[i].slot], 1);
    }
    for (size_t i = 0; i < n; i++) {
        unsigned op = events[i].op;
        tally->rows[op]++;
        if (op == TRACE_ALLOC || op == TRACE_FREE || op == TRACE_DEAD)
            take_object(tally, &events[i]);
    }
    return true;
}

void row_tally_free(struct row_tally *tally)
{
    free(tally->sizes);
}
