/* Address -> lifetime for the merge of a recording. Invariant: no empty place lies between where
 * an address hashes to and where it is kept. */
#include "record/record_live.h"

#include <stdlib.h>

enum { FIRST_PLACES = 1024 };

/* Multiplicative: allocators hand out addresses whose low bits are all alike. */
static size_t home(const struct live_blocks *live, uint64_t address)
{
    return (size_t)((address * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & live->mask;
}

bool live_blocks_init(struct live_blocks *live)
{
    *live = (struct live_blocks){.mask = FIRST_PLACES - 1};
    live->places = calloc(FIRST_PLACES, sizeof *live->places);
    return live->places != NULL;
}

void live_blocks_destroy(struct live_blocks *live)
{
    free(live->places);
    live->places = NULL;
}

/* Where the address is, or the empty place where it belongs. */
static struct live_block *probe(const struct live_blocks *live, uint64_t address)
{
    size_t i = home(live, address);
    while (live->places[i].address != 0 && live->places[i].address != address)
        i = (i + 1) & live->mask;
    return &live->places[i];
}

struct live_block *live_blocks_find(const struct live_blocks *live, uint64_t address)
{
    struct live_block *block = probe(live, address);
    return block->address != 0 ? block : NULL;
}

static bool grow(struct live_blocks *live)
{
    struct live_blocks larger = *live;
    larger.mask = 2 * live->mask + 1;
    larger.places = calloc(larger.mask + 1, sizeof *larger.places);
    if (larger.places == NULL)
        return false;
    for (size_t i = 0; i <= live->mask; i++) {
        if (live->places[i].address != 0)
            *probe(&larger, live->places[i].address) = live->places[i];
    }
    free(live->places);
    *live = larger;
    return true;
}

bool live_blocks_add(struct live_blocks *live, struct live_block block)
{
    if (2 * live->count > live->mask && !grow(live))
        return false;
    *probe(live, block.address) = block;
    live->count++;
    live->bytes += block.size;
    return true;
}

void live_blocks_remove(struct live_blocks *live, struct live_block *block)
{
    live->count--;
    live->bytes -= block->size;
    size_t hole = (size_t)(block - live->places);
    size_t i = hole;
    while (live->places[i = (i + 1) & live->mask].address != 0) {
        /* A block may fill the hole unless it would then come before its home. */
        size_t from_home = (i - home(live, live->places[i].address)) & live->mask;
        if (from_home < ((i - hole) & live->mask))
            continue;
        live->places[hole] = live->places[i];
        hole = i;
    }
    live->places[hole].address = 0;
}
