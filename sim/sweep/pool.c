/* The pool: one lock guards the next index and the count of those done. An index stands for a whole
 * simulation, so nobody ever queues for the lock. */
#include "sweep/pool.h"

#include "base/pages.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TELL_MS = 100 };

struct pool {
    const struct pool_work *work;
    size_t n, next, done; /* under the lock; n shrinks to next if no more are to be begun */
    pthread_mutex_t lock;
    pthread_cond_t all_done;
};

static void *worker(void *arg)
{
    struct pool *pool = arg;
    pages_keep(); /* one index wants much the memory that the last one did */
    pthread_mutex_lock(&pool->lock);
    while (pool->next < pool->n) {
        size_t index = pool->next++;
        pthread_mutex_unlock(&pool->lock);
        bool more = pool->work->run(pool->work->context, index);
        pthread_mutex_lock(&pool->lock);
        if (!more)
            pool->n = pool->next;
        if (++pool->done == pool->n)
            pthread_cond_signal(&pool->all_done);
    }
    pthread_mutex_unlock(&pool->lock);
    pages_let_go();
    return NULL;
}

/* Waits for the end or for a tenth of a second, with the lock held. */
static void wait_a_little(struct pool *pool)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += TELL_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&pool->all_done, &pool->lock, &until);
}

static void watch(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->done < pool->n) {
        if (!pool->work->tell) {
            pthread_cond_wait(&pool->all_done, &pool->lock);
            continue;
        }
        wait_a_little(pool);
        size_t done = pool->done;
        pthread_mutex_unlock(&pool->lock);
        pool->work->tell(pool->work->context, done, pool->n);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
}

static void pool_init(struct pool *pool)
{
    pthread_condattr_t attr;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->all_done, &attr);
    pthread_condattr_destroy(&attr);
}

/* Fewer threads than asked for do the work as well; only none cannot. */
bool pool_run(const struct pool_work *work, size_t n, unsigned threads, struct error *error)
{
    struct pool pool = {.work = work, .n = n};
    unsigned wanted = n < threads ? (unsigned)n : threads, started = 0;
    int reason = 0;
    pthread_t *ids = calloc(wanted ? wanted : 1, sizeof *ids);
    if (!ids)
        return error_set(error, "out of memory");
    pool_init(&pool);
    while (started < wanted && (reason = pthread_create(&ids[started], NULL, worker, &pool)) == 0)
        started++;
    if (started)
        watch(&pool);
    for (unsigned i = 0; i < started; i++)
        pthread_join(ids[i], NULL);
    pthread_cond_destroy(&pool.all_done);
    pthread_mutex_destroy(&pool.lock);
    free(ids);
    return started || !wanted || error_set(error, "no thread could be started: %s", strerror(reason));
}
