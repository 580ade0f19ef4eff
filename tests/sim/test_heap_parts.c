/* What is drawn of the heap adds up, to the byte: at every sample the parts are HeapSys, at the end they are what the
 * report and MemStats say; and the map, the spans by occupancy and the free runs make up the same heap. For every page
 * heap and both ways of reclaiming. Numbers are compared that different code has counted: samples are kept up to date
 * event by event, portraits and maps come from walks over the pages.
 */
#include "report/report.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "run_trace.h"

static struct sim *new_with_map(const struct sim_config *config, struct error *error)
{
    struct sim *sim = sim_new(config, error);
    if (sim && !(sim->heap_map = heap_map_new(false)))
        abort();
    return sim;
}

static void end_with_map(struct run *r)
{
    free(r->sim->heap_map);
    end_run(r);
}

/* --- a trace ------------------------------------------------------------------------------------------- */

enum { EVENTS = 1900, LIVE = 60, STREAMS = 3 };

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return *seed >> 33;
}

/* So few events that every sample is kept. Three streams that replace random ones of each other's objects, tiny to
 * large, and a few stacks. */
static char *make_trace(void)
{
    static const uint64_t limits[] = {16, 16, 128, 512, 2048, 9000, 40000, 100000};
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    assert_non_null(f);
    uint64_t seed = 3, ids[LIVE] = {0}, last = 0;
    fprintf(f, "t_ns,op,p,id,size,noscan\n");
    for (unsigned i = 0; i < EVENTS; i++) {
        uint64_t *id = &ids[next_random(&seed) % LIVE];
        uint64_t p = next_random(&seed) % STREAMS, t = UINT64_C(3000) * i;
        const char *stack = id - ids < 8 ? "stack" : "";
        if (*id) {
            fprintf(f, "%llu,%sfree,%llu,%llu,,\n", (unsigned long long)t, stack, (unsigned long long)p,
                    (unsigned long long)*id);
            *id = 0;
            continue;
        }
        *id = ++last;
        uint64_t limit = limits[next_random(&seed) % 8], bytes = 1 + next_random(&seed) % limit;
        fprintf(f, "%llu,%salloc,%llu,%llu,%llu,%s\n", (unsigned long long)t, stack, (unsigned long long)p,
                (unsigned long long)*id, (unsigned long long)bytes,
                *stack ? "" : next_random(&seed) % 2 ? "1" : "0");
    }
    fclose(f);
    return text;
}

/* --- what has to agree --------------------------------------------------------------------------------- */

static void check_samples(const struct accounts *a)
{
    assert_true(a->sample_count > 1000 && a->sample_count < SAMPLES_MAX);
    for (uint32_t i = 0; i < a->sample_count; i++) {
        const struct sample *s = &a->samples[i];
        const uint64_t parts[] = {s->requested, sample_rounding(s), s->tiny, s->tail, sample_unused(s), s->dead,
                                  sample_free(s), s->released};
        uint64_t sum = 0;
        for (unsigned k = 0; k < sizeof parts / sizeof parts[0]; k++) {
            assert_true(parts[k] <= s->heap_sys);
            sum += parts[k];
        }
        assert_int_equal(sum, s->heap_sys);
        assert_int_equal(sum + s->stack_inuse, s->mapped);
    }
}

static uint64_t number(const json_t *document, const char *path)
{
    return (uint64_t)json_integer_value(report_at(document, path));
}

static void check_end(const struct sim *sim, const json_t *document)
{
    const struct sample *s = &sim->accounts.samples[sim->accounts.sample_count - 1];
    assert_int_equal(s->requested, number(document, "fragmentation.end.requested_bytes"));
    assert_int_equal(sample_rounding(s), number(document, "fragmentation.end.internal.rounding_bytes"));
    assert_int_equal(s->tiny, number(document, "fragmentation.end.internal.tiny_bytes"));
    assert_int_equal(s->tail, number(document, "fragmentation.end.internal.tail_bytes"));
    assert_int_equal(s->dead, number(document, "fragmentation.end.dead_bytes"));
    assert_int_equal(sample_unused(s), number(document, "fragmentation.end.external.unused_slot_bytes"));
    assert_int_equal(s->heap_idle, number(document, "fragmentation.end.external.free_page_bytes"));
    /* Reading MemStats may move pages of stacks, and of spans found empty, from one to the other. */
    assert_int_equal(s->mapped, number(document, "memstats.HeapSys") + number(document, "memstats.StackInuse"));
}

