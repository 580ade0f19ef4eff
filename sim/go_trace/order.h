/* What the scheduler of the recorded program was doing: which P and goroutine an M has, and whether an event can be
 * the next one.
 *
 * Clocks of Ms differ; what is certain is the order of each M's events, and numbers that count what happens to each P
 * and goroutine. An event that changes one of these can only follow the one with the number before. */
#ifndef GO_TRACE_ORDER_H
#define GO_TRACE_ORDER_H

#include "go_trace/wire.h"
#include "trace/lifetimes.h"

/* An event as its M wrote it. */
struct go_event {
    uint64_t time;             /* ticks */
    uint64_t offset;           /* in the file */
    uint64_t arg[GO_MAX_ARGS]; /* after the time */
    uint8_t op;                /* enum go_op */
};

/* Who wrote an event. */
struct go_writer {
    uint64_t m;
    uint32_t state; /* of the M in this generation, as go_order_m has found it: its index plus 1; 0: it has not yet */
};

struct go_m_state {
    uint64_t m;
    uint64_t p, g;   /* GO_NONE: none */
    uint64_t last_p; /* the latest that it had; 0: none yet */
};

/* A P's or a goroutine's: status, and the latest number of a change in this generation. */
struct go_sequence {
    uint64_t generation, number;
    uint32_t next_unused; /* of goroutines' */
    uint8_t status;
};

enum { GO_MAX_PS = 1 << 16 };

struct go_order {
    struct id_map by_m; /* to indices into ms */
    struct go_m_state *ms;
    size_t m_count, m_capacity;
    struct go_sequence *ps; /* by number; status 0: never seen */
    size_t p_count;
    struct id_map by_g; /* to indices into gs */
    struct go_sequence *gs;
    uint32_t g_count, g_capacity, g_unused;
    uint64_t generation, first_generation;
    uint64_t gc_number;
    enum { GO_GC_UNKNOWN, GO_GC_OFF, GO_GC_RUNNING } gc;
    const char *broken; /* after GO_ORDER_BROKEN: what was expected */
    bool loose;         /* events are missing: each is the next, and changes nothing but its M. The owner's to set */
};

enum go_order_result {
    GO_ORDER_NEXT,    /* it was the next, and has taken effect */
    GO_ORDER_NOT_YET, /* another M's must come first */
    GO_ORDER_BROKEN,  /* there is no such order */
    GO_ORDER_NO_MEMORY
};

bool go_order_init(struct go_order *order); /* false: no memory */
void go_order_free(struct go_order *order);

/* Another generation begins, the first included. Ms without P and goroutine are forgotten. False: no memory. */
bool go_order_begin_generation(struct go_order *order, uint64_t generation);

/* What go_order_m does at the first event of an M in a generation. */
struct go_m_state *go_order_new_m(struct go_order *order, struct go_writer *writer);

/* The state of an M at one of its events; valid until the next of these calls. NULL: no memory. */
static inline struct go_m_state *go_order_m(struct go_order *order, struct go_writer *writer)
{
    return writer->state != 0 ? &order->ms[writer->state - 1] : go_order_new_m(order, writer);
}

/* The event if it is one of the scheduler's or the collector's; of any other GO_ORDER_NEXT without effect. */
enum go_order_result go_order_take(struct go_order *order, struct go_writer *writer, const struct go_event *event);

#endif
