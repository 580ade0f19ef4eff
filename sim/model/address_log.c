/* A ring of allocations read and not yet written; numbers count modulo 2^32, the ring is never that long. */
#include "model/address_log.h"

#include <inttypes.h>
#include <stdlib.h>

struct entry {
    uint64_t id, size;
    uint64_t addr; /* 0: not executed yet */
};

struct address_log {
    FILE *out;
    struct entry *ring;
    uint32_t room; /* a power of two */
    uint32_t first, count;
};

struct address_log *address_log_new(FILE *out)
{
    struct address_log *log = calloc(1, sizeof *log);
    if (log)
        log->out = out;
    return log;
}

static void grow(struct address_log *log)
{
    uint32_t room = log->room ? log->room * 2 : 4096;
    struct entry *ring = malloc(room * sizeof *ring);
    if (!ring)
        abort(); /* 24 bytes for each event of the window */
    for (uint32_t i = 0; i < log->count; i++)
        ring[(log->first + i) & (room - 1)] = log->ring[(log->first + i) & (log->room - 1)];
    free(log->ring);
    log->ring = ring;
    log->room = room;
}

uint32_t address_log_expect(struct address_log *log, uint64_t id, uint64_t size)
{
    if (log->count == log->room)
        grow(log);
    uint32_t number = log->first + log->count++;
    log->ring[number & (log->room - 1)] = (struct entry){id, size, 0};
    return number;
}

void address_log_put(struct address_log *log, uint32_t number, uint64_t addr)
{
    log->ring[number & (log->room - 1)].addr = addr;
    while (log->count && log->ring[log->first & (log->room - 1)].addr) {
        const struct entry *e = &log->ring[log->first & (log->room - 1)];
        fprintf(log->out, "%" PRIu64 " %" PRIu64 " 0x%" PRIx64 "\n", e->id, e->size, e->addr);
        log->first++;
        log->count--;
    }
}

void address_log_free(struct address_log *log)
{
    if (log)
        free(log->ring);
    free(log);
}
