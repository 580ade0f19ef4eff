/* The tree of results: what the counters of a finished run mean. */
#include "report/mean.h"
#include "report/memstats.h"
#include "report/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void put(json_t *object, const char *key, uint64_t value)
{
    json_object_set_new(object, key, report_integer(value));
}

static void put_real(json_t *object, const char *key, double value)
{
    json_object_set_new(object, key, json_real(isfinite(value) ? value : 0));
}

/* Names of files need not be UTF-8, JSON has to be. */
static json_t *text_json(const char *text)
{
    json_t *string = json_string(text);
    if (string)
        return string;
    char *copy = strdup(text);
    for (char *c = copy; c && *c; c++)
        if (*c & 0x80)
            *c = '?';
    string = json_string(copy ? copy : "?");
    free(copy);
    return string;
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

static void put_quantiles(json_t *o, const char *prefix, const struct histogram *h)
{
    static const struct { const char *name; double q; } quantiles[] = {
        {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};
    char key[64];
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) {
        snprintf(key, sizeof key, "%s%s_ns", prefix, quantiles[i].name);
        put(o, key, histogram_quantile(h, quantiles[i].q));
    }
    snprintf(key, sizeof key, "%smax_ns", prefix);
    put(o, key, h->max);
}

static void put_latency(json_t *o, const struct histogram *h)
{
    put(o, "count", h->count);
    put(o, "total_ns", h->sum);
    put_real(o, "mean_ns", ratio((double)h->sum, (double)h->count));
    put_quantiles(o, "", h);
}

/* --- run ----------------------------------------------------------------------------------------------- */

/* Of a run by threads. */
static json_t *measured_json(const struct measurement *m)
{
    json_t *o = json_object(), *frees = json_object();
    json_object_set_new(o, "clock", json_string(m->clock));
    put_real(o, "clock_ns", m->clock_ns);
    put(o, "preemptions", m->preemptions);
    put(o, "preempted_operations", m->preempted);
    put(o, "preempted_ns", m->preempted_ns);
    put_latency(frees, &m->frees);
    json_object_set_new(o, "frees", frees);
    return o;
}

/* Where streams outnumbered the Ps. */
static json_t *scheduler_json(const struct sched *s)
{
    json_t *o = json_object(), *latency = json_object();
    put(o, "streams", s->stream_count);
    put(o, "switches", s->switches);
    put(o, "preemptions", s->preemptions);
    put_latency(latency, &s->latency);
    json_object_set_new(o, "latency", latency);
    return o;
}

static json_t *run_json(const struct sim *sim, const char *trace, struct wall wall)
{
    static const char *const pacings[] = {"auto", "recorded", "think", "max"};
    json_t *o = json_object(), *w = json_object();
    json_object_set_new(o, "goheap", json_string(GOHEAP_VERSION));
    json_object_set_new(o, "trace", text_json(trace));
    json_object_set_new(o, "config", settings_dump(config_table, config_table_size, &sim->config));
    put(o, "ps", sim->p_count);
    json_object_set_new(o, "pacing", json_string(pacings[sim->pacing]));
    put(o, "events", sim->events);
    put(o, "virtual_ns", sim->end_ns);
    put_real(w, "seconds", wall.seconds);
    put_real(w, "events_per_second", ratio((double)sim->events, wall.seconds));
    json_object_set_new(o, "wall", w);
    if (sim->sched.on)
        json_object_set_new(o, "scheduler", scheduler_json(&sim->sched));
    if (sim->measured.clock)
        json_object_set_new(o, "measured", measured_json(&sim->measured));
    return o;
}

/* --- size classes and fragmentation -------------------------------------------------------------------- */

/* Where the bytes of one class's spans are. */
struct division {
    uint64_t pages, requested, rounding, tiny, tail, dead, unused;
};

static struct division divide(const struct sim *sim, const struct portrait *p, unsigned class)
{
    const struct goheap_class_stats *s = &p->spans.classes[class];
    uint64_t size = sim->core.table.classes[class].size;
    struct division d = {.pages = s->pages << sim->core.page_shift};
    d.requested = account_live_requested(&p->accounts[class]);
    d.dead = s->allocated_bytes - s->live_bytes;
    d.unused = class ? s->slots * size - s->allocated_bytes : 0;
    d.tail = class ? d.pages - s->slots * size : 0;
    uint64_t slots = s->live_bytes;
    if (sim->core.tiny_size && size == sim->core.tiny_size) {
        uint64_t blocks = s->live - account_live(&p->accounts[class]);
        slots -= blocks * size;
        uint64_t tiny = account_live_requested(&p->accounts[ACCOUNT_TINY]);
        d.tiny = blocks * size - tiny;
        d.rounding = slots - d.requested;
        d.requested += tiny;
    } else {
        d.rounding = slots - d.requested;
    }
    return d;
}

static json_t *class_state(const struct sim *sim, const struct portrait *p, unsigned class)
{
    const struct goheap_class_stats *s = &p->spans.classes[class];
    struct division d = divide(sim, p, class);
    json_t *o = json_object();
    put(o, "spans", s->spans);
    put(o, "span_bytes", d.pages);
    put(o, "slots", s->slots);
    put(o, "allocated", s->allocated);
    put(o, "live", s->live);
    put_real(o, "occupancy", ratio((double)s->live_bytes, (double)d.pages));
    put(o, "requested_bytes", d.requested);
    put(o, "slot_bytes", s->live_bytes);
    put(o, "rounding_bytes", d.rounding);
    put(o, "tiny_bytes", d.tiny);
    put(o, "tail_bytes", d.tail);
    put(o, "dead_bytes", d.dead);
    put(o, "unused_bytes", d.unused);
    return o;
}

static json_t *refills_json(const struct goheap_refills *r)
{
    json_t *o = json_object(), *by_swept = json_array();
    uint64_t count = 0, shown = 0;
    for (unsigned i = 0; i < GOHEAP_REFILL_BUCKETS; i++)
        count += r->by_swept[i];
    put(o, "count", count);
    put(o, "spans_swept", r->spans_swept);
    put(o, "most_spans_swept", r->most_swept);
    for (unsigned i = 0; shown < count; shown += r->by_swept[i++])
        json_array_append_new(by_swept, report_integer(r->by_swept[i]));
    json_object_set_new(o, "by_spans_swept", by_swept);
    return o;
}

/* How many of the class's objects lived on average, and how often a second they were replaced, which is one by how long
 * they lived (Little's law). 0 if none was live at any sample. Tiny objects count one by one. */
static void put_turnover(json_t *o, const struct sim *sim, unsigned class, bool tiny)
{
    const struct accounts *a = &sim->accounts;
    uint64_t allocs = a->of[class].allocs + (tiny ? a->of[ACCOUNT_TINY].allocs : 0);
    double live_ns = a->live_ns[class] + (tiny ? a->live_ns[ACCOUNT_TINY] : 0);
    put_real(o, "mean_live", ratio(live_ns, (double)(sim->end_ns - a->samples[0].t_ns)));
    put_real(o, "turnover_per_s", ratio((double)allocs, live_ns * 1e-9));
}

static json_t *classes_json(const struct sim *sim)
{
    struct goheap_refills refills[GOHEAP_MAX_CLASSES];
    json_t *array = json_array();
    goheap_refills(sim->heap, refills);
    for (unsigned i = 0; i < sim->core.table.count; i++) {
        const struct goheap_size_class *c = &sim->core.table.classes[i];
        const struct class_account *a = &sim->accounts.of[i], *t = &sim->accounts.of[ACCOUNT_TINY];
        json_t *o = json_object();
        put(o, "class", i);
        put(o, "size", c->size);
        put(o, "span_bytes", (uint64_t)c->pages << sim->core.page_shift);
        put(o, "objects_per_span", i ? ((uint64_t)c->pages << sim->core.page_shift) / c->size : 1);
        bool tiny = sim->core.tiny_size && c->size == sim->core.tiny_size;
        put(o, "allocs", a->allocs);
        put(o, "requested_bytes", a->requested);
        put(o, "tiny_allocs", tiny ? t->allocs : 0);
        put(o, "tiny_requested_bytes", tiny ? t->requested : 0);
        put_turnover(o, sim, i, tiny);
        json_object_set_new(o, "refills", refills_json(&refills[i]));
        json_object_set_new(o, "peak", class_state(sim, &sim->accounts.peak, i));
        json_object_set_new(o, "end", class_state(sim, &sim->end, i));
        json_array_append_new(array, o);
    }
    return array;
}

static json_t *external_json(const struct sim *sim, const struct portrait *p, uint64_t unused)
{
    json_t *o = json_object();
    uint64_t all = p->free.pages + p->free.cached;
    put(o, "unused_slot_bytes", unused);
    put(o, "free_page_bytes", all << sim->core.page_shift);
    put(o, "page_cache_bytes", p->free.cached << sim->core.page_shift);
    put(o, "longest_free_run_bytes", p->free.longest_run << sim->core.page_shift);
    put_real(o, "unusable_free_space_index", all ? 1 - ratio((double)p->free.longest_run, (double)all) : 0);
    return o;
}

static json_t *moment_json(const struct sim *sim, const struct portrait *p)
{
    struct division all = {0};
    for (unsigned i = 0; i < sim->core.table.count; i++) {
        struct division d = divide(sim, p, i);
        all.requested += d.requested;
        all.rounding += d.rounding;
        all.tiny += d.tiny;
        all.tail += d.tail;
        all.dead += d.dead;
        all.unused += d.unused;
    }
    json_t *o = json_object(), *internal = json_object();
    put(o, "t_ns", p->t_ns);
    put(o, "mapped_bytes", p->sample.mapped);
    put(o, "released_bytes", p->sample.released);
    put(o, "in_use_bytes", p->sample.in_use);
    put(o, "requested_bytes", all.requested);
    put(internal, "rounding_bytes", all.rounding);
    put(internal, "tiny_bytes", all.tiny);
    put(internal, "tail_bytes", all.tail);
    json_object_set_new(o, "internal", internal);
    put(o, "dead_bytes", all.dead);
    json_object_set_new(o, "external", external_json(sim, p, all.unused));
    return o;
}

static json_t *mean_json(const struct sim *sim)
{
    struct mean mean = report_mean(sim->accounts.samples, sim->accounts.sample_count, sim->end_ns);
    json_t *o = json_object();
    put(o, "in_use_bytes", mean.in_use);
    put(o, "mapped_bytes", mean.mapped);
    put(o, "live_bytes", mean.live);
    put(o, "requested_bytes", mean.requested);
    return o;
}

static json_t *fragmentation_json(const struct sim *sim)
{
    const struct accounts *a = &sim->accounts;
    json_t *o = json_object();
    put(o, "peak_mapped_bytes", a->peak_mapped);
    put(o, "peak_requested_bytes", a->peak_live_requested);
    put_real(o, "peak_mapped_over_peak_requested", ratio((double)a->peak_mapped, (double)a->peak_live_requested));
    json_object_set_new(o, "peak", moment_json(sim, &a->peak));
    json_object_set_new(o, "end", moment_json(sim, &sim->end));
    json_object_set_new(o, "mean", mean_json(sim));
    return o;
}

/* --- locks and latency --------------------------------------------------------------------------------- */

void report_lock_name(const struct sim *sim, const struct named_lock *lock, char *name, size_t n)
{
    uint32_t size = sim->core.table.classes[lock->index / 2].size;
    const char *scan = lock->index % 2 ? "noscan" : "scan";
    switch (lock->kind) {
    case GOHEAP_LOCK_HEAP:
        snprintf(name, n, "mheap");
        break;
    case GOHEAP_LOCK_STACKS:
        snprintf(name, n, "stackpool %u KiB", 2u << lock->index);
        break;
    case GOHEAP_LOCK_BITS:
        snprintf(name, n, "gcBits");
        break;
    case GOHEAP_LOCK_CENTRAL:
    case GOHEAP_LOCK_SETS:
        if (lock->index < 2)
            snprintf(name, n, "%s large %s", lock->kind == GOHEAP_LOCK_SETS ? "spanset" : "mcentral", scan);
        else
            snprintf(name, n, "%s %u%s%s", lock->kind == GOHEAP_LOCK_SETS ? "spanset" : "mcentral", size,
                     sim->core.noscan_apart ? " " : "", sim->core.noscan_apart ? scan : "");
        break;
    case GOHEAP_LOCK_KINDS:
        break;
    }
}

static json_t *lock_json(const struct sim *sim, const struct named_lock *lock)
{
    static const struct histogram never;
    char name[REPORT_LOCK_NAME] = "";
    report_lock_name(sim, lock, name, sizeof name);
    const struct lock *f = &lock->lock;
    json_t *o = json_object();
    json_object_set_new(o, "name", json_string(name));
    json_object_set_new(o, "waits", json_boolean(lock->kind != GOHEAP_LOCK_SETS));
    put(o, "acquisitions", f->acquisitions);
    put(o, "contended", f->contended);
    put(o, "wait_ns", f->wait.sum);
    put_real(o, "wait_mean_ns", ratio((double)f->wait.sum, (double)f->acquisitions));
    put_quantiles(o, "wait_", &f->wait);
    put(o, "hold_ns", f->hold_ns);
    put_real(o, "hold_mean_ns", ratio((double)f->hold_ns, (double)f->acquisitions));
    put_quantiles(o, "hold_", lock->times ? &lock->times->hold : &never);
    put_real(o, "utilisation", ratio((double)f->hold_ns, (double)sim->end_ns));
    put(o, "longest_queue", f->longest_queue);
    return o;
}

/* Most waited for first; the order in which the heap made them breaks ties. */
static int by_wait(const void *a, const void *b)
{
    const struct named_lock *x = *(const struct named_lock *const *)a, *y = *(const struct named_lock *const *)b;
    if (x->lock.wait.sum != y->lock.wait.sum)
        return x->lock.wait.sum < y->lock.wait.sum ? 1 : -1;
    if (x->lock.acquisitions != y->lock.acquisitions)
        return x->lock.acquisitions < y->lock.acquisitions ? 1 : -1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

/* Those that were taken, in that order; the caller frees them. NULL if there is no memory. */
static const struct named_lock **sorted_locks(const struct sim *sim, size_t *n)
{
    size_t all = 0;
    for (const struct named_lock *l = sim->locks; l; l = l->next)
        all++;
    *n = 0;
    const struct named_lock **sorted = malloc((all ? all : 1) * sizeof(struct named_lock *));
    if (!sorted)
        return NULL;
    for (const struct named_lock *l = sim->locks; l; l = l->next)
        if (l->lock.acquisitions)
            sorted[(*n)++] = l;
    qsort(sorted, *n, sizeof sorted[0], by_wait);
    return sorted;
}

static json_t *locks_json(const struct sim *sim, const struct named_lock *const *locks, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, lock_json(sim, locks[i]));
    return array;
}

/* A row for each stretch of time in which somebody waited. */
static json_t *series_json(const char *name, const struct wait_series *s)
{
    json_t *o = json_object(), *rows = json_array();
    json_object_set_new(o, "name", json_string(name));
    for (uint32_t i = 0; i < s->used; i++) {
        if (s->buckets[i].begun == 0 && s->buckets[i].wait_ns == 0)
            continue;
        json_t *row = json_object();
        put(row, "t_ns", i * s->width_ns);
        put(row, "contended", s->buckets[i].begun);
        put(row, "wait_ns", s->buckets[i].wait_ns);
        json_array_append_new(rows, row);
    }
    json_object_set_new(o, "rows", rows);
    return o;
}

/* Waits over time: of all locks together, and of those that were waited for most, in stretches of one width. NULL if
 * there is no memory. */
static json_t *waits_json(const struct sim *sim, const struct named_lock *const *locks, size_t n)
{
    enum { MOST_WAITED_FOR = 5 };
    struct wait_series *all = calloc(2, sizeof *all), *one = all + 1;
    if (!all)
        return NULL;
    wait_series_init(all);
    for (size_t i = 0; i < n; i++)
        if (locks[i]->times)
            wait_series_merge(all, &locks[i]->times->waits);
    json_t *o = json_object(), *array = json_array();
    put(o, "width_ns", all->width_ns);
    json_object_set_new(o, "locks", array);
    json_array_append_new(array, series_json("all", all));
    for (size_t i = 0; i < n && i < MOST_WAITED_FOR && locks[i]->lock.contended && locks[i]->times; i++) {
        char name[REPORT_LOCK_NAME];
        report_lock_name(sim, locks[i], name, sizeof name);
        *one = locks[i]->times->waits;
        wait_series_widen(one, all->width_ns);
        json_array_append_new(array, series_json(name, one));
    }
    free(all);
    return o;
}

static bool put_locks(json_t *o, const struct sim *sim)
{
    size_t n;
    const struct named_lock **locks = sorted_locks(sim, &n);
    if (!locks)
        return false;
    json_object_set_new(o, "locks", locks_json(sim, locks, n));
    json_t *waits = waits_json(sim, locks, n);
    if (waits)
        json_object_set_new(o, "lock_waits", waits);
    free(locks);
    return waits != NULL;
}

const char *const report_tiers[TIERS] = {"fast", "mcentral", "mheap", "os"};

static json_t *latency_json(const struct sim *sim)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < TIERS; i++) {
        json_t *o = json_object();
        json_object_set_new(o, "tier", json_string(report_tiers[i]));
        put_latency(o, &sim->accounts.latency[i]);
        json_array_append_new(array, o);
    }
    return array;
}

