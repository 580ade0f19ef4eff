/* The two configs that come with the library, Go 1.19 and a malloc's, and its version. */
#include "goheap.h"

#include <string.h>

/* runtime/sizeclasses.go: class_to_size and class_to_allocnpages. */
static const struct goheap_size_class go119_classes[] = {
    {0, 0}, {8, 1}, {16, 1}, {24, 1}, {32, 1}, {48, 1}, {64, 1}, {80, 1}, {96, 1}, {112, 1},
    {128, 1}, {144, 1}, {160, 1}, {176, 1}, {192, 1}, {208, 1}, {224, 1}, {240, 1}, {256, 1},
    {288, 1}, {320, 1}, {352, 1}, {384, 1}, {416, 1}, {448, 1}, {480, 1}, {512, 1}, {576, 1},
    {640, 1}, {704, 1}, {768, 1}, {896, 1}, {1024, 1}, {1152, 1}, {1280, 1}, {1408, 2}, {1536, 1},
    {1792, 2}, {2048, 1}, {2304, 2}, {2688, 1}, {3072, 3}, {3200, 2}, {3456, 3}, {4096, 1},
    {4864, 3}, {5376, 2}, {6144, 3}, {6528, 4}, {6784, 5}, {6912, 6}, {8192, 1}, {9472, 7},
    {9728, 6}, {10240, 5}, {10880, 4}, {12288, 3}, {13568, 5}, {14336, 7}, {16384, 2}, {18432, 9},
    {19072, 7}, {20480, 5}, {21760, 8}, {24576, 3}, {27264, 10}, {28672, 7}, {32768, 4},
};

void goheap_config_go119(struct goheap_config *config)
{
    *config = (struct goheap_config){
        .table.count = sizeof go119_classes / sizeof go119_classes[0],
        .page_shift = 13,
        .tiny_size = 16,
        .tiny_shared = true,
        .noscan_apart = true,
        .page_cache = true,
        .reclaim = GOHEAP_RECLAIM_GC,
        .scavenge_index = GOHEAP_SCAVENGE_FREED,
        .arena_base = UINT64_C(0xc000000000),
        .address_space = UINT64_C(1) << 40,
        /* unsafe.Sizeof(mspan{}) and mcache{} on linux/amd64, and mfixalloc.go's _FixAllocChunk */
        .mspan_bytes = 144,
        .mcache_bytes = 1200,
        .descriptor_chunk = 16 << 10,
        .arena_table_bytes = 2165776,
        .span_block_bytes = 4120,
    };
    memcpy(config->table.classes, go119_classes, sizeof go119_classes);
}

/* Pages of a span for a malloc: 64 objects, whose bits fit into the descriptor; more of the smallest, fewer of the
 * largest. What is not handed out is not touched, so that it costs addresses only. */
static uint32_t malloc_span_pages(uint32_t size)
{
    enum { PAGE = 8 << 10, OBJECTS = 64, MOST_PAGES = 16 };
    uint32_t pages = size * OBJECTS / PAGE;
    return pages == 0 ? 1 : pages > MOST_PAGES ? MOST_PAGES : pages;
}

/* The class after one of a size: an eighth of a power of two more, 16 bytes at least but for the first. */
static uint32_t malloc_next_size(uint32_t size)
{
    if (size < 16)
        return size + 8;
    uint32_t eighth = (UINT32_C(1) << (31 - __builtin_clz(size))) / 8;
    return size + (eighth < 16 ? 16 : eighth);
}

/* Classes of which all that hold 16 bytes or more are multiples of 16, and from 128 on at most a ninth is waste. */
void goheap_config_malloc(struct goheap_config *config)
{
    goheap_config_go119(config);
    config->reclaim = GOHEAP_RECLAIM_IMMEDIATE;
    config->concurrent = true;
    config->tiny_size = 0;
    struct goheap_class_table *table = &config->table;
    table->count = 1;
    for (uint32_t size = 8; size <= 32 << 10; size = malloc_next_size(size))
        table->classes[table->count++] = (struct goheap_size_class){size, malloc_span_pages(size)};
}

#define TEXT_OF(number) #number
#define DOTTED(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

const char *goheap_version(void)
{
    return DOTTED(GOHEAP_VERSION_MAJOR, GOHEAP_VERSION_MINOR, GOHEAP_VERSION_PATCH);
}
