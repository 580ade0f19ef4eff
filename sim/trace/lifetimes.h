/* Who is who in a trace: ids, which may be any 64-bit numbers, to small dense ones.
 *
 *   id  --id_map-->  entry { number, mark }            any table of ids: lifetimes, Ps, goroutines
 *   id  --lifetimes-->  slot, until it is closed       slot  --release-->  free list (last in, first out)
 *
 * A lifetime is open from its alloc to its free. Its slot is taken for longer: until whoever replays
 * the trace says with lifetimes_release that the free has been executed.
 *
 * Memory is proportional to the most lifetimes open, and the most slots taken, at any one time. */
#ifndef LIFETIMES_H
#define LIFETIMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct id_entry {
    uint64_t id;
    uint32_t number; /* the owner's */
    uint8_t mark;    /* the owner's; 0 in a fresh entry */
    uint8_t used;    /* the map's, in each bucket's first entry: bits, of those of its entries that are used */
    uint16_t passed; /* the same */
};

/* Buckets of four entries, a cache line if memory is aligned to one. An id is in its home bucket (its hash) or, if that
 * was full, in one of those after it. Invariant: at most three in eight entries are used, and a bucket's `passed` is
 * how many ids of the map are behind it and have their home in it or before; the most that it can say, it says for
 * ever. Nothing that a caller sees depends on the seed: it keeps ids that were chosen to collide from making the table
 * slow. */
struct id_map {
    struct id_entry *entries;
    size_t capacity; /* a power of two */
    size_t count;
    uint64_t seed;
};

/* A seed that nobody can foretell. */
uint64_t id_map_seed(void);
bool id_map_init(struct id_map *map, uint64_t seed); /* false: no memory */
void id_map_free(struct id_map *map);
/* What will be looked for soon may come from memory in the meantime. Returns the id's hash, which stays the same. */
uint64_t id_map_fetch(const struct id_map *map, uint64_t id);
/* The entry is valid until the next id_map_put or id_map_remove. NULL if the id is not in the map. */
struct id_entry *id_map_find(const struct id_map *map, uint64_t id);
/* The entry of the id, added (with number and mark 0) if it was not there; NULL: no memory. */
struct id_entry *id_map_put(struct id_map *map, uint64_t id, bool *added);
void id_map_remove(struct id_map *map, struct id_entry *entry);

enum lifetime_kind { LIFETIME_OBJECT, LIFETIME_STACK };

enum lifetime_status {
    LIFETIME_OK,
    LIFETIME_IS_OPEN,    /* open: the id is open already */
    LIFETIME_NOT_OPEN,   /* close, die: it is not */
    LIFETIME_WRONG_KIND, /* close, die: it is open, but of the other kind */
    LIFETIME_IS_DEAD,    /* die: for the second time */
    LIFETIME_NO_MEMORY   /* open: memory or slot numbers have run out */
};

struct lifetimes {
    struct id_map map;
    uint32_t *free_slots; /* a stack with room for every slot, so that a release cannot fail; last comes the next */
    uint32_t free_count;
    uint32_t slots; /* that there are: 0 .. slots - 1; those never taken lie at the bottom, the lowest on top of them */
};

bool lifetimes_init(struct lifetimes *table, uint64_t seed); /* false: no memory */
void lifetimes_free(struct lifetimes *table);
/* These three set *slot when they return LIFETIME_OK and change nothing when they don't. */
enum lifetime_status lifetimes_open(struct lifetimes *table, uint64_t id, enum lifetime_kind kind,
                                    uint32_t *slot);
enum lifetime_status lifetimes_close(struct lifetimes *table, uint64_t id, enum lifetime_kind kind,
                                     uint32_t *slot);
enum lifetime_status lifetimes_die(struct lifetimes *table, uint64_t id, enum lifetime_kind kind,
                                   uint32_t *slot);
/* Once for each closed lifetime: its slot may be handed out again. */
void lifetimes_release(struct lifetimes *table, uint32_t slot);

/* The same as lifetimes_open, or as lifetimes_close and lifetimes_release at once, where it is done by a look at the
 * id's home and with a slot that there is: nearly always. False: ask those; nothing has changed. hash: of the id, by
 * id_map_fetch. */
bool lifetimes_pass(struct lifetimes *table, uint64_t id, uint64_t hash, bool begins, enum lifetime_kind kind,
                    uint32_t *slot);

#endif
