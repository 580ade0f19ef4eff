/* What the OS takes: address space made usable, pages backed when they are first touched, and taken back. */
#include "calibrate/experiment.h"

#include "calibrate/statistics.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 4 << 20, CHUNKS = 3 }; /* bytes that a heap grows by */

static void memory_close(void *state)
{
    struct lab *lab = state;
    lab_close(lab);
    free(lab);
}

/* An empty heap. */
static struct lab *memory_new(const struct bench *bench, const struct goheap_config *config)
{
    struct lab *lab = calloc(1, sizeof *lab);
    if (!lab)
        return NULL;
    if (!lab_open(lab, config, bench->platform, CHUNKS)) {
        memory_close(lab);
        return NULL;
    }
    return lab;
}

static void *memory_open(const struct bench *bench)
{
    return memory_new(bench, &bench->configs->immediate);
}

/* Writes to each of the OS's pages. */
static void touch(uint64_t addr, uint64_t bytes)
{
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    for (uint64_t at = addr; at < addr + bytes; at += page)
        *(volatile char *)(uintptr_t)at = 1;
}

/* --- grow, grow_first ---------------------------------------------------------------------------------- */

enum { EVERYTHING = 32 << 20 }; /* bytes */

/* Heaps grow so seldom that what that takes is not in the caches, be it the heap's or the OS's. */
struct cold {
    const struct bench *bench;
    char *everything; /* when so many bytes have been written to, nothing else is in the caches that are near */
    struct lab *lab;  /* grow's */
};

static void cold_close(void *state)
{
    struct cold *c = state;
    if (c->lab)
        memory_close(c->lab);
    free(c->everything);
    free(c);
}

static void *grow_first_open(const struct bench *bench)
{
    struct cold *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->bench = bench;
    c->everything = malloc(EVERYTHING);
    if (c->everything)
        return c;
    cold_close(c);
    return NULL;
}

static void *grow_open(const struct bench *bench)
{
    struct cold *c = grow_first_open(bench);
    if (!c || (c->lab = memory_new(bench, &bench->configs->immediate)))
        return c;
    cold_close(c);
    return NULL;
}

static void empty_caches(struct cold *c)
{
    memset(c->everything, c->everything[0] + 1, EVERYTHING);
}

/* ns of allocating a chunk, the median. */
static double time_chunks(struct cold *c, bool *ok)
{
    double times[CHUNKS];
    for (size_t i = 0; i < CHUNKS; i++) {
        empty_caches(c);
        uint64_t began = now_ns();
        c->lab->objects[i] = goheap_alloc(c->lab->p, CHUNK, GOHEAP_NOSCAN);
        times[i] = ns_since(began);
        *ok &= c->lab->objects[i] != 0;
    }
    return statistics_quartiles(times, CHUNKS).median;
}

/* The same objects where the heap has to grow for them, and where it has just grown. They stay: the next sample's
 * heap is full again. */
static bool grow_sample(void *state, double *ns)
{
    struct cold *c = state;
    bool ok = true;
    double grown = time_chunks(c, &ok);
    lab_free_all(c->lab);
    ns[0] = grown - time_chunks(c, &ok);
    return ok;
}

const struct experiment grow_experiment = {
    .findings = {FINDING(grow, "objects of 4 MiB, caches empty, where the heap must grow for them, less where not")},
    .open = grow_open,
    .sample = grow_sample,
    .close = cold_close,
};

/* ns of an object of each span class, with nothing in the caches. */
static double time_one_of_each(struct cold *c, struct lab *lab, bool *ok)
{
    empty_caches(c);
    uint64_t began = now_ns();
    for (size_t i = 0; i < lab->n; i++)
        *ok &= (lab->objects[i] = goheap_alloc(lab->p, lab->sizes[i], i % 2 ? GOHEAP_NOSCAN : 0)) != 0;
    return ns_since(began);
}

/* Where nobody has used the heap before, less where the same objects have just been. */
static bool grow_first_sample(void *state, double *ns)
{
    struct cold *c = state;
    const struct goheap_config *config = &c->bench->configs->gc;
    struct lab lab;
    bool ok = lab_open(&lab, config, c->bench->platform, 2 * (config->table.count - 1));
    for (size_t i = 0; ok && i < lab.n; i++)
        lab.sizes[i] = config->table.classes[i / 2 + 1].size;
    if (ok) {
        double first = time_one_of_each(c, &lab, &ok);
        lab_free_all(&lab);
        lab_collect(&lab);
        ns[0] = first - time_one_of_each(c, &lab, &ok) - c->bench->known->grow;
    }
    lab_close(&lab);
    return ok;
}

const struct experiment grow_first_experiment = {
    .findings = {FINDING(grow_first, "an object of each span class in a new heap, less the same later, and grow")},
    .open = grow_first_open,
    .sample = grow_first_sample,
    .close = cold_close,
};

/* --- span_first ---------------------------------------------------------------------------------------- */

/* Objects of 64 bytes in spans of a page: some for the heap to grow and to make all that it has once, and those that
 * are measured. Together they take less than it grows by. */
enum { OBJECT = 64, SPAN_OBJECTS = 8192 / OBJECT, BEFORE = 64 * SPAN_OBJECTS, MEASURED_SPANS = 384 };

/* Each sample has a heap of its own. */
struct new_heaps {
    const struct bench *bench;
};

static void *span_first_open(const struct bench *bench)
{
    struct new_heaps *n = malloc(sizeof *n);
    if (n)
        n->bench = bench;
    return n;
}

