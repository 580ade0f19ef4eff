/* Events of spans and of the objects in them. */
#ifndef GO_TRACE_HEAP_OBJECTS_H
#define GO_TRACE_HEAP_OBJECTS_H

#include "go_trace/heap_events.h"

/* forced as frontier.h has it. */
enum go_take go_heap_span_take(struct go_heap_events *events, const struct go_m_state *m, const struct go_event *event,
                               bool forced);
enum go_take go_heap_span_free(struct go_heap_events *events, const struct go_m_state *m,
                               const struct go_event *event);
/* One that was there when the trace began: allocated at time 0. */
enum go_take go_heap_object_exists(struct go_heap_events *events, const struct go_m_state *m,
                                   const struct go_event *event);
enum go_take go_heap_object_alloc(struct go_heap_events *events, const struct go_m_state *m,
                                  const struct go_event *event, bool forced);
enum go_take go_heap_object_free(struct go_heap_events *events, const struct go_m_state *m,
                                 const struct go_event *event, bool forced);

#endif
