/* A trace that is made up as it is read.
 *
 *   births (a model of some program) --struct birth--> generator --rows--> whoever reads a row_source
 *                                                        |  ^
 *                                                        v  | in time
 *                                                       deaths
 *
 * Invariant: memory is bounded by the objects that are live, however long the trace. */
#ifndef GENERATOR_H
#define GENERATOR_H

#include "trace/row.h"

#define BIRTH_NEVER UINT64_MAX      /* a death that does not come */
#define BIRTH_LATEST (UINT64_C(1) << 61) /* of t_ns and clock; 73 years, half of what a trace may have */

enum { GENERATOR_MAX_PS = 65536, GENERATOR_META = 8, GENERATOR_META_TEXT = 128 };

/* An object, known as a whole when it is allocated. */
struct birth {
    uint64_t clock, death; /* in the model's own time, which never goes back; death >= clock, or BIRTH_NEVER */
    uint64_t t_ns;         /* of the allocation; never goes back either */
    uint64_t size;         /* bytes, at most TRACE_MAX_SIZE */
    uint16_t p, death_p;   /* who allocates and who frees it */
    bool noscan;
};

struct births {
    /* The next object. False at the end of what the model has, or with *error after a failure. */
    bool (*next)(struct births *births, struct birth *birth, struct error *error);
    /* What was assumed or changed, one line each; NULL: nothing ever. */
    void (*tell)(const struct births *births, FILE *out);
    void (*close)(struct births *births);
    bool timed; /* t_ns means something */
};

struct generator_options {
    uint64_t events;       /* allocs and frees, at most 2^48; what lives then lives on */
    const char *name;      /* for messages; outlives the source */
    size_t meta_count;     /* at most GENERATOR_META */
    char meta[GENERATOR_META][GENERATOR_META_TEXT]; /* "key=value" */
};

/* Takes the births over: closes them with the source, or at once if it returns NULL (*error says why). */
struct row_source *generator_open(struct births *births, const struct generator_options *options, struct error *error);

#endif
