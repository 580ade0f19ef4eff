/* The deaths to come, the earliest first: as many as objects are live.
 *
 * A heap in an array in which every node has four children: half as deep as a binary one, and the four lie in one
 * cache line or two. Invariant: no entry is later than its children; of those at the same time the one with the lower
 * id is the earlier. */
#ifndef DEATHS_H
#define DEATHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct death {
    uint64_t time;
    uint64_t id_p; /* id << 16 | P; ids are less than 2^48 */
};

struct deaths {
    struct death *heap;
    size_t count, capacity;
};

/* Zeroed is empty. */
void deaths_free(struct deaths *deaths);
bool deaths_push(struct deaths *deaths, uint64_t time, uint64_t id, uint16_t p); /* false: no memory */
/* Removes and returns the earliest; there is one. */
struct death deaths_pop(struct deaths *deaths);

#endif
