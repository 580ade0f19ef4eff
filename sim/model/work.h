/* What there is to mark, and what of it is in sight.
 *
 *     [roots] --the program's stack shows--> [pieces of large objects] --being scanned, they show--> [objects], [spans]
 *        '---------------- globals show, and the program's write barriers --> [objects], [alone] ----'
 *
 * Work is bytes to scan. Most of a heap hangs on a few large objects, tables of pointers, which hang on the program's
 * stack: who scans it has the table; until the first piece of that has been scanned nobody else finds much to do, and
 * who scans it marks what it points to, for as long as that takes, and has it in buffers of its own. Meanwhile the
 * program has what hangs on globals, and those it takes out of the table before they have been seen there, which its
 * write barrier marks (mwbbuf.go, wbBufFlush1).
 * Follows runtime/mgcmark.go (gcMarkRootPrepare, markroot, scanobject, gcDrain, gcDrainN) and mgcwork.go (gcWork.put,
 * balance, handoff, dispose).
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
    double firsts;         /* spans in which one is the first to mark an object */
};

/* Jobs, done one after the other. Parts of the heap are looked through for spans with specials (markrootSpans), of which
 * there are none. The runtime's own goroutines were the last to be begun. */
enum root { DATA, BSS, SPECIALS, STACK, RUNTIMES_STACKS, ROOTS };

/* A worker does all roots first (gcDrain), an assist comes to the next one when it sees nothing else (gcDrainN). */
enum turn { ROOTS_FIRST, ROOTS_LAST };

/* The first object that is marked in a span takes longer than the others. */
struct first_marks {
    double spans;
    double even;     /* spans for an object, where these lie in the order of the pieces, */
    double ordered;  /* and the part that does */
    double ns;       /* so much longer */
    double byte_ns;  /* of a piece, but for that */
    uint64_t pieces; /* bytes at the beginning */
};

enum {
    OBLET = 128 << 10, /* maxObletBytes: objects that are larger are scanned in such pieces */
    WORKBUF = 253      /* pointers in a work buffer, of which everyone has two */
};

struct mark_work {
    struct work roots[ROOTS]; /* taken as wholes */
    uint64_t unfound;    /* bytes of pieces, until the program's stack has been scanned */
    struct work objects; /* roots, too, where they are not taken as wholes */
    struct work pieces;  /* taken as wholes */
    uint64_t below;      /* of the objects that all see, bytes in buffers that were put before the pieces */
    struct work empty;   /* so are those that point to nothing, after all else but roots */
    struct work spans;   /* scanned as wholes (Green Tea) */
    struct work alone;   /* objects in such spans that no piece has shown, scanned before many beside them are marked */
    uint64_t hidden_objects, hidden_spans; /* bytes that the pieces still have to show */
    uint64_t heap;       /* bytes of all of it that are no roots, taken or not */
    double objects_in_spans; /* that the pieces still have to show */
    double span_bytes;   /* of one, if all objects in it are marked that live */
    double full_ns;      /* a byte of such a span */
    double span_count;   /* all of them, */
    double queued[MARKERS + 1]; /* those that one keeps, and last those that all see; */
    double put[MARKERS]; /* and those that one has found since it last looked whether to show some */
    double hanging;      /* bytes of the runtime's own, which hang on globals, that nobody has found yet */
    uint32_t ps;         /* whose structs are among them */
    uint32_t hung[MARKERS]; /* of those, a large object for each P, below all others in buffers of who has found them */
    uint64_t unscanned;  /* bytes of pieces, taken or not */
    struct first_marks first; /* while these are scanned */
    uint64_t buffer;     /* bytes of objects that one holds; 0: nobody has any, all is in sight */
    bool flushed;        /* something that only one saw all see, since all Ps were asked */
    bool begun;          /* the first piece has been scanned, or others have been given what follows it */
    double cold;         /* part of the time of what is not in the cache: 1/2 in a small heap, up to 1 */
    double shown;        /* part of the memory that is scanned, of which the trace tells: 1, or less */
};

/* Objects of that size, if they may hold pointers, lie in spans that are scanned as wholes (Green Tea): they themselves
 * are only marked while there is anything else to scan. */
bool mark_work_by_span(const struct sim *sim, double size);
/* All that has been marked live, and the roots; nothing of it taken. Without tables, large objects are like others. */
void mark_work_plan(struct mark_work *w, const struct sim *sim, const struct goheap_marked *marked, bool tables);
/* What is in its sight and to be done next; NULL: nothing. */
struct work *mark_work_next(struct mark_work *w, enum marker who, enum turn turn);
/* Whether that is a root. */
bool mark_work_is_root(const struct mark_work *w, const struct work *kind);
/* What a byte of pieces takes, after as many as have been scanned. */
void mark_work_time_pieces(struct mark_work *w);
/* So large a part of what hangs on globals has been marked by the program's write barrier before any root is scanned:
 * bytes of that. */
uint64_t mark_work_shaded_first(struct mark_work *w, double part);
/* It has scanned that root. True if more is in sight. */
bool mark_work_did_root(struct mark_work *w, enum marker who, const struct work *root);
/* Before it takes more, and the first piece has been scanned, it gives the older half of what its buffers hold away, if
 * that is more than a few and nobody else has given any (gcWork.balance). True if so. */
bool mark_work_balance(struct mark_work *w, enum marker who);
/* There is something that all see. */
bool mark_work_in_sight(const struct mark_work *w);
/* Takes of what comes next up to what is wanted, a byte at least; of pieces, one for each taker. */
uint64_t mark_work_take(struct mark_work *w, enum marker who, enum turn turn, double want, uint32_t takers,
                        struct work **kind);
/* It stops. So much of what it has taken of pieces has not been scanned, and is somebody else's. */
void mark_work_give_back(struct mark_work *w, enum marker who, uint64_t bytes);
/* So many bytes of pieces have been scanned, with the last of them a taker's all. True if more is in sight. */
bool mark_work_scanned(struct mark_work *w, enum marker who, uint64_t bytes, bool last);
/* An object that was there when marking began is taken out of where it hung: if no piece has shown it yet, it is marked
 * now. It has so many bytes to scan, in a span that is scanned as a whole or not. */
void mark_work_shade(struct mark_work *w, enum marker who, double bytes, bool by_span);
/* Each has what the other had kept. */
void mark_work_swap(struct mark_work *w);
/* All that anyone has kept is everyone's. False if nothing has become so since it was last called. */
bool mark_work_publish(struct mark_work *w);
/* Nobody has taken so much. */
uint64_t mark_work_left(const struct mark_work *w);

static inline uint64_t portion(double want, uint64_t of)
{
    uint64_t part = want < (double)of ? (uint64_t)want + 1 : of;
    return part < of ? part : of;
}

#endif
