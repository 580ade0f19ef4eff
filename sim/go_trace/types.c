/* Tables of types, as the runtime's tracetype.go (dumpTypesRec) writes them. */
#include "go_trace/types.h"

#include <stdlib.h>
#include <string.h>

bool go_types_init(struct go_types *types)
{
    memset(types, 0, sizeof *types);
    types->count = 1;
    types->capacity = 64;
    types->list = calloc(types->capacity, sizeof *types->list);
    bool by_address = id_map_init(&types->by_address, id_map_seed());
    bool by_id = id_map_init(&types->by_id, id_map_seed());
    return types->list != NULL && by_address && by_id;
}

void go_types_free(struct go_types *types)
{
    for (size_t i = 1; i < types->count; i++)
        free(types->list[i].name);
    free(types->list);
    types->list = NULL;
    types->count = 0;
    id_map_free(&types->by_address);
    id_map_free(&types->by_id);
}

bool go_types_next_generation(struct go_types *types)
{
    memset(types->low, 0, sizeof types->low);
    id_map_free(&types->by_id);
    return id_map_init(&types->by_id, id_map_seed());
}

static bool is_same(const struct go_type *type, const unsigned char *name, size_t length, uint64_t size)
{
    if (type->name_length != length || type->size != size)
        return false;
    for (size_t i = 0; i < length; i++)
        if (type->name[i] != (name[i] < ' ' || name[i] == 0x7f ? '?' : (char)name[i]))
            return false;
    return true;
}

/* The number of a new type; 0: no memory. */
static uint32_t append(struct go_types *types, const unsigned char *name, size_t length, uint64_t size)
{
    if (types->count == types->capacity) {
        struct go_type *larger = reallocarray(types->list, types->capacity * 2, sizeof *larger);
        if (larger == NULL)
            return 0;
        types->list = larger;
        types->capacity *= 2;
    }
    char *copy = malloc(length + 1);
    if (copy == NULL)
        return 0;
    for (size_t i = 0; i < length; i++)
        copy[i] = name[i] < ' ' || name[i] == 0x7f ? '?' : (char)name[i];
    types->list[types->count] = (struct go_type){.name = copy, .name_length = (uint32_t)length, .size = size};
    return (uint32_t)types->count++;
}

/* A type whose descriptor lies where another's was before is another type. */
static bool put(struct go_types *types, uint64_t id, uint64_t address, const unsigned char *name, size_t length,
                uint64_t size)
{
    bool added;
    struct id_entry *known = id_map_put(&types->by_address, address, &added);
    if (known == NULL)
        return false;
    if (added || !is_same(&types->list[known->number], name, length, size))
        known->number = append(types, name, length, size);
    uint32_t number = known->number;
    if (number == 0)
        return false;
    if (id < GO_LOW_TYPES) {
        types->low[id] = number;
        return true;
    }
    struct id_entry *entry = id_map_put(&types->by_id, id, &added);
    if (entry != NULL)
        entry->number = number;
    return entry != NULL;
}

enum go_table go_types_add(struct go_types *types, const unsigned char **at, const unsigned char *end)
{
    while (*at < end) {
        const unsigned char *from = *at;
        uint64_t id, address, size, pointer_bytes, length;
        if (!go_number(&from, end, &id) || !go_number(&from, end, &address) || !go_number(&from, end, &size) ||
            !go_number(&from, end, &pointer_bytes) || !go_number(&from, end, &length) ||
            length > (uint64_t)(end - from))
            return GO_TABLE_BAD;
        if (!put(types, id, address, from, (size_t)length, size))
            return GO_TABLE_NO_MEMORY;
        *at = from + length;
    }
    return GO_TABLE_OK;
}

uint32_t go_types_look_up(const struct go_types *types, uint64_t id)
{
    const struct id_entry *entry = id_map_find(&types->by_id, id);
    return entry != NULL ? entry->number : 0;
}
