/* What objects cost a program: one that writes to what it has got, and of whose objects most die young.
 *
 * In a loop that does nothing but allocate, the processor learns the loop and all is in the nearest cache. A program
 * has other things in there, the more the larger its heap. So calls are timed one by one, as `replay --real` times
 * them, in heaps of several sizes, and told apart by the steps that the core reports: calls that report none are those
 * of the fast path, others have changed a span.
 *
 *     batch   0 1 2 3 ...      one is chosen, the sooner the lower, or in turn; one by one its objects are freed and
 *                              others take their places: what is born together dies together
 *
 * Sizes, and how long batches live, are spread over their range evenly by orders of magnitude. Where batches are
 * replaced in turn it is known how much has been zeroed since one was. A batch is zeroed or not, as a whole: a program
 * does not toss a coin for each object, which no processor could foresee.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "calibrate/experiment.h"

/* The objects of a heap. */
struct program_objects {
    size_t n;
    double smallest, largest; /* bytes asked for */
    double longer;            /* from so many bytes on, zeroed ones are apart: ZEROED_LONGER */
    bool in_turn;             /* the oldest dies first */
    unsigned plain;           /* one batch of so many is not zeroed */
    int replaced;             /* so many a sample */
    unsigned steps;           /* bits: what an allocation reports that meets with nothing special */
};

#define PROGRAM_STEP(name) (1u << GOHEAP_STEP_##name)

/* What calls were for; of allocations, which memory they were for and what they met with.
 * SHARED: a block that has been allocated, and zeroed, before. */
enum program_kind { PLAIN, ZEROED, ZEROED_LONGER, SHARED, REFILL, SPAN, FREES, KINDS };

/* The mean of each kind of calls in one heap: ns, sweeping left out, and bytes. 0 where there was none. */
struct program_means {
    double ns[KINDS], bytes[KINDS];
};

struct program;

enum { PROGRAM_HEAPS = 5 /* at most */, PROGRAM_BATCH = 32 /* objects */,
       PROGRAM_TINY = 16 /* bytes: objects of fewer share a block */ };

/* A program with n heaps, and objects in all of them; NULL if memory cannot be had. The objects outlive it. */
struct program *program_open(const struct bench *bench, const struct program_objects *objects, unsigned n);
/* An experiment's close. */
void program_close(void *program);

/* Replaces many objects of a heap. False if the heap cannot grow. */
bool program_run(struct program *program, unsigned heap, struct program_means *means);
/* The costs that are known by now, the bench's. */
const struct costs *program_known(const struct program *program);
/* Bytes in use in a heap. */
double program_in_use(const struct program *program, unsigned heap);

#endif