/* Of all tiers together, whose quantiles cannot be had from the tiers' own. */
static json_t *latency_all_json(const struct sim *sim)
{
    struct histogram all = {0};
    for (unsigned i = 0; i < TIERS; i++)
        histogram_merge(&all, &sim->accounts.latency[i]);
    json_t *o = json_object();
    put_latency(o, &all);
    return o;
}

/* --- collector ----------------------------------------------------------------------------------------- */

static json_t *cycle_json(const struct cycle_record *r, uint64_t number)
{
    json_t *o = json_object();
    put(o, "cycle", number);
    put(o, "start_ns", r->start_ns);
    put(o, "end_ns", r->end_ns);
    put(o, "mark_ns", r->mark_ns);
    put(o, "pause_ns", r->pause_ns);
    put(o, "assist_ns", r->assist_ns);
    put(o, "background_ns", r->background_ns);
    put(o, "idle_ns", r->idle_ns);
    put(o, "trigger_bytes", r->trigger);
    put(o, "heap_start_bytes", r->heap_start);
    put(o, "heap_end_bytes", r->heap_end);
    put(o, "heap_marked_bytes", r->heap_marked);
    put(o, "goal_bytes", r->goal);
    put(o, "next_goal_bytes", r->next_goal);
    json_object_set_new(o, "forced", json_boolean(r->forced));
    json_object_set_new(o, "by_clock", json_boolean(r->by_clock));
    return o;
}

