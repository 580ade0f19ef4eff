/* Figures about a trace, counted as its rows go by.
 *
 *   struct trace_row + struct trace_event --figures_take--> struct figures --+--> text
 *                                                                            +--> JSON
 *                                                                            +--> CSV
 *
 * An object lives from its alloc to its dead or its free, whichever comes first; goroutine stacks are not objects.
 * Memory is bounded by the most objects live at once. */
#ifndef FIGURES_H
#define FIGURES_H

#include <jansson.h>
#include <stdio.h>

#include "goheap.h"
#include "info/spread.h"
#include "info/streams.h"
#include "size_class.h"
#include "trace/row.h"

enum { FIGURES_META = 64 /* meta rows that are kept */, FIGURES_META_TEXT = 256 /* bytes of each */ };

struct figures_class { /* of one size class, as the configuration has it */
    uint64_t objects, bytes, live, peak_live;
};

struct figures_peak {
    uint64_t objects, bytes; /* live, at the same moment */
    uint64_t t_ns, line;     /* when: of the row that reached it */
};

struct figures_object;

struct figures {
    const struct gh_size_classes *classes; /* the caller's */
    uint64_t rows[ROW_OPS];
    char meta[FIGURES_META][FIGURES_META_TEXT]; /* "key=value", cut off if longer */
    size_t meta_count;                          /* of those kept */
    struct streams ps, gs;                      /* gs only if the rows have a g */
    bool timed;                                 /* the first event's row has a time */
    uint64_t duration_ns;                       /* the latest time */

    uint64_t objects, bytes, noscan_objects, noscan_bytes; /* allocated */
    uint64_t ended, elsewhere; /* lives that ended; on another P than they began on */
    uint64_t live, live_bytes;
    struct figures_peak peak_objects, peak_bytes; /* the first moment with the most of either */

    struct spread sizes;
    struct spread lifetimes_ns;    /* of lives that ended, in a timed trace */
    struct spread lifetimes_bytes; /* allocated meanwhile */
    struct figures_class by_class[GOHEAP_MAX_CLASSES]; /* 0: large objects, and those of no bytes */

    struct figures_object *live_objects; /* by slot */
    size_t capacity;
};

/* A few 100 KiB: not for the stack. classes and what it came from outlive it. NULL: no memory. */
struct figures *figures_new(const struct gh_size_classes *classes);
void figures_free(struct figures *figures);

/* A row and, unless it is a meta row (then event is NULL), the event that row_checks made of it with streams by P.
 * False with *error, which begins with the trace's name: no memory, or more bytes than can be counted. */
bool figures_take(struct figures *figures, const struct trace_row *row, const struct trace_event *event,
                  const char *name, struct error *error);
/* After the last row. */
void figures_finish(struct figures *figures);

uint64_t figures_rows(const struct figures *figures); /* of all operations */

/* name: the trace's; config: that of the size classes. */
void figures_text(const struct figures *figures, const char *name, FILE *out);
json_t *figures_json(const struct figures *figures, const char *name, const char *config); /* NULL: no memory */
/* Writes trace.csv, trace_classes.csv and trace_streams.csv into a directory that exists. */
bool figures_files(const struct figures *figures, const char *directory, struct error *error);

#endif
