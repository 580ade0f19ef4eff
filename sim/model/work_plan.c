/* What a heap is to those that mark it, when they begin. */
#include "model/work.h"

#include "model/sim.h"

#include <math.h>

enum {
    TABLE = 32 << 10, /* less in large objects is no table */
    RUNTIMES = 1100,  /* of stacks, bytes of those of the runtime's own goroutines */
    NEAR = 4 << 20,   /* bytes of a heap beside which stacks and the runtime's own stay in the cache */
    ARENA = 64 << 20,
    SHARD = 4 << 20   /* 512 pages (pagesPerSpanRoot) */
};

bool mark_work_by_span(const struct sim *sim, double size)
{
    return sim->core.mark_bytes && size >= sim->core.mark_from && size <= sim->core.pointer_bits_max;
}

/* What of a heap is not in the cache when it is marked: some of it in one that would fit, too, as the program has run
 * meanwhile. */
static double marking_miss(double cache, double heap)
{
    const double least = 0.28; /* gctraces of both Gos, of heaps that grow from 4 MB to 100 */
    return least + (1 - least) * cache_miss(cache, heap);
}

static double scan_cost(const struct sim *sim, double size, double missing)
{
    const struct costs *c = &sim->config.costs;
    double read = size * c->scan_miss_byte;
    return size * c->mark_byte + missing * (read < c->scan_miss ? read : c->scan_miss);
}

/* An object is scanned up to its last pointer, which is to say, as far as was asked for (scanobject): the part of a
 * slot, or of a large object's pages, that was, in the mean of those that live. */
static double asked(const struct sim *sim, unsigned class)
{
    const struct accounts *a = &sim->accounts;
    double requested = (double)account_live_requested(&a->of[class]);
    double slots = class ? (double)account_live(&a->of[class]) * sim->core.table.classes[class].size
                         : (double)a->large_live_bytes;
    return requested < slots ? requested / slots : 1;
}

/* Objects of size classes that are scanned. */
struct small {
    double bytes;        /* of their slots */
    double spans;        /* of those in spans that are scanned as wholes */
    double rest;         /* of the others, as far as they are scanned */
    double in_spans;     /* objects of these */
    double span_count;
    double single;       /* objects that are scanned one by one */
    double ns;           /* for that */
    double alone_ns;     /* for those in spans, one by one */
};

static struct small count_small(const struct sim *sim, const struct goheap_marked *marked, double missing)
{
    struct small s = {0};
    for (unsigned i = 1; i < sim->core.table.count; i++) {
        double size = sim->core.table.classes[i].size, objects = (double)marked->scan_objects[i];
        s.bytes += objects * size;
        if (mark_work_by_span(sim, size)) {
            s.spans += objects * size;
            s.in_spans += objects;
            s.alone_ns += objects * scan_cost(sim, size, missing);
            s.span_count += (double)marked->scan_spans[i];
        } else {
            s.single += objects;
            s.rest += objects * size * asked(sim, i);
            s.ns += objects * scan_cost(sim, size, missing);
        }
    }
    return s;
}

/* Each object is found by a pointer to it. A trace of a program in C shows no memory with pointers in it, so that
 * nearly all of the time goes on roots that are small: a byte of them stands for many that would be scanned. What part
 * of the memory that must hold pointers is shown, so that steps of so many bytes take no longer than they would. */
static double shown(double bytes, double objects)
{
    double needed = sizeof(void *) * objects;
    return bytes < needed ? bytes / needed : 1;
}

/* Roots are taken as wholes, save where there are dedicated workers, of whom nobody has measured it, or where they stand
 * for memory of which the trace does not tell: then in steps, as objects are; and so where nothing else is scanned one by
 * one, as it is with them that objects are marked which no piece points to. */
static bool roots_apart(double scanned, double objects, double rest, double pointed)
{
    return shown(scanned, objects) > 0.5 && (rest >= 1 || pointed > 0.99 * objects);
}

