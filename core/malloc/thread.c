/* Which P serves a thread.
 *
 *     GM_NEW --(first call)--> GM_OWNER --(its destructors, round 1)--> GM_LEAVING --(round 2)--> GM_GONE
 *
 * A thread has a P of its own from its first call until its thread-specific data is destroyed. The destructor
 * lets one round of the others pass before it releases the P, so that what they free takes the usual path.
 * Whatever comes still later (libc frees a little on its way out) and whoever can have no P share one, under a
 * lock: so no thread ends with a P in its hands, and no destructor keeps the rounds going.
 */
#include "shim.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

GM_TLS struct gm_thread gm_thread;
GM_TLS unsigned gm_wanted;

static pthread_key_t thread_key;

static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;
static struct goheap_p *shared_p; /* under shared_lock; had when first needed */

void gm_shared_lock(void)
{
    pthread_mutex_lock(&shared_lock);
}

void gm_shared_unlock(void)
{
    pthread_mutex_unlock(&shared_lock);
}

static void give_up_p(struct gm_thread *self)
{
    struct goheap_p *p = self->p;
    self->p = NULL;
    self->state = GM_GONE;
    goheap_p_release(p);
}

/* Destructor of thread_key; runs once a round for as long as it sets the key again. */
static void on_thread_exit(void *unused)
{
    (void)unused;
    struct gm_thread *self = &gm_thread;
    if (self->state == GM_OWNER && pthread_setspecific(thread_key, self) == 0)
        self->state = GM_LEAVING;
    else if (self->p)
        give_up_p(self);
}

bool gm_threads_init(void)
{
    return pthread_key_create(&thread_key, on_thread_exit) == 0;
}

/* Gets a new thread its P; NULL if it has to share. */
static struct goheap_p *own_p(struct goheap *heap)
{
    struct gm_thread *self = &gm_thread;
    if (self->state != GM_NEW)
        return NULL;
    struct goheap_p *p = goheap_p_acquire(heap);
    if (!p)
        return NULL;
    self->p = p;
    self->state = GM_OWNER;
    /* This may allocate, which the thread now can. */
    if (pthread_setspecific(thread_key, self) != 0)
        give_up_p(self);
    return self->p;
}

/* A P for one call, to be given back by p_end; NULL if there is no memory for one. */
static struct goheap_p *p_begin(void)
{
    struct goheap *heap = gm_heap();
    if (!heap)
        return NULL;
    struct goheap_p *p = own_p(heap);
    if (p)
        return p;
    gm_shared_lock();
    if (!shared_p)
        shared_p = goheap_p_acquire(heap);
    p = shared_p;
    if (!p)
        gm_shared_unlock();
    return p;
}

static void p_end(const struct goheap_p *p)
{
    if (p != gm_thread.p)
        gm_shared_unlock();
}

void *gm_alloc_slow(size_t size, size_t align, unsigned flags)
{
    int before = errno;
    struct goheap_p *p = p_begin();
    if (!p)
        return NULL;
    uint64_t addr = align == 1 ? goheap_alloc(p, size, flags) : goheap_alloc_aligned(p, size, align, flags);
    p_end(p);
    errno = before;
    return (void *)(uintptr_t)addr;
}

/* A block that no P can be had for stays allocated. */
void gm_free_slow(void *block)
{
    if (!block)
        return;
    int before = errno;
    struct goheap_p *p = p_begin();
    if (!p)
        return;
    if (goheap_free(p, (uintptr_t)block) != GOHEAP_OK)
        abort(); /* as in gm_after_free */
    p_end(p);
    errno = before;
}
