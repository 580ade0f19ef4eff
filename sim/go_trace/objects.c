/* The table of slots. Invariant: an index into the list is either in one chain that begins in by_slot, or unused. */
#include "go_trace/objects.h"

#include <stdlib.h>

bool go_objects_init(struct go_objects *objects)
{
    *objects = (struct go_objects){.unused = GO_NO_OBJECT};
    return id_map_init(&objects->by_slot, 0);
}

void go_objects_free(struct go_objects *objects)
{
    id_map_free(&objects->by_slot);
    free(objects->list);
    objects->list = NULL;
}

struct go_object *go_objects_find(const struct go_objects *objects, uint64_t slot)
{
    const struct id_entry *entry = id_map_find(&objects->by_slot, slot);
    return entry != NULL ? &objects->list[entry->number] : NULL;
}

/* GO_NO_OBJECT: no memory. */
static uint32_t new_index(struct go_objects *objects)
{
    uint32_t index = objects->unused;
    if (index != GO_NO_OBJECT) {
        objects->unused = objects->list[index].shared;
        return index;
    }
    if (objects->count == objects->capacity) {
        uint32_t capacity = objects->capacity == 0 ? 64 : objects->capacity * 2;
        struct go_object *larger =
            capacity > objects->capacity ? reallocarray(objects->list, capacity, sizeof *larger) : NULL;
        if (larger == NULL)
            return GO_NO_OBJECT;
        objects->list = larger;
        objects->capacity = capacity;
    }
    return objects->count++;
}

bool go_objects_add(struct go_objects *objects, uint64_t slot, const struct go_object *object)
{
    bool added;
    uint32_t index = new_index(objects);
    struct id_entry *entry = index != GO_NO_OBJECT ? id_map_put(&objects->by_slot, slot, &added) : NULL;
    if (entry == NULL)
        return false;
    objects->list[index] = *object;
    objects->list[index].shared = added ? GO_NO_OBJECT : entry->number;
    entry->number = index;
    return true;
}

void go_objects_take(struct go_objects *objects, uint64_t slot, struct go_object *object, bool *last)
{
    struct id_entry *entry = id_map_find(&objects->by_slot, slot);
    uint32_t index = entry->number;
    *object = objects->list[index];
    *last = object->shared == GO_NO_OBJECT;
    if (*last)
        id_map_remove(&objects->by_slot, entry);
    else
        entry->number = object->shared;
    objects->list[index].shared = objects->unused;
    objects->unused = index;
}
