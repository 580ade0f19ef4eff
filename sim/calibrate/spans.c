/* What spans cost: changing the one that a P allocates from, making one of pages and giving it back, sweeping. */
#include "calibrate/experiment.h"

#include "calibrate/statistics.h"
#include "calibrate/timed_platform.h"

#include <stdlib.h>

/* --- a heap of spans of one class ---------------------------------------------------------------------- */

struct spans {
    const struct bench *bench;
    struct timed_platform timed;
    struct lab lab;
    size_t slots; /* a span */
};

static void spans_close(void *state)
{
    struct spans *s = state;
    lab_close(&s->lab);
    free(s);
}

static bool fill(struct spans *s, const struct goheap_config *config, const struct goheap_platform *platform, size_t n,
                 uint32_t size)
{
    if (!lab_open(&s->lab, config, platform, n))
        return false;
    for (size_t i = 0; i < n; i++)
        s->lab.sizes[i] = size;
    bool ok = lab_alloc_all(&s->lab, GOHEAP_NOSCAN);
    s->slots = (size_t)lab_slots(&s->lab, size);
    return ok && s->slots > 0;
}

/* n objects of a size, in the order of their addresses; timed: on a platform that times the core. */
static struct spans *spans_new(const struct bench *bench, const struct goheap_config *config, bool timed, size_t n,
                               uint32_t size)
{
    struct spans *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->bench = bench;
    if (timed)
        timed_platform_init(&s->timed, bench->platform);
    if (fill(s, config, timed ? &s->timed.table : bench->platform, n, size))
        return s;
    spans_close(s);
    return NULL;
}

/* --- central ------------------------------------------------------------------------------------------- */

enum { REFILLS = 1000, REFILL_SIZE = 1024, REFILL_SLOTS = 8 };

static void *central_open(const struct bench *bench)
{
    return spans_new(bench, &bench->configs->lists, true, REFILLS * REFILL_SLOTS, REFILL_SIZE);
}

/* One object in each span dies and is found, then one is allocated in each: a refill every time. ns of all of them. */
static double time_refills(struct spans *s, bool *ok)
{
    for (size_t i = 0; i < s->lab.n; i += s->slots)
        goheap_free(s->lab.p, s->lab.objects[i]);
    lab_collect(&s->lab);
    timed_restart(&s->timed);
    uint64_t began = now_ns();
    for (size_t i = 0; i < s->lab.n; i += s->slots)
        *ok &= (s->lab.objects[i] = goheap_alloc(s->lab.p, REFILL_SIZE, GOHEAP_NOSCAN)) != 0;
    return ns_since(began);
}

static bool central_sample(void *state, double *ns)
{
    struct spans *s = state;
    bool ok = true;
    time_refills(s, &ok);
    ns[0] = timed_mean(&s->timed, TIMED_LOCK, TIMED_UNLOCK);
    return ok;
}

const struct experiment central_experiment = {
    .findings = {FINDING(central, "the same with Go 1.11's lists: how long a refill holds the class's lock")},
    .open = central_open,
    .sample = central_sample,
    .close = spans_close,
};

/* --- page_cache ---------------------------------------------------------------------------------------- */

enum { SINGLES = 512, SINGLE_SIZE = 8192 };

/* Objects that have a span of one page each. */
static void *page_cache_open(const struct bench *bench)
{
    return spans_new(bench, &bench->configs->gc, true, SINGLES, SINGLE_SIZE);
}

/* All spans go back to mheap, and are made again. */
static bool page_cache_sample(void *state, double *ns)
{
    struct spans *s = state;
    lab_free_all(&s->lab);
    lab_collect(&s->lab);
    timed_restart(&s->timed);
    bool ok = lab_alloc_all(&s->lab, GOHEAP_NOSCAN);
    ns[0] = timed_mean(&s->timed, GOHEAP_STEP_PAGE_CACHE, TIMED_UNLOCK);
    return ok;
}

const struct experiment page_cache_experiment = {
    .findings = {FINDING(page_cache, "spans of one page: how long filling a page cache holds the heap lock")},
    .open = page_cache_open,
    .sample = page_cache_sample,
    .close = spans_close,
};

/* --- page_find, span_free ------------------------------------------------------------------------------ */

enum { LARGE_OBJECTS = 300, LEAST_PAGES = 16, MOST_PAGES = 80, PAGE = 8192 };

