/* What goheap_verify says when something does not hold. */
#ifndef GH_FAULT_H
#define GH_FAULT_H

#include <stdbool.h>
#include <stddef.h>

/* Writes a sentence into why, cut to why_size; false, which is verify's answer then. */
__attribute__((format(printf, 3, 4))) bool gh_fault(char *why, size_t why_size, const char *format, ...);

#endif