static json_t *gc_json(const struct sim *sim)
{
    const struct collector *c = &sim->collector;
    json_t *o = json_object(), *pauses = json_object(), *records = json_array();
    put(o, "cycles", c->cycles);
    put(o, "forced_cycles", c->forced_cycles);
    put(o, "next_goal_bytes", sim->last.next_gc);
    put_real(o, "cpu_fraction", sim->last.gc_cpu_fraction);
    put(o, "mark_ns", c->mark_total_ns);
    put(o, "mark_cpu_ns", c->mark_cpu_ns);
    put(o, "assist_ns", c->assist_ns);
    put(pauses, "count", c->pauses.count);
    put(pauses, "total_ns", c->pause_total_ns);
    put_quantiles(pauses, "", &c->pauses);
    json_object_set_new(o, "pauses", pauses);
    json_object_set_new(o, "sweep", json_pack("{s:I}", "background_spans", (json_int_t)c->spans_swept_background));
    const struct scavenger *s = &sim->scavenger;
    json_object_set_new(o, "scavenge",
                        json_pack("{s:I, s:I, s:I}", "released_bytes", (json_int_t)s->released_by_all,
                                  "background_bytes", (json_int_t)s->released, "background_ns",
                                  (json_int_t)s->worked_ns));
    uint64_t kept = c->cycles < CYCLES_KEPT ? c->cycles : CYCLES_KEPT;
    for (uint64_t i = 0; i < kept; i++)
        json_array_append_new(records, cycle_json(&c->records[i], i + 1));
    json_object_set_new(o, "records", records);
    return o;
}

