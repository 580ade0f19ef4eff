/* The thread, its mailbox, and where it runs. */
#include "calibrate/partner.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

struct partner {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    void (*job)(void *arg); /* NULL: none, or done */
    void *arg;
    bool quit;
    cpu_set_t allowed; /* to the process when it began */
};

static void *run(void *context)
{
    struct partner *p = context;
    pthread_mutex_lock(&p->mutex);
    while (!p->quit) {
        if (!p->job) {
            pthread_cond_wait(&p->changed, &p->mutex);
            continue;
        }
        pthread_mutex_unlock(&p->mutex);
        p->job(p->arg);
        pthread_mutex_lock(&p->mutex);
        p->job = NULL;
        pthread_cond_broadcast(&p->changed);
    }
    pthread_mutex_unlock(&p->mutex);
    return NULL;
}

static void destroy(struct partner *p)
{
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->mutex);
    free(p);
}

struct partner *partner_new(void)
{
    struct partner *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->changed, NULL);
    sched_getaffinity(0, sizeof p->allowed, &p->allowed);
    if (pthread_create(&p->thread, NULL, run, p) == 0)
        return p;
    destroy(p);
    return NULL;
}

void partner_free(struct partner *p)
{
    pthread_mutex_lock(&p->mutex);
    p->quit = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->mutex);
    pthread_join(p->thread, NULL);
    destroy(p);
}

int partner_cpus(void)
{
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
}

static void pin(pthread_t thread, unsigned cpu)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    pthread_setaffinity_np(thread, sizeof one, &one);
}

void partner_pin(struct partner *p)
{
    unsigned first = CPU_SETSIZE, last = 0;
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &p->allowed)) {
            first = first == CPU_SETSIZE ? cpu : first;
            last = cpu;
        }
    if (first >= last)
        return;
    pin(pthread_self(), first);
    pin(p->thread, last);
}

void partner_part(struct partner *p)
{
    pthread_setaffinity_np(pthread_self(), sizeof p->allowed, &p->allowed);
    pthread_setaffinity_np(p->thread, sizeof p->allowed, &p->allowed);
}

void partner_start(struct partner *p, void (*job)(void *arg), void *arg)
{
    pthread_mutex_lock(&p->mutex);
    p->job = job;
    p->arg = arg;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->mutex);
}

void partner_wait(struct partner *p)
{
    pthread_mutex_lock(&p->mutex);
    while (p->job)
        pthread_cond_wait(&p->changed, &p->mutex);
    pthread_mutex_unlock(&p->mutex);
}
