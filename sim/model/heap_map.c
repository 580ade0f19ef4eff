/* Looking at the heap's pages, and making room for more time and more addresses. */
#include "model/heap_map.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_WIDTH_NS = 1000, FIRST_ROW_BYTES = 8192 };

/* What a look costs, in events: so many for each run of pages, and one for so many bytes of free pages, whose bits are
 * gone through. Looking takes less than a tenth of a replay's time, then. */
enum { EVENTS_A_RUN = 2, FREE_BYTES_AN_EVENT = 32 << 20 };

struct heap_map *heap_map_new(bool at_any_cost)
{
    struct heap_map *map = calloc(1, sizeof *map);
    if (!map)
        return NULL;
    map->width_ns = FIRST_WIDTH_NS;
    map->row_bytes = FIRST_ROW_BYTES;
    map->at_any_cost = at_any_cost;
    return map;
}

/* --- room ---------------------------------------------------------------------------------------------- */

/* Two columns become one, which keeps the earlier look. */
static void widen(struct heap_map *map)
{
    for (unsigned i = 0; i < HEAP_MAP_COLUMNS / 2; i++) {
        unsigned from = map->columns[2 * i].looked ? 2 * i : 2 * i + 1;
        if (from != i)
            map->columns[i] = map->columns[from];
    }
    memset(&map->columns[HEAP_MAP_COLUMNS / 2], 0, HEAP_MAP_COLUMNS / 2 * sizeof map->columns[0]);
    map->width_ns *= 2;
}

static void add(struct heap_map_cell *sum, const struct heap_map_cell *cell)
{
    sum->objects += cell->objects;
    sum->live += cell->live;
    sum->stacks += cell->stacks;
    sum->free += cell->free;
    sum->released += cell->released;
}

/* Two rows become one. */
static void heighten(struct heap_map *map)
{
    for (unsigned i = 0; i < HEAP_MAP_COLUMNS; i++) {
        struct heap_map_cell *rows = map->columns[i].rows;
        for (unsigned r = 0; r < HEAP_MAP_ROWS / 2; r++) {
            struct heap_map_cell sum = rows[2 * r];
            add(&sum, &rows[2 * r + 1]);
            rows[r] = sum;
        }
        memset(&rows[HEAP_MAP_ROWS / 2], 0, HEAP_MAP_ROWS / 2 * sizeof rows[0]);
    }
    map->row_bytes *= 2;
}

/* --- looking ------------------------------------------------------------------------------------------- */

static struct heap_map_cell cell_of(const struct goheap_run *run)
{
    switch (run->kind) {
    case GOHEAP_RUN_OBJECTS:
        return (struct heap_map_cell){.objects = run->bytes, .live = run->live * run->slot_bytes};
    case GOHEAP_RUN_STACKS:
        return (struct heap_map_cell){.stacks = run->bytes};
    case GOHEAP_RUN_FREE:
    case GOHEAP_RUN_CACHED:
        break;
    }
    return (struct heap_map_cell){.free = run->bytes - run->released, .released = run->released};
}

/* So much of n as falls on the first `part` of `all` bytes. */
static uint64_t share(uint64_t n, uint64_t part, uint64_t all)
{
    return part == all ? n : (uint64_t)((double)n * ((double)part / (double)all));
}

/* What falls on bytes [from, to) of `all`; over adjoining ranges it adds up to the whole. */
static struct heap_map_cell cut(const struct heap_map_cell *c, uint64_t from, uint64_t to, uint64_t all)
{
    return (struct heap_map_cell){
        .objects = share(c->objects, to, all) - share(c->objects, from, all),
        .live = share(c->live, to, all) - share(c->live, from, all),
        .stacks = share(c->stacks, to, all) - share(c->stacks, from, all),
        .free = share(c->free, to, all) - share(c->free, from, all),
        .released = share(c->released, to, all) - share(c->released, from, all),
    };
}

/* A run that lies in several rows. */
static void spread(struct heap_map *map, const struct heap_map_cell *whole, uint64_t offset, uint64_t bytes)
{
    for (uint64_t done = 0; done < bytes;) {
        uint64_t row = (offset + done) / map->row_bytes, end = (row + 1) * map->row_bytes - offset;
        struct heap_map_cell part = cut(whole, done, end < bytes ? end : bytes, bytes);
        add(&map->now->rows[row], &part);
        done = end;
    }
}

static void see(void *user, const struct goheap_run *run)
{
    struct heap_map *map = user;
    while ((run->offset + run->bytes - 1) / map->row_bytes >= HEAP_MAP_ROWS)
        heighten(map);
    struct heap_map_cell whole = cell_of(run);
    uint64_t row = run->offset / map->row_bytes;
    if (run->offset + run->bytes <= (row + 1) * map->row_bytes)
        add(&map->now->rows[row], &whole);
    else
        spread(map, &whole, run->offset, run->bytes);
    map->cost += EVENTS_A_RUN + (run->kind == GOHEAP_RUN_FREE ? run->bytes / FREE_BYTES_AN_EVENT : 0);
}

void heap_map_look(struct heap_map *map, const struct goheap *heap, uint64_t now, uint64_t events)
{
    if (now < map->due_ns || (events < map->due_events && !map->at_any_cost))
        return;
    while (now / map->width_ns >= HEAP_MAP_COLUMNS)
        widen(map);
    map->due_ns = (now / map->width_ns + 1) * map->width_ns;
    map->now = &map->columns[now / map->width_ns];
    if (map->now->looked)
        return;
    map->now->looked = true;
    map->now->looked_ns = now;
    map->cost = 0;
    goheap_walk(heap, see, map);
    map->due_events += map->cost;
}

unsigned heap_map_height(const struct heap_map *map)
{
    static const struct heap_map_cell none;
    unsigned height = 0;
    for (unsigned i = 0; i < HEAP_MAP_COLUMNS; i++)
        for (unsigned r = height; r < HEAP_MAP_ROWS; r++)
            if (memcmp(&map->columns[i].rows[r], &none, sizeof none) != 0)
                height = r + 1;
    return height;
}
