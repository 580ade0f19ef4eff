/* What there is to mark, and what of it is in sight.
 *
 *     [pieces of large objects] --being scanned, they show--> [objects], [spans]
 *
 * Work is bytes to scan. Most of a heap hangs on a few large objects, tables of pointers: until the first piece of one
 * has been scanned nobody else finds much to do, and who scans it marks what it points to, for as long as that takes.
 * Follows runtime/mgcmark.go (scanobject, gcDrain) and mgcwork.go (gcWork.put, balance).
 */
#ifndef WORK_H
#define WORK_H

#include <stdbool.h>
#include <stdint.h>

struct goheap_marked;
struct sim;

/* Who marks: a P that has nothing else to do, or one that runs the program. */
enum marker { BACKGROUND, PROGRAM, MARKERS };

struct work {
    uint64_t left;         /* bytes that nobody has taken and all see, */
    uint64_t own[MARKERS]; /* and that only those of one kind see, who have found them: in buffers, in a ring of spans */
    double byte_ns;        /* how long one takes */
    double marks;          /* objects that are marked for one */
};

struct mark_work {
    struct work roots;   /* first; taken as wholes */
    struct work objects; /* where there are several Ps, roots, too */
    struct work pieces;  /* taken as wholes */
    struct work empty;   /* so are those that point to nothing, after all else but the last roots */
    struct work spans;   /* scanned as wholes (Green Tea) */
    uint64_t hidden_objects, hidden_spans; /* bytes that the pieces still have to show */
    uint64_t heap;       /* bytes of all of it that are no roots, taken or not */
    uint64_t last_roots; /* bytes of roots that an assist comes to when it sees nothing else */
    uint64_t unscanned;  /* bytes of pieces, taken or not */
    uint64_t buffer;     /* as many bytes of objects they keep for themselves */
    bool begun;          /* the first piece has been scanned, or others have been given what follows it */
    bool buried;         /* beneath objects in buffers that were given away */
    double shown;        /* part of the memory that is scanned, of which the trace tells: 1, or less */
};

/* Objects of that size, if they may hold pointers, lie in spans that are scanned as wholes (Green Tea): they themselves
 * are only marked while there is anything else to scan. */
bool mark_work_by_span(const struct sim *sim, double size);
/* All that has been marked live, and the roots; nothing of it taken. Without tables, large objects are like others. */
void mark_work_plan(struct mark_work *w, const struct sim *sim, const struct goheap_marked *marked, bool tables);
/* It has all pieces, before anybody else has seen them; with roots, these too, with the first of them. */
void mark_work_keep_pieces(struct mark_work *w, enum marker who, bool roots);
/* What is in its sight and to be done next; NULL: nothing. */
struct work *mark_work_next(struct mark_work *w, enum marker who);
/* Before it takes more, and the first piece has been scanned, it gives half of the others away, if they are more than a
 * few and nobody else has given any (gcWork.balance). True if so. */
bool mark_work_balance(struct mark_work *w, enum marker who);
/* A worker has come: unlike an assist (gcDrainN), it does all roots before anything else (gcDrain). */
void mark_work_roots_first(struct mark_work *w);
/* There is something that all see. */
bool mark_work_in_sight(const struct mark_work *w);
/* Takes of that up to what is wanted, a byte at least; of pieces, one for each taker. */
uint64_t mark_work_take(struct mark_work *w, enum marker who, double want, uint32_t takers, struct work **kind);
/* It stops. So much of what it has taken of pieces has not been scanned, and is somebody else's. */
void mark_work_give_back(struct mark_work *w, enum marker who, uint64_t bytes);
/* So many bytes of pieces have been scanned, with the last of them a taker's all. True if more is in sight. */
bool mark_work_scanned(struct mark_work *w, enum marker who, uint64_t bytes, bool last);
/* Each has what the other had kept. */
void mark_work_swap(struct mark_work *w);
/* All that anyone has kept is everyone's. */
void mark_work_publish(struct mark_work *w);
/* Nobody has taken so much. */
uint64_t mark_work_left(const struct mark_work *w);

static inline uint64_t portion(double want, uint64_t of)
{
    uint64_t part = want < (double)of ? (uint64_t)want + 1 : of;
    return part < of ? part : of;
}

#endif
