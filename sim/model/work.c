/* What a heap is to those that mark it. */
#include "model/work.h"

#include "model/sim.h"

#include <math.h>

enum {
    OBLET = 128 << 10, /* maxObletBytes: objects that are larger are scanned in such pieces */
    WORKBUF = 253,     /* pointers in a work buffer, of which everyone has two */
    TABLE = 32 << 10,  /* less in large objects is no table */
    KEPT = 4,          /* so many pointers nobody halves with others (gcWork.balance) */
    RUNTIMES = 1100,   /* of stacks, bytes of those of the runtime's own goroutines */
    RING = 256,        /* of spans, so many a P keeps, or half of them once they do not go in (spanQueue.put); */
    PERIOD = 64,       /* each time that it has found so many, */
    SPILL = 16         /* it shows so many, or half of what it has, if nobody sees any */
};

/* --- the plan ------------------------------------------------------------------------------------------ */

bool mark_work_by_span(const struct sim *sim, double size)
{
    return sim->core.mark_bytes && size >= sim->core.mark_from && size <= sim->core.pointer_bits_max;
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

/* In logs of both Gos, of globals those that begin with a value, a sixth, take as long as all others. A stack's frames are
 * looked up; those of the runtime's goroutines are many and small. All take twice as long where much else has been in the
 * cache since the last cycle. */
static void plan_roots(struct mark_work *w, const struct sim *sim)
{
    const double data = 1. / 6, stack = 8, runtimes = 45; /* a byte of these, of globals' */
    const struct sim_config *c = &sim->config;
    double byte = c->costs.root_byte * w->cold;
    uint64_t values = (uint64_t)(data * (double)c->globals_bytes);
    uint64_t last = c->stack_bytes < RUNTIMES ? c->stack_bytes : RUNTIMES;
    w->roots[DATA] = (struct work){.left = values, .byte_ns = byte / 2 / data};
    w->roots[BSS] = (struct work){.left = c->globals_bytes - values, .byte_ns = byte / 2 / (1 - data)};
    w->roots[STACK] = (struct work){.left = c->stack_bytes - last, .byte_ns = stack * byte};
    w->roots[RUNTIMES_STACKS] = (struct work){.left = last, .byte_ns = runtimes * byte};
    w->unfound = w->roots[STACK].left > 0;
}

/* Objects lie anywhere: after so many there are so many spans in which none has been marked. */
static double untouched(const struct first_marks *first, double objects)
{
    return first->spans * exp(-objects / first->spans);
}

static void time_pieces(struct mark_work *w)
{
    const struct first_marks *first = &w->first;
    double objects = (double)(first->pieces - w->unscanned) / sizeof(void *);
    double firsts = first->spans > 0 ? untouched(first, objects) / first->spans : 0; /* of an object */
    w->pieces.byte_ns = first->byte_ns + first->ns * firsts / sizeof(void *);
}

/* In logs of both Gos the first piece takes 1.2 to 2.1 times as long as the second, in the mean of eight programs 1.5:
 * what marks the first object in a span has to get all that is known of it. In all the pieces take as long as was
 * measured of all. */
static void plan_first_marks(struct mark_work *w, const struct goheap_marked *marked, double miss)
{
    const double misses = 2, most = 0.5;
    double objects = (double)w->pieces.left / sizeof(void *);
    struct first_marks *first = &w->first;
    *first = (struct first_marks){.spans = (double)marked->spans, .pieces = w->pieces.left};
    double spans = first->spans > 0 ? first->spans - untouched(first, objects) : 0;
    double all = w->pieces.byte_ns * (double)w->pieces.left, part = all > 0 ? spans * misses * miss / all : 0;
    first->ns = part > most ? misses * miss * most / part : misses * miss;
    first->byte_ns = w->pieces.byte_ns * (1 - (part > most ? most : part));
    time_pieces(w);
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

/* Of so many objects in a heap so large, of which some lie in spans that are scanned as wholes: the mean. */
static double mark_cost(const struct costs *c, double objects, double in_spans, double heap)
{
    double with_span = objects > in_spans ? in_spans / objects : 1;
    double found = c->mark_miss + with_span * (c->mark_span_miss - c->mark_miss);
    return c->mark_object + found * cache_miss(c->mark_cache, heap);
}

void mark_work_plan(struct mark_work *w, const struct sim *sim, const struct goheap_marked *marked, bool tables)
{
    const struct costs *c = &sim->config.costs;
    double heap = (double)goheap_heap_live(sim->heap), objects = (double)marked->objects;
    double missing = cache_miss(c->scan_cache, heap);
    struct small s = count_small(sim, marked, missing);
    double mark = mark_cost(c, objects, s.in_spans, heap);
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
    double ns = s.ns + (objects - pointed) * mark + (roots + large - pieces - empty) * c->mark_byte;
    double bytes = roots + rest >= 1 ? roots + rest : 1;
    *w = (struct mark_work){
        .cold = (1 + missing) / 2,
        .heap = (uint64_t)(s.spans + s.rest + large),
        .objects = {.left = (uint64_t)roots, .byte_ns = ns / bytes, .marks = (objects - pointed) / bytes},
        .pieces = {.left = (uint64_t)pieces,
                   .byte_ns = mark / sizeof(void *) + c->mark_byte,
                   .marks = 1. / sizeof(void *)},
        .empty = {.left = (uint64_t)empty, .byte_ns = c->mark_byte},
        .spans = {.left = (uint64_t)s.spans, .byte_ns = c->mark_span_byte + c->mark_span_miss_byte * missing},
    };
    if (w->pieces.left) {
        hide_behind_pieces(w, (uint64_t)rest, &s);
        plan_first_marks(w, marked, c->mark_miss * cache_miss(c->mark_cache, heap));
    } else {
        w->objects.left += (uint64_t)rest;
    }
    if (apart)
        plan_roots(w, sim);
    w->objects.left += mark_work_left(w) == 0; /* who marks nothing takes a moment to see that */
    w->shown = shown((double)mark_work_left(w), objects);
}

/* --- taking and finding -------------------------------------------------------------------------------- */

static uint64_t left_of(const struct work *kind)
{
    return kind->left + kind->own[BACKGROUND] + kind->own[PROGRAM];
}

uint64_t mark_work_left(const struct mark_work *w)
{
    uint64_t roots = 0, hidden = w->hidden_objects + w->hidden_spans;
    for (unsigned i = 0; i < ROOTS; i++)
        roots += w->roots[i].left;
    return roots + left_of(&w->objects) + left_of(&w->pieces) + w->empty.left + left_of(&w->spans) + hidden;
}

static struct work *next_root(struct mark_work *w)
{
    for (unsigned i = 0; i < ROOTS; i++)
        if (w->roots[i].left)
            return &w->roots[i];
    return NULL;
}

/* Where a P looks on the heap, one after the other (gcDrain). */
static struct work *look(struct mark_work *w, enum marker who, bool *own)
{
    struct work *objects = &w->objects, *pieces = &w->pieces, *spans = &w->spans;
    *own = objects->own[who] || pieces->own[who];
    if (*own)
        return objects->own[who] ? objects : pieces;
    if (w->unfound)
        return NULL;
    if (objects->left)
        return objects;
    *own = spans->own[who];
    if (*own)
        return spans;
    if (pieces->left || spans->left)
        return pieces->left ? pieces : spans;
    return w->empty.left ? &w->empty : NULL;
}

static struct work *look_all(struct mark_work *w, enum marker who, enum turn turn, bool *own)
{
    struct work *root = next_root(w), *rest;
    if (root && turn == ROOTS_FIRST)
        return root;
    rest = look(w, who, own);
    return rest ? rest : root;
}

struct work *mark_work_next(struct mark_work *w, enum marker who, enum turn turn)
{
    bool own;
    return look_all(w, who, turn, &own);
}

bool mark_work_is_root(const struct mark_work *w, const struct work *kind)
{
    return kind >= w->roots && kind < w->roots + ROOTS;
}

static bool buffers_in_sight(const struct mark_work *w)
{
    return !w->unfound && (w->objects.left || w->pieces.left);
}

bool mark_work_in_sight(const struct mark_work *w)
{
    for (unsigned i = 0; i < ROOTS; i++)
        if (w->roots[i].left)
            return true;
    return buffers_in_sight(w) || (!w->unfound && (w->empty.left || w->spans.left));
}

bool mark_work_did_root(struct mark_work *w, enum marker who, const struct work *root)
{
    if (root != &w->roots[STACK] || !w->unfound)
        return false;
    w->unfound = false;
    w->pieces.own[who] += w->pieces.left;
    w->pieces.left = 0;
    return mark_work_in_sight(w);
}

/* A buffer is taken as a whole, and first the one that was put last (work.full); one has the pieces at its bottom. */
static void fetch(struct mark_work *w, enum marker who)
{
    uint64_t above = w->objects.left - (w->pieces.left ? w->below : 0);
    uint64_t objects = above < w->buffer ? above : w->buffer;
    w->objects.own[who] += objects;
    w->objects.left -= objects;
    if (objects < above)
        return;
    w->pieces.own[who] += w->pieces.left;
    w->pieces.left = 0;
}

uint64_t mark_work_take(struct mark_work *w, enum marker who, enum turn turn, double want, uint32_t takers,
                        struct work **kind)
{
    bool own = false;
    struct work *next = look_all(w, who, turn, &own);
    if (w->buffer && !own && (next == &w->objects || next == &w->pieces)) {
        fetch(w, who);
        own = true;
        next = w->objects.own[who] ? &w->objects : &w->pieces;
    }
    *kind = next;
    if (!next)
        return 0;
    uint64_t *left = own ? &next->own[who] : &next->left;
    if (next == &w->pieces || next == &w->empty)
        want = (double)OBLET * takers - 1; /* portion() gives a byte more */
    if (mark_work_is_root(w, next))
        want = (double)next->left;
    uint64_t work = portion(want, *left);
    if (next == &w->spans)
        w->queued[own ? who : MARKERS] *= 1 - (double)work / (double)*left;
    *left -= work;
    return work;
}

/* Of objects and pieces. */
static double entries(const struct mark_work *w, enum marker who, double *of_pieces)
{
    *of_pieces = (double)((w->pieces.own[who] + OBLET - 1) / OBLET);
    return *of_pieces + (w->buffer ? (double)w->objects.own[who] / (double)w->buffer * WORKBUF : 0);
}

bool mark_work_balance(struct mark_work *w, enum marker who)
{
    double pieces, all = entries(w, who, &pieces);
    if (!w->begun || all <= KEPT || buffers_in_sight(w))
        return false;
    double given = all - (double)(uint64_t)(all / 2);
    uint64_t bytes = pieces <= given ? w->pieces.own[who] : (w->pieces.own[who] - (uint64_t)(pieces - given) * OBLET);
    w->pieces.own[who] -= bytes;
    w->pieces.left += bytes;
    w->below = 0;
    if (pieces < given) {
        uint64_t objects = portion((given - pieces) / WORKBUF * (double)w->buffer, w->objects.own[who]);
        w->objects.own[who] -= objects;
        w->objects.left += objects;
    }
    return true;
}

static void show_all(struct work *kind, enum marker who)
{
    kind->left += kind->own[who];
    kind->own[who] = 0;
}

/* In a buffer above those that are there. */
static void show_pieces(struct mark_work *w, enum marker who)
{
    if (!w->pieces.own[who])
        return;
    w->below = w->objects.left;
    show_all(&w->pieces, who);
}

static void publish(struct mark_work *w, enum marker who)
{
    show_pieces(w, who);
    show_all(&w->objects, who);
    show_all(&w->spans, who);
    w->queued[MARKERS] += w->queued[who];
    w->queued[who] = 0;
}

void mark_work_publish(struct mark_work *w)
{
    publish(w, BACKGROUND);
    publish(w, PROGRAM);
}

static void swap(struct work *kind)
{
    uint64_t background = kind->own[BACKGROUND];
    kind->own[BACKGROUND] = kind->own[PROGRAM];
    kind->own[PROGRAM] = background;
}

void mark_work_swap(struct mark_work *w)
{
    swap(&w->objects);
    swap(&w->pieces);
    swap(&w->spans);
    double queued = w->queued[BACKGROUND], put = w->put[BACKGROUND];
    w->queued[BACKGROUND] = w->queued[PROGRAM];
    w->queued[PROGRAM] = queued;
    w->put[BACKGROUND] = w->put[PROGRAM];
    w->put[PROGRAM] = put;
}

void mark_work_give_back(struct mark_work *w, enum marker who, uint64_t bytes)
{
    w->pieces.own[who] += bytes;
    publish(w, who);
}

/* Who finds objects gives a buffer of them away when two are full; the first has the other pieces in it. */
static void find_objects(struct mark_work *w, enum marker who, uint64_t found)
{
    uint64_t *own = &w->objects.own[who];
    for (*own += found; *own >= 2 * w->buffer; *own -= w->buffer) {
        show_pieces(w, who);
        w->objects.left += w->buffer;
        w->begun = true;
    }
}

/* The P shows so many of the spans that it has queued. */
static void show_spans(struct mark_work *w, enum marker who, double spans)
{
    uint64_t bytes = portion((double)w->spans.own[who] * spans / w->queued[who], w->spans.own[who]);
    w->spans.own[who] -= bytes;
    w->spans.left += bytes;
    w->queued[who] -= spans;
    w->queued[MARKERS] += spans;
}

/* Objects lie anywhere. A span is queued when one in it is marked, unless it is already. */
static void find_spans(struct mark_work *w, enum marker who, uint64_t found, double objects)
{
    double *queued = &w->queued[who], others = w->span_count;
    for (unsigned i = 0; i <= MARKERS; i++)
        others -= w->queued[i];
    double put = others > 0 ? others * (1 - exp(-objects / w->span_count)) : 0;
    w->spans.own[who] += found;
    *queued += put;
    w->put[who] += put;
    double half = *queued / 2, spill = half < SPILL ? half : SPILL;
    if (*queued > RING) {
        show_spans(w, who, *queued - RING / 2);
    } else if (w->put[who] >= PERIOD) {
        w->put[who] = 0;
        if (spill > KEPT && w->spans.left == 0)
            show_spans(w, who, spill);
    }
}

bool mark_work_scanned(struct mark_work *w, enum marker who, uint64_t bytes, bool last)
{
    double share = (double)bytes / (double)w->unscanned;
    uint64_t objects = portion(share * (double)w->hidden_objects, w->hidden_objects);
    uint64_t spans = portion(share * (double)w->hidden_spans, w->hidden_spans);
    double marked = share * w->objects_in_spans;
    uint64_t before = w->objects.left + w->spans.left;
    w->unscanned -= bytes;
    w->hidden_objects -= objects;
    w->hidden_spans -= spans;
    w->objects_in_spans -= marked;
    find_objects(w, who, objects);
    find_spans(w, who, spans, marked);
    w->begun |= last;
    time_pieces(w);
    return w->objects.left + w->spans.left > before;
}
