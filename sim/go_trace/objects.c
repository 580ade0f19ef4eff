/* The list of objects. Invariant: each is in one chain, or unused. */
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
    struct go_linked_object *larger = reallocarray(objects->list, capacity, sizeof *larger);
    if (larger == NULL)
        return false;
    objects->list = larger;
    objects->capacity = capacity;
    return true;
}

bool go_objects_add(struct go_objects *objects, uint32_t *first, struct go_object object)
{
    uint32_t number = objects->unused;
    if (number == 0 && objects->count == objects->capacity && !grow(objects))
        return false;
    if (number == 0)
        number = ++objects->count;
    else
        objects->unused = objects->list[number - 1].next;
    objects->list[number - 1] = (struct go_linked_object){.object = object, .next = *first};
    *first = number;
    return true;
}

struct go_object go_objects_take(struct go_objects *objects, uint32_t *first)
{
    uint32_t number = *first;
    struct go_linked_object taken = objects->list[number - 1];
    *first = taken.next;
    objects->list[number - 1].next = objects->unused;
    objects->unused = number;
    return taken.object;
}