/* ns of allocating the objects after the first ones. */
static double time_spans(struct lab *lab, bool *ok)
{
    uint64_t began = 0;
    for (size_t i = 0; i < lab->n; i++) {
        if (i == BEFORE)
            began = now_ns();
        *ok &= (lab->objects[i] = goheap_alloc(lab->p, OBJECT, GOHEAP_NOSCAN)) != 0;
    }
    return ns_since(began);
}

/* Where there have never been so many spans, less where there have. */
static bool span_first_sample(void *state, double *ns)
{
    const struct bench *bench = ((const struct new_heaps *)state)->bench;
    struct lab lab;
    bool ok = lab_open(&lab, &bench->configs->gc, bench->platform, BEFORE + MEASURED_SPANS * SPAN_OBJECTS);
    if (ok) {
        memset(lab.objects, 0, lab.n * sizeof *lab.objects); /* the OS has to back these pages, too */
        double first = time_spans(&lab, &ok);
        double spans = (double)(lab.n - BEFORE) / lab_slots(&lab, OBJECT);
        lab_free_all(&lab);
        lab_collect(&lab);
        ns[0] = (first - time_spans(&lab, &ok)) / spans;
    }
    lab_close(&lab);
    return ok;
}

const struct experiment span_first_experiment = {
    .findings = {FINDING(span_first, "384 spans in a new heap, less the same again: their part of its tables")},
    .open = span_first_open,
    .sample = span_first_sample,
    .close = free,
};

/* --- fault_byte ---------------------------------------------------------------------------------------- */

static void zero(uint64_t addr, uint64_t bytes)
{
    memset((void *)(uintptr_t)addr, 0, bytes);
}

/* ns a byte of using 16 MiB for the first time, so many that the OS does not hand out again what is in a cache still.
 * Piece by piece, and the median of these: somebody else may have the CPU meanwhile. 0 if it could not be done. */
static double time_first_use(struct lab *lab, void (*use)(uint64_t addr, uint64_t bytes))
{
    enum { BYTES = 16 << 20, PIECE = 128 << 10, PIECES = BYTES / PIECE };
    double times[PIECES];
    uint64_t addr = goheap_alloc(lab->p, BYTES, GOHEAP_NOSCAN);
    if (!addr)
        return 0;
    for (int i = 0; i < PIECES; i++) {
        uint64_t began = now_ns();
        use(addr + (uint64_t)i * PIECE, PIECE);
        times[i] = ns_since(began);
    }
    goheap_free(lab->p, addr);
    bool released = goheap_scavenge(lab->heap, lab->p, BYTES) == BYTES;
    return released ? statistics_quartiles(times, PIECES).median / PIECE : 0;
}

static bool fault_sample(void *state, double *ns)
{
    struct lab *lab = state;
    double touched = time_first_use(lab, touch), zeroed = time_first_use(lab, zero);
    ns[0] = touched;
    ns[1] = zeroed;
    return touched > 0 && zeroed > 0;
}

const struct experiment fault_experiment = {
    .findings = {FINDING(fault_byte, "16 MiB that were given back, or never used, touched page by page, a byte"),
                 FINDING(zero_fault_byte, "the same zeroed, a byte")},
    .open = memory_open,
    .sample = fault_sample,
    .close = memory_close,
};

/* --- scavenge ------------------------------------------------------------------------------------------ */

struct scavenge {
    const struct bench *bench;
    struct lab *lab;
};

static void scavenge_close(void *state)
{
    struct scavenge *s = state;
    if (s->lab)
        memory_close(s->lab);
    free(s);
}

/* Without page caches, which would hold pages back. */
static void *scavenge_open(const struct bench *bench)
{
    struct scavenge *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    struct goheap_config config = bench->configs->immediate;
    config.page_cache = false;
    s->bench = bench;
    s->lab = memory_new(bench, &config);
    if (s->lab)
        return s;
    scavenge_close(s);
    return NULL;
}

/* ns of giving back one run of so many bytes that the OS backs; 0 if that was not what happened. */
static double time_scavenge(struct lab *lab, uint64_t bytes)
{
    uint64_t addr = goheap_alloc(lab->p, bytes, GOHEAP_NOSCAN);
    if (!addr)
        return 0;
    touch(addr, bytes);
    goheap_free(lab->p, addr);
    uint64_t began = now_ns();
    uint64_t released = goheap_scavenge(lab->heap, lab->p, bytes);
    double ns = ns_since(began);
    return released == bytes ? ns : 0;
}

static bool scavenge_sample(void *state, double *ns)
{
    enum { LENGTHS = 5, TIMES = 9 };
    static const double lengths[LENGTHS] = {40 << 10, 80 << 10, 160 << 10, 320 << 10, 640 << 10};
    struct scavenge *s = state;
    double times[LENGTHS], once[TIMES];
    for (int i = 0; i < LENGTHS; i++) {
        for (int j = 0; j < TIMES; j++)
            once[j] = time_scavenge(s->lab, (uint64_t)lengths[i]);
        times[i] = statistics_quartiles(once, TIMES).median - 2 * s->bench->known->lock; /* charged apart */
    }
    return statistics_fit(lengths, times, LENGTHS, &ns[0], &ns[1]);
}

const struct experiment scavenge_experiment = {
    .findings = {FINDING(scavenge, "runs of 40 to 640 KiB given back (madvise): where a line begins"),
                 FINDING(scavenge_byte, "and its slope")},
    .open = scavenge_open,
    .sample = scavenge_sample,
    .close = scavenge_close,
};
