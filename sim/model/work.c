/* What a heap is to those that mark it. */
#include "model/work.h"

#include "model/sim.h"

enum {
    OBLET = 128 << 10, /* maxObletBytes: objects that are larger are scanned in such pieces */
    WORKBUF = 253,     /* pointers in a work buffer, of which everyone has two */
    TABLE = 32 << 10   /* less in large objects is no table */
};

/* --- the plan ------------------------------------------------------------------------------------------ */

/* Spans that are scanned as a whole (Green Tea): their objects are only marked while there is anything else to scan. */
static bool as_a_whole(const struct sim *sim, double size)
{
    return sim->core.mark_bytes && size >= sim->core.mark_from && size <= sim->core.pointer_bits_max;
}

static double scan_cost(const struct sim *sim, double size, double missing)
{
    const struct costs *c = &sim->config.costs;
    double read = size * c->scan_miss_byte;
    return size * c->mark_byte + missing * (read < c->scan_miss ? read : c->scan_miss);
}

/* Objects of size classes that are scanned. */
struct small {
    double bytes, spans; /* of them, and the part that spans are scanned for */
    double single;       /* objects that are scanned one by one */
    double ns;           /* for that */
};

static struct small count_small(const struct sim *sim, const struct goheap_marked *marked, double missing)
{
    struct small s = {0};
    for (unsigned i = 1; i < sim->core.table.count; i++) {
        double size = sim->core.table.classes[i].size, objects = (double)marked->scan_objects[i];
        s.bytes += objects * size;
        if (as_a_whole(sim, size)) {
            s.spans += objects * size;
        } else {
            s.single += objects;
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
    double mark = c->mark_object + c->mark_miss * cache_miss(c->mark_cache, heap);
    struct small s = count_small(sim, marked, cache_miss(c->scan_cache, heap));
    double roots = (double)(sim->config.stack_bytes + sim->config.globals_bytes);
    double large = (double)marked->scan_bytes - s.bytes;
    double pieces = large < objects * sizeof(void *) ? large : objects * sizeof(void *); /* pointers, not nil */
    if (pieces < TABLE || !tables)
        pieces = 0;
    double pointed = pieces / sizeof(void *), rest = s.bytes - s.spans + large - pieces;
    double ns = s.ns + (objects - pointed) * mark + (roots + large - pieces) * c->mark_byte;
    double bytes = roots + rest >= 1 ? roots + rest : 1;
    *w = (struct mark_work){
        .objects = {(uint64_t)roots, ns / bytes, (objects - pointed) / bytes},
        .pieces = {(uint64_t)pieces, mark / sizeof(void *) + c->mark_byte, 1. / sizeof(void *)},
        .spans = {(uint64_t)s.spans, c->mark_span_byte, 0},
    };
    if (w->pieces.left)
        hide_behind_pieces(w, (uint64_t)rest, &s);
    else
        w->objects.left += (uint64_t)rest;
    w->objects.left += mark_work_left(w) == 0; /* who marks nothing takes a moment to see that */
    w->shown = shown((double)mark_work_left(w), objects);
}

void mark_work_keep_roots(struct mark_work *w)
{
    if (w->pieces.left) {
        w->hidden_objects += w->objects.left;
        w->objects.left = 0;
    }
}

/* --- taking and finding -------------------------------------------------------------------------------- */

uint64_t mark_work_left(const struct mark_work *w)
{
    return w->objects.left + w->pieces.left + w->spans.left + w->hidden_objects + w->hidden_spans + w->buffered;
}

struct work *mark_work_next(struct mark_work *w)
{
    if (w->objects.left)
        return &w->objects;
    if (w->pieces.left && (!w->begun || w->shared))
        return &w->pieces;
    return w->spans.left ? &w->spans : NULL;
}

uint64_t mark_work_take(struct mark_work *w, double want, uint32_t takers, struct work **kind)
{
    struct work *next = *kind = mark_work_next(w);
    if (!next)
        return 0;
    if (next == &w->pieces) {
        w->begun = true;
        want = (double)OBLET * takers - 1; /* portion() gives a byte more */
    }
    uint64_t work = portion(want, next->left);
    next->left -= work;
    return work;
}

void mark_work_give_back(struct mark_work *w, uint64_t bytes)
{
    w->pieces.left += bytes;
    w->begun = w->shared;
}

/* Who finds objects gives a buffer of them away when two are full; the first has the other pieces in it. */
static void share_buffers(struct mark_work *w)
{
    while (w->buffered >= 2 * w->buffer) {
        w->buffered -= w->buffer;
        w->objects.left += w->buffer;
        w->shared = true;
    }
}

bool mark_work_scanned(struct mark_work *w, uint64_t bytes, bool last)
{
    double share = (double)bytes / (double)w->unscanned;
    uint64_t objects = portion(share * (double)w->hidden_objects, w->hidden_objects);
    uint64_t spans = portion(share * (double)w->hidden_spans, w->hidden_spans);
    uint64_t before = w->objects.left;
    w->unscanned -= bytes;
    w->hidden_objects -= objects;
    w->hidden_spans -= spans;
    w->buffered += objects;
    w->spans.left += spans;
    share_buffers(w);
    if (last) {
        w->objects.left += w->buffered;
        w->buffered = 0;
        w->shared = true;
    }
    return last || spans || w->objects.left > before;
}
