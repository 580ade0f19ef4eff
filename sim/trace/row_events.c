/* From rows to events, a batch of rows at a time.
 *
 *   row_source --read--> batch[next .. count) --row_checks--> the caller's array of events
 *
 * Invariant: events come in the rows' order, and a failure, whether of the file or of a row in it, after all that
 * came before it. */
#include "trace/row_events.h"

#include <stdlib.h>

#include "trace/row_check.h"

struct row_events {
    struct trace_source source; /* first: the two share their address */
    struct row_source *rows;
    struct row_checks checks;
    size_t next, count;
    bool done; /* the end, or failure */
    struct trace_row batch[ROW_BATCH];
};

/* False at the end and after a failure. */
static bool refill(struct row_events *r)
{
    if (r->done)
        return false;
    r->next = 0;
    r->count = r->rows->read(r->rows, r->batch, ROW_BATCH, &r->checks.failure);
    if (!r->checks.are_fetched)
        row_checks_fetch(&r->checks, r->batch, r->count);
    r->source.bytes_done = r->rows->bytes_done;
    r->done = r->count == 0;
    return !r->done;
}

static void take_row(struct row_events *r, struct trace_event *events, size_t *count)
{
    enum row_result result = row_checks_take(&r->checks, &r->batch[r->next++], &events[*count]);
    if (result == ROW_FAILED) {
        r->done = true;
        r->next = r->count;
    }
    *count += result == ROW_EVENT;
}

static size_t read_events(struct trace_source *source, struct trace_event *events, size_t max, struct error *error)
{
    struct row_events *r = (struct row_events *)source;
    size_t count = 0;
    while (count < max && (r->next < r->count || refill(r)))
        take_row(r, events, &count);
    r->source.timed = r->checks.timed;
    if (count == 0 && r->checks.failure.text[0] != '\0')
        error_set(error, "%s", r->checks.failure.text);
    return count;
}

static void release_slot(struct trace_source *source, uint32_t slot)
{
    lifetimes_release(&((struct row_events *)source)->checks.lifetimes, slot);
}

static void tell_rows(const struct trace_source *source)
{
    row_source_tell(((const struct row_events *)source)->rows);
}

static void close_events(struct trace_source *source)
{
    struct row_events *r = (struct row_events *)source;
    row_checks_free(&r->checks);
    r->rows->close(r->rows);
    free(r);
}

struct trace_source *row_events_open(struct row_source *rows, int stream_by, struct error *error)
{
    struct row_events *r = calloc(1, sizeof *r);
    if (r == NULL) {
        row_fail(error, rows->name, 0, "out of memory");
        rows->close(rows);
        return NULL;
    }
    r->rows = rows;
    r->source = (struct trace_source){.read = read_events, .release = release_slot, .tell = tell_rows,
                                      .close = close_events, .name = rows->name, .bytes_done = rows->bytes_done,
                                      .bytes_total = rows->bytes_total};
    if (row_checks_init(&r->checks, rows, stream_by)) {
        row_checks_expect(&r->checks, rows);
        return &r->source;
    }
    error_set(error, "%s", r->checks.failure.text);
    close_events(&r->source);
    return NULL;
}