static json_t *snapshots_json(const struct sim *sim)
{
    json_t *array = json_array();
    for (size_t i = 0; i < sim->snapshot_count; i++) {
        json_t *o = memstats_json(sim, &sim->snapshots[i]);
        put(o, "t_ns", sim->snapshots[i].t_ns);
        json_array_append_new(array, o);
    }
    return array;
}

json_t *report_document(struct sim *sim, const char *trace, struct wall wall)
{
    json_t *o = json_object();
    json_object_set_new(o, "run", run_json(sim, trace, wall));
    json_object_set_new(o, "memstats", memstats_json(sim, &sim->last));
    json_object_set_new(o, "size_classes", classes_json(sim));
    json_object_set_new(o, "fragmentation", fragmentation_json(sim));
    if (!put_locks(o, sim)) {
        json_decref(o);
        return NULL;
    }
    json_object_set_new(o, "latency", latency_json(sim));
    json_object_set_new(o, "latency_all", latency_all_json(sim));
    json_object_set_new(o, "gc", gc_json(sim));
    json_object_set_new(o, "snapshots", snapshots_json(sim));
    return o;
}

void report_add_command(json_t *document, int argc, char *const *argv)
{
    json_t *words = json_array();
    json_array_append_new(words, json_string("goheap"));
    for (int i = 0; i < argc; i++)
        json_array_append_new(words, text_json(argv[i]));
    json_object_set_new(json_object_get(document, "run"), "command", words);
}

