/* Two tables of hashes, of strings by their bytes and of shapes by theirs. */
#include "trace/ght_dictionary.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_STRINGS = 1024, FIRST_BYTES = 4096, FIRST_SHAPES = 256, SHAPE_SLOTS = 1 << 17 };

_Static_assert(SHAPE_SLOTS >= 2 * GHT_SHAPES_MAX, "at most half of the entries are used");

static uint64_t hash_word(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0xbf58476d1ce4e5b9);
    return hash ^ hash >> 32;
}

static uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t length)
{
    const unsigned char *at = bytes;
    uint64_t hash = hash_word(seed, length), word;
    for (; length >= sizeof word; length -= sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        hash = hash_word(hash, word);
    }
    word = 0;
    memcpy(&word, at, length);
    return hash_word(hash_word(hash, word), seed);
}

bool ght_dictionary_init(struct ght_dictionary *dictionary, uint64_t seed)
{
    *dictionary = (struct ght_dictionary){.seed = seed, .string_slots = FIRST_STRINGS};
    dictionary->string_table = calloc(FIRST_STRINGS, sizeof *dictionary->string_table);
    dictionary->shape_table = calloc(SHAPE_SLOTS, sizeof *dictionary->shape_table);
    return dictionary->string_table != NULL && dictionary->shape_table != NULL;
}

void ght_dictionary_free(struct ght_dictionary *dictionary)
{
    free(dictionary->strings);
    free(dictionary->string_table);
    free(dictionary->shapes);
    free(dictionary->shape_table);
}

/* ---- strings ---- */

static uint32_t length_at(const struct ght_dictionary *dictionary, uint64_t at)
{
    uint32_t length;
    memcpy(&length, dictionary->strings + at, sizeof length);
    return length;
}

static uint64_t *probe_string(const struct ght_dictionary *dictionary, const void *text, uint32_t length)
{
    size_t mask = dictionary->string_slots - 1;
    size_t i = (size_t)hash_bytes(dictionary->seed, text, length) & mask;
    for (uint64_t entry; (entry = dictionary->string_table[i]) != 0; i = (i + 1) & mask)
        if (length_at(dictionary, entry - 1) == length &&
            memcmp(dictionary->strings + entry - 1 + sizeof length, text, length) == 0)
            break;
    return &dictionary->string_table[i];
}

static bool grow_string_table(struct ght_dictionary *dictionary)
{
    uint64_t *old = dictionary->string_table;
    size_t slots = dictionary->string_slots;
    uint64_t *larger = slots <= SIZE_MAX / 2 ? calloc(slots * 2, sizeof *larger) : NULL;
    if (larger == NULL)
        return false;
    dictionary->string_table = larger;
    dictionary->string_slots = slots * 2;
    for (size_t i = 0; i < slots; i++) {
        if (old[i] == 0)
            continue;
        const unsigned char *text = dictionary->strings + old[i] - 1 + sizeof(uint32_t);
        *probe_string(dictionary, text, length_at(dictionary, old[i] - 1)) = old[i];
    }
    free(old);
    return true;
}

static bool append_string(struct ght_dictionary *dictionary, const char *text, uint32_t length)
{
    size_t bytes = dictionary->bytes + sizeof length + length, capacity = dictionary->bytes_capacity;
    if (bytes > capacity) {
        capacity = capacity == 0 ? FIRST_BYTES : capacity * 2;
        capacity = capacity < bytes ? bytes : capacity;
        unsigned char *larger = bytes <= SIZE_MAX / 4 ? realloc(dictionary->strings, capacity) : NULL;
        if (larger == NULL)
            return false;
        dictionary->strings = larger;
        dictionary->bytes_capacity = capacity;
    }
    memcpy(dictionary->strings + dictionary->bytes, &length, sizeof length);
    memcpy(dictionary->strings + dictionary->bytes + sizeof length, text, length);
    dictionary->bytes = bytes;
    return true;
}

bool ght_dictionary_string(struct ght_dictionary *dictionary, const char *text, uint32_t length, uint64_t *at)
{
    if (dictionary->string_count >= dictionary->string_slots / 2 && !grow_string_table(dictionary))
        return false;
    uint64_t *entry = probe_string(dictionary, text, length);
    if (*entry == 0) {
        uint64_t offset = dictionary->bytes;
        if (!append_string(dictionary, text, length))
            return false;
        *entry = offset + 1;
        dictionary->string_count++;
    }
    *at = *entry - 1;
    return true;
}

/* ---- shapes ---- */

static bool make_shape_room(struct ght_dictionary *dictionary)
{
    if (dictionary->shape_count < dictionary->shape_capacity)
        return true;
    uint32_t capacity = dictionary->shape_capacity == 0 ? FIRST_SHAPES : dictionary->shape_capacity * 2;
    struct ght_shape *larger = reallocarray(dictionary->shapes, capacity, sizeof *larger);
    if (larger == NULL)
        return false;
    dictionary->shapes = larger;
    dictionary->shape_capacity = capacity;
    return true;
}

static inline bool is_shape(const struct ght_shape *shape, struct ght_shape_words words)
{
    struct ght_shape_words other;
    memcpy(&other, shape, sizeof other);
    return ((words.word[0] ^ other.word[0]) | (words.word[1] ^ other.word[1]) | (words.word[2] ^ other.word[2])) == 0;
}

enum ght_found ght_dictionary_shape(struct ght_dictionary *dictionary, struct ght_shape_words shape, uint32_t max,
                                    uint32_t *number)
{
    uint64_t hash = hash_word(hash_word(hash_word(dictionary->seed, shape.word[0]), shape.word[1]), shape.word[2]);
    size_t i = (size_t)hash & (SHAPE_SLOTS - 1);
    for (uint32_t entry; (entry = dictionary->shape_table[i]) != 0; i = (i + 1) & (SHAPE_SLOTS - 1)) {
        if (is_shape(&dictionary->shapes[entry - 1], shape)) {
            *number = entry - 1;
            return GHT_FOUND;
        }
    }
    if (dictionary->shape_count >= max)
        return GHT_FULL;
    if (!make_shape_room(dictionary))
        return GHT_NO_MEMORY;
    *number = dictionary->shape_count++;
    memcpy(&dictionary->shapes[*number], &shape, sizeof shape);
    dictionary->shape_table[i] = *number + 1;
    return GHT_FOUND;
}
