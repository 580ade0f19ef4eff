/* The streams that have something to merge, by when it took place; at equal times by number. */
#ifndef STREAM_QUEUE_H
#define STREAM_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "record/record_stream.h"

struct stream_queue {
    struct stream **heap; /* the caller's: room for all streams */
    size_t count;
};

/* Of the first one; UINT64_MAX: there is none. */
static inline uint64_t stream_queue_ticks(const struct stream_queue *queue)
{
    return queue->count > 0 ? queue->heap[0]->head_ticks : UINT64_MAX;
}

/* The stream's head_ticks and number stay as they are until it is popped. */
void stream_queue_push(struct stream_queue *queue, struct stream *stream);

/* The first one, of those that there are. */
struct stream *stream_queue_pop(struct stream_queue *queue);

#endif
