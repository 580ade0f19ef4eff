/* What Go's runtime keeps about the heap, in bytes: nothing that this heap needs, but what MemStats reports, and what
 * counts for a memory limit.
 *
 *     GCSys     arenas' tables + the page allocator's + mark and alloc bits + blocks of span sets
 *     OtherSys  the list of all spans + what is left of the chunks that small tables are cut from
 *
 * All of it is worked out from the heap's extent and from what its spans went through, by the rules and with the sizes
 * of Go's runtime on 64-bit Linux. Follows runtime/malloc.go (sysAlloc, persistentalloc), mpagealloc.go (grow),
 * mpagealloc_64bit.go (sysGrow), mheap.go (newMarkBits, nextMarkBitArenaEpoch, recordspan) and mspanset.go (push, pop,
 * reset) of Go 1.19 and 1.26. Only under reclaim by collection, and not with the page lists of Go up to 1.13.
 */
#include "heap.h"

enum {
    OS_PAGE = 4096,
    WORD = 8,
    BITS_ARENA = 64 << 10, BITS_HEADER = 16, /* gcBitsArena */
    CHUNK_SHIFT = 22,                        /* palloc chunks of 4 MiB */
    CHUNK_GROUP = 1 << 13,                   /* pallocChunksL2Bits: their bits are mapped so many at a time */
    CHUNK_BITS = 128,                        /* bytes of a pallocData */
    SET_ENTRIES = 512,                       /* spanSetBlockEntries */
    SPINE_ENTRIES = 256,                     /* spanSetInitSpineCap */
    PERSISTENT_CHUNK = 256 << 10,            /* persistentChunkSize */
    ALL_SPANS = 8 << 10                      /* recordspan: room at first */
};

/* Address 0 lies in the middle of what is indexed (arenaBaseOffset). */
#define INDEX_OFFSET (UINT64_C(1) << 47)

/* --- mark and alloc bits ------------------------------------------------------------------------------- */

static uint64_t bit_arenas(uint64_t bytes)
{
    return (bytes + BITS_ARENA - BITS_HEADER - 1) / (BITS_ARENA - BITS_HEADER);
}

void gh_metadata_bits(struct goheap *heap, uint64_t slots, unsigned bitmaps)
{
    if (!gh_immediate(heap))
        gh_add(&heap->metadata.bits, (slots + 63) / 64 * WORD * bitmaps);
}

/* Bits that were asked for since the last cycle become current, those before them live on for the sweep. */
static void next_epoch(struct gh_metadata *m)
{
    uint64_t next = bit_arenas(m->bits);
    m->free_arenas = (m->free_arenas > next ? m->free_arenas - next : 0) + m->previous_arenas;
    m->previous_arenas = m->current_arenas;
    m->current_arenas = next;
    m->bits = 0;
}

static uint64_t bits_sys(const struct gh_metadata *m)
{
    uint64_t next = bit_arenas(gh_get(&m->bits));
    uint64_t more = next > m->free_arenas ? next : m->free_arenas;
    return (m->previous_arenas + m->current_arenas + more) * BITS_ARENA;
}

/* --- span sets ----------------------------------------------------------------------------------------- */

static struct gh_set *set_of(struct gh_central *c, const struct gh_list *list)
{
    return list == &c->partial[0] ? &c->sets[0] : list == &c->partial[1] ? &c->sets[1]
           : list == &c->full[0]  ? &c->sets[2]
                                  : &c->sets[3];
}

static void add_blocks(struct gh_metadata *m, uint64_t n)
{
    uint64_t blocks = __atomic_add_fetch(&m->set_blocks, n, __ATOMIC_RELAXED);
    if (blocks > gh_get(&m->set_blocks_peak))
        __atomic_store_n(&m->set_blocks_peak, blocks, __ATOMIC_RELAXED);
}

void gh_metadata_push(struct goheap *heap, struct gh_central *c, const struct gh_list *list)
{
    struct gh_set *set = set_of(c, list);
    if (set->tail++ % SET_ENTRIES != 0)
        return;
    add_blocks(&heap->metadata, 1);
    uint64_t blocks = (set->tail + SET_ENTRIES - 1) / SET_ENTRIES;
    if (blocks <= set->spine)
        return;
    set->spine = set->spine ? set->spine * 2 : SPINE_ENTRIES;
    gh_add(&heap->metadata.spines, set->spine * (uint64_t)WORD);
}

