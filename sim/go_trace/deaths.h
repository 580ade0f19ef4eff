/* Deaths, as they are found out: in another order than they happened, and long after.
 *
 *   go_deaths_add -->  later, in the order of their coming  --go_deaths_release-->  due, in the order of dying
 */
#ifndef GO_TRACE_DEATHS_H
#define GO_TRACE_DEATHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct go_death {
    uint64_t when, ns;
    uint64_t who; /* as objects.h has it */
};

struct go_death_list {
    struct go_death *list;
    size_t count, capacity;
};

enum { GO_DEATH_BUCKETS = 4096 };

struct go_deaths {
    struct go_death_list later;
    struct go_death_list due; /* by when, equals in the order of their coming. Its list has room for twice its capacity,
                               * to sort in */
    size_t bucket_ends[GO_DEATH_BUCKETS];
};

void go_deaths_free(struct go_deaths *deaths);

/* Room for more of them. False: no memory. */
bool go_deaths_grow(struct go_death_list *later);

/* False: no memory. */
static inline bool go_deaths_add(struct go_deaths *deaths, struct go_death death)
{
    struct go_death_list *later = &deaths->later;
    if (later->count == later->capacity && !go_deaths_grow(later))
        return false;
    later->list[later->count++] = death;
    return true;
}

/* Those before the limit are due, and no longer those that were. False: no memory. */
bool go_deaths_release(struct go_deaths *deaths, uint64_t limit);

#endif