/* Of whole arenas, each looked at whether it is used or not. */
static uint64_t shards(const struct sim *sim)
{
    struct goheap_gauges g;
    goheap_gauges(sim->heap, &g);
    uint64_t mapped = g.heap_inuse + g.heap_free + g.heap_released + g.stack_inuse;
    return (mapped + ARENA - 1) / ARENA * (ARENA / SHARD);
}

/* In logs of both Gos, of globals those that begin with a value, a sixth, take half as long as all others. A stack's
 * frames are looked up; those of the runtime's goroutines are many and small. These, and what tells of parts of the heap,
 * take twice as long where much else has been in the cache since the last cycle. */
static void plan_roots(struct mark_work *w, const struct sim *sim)
{
    const double data = 1. / 6, hanging = 0.3; /* of their size hangs on them */
    const double shard = 2400, stack = 12, runtimes = 68; /* one, or a byte of these, as many bytes of globals */
    const struct sim_config *c = &sim->config;
    double byte = c->costs.root_byte, cold = byte * w->cold;
    uint64_t values = (uint64_t)(data * (double)c->globals_bytes);
    uint64_t last = c->stack_bytes < RUNTIMES ? c->stack_bytes : RUNTIMES;
    w->roots[DATA] = (struct work){.left = values, .byte_ns = byte / 3 / data};
    w->roots[BSS] = (struct work){.left = c->globals_bytes - values, .byte_ns = byte * 2 / 3 / (1 - data)};
    w->roots[SPECIALS] = (struct work){.left = c->globals_bytes ? shards(sim) : 0, .byte_ns = shard * cold};
    w->roots[STACK] = (struct work){.left = c->stack_bytes - last, .byte_ns = stack * cold};
    w->roots[RUNTIMES_STACKS] = (struct work){.left = last, .byte_ns = runtimes * cold};
    w->hanging = hanging * (double)c->globals_bytes;
    if (w->roots[STACK].left) {
        w->unfound = w->pieces.left;
        w->pieces.left = 0;
    }
}

/* Tables are filled in the order in which objects are allocated. These lie one beside the other, in spans that are full
 * but for the last of each class, as long as none of them has died and another taken its place: as spans get half empty
 * between collections, they lie anywhere. */
static double in_order(const struct sim *sim, const struct goheap_marked *marked)
{
    double objects = 0, slots = 0;
    for (unsigned i = 1; i < sim->core.table.count; i++) {
        if (!marked->class_spans[i])
            continue;
        const struct goheap_size_class *c = &sim->core.table.classes[i];
        double span = (double)((uint64_t)c->pages << sim->core.page_shift) / c->size;
        objects += (double)marked->class_objects[i];
        slots += span * ((double)marked->class_spans[i] - 0.5);
    }
    return 2 * objects > slots ? fmin(2 * objects / slots - 1, 1) : 0;
}

/* What part of the objects are the first in their spans to be marked, after so many that lie anywhere. */
static double untouched(const struct first_marks *first, double objects)
{
    return first->ordered * first->even + (1 - first->ordered) * exp(-objects / first->spans);
}

void mark_work_time_pieces(struct mark_work *w)
{
    const struct first_marks *first = &w->first;
    double objects = (double)(first->pieces - w->unscanned) / sizeof(void *);
    w->pieces.firsts = first->spans > 0 ? untouched(first, objects) / sizeof(void *) : 0;
    w->pieces.byte_ns = first->byte_ns + first->ns * w->pieces.firsts;
}

static void hide_behind_pieces(struct mark_work *w, uint64_t objects, const struct small *s)
{
    w->unscanned = w->pieces.left;
    w->hidden_objects = objects;
    w->hidden_spans = w->spans.left;
    w->span_count = s->span_count;
    w->objects_in_spans = s->in_spans;
    w->spans.left = 0;
    w->buffer = s->single > 0 ? (uint64_t)((double)objects / s->single * WORKBUF) + 1 : UINT32_MAX;
}

/* Parts of all that is marked, and of the spans it lies in, that have their marks in the span (Green Tea). */
struct marked_inside {
    double objects, spans;
};

