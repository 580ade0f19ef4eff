/* The heap's address range over time: what each part of it held whenever it was looked at.
 *
 *        address ^  rows of row_bytes; twice as many bytes a row when the heap outgrows them
 *                |
 *                +------> time: columns of width_ns; twice as long, every other one dropped, when the run does
 *
 * A cell adds up what its pages held at the one moment in its column that was looked at: the first at which all
 * looks together had cost little beside the events. Columns may have none.
 */
#ifndef HEAP_MAP_H
#define HEAP_MAP_H

#include "goheap.h"

enum { HEAP_MAP_COLUMNS = 200, HEAP_MAP_ROWS = 128 };

/* Bytes of pages: in spans of objects, and of live slots in them; in spans of stacks; free; given back. */
struct heap_map_cell {
    uint64_t objects, live, stacks, free, released;
};

struct heap_map_column {
    bool looked;
    uint64_t looked_ns;
    struct heap_map_cell rows[HEAP_MAP_ROWS];
};

struct heap_map {
    uint64_t row_bytes;
    uint64_t width_ns;
    bool at_any_cost;
    uint64_t due_ns, due_events; /* when to look again: past both, or past the first at any cost */
    uint64_t cost;      /* of the look under way, in events */
    struct heap_map_column *now; /* the column under way */
    struct heap_map_column columns[HEAP_MAP_COLUMNS];
};

/* An empty map, for free(); NULL if there is no memory. at_any_cost: however few events there are. */
struct heap_map *heap_map_new(bool at_any_cost);
/* Looks at the heap if it is time to. The world is stopped; `now` never goes back; `events` have been executed. */
void heap_map_look(struct heap_map *map, const struct goheap *heap, uint64_t now, uint64_t events);
/* Rows that ever held anything. */
unsigned heap_map_height(const struct heap_map *map);

#endif
