/* Counting. A size's live objects are summed up over time whenever their number changes, and copied at a new peak only
 * where it has changed since the last one: both are O(1) an event. */
#include "classes/demand.h"

#include <stdlib.h>
#include <string.h>

struct demand_object {
    uint64_t bytes; /* requested */
    uint32_t size;  /* of the slot it needs; 0: not counted */
    uint8_t kind;
    bool is_live;
};

struct demand *demand_new(const struct goheap_config *config)
{
    struct demand *d = calloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    gh_size_classes_init(&d->rules, config);
    d->tiny_size = config->tiny_size;
    d->page = UINT32_C(1) << config->page_shift;
    return d;
}

void demand_free(struct demand *d)
{
    if (d == NULL)
        return;
    free(d->live_objects);
    free(d);
}

/* ---- one object ---- */

/* The slot that an object needs; 0, counted as what it is, if no table decides about it: alloc.c, goheap_alloc and
 * goheap_alloc_aligned. */
static uint32_t slot_needed(struct demand *d, const struct trace_event *event)
{
    uint64_t size = event->size, align = UINT64_C(1) << (event->align_log2 < 32 ? event->align_log2 : 32);
    uint32_t header = gh_header_of(&d->rules, size, event->noscan);
    uint64_t slot = (size + header + align - 1) & ~(align - 1);
    if (size == 0) {
        d->empty++;
    } else if (event->noscan && align == 1 && size < d->tiny_size) {
        d->tiny++;
    } else if (size > d->rules.max_small || slot > GH_MAX_SMALL || align > d->page || (align > 1 && header > 0)) {
        d->large++;
    } else {
        d->objects++;
        return (uint32_t)slot;
    }
    return 0;
}

static void settle(struct demand *d, unsigned kind, uint32_t size)
{
    d->lived[kind][size] += (wide)d->live[kind][size] * (d->now - d->counted[kind][size]);
    d->counted[kind][size] = d->now;
}

/* Before the number of live objects changes. */
static void touch(struct demand *d, unsigned kind, uint32_t size)
{
    settle(d, kind, size);
    if (d->is_changed[kind][size])
        return;
    d->is_changed[kind][size] = true;
    d->changed[d->changed_count++] = kind * DEMAND_SIZES + size;
}

static void note_peak(struct demand *d)
{
    if (d->live_bytes <= d->peak_bytes)
        return;
    d->peak_bytes = d->live_bytes;
    for (uint32_t i = 0; i < d->changed_count; i++) {
        unsigned kind = d->changed[i] / DEMAND_SIZES, size = d->changed[i] % DEMAND_SIZES;
        d->peak[kind][size] = d->live[kind][size];
        d->is_changed[kind][size] = false;
    }
    d->changed_count = 0;
}

static bool grow(struct demand *d, uint32_t slot)
{
    size_t capacity = ((size_t)slot + 1) * 2;
    struct demand_object *larger = reallocarray(d->live_objects, capacity, sizeof *larger);
    if (larger == NULL)
        return false;
    memset(larger + d->capacity, 0, (capacity - d->capacity) * sizeof *larger);
    d->live_objects = larger;
    d->capacity = capacity;
    return true;
}

static bool begin(struct demand *d, const struct trace_event *event, struct error *error)
{
    if (event->size > INT64_MAX - d->live_bytes)
        return error_set(error, "expected less than 2^63 bytes live at once, got more");
    if (event->slot >= d->capacity && !grow(d, event->slot))
        return error_set(error, "out of memory");
    struct demand_object *object = &d->live_objects[event->slot];
    *object = (struct demand_object){.bytes = event->size, .size = slot_needed(d, event), .kind = event->noscan,
                                     .is_live = true};
    d->live_bytes += event->size;
    if (object->size > 0) {
        touch(d, object->kind, object->size);
        d->allocated[object->kind][object->size]++;
        d->live[object->kind][object->size]++;
    }
    note_peak(d);
    return true;
}

/* For the second time too: a free after a dead. */
static void end(struct demand *d, uint32_t slot)
{
    struct demand_object *object = &d->live_objects[slot];
    if (!object->is_live)
        return;
    object->is_live = false;
    d->live_bytes -= object->bytes;
    if (object->size > 0) {
        touch(d, object->kind, object->size);
        d->live[object->kind][object->size]--;
    }
}

/* ---- events ---- */

/* Ps' clocks may be behind one another's: time goes on with the latest. */
static void advance(struct demand *d, const struct trace_event *event, bool timed)
{
    if (!d->begun) {
        d->begun = true;
        d->timed = timed;
        d->begin = d->now = timed ? event->time_ns : 0;
        for (unsigned kind = 0; kind < DEMAND_KINDS; kind++)
            for (uint32_t size = 0; size < DEMAND_SIZES; size++)
                d->counted[kind][size] = d->begin;
    }
    if (!d->timed)
        d->now += event->op == TRACE_ALLOC || event->op == TRACE_FREE || event->op == TRACE_DEAD;
    else if (event->time_ns > d->now)
        d->now = event->time_ns;
}

bool demand_take(struct demand *d, const struct trace_event *event, bool timed, struct error *error)
{
    advance(d, event, timed);
    if (event->op == TRACE_ALLOC)
        return begin(d, event, error);
    if (event->op == TRACE_FREE || event->op == TRACE_DEAD)
        end(d, event->slot);
    return true;
}

/* ---- weights ---- */

/* Divided so that their sum is below 2^63. */
static void weigh_by_time(struct demand *d, struct demand_weights *w)
{
    wide sum = 0;
    for (unsigned kind = 0; kind < DEMAND_KINDS; kind++)
        for (uint32_t size = 0; size < DEMAND_SIZES; size++) {
            settle(d, kind, size);
            sum += d->lived[kind][size];
        }
    unsigned shift = 0;
    while (sum >> shift >> 63 != 0)
        shift++;
    for (unsigned kind = 0; kind < DEMAND_KINDS; kind++)
        for (uint32_t size = 0; size < DEMAND_SIZES; size++)
            w->of[kind][size] = (uint64_t)(d->lived[kind][size] >> shift);
    w->objects = (double)((wide)1 << shift) / (double)(d->now - d->begin);
}

struct demand_weights *demand_weights(struct demand *d, enum demand_objective objective, struct error *error)
{
    if (objective == DEMAND_INUSE && d->now == d->begin) {
        error_set(error, "no time goes by in it: expected another objective than inuse");
        return NULL;
    }
    struct demand_weights *w = calloc(1, sizeof *w);
    if (w == NULL) {
        error_set(error, "out of memory");
        return NULL;
    }
    w->objects = 1;
    if (objective == DEMAND_INUSE)
        weigh_by_time(d, w);
    else
        memcpy(w->of, objective == DEMAND_PEAK ? d->peak : d->allocated, sizeof w->of);
    return w;
}
