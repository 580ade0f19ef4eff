/* The list of objects. Invariant: each is in one slot's chain, or unused. */
#include "go_trace/objects.h"

#include <stdlib.h>

void go_objects_free(struct go_objects *objects)
{
    free(objects->list);
    objects->list = NULL;
}

static bool grow(struct go_objects *objects)
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

bool go_objects_add(struct go_objects *objects, uint32_t *first, const struct go_object *object)
{
    uint32_t number = objects->unused;
    if (number != 0)
        objects->unused = objects->list[number - 1].shared;
    else if (objects->count < objects->capacity || grow(objects))
        number = ++objects->count;
    else
        return false;
    objects->list[number - 1] = *object;
    objects->list[number - 1].shared = *first;
    *first = number;
    return true;
}

struct go_object go_objects_take(struct go_objects *objects, uint32_t *first)
{
    uint32_t number = *first;
    struct go_object object = objects->list[number - 1];
    *first = object.shared;
    objects->list[number - 1].shared = objects->unused;
    objects->unused = number;
    return object;
}
