/* Slices, instants and counters as Chrome trace events, one a line.
 *
 * Tracks are "threads" of one process: P n is thread n + 1; cycles, their phases and what runs on no P come after
 * all Ps there may be. Slices of one track never overlap, so cycles and their phases are two tracks. */
#include "report/timeline_json.h"

#include "report/report.h"

#include <inttypes.h>

enum { PID = 1, TID_WORKERS = 10001, TID_CYCLES = 20001, TID_PHASES, TID_APART };

/* What a slice is called, and its category, by which it can be filtered. */
static const struct { const char *name, *category; } whats[TIMELINE_WHATS] = {
    [TIMELINE_RUNS] = {"running", "running"},
    [TIMELINE_IDLE] = {"idle", "idle"},
    [TIMELINE_WAITS] = {"waiting", "waiting"},
    [TIMELINE_ASSISTS] = {"marking: assist", "marking"},
    [TIMELINE_FRACTIONAL] = {"marking: fractional worker", "marking"},
    [TIMELINE_DEDICATED] = {"marking: dedicated worker", "marking"},
    [TIMELINE_IDLE_MARKS] = {"marking: idle worker", "marking"},
    [TIMELINE_LENDS] = {"idle: a worker marks", "idle"},
    [TIMELINE_SWEEPS] = {"sweeping", "sweeping"},
    [TIMELINE_SCAVENGES] = {"scavenging", "scavenging"},
    [TIMELINE_FLUSHES] = {"sweeping: spans given back", "sweeping"},
    [TIMELINE_STOPPED] = {"stopped", "stopped"},
    [TIMELINE_STOPS] = {"stopping the world", "stopped"},
    [TIMELINE_PARKED] = {"parked: for the collector", "parked"},
    [TIMELINE_AWAITS] = {"parked: for another P's allocation", "parked"},
};

static unsigned tid_of(enum timeline_track track, uint32_t number)
{
    return track == TIMELINE_P ? number + 1 : track == TIMELINE_WORKER ? TID_WORKERS + number : TID_APART + track;
}

static void put_us(FILE *out, const char *key, uint64_t ns)
{
    fprintf(out, ",\"%s\":%" PRIu64 ".%03u", key, ns / 1000, (unsigned)(ns % 1000));
}

/* An event up to its name, which may be longer: its quote is closed by what comes next. close_event ends it. */
static void open_event(struct timeline_writer *w, char phase, const char *name, unsigned tid)
{
    fprintf(w->out, "%s\n{\"ph\":\"%c\",\"pid\":%d,\"tid\":%u,\"name\":\"%s", w->any ? "," : "", phase, PID, tid, name);
    w->any = true;
}

static void close_event(struct timeline_writer *w)
{
    fputc('}', w->out);
}

static void put_span(struct timeline_writer *w, const char *category, uint64_t from, uint64_t to)
{
    fprintf(w->out, "\",\"cat\":\"%s\"", category);
    put_us(w->out, "ts", from);
    put_us(w->out, "dur", to - from);
}

/* --- slices -------------------------------------------------------------------------------------------- */

static void put_holder(struct timeline_writer *w, const struct process *holder)
{
    const struct collector *c = &w->sim->collector;
    if (holder->id < w->sim->p_count)
        fprintf(w->out, ",\"held_by\":\"P %" PRIu32 "\"", holder->id);
    else
        fprintf(w->out, ",\"held_by\":\"%s\"",
                holder == &c->sweeper ? "sweeper" : holder == &c->process ? "collector" : "scavenger");
}

static void put_wait(struct timeline_writer *w, const struct timeline_slice *slice)
{
    char lock[REPORT_LOCK_NAME];
    report_lock_name(w->sim, slice->lock, lock, sizeof lock);
    fprintf(w->out, ": %s", lock);
    put_span(w, whats[slice->what].category, slice->from, slice->to);
    fprintf(w->out, ",\"args\":{\"lock\":\"%s\"", lock);
    if (slice->holder)
        put_holder(w, slice->holder);
    fputc('}', w->out);
}

static void put_work(struct timeline_writer *w, const struct timeline_slice *slice)
{
    put_span(w, whats[slice->what].category, slice->from, slice->to);
    if (slice->idle_ns || slice->sweep_ns)
        fprintf(w->out, ",\"args\":{\"idle_ns\":%" PRIu64 ",\"sweep_ns\":%" PRIu64 "}", slice->idle_ns,
                slice->sweep_ns);
}

static void take_slice(void *context, enum timeline_track track, uint32_t number, const struct timeline_slice *slice)
{
    struct timeline_writer *w = context;
    w->seen[track] = true;
    if (track == TIMELINE_WORKER && number >= w->workers)
        w->workers = number + 1;
    open_event(w, 'X', whats[slice->what].name, tid_of(track, number));
    if (slice->what == TIMELINE_WAITS)
        put_wait(w, slice);
    else
        put_work(w, slice);
    close_event(w);
}

/* --- cycles -------------------------------------------------------------------------------------------- */

static void put_phase(struct timeline_writer *w, const char *name, const char *category, uint64_t from, uint64_t to)
{
    open_event(w, 'X', name, TID_PHASES);
    put_span(w, category, from, to);
    close_event(w);
}

/* An instant across all tracks. */
static void put_instant(struct timeline_writer *w, const char *name, uint64_t at)
{
    open_event(w, 'i', name, TID_PHASES);
    fputs("\",\"s\":\"p\"", w->out);
    put_us(w->out, "ts", at);
    close_event(w);
}

