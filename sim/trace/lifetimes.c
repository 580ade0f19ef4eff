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

enum { BUCKET = 4, PASSED_MAX = UINT16_MAX };

/* A folded multiplication: every bit of an id has its say in the lowest bits, for the price of one product. */
static inline uint64_t hash_of(const struct id_map *map, uint64_t id)
{
    __extension__ unsigned __int128 product = (unsigned __int128)(id ^ map->seed) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint64_t)(product >> 64) ^ (uint64_t)product;
}

/* The first entry of the bucket that an id of this hash belongs in. */
static inline size_t bucket_of(const struct id_map *map, uint64_t hash)
{
    return (size_t)(hash * BUCKET) & (map->capacity - 1);
}

static inline size_t home(const struct id_map *map, uint64_t id)
{
    return bucket_of(map, hash_of(map, id));
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

/* The number in its bucket of the first entry that is not used; BUCKET: all are. */
static inline uint32_t vacant_place(const struct id_entry *bucket)
{
    return (uint32_t)__builtin_ctz(~(uint32_t)bucket->used);
}

/* Adds the id, which is not there, to a map with room. A bucket that is passed for ever costs time,
 * and no more. */
static inline struct id_entry *add(struct id_map *map, size_t home_bucket, uint64_t id)
{
    size_t at = home_bucket;
    uint32_t place;
    while ((place = vacant_place(&map->entries[at])) == BUCKET) {
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
        if ((map->entries[i & ~(size_t)(BUCKET - 1)].used >> i % BUCKET & 1) == 0)
            continue;
        struct id_entry *entry = add(&larger, home(&larger, old->id), old->id);
        entry->number = old->number;
        entry->mark = old->mark;
    }
    id_map_free(map);
    *map = larger;
    return true;
}

uint64_t id_map_fetch(const struct id_map *map, uint64_t id)
{
    uint64_t hash = hash_of(map, id);
    __builtin_prefetch(&map->entries[bucket_of(map, hash)], 1);
    return hash;
}

/* Which entries of the bucket have the id, as bits: none, or one. */
static inline uint32_t find_in_bucket(const struct id_entry *bucket, uint64_t id)
{
    _Static_assert(BUCKET == 4, "four comparisons");
    uint32_t low = (uint32_t)(bucket[0].id == id) | (uint32_t)(bucket[1].id == id) << 1;
    uint32_t high = (uint32_t)(bucket[2].id == id) | (uint32_t)(bucket[3].id == id) << 1;
    return (low | high << 2) & bucket->used;
}

/* In a map that has long been in use each bucket may have been passed: so there is an end to the search. */
static inline struct id_entry *find(const struct id_map *map, size_t at, uint64_t id)
{
    for (size_t left = map->capacity; left > 0; left -= BUCKET, at = next_bucket(map, at)) {
        struct id_entry *bucket = &map->entries[at];
        uint32_t found = find_in_bucket(bucket, id);
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

/* With more ids in it, more of them would find their homes full. */
static inline bool is_full(const struct id_map *map)
{
    return map->count >= map->capacity / 8 * 3;
}

static inline struct id_entry *put(struct id_map *map, uint64_t id, bool *added)
{
    size_t bucket = home(map, id);
    struct id_entry *entry = find(map, bucket, id);
    *added = entry == NULL;
    if (entry != NULL)
        return entry;
    if (is_full(map)) {
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
    size_t place = (size_t)(entry - map->entries) % BUCKET;
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

/* a where choose is 1, and b where it is 0. */
static inline uint32_t either(uint32_t choose, uint32_t a, uint32_t b)
{
    return b ^ ((a ^ b) & -choose);
}

/* Whether a lifetime begins or ends, and where in its bucket the id is, no processor can foretell: so that both are the
 * same work, with no branch that depends on it. */
bool lifetimes_pass(struct lifetimes *table, uint64_t id, uint64_t hash, bool begins, enum lifetime_kind kind,
                    uint32_t *slot)
{
    struct id_map *map = &table->map;
    struct id_entry *bucket = &map->entries[bucket_of(map, hash)];
    const uint32_t begin = begins, mark = kind == LIFETIME_STACK ? MARK_STACK : 0, same = find_in_bucket(bucket, id);
    uint32_t place = either(begin, vacant_place(bucket), (uint32_t)__builtin_ctz(same | 1u << BUCKET));
    if (place == BUCKET || table->free_count == 0 || is_full(map))
        return false;
    struct id_entry *entry = &bucket[place];
    if (either(begin, same | bucket->passed, (entry->mark ^ mark) & MARK_STACK) != 0)
        return false;
    uint32_t *top = &table->free_slots[table->free_count - begin];
    *slot = *top = entry->number = either(begin, *top, entry->number);
    table->free_count += 1 - 2 * begin;
    map->count += 2 * (size_t)begin - 1;
    bucket->used = (uint8_t)(bucket->used ^ 1u << place);
    entry->id = id;
    entry->mark = (uint8_t)mark;
    return true;
}
