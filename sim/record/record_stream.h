/* One thread's events out of a recording (preload/format.h), in order, while the thread still writes them or
 * afterwards.
 *
 *   chunk, chunk, ... --read--+
 *   window -----------copy----+--> units --> events[0]: the next one; of a realloc also events[1], what came of it
 *
 * Invariant: a slot is given back once, when all that is in it has been read. Memory is one chunk at most. */
#ifndef RECORD_STREAM_H
#define RECORD_STREAM_H

#include "base/error.h"
#include "preload/format.h"

enum stream_state {
    STREAM_WAITS,     /* for the thread to do something */
    STREAM_HAS_EVENT, /* events[0]; if that is a RECORD_RESIZE and ready is 1, the thread did not live to its outcome */
    STREAM_IN_REALLOC, /* events[0] has begun, what comes of it is not known yet */
    STREAM_ENDED,     /* all of it has been read, and the thread is no more */
};

/* An open recording. */
struct record_file {
    int file;
    struct record_control *control; /* mapped */
    bool ended;                     /* the program has: nobody takes slots any more */
};

struct stream {
    const struct record_file *recording;
    const struct record_window *window; /* mapped; NULL: nothing more comes of it */
    uint64_t slot;   /* of the window */
    uint64_t chunk;  /* slot of what `units` are of, or will be once the window is full; 0: not known yet */
    uint32_t chunks; /* read before that */
    bool whole;      /* `units` are a chunk, not what the window has so far */
    uint64_t then;   /* then: slot of the chunk after it */
    struct record_unit *units;
    uint32_t count, index, capacity; /* of units; the next one */
    struct record_event high;        /* of the next event */
    struct record_event events[2];
    uint64_t ticks[2];  /* of the events */
    unsigned ready;     /* events */
    uint64_t read_ticks; /* of the event read last */
    uint64_t end_ticks; /* when the thread ended; 0: not known */
    uint32_t thread, tid, incarnation;
    uint64_t older;   /* slot of the next window in control.newest's list; 0: none */
    bool final;       /* nobody writes to it any more */
    /* the merge's own */
    enum stream_state state;
    uint64_t head_ticks; /* when the next event, or the end, takes place */
    uint32_t number;     /* p */
    bool queued, done;   /* in the merge's heap; the end is written */
};

/* The stream of the window in that slot; NULL with *error. */
struct stream *stream_open(const struct record_file *recording, uint64_t slot, struct error *error);

/* Frees the stream, but not what it has in the recording. */
void stream_close(struct stream *stream);

/* Frees the stream of a thread that is no more, and gives its slots back. */
void stream_close_ended(struct stream *stream);

/* The thread writes no more: what there is is all there will be. */
void stream_set_final(struct stream *stream);

/* Goes on by that many events, at most those that are ready, and says in stream->state what comes then. With 0: whether
 * something has come by now. False with *error if the recording is damaged. */
bool stream_advance(struct stream *stream, unsigned events, struct error *error);

/* True of what makes an address live. */
static inline bool record_event_is_alloc(const struct record_event *event)
{
    return event->op == RECORD_ALLOC || event->op == RECORD_RESIZED;
}

#endif
