/* Zeroed memory straight from the OS, backed where touched.
 *
 * Middling blocks (2 to 64 MiB: tables that are touched all over, at random) are put on huge pages where the
 * OS has them; a TLB miss there costs more than the work itself. Larger ones are taken to be sparse. */
#ifndef PAGES_H
#define PAGES_H

#include <stddef.h>

/* NULL if there is none. */
void *pages_alloc(size_t bytes);
void pages_free(void *memory, size_t bytes);

#endif
