/* A recorded trace as fixed records in a file, for bench_malloc's replay.
 *
 *   .csv, .csv.zst  --sim's reader----\
 *                                      >--  struct step ...  -->  a file without a name
 *   .zip, .txt      --memory_replay---/
 *
 * A process of its own decodes, so that neither its malloc nor its memory is part of what is measured. */
#ifndef BENCH_MALLOC_DECODE_H
#define BENCH_MALLOC_DECODE_H

#include "bench_malloc.h"

enum step_op { STEP_MALLOC, STEP_CALLOC, STEP_REALLOC, STEP_ALIGNED, STEP_FREE };

struct step {
    uint64_t size : 48; /* bytes */
    uint64_t op : 8;    /* enum step_op */
    uint64_t align_log2 : 8;
    uint32_t slot; /* of the block: dense, taken again after its free; realloc leaves it where it is */
    uint32_t unused;
};

#define STEP_SIZE_MAX ((UINT64_C(1) << 48) - 1)

_Static_assert(sizeof(struct step) == 16, "a quarter of a cache line");

struct decoded {
    int file; /* steps, from its beginning */
    uint64_t steps;
    uint32_t slots;
};

enum bench_status bench_decode(const char *path, struct decoded *decoded);

/* Of the decoding process. */
struct step_writer;
void step_write(struct step_writer *writer, struct step step);
enum bench_status decode_memory_replay(const char *path, struct step_writer *writer);

#endif
