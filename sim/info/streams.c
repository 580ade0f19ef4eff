/* Counting by value, and the busiest first. */
#include "info/streams.h"

#include <stdlib.h>

bool streams_init(struct streams *streams, uint64_t seed)
{
    *streams = (struct streams){.count = 0};
    return id_map_init(&streams->map, seed);
}

void streams_free(struct streams *streams)
{
    id_map_free(&streams->map);
    free(streams->all);
}

static bool grow(struct streams *streams)
{
    size_t capacity = streams->capacity == 0 ? 16 : streams->capacity * 2;
    struct stream_figures *larger = reallocarray(streams->all, capacity, sizeof *larger);
    if (larger == NULL)
        return false;
    streams->all = larger;
    streams->capacity = capacity;
    return true;
}

static bool add_new(struct streams *streams, uint64_t value)
{
    bool added;
    if (streams->count == streams->capacity && !grow(streams))
        return false;
    struct id_entry *entry = id_map_put(&streams->map, value, &added);
    if (entry == NULL)
        return false;
    entry->number = (uint32_t)streams->count;
    streams->last = streams->count++;
    streams->all[streams->last] = (struct stream_figures){value, 1};
    return true;
}

bool streams_add(struct streams *streams, uint64_t value)
{
    if (streams->count > 0 && streams->all[streams->last].value == value) {
        streams->all[streams->last].events++;
        return true;
    }
    const struct id_entry *entry = id_map_find(&streams->map, value);
    if (entry == NULL && streams->count < STREAMS_MAX)
        return add_new(streams, value);
    if (entry == NULL) {
        streams->rest_events++;
        return true;
    }
    streams->last = entry->number;
    streams->all[streams->last].events++;
    return true;
}

static int by_events(const void *a, const void *b)
{
    const struct stream_figures *x = a, *y = b;
    if (x->events != y->events)
        return x->events > y->events ? -1 : 1;
    return x->value < y->value ? -1 : x->value > y->value;
}

void streams_sort(struct streams *streams)
{
    if (streams->count > 0)
        qsort(streams->all, streams->count, sizeof *streams->all, by_events);
}
