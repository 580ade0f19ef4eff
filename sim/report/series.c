/* The CSVs of samples, maps, portraits and histograms. */
#include "report/series.h"
#include "report/report.h"

#include <inttypes.h>

static void put_number(FILE *f, uint64_t value)
{
    fprintf(f, ",%" PRIu64, value);
}

/* --- over time ----------------------------------------------------------------------------------------- */

void series_heap(FILE *f, const struct sim *sim)
{
    const struct accounts *a = &sim->accounts;
    fprintf(f, "t_ns,mapped_bytes,released_bytes,in_use_bytes,live_bytes,requested_bytes,heap_live_bytes,goal_bytes,"
               "cycles,heap_sys_bytes,heap_idle_bytes,stack_inuse_bytes,rounding_bytes,tiny_bytes,tail_bytes,"
               "unused_bytes,dead_bytes,free_bytes\n");
    for (uint32_t i = 0; i < a->sample_count; i++) {
        const struct sample *s = &a->samples[i];
        const uint64_t values[] = {
            s->mapped, s->released, s->in_use, s->live, s->requested, s->heap_live,
            s->goal == UINT64_MAX ? 0 : s->goal, s->cycles, s->heap_sys, s->heap_idle, s->stack_inuse,
            sample_rounding(s), s->tiny, s->tail, sample_unused(s), s->dead, sample_free(s)};
        fprintf(f, "%" PRIu64, s->t_ns);
        for (size_t v = 0; v < sizeof values / sizeof values[0]; v++)
            put_number(f, values[v]);
        fputc('\n', f);
    }
}

static void put_column(FILE *f, const struct heap_map *map, unsigned at, unsigned seen, unsigned height)
{
    const struct heap_map_column *column = &map->columns[seen];
    for (unsigned r = 0; r < height; r++) {
        const struct heap_map_cell *c = &column->rows[r];
        fprintf(f, "%" PRIu64, at * map->width_ns);
        const uint64_t values[] = {map->width_ns, column->looked_ns, r * map->row_bytes, map->row_bytes, c->objects,
                                   c->live, c->stacks, c->free, c->released};
        for (size_t v = 0; v < sizeof values / sizeof values[0]; v++)
            put_number(f, values[v]);
        fputc('\n', f);
    }
}

void series_heap_map(FILE *f, const struct sim *sim)
{
    const struct heap_map *map = sim->heap_map;
    fprintf(f, "t_ns,width_ns,looked_ns,from_bytes,height_bytes,objects_bytes,live_bytes,stack_bytes,free_bytes,"
               "released_bytes\n");
    if (!map)
        return;
    unsigned height = heap_map_height(map), seen = HEAP_MAP_COLUMNS;
    for (unsigned i = 0; i < HEAP_MAP_COLUMNS && i * map->width_ns <= sim->end_ns; i++) {
        if (map->columns[i].looked)
            seen = i;
        if (seen < HEAP_MAP_COLUMNS)
            put_column(f, map, i, seen, height);
    }
}

/* --- at the peak and at the end ------------------------------------------------------------------------ */

static const char *const moments[] = {"peak", "end"};

static const struct portrait *portrait_at(const struct sim *sim, unsigned moment)
{
    return moment == 0 ? &sim->accounts.peak : &sim->end;
}

void series_spans(FILE *f, const struct sim *sim)
{
    fprintf(f, "moment,t_ns,class,size_bytes,occupancy_tenths,spans,span_bytes\n");
    for (unsigned m = 0; m < 2; m++) {
        const struct portrait *p = portrait_at(sim, m);
        for (unsigned c = 0; c < sim->core.table.count; c++)
            for (unsigned o = 0; o < PORTRAIT_OCCUPANCIES; o++) {
                const struct portrait_runs *n = &p->spans.spans[c][o];
                if (n->runs)
                    fprintf(f, "%s,%" PRIu64 ",%u,%u,%u,%" PRIu64 ",%" PRIu64 "\n", moments[m], p->t_ns, c,
                            sim->core.table.classes[c].size, o, n->runs, n->pages << sim->core.page_shift);
            }
    }
}

void series_free_runs(FILE *f, const struct sim *sim)
{
    fprintf(f, "moment,t_ns,pages_from,pages_to,runs,bytes\n");
    for (unsigned m = 0; m < 2; m++) {
        const struct portrait *p = portrait_at(sim, m);
        for (unsigned i = 0; i < PORTRAIT_LENGTHS; i++) {
            const struct portrait_runs *n = &p->spans.free[i];
            if (n->runs)
                fprintf(f, "%s,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n", moments[m], p->t_ns,
                        UINT64_C(1) << i, (UINT64_C(2) << i) - 1, n->runs, n->pages << sim->core.page_shift);
        }
    }
}

/* --- of the whole run ---------------------------------------------------------------------------------- */

void series_refills(FILE *f, const struct sim *sim)
{
    struct goheap_refills refills[GOHEAP_MAX_CLASSES];
    goheap_refills(sim->heap, refills);
    fprintf(f, "class,size_bytes,spans_from,spans_to,refills\n");
    for (unsigned c = 0; c < sim->core.table.count; c++)
        for (unsigned b = 0; b < GOHEAP_REFILL_BUCKETS; b++) {
            const struct goheap_refills *r = &refills[c];
            uint64_t from = b ? UINT64_C(1) << (b - 1) : 0, to = b ? 2 * from - 1 : 0;
            if (b + 1 == GOHEAP_REFILL_BUCKETS || to > r->most_swept)
                to = r->most_swept;
            if (r->by_swept[b])
                fprintf(f, "%u,%u,%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n", c, sim->core.table.classes[c].size, from, to,
                        r->by_swept[b]);
        }
}

static void put_histogram(FILE *f, const char *tier, const struct histogram *h)
{
    uint64_t slower = h->count;
    for (unsigned b = 0; b < HISTOGRAM_BUCKETS; b++) {
        if (h->buckets[b] == 0)
            continue;
        slower -= h->buckets[b];
        uint64_t top = slower ? histogram_top(b) : h->max;
        fprintf(f, "%s,%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n", tier, top, h->buckets[b], slower);
    }
}

void series_latency(FILE *f, const struct sim *sim)
{
    struct histogram all = {0};
    fprintf(f, "tier,up_to_ns,count,slower\n");
    for (unsigned i = 0; i < TIERS; i++) {
        put_histogram(f, report_tiers[i], &sim->accounts.latency[i]);
        histogram_merge(&all, &sim->accounts.latency[i]);
    }
    put_histogram(f, "all", &all);
}
