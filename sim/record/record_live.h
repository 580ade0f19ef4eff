/* The blocks that are live at one moment of a recording: address -> lifetime. Open addressing
 * with linear probing; removal shifts back what follows, so there are no tombstones and the
 * memory is proportional to the most blocks that were ever live at once. */
#ifndef RECORD_LIVE_H
#define RECORD_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct live_block {
    uint64_t address; /* 0: an empty place */
    uint64_t id;
    uint64_t size; /* bytes asked for */
};

struct live_blocks {
    struct live_block *places;
    size_t mask; /* places - 1; a power of two less one */
    size_t count;
    uint64_t bytes;
};

bool live_blocks_init(struct live_blocks *live);
void live_blocks_destroy(struct live_blocks *live);

/* NULL if nothing lives there. Valid until the next add or remove. */
struct live_block *live_blocks_find(const struct live_blocks *live, uint64_t address);

/* The address must not be live. False when memory is exhausted. */
bool live_blocks_add(struct live_blocks *live, struct live_block block);

/* `block` comes from live_blocks_find. */
void live_blocks_remove(struct live_blocks *live, struct live_block *block);

#endif
