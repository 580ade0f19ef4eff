/* Who lives in which slot of the recorded heap.
 *
 *   slot  --by_slot-->  object { id, P, born }  --shared-->  further objects of its tiny block
 *
 * Also goroutine stacks, by a number that no slot has. Memory grows with what lives at one time. */
#ifndef GO_TRACE_OBJECTS_H
#define GO_TRACE_OBJECTS_H

#include "trace/lifetimes.h"

#define GO_NO_OBJECT UINT32_MAX

struct go_object {
    uint64_t id;     /* of the lifetime */
    uint64_t born;   /* when, as row_queue.h counts */
    uint32_t p;      /* that allocated it */
    uint32_t shared; /* the next object in the same tiny block, or GO_NO_OBJECT */
};

struct go_objects {
    struct id_map by_slot; /* to indices into list */
    struct go_object *list;
    uint32_t unused;        /* the first index to be used again, on through shared; or GO_NO_OBJECT */
    uint32_t count;         /* of list */
    uint32_t capacity;
};

bool go_objects_init(struct go_objects *objects); /* false: no memory */
void go_objects_free(struct go_objects *objects);

/* NULL: the slot is empty. Valid until the next object is added. */
struct go_object *go_objects_find(const struct go_objects *objects, uint64_t slot);

/* Into an empty slot, or beside the object that is there already. False: no memory. */
bool go_objects_add(struct go_objects *objects, uint64_t slot, const struct go_object *object);

/* Takes the slot's latest object out, into *object; the slot is empty when *last. Only where there is one. */
void go_objects_take(struct go_objects *objects, uint64_t slot, struct go_object *object, bool *last);

#endif
