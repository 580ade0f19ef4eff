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

/* ---- what is done to millions of rows a second, and so inline ---- */

/* Bits of a lifetime's mark: its kind, and whether it has been declared dead. */
enum { ID_BUCKET = 4, LIFETIME_MARK_STACK = 1, LIFETIME_MARK_DEAD = 2 };

_Static_assert((int)LIFETIME_OBJECT == 0 && (int)LIFETIME_STACK == (int)LIFETIME_MARK_STACK, "a kind is a mark");

/* A folded multiplication: every bit of an id has its say in the lowest bits of its hash, for the price of one product.
 * The lowest six bits of the id have it in the lowest six only: so that 64 ids in a row, as most traces have them, are
 * in 64 buckets of one page, no two in the same. */
static inline uint64_t id_map_hash(const struct id_map *map, uint64_t id)
{
    __extension__ unsigned __int128 product = (unsigned __int128)(id >> 6 ^ map->seed) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint64_t)(product >> 64) ^ (uint64_t)product ^ (id & 63);
}

/* The first entry of the bucket that an id of this hash belongs in. */
static inline struct id_entry *id_map_bucket(const struct id_map *map, uint64_t hash)
{
    return &map->entries[(size_t)(hash * ID_BUCKET) & (map->capacity - 1)];
}

/* What will be looked for soon may come from memory in the meantime. (Were it a call, gcc would take it for one without
 * any effect, and leave it out.) */
static inline __attribute__((always_inline)) void id_map_fetch(const struct id_map *map, uint64_t id)
{
    __builtin_prefetch(id_map_bucket(map, id_map_hash(map, id)), 1);
}

/* The number in its bucket of the first entry that is not used; ID_BUCKET: all are. */
static inline uint32_t id_bucket_vacant(const struct id_entry *bucket)
{
    return (uint32_t)__builtin_ctz(~(uint32_t)bucket->used);
}

/* Which entries of the bucket have the id, as bits: none, or one. */
static inline uint32_t id_bucket_find(const struct id_entry *bucket, uint64_t id)
{
    _Static_assert(ID_BUCKET == 4, "four comparisons");
    uint32_t low = (uint32_t)(bucket[0].id == id) | (uint32_t)(bucket[1].id == id) << 1;
    uint32_t high = (uint32_t)(bucket[2].id == id) | (uint32_t)(bucket[3].id == id) << 1;
    return (low | high << 2) & bucket->used;
}

/* With more ids in it, more of them would find their homes full. */
static inline bool id_map_is_full(const struct id_map *map)
{
    return map->count >= map->capacity / 8 * 3;
}

/* a where choose is 1, and b where it is 0. */
static inline uint32_t lifetimes_either(uint32_t choose, uint32_t a, uint32_t b)
{
    return b ^ ((a ^ b) & -choose);
}

/* The same as lifetimes_open (begin: 1), or as lifetimes_close and lifetimes_release at once (begin: 0), where it is
 * done by a look at the id's home and with a slot that there is: nearly always. False: ask those; nothing has changed.
 * Whether a lifetime begins or ends, and where in its bucket the id is, no processor can foretell: so that both are the
 * same work, with no branch that depends on it. */
static inline bool lifetimes_pass(struct lifetimes *table, uint64_t id, uint32_t begin, enum lifetime_kind kind,
                                  uint32_t *slot)
{
    struct id_map *map = &table->map;
    struct id_entry *bucket = id_map_bucket(map, id_map_hash(map, id));
    const uint32_t mark = (uint32_t)kind, same = id_bucket_find(bucket, id);
    uint32_t place = lifetimes_either(begin, id_bucket_vacant(bucket),
                                      (uint32_t)__builtin_ctz(same | 1u << ID_BUCKET));
    if (place == ID_BUCKET || table->free_count == 0 || id_map_is_full(map))
        return false;
    struct id_entry *entry = &bucket[place];
    if (lifetimes_either(begin, same | bucket->passed, (entry->mark ^ mark) & LIFETIME_MARK_STACK) != 0)
        return false;
    uint32_t *top = &table->free_slots[table->free_count - begin];
    *slot = *top = entry->number = lifetimes_either(begin, *top, entry->number);
    table->free_count += 1 - 2 * begin;
    map->count += 2 * (size_t)begin - 1;
    bucket->used = (uint8_t)(bucket->used ^ 1u << place);
    entry->id = id;
    entry->mark = (uint8_t)mark;
    return true;
}

#endif
