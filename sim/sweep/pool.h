/* Threads that share out the indices 0..n-1: each takes the next as soon as it is done with its last, so that
 * long and short runs mix. Which thread gets which index is chance; nothing may depend on it.
 * What an index gives back of pages the thread keeps for its next one (base/pages.h).
 */
#ifndef SWEEP_POOL_H
#define SWEEP_POOL_H

#include "base/error.h"

#include <stddef.h>

struct pool_work {
    bool (*run)(void *context, size_t index); /* called once an index, on any thread; false: no more are begun */
    void (*tell)(void *context, size_t done, size_t n); /* NULL, or called now and then, on the caller's thread */
    void *context;
};

/* Returns when every index has been run, or those that were begun when one said that no more were to be. False if not
 * one thread could be started; then nothing was run. */
bool pool_run(const struct pool_work *work, size_t n, unsigned threads, struct error *error);

#endif
