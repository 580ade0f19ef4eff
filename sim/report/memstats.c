/* Every field of runtime.MemStats (mstats.go), under its own name. Lookups has been 0 since Go 1.5, and BuckHashSys is 0
 * as nothing is profiled; times count from the start of the trace. */
#include "report/memstats.h"

/* What JSON's integers cannot hold (NextGC is 2^64 - 1 when GOGC is off) becomes the nearest real. */
json_t *report_integer(uint64_t n)
{
    return n <= INT64_MAX ? json_integer((json_int_t)n) : json_real((double)n);
}

static json_t *ring(const uint64_t *values)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < PAUSES; i++)
        json_array_append_new(array, report_integer(values[i]));
    return array;
}

static json_t *by_size(const struct sim *sim, const struct goheap_memstats *m)
{
    enum { GO_BY_SIZE = 61 }; /* MemStats keeps that many, whatever the table has */
    json_t *array = json_array();
    for (unsigned i = 0; i < GO_BY_SIZE; i++) {
        struct goheap_by_size row = {0};
        if (i < sim->core.table.count)
            row = m->by_size[i];
        json_array_append_new(array, json_pack("{s:I, s:I, s:I}", "Size", (json_int_t)row.size, "Mallocs",
                                               (json_int_t)row.mallocs, "Frees", (json_int_t)row.frees));
    }
    return array;
}

static void add_heap(json_t *o, const struct goheap_memstats *m)
{
    uint64_t sys = m->heap_sys + m->stack_inuse + m->mspan_sys + m->mcache_sys + m->gc_sys + m->other_sys;
    const struct { const char *name; uint64_t value; } fields[] = {
        {"Alloc", m->heap_alloc},          {"TotalAlloc", m->total_alloc},   {"Sys", sys},
        {"Lookups", 0},                    {"Mallocs", m->mallocs},          {"Frees", m->frees},
        {"HeapAlloc", m->heap_alloc},      {"HeapSys", m->heap_sys},         {"HeapIdle", m->heap_idle},
        {"HeapInuse", m->heap_inuse},      {"HeapReleased", m->heap_released}, {"HeapObjects", m->heap_objects},
        {"StackInuse", m->stack_inuse},    {"StackSys", m->stack_inuse},                {"MSpanInuse", m->mspan_inuse},
        {"MSpanSys", m->mspan_sys},        {"MCacheInuse", m->mcache_inuse}, {"MCacheSys", m->mcache_sys},
        {"BuckHashSys", 0},                {"GCSys", m->gc_sys},             {"OtherSys", m->other_sys},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        json_object_set_new(o, fields[i].name, report_integer(fields[i].value));
}

json_t *memstats_json(const struct sim *sim, const struct memstats_snapshot *m)
{
    json_t *o = json_object();
    add_heap(o, &m->heap);
    json_object_set_new(o, "NextGC", report_integer(m->next_gc));
    json_object_set_new(o, "LastGC", report_integer(m->last_gc_ns));
    json_object_set_new(o, "PauseTotalNs", report_integer(m->pause_total_ns));
    json_object_set_new(o, "PauseNs", ring(m->pause_ns));
    json_object_set_new(o, "PauseEnd", ring(m->pause_end));
    json_object_set_new(o, "NumGC", report_integer(m->cycles));
    json_object_set_new(o, "NumForcedGC", report_integer(m->forced_cycles));
    json_object_set_new(o, "GCCPUFraction", json_real(m->gc_cpu_fraction));
    json_object_set_new(o, "EnableGC", json_true());
    json_object_set_new(o, "DebugGC", json_false());
    json_object_set_new(o, "BySize", by_size(sim, &m->heap));
    return o;
}
