/* What harnesses hold the readers to. */
#ifndef PROMISES_H
#define PROMISES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace/trace.h"

static inline void check(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "broken promise: %s\n", what);
    abort();
}

/* Of each slot whether it is open: a slot handed out twice would let the replay overwrite an object. */
struct slots {
    unsigned char *taken;
    size_t capacity;
};

static inline void follow_slot(struct slots *slots, const struct trace_event *event)
{
    bool opens = event->op == TRACE_ALLOC || event->op == TRACE_STACKALLOC;
    if (!opens && event->op != TRACE_FREE && event->op != TRACE_STACKFREE && event->op != TRACE_DEAD)
        return;
    if (event->slot >= slots->capacity) {
        size_t capacity = ((size_t)event->slot + 1) * 2;
        slots->taken = realloc(slots->taken, capacity);
        memset(slots->taken + slots->capacity, 0, capacity - slots->capacity);
        slots->capacity = capacity;
    }
    check(slots->taken[event->slot] == !opens, "slots go out when free and end when not");
    if (event->op != TRACE_DEAD)
        slots->taken[event->slot] = opens;
}

#endif
