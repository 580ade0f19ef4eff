/* Who lives in the slots of the recorded heap.
 *
 *   a span's slot  -->  object { id, P, born }: the latest that has come there; who is 0: none
 *   a tiny block's, where there are more:  first  -->  object  --next-->  the one before it ...
 *   a stack's entry:                       first  -->  object
 *
 * first and next are indices into the list, plus 1; 0: there is none. Memory grows with what lives at one time. */
#ifndef GO_TRACE_OBJECTS_H
#define GO_TRACE_OBJECTS_H

#include <stdbool.h>
#include <stdint.h>

struct go_object {
    uint64_t who;  /* the id of the lifetime, from 1, and the P that allocated it: 48 and 16 bits; 0: nobody */
    uint64_t born; /* when, as row_queue.h counts */
};

/* A trace with lifetimes of more than 48 bits is one of a petabyte. */
static inline struct go_object go_object(uint64_t id, uint32_t p, uint64_t born)
{
    return (struct go_object){.who = id << 16 | (p & UINT16_MAX), .born = born};
}

static inline uint64_t go_who_id(uint64_t who)
{
    return who >> 16;
}

static inline uint32_t go_who_p(uint64_t who)
{
    return who & UINT16_MAX;
}

struct go_linked_object {
    struct go_object object;
    uint32_t next;
};

struct go_objects {
    struct go_linked_object *list;
    uint32_t unused; /* the first that is, as first; on through next */
    uint32_t count, capacity;
};

void go_objects_free(struct go_objects *objects);

/* Before those that are there already. False: no memory. */
bool go_objects_add(struct go_objects *objects, uint32_t *first, struct go_object object);

/* Takes out the latest, of which there is one. */
struct go_object go_objects_take(struct go_objects *objects, uint32_t *first);

#endif
