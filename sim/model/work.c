/* What a heap is to those that mark it, while they do: what each takes, finds and gives away. */
#include "model/work.h"

#include <math.h>
#include <stddef.h>

enum {
    SHARDS = 4,      /* that are looked through at once */
    GOROUTINE = 184, /* bytes of a stack of the runtime's own, each taken by itself */
    KEPT = 4,        /* so many pointers nobody halves with others (gcWork.balance) */
    RING = 256,      /* of spans, so many a P keeps, or half of them once they do not go in (spanQueue.put); */
    PERIOD = 64,     /* each time that it has found so many, */
    SPILL = 16       /* it shows so many, or half of what it has, if nobody sees any */
};

static uint64_t left_of(const struct work *kind)
{
    return kind->left + kind->own[BACKGROUND] + kind->own[PROGRAM];
}

uint64_t mark_work_left(const struct mark_work *w)
{
    uint64_t roots = 0, hidden = w->hidden_objects + w->hidden_spans;
    for (unsigned i = 0; i < ROOTS; i++)
        roots += w->roots[i].left;
    return roots + left_of(&w->objects) + left_of(&w->pieces) + w->unfound + w->empty.left + left_of(&w->alone) +
           left_of(&w->spans) + hidden;
}

static struct work *next_root(struct mark_work *w)
{
    for (unsigned i = 0; i < ROOTS; i++)
        if (w->roots[i].left)
            return &w->roots[i];
    return NULL;
}

/* Objects in a span take as long as they would alone, in as far as others beside them have not been marked. */
static struct work *next_spans(struct mark_work *w, uint64_t bytes, double spans)
{
    double full = (double)bytes < spans * w->span_bytes ? (double)bytes / (spans * w->span_bytes) : 1;
    w->spans.byte_ns = full * w->full_ns + (1 - full) * w->alone.byte_ns;
    return &w->spans;
}

/* Where a P looks on the heap, one after the other (gcDrain). */
static struct work *look(struct mark_work *w, enum marker who, bool *own)
{
    struct work *objects = &w->objects, *pieces = &w->pieces, *spans = &w->spans, *alone = &w->alone;
    *own = objects->own[who] || pieces->own[who];
    if (*own)
        return objects->own[who] ? objects : pieces;
    *own = alone->own[who];
    if (*own || alone->left)
        return alone;
    if (objects->left)
        return objects;
    *own = spans->own[who];
    if (*own)
        return next_spans(w, spans->own[who], w->queued[who]);
    if (pieces->left)
        return pieces;
    if (spans->left)
        return next_spans(w, spans->left, w->queued[MARKERS]);
    return w->empty.left && !w->unfound ? &w->empty : NULL;
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
    return w->objects.left || w->pieces.left;
}

