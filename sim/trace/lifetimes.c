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

enum { PASSED_MAX = UINT16_MAX };

static inline size_t home(const struct id_map *map, uint64_t id)
{
    return (size_t)(id_map_bucket(map, id_map_hash(map, id)) - map->entries);
}

static size_t next_bucket(const struct id_map *map, size_t bucket)
{
    return (bucket + ID_BUCKET) & (map->capacity - 1);
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
    map->entries = bytes >= LARGE ? pages_alloc(bytes) : aligned_alloc(ID_BUCKET * sizeof *map->entries, bytes);
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
    size_t at = home_bucket;
    uint32_t place;
    while ((place = id_bucket_vacant(&map->entries[at])) == ID_BUCKET) {
        if (map->entries[at].passed < PASSED_MAX)
            map->entries[at].passed++;
        at = next_bucket(map, at);
    }
    struct id_entry *bucket = &map->entries[at];
    bucket->used = (uint8_t)(bucket->used | 1u << place);
    bucket[place].id = id;
    bucket[place].number = 0;
    bucket[place].mark = 0;
    return &bucket[place];
}

static bool grow(struct id_map *map)
{
    struct id_map larger = *map;
    larger.capacity *= 2;
    if (map->capacity > SIZE_MAX / 2 / sizeof *map->entries || !alloc_entries(&larger))
        return false;
    for (size_t i = 0; i < map->capacity; i++) {
        const struct id_entry *old = &map->entries[i];
        if ((map->entries[i & ~(size_t)(ID_BUCKET - 1)].used >> i % ID_BUCKET & 1) == 0)
            continue;
        struct id_entry *entry = add(&larger, home(&larger, old->id), old->id);
        entry->number = old->number;
        entry->mark = old->mark;
    }
    id_map_free(map);
    *map = larger;
    return true;
}

/* In a map that has long been in use each bucket may have been passed: so there is an end to the search. */
static inline struct id_entry *find(const struct id_map *map, size_t at, uint64_t id)
{
    for (size_t left = map->capacity; left > 0; left -= ID_BUCKET, at = next_bucket(map, at)) {
        struct id_entry *bucket = &map->entries[at];
        uint32_t found = id_bucket_find(bucket, id);
        if (found != 0)
            return &bucket[__builtin_ctz(found)];
        if (bucket->passed == 0)
            return NULL;
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
    if (id_map_is_full(map)) {
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
    size_t place = (size_t)(entry - map->entries) % ID_BUCKET;
    struct id_entry *bucket = entry - place;
    for (size_t at = home_bucket; &map->entries[at] != bucket; at = next_bucket(map, at))
        if (map->entries[at].passed < PASSED_MAX)
            map->entries[at].passed--;
    bucket->used = (uint8_t)(bucket->used & ~(1u << place));
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

/* As many again, all of which are free: the stack was empty. The lowest comes to lie on top. */
static bool add_slots(struct lifetimes *table)
{
    uint32_t had = table->slots, slots = had == 0 ? FIRST_CAPACITY : had <= UINT32_MAX / 2 ? had * 2 : UINT32_MAX;
    uint32_t *larger = slots > had ? reallocarray(table->free_slots, slots, sizeof *larger) : NULL;
    if (larger == NULL)
        return false;
    table->free_slots = larger;
    table->slots = slots;
    while (slots > had)
        larger[table->free_count++] = --slots;
    return true;
}

static inline bool take_slot(struct lifetimes *table, uint32_t *slot)
{
    if (table->free_count == 0 && !add_slots(table))
        return false;
    *slot = table->free_slots[--table->free_count];
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
    entry->mark = kind == LIFETIME_STACK ? LIFETIME_MARK_STACK : 0;
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
    else if (((entry->mark & LIFETIME_MARK_STACK) != 0) != (kind == LIFETIME_STACK))
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
    if ((entry->mark & LIFETIME_MARK_DEAD) != 0)
        return LIFETIME_IS_DEAD;
    entry->mark |= LIFETIME_MARK_DEAD;
    *slot = entry->number;
    return LIFETIME_OK;
}

void lifetimes_release(struct lifetimes *table, uint32_t slot)
{
    assert(slot < table->slots && table->free_count < table->slots);
    table->free_slots[table->free_count++] = slot;
}
