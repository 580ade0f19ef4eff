/* Stopping the world where the world is threads: each looks between two events whether it is to stop.
 *
 *     running threads --stops_check, between events--> waiting --the stop is over--> running
 *            \--stops_leave: out of the heap for a while--> not waited for --stops_enter--/
 *
 * Invariant: while a stop lasts, its mutex is held by whoever stops, and no thread runs. What is done to shared things
 * in a stop needs no other protection: all threads pass through the mutex before they go on.
 */
#ifndef STOPS_H
#define STOPS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct stops {
    pthread_mutex_t mutex;
    pthread_cond_t quiet; /* running has become 0, or one more has arrived */
    pthread_cond_t go;    /* wanted has become false */
    pthread_cond_t ended; /* alive has become 0 */
    bool wanted;          /* atomic where the mutex is not held */
    uint32_t arrived;     /* threads that have begun */
    uint32_t alive;       /* of them, those that have not ended */
    uint32_t running;     /* of them, those that may be inside the heap */
};

/* The world is stopped until stops_start. */
void stops_init(struct stops *stops);
void stops_destroy(struct stops *stops);

/* By whoever made n threads: waits for all of them to arrive, and begins the stop that stops_end ends. */
void stops_gather(struct stops *stops, uint32_t n);
/* Waits until all threads have ended, so many ms at most; true if they have. */
bool stops_wait_end(struct stops *stops, unsigned ms);

/* By a thread, first and last. */
void stops_arrive(struct stops *stops);
void stops_depart(struct stops *stops);

/* Stops the world; `running`: by one of its threads, which is outside of the heap. In two steps: once it has been
 * claimed nobody else stops it before stops_end, and from then on it is waited for. */
void stops_claim(struct stops *stops, bool running);
void stops_wait(struct stops *stops);
static inline void stops_begin(struct stops *stops, bool running)
{
    stops_claim(stops, running);
    stops_wait(stops);
}
void stops_end(struct stops *stops, bool running);

/* The slow half of stops_check. */
void stops_pass(struct stops *stops);

static inline bool stops_wanted(const struct stops *stops)
{
    return __builtin_expect(__atomic_load_n(&stops->wanted, __ATOMIC_RELAXED), 0);
}

/* A thread outside of the heap: waits while the world is stopped. */
static inline void stops_check(struct stops *stops)
{
    if (stops_wanted(stops))
        stops_pass(stops);
}

/* A thread is going to wait for something other than the world's start: nobody waits for it until it is back. */
void stops_leave(struct stops *stops);
void stops_enter(struct stops *stops);

#endif