bool mark_work_in_sight(const struct mark_work *w)
{
    for (unsigned i = 0; i < ROOTS; i++)
        if (w->roots[i].left)
            return true;
    return buffers_in_sight(w) || w->alone.left || w->spans.left || (w->empty.left && !w->unfound);
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

/* Who finds objects gives a buffer of them away when two are full; the first has the other pieces in it. */
static void find_objects(struct mark_work *w, enum marker who, uint64_t found)
{
    uint64_t *own = &w->objects.own[who];
    for (*own += found; *own >= 2 * w->buffer; *own -= w->buffer) {
        show_pieces(w, who);
        w->objects.left += w->buffer;
        w->flushed = true;
    }
}

static uint64_t take_part(uint64_t *hidden, double bytes)
{
    uint64_t part = bytes < (double)*hidden ? (uint64_t)(bytes + 0.5) : *hidden;
    *hidden -= part;
    return part;
}

/* What no piece has shown. */
static void find_alone(struct mark_work *w, enum marker who, double bytes, bool by_span)
{
    if (by_span)
        w->alone.own[who] += take_part(&w->hidden_spans, bytes);
    else if (w->hidden_objects)
        find_objects(w, who, take_part(&w->hidden_objects, bytes));
}

uint64_t mark_work_shaded_first(struct mark_work *w, double part)
{
    double bytes = part * w->hanging;
    w->hanging -= bytes;
    return take_part(w->hidden_spans > 0 ? &w->hidden_spans : &w->hidden_objects, bytes);
}

/* On globals. What the runtime has of each P is too large to lie in a span that is scanned as a whole. */
static void find_hanging(struct mark_work *w, enum marker who)
{
    w->hung[who] = w->hanging > 0 && w->hidden_spans > 0 ? w->ps : 0;
    find_alone(w, who, w->hanging, w->hidden_spans > 0);
    w->hanging = 0;
}

bool mark_work_did_root(struct mark_work *w, enum marker who, const struct work *root)
{
    if (root == &w->roots[BSS])
        find_hanging(w, who);
    if (root != &w->roots[STACK] || !w->unfound)
        return false;
    w->pieces.own[who] += w->unfound;
    w->unfound = 0;
    return mark_work_in_sight(w);
}

/* Bytes of spans that one marker keeps, or with MARKERS that all see. */
static uint64_t *spans_of(struct mark_work *w, unsigned who)
{
    return who == MARKERS ? &w->spans.left : &w->spans.own[who];
}

/* So many of the spans that one has queued. */
static void move_spans(struct mark_work *w, unsigned from, unsigned to, double spans)
{
    uint64_t *queue = spans_of(w, from);
    uint64_t bytes = spans < w->queued[from] ? portion((double)*queue * spans / w->queued[from], *queue) : *queue;
    double moved = spans < w->queued[from] ? spans : w->queued[from];
    *queue -= bytes;
    *spans_of(w, to) += bytes;
    w->queued[from] -= moved;
    w->queued[to] += moved;
}

static void show_spans(struct mark_work *w, enum marker who, double spans)
{
    move_spans(w, who, MARKERS, spans);
    w->flushed = true;
}

/* Half of those that all see, as many as half a ring holds (spanQueue.refill). */
static void fetch_spans(struct mark_work *w, enum marker who)
{
    double all = w->queued[MARKERS], half = all - floor(all / 2);
    move_spans(w, MARKERS, who, half < RING / 2 ? half : RING / 2);
}

/* A buffer is taken as a whole, and first the one that was put last (work.full); one has the pieces at its bottom. */
static void fetch_buffer(struct mark_work *w, enum marker who)
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

/* So many of the pieces that are left, those put last: the end of the object, which is shorter, is the first of them,
 * once its beginning has put it there (scanobject). */
static uint64_t last_pieces(const struct mark_work *w, uint64_t bytes, uint64_t pieces)
{
    uint64_t end = pieces ? bytes % OBLET : 0;
    return w->begun && end ? end + (pieces - 1) * OBLET : pieces * OBLET;
}

static uint64_t whole_root(const struct mark_work *w, const struct work *root)
{
    return root == &w->roots[SPECIALS] ? SHARDS : root == &w->roots[RUNTIMES_STACKS] ? GOROUTINE : root->left;
}

uint64_t mark_work_take(struct mark_work *w, enum marker who, enum turn turn, double want, uint32_t takers,
                        struct work **kind)
{
    bool own = false;
    struct work *next = look_all(w, who, turn, &own);
    if (w->buffer && !own && (next == &w->objects || next == &w->pieces)) {
        fetch_buffer(w, who);
        own = true;
        next = w->objects.own[who] ? &w->objects : &w->pieces;
    }
    if (next == &w->spans && !own) {
        fetch_spans(w, who);
        own = true;
    }
    *kind = next;
    if (!next)
        return 0;
    uint64_t *left = own ? &next->own[who] : &next->left;
    if (next == &w->pieces || next == &w->empty)
        want = (double)last_pieces(w, *left, takers) - 1;
    if (mark_work_is_root(w, next))
        want = (double)whole_root(w, next) - 1;
    uint64_t work = portion(want, *left);
    if (next == &w->alone)
        w->hung[who] = 0;
    if (next == &w->spans)
        w->queued[who] *= 1 - (double)work / (double)*left;
    *left -= work;
    return work;
}

/* Of objects and pieces. */
static double entries(const struct mark_work *w, enum marker who, double *of_pieces)
{
    uint64_t pieces = (w->pieces.own[who] + OBLET - 1) / OBLET;
    *of_pieces = w->begun ? (double)pieces : pieces > 0; /* one object, whose pieces nobody has put anywhere yet */
    return *of_pieces + w->hung[who] + (w->buffer ? (double)w->objects.own[who] / (double)w->buffer * WORKBUF : 0);
}

bool mark_work_balance(struct mark_work *w, enum marker who)
{
    double pieces, all = entries(w, who, &pieces);
    if (all <= KEPT || buffers_in_sight(w))
        return false;
    double given = all - floor(all / 2);
    given = given > w->hung[who] ? given - w->hung[who] : 0;
    uint64_t bytes = w->pieces.own[who];
    if (pieces > given)
        bytes -= last_pieces(w, bytes, (uint64_t)(pieces - given));
    w->pieces.own[who] -= bytes;
    w->pieces.left += bytes;
    w->below = 0;
    w->hung[who] = 0;
    if (pieces < given) {
        uint64_t objects = portion((given - pieces) / WORKBUF * (double)w->buffer, w->objects.own[who]);
        w->objects.own[who] -= objects;
        w->objects.left += objects;
    }
    w->flushed |= buffers_in_sight(w);
    return buffers_in_sight(w);
}

static void publish(struct mark_work *w, enum marker who)
{
    show_pieces(w, who);
    show_all(&w->objects, who);
    show_all(&w->alone, who);
    show_all(&w->spans, who);
    w->queued[MARKERS] += w->queued[who];
    w->queued[who] = 0;
    w->hung[who] = 0;
}

static uint64_t own_of(const struct mark_work *w, enum marker who)
{
    return w->objects.own[who] + w->pieces.own[who] + w->alone.own[who] + w->spans.own[who];
}

bool mark_work_publish(struct mark_work *w)
{
    bool flushed = w->flushed || own_of(w, BACKGROUND) || own_of(w, PROGRAM);
    publish(w, BACKGROUND);
    publish(w, PROGRAM);
    w->flushed = false;
    return flushed;
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
    swap(&w->alone);
    swap(&w->spans);
    double queued = w->queued[BACKGROUND], put = w->put[BACKGROUND];
    w->queued[BACKGROUND] = w->queued[PROGRAM];
    w->queued[PROGRAM] = queued;
    w->put[BACKGROUND] = w->put[PROGRAM];
    w->put[PROGRAM] = put;
    uint32_t hung = w->hung[BACKGROUND];
    w->hung[BACKGROUND] = w->hung[PROGRAM];
    w->hung[PROGRAM] = hung;
}

void mark_work_give_back(struct mark_work *w, enum marker who, uint64_t bytes)
{
    w->pieces.own[who] += bytes;
    publish(w, who);
}

/* Objects lie anywhere. A span is queued when one in it is marked, unless it is already; then more of it is scanned when
 * its turn comes. */
static void find_spans(struct mark_work *w, enum marker who, uint64_t found, double objects)
{
    double *queued = &w->queued[who], others = w->span_count;
    if (others <= 0)
        return;
    uint64_t rest = found;
    for (unsigned i = 0; i <= MARKERS; i++) {
        uint64_t there = take_part(&rest, (double)found * w->queued[i] / w->span_count);
        *spans_of(w, i) += there;
        others -= w->queued[i];
    }
    double put = others > 0 ? others * (1 - exp(-objects / w->span_count)) : 0;
    w->spans.own[who] += rest;
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
    uint64_t before = w->objects.left;
    double queued = w->queued[MARKERS];
    w->unscanned -= bytes;
    w->hidden_objects -= objects;
    w->hidden_spans -= spans;
    w->objects_in_spans -= marked;
    uint64_t kept = w->pieces.own[who];
    find_objects(w, who, objects);
    find_spans(w, who, spans, marked);
    w->begun |= last || w->pieces.own[who] < kept;
    mark_work_time_pieces(w);
    return w->objects.left > before || w->queued[MARKERS] > queued;
}

void mark_work_shade(struct mark_work *w, enum marker who, double bytes, bool by_span)
{
    if (!w->unscanned)
        return;
    find_alone(w, who, bytes * (double)w->unscanned / (double)w->first.pieces, by_span);
}
