/* What a heap is to those that mark it. */
#include "model/work.h"

#include "model/sim.h"

enum {
    OBLET = 128 << 10, /* maxObletBytes: objects that are larger are scanned in such pieces */
    WORKBUF = 253,     /* pointers in a work buffer, of which everyone has two */
    TABLE = 32 << 10,  /* less in large objects is no table */
    KEPT = 4,          /* so many pointers nobody halves with others (gcWork.balance) */
    RUNTIMES = 1100,   /* of stacks, bytes of those of the runtime's own goroutines */
    SPILL = 4,         /* of so many spans that it finds, a P shows one at once (spanQueue.put), */
    RING = 256 * 8192  /* and of the others all that do not go in its ring */
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

/* A P that is alone takes roots as wholes. Where several race for them (marking.c, begin_race), or stand for memory of
 * which the trace does not tell, they are taken in steps, as objects are; and where nothing else is scanned one by one,
 * as it is with them that objects are marked which no piece points to. */
static bool roots_apart(const struct sim *sim, double scanned, double objects, double rest, double pointed)
{
    return sim->p_count == 1 && shown(scanned, objects) > 0.5 && (rest >= 1 || pointed > 0.99 * objects);
}

/* Most are globals, of which few are pointers: 160 KB of them were marked in 15 to 20 us, a byte in a quarter of the
 * time of an object's. */
static void plan_roots(struct mark_work *w, const struct sim *sim)
{
    const double part = 0.25;
    uint64_t stacks = sim->config.stack_bytes, last = stacks < RUNTIMES ? stacks : RUNTIMES;
    w->last_roots = last;
    w->roots = (struct work){.left = stacks - last + sim->config.globals_bytes,
                             .byte_ns = part * sim->config.costs.mark_byte};
}

static void hide_behind_pieces(struct mark_work *w, uint64_t objects, const struct small *s)
{
    w->unscanned = w->pieces.left;
    w->hidden_objects = objects;
    w->hidden_spans = w->spans.left;
    w->spans.left = 0;
    w->buffer = s->single > 0 ? (uint64_t)((double)objects / s->single * WORKBUF) + 1 : UINT32_MAX;
}

void mark_work_plan(struct mark_work *w, const struct sim *sim, const struct goheap_marked *marked, bool tables)
{
    const struct costs *c = &sim->config.costs;
    double heap = (double)goheap_heap_live(sim->heap), objects = (double)marked->objects;
    double missing = cache_miss(c->scan_cache, heap);
    struct small s = count_small(sim, marked, missing);
    double with_span = objects > s.in_spans ? s.in_spans / objects : 1; /* part of the objects, scanned so */
    double found = c->mark_miss + with_span * (c->mark_span_miss - c->mark_miss);
    double mark = c->mark_object + found * cache_miss(c->mark_cache, heap);
    double large = ((double)marked->scan_bytes - s.bytes) * asked(sim, 0);
    double pieces = large < objects * sizeof(void *) ? large : objects * sizeof(void *); /* pointers, not nil */
    if (pieces < TABLE || !tables)
        pieces = 0;
    double pointed = pieces / sizeof(void *), rest = s.rest + large - pieces;
    bool table = pieces > 0 && large > OBLET * (double)marked->scan_objects[0]; /* and not many that are just large */
    double empty = sim->p_count == 1 && table ? large - pieces : 0; /* of several Ps it has not been measured */
    rest -= empty;
    bool apart = roots_apart(sim, s.spans + s.rest + large, objects, rest, pointed);
    double roots = apart ? 0 : (double)(sim->config.stack_bytes + sim->config.globals_bytes);
    double ns = s.ns + (objects - pointed) * mark + (roots + large - pieces - empty) * c->mark_byte;
    double bytes = roots + rest >= 1 ? roots + rest : 1;
    *w = (struct mark_work){
        .heap = (uint64_t)(s.spans + s.rest + large),
        .objects = {.left = (uint64_t)roots, .byte_ns = ns / bytes, .marks = (objects - pointed) / bytes},
        .pieces = {.left = (uint64_t)pieces,
                   .byte_ns = mark / sizeof(void *) + c->mark_byte,
                   .marks = 1. / sizeof(void *)},
        .empty = {.left = (uint64_t)empty, .byte_ns = c->mark_byte},
        .spans = {.left = (uint64_t)s.spans, .byte_ns = c->mark_span_byte + c->mark_span_miss_byte * missing},
    };
    if (w->pieces.left)
        hide_behind_pieces(w, (uint64_t)rest, &s);
    else
        w->objects.left += (uint64_t)rest;
    if (apart)
        plan_roots(w, sim);
    w->objects.left += mark_work_left(w) == 0; /* who marks nothing takes a moment to see that */
    w->shown = shown((double)mark_work_left(w), objects);
}

void mark_work_keep_pieces(struct mark_work *w, enum marker who, bool roots)
{
    w->pieces.own[who] = w->pieces.left;
    w->pieces.left = 0;
    if (roots && w->pieces.own[who]) {
        w->hidden_objects += w->objects.left;
        w->objects.left = 0;
    }
}

/* --- taking and finding -------------------------------------------------------------------------------- */

static uint64_t left_of(const struct work *kind)
{
    return kind->left + kind->own[BACKGROUND] + kind->own[PROGRAM];
}

uint64_t mark_work_left(const struct mark_work *w)
{
    uint64_t roots = w->roots.left + w->last_roots, hidden = w->hidden_objects + w->hidden_spans;
    return roots + left_of(&w->objects) + left_of(&w->pieces) + w->empty.left + left_of(&w->spans) + hidden;
}

/* Where a P looks, one after the other (gcDrain). */
static struct work *look(struct mark_work *w, enum marker who, bool *own)
{
    struct work *objects = &w->objects, *pieces = &w->pieces, *spans = &w->spans;
    *own = false;
    if (w->roots.left)
        return &w->roots;
    *own = objects->own[who] || pieces->own[who];
    if (*own)
        return objects->own[who] ? objects : pieces;
    if (objects->left)
        return objects;
    *own = spans->own[who];
    if (*own)
        return spans;
    if (pieces->left || spans->left)
        return pieces->left ? pieces : spans;
    if (w->empty.left)
        return &w->empty;
    mark_work_roots_first(w);
    return w->roots.left ? &w->roots : NULL;
}

void mark_work_roots_first(struct mark_work *w)
{
    w->roots.left += w->last_roots;
    w->last_roots = 0;
}

struct work *mark_work_next(struct mark_work *w, enum marker who)
{
    bool own;
    return look(w, who, &own);
}

bool mark_work_in_sight(const struct mark_work *w)
{
    return w->roots.left || w->last_roots || w->objects.left || w->pieces.left || w->empty.left || w->spans.left;
}

uint64_t mark_work_take(struct mark_work *w, enum marker who, double want, uint32_t takers, struct work **kind)
{
    bool own;
    struct work *next = *kind = look(w, who, &own);
    if (!next)
        return 0;
    uint64_t *left = own ? &next->own[who] : &next->left;
    if (next == &w->pieces || next == &w->empty)
        want = (double)OBLET * takers - 1; /* portion() gives a byte more */
    if (next == &w->roots)
        want = (double)next->left;
    uint64_t work = portion(want, *left);
    *left -= work;
    if (left == &w->pieces.left && !w->buried) { /* a buffer is taken as a whole */
        w->pieces.own[who] = *left;
        *left = 0;
    }
    return work;
}

bool mark_work_balance(struct mark_work *w, enum marker who)
{
    uint64_t *own = &w->pieces.own[who], pieces = (*own + OBLET - 1) / OBLET, kept = pieces / 2 * OBLET;
    if (!w->begun || pieces <= KEPT || w->pieces.left)
        return false;
    w->pieces.left = *own - kept;
    *own = kept;
    return true;
}

static void show_all(struct work *kind, enum marker who)
{
    kind->left += kind->own[who];
    kind->own[who] = 0;
}

static void publish(struct mark_work *w, enum marker who)
{
    show_all(&w->objects, who);
    show_all(&w->pieces, who);
    show_all(&w->spans, who);
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
}

void mark_work_give_back(struct mark_work *w, enum marker who, uint64_t bytes)
{
    w->pieces.left += bytes;
    publish(w, who);
}

/* Who finds objects gives a buffer of them away when two are full; the first has the other pieces in it. */
static void find_objects(struct mark_work *w, enum marker who, uint64_t found)
{
    uint64_t *own = &w->objects.own[who];
    for (*own += found; *own >= 2 * w->buffer; *own -= w->buffer) {
        w->objects.left += w->buffer;
        show_all(&w->pieces, who);
        w->begun = w->buried = true;
    }
}

static void find_spans(struct mark_work *w, enum marker who, uint64_t found)
{
    uint64_t shown = found / SPILL, *own = &w->spans.own[who];
    *own += found - shown;
    if (*own > RING) {
        shown += *own - RING;
        *own = RING;
    }
    w->spans.left += shown;
}

bool mark_work_scanned(struct mark_work *w, enum marker who, uint64_t bytes, bool last)
{
    double share = (double)bytes / (double)w->unscanned;
    uint64_t objects = portion(share * (double)w->hidden_objects, w->hidden_objects);
    uint64_t spans = portion(share * (double)w->hidden_spans, w->hidden_spans);
    uint64_t before = w->objects.left + w->spans.left;
    w->unscanned -= bytes;
    w->hidden_objects -= objects;
    w->hidden_spans -= spans;
    find_objects(w, who, objects);
    find_spans(w, who, spans);
    w->begun |= last;
    return w->objects.left + w->spans.left > before;
}
