/* A second thread for what takes two. It sleeps unless it has a job.
 *
 * That it is there at all matters: a C library may leave atomic operations out of the locks of a process with one
 * thread. */
#ifndef PARTNER_H
#define PARTNER_H

#include <stdbool.h>

struct partner;

/* NULL if there can be no thread. */
struct partner *partner_new(void);
void partner_free(struct partner *partner);

/* How many CPUs this process may use. */
int partner_cpus(void);
/* Gives the caller and the partner a CPU each: the first and the last that the process may use, as neighbours may be
 * one core. partner_part lets both run anywhere again. */
void partner_pin(struct partner *partner);
void partner_part(struct partner *partner);

/* Has it do a job; one at a time. */
void partner_start(struct partner *partner, void (*job)(void *arg), void *arg);
/* Until it is done. */
void partner_wait(struct partner *partner);

#endif
