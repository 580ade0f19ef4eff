/* The list of objects. Invariant: each is in one slot's chain, or unused. */
#include "go_trace/objects.h"

#include <stdlib.h>

void go_objects_free(struct go_objects *objects)
{
    free(objects->list);
    objects->list = NULL;
}

bool go_objects_grow(struct go_objects *objects)
{
    if (objects->capacity > UINT32_MAX / 4)
        return false;
    uint32_t capacity = objects->capacity == 0 ? 64 : objects->capacity * 2;
    struct go_object *larger = reallocarray(objects->list, capacity, sizeof *larger);
    if (larger == NULL)
        return false;
    objects->list = larger;
    objects->capacity = capacity;
    return true;
}
