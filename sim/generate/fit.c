/* Counting into cells, and making them coarser.
 *
 *   key: used 1 | window 8 | lifetime 9 | never ends 1 | noscan 1 | from 8 | to 8
 *
 * Invariant: a coarser key can be computed from a finer cell, as every band of sizes or lifetimes lies within one of
 * the next step, and means lie within their band. */
#include "generate/fit.h"

#include <stdlib.h>
#include <string.h>

#include "engine/histogram.h"

enum { FIRST_WIDTH = 256, LIFETIME_SHIFT = 2 /* 8 bands a power of two */ };

#define EXACT_SIZES 0u /* size_shift, as long as keys have the sizes themselves */

struct fit_object {
    uint64_t born; /* its number among the allocations */
    uint64_t size : 48;
    uint64_t noscan : 1;
    uint64_t is_live : 1;
    uint64_t p : 8;
};

struct traits { /* of an object, or of the mean of a cell */
    uint64_t window, size, lifetime;
    bool noscan, never_ends;
    uint8_t from, to;
};

bool fit_init(struct fit *fit)
{
    *fit = (struct fit){.windows = FIT_WINDOWS, .width = FIRST_WIDTH, .capacity = 2 * FIT_CELLS};
    fit->cells = calloc(fit->capacity, sizeof *fit->cells);
    fit->gaps = calloc(FIT_WINDOWS, sizeof *fit->gaps);
    fit->handovers = calloc(FIT_PS, sizeof *fit->handovers);
    return fit->cells != NULL && fit->gaps != NULL && fit->handovers != NULL;
}

void fit_free(struct fit *fit)
{
    free(fit->cells);
    free(fit->gaps);
    free(fit->handovers);
    free(fit->objects);
}

/* ---- keys ---- */

static uint64_t size_key(const struct fit *fit, uint64_t size)
{
    return fit->size_shift == EXACT_SIZES ? size : histogram_bucket(size) >> (fit->size_shift - 1);
}

static unsigned lifetime_key(const struct fit *fit, uint64_t lifetime)
{
    return histogram_bucket(lifetime) >> (LIFETIME_SHIFT + fit->lifetime_shift);
}

static uint64_t pack(const struct fit *fit, const struct traits *t)
{
    uint64_t key = UINT64_C(1) << 63 | t->window << 32;
    key |= (uint64_t)(t->never_ends ? 0 : lifetime_key(fit, t->lifetime)) << 20;
    key |= (uint64_t)t->never_ends << 17 | (uint64_t)t->noscan << 16;
    return fit->ps_apart ? key : key | (uint64_t)t->from << 8 | t->to;
}

static struct traits unpack(const struct fit_cell *cell)
{
    double n = (double)cell->count;
    return (struct traits){.window = cell->key >> 32 & 0xff, .size = (uint64_t)(cell->sum_size / n + 0.5),
                           .lifetime = (uint64_t)(cell->sum_lifetime / n), .noscan = cell->key >> 16 & 1,
                           .never_ends = cell->key >> 17 & 1, .from = cell->key >> 8 & 0xff, .to = cell->key & 0xff};
}

/* ---- cells ---- */

