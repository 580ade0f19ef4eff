/* What a trace asks of the size classes: how many objects of each size there were, counted in three ways as its events
 * go by.
 *
 *     struct trace_event --demand_take--> struct demand --demand_weights--> one number a size and kind
 *
 * Only objects that a table decides about are counted. A size is that of the slot an object needs: its requested bytes,
 * and the header where the configuration has one before objects with pointers; with an alignment of its own, the next
 * multiple of that. Left out are tiny objects without pointers, which share blocks of one class that every table has,
 * large objects, those of no bytes, and goroutine stacks.
 *
 * Invariant: nothing grows with the trace but by the most objects live at once. */
#ifndef CLASSES_DEMAND_H
#define CLASSES_DEMAND_H

#include "base/error.h"
#include "size_class.h"
#include "trace/trace.h"

__extension__ typedef unsigned __int128 wide;

enum { DEMAND_SIZES = GH_MAX_SMALL + 1, DEMAND_KINDS = 2 /* 0 with pointers, 1 without, as core's flags */ };

enum demand_objective {
    DEMAND_INTERNAL, /* every object allocated counts once */
    DEMAND_INUSE,    /* by how long it lives: how many there are on average */
    DEMAND_PEAK      /* those live when the most requested bytes are, for the first time */
};

struct demand_object;

struct demand {
    struct gh_size_classes rules; /* of headers, and of what is large */
    uint32_t tiny_size, page; /* bytes */
    uint64_t allocated[DEMAND_KINDS][DEMAND_SIZES], live[DEMAND_KINDS][DEMAND_SIZES], peak[DEMAND_KINDS][DEMAND_SIZES];
    wide lived[DEMAND_KINDS][DEMAND_SIZES];      /* live objects, summed up over time, */
    uint64_t counted[DEMAND_KINDS][DEMAND_SIZES]; /* up to this time */
    uint32_t changed[DEMAND_KINDS * DEMAND_SIZES]; /* where live may differ from peak: each once */
    bool is_changed[DEMAND_KINDS][DEMAND_SIZES];
    uint32_t changed_count;
    uint64_t objects, tiny, large, empty; /* counted, and left out */
    uint64_t live_bytes, peak_bytes;      /* requested, of all objects */
    bool timed, begun;
    uint64_t begin, now; /* ns; where the trace has no times, events */
    struct demand_object *live_objects; /* by slot */
    size_t capacity;
};

/* A few MiB: not for the stack. NULL: no memory. The config has passed its check. */
struct demand *demand_new(const struct goheap_config *config);
void demand_free(struct demand *demand);

/* The next event; timed: whether the trace has times. False with *error: no memory, or more bytes than can be counted.
 * The caller releases the event's slot. */
bool demand_take(struct demand *demand, const struct trace_event *event, bool timed, struct error *error);

/* One objective's numbers. Their sum is below 2^63: where it would not be, all are divided by a power of two. */
struct demand_weights {
    uint64_t of[DEMAND_KINDS][DEMAND_SIZES];
    double objects; /* that a weight of 1 stands for */
};

/* After the last event. The caller frees them; NULL with *error: no memory, or no time in which objects were live. */
struct demand_weights *demand_weights(struct demand *demand, enum demand_objective objective, struct error *error);

#endif
