/* Tables from ids to dense numbers, and the slots of lifetimes. The invariants stand in the header;
 * the one that takes work is what the map's buckets say of ids that went past them: it lets a removal be
 * a removal, without moving entries and without tombstones, so that a map does not wear out however long
 * the trace is. (The counts of F14, github.com/facebook/folly, folly/container/detail/F14Table.h.) */
#include "trace/lifetimes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/pages.h"

enum { FIRST_CAPACITY = 64, LARGE = 2 << 20 /* bytes */ };

enum { MARK_STACK = 1, MARK_DEAD = 2 }; /* bits of an entry's mark */

/* The finaliser of splitmix64: a bijection, so that ids differ in hash as they differ. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* Ids that differ in their lowest NEAR bits only have the same home, as they are often opened and looked for one after
 * the other: what is read of a table that is larger than the caches is then read for several of them. */
enum { NEAR = 2, BUCKET = 1 << NEAR, PASSED_MAX = UINT16_MAX };

/* The first entry of the bucket that the id belongs in. */
static size_t home(const struct id_map *map, uint64_t id)
{
    return (size_t)(mix((id >> NEAR) + map->seed) << NEAR) & (map->capacity - 1);
}

/* The entry of a bucket that an id takes if it can: each of its neighbours takes another. */
static inline struct id_entry *own_place(struct id_entry *bucket, uint64_t id)
{
    return &bucket[id & (BUCKET - 1)];
}

static size_t next_bucket(const struct id_map *map, size_t bucket)
{
    return (bucket + BUCKET) & (map->capacity - 1);
}

uint64_t id_map_seed(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed)
        return UINT64_C(0x9e3779b97f4a7c15);
    return seed;
}

/* Zeroed, and each bucket a cache line. Large ones are read at random, and so on huge pages if there are any. */
static bool alloc_entries(struct id_map *map)
{
    size_t bytes = map->capacity * sizeof *map->entries;
    map->entries = bytes >= LARGE ? pages_alloc(bytes) : aligned_alloc(BUCKET * sizeof *map->entries, bytes);
    if (map->entries != NULL && bytes < LARGE)
        memset(map->entries, 0, bytes);
    return map->entries != NULL;
}

bool id_map_init(struct id_map *map, uint64_t seed)
{
    *map = (struct id_map){.capacity = FIRST_CAPACITY, .seed = seed};
    return alloc_entries(map);
}

void id_map_free(struct id_map *map)
{
    size_t bytes = map->capacity * sizeof *map->entries;
    if (map->entries != NULL && bytes >= LARGE)
        pages_free(map->entries, bytes);
    else
        free(map->entries);
    map->entries = NULL;
}

/* Adds the id, which is not there, to a map with room. A bucket that is passed for ever costs time,
 * and no more. */
static inline struct id_entry *add(struct id_map *map, size_t home_bucket, uint64_t id)
{
    struct id_entry *entry = own_place(&map->entries[home_bucket], id);
    for (size_t at = home_bucket; entry->used; at = next_bucket(map, at)) {
        struct id_entry *bucket = &map->entries[at];
        for (entry = bucket; entry < bucket + BUCKET - 1 && entry->used; entry++)
            ;
        if (entry->used && bucket->passed < PASSED_MAX)
            bucket->passed++;
    }
    entry->id = id;
    entry->number = 0;
    entry->mark = 0;
    entry->used = true;
    return entry;
}

static bool grow(struct id_map *map)
{
    struct id_map larger = *map;
    larger.capacity *= 2;
    if (map->capacity > SIZE_MAX / 2 / sizeof *map->entries || !alloc_entries(&larger))
        return false;
    for (size_t i = 0; i < map->capacity; i++) {
        if (!map->entries[i].used)
            continue;
        struct id_entry *entry = add(&larger, home(&larger, map->entries[i].id), map->entries[i].id);
        entry->number = map->entries[i].number;
        entry->mark = map->entries[i].mark;
    }
    id_map_free(map);
    *map = larger;
    return true;
}

void id_map_fetch(const struct id_map *map, uint64_t id)
{
    __builtin_prefetch(&map->entries[home(map, id)], 1);
}

static inline bool is(const struct id_entry *entry, uint64_t id)
{
    return entry->id == id && entry->used;
}

static inline struct id_entry *find_in_bucket(struct id_entry *bucket, uint64_t id)
{
    _Static_assert(BUCKET == 4, "four comparisons");
    if (is(own_place(bucket, id), id))
        return own_place(bucket, id);
    if (is(&bucket[0], id))
        return &bucket[0];
    if (is(&bucket[1], id))
        return &bucket[1];
    if (is(&bucket[2], id))
        return &bucket[2];
    return is(&bucket[3], id) ? &bucket[3] : NULL;
}

/* In a map that has long been half full each bucket may have been passed: so there is an end to the search. */
static inline struct id_entry *find(const struct id_map *map, size_t at, uint64_t id)
{
    for (size_t left = map->capacity; left > 0; left -= BUCKET, at = next_bucket(map, at)) {
        struct id_entry *bucket = &map->entries[at], *entry = find_in_bucket(bucket, id);
        if (entry != NULL || bucket->passed == 0)
            return entry;
    }
    return NULL;
}

