/* The reader of Go execution traces.
 *
 *   bytes --framing--> batches --generation--> batches by M, types --frontier--> events in order
 *         --heap_events--> rows and deaths --row_queue--> rows in their final order
 *
 * Invariant: rows are handed out only when nothing can come before them any more, and in each P's stream with times
 * that do not decrease. */
#include "go_trace/go_trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "go_trace/heap_events.h"

/* No row has an alignment. */
enum { COLUMNS = (1u << ROW_COLUMNS) - 1 - (1u << ROW_ALIGN) };

enum { STEPS = 256 /* events between two looks at the rows, at most */, METAS = 5, META_LENGTH = 40 };

struct reader {
    struct row_source source; /* first: the two share their address */
    struct byte_stream *bytes;
    struct go_loader loader;
    struct go_generation generation;
    struct go_frontier frontier;
    struct go_heap_events events;
    bool has_events; /* initialised */
    bool finished;   /* all rows there are are in the queue */
    char metas[METAS][META_LENGTH];
    unsigned metas_told;
    uint64_t rows;    /* handed out */
    uint64_t *latest; /* ns, by P: of its latest row */
    uint64_t ps;      /* of latest */
    uint64_t clamped; /* rows whose time was before that of the row before on their P */
    struct error failure;
};

/* ---- events into the queue ---- */

/* Damage in the file, which has become the failure, ends the trace when salvaging. */
static bool end_by_damage(struct reader *r)
{
    if (!r->loader.salvage || r->loader.input.broken)
        return false;
    if (r->loader.damage.text[0] == '\0')
        r->loader.damage = r->failure;
    r->failure = (struct error){0};
    r->loader.done = true;
    go_frontier_free(&r->frontier);
    return true;
}

/* The rest of what has been salvaged of a generation is in no order by the numbers, because other events are lost: it
 * is in the order of time, as it nearly always is. False if that was not it. */
static bool loosen(struct reader *r)
{
    if (r->loader.damage.text[0] == '\0' || r->events.order.loose)
        return false;
    r->failure = (struct error){0};
    return r->events.order.loose = true;
}

/* False at the end and after a failure. */
static bool next_generation(struct reader *r)
{
    go_frontier_free(&r->frontier);
    go_generation_free(&r->generation);
    if (!go_loader_next(&r->loader, &r->generation, &r->failure))
        return false;
    if (!go_frontier_init(&r->frontier, &r->generation))
        return go_fail(&r->failure, &r->loader.input, r->loader.input.offset, "out of memory");
    return go_heap_events_begin_generation(&r->events, &r->generation, &r->failure);
}

static void finish(struct reader *r)
{
    r->finished = true;
    if (r->failure.text[0] == '\0')
        go_heap_events_finish(&r->events, &r->failure);
}

/* Some events more, or all there is. */
static void fill_queue(struct reader *r)
{
    const struct go_event *stuck = NULL;
    switch (go_frontier_run(&r->frontier, &r->events.taker, STEPS, &stuck)) {
    case GO_STEP_TAKEN:
        return;
    case GO_STEP_END:
        if (!next_generation(r))
            finish(r);
        return;
    case GO_STEP_STUCK:
        go_fail(&r->failure, &r->loader.input, stuck->offset, "expected an event that can be the next, got none of any "
                "thread: the trace is damaged, or what went before is missing");
        break;
    case GO_STEP_FAILED:
        break;
    }
    if (!loosen(r) && !end_by_damage(r))
        finish(r);
}

/* ---- rows out of it ---- */

static bool grow_latest(struct reader *r, uint64_t p)
{
    uint64_t ps = p + 1 > r->ps * 2 ? p + 1 : r->ps * 2;
    uint64_t *larger = reallocarray(r->latest, ps, sizeof *larger);
    if (larger == NULL)
        return go_fail(&r->failure, &r->loader.input, r->loader.input.offset, "out of memory");
    memset(larger + r->ps, 0, (ps - r->ps) * sizeof *larger);
    r->latest = larger;
    r->ps = ps;
    return true;
}

/* Line and time. Deaths are dated back by the policy, so that theirs are no repairs of the recorded times. */
static bool complete(struct reader *r, struct trace_row *row)
{
    uint64_t p = row->value[ROW_P], *ns = &row->value[ROW_T_NS];
    row->line = ++r->rows;
    if (p >= r->ps && !grow_latest(r, p))
        return false;
    uint64_t *latest = &r->latest[p];
    if (*ns >= *latest)
        *latest = *ns;
    else
        r->clamped += row->op != TRACE_FREE || r->events.options.death == DEATH_SWEEP;
    *ns = *latest;
    return true;
}

static bool make_meta(struct reader *r, struct trace_row *row)
{
    if (r->metas_told == METAS)
        return false;
    *row = row_begin(TRACE_META, ++r->rows);
    const char *meta = r->metas[r->metas_told++];
    row_set_type(row, meta, strlen(meta));
    return true;
}

