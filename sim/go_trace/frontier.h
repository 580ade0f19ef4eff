/* The next event of each M, and which of them comes next.
 *
 *   M 1   --batches-->  cursor { next event }  \
 *   M 2   --batches-->  cursor { next event }   heap by time  -->  take(event): done, not yet, or hold
 *   ...                                        /
 *
 * As in Go's internal/trace/reader.go (ReadEvent) the earliest that can be taken is: an M's events keep their order,
 * whatever their times. Beyond that, an M may be *held* for a short time because the event before its own seems to be
 * missing and may come from another M, whose clock is behind. And what the trace says of the heap as it found it comes
 * at once, as it was written while the world was stopped. */
#ifndef GO_TRACE_FRONTIER_H
#define GO_TRACE_FRONTIER_H

#include "go_trace/generation.h"
#include "go_trace/order.h"

enum go_take {
    GO_TAKEN,
    GO_TAKE_NOT_YET, /* another M's event must come first */
    GO_TAKE_HOLD,    /* another M's event may be missing; not said of a forced event */
    GO_TAKE_FAILED
};

/* What takes the events. forced: for better or worse, the event is the next. */
struct go_taker {
    enum go_take (*take)(struct go_taker *taker, struct go_writer *writer, const struct go_event *event, bool forced);
    uint64_t wanted;  /* set with GO_TAKE_HOLD: what the event waits for */
    uint64_t changed; /* set with GO_TAKEN if something has happened that one may wait for; else GO_NONE */
    bool pause;       /* set with GO_TAKEN: no more for now */
};

struct go_cursor {
    uint64_t key; /* by which it is in the heap: ticks */
    struct go_writer writer;
    struct go_batch *batch; /* NULL: at its end; the cursor's to free */
    const unsigned char *next, *end;
    uint64_t origin; /* what an address in the batch is less than the offset in the file, modulo 2^64 */
    struct go_event event;
    uint64_t clock;  /* ticks, of the event before */
    bool held;
    uint64_t wanted; /* while held */
};

struct go_frontier {
    struct go_cursor **heap; /* of those with an event, by key */
    size_t count;
    struct go_cursor *cursors;
    size_t held;
    uint64_t patience; /* ticks for which an M is held at most */
};

/* Takes the generation's batches over. False: no memory; go_frontier_free may be called in any case. */
bool go_frontier_init(struct go_frontier *frontier, struct go_generation *generation);
void go_frontier_free(struct go_frontier *frontier);

enum go_step { GO_STEP_TAKEN, GO_STEP_END, GO_STEP_STUCK, GO_STEP_FAILED };

/* Has events taken, up to most (at least 1) or until the taker wants a pause. GO_STEP_TAKEN: they were. GO_STEP_STUCK:
 * there is none that can be; *stuck is the first of them. */
enum go_step go_frontier_run(struct go_frontier *frontier, struct go_taker *taker, unsigned most,
                             const struct go_event **stuck);

#endif
