/* A binary heap. */
#include "record/stream_queue.h"

static bool earlier(const struct stream *a, const struct stream *b)
{
    return a->head_ticks != b->head_ticks ? a->head_ticks < b->head_ticks : a->number < b->number;
}

void stream_queue_push(struct stream_queue *queue, struct stream *stream)
{
    size_t i = queue->count++;
    for (; i > 0 && earlier(stream, queue->heap[(i - 1) / 2]); i = (i - 1) / 2)
        queue->heap[i] = queue->heap[(i - 1) / 2];
    queue->heap[i] = stream;
    stream->queued = true;
}

struct stream *stream_queue_pop(struct stream_queue *queue)
{
    struct stream *first = queue->heap[0], *moved = queue->heap[--queue->count];
    size_t i = 0;
    for (size_t child = 1; child < queue->count; child = 2 * i + 1) {
        if (child + 1 < queue->count && earlier(queue->heap[child + 1], queue->heap[child]))
            child++;
        if (!earlier(queue->heap[child], moved))
            break;
        queue->heap[i] = queue->heap[child];
        i = child;
    }
    queue->heap[i] = moved;
    first->queued = false;
    return first;
}
