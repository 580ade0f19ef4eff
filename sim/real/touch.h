/* What a program does with an object that it has got, as replay --real and calibrate both have it: it writes to it.
 * What is new of it the OS has to back, and what was in the caches makes room.
 *
 *     object   |one write a cache line, for a page's length |one write a page ... |nothing beyond 1 MiB
 */
#ifndef TOUCH_H
#define TOUCH_H

#include <stdint.h>

/* Real memory, of so many bytes. */
static inline void touch_object(uint64_t addr, uint64_t bytes)
{
    enum { LINE = 64, PAGE = 4096, MOST = 1 << 20 };
    volatile char *object = (volatile char *)(uintptr_t)addr;
    bytes = bytes < MOST ? bytes : MOST;
    for (uint64_t at = 0; at < bytes; at += at < PAGE ? LINE : PAGE)
        object[at] = 1;
}

#endif
