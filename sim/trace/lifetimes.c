/* Tables from ids to dense numbers, and the slots of lifetimes. The invariants stand in the header;
 * the one that takes work is the map's "no unused entry between home and entry": a removal moves
 * later entries of the same run back into the hole instead of leaving a tombstone, so that a map does
 * not wear out however long the trace is. */
#include "trace/lifetimes.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

enum { FIRST_CAPACITY = 64 };

enum { MARK_STACK = 1, MARK_DEAD = 2 }; /* bits of an entry's mark */

/* The finaliser of splitmix64: a bijection, so that ids differ in hash as they differ. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* Ids that differ in their lowest NEAR bits only have homes side by side, as they are often opened and looked for one
 * after the other: a table that is larger than the caches is then read a line or a page at a time. */
enum { NEAR = 5 };

static size_t home(const struct id_map *map, uint64_t id)
{
    uint64_t group = mix((id >> NEAR) + map->seed) << NEAR;
    return (size_t)(group | (id & ((1u << NEAR) - 1))) & (map->capacity - 1);
}

/* Where the id is, or the unused entry at which it would be added. */
static struct id_entry *probe(const struct id_map *map, uint64_t id)
{
    size_t i = home(map, id);
    while (map->entries[i].used && map->entries[i].id != id)
        i = (i + 1) & (map->capacity - 1);
    return &map->entries[i];
}

uint64_t id_map_seed(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed)
        return UINT64_C(0x9e3779b97f4a7c15);
    return seed;
}

bool id_map_init(struct id_map *map, uint64_t seed)
{
    map->entries = calloc(FIRST_CAPACITY, sizeof *map->entries);
    map->capacity = FIRST_CAPACITY;
    map->count = 0;
    map->seed = seed;
    return map->entries != NULL;
}

void id_map_free(struct id_map *map)
{
    free(map->entries);
    map->entries = NULL;
}

static bool grow(struct id_map *map)
{
    if (map->capacity > SIZE_MAX / 2)
        return false;
    struct id_map larger = *map;
    larger.capacity = map->capacity * 2;
    larger.entries = calloc(larger.capacity, sizeof *larger.entries);
    if (larger.entries == NULL)
        return false;
    for (size_t i = 0; i < map->capacity; i++)
        if (map->entries[i].used)
            *probe(&larger, map->entries[i].id) = map->entries[i];
    free(map->entries);
    *map = larger;
    return true;
}

struct id_entry *id_map_find(const struct id_map *map, uint64_t id)
{
    struct id_entry *entry = probe(map, id);
    return entry->used ? entry : NULL;
}

struct id_entry *id_map_put(struct id_map *map, uint64_t id, bool *added)
{
    struct id_entry *entry = probe(map, id);
    *added = !entry->used;
    if (entry->used)
        return entry;
    if (map->count >= map->capacity / 2) {
        if (!grow(map))
            return NULL;
        entry = probe(map, id);
    }
    *entry = (struct id_entry){.id = id, .used = true};
    map->count++;
    return entry;
}

void id_map_remove(struct id_map *map, struct id_entry *entry)
{
    size_t mask = map->capacity - 1;
    size_t hole = (size_t)(entry - map->entries);
    for (size_t i = (hole + 1) & mask; map->entries[i].used; i = (i + 1) & mask) {
        size_t from_home = (i - home(map, map->entries[i].id)) & mask;
        if (from_home >= ((i - hole) & mask)) { /* its home is not past the hole */
            map->entries[hole] = map->entries[i];
            hole = i;
        }
    }
    map->entries[hole].used = false;
    map->count--;
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
static bool take_slot(struct lifetimes *table, uint32_t *slot)
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
    struct id_entry *entry = id_map_put(&table->map, id, &added);
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
static struct id_entry *find_open(struct lifetimes *table, uint64_t id, enum lifetime_kind kind,
                                  enum lifetime_status *status)
{
    struct id_entry *entry = id_map_find(&table->map, id);
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
    struct id_entry *entry = find_open(table, id, kind, &status);
    if (entry == NULL)
        return status;
    *slot = entry->number;
    id_map_remove(&table->map, entry);
    return LIFETIME_OK;
}

enum lifetime_status lifetimes_die(struct lifetimes *table, uint64_t id, enum lifetime_kind kind,
                                   uint32_t *slot)
{
    enum lifetime_status status;
    struct id_entry *entry = find_open(table, id, kind, &status);
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
