/* Who lives in the slots of the recorded heap.
 *
 *   a span's slot, or a stack's entry:  first  -->  object { id, P, born }  --shared-->  others in the same tiny block
 *
 * first is an index into the list, plus 1; 0: the slot is empty. Memory grows with what lives at one time. */
#ifndef GO_TRACE_OBJECTS_H
#define GO_TRACE_OBJECTS_H

#include <stdbool.h>
#include <stdint.h>

struct go_object {
    uint64_t id;     /* of the lifetime */
    uint64_t born;   /* when, as row_queue.h counts */
    uint32_t p;      /* that allocated it */
    uint32_t shared; /* the next in the same tiny block, as first */
};

struct go_objects {
    struct go_object *list;
    uint32_t unused; /* the first that is, as first; on through shared */
    uint32_t count, capacity;
};

void go_objects_free(struct go_objects *objects);

/* Room for more. False: no memory. */
bool go_objects_grow(struct go_objects *objects);

/* What a slot is known to hold, or 0, may come from memory before it is looked at. */
static inline void go_objects_fetch(const struct go_objects *objects, uint32_t first)
{
    if (first != 0)
        __builtin_prefetch(&objects->list[first - 1], 1);
}

/* Into the slot, before what is there already. False: no memory. */
static inline bool go_objects_add(struct go_objects *objects, uint32_t *first, const struct go_object *object)
{
    uint32_t number = objects->unused;
    if (number == 0 && objects->count == objects->capacity && !go_objects_grow(objects))
        return false;
    if (number == 0) {
        number = ++objects->count;
    } else {
        objects->unused = objects->list[number - 1].shared;
        go_objects_fetch(objects, objects->unused);
    }
    objects->list[number - 1] = *object;
    objects->list[number - 1].shared = *first;
    *first = number;
    return true;
}

/* Takes the latest object out of a slot that is not empty. */
static inline struct go_object go_objects_take(struct go_objects *objects, uint32_t *first)
{
    uint32_t number = *first;
    struct go_object object = objects->list[number - 1];
    *first = object.shared;
    objects->list[number - 1].shared = objects->unused;
    objects->unused = number;
    return object;
}

#endif
