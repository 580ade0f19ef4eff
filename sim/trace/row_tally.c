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

static void begin(struct row_tally *tally, const struct trace_event *event)
{
    tally->sizes[event->slot] = event->size + 1;
    tally->live++;
    tally->live_bytes += event->size;
    if (tally->live > tally->peak_live)
        tally->peak_live = tally->live;
    if (tally->live_bytes > tally->peak_bytes)
        tally->peak_bytes = tally->live_bytes;
}

/* For the second time too: a free after a dead. */
static void end(struct row_tally *tally, uint32_t slot)
{
    if (tally->sizes[slot] == 0)
        return;
    tally->live--;
    tally->live_bytes -= tally->sizes[slot] - 1;
    tally->sizes[slot] = 0;
}

bool row_tally_take(struct row_tally *tally, const struct trace_event *event)
{
    tally->rows[event->op]++;
    if (event->op == TRACE_ALLOC) {
        if (event->slot >= tally->capacity && !grow(tally, event->slot))
            return false;
        begin(tally, event);
    } else if (event->op == TRACE_FREE || event->op == TRACE_DEAD) {
        end(tally, event->slot);
    }
    return true;
}

void row_tally_free(struct row_tally *tally)
{
    free(tally->sizes);
}