/* --- reading it ---------------------------------------------------------------------------------------- */

const json_t *report_at(const json_t *document, const char *path)
{
    char key[128];
    while (document && *path) {
        size_t n = strcspn(path, ".");
        snprintf(key, sizeof key, "%.*s", (int)n, path);
        document = json_object_get(document, key);
        path += n + (path[n] == '.');
    }
    return document;
}

double report_number(const json_t *document, const char *path)
{
    return json_number_value(report_at(document, path));
}

double report_lock_sum(const json_t *document, const char *member, const char *name)
{
    const json_t *lock;
    size_t i;
    double sum = 0;
    json_array_foreach(report_at(document, "locks"), i, lock) {
        const char *called = json_string_value(report_at(lock, "name")); /* NULL: somebody else's document */
        if (json_is_true(report_at(lock, "waits")) && (!name || (called && strcmp(name, called) == 0)))
            sum += report_number(lock, member);
    }
    return sum;
}

double report_internal_waste(const json_t *document)
{
    const json_t *internal = report_at(document, "fragmentation.peak.internal");
    return report_number(internal, "rounding_bytes") + report_number(internal, "tiny_bytes") +
           report_number(internal, "tail_bytes");
}

double report_kept_pages(const json_t *moment)
{
    return fmax(0, report_number(moment, "external.free_page_bytes") - report_number(moment, "released_bytes"));
}
