/* How many events each P, or each goroutine, of a trace has. */
#ifndef STREAMS_H
#define STREAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/lifetimes.h"

/* A long trace may have any number of goroutines: so many are told apart, the first ones. */
enum { STREAMS_MAX = 65536 };

struct stream_figures {
    uint64_t value; /* of p or g */
    uint64_t events;
};

struct streams {
    struct id_map map; /* value -> index in all */
    struct stream_figures *all;
    size_t count, capacity;
    size_t last;          /* index of the latest: most rows have the value of the row before */
    uint64_t rest_events; /* of streams beyond STREAMS_MAX */
};

/* seed: as id_map has it. False: no memory; streams_free may be called in either case. */
bool streams_init(struct streams *streams, uint64_t seed);
void streams_free(struct streams *streams);
/* An event of the stream with this value. False: no memory. */
bool streams_add(struct streams *streams, uint64_t value);
/* Once everything is counted: the busiest first, those as busy by value. Nothing can be added after that. */
void streams_sort(struct streams *streams);

#endif