/* A counter stays where it is until it is told again. */
static void put_counter(struct timeline_writer *w, const char *name, uint64_t at, uint64_t bytes, uint64_t *last)
{
    if (bytes == *last)
        return;
    *last = bytes;
    open_event(w, 'C', name, 0);
    fputc('"', w->out);
    put_us(w->out, "ts", at);
    fprintf(w->out, ",\"args\":{\"bytes\":%" PRIu64 "}", bytes);
    close_event(w);
}

/* A cycle with number 0 was not over when the run was: it has no second stop. */
static void put_cycle(struct timeline_writer *w, const struct cycle_record *r, uint64_t to)
{
    char name[40] = "cycle, unfinished";
    if (r->number)
        snprintf(name, sizeof name, "cycle %" PRIu64, r->number);
    open_event(w, 'X', name, TID_CYCLES);
    put_span(w, "cycle", r->start_ns, to);
    fprintf(w->out, ",\"args\":{\"forced\":%s,\"heap_start_bytes\":%" PRIu64, r->forced ? "true" : "false",
            r->heap_start);
    if (r->number)
        fprintf(w->out, ",\"heap_end_bytes\":%" PRIu64 ",\"heap_marked_bytes\":%" PRIu64 ",\"goal_bytes\":%" PRIu64,
                r->heap_end, r->heap_marked, r->goal);
    fputc('}', w->out);
    close_event(w);
}

static void take_cycle(void *context, const struct cycle_record *r)
{
    struct timeline_writer *w = context;
    uint64_t marks = r->start_ns + r->first_stop_ns, stops = marks + r->mark_ns;
    w->any_cycle = true;
    put_cycle(w, r, r->number ? r->end_ns : stops);
    put_phase(w, "stop: sweep termination", "stop", r->start_ns, marks);
    put_instant(w, "the world stops: sweep termination", r->start_ns);
    put_counter(w, "heap live", r->start_ns, r->heap_start, &w->live);
    put_phase(w, "concurrent mark", "mark", marks, stops);
    if (r->number == 0)
        return;
    put_phase(w, "stop: mark termination", "stop", stops, r->end_ns);
    put_instant(w, "the world stops: mark termination", stops);
    put_counter(w, "heap live", stops, r->heap_end, &w->live);
}

static void take_sample(void *context, const struct sample *s)
{
    struct timeline_writer *w = context;
    put_counter(w, "heap live", s->t_ns, s->heap_live, &w->live);
    put_counter(w, "heap in use", s->t_ns, s->in_use, &w->in_use);
    if (s->goal < INT64_MAX) /* more is no goal */
        put_counter(w, "heap goal", s->t_ns, s->goal, &w->goal);
}

/* --- the document -------------------------------------------------------------------------------------- */

static void put_name(struct timeline_writer *w, const char *what, unsigned tid, const char *name)
{
    open_event(w, 'M', what, tid);
    fprintf(w->out, "\",\"args\":{\"name\":\"%s\"}", name);
    close_event(w);
}

/* A track's name, and its place among the others. */
static void name_track(struct timeline_writer *w, unsigned tid, unsigned place, const char *name)
{
    put_name(w, "thread_name", tid, name);
    open_event(w, 'M', "thread_sort_index", tid);
    fprintf(w->out, "\",\"args\":{\"sort_index\":%u}", place);
    close_event(w);
}

static void name_tracks(struct timeline_writer *w)
{
    static const char *const apart[TIMELINE_TRACKS] = {
        [TIMELINE_COLLECTOR] = "collector, in a stop", [TIMELINE_SWEEPER] = "sweeper, on no P",
        [TIMELINE_SCAVENGER] = "scavenger, on no P"};
    char name[40];
    put_name(w, "process_name", 0, "goheap");
    if (w->any_cycle) {
        name_track(w, TID_CYCLES, 0, "GC cycles");
        name_track(w, TID_PHASES, 1, "GC phases");
    }
    for (uint32_t i = 0; i < w->sim->p_count; i++) {
        snprintf(name, sizeof name, "P %" PRIu32, i);
        name_track(w, tid_of(TIMELINE_P, i), 2 + i, name);
    }
    for (uint32_t i = 0; i < w->workers; i++) {
        snprintf(name, sizeof name, "GC worker %" PRIu32, i);
        name_track(w, tid_of(TIMELINE_WORKER, i), TID_WORKERS + i, name);
    }
    for (unsigned track = 0; track < TIMELINE_TRACKS; track++)
        if (apart[track] && w->seen[track])
            name_track(w, tid_of(track, 0), TID_APART + track, apart[track]);
}

bool report_timeline_begin(struct timeline_writer *writer, struct sim *sim, FILE *out, struct error *error)
{
    *writer = (struct timeline_writer){
        .out = out, .sim = sim, .live = UINT64_MAX, .in_use = UINT64_MAX, .goal = UINT64_MAX};
    const struct timeline_sink sink = {take_slice, take_sample, take_cycle, writer};
    writer->timeline = sim->timeline = timeline_new(sim, &sink);
    if (!writer->timeline)
        return error_set(error, "out of memory for the timeline");
    fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[", out);
    return true;
}

void report_timeline_end(struct timeline_writer *writer)
{
    name_tracks(writer);
    fputs("\n]}\n", writer->out);
}

void report_timeline_free(struct timeline_writer *writer)
{
    timeline_free(writer->timeline);
}
