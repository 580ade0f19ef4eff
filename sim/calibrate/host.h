/* What the host says of itself. */
#ifndef HOST_H
#define HOST_H

#include <stddef.h>

/* "AMD EPYC, 2 CPUs, Linux 6.1.0 x86_64", as far as it is known; printable ASCII. */
void host_describe(char *text, size_t size);

#endif
