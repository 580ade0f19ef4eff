/* What a writer of binary traces has told its file once and for all: labels and shapes (trace/ght_format.h).
 *
 * Invariant: what has been added stays where it is; [written, count) is still to be written to the file. */
#ifndef GHT_DICTIONARY_H
#define GHT_DICTIONARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/ght_format.h"

struct ght_dictionary {
    unsigned char *strings; /* as they stand in the file's blocks */
    size_t bytes, bytes_written, bytes_capacity;
    uint64_t *string_table; /* open addressing, at most half full: offset of the string + 1; 0: unused */
    size_t string_count, string_slots;
    struct ght_shape *shapes;
    uint32_t shape_count, shapes_written, shape_capacity;
    uint32_t *shape_table; /* the same: number of the shape + 1 */
    uint64_t seed;
};

/* What is written does not depend on the seed: it keeps labels that were chosen to collide from making the tables slow.
 * False: no memory. ght_dictionary_free may be called in either case. */
bool ght_dictionary_init(struct ght_dictionary *dictionary, uint64_t seed);
void ght_dictionary_free(struct ght_dictionary *dictionary);

/* Where the string is in the file. False: no memory. */
bool ght_dictionary_string(struct ght_dictionary *dictionary, const char *text, uint32_t length, uint64_t *at);

/* A shape as it stands in the file, as words: what is put together in bytes and read as words keeps a processor
 * waiting. type: a string, or 0; noscan and align_log2 as struct ght_shape has them. */
struct ght_shape_words {
    uint64_t word[3];
};

_Static_assert(sizeof(struct ght_shape_words) == sizeof(struct ght_shape), "a shape is three words");

static inline struct ght_shape_words ght_shape_words(uint8_t op, uint16_t present, uint16_t given, uint64_t size,
                                                     uint64_t type, unsigned noscan, unsigned align_log2)
{
    _Static_assert(offsetof(struct ght_shape, present) == 16 && offsetof(struct ght_shape, given) == 18 &&
                   offsetof(struct ght_shape, op) == 20 && offsetof(struct ght_shape, noscan) == 21 &&
                   offsetof(struct ght_shape, align_log2) == 22, "where the last word has them");
    uint64_t rest = present | (uint64_t)given << 16 | (uint64_t)op << 32 | (uint64_t)noscan << 40 |
                    (uint64_t)align_log2 << 48;
    return (struct ght_shape_words){{size, type, rest}};
}

enum ght_found { GHT_FOUND, GHT_FULL, GHT_NO_MEMORY };

/* The number of a shape, which is added if it is not there and there are fewer than max. */
enum ght_found ght_dictionary_shape(struct ght_dictionary *dictionary, struct ght_shape_words shape, uint32_t max,
                                    uint32_t *number);

#endif
