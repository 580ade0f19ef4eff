/* Reading into the array, and the sources over it. Sources touch the array only to read. */
#include "trace/trace_array.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 4096 }; /* events */

struct trace_array {
    struct trace_event *events;
    uint64_t count, room;
    uint32_t slots; /* of the array */
    bool timed;
    char *name;
    struct error failure; /* after the last event */
    struct trace_budget *budget;
};

/* --- reading ------------------------------------------------------------------------------------------- */

static uint64_t bytes_of(uint64_t events)
{
    return events * sizeof(struct trace_event);
}

static bool take_budget(struct trace_budget *budget, uint64_t bytes)
{
    uint64_t left = atomic_load(&budget->left);
    while (left >= bytes)
        if (atomic_compare_exchange_weak(&budget->left, &left, left - bytes))
            return true;
    return false;
}

/* Room for so many events; what the budget is charged with is array->room. */
static bool set_room(struct trace_array *array, uint64_t room)
{
    if (room > array->room && !take_budget(array->budget, bytes_of(room - array->room)))
        return false;
    struct trace_event *events = realloc(array->events, bytes_of(room));
    if (!events) {
        if (room > array->room)
            atomic_fetch_add(&array->budget->left, bytes_of(room - array->room));
        return false;
    }
    if (room < array->room)
        atomic_fetch_add(&array->budget->left, bytes_of(array->room - room));
    array->events = events;
    array->room = room;
    return true;
}

/* Half as much again, or what the budget still has. */
static bool grow(struct trace_array *array)
{
    uint64_t step = array->room ? array->room / 2 : FIRST_ROOM;
    uint64_t affordable = atomic_load(&array->budget->left) / sizeof(struct trace_event);
    if (step > affordable)
        step = affordable;
    return step > 0 && set_room(array, array->room + step);
}

static bool has_slot(const struct trace_event *event)
{
    return trace_op_begins(event->op) || trace_op_ends(event->op) || event->op == TRACE_DEAD;
}

/* A batch has been read: slots that end in it may be used again. */
static void take_batch(struct trace_array *array, struct trace_source *source, uint64_t n)
{
    for (const struct trace_event *e = array->events + array->count; n > 0; n--, e++, array->count++) {
        if (trace_op_begins(e->op) && e->slot >= array->slots)
            array->slots = e->slot + 1;
        else if (trace_op_ends(e->op))
            source->release(source, e->slot);
    }
}

/* False if it does not fit; a failure of the source's is kept. */
static bool read_all(struct trace_array *array, struct trace_source *source)
{
    for (;;) {
        if (array->count == array->room && !grow(array))
            return false;
        uint64_t n = source->read(source, array->events + array->count, array->room - array->count, &array->failure);
        if (n == 0)
            return true;
        take_batch(array, source, n);
    }
}

struct trace_array *trace_array_read(struct trace_source *source, struct trace_budget *budget)
{
    struct trace_array *array = calloc(1, sizeof *array);
    if (!array)
        return NULL;
    array->budget = budget;
    array->name = strdup(source->name);
    if (!array->name || !read_all(array, source) || !set_room(array, array->count ? array->count : 1)) {
        trace_array_free(array);
        return NULL;
    }
    array->timed = source->timed;
    return array;
}

void trace_array_free(struct trace_array *array)
{
    atomic_fetch_add(&array->budget->left, bytes_of(array->room));
    free(array->events);
    free(array->name);
    free(array);
}

/* --- a run's source ------------------------------------------------------------------------------------ */

struct array_source {
    struct trace_source source; /* first: the two share their address */
    const struct trace_array *array;
    uint64_t at;
    uint32_t *run_slots;                 /* of the array's slots that are open */
    uint32_t *free_slots;                /* of the run's: a stack with room for all there are */
    uint32_t slots, free_count, room;
};

static bool take_slot(struct array_source *s, uint32_t *slot)
{
    if (s->free_count > 0) {
        *slot = s->free_slots[--s->free_count];
        return true;
    }
    if (s->slots == s->room) {
        uint32_t room = s->room > UINT32_MAX / 2 ? UINT32_MAX : 2 * s->room;
        uint32_t *larger = room > s->room ? reallocarray(s->free_slots, room, sizeof *larger) : NULL;
        if (!larger)
            return false;
        s->free_slots = larger;
        s->room = room;
    }
    *slot = s->slots++;
    return true;
}

static size_t read_array(struct trace_source *source, struct trace_event *events, size_t max, struct error *error)
{
    struct array_source *s = (struct array_source *)source;
    const struct trace_array *array = s->array;
    size_t n = array->count - s->at < max ? (size_t)(array->count - s->at) : max;
    if (n == 0 && array->failure.text[0] != '\0')
        error_set(error, "%s", array->failure.text);
    memcpy(events, array->events + s->at, n * sizeof *events);
    for (size_t i = 0; i < n; i++) {
        if (!has_slot(&events[i]))
            continue;
        uint32_t *slot = &s->run_slots[events[i].slot];
        if (trace_op_begins(events[i].op) && !take_slot(s, slot)) {
            error_set(error, "%s: out of memory for open lifetimes", source->name);
            return 0;
        }
        events[i].slot = *slot;
    }
    s->at += n;
    return n;
}

static void release_slot(struct trace_source *source, uint32_t slot)
{
    struct array_source *s = (struct array_source *)source;
    s->free_slots[s->free_count++] = slot;
}

static void close_array(struct trace_source *source)
{
    struct array_source *s = (struct array_source *)source;
    free(s->run_slots);
    free(s->free_slots);
    free(s);
}

struct trace_source *trace_array_open(const struct trace_array *array)
{
    struct array_source *s = calloc(1, sizeof *s);
    uint32_t room = array->slots ? array->slots : 1;
    if (!s)
        return NULL;
    s->source = (struct trace_source){.read = read_array, .release = release_slot, .close = close_array,
                                      .name = array->name, .timed = array->timed};
    s->array = array;
    s->room = room;
    s->run_slots = calloc(room, sizeof *s->run_slots);
    s->free_slots = calloc(room, sizeof *s->free_slots);
    if (s->run_slots && s->free_slots)
        return &s->source;
    close_array(&s->source);
    return NULL;
}