void gh_metadata_pop(struct goheap *heap, struct gh_central *c, const struct gh_list *list)
{
    if (++set_of(c, list)->head % SET_ENTRIES == 0)
        gh_add(&heap->metadata.set_blocks, UINT64_MAX);
}

uint64_t gh_set_blocks(const struct gh_set *set)
{
    return (set->tail + SET_ENTRIES - 1) / SET_ENTRIES - set->head / SET_ENTRIES;
}

/* spanSet.reset, of all that a sweep has emptied. */
static void reset_sets(struct goheap *heap)
{
    unsigned unswept = 1 - heap->sweep_gen / 2 % 2;
    for (unsigned i = 0; i < heap->span_classes; i++)
        for (unsigned k = unswept; k < 4; k += 2) {
            struct gh_set *set = &heap->central[i].sets[k];
            gh_add(&heap->metadata.set_blocks, -gh_set_blocks(set));
            set->head = set->tail = 0;
        }
}

void gh_metadata_swept(struct goheap *heap)
{
    next_epoch(&heap->metadata);
    reset_sets(heap);
}

/* --- totals -------------------------------------------------------------------------------------------- */

/* OS pages that hold items first to end - 1 of a table. */
static uint64_t table_sys(uint64_t first, uint64_t end, uint64_t item_bytes)
{
    uint64_t from = first * item_bytes / OS_PAGE;
    return ((end * item_bytes + OS_PAGE - 1) / OS_PAGE - from) * OS_PAGE;
}

/* Summaries, chunks' bits and the scavenger's index (pageAlloc.grow). */
static uint64_t page_alloc_sys(const struct goheap *heap)
{
    const uint64_t first = (heap->base + INDEX_OFFSET) >> CHUNK_SHIFT;
    const uint64_t end = (gh_get(&heap->grown) + INDEX_OFFSET) >> CHUNK_SHIFT;
    uint64_t bytes = 0;
    for (unsigned level = 0; level < GH_SUMMARY_LEVELS; level++) {
        unsigned shift = level * GH_SUMMARY_FANOUT_LOG; /* from the leaves up, in blocks of eight below the root */
        uint64_t block = level + 1 < GH_SUMMARY_LEVELS ? 1 << GH_SUMMARY_FANOUT_LOG : 1;
        uint64_t from = (first >> shift) / block * block;
        uint64_t to = (((end - 1) >> shift) / block + 1) * block;
        bytes += table_sys(from, to, WORD);
    }
    bytes += ((end - 1) / CHUNK_GROUP - first / CHUNK_GROUP + 1) * CHUNK_GROUP * CHUNK_BITS;
    /* Go 1.19 maps its index, a bit a chunk, from the lowest address there is. */
    return bytes + (heap->config.scavenge_index == GOHEAP_SCAVENGE_FREED ? table_sys(0, (end + 7) / 8, 1)
                                                                         : table_sys(first, end, WORD));
}

/* The list of arenas doubles, and what it outgrew stays. */
static uint64_t arena_list_sys(uint64_t arenas)
{
    uint64_t bytes = OS_PAGE, all = OS_PAGE;
    for (; bytes / WORD < arenas; all += bytes)
        bytes *= 2;
    return all;
}

/* What is cut from persistentalloc's chunks. */
static uint64_t small_tables(const struct goheap *heap, uint64_t arenas)
{
    const struct gh_metadata *m = &heap->metadata;
    return gh_get(&m->set_blocks_peak) * heap->config.span_block_bytes + gh_get(&m->spines) + arena_list_sys(arenas);
}

struct gh_metadata_sys gh_metadata_sys(const struct goheap *heap)
{
    struct gh_metadata_sys sys = {0, 0};
    const uint64_t grown = gh_get(&heap->grown) - heap->base;
    if (gh_immediate(heap) || heap->config.page_heap != GOHEAP_PAGES_RADIX || grown == 0)
        return sys;
    const uint64_t arenas = (grown + GH_ARENA_BYTES - 1) >> GH_ARENA_SHIFT;
    const uint64_t small = small_tables(heap, arenas);
    sys.gc = arenas * heap->config.arena_table_bytes + page_alloc_sys(heap) + bits_sys(&heap->metadata) + small;
    uint64_t spans = ALL_SPANS;
    while (spans < gh_get(&heap->descriptors.made))
        spans = spans * 3 / 2;
    sys.other = spans * WORD + (small + PERSISTENT_CHUNK - 1) / PERSISTENT_CHUNK * PERSISTENT_CHUNK - small;
    return sys;
}