struct id_entry *id_map_find(const struct id_map *map, uint64_t id)
{
    return find(map, home(map, id), id);
}

static inline struct id_entry *put(struct id_map *map, uint64_t id, bool *added)
{
    size_t bucket = home(map, id);
    struct id_entry *entry = find(map, bucket, id);
    *added = entry == NULL;
    if (entry != NULL)
        return entry;
    if (map->count >= map->capacity / 2) {
        if (!grow(map))
            return NULL;
        bucket = home(map, id);
    }
    map->count++;
    return add(map, bucket, id);
}

struct id_entry *id_map_put(struct id_map *map, uint64_t id, bool *added)
{
    return put(map, id, added);
}

static inline void remove_entry(struct id_map *map, size_t home_bucket, struct id_entry *entry)
{
    size_t bucket = (size_t)(entry - map->entries) & ~(size_t)(BUCKET - 1);
    for (size_t at = home_bucket; at != bucket; at = next_bucket(map, at))
        if (map->entries[at].passed < PASSED_MAX)
            map->entries[at].passed--;
    entry->used = false;
    map->count--;
}

void id_map_remove(struct id_map *map, struct id_entry *entry)
{
    remove_entry(map, home(map, entry->id), entry);
}

bool lifetimes_init(struct lifetimes *table, uint64_t seed)
{
    *table = (struct lifetimes){0};
    return id_map_init(&table->map, seed);
}

void lifetimes_free(struct lifetimes *table)
{
    id_map_free(&table->map);
    free(table->free_slots);
    table->free_slots = NULL;
}

/* Room on the free list comes with the slot: see free_slots. */
static inline bool take_slot(struct lifetimes *table, uint32_t *slot)
{
    if (table->free_count > 0) {
        *slot = table->free_slots[--table->free_count];
        return true;
    }
    if (table->slots == UINT32_MAX)
        return false;
    if (table->slots == table->capacity) {
        size_t capacity = table->capacity == 0 ? FIRST_CAPACITY : table->capacity * 2;
        uint32_t *larger = reallocarray(table->free_slots, capacity, sizeof *larger);
        if (larger == NULL)
            return false;
        table->free_slots = larger;
        table->capacity = capacity;
    }
    *slot = table->slots++;
    return true;
}

enum lifetime_status lifetimes_open(struct lifetimes *table, uint64_t id, enum lifetime_kind kind,
                                    uint32_t *slot)
{
    bool added;
    struct id_entry *entry = put(&table->map, id, &added);
    if (entry == NULL)
        return LIFETIME_NO_MEMORY;
    if (!added)
        return LIFETIME_IS_OPEN;
    if (!take_slot(table, &entry->number)) {
        id_map_remove(&table->map, entry);
        return LIFETIME_NO_MEMORY;
    }
    entry->mark = kind == LIFETIME_STACK ? MARK_STACK : 0;
    *slot = entry->number;
    return LIFETIME_OK;
}

/* The entry of an open lifetime of this kind, or NULL and why there is none. */
static inline struct id_entry *find_open(struct lifetimes *table, size_t home_bucket, uint64_t id,
                                         enum lifetime_kind kind, enum lifetime_status *status)
{
    struct id_entry *entry = find(&table->map, home_bucket, id);
    if (entry == NULL)
        *status = LIFETIME_NOT_OPEN;
    else if (((entry->mark & MARK_STACK) != 0) != (kind == LIFETIME_STACK))
        *status = LIFETIME_WRONG_KIND;
    else
        *status = LIFETIME_OK;
    return *status == LIFETIME_OK ? entry : NULL;
}

enum lifetime_status lifetimes_close(struct lifetimes *table, uint64_t id, enum lifetime_kind kind,
                                     uint32_t *slot)
{
    enum lifetime_status status;
    size_t home_bucket = home(&table->map, id);
    struct id_entry *entry = find_open(table, home_bucket, id, kind, &status);
    if (entry == NULL)
        return status;
    *slot = entry->number;
    remove_entry(&table->map, home_bucket, entry);
    return LIFETIME_OK;
}

enum lifetime_status lifetimes_die(struct lifetimes *table, uint64_t id, enum lifetime_kind kind,
                                   uint32_t *slot)
{
    enum lifetime_status status;
    struct id_entry *entry = find_open(table, home(&table->map, id), id, kind, &status);
    if (entry == NULL)
        return status;
    if ((entry->mark & MARK_DEAD) != 0)
        return LIFETIME_IS_DEAD;
    entry->mark |= MARK_DEAD;
    *slot = entry->number;
    return LIFETIME_OK;
}

void lifetimes_release(struct lifetimes *table, uint32_t slot)
{
    assert(slot < table->slots && table->free_count < table->slots);
    table->free_slots[table->free_count++] = slot;
}
