/* Events of goroutine stacks. */
#ifndef GO_TRACE_HEAP_STACKS_H
#define GO_TRACE_HEAP_STACKS_H

#include "go_trace/heap_events.h"

/* The event if the M's next is of a stack: one that was there, an allocation or a free. */
enum go_take go_heap_stacks_take(struct go_heap_events *events, const struct go_m_state *m,
                                 const struct go_event *event);

#endif
