/* Any trace that goheap reads, as the oracle can execute it: what is allocated and what dies, in file order.
 *
 *     plain TRACE [CHECKPOINTS]   CSV on stdout; with stats, gc, stats so many times on the way if the trace has none
 *
 * Left out are times, threads, alignments, stacks and objects of size 0, of which the Go program knows nothing.
 */
#include "trace/trace.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 256 };

struct seen {
    uint64_t events;
    bool stats;
};

/* Of a lifetime that was left out, and of any other, by slot. */
static bool *left_out;
static size_t left_out_room;

static bool *lifetime(uint32_t slot)
{
    if (slot >= left_out_room) {
        size_t room = left_out_room ? left_out_room * 2 : 4096;
        while (room <= slot)
            room *= 2;
        left_out = realloc(left_out, room * sizeof *left_out);
        if (!left_out)
            abort();
        left_out_room = room;
    }
    return &left_out[slot];
}

static bool print_event(const struct trace_event *e)
{
    switch ((enum trace_op)e->op) {
    case TRACE_ALLOC:
        *lifetime(e->slot) = e->size == 0;
        if (e->size == 0)
            return false;
        printf("alloc,%" PRIu64 ",%" PRIu64 ",%d\n", e->id, (uint64_t)e->size, (int)e->noscan);
        return true;
    case TRACE_STACKALLOC:
        *lifetime(e->slot) = true;
        return false;
    case TRACE_FREE:
    case TRACE_DEAD:
        if (!*lifetime(e->slot))
            printf("%s,%" PRIu64 ",,\n", e->op == TRACE_FREE ? "free" : "dead", e->id);
        return !*lifetime(e->slot);
    case TRACE_GC:
        puts("gc,,,");
        return true;
    case TRACE_STATS:
        puts("stats,,,");
        return true;
    default:
        return false;
    }
}

static void checkpoint(void)
{
    fputs("stats,,,\ngc,,,\nstats,,,\n", stdout);
}

/* Reads the whole trace; prints it, with a checkpoint after each `every` events if that is not 0. */
static bool pass(const char *path, bool print, uint64_t every, struct seen *seen)
{
    struct error error = {.text = ""};
    struct trace_source *source = trace_open(path, TRACE_STREAM_BY_P, &error);
    struct trace_event events[BATCH];
    size_t n = 0;
    while (source && (n = source->read(source, events, BATCH, &error)) > 0)
        for (size_t i = 0; i < n; i++) {
            seen->stats |= events[i].op == TRACE_STATS;
            if (print && print_event(&events[i]) && every && ++seen->events % every == 0)
                checkpoint();
            else if (!print)
                seen->events++;
            if (events[i].op == TRACE_FREE || events[i].op == TRACE_STACKFREE)
                source->release(source, events[i].slot);
        }
    if (source)
        source->close(source);
    if (error.text[0])
        fprintf(stderr, "plain: %s\n", error.text);
    return !error.text[0];
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        fputs("usage: plain TRACE [CHECKPOINTS]\n", stderr);
        return 2;
    }
    uint64_t checkpoints = argc > 2 ? strtoul(argv[2], NULL, 10) : 4;
    struct seen seen = {0}, again = {0};
    if (!pass(argv[1], false, 0, &seen))
        return 1;
    puts("op,id,size,noscan");
    uint64_t every = seen.stats || checkpoints == 0 ? 0 : seen.events / checkpoints;
    if (!pass(argv[1], true, every, &again))
        return 1;
    if (every)
        checkpoint();
    free(left_out);
    return fflush(stdout) == 0 ? 0 : 1;
}