static struct marked_inside count_inside(const struct sim *sim, const struct goheap_marked *marked)
{
    struct marked_inside in = {0};
    for (unsigned i = 1; i < sim->core.table.count; i++) {
        if (mark_work_by_span(sim, sim->core.table.classes[i].size)) {
            in.objects += (double)marked->class_objects[i];
            in.spans += (double)marked->class_spans[i];
        }
    }
    in.objects /= marked->objects ? (double)marked->objects : 1;
    in.spans /= marked->spans ? (double)marked->spans : 1;
    return in;
}

/* Marking an object, the mean. */
static double mark_cost(const struct costs *c, double inside, double missing)
{
    return c->mark_object + (c->mark_miss + inside * (c->mark_span_miss - c->mark_miss)) * missing;
}

/* What the first mark in a span takes longer, the mean. */
static double first_cost(const struct sim *sim, double inside, double missing)
{
    return sim->config.costs.mark_first * (sim->core.mark_bytes ? inside : 1) * missing;
}

void mark_work_plan(struct mark_work *w, const struct sim *sim, const struct goheap_marked *marked, bool tables)
{
    const struct costs *c = &sim->config.costs;
    double heap = (double)goheap_heap_live(sim->heap), objects = (double)marked->objects;
    double missing = marking_miss(c->scan_cache, heap);
    struct small s = count_small(sim, marked, missing);
    double far = marking_miss(c->mark_cache, heap);
    struct marked_inside inside = count_inside(sim, marked);
    double spans = (double)marked->spans, even = objects > 0 ? spans / objects : 0, ordered = in_order(sim, marked);
    double mark = mark_cost(c, inside.objects, far * (1 - ordered + ordered * even));
    double first = first_cost(sim, inside.spans, far);
    double large = ((double)marked->scan_bytes - s.bytes) * asked(sim, 0);
    double pieces = large < objects * sizeof(void *) ? large : objects * sizeof(void *); /* pointers, not nil */
    if (pieces < TABLE || !tables)
        pieces = 0;
    double pointed = pieces / sizeof(void *), rest = s.rest + large - pieces;
    bool table = pieces > 0 && large > OBLET * (double)marked->scan_objects[0]; /* and not many that are just large */
    double empty = sim->p_count == 1 && table ? large - pieces : 0; /* of several Ps it has not been measured */
    rest -= empty;
    bool apart = tables && roots_apart(s.spans + s.rest + large, objects, rest, pointed);
    double roots = apart ? 0 : (double)(sim->config.stack_bytes + sim->config.globals_bytes);
    double firsts = objects > 0 ? spans * (1 - pointed / objects) : 0;
    double ns = s.ns + (objects - pointed) * mark + firsts * first + (roots + large - pieces - empty) * c->mark_byte;
    double bytes = roots + rest >= 1 ? roots + rest : 1;
    *w = (struct mark_work){
        .cold = (1 + cache_miss(NEAR, heap)) / 2,
        .ps = sim->p_count,
        .heap = (uint64_t)(s.spans + s.rest + large),
        .objects = {.left = (uint64_t)roots, .byte_ns = ns / bytes, .firsts = firsts / bytes},
        .pieces = {.left = (uint64_t)pieces, .byte_ns = mark / sizeof(void *) + c->mark_byte},
        .empty = {.left = (uint64_t)empty, .byte_ns = c->mark_byte},
        .alone = {.byte_ns = s.spans > 0 ? s.alone_ns / s.spans : 0},
        .spans = {.left = (uint64_t)s.spans},
        .full_ns = c->mark_span_byte + c->mark_span_miss_byte * missing,
        .span_bytes = s.span_count > 0 ? s.spans / s.span_count : 0,
    };
    if (w->pieces.left) {
        hide_behind_pieces(w, (uint64_t)rest, &s);
        w->first = (struct first_marks){spans, even, ordered, first, w->pieces.byte_ns, w->pieces.left};
        mark_work_time_pieces(w);
    } else {
        w->objects.left += (uint64_t)rest;
    }
    if (apart)
        plan_roots(w, sim);
    w->objects.left += mark_work_left(w) == 0; /* who marks nothing takes a moment to see that */
    w->shown = shown((double)mark_work_left(w), objects);
}
