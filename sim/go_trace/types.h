/* The types of allocated objects: what the tables of a trace's generations say of them.
 *
 *   id, which holds in one generation  -->  number  -->  name, size        (by the address of the type's descriptor,
 *                                                                            a type has one number for ever)
 */
#ifndef GO_TRACE_TYPES_H
#define GO_TRACE_TYPES_H

#include "go_trace/wire.h"
#include "trace/lifetimes.h"

struct go_type {
    char *name; /* not ended by a NUL; without control characters */
    uint32_t name_length;
    uint64_t size; /* bytes of one */
};

enum { GO_LOW_TYPES = 4096 }; /* a generation's ids are counted from 1: most programs' are below this */

struct go_types {
    struct go_type *list; /* by number; 0 is no type */
    size_t count, capacity;
    struct id_map by_address;   /* to numbers */
    uint32_t low[GO_LOW_TYPES]; /* from low ids to numbers, in the current generation; 0: none */
    struct id_map by_id;        /* from all other ids */
};

bool go_types_init(struct go_types *types); /* false: no memory */
void go_types_free(struct go_types *types);

/* Ids of earlier generations are forgotten. False: no memory. */
bool go_types_next_generation(struct go_types *types);

enum go_table { GO_TABLE_OK, GO_TABLE_BAD, GO_TABLE_NO_MEMORY };

/* Takes in the table of types at *at, up to end. GO_TABLE_BAD: *at is where it is none. */
enum go_table go_types_add(struct go_types *types, const unsigned char **at, const unsigned char *end);

/* What go_types_find does with an id that is not low. */
uint32_t go_types_look_up(const struct go_types *types, uint64_t id);

/* The number of the type with this id; 0 if there is none. */
static inline uint32_t go_types_find(const struct go_types *types, uint64_t id)
{
    return id < GO_LOW_TYPES ? types->low[id] : go_types_look_up(types, id);
}

#endif
