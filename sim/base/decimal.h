/* Whole numbers as text, for files of millions of them. */
#ifndef DECIMAL_H
#define DECIMAL_H

#include <stdint.h>
#include <string.h>

enum { DECIMAL_ROOM = 20 /* digits of a 64-bit number */ };

/* Puts the number's digits, no NUL after them, and returns what follows. All DECIMAL_ROOM bytes from `to` on may be
 * written to: a copy of fixed length is the fast one. */
static inline char *decimal_put(char *to, uint64_t number)
{
    char digits[2 * DECIMAL_ROOM] = {0}, *first = digits + DECIMAL_ROOM;
    for (; number >= 100; number /= 100) {
        unsigned two = (unsigned)(number % 100);
        *--first = (char)('0' + two % 10);
        *--first = (char)('0' + two / 10);
    }
    if (number >= 10)
        *--first = (char)('0' + number % 10);
    *--first = (char)('0' + (number >= 10 ? number / 10 : number));
    memcpy(to, first, DECIMAL_ROOM);
    return to + (digits + DECIMAL_ROOM - first);
}

#endif
