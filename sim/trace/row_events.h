/* Any file's rows as the events that a replay reads. */
#ifndef ROW_EVENTS_H
#define ROW_EVENTS_H

#include "trace/row.h"

/* Takes the rows over: closes them with the source, or at once if it returns NULL (*error says why). stream_by:
 * TRACE_STREAM_BY_P or _G. */
struct trace_source *row_events_open(struct row_source *rows, int stream_by, struct error *error);

#endif
