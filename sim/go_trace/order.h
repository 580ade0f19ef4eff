/* What the scheduler of the recorded program was doing: which P and goroutine an M has, and whether an event can be
 * the next one.
 *
 * Clocks of Ms differ; what is certain is the order of each M's events, and numbers that count what happens to each P
 * and goroutine. An event that changes one of these can only follow the one with the number before. */
#ifndef GO_TRACE_ORDER_H
#define GO_TRACE_ORDER_H

#include "go_trace/sched.h"

/* An event as its M wrote it. */
struct go_event {
    uint64_t time;             /* ticks */
    uint64_t offset;           /* in the file */
    uint64_t arg[GO_MAX_ARGS]; /* after the time */
    uint8_t op;                /* enum go_op */
};

struct go_order {
    struct go_sched sched;
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

/* Another generation begins, the first included. False: no memory. */
bool go_order_begin_generation(struct go_order *order, uint64_t generation);

/* The event if it is one of the scheduler's or the collector's; of any other GO_ORDER_NEXT without effect. */
enum go_order_result go_order_take(struct go_order *order, struct go_writer *writer, const struct go_event *event);

#endif
