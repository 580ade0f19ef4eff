/* What a writer of binary traces has told its file once and for all: labels and shapes (trace/ght_format.h).
 *
 * Invariant: what has been added stays where it is; [written, count) is still to be written to the file. */
#ifndef GHT_DICTIONARY_H
#define GHT_DICTIONARY_H

#include <stdbool.h>
#include <stddef.h>

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

enum ght_found { GHT_FOUND, GHT_FULL, GHT_NO_MEMORY };

/* The number of a shape, which is added if it is not there and there are fewer than max. */
enum ght_found ght_dictionary_shape(struct ght_dictionary *dictionary, const struct ght_shape *shape, uint32_t max,
                                    uint32_t *number);

#endif