static void check_spans(const struct sim *sim)
{
    const struct portrait *p = &sim->end;
    uint64_t pages = 0, free_pages = 0;
    for (unsigned c = 0; c < sim->core.table.count; c++) {
        uint64_t spans = 0;
        for (unsigned o = 0; o < PORTRAIT_OCCUPANCIES; o++) {
            spans += p->spans.spans[c][o].runs;
            pages += p->spans.spans[c][o].pages;
        }
        assert_int_equal(spans, p->spans.classes[c].spans);
    }
    assert_int_equal(pages << sim->core.page_shift, p->sample.in_use);
    for (unsigned i = 0; i < PORTRAIT_LENGTHS; i++) {
        const struct portrait_runs *n = &p->spans.free[i];
        assert_true(n->pages >= n->runs << i && n->pages < (n->runs << i) * 2 + (n->runs == 0));
        free_pages += n->pages;
    }
    assert_int_equal(free_pages, p->free.pages);
}

/* What is known of it when a column of the map was looked at; NULL if that sample was dropped. */
static const struct sample *sample_at(const struct accounts *a, uint64_t t_ns)
{
    for (uint32_t i = 0; i < a->sample_count; i++)
        if (a->samples[i].t_ns == t_ns)
            return &a->samples[i];
    return NULL;
}

static struct heap_map_cell total(const struct heap_map_column *column)
{
    struct heap_map_cell sum = {.objects = 0};
    for (unsigned r = 0; r < HEAP_MAP_ROWS; r++) {
        const struct heap_map_cell *c = &column->rows[r];
        assert_true(c->live <= c->objects);
        sum.objects += c->objects;
        sum.live += c->live;
        sum.stacks += c->stacks;
        sum.free += c->free;
        sum.released += c->released;
    }
    return sum;
}

/* Pages that are on their way from one to the other while somebody looks, in the midst of a process' allocation, are in
 * neither. */
static void check_map(const struct sim *sim)
{
    unsigned exact = 0;
    for (unsigned i = 0; i < HEAP_MAP_COLUMNS; i++) {
        const struct heap_map_column *column = &sim->heap_map->columns[i];
        const struct sample *s = column->looked ? sample_at(&sim->accounts, column->looked_ns) : NULL;
        if (!s)
            continue;
        struct heap_map_cell sum = total(column);
        uint64_t seen = sum.objects + sum.stacks + sum.free + sum.released;
        assert_int_equal(column->looked_ns / sim->heap_map->width_ns, i);
        assert_true(seen <= s->mapped);
        if (seen < s->mapped)
            continue;
        assert_int_equal(sum.objects, s->in_use);
        assert_int_equal(sum.live, s->live + s->tiny);
        assert_int_equal(sum.stacks, s->stack_inuse);
        assert_int_equal(sum.free, sample_free(s));
        assert_int_equal(sum.released, s->released);
        exact++;
    }
    assert_true(exact >= 5);
}

static void check(const char *config, const char *const *settings)
{
    struct run r;
    char *text = make_trace();
    configure(&r, config, settings);
    run_trace_by(&r, text, new_with_map, sim_run);
    json_t *document = report_document(r.sim, "a trace", (struct wall){.seconds = 1});
    assert_non_null(document);
    check_samples(&r.sim->accounts);
    check_end(r.sim, document);
    check_spans(r.sim);
    if (r.sim->p_count == 1)
        check_map(r.sim);
    json_decref(document);
    end_with_map(&r);
    free(text);
}

static void check_all(const char *setting)
{
    static const char *const configs[] = {"go1.5", "go1.11", "go1.19", "go1.26"};
    for (unsigned i = 0; i < sizeof configs / sizeof configs[0]; i++) {
        const char *const one[] = {setting, "ps=1", NULL}, *const several[] = {setting, NULL};
        check(configs[i], one);
        check(configs[i], several);
    }
}

static void test_collection(void **state)
{
    (void)state;
    check_all("gogc=50");
}

static void test_immediate(void **state)
{
    (void)state;
    check_all("reclaim=immediate");
}

/* Busy at first: what comes after that is sampled as evenly, however often samples are thinned out. */
static void test_even_samples(void **state)
{
    (void)state;
    enum { BUSY = 3000, CALM = 6000, GAP_NS = 1000000 };
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    assert_non_null(f);
    fprintf(f, "t_ns,op,id,size\n");
    uint64_t t = 0;
    for (unsigned i = 0; i < BUSY + CALM; i++) {
        t += i < BUSY ? 1000 : GAP_NS;
        fprintf(f, "%llu,%s,%u,%s\n", (unsigned long long)t, i % 2 ? "free" : "alloc", i / 2 + 1, i % 2 ? "" : "64");
    }
    fclose(f);
    static const char *const settings[] = {"pacing=recorded", NULL};
    struct run r;
    run_trace(&r, text, settings);
    const struct accounts *a = &r.sim->accounts;
    assert_true(a->sample_count > SAMPLES_MAX / 4);
    for (uint32_t i = 1; i < a->sample_count; i++)
        assert_true(a->samples[i].t_ns - a->samples[i - 1].t_ns <= 2 * a->sample_interval + GAP_NS);
    end_run(&r);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_collection),
        cmocka_unit_test(test_immediate),
        cmocka_unit_test(test_even_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