/* Large objects of all lengths, in which nothing is ever written. */
static bool fill_large(struct spans *s)
{
    if (!lab_open(&s->lab, &s->bench->configs->immediate, &s->timed.table, LARGE_OBJECTS))
        return false;
    for (size_t i = 0; i < s->lab.n; i++)
        s->lab.sizes[i] = (uint32_t)(LEAST_PAGES + lab_random(&s->lab, MOST_PAGES - LEAST_PAGES + 1)) * PAGE;
    return lab_alloc_all(&s->lab, GOHEAP_NOSCAN);
}

/* Every second one becomes a hole. */
static void *pages_open(const struct bench *bench)
{
    struct spans *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->bench = bench;
    timed_platform_init(&s->timed, bench->platform);
    if (!fill_large(s)) {
        spans_close(s);
        return NULL;
    }
    for (size_t i = 0; i < s->lab.n; i += 2)
        goheap_free(s->lab.p, s->lab.objects[i]);
    return s;
}

/* One dies and another is born, of another length: the number of holes stays about the same. */
static bool pages_sample(void *state, double *ns)
{
    enum { TIMES = 500 };
    struct spans *s = state;
    bool ok = true;
    timed_restart(&s->timed);
    for (int i = 0; i < TIMES; i++) {
        size_t from = lab_random(&s->lab, LARGE_OBJECTS / 2) * 2 + 1, length = lab_random(&s->lab, LARGE_OBJECTS);
        goheap_free(s->lab.p, s->lab.objects[from]);
        s->lab.objects[from] = goheap_alloc(s->lab.p, s->lab.sizes[length], GOHEAP_NOSCAN);
        ok &= s->lab.objects[from] != 0;
    }
    ns[0] = timed_mean(&s->timed, GOHEAP_STEP_PAGE_FIND, TIMED_UNLOCK);
    ns[1] = timed_mean(&s->timed, GOHEAP_STEP_SPAN_FREE, TIMED_HEAP) - s->bench->known->lock / 2; /* it is taken */
    ns[2] = timed_mean(&s->timed, TIMED_HEAP, TIMED_UNLOCK);
    return ok;
}

const struct experiment pages_experiment = {
    .findings = {FINDING(page_find, "spans of 16 to 80 pages among holes: how long the search holds the heap lock"),
                 FINDING(span_free, "the same: giving one back, before it has the heap lock, less half of lock"),
                 FINDING(span_free_hold, "and how long it holds it")},
    .open = pages_open,
    .sample = pages_sample,
    .close = spans_close,
};

/* --- sweep_span, sweep_object -------------------------------------------------------------------------- */

enum { SWEPT_SPANS = 500, CLASSES = 6 };

struct sweep {
    struct spans *of[CLASSES];
};

static void sweep_close(void *state)
{
    struct sweep *w = state;
    for (int i = 0; i < CLASSES; i++)
        if (w->of[i])
            spans_close(w->of[i]);
    free(w);
}

/* Half of the objects die. */
static void halve(struct lab *lab)
{
    for (size_t i = 0; i < lab->n; i += 2)
        goheap_free(lab->p, lab->objects[i]);
    lab_collect(lab);
}

static void *sweep_open(const struct bench *bench)
{
    static const uint32_t sizes[CLASSES] = {16, 32, 64, 128, 256, 1024};
    struct sweep *w = calloc(1, sizeof *w);
    for (int i = 0; w && i < CLASSES; i++) {
        w->of[i] = spans_new(bench, &bench->configs->gc, false, (size_t)SWEPT_SPANS * PAGE / sizes[i], sizes[i]);
        if (!w->of[i]) {
            sweep_close(w);
            return NULL;
        }
        halve(&w->of[i]->lab);
    }
    return w;
}

/* ns a span of sweeping a heap in which nothing has died since. */
static double time_sweep(struct lab *lab)
{
    lab_collect_unswept(lab);
    unsigned spans = 0;
    uint64_t began = now_ns();
    while (goheap_sweep_one(lab->heap, lab->p) != UINT64_MAX)
        spans++;
    return ns_since(began) / spans;
}

static bool sweep_sample(void *state, double *ns)
{
    struct sweep *w = state;
    double slots[CLASSES], times[CLASSES];
    for (int i = 0; i < CLASSES; i++) {
        slots[i] = (double)w->of[i]->slots;
        times[i] = time_sweep(&w->of[i]->lab);
    }
    return statistics_fit(slots, times, CLASSES, &ns[0], &ns[1]);
}

const struct experiment sweep_experiment = {
    .findings = {FINDING(sweep_span, "half-full spans of 8 to 512 slots, swept one by one: where a line begins"),
                 FINDING(sweep_object, "and its slope")},
    .open = sweep_open,
    .sample = sweep_sample,
    .close = sweep_close,
};
