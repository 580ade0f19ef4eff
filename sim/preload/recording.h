/* The recording as the hooks see it: enter, put what happened, leave.
 *
 *   recording_enter() --true--> recording_put(...) around the real call --> recording_leave()
 *
 * Invariant: between enter and leave, calls that come back to us from the same thread (an
 * allocator built upon malloc, or our own system calls' wrappers) are not recorded; they belong
 * to the outermost call. */
#ifndef PRELOAD_RECORDING_H
#define PRELOAD_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format.h"

/* How deep this thread is inside the hooks. */
extern _Thread_local unsigned recording_depth;

/* Points to nonzero while events are wanted. The word lies in a page that the kernel clears in a
 * forked child: however the child was made, it finds recording switched off before it can write
 * into our file. */
extern const volatile uint32_t *recording_live;

/* True if the caller shall record what it is about to do. recording_leave() in either case. */
static inline bool recording_enter(void)
{
    return recording_depth++ == 0 && *recording_live != 0;
}

static inline void recording_leave(void)
{
    recording_depth--;
}

/* Begins recording if the environment asks for it and the recording is this process's. False:
 * too early in the life of the process to know, ask again. */
bool recording_start(void);

/* Appends an event to the calling thread's buffer, stamped with the time of this call. Keeps
 * errno. */
void recording_put(enum record_op op, const void *address, size_t size, unsigned align_log2);

#endif