static uint64_t hash(uint64_t size, uint64_t key)
{
    uint64_t z = size * UINT64_C(0x9e3779b97f4a7c15) ^ key;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* The cell of these, added (with nothing in it) if it was not there: there is room. */
static struct fit_cell *find(struct fit *fit, uint64_t size, uint64_t key)
{
    size_t mask = fit->capacity - 1, i = hash(size, key) & mask;
    while (fit->cells[i].key != 0 && (fit->cells[i].key != key || fit->cells[i].size != size))
        i = (i + 1) & mask;
    if (fit->cells[i].key == 0) {
        fit->cells[i] = (struct fit_cell){.size = size, .key = key};
        fit->cell_count++;
    }
    return &fit->cells[i];
}

/* Every cell again, by the keys of now, in a new table; windows: how many of the old ones make one. */
static bool rehash(struct fit *fit, unsigned windows)
{
    struct fit_cell *old = fit->cells;
    fit->cells = calloc(fit->capacity, sizeof *fit->cells);
    if (fit->cells == NULL) {
        fit->cells = old;
        return false;
    }
    fit->cell_count = 0;
    for (size_t i = 0; i < fit->capacity; i++) {
        if (old[i].key == 0)
            continue;
        struct traits traits = unpack(&old[i]);
        traits.window /= windows;
        struct fit_cell *cell = find(fit, size_key(fit, traits.size), pack(fit, &traits));
        cell->count += old[i].count;
        cell->sum_size += old[i].sum_size;
        cell->sum_lifetime += old[i].sum_lifetime;
    }
    free(old);
    return true;
}

static void add_gaps(struct fit_gaps *to, const struct fit_gaps *from)
{
    for (unsigned i = 0; i < FIT_GAPS; i++) {
        to->count[i] += from->count[i];
        to->sum[i] += from->sum[i];
    }
}

static bool widen(struct fit *fit)
{
    for (unsigned w = 0; w < FIT_WINDOWS / 2; w++) {
        struct fit_gaps gaps = fit->gaps[2 * w];
        add_gaps(&gaps, &fit->gaps[2 * w + 1]);
        fit->gaps[w] = gaps;
    }
    memset(&fit->gaps[FIT_WINDOWS / 2], 0, FIT_WINDOWS / 2 * sizeof *fit->gaps);
    fit->width *= 2;
    return rehash(fit, 2);
}

/* One step. After the last one there are fewer cells than would fit by far: powers of two, in one window. */
static bool coarsen(struct fit *fit)
{
    static const enum { WINDOWS, LIFETIMES, SIZES, PS } steps[] = {
        WINDOWS, WINDOWS, LIFETIMES, SIZES, SIZES, LIFETIMES, SIZES, PS, WINDOWS, WINDOWS, SIZES, SIZES, SIZES,
        LIFETIMES, WINDOWS, WINDOWS};
    if (fit->step == sizeof steps / sizeof steps[0])
        return true;
    switch (steps[fit->step++]) {
    case WINDOWS:
        fit->windows /= 2;
        return widen(fit);
    case LIFETIMES:
        fit->lifetime_shift++;
        break;
    case SIZES:
        fit->size_shift++;
        break;
    default:
        fit->ps_apart = true;
    }
    return rehash(fit, 1);
}

static bool count_object(struct fit *fit, const struct fit_object *object, uint64_t lifetime, bool never_ends,
                         uint8_t to)
{
    struct traits traits = {object->born / fit->width, object->size, lifetime, object->noscan, never_ends,
                            object->p & 0xff, to};
    struct fit_cell *cell = find(fit, size_key(fit, object->size), pack(fit, &traits));
    cell->count++;
    cell->sum_size += (double)object->size;
    cell->sum_lifetime += (double)lifetime;
    fit->handovers[traits.from][to]++;
    while (fit->cell_count >= FIT_CELLS)
        if (!coarsen(fit))
            return false;
    return true;
}

/* ---- events ---- */

static bool make_room(struct fit *fit, uint32_t slot)
{
    if (slot < fit->object_capacity)
        return true;
    size_t capacity = ((size_t)slot + 1) * 2;
    struct fit_object *larger = reallocarray(fit->objects, capacity, sizeof *larger);
    if (larger == NULL)
        return false;
    memset(larger + fit->object_capacity, 0, (capacity - fit->object_capacity) * sizeof *larger);
    fit->objects = larger;
    fit->object_capacity = capacity;
    return true;
}

static unsigned band_of(uint64_t gap)
{
    unsigned band = gap == 0 ? 0 : 64u - (unsigned)__builtin_clzll(gap);
    return band < FIT_GAPS ? band : FIT_GAPS - 1;
}

static bool begin(struct fit *fit, const struct trace_event *event)
{
    if (!make_room(fit, event->slot))
        return false;
    while (fit->allocs >= fit->width * fit->windows)
        if (!widen(fit))
            return false;
    fit->objects[event->slot] = (struct fit_object){
        .born = fit->allocs, .size = event->size, .noscan = event->noscan, .is_live = 1, .p = event->stream % FIT_PS};
    uint64_t gap = fit->clock_ns - fit->last_alloc_ns;
    struct fit_gaps *gaps = &fit->gaps[fit->allocs / fit->width];
    gaps->count[band_of(gap)]++;
    gaps->sum[band_of(gap)] += (double)gap;
    fit->last_alloc_ns = fit->clock_ns;
    fit->allocs++;
    return true;
}

bool fit_take(struct fit *fit, const struct trace_event *event)
{
    if (event->stream >= fit->ps)
        fit->ps = (uint64_t)event->stream + 1;
    if (event->time_ns > fit->clock_ns)
        fit->clock_ns = event->time_ns;
    if (event->op == TRACE_ALLOC)
        return begin(fit, event);
    if (event->op != TRACE_FREE && event->op != TRACE_DEAD)
        return true;
    struct fit_object *object = &fit->objects[event->slot];
    if (!object->is_live) /* a free after a dead */
        return true;
    object->is_live = 0;
    fit->ended++;
    return count_object(fit, object, fit->allocs - object->born - 1, false, (uint8_t)(event->stream % FIT_PS));
}

/* ---- the end ---- */

static int in_order(const void *a, const void *b)
{
    const struct fit_cell *x = a, *y = b;
    uint64_t x_window = x->key >> 32, y_window = y->key >> 32;
    if (x_window != y_window)
        return x_window < y_window ? -1 : 1;
    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    return x->key < y->key ? -1 : x->key > y->key;
}

bool fit_finish(struct fit *fit)
{
    for (size_t slot = 0; slot < fit->object_capacity; slot++)
        if (fit->objects[slot].is_live &&
            !count_object(fit, &fit->objects[slot], 0, true, fit->objects[slot].p & 0xff))
            return false;
    free(fit->objects);
    fit->objects = NULL;
    fit->object_capacity = 0;
    size_t n = 0;
    for (size_t i = 0; i < fit->capacity; i++)
        if (fit->cells[i].key != 0)
            fit->cells[n++] = fit->cells[i];
    if (n > 0)
        qsort(fit->cells, n, sizeof *fit->cells, in_order);
    return true;
}

void fit_around(double mean, double low, double high, double *from, double *to)
{
    double room = mean - low < high - mean ? mean - low : high - mean;
    room = room > 0 ? room : 0;
    *from = mean - room;
    *to = mean + room;
}

/* The smallest value of a band, as histogram_bucket has them. */
static double band_low(unsigned bucket)
{
    if (bucket < HISTOGRAM_SUB)
        return bucket;
    unsigned shift = bucket / HISTOGRAM_SUB - 1;
    return (double)((uint64_t)(bucket - shift * HISTOGRAM_SUB) << shift);
}

struct fit_kind fit_kind(const struct fit *fit, const struct fit_cell *cell)
{
    struct traits t = unpack(cell);
    struct fit_kind kind = {.window = (unsigned)t.window, .size = t.size, .noscan = t.noscan,
                            .never_ends = t.never_ends, .from = t.from, .to = t.to};
    unsigned shift = LIFETIME_SHIFT + fit->lifetime_shift, band = lifetime_key(fit, t.lifetime);
    fit_around(cell->sum_lifetime / (double)cell->count, band_low(band << shift), band_low((band + 1) << shift) - 1,
               &kind.lifetime_low, &kind.lifetime_high);
    return kind;
}
