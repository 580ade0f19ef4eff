/* One mutex, and who waits for what under it. */
#include "real/stops.h"

#include <time.h>

static void set_wanted(struct stops *stops, bool wanted)
{
    __atomic_store_n(&stops->wanted, wanted, __ATOMIC_RELAXED);
}

void stops_init(struct stops *stops)
{
    *stops = (struct stops){.wanted = true};
    pthread_mutex_init(&stops->mutex, NULL);
    pthread_cond_init(&stops->quiet, NULL);
    pthread_cond_init(&stops->go, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&stops->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

void stops_destroy(struct stops *stops)
{
    pthread_cond_destroy(&stops->ended);
    pthread_cond_destroy(&stops->go);
    pthread_cond_destroy(&stops->quiet);
    pthread_mutex_destroy(&stops->mutex);
}

/* --- under the mutex ----------------------------------------------------------------------------------- */

static void cease(struct stops *stops)
{
    if (--stops->running == 0)
        pthread_cond_signal(&stops->quiet);
}

static void resume(struct stops *stops)
{
    while (stops->wanted)
        pthread_cond_wait(&stops->go, &stops->mutex);
    stops->running++;
}

/* --- threads ------------------------------------------------------------------------------------------- */

void stops_arrive(struct stops *stops)
{
    pthread_mutex_lock(&stops->mutex);
    stops->arrived++;
    stops->alive++;
    pthread_cond_signal(&stops->quiet);
    resume(stops);
    pthread_mutex_unlock(&stops->mutex);
}

void stops_depart(struct stops *stops)
{
    pthread_mutex_lock(&stops->mutex);
    cease(stops);
    if (--stops->alive == 0)
        pthread_cond_signal(&stops->ended);
    pthread_mutex_unlock(&stops->mutex);
}

void stops_pass(struct stops *stops)
{
    stops_leave(stops);
    stops_enter(stops);
}

void stops_leave(struct stops *stops)
{
    pthread_mutex_lock(&stops->mutex);
    cease(stops);
    pthread_mutex_unlock(&stops->mutex);
}

void stops_enter(struct stops *stops)
{
    pthread_mutex_lock(&stops->mutex);
    resume(stops);
    pthread_mutex_unlock(&stops->mutex);
}

/* --- whoever stops them -------------------------------------------------------------------------------- */

void stops_gather(struct stops *stops, uint32_t n)
{
    pthread_mutex_lock(&stops->mutex);
    while (stops->arrived < n)
        pthread_cond_wait(&stops->quiet, &stops->mutex);
}

void stops_claim(struct stops *stops, bool running)
{
    pthread_mutex_lock(&stops->mutex);
    if (running)
        cease(stops);
    while (stops->wanted)
        pthread_cond_wait(&stops->go, &stops->mutex);
    set_wanted(stops, true);
}

void stops_wait(struct stops *stops)
{
    while (stops->running)
        pthread_cond_wait(&stops->quiet, &stops->mutex);
}

void stops_end(struct stops *stops, bool running)
{
    set_wanted(stops, false);
    stops->running += running;
    pthread_cond_broadcast(&stops->go);
    pthread_mutex_unlock(&stops->mutex);
}

bool stops_wait_end(struct stops *stops, unsigned ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&stops->mutex);
    int timed_out = 0;
    while (stops->alive && !timed_out)
        timed_out = pthread_cond_timedwait(&stops->ended, &stops->mutex, &until);
    bool ended = stops->alive == 0;
    pthread_mutex_unlock(&stops->mutex);
    return ended;
}
