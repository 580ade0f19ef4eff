/* The addresses that allocations got, written in the order of the trace: `id size address` a line.
 *
 * Ps execute allocations out of the trace's order, within the window; this puts them back. */
#ifndef ADDRESS_LOG_H
#define ADDRESS_LOG_H

#include <stdint.h>
#include <stdio.h>

struct address_log;

/* Writes to out, which stays the caller's. NULL if there is no memory. */
struct address_log *address_log_new(FILE *out);
/* An allocation has been read; the number to report it by. */
uint32_t address_log_expect(struct address_log *log, uint64_t id, uint64_t size);
/* It has been executed. */
void address_log_put(struct address_log *log, uint32_t number, uint64_t addr);
void address_log_free(struct address_log *log);

#endif
