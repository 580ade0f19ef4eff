/* Zeroed memory straight from the OS, backed where touched, and stacks.
 *
 * Middling blocks (2 to 64 MiB: tables that are touched all over, at random) are put on huge pages where the
 * OS has them; a TLB miss there costs more than the work itself. Larger ones are taken to be sparse.
 *
 * Mapping, unmapping and first touches make the threads of a process wait for each other. A thread that does one thing
 * after another, each with blocks of much the same sizes, can keep what it frees.
 */
#ifndef PAGES_H
#define PAGES_H

#include <stddef.h>

/* NULL if there is none. */
void *pages_alloc(size_t bytes);
void pages_free(void *memory, size_t bytes);

/* A stack, of a multiple of the OS' pages: touching what lies just below it is a fault. What is in it is anything. */
void *pages_alloc_stack(size_t bytes);
void pages_free_stack(void *stack, size_t bytes);

/* From here on what this thread frees it keeps, for when it asks for as much again: of blocks and stacks the latest
 * ones, at most 128, and at most 256 MiB that are backed. */
void pages_keep(void);
/* The OS gets it all back. A thread that keeps has to do this before it ends. */
void pages_let_go(void);

#endif