/* Of those that are in the queue, or come into it; 0 at the end and after a failure. */
static size_t next_rows(struct reader *r, struct trace_row *rows, size_t max)
{
    size_t count, done = 0;
    while ((count = go_rows_read(&r->events.rows, rows, max)) == 0 && !r->finished)
        fill_queue(r);
    while (done < count && complete(r, &rows[done]))
        done++;
    return done;
}

static size_t read_rows(struct row_source *source, struct trace_row *rows, size_t max, struct error *error)
{
    struct reader *r = (struct reader *)source;
    size_t count = 0, more = 1;
    while (count < max && make_meta(r, &rows[count]))
        count++;
    for (; count < max && more > 0; count += more)
        more = next_rows(r, rows + count, max - count);
    source->bytes_done = byte_stream_done(r->bytes);
    if (count == 0 && r->failure.text[0] != '\0')
        error_set(error, "%s", r->failure.text);
    return count;
}

/* ---- what was repaired, and the rest ---- */

static void line(FILE *out, uint64_t count, const char *what)
{
    if (count > 0)
        fprintf(out, "%" PRIu64 " %s\n", count, what);
}

static void tell(const struct row_source *source, FILE *out)
{
    const struct reader *r = (const struct reader *)source;
    const struct go_counts *counts = &r->events.counts;
    line(out, counts->start_objects, "objects lived when the trace began: allocated at time 0");
    line(out, counts->start_stacks, "goroutine stacks were there when the trace began: allocated at time 0");
    line(out, counts->allocations, "objects were allocated");
    line(out, counts->tiny, r->events.options.size == SIZE_SLOT
                                ? "of them in a tiny block with others, whose slot stands for all: left out"
                                : "of them in a tiny block with others");
    line(out, r->events.live, "objects live when the trace ends");
    line(out, counts->unknown_types, "objects of a type that the trace does not name");
    line(out, counts->no_span, "events of objects outside of all known spans: left out");
    line(out, counts->live_slots, "allocations where another object lives: it ends there");
    line(out, counts->dead_slots, "frees of objects that do not live: left out");
    line(out, counts->lost_frees, "objects whose span goes without their having been freed: they end there");
    line(out, counts->stacks, "stacks allocated where one is, or freed where none is");
    line(out, r->events.cycles.late_births,
         "objects found dead by a collection that had begun before: they end as they begin");
    line(out, counts->no_p, "rows of threads that have no P: they have the one that the thread had last");
    line(out, r->clamped, "times before the time of the row before on their P: made equal");
    if (r->loader.frequency_assumed)
        fputs("the frequency of its clock is missing: taken to be Linux's\n", out);
    if (r->events.order.loose)
        fputs("the last part's events are in the order of time: some before them are lost\n", out);
    if (r->loader.damage.text[0] != '\0')
        fprintf(out, "the trace ends where it is broken: %s\n", r->loader.damage.text);
}

static void close_reader(struct row_source *source)
{
    struct reader *r = (struct reader *)source;
    if (r->has_events)
        go_heap_events_free(&r->events);
    go_frontier_free(&r->frontier);
    go_generation_free(&r->generation);
    go_loader_free(&r->loader);
    byte_stream_close(r->bytes);
    free(r->latest);
    free(r);
}

static void write_metas(struct reader *r, const struct row_options *options)
{
    static const char *const sizes[] = {[SIZE_FIT] = "fit", [SIZE_SLOT] = "slot", [SIZE_UNIFORM] = "uniform"};
    static const char *const deaths[] = {[DEATH_GC] = "gc", [DEATH_SWEEP] = "sweep", [DEATH_UNIFORM] = "uniform"};
    snprintf(r->metas[0], META_LENGTH, "source=go execution trace");
    snprintf(r->metas[1], META_LENGTH, "go=1.%u", r->loader.version);
    snprintf(r->metas[2], META_LENGTH, "time=recorded");
    snprintf(r->metas[3], META_LENGTH, "size=%s", sizes[options->size]);
    snprintf(r->metas[4], META_LENGTH, "death=%s", deaths[options->death]);
}

bool go_trace_recognise(const unsigned char *bytes, size_t length)
{
    return go_is_trace(bytes, length);
}

struct row_source *go_trace_open(struct byte_stream *bytes, const struct row_options *options, struct error *error)
{
    struct reader *r = calloc(1, sizeof *r);
    if (r == NULL) {
        error_set(error, "%.200s: out of memory", byte_stream_name(bytes));
        byte_stream_close(bytes);
        return NULL;
    }
    r->bytes = bytes;
    r->source = (struct row_source){.read = read_rows, .tell = tell, .close = close_reader, .columns = COLUMNS,
                                    .name = byte_stream_name(bytes), .bytes_total = byte_stream_total(bytes)};
    r->events.error = &r->failure;
    bool good = go_loader_init(&r->loader, bytes, options->salvage, error);
    r->has_events = good;
    if (good && !go_heap_events_init(&r->events, options, &r->loader.types, &r->loader.input))
        good = go_fail(error, &r->loader.input, 0, "out of memory");
    if (!good) {
        close_reader(&r->source);
        return NULL;
    }
    r->events.error = &r->failure;
    write_metas(r, options);
    return &r->source;
}
