/* Whole numbers as text and back, for files of millions of them. */
#ifndef DECIMAL_H
#define DECIMAL_H

#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "eight digits are taken apart as a number");

enum {
    DECIMAL_ROOM = 20, /* digits of a 64-bit number */
    DECIMAL_SAFE = 19, /* digits of which no number overflows */
    DECIMAL_AHEAD = 8  /* bytes after the last digit that may be read */
};

static const uint64_t decimal_powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};

/* The eight digits, zeros in front, of a number below 10^8; the first one is the lowest byte, and none has its '0' yet.
 * The inverse of decimal_eight: fours into pairs, pairs into digits. What is high stays where it is, and of the whole
 * moved up, it is taken off again: x << n less x / 10 * (10 << n), and x / 10 itself. x / 100 is x * 10486 >> 20 up to
 * 9,999, and x / 10 is x * 103 >> 10 up to 99. */
static inline uint64_t decimal_spread(uint32_t number)
{
    uint64_t high = number / 10000, word = ((uint64_t)number << 32) - high * ((UINT64_C(10000) << 32) - 1);
    high = (word * 10486 >> 20) & UINT64_C(0x0000007f0000007f);
    word = (word << 16) - high * ((100 << 16) - 1);
    high = (word * 103 >> 10) & UINT64_C(0x000f000f000f000f);
    return (word << 8) - high * ((10 << 8) - 1);
}

/* Puts a number below 10^8 with all eight digits. */
static inline char *decimal_put_eight(char *to, uint32_t number)
{
    uint64_t digits = decimal_spread(number) | UINT64_C(0x3030303030303030);
    memcpy(to, &digits, 8);
    return to + 8;
}

/* The same without zeros in front; up to eight bytes are written. */
static inline char *decimal_put_short(char *to, uint32_t number)
{
    if (number < 10) {
        *to = (char)('0' + number);
        return to + 1;
    }
    uint64_t digits = decimal_spread(number);
    unsigned zeros = (unsigned)__builtin_ctzll(digits) & 56; /* bits */
    digits = (digits | UINT64_C(0x3030303030303030)) >> zeros;
    memcpy(to, &digits, 8);
    return to + 8 - zeros / 8;
}

/* Of any number. */
static __attribute__((noinline, unused)) char *decimal_put_long(char *to, uint64_t number)
{
    const uint64_t eight = decimal_powers[8];
    if (number < eight)
        return decimal_put_short(to, (uint32_t)number);
    to = decimal_put_long(to, number / eight);
    return decimal_put_eight(to, (uint32_t)(number % eight));
}

/* Puts the number's digits, no NUL after them, and returns what follows. All DECIMAL_ROOM bytes from `to` on may be
 * written to. */
static inline char *decimal_put(char *to, uint64_t number)
{
    return number < decimal_powers[8] ? decimal_put_short(to, (uint32_t)number) : decimal_put_long(to, number);
}

/* The digits of the latest number but for the last eight, for those that come near it, as times do. */
struct decimal_near {
    uint64_t number; /* without its last eight digits; 0: none */
    char digits[16];
    uint32_t count;
};

/* As decimal_put. */
static inline char *decimal_put_near(char *to, uint64_t number, struct decimal_near *near)
{
    uint64_t last = number - near->number;
    if (near->number == 0 || number < near->number || last >= decimal_powers[8]) {
        last = number % decimal_powers[8];
        near->number = number - last;
        near->count = (uint32_t)(decimal_put_long(near->digits, number / decimal_powers[8]) - near->digits);
        if (near->number == 0)
            return decimal_put_short(to, (uint32_t)number);
    }
    memcpy(to, near->digits, sizeof near->digits);
    return decimal_put_eight(to + near->count, (uint32_t)last);
}

/* The eight bytes at text, each less '0': digits are below 10. The first is the lowest. */
static inline uint64_t decimal_word(const unsigned char *text)
{
    uint64_t word;
    memcpy(&word, text, 8);
    return word ^ UINT64_C(0x3030303030303030);
}

/* The highest bit of each byte of such a word that is no digit; what is above the first of them may be wrong, by a
 * carry. */
static inline uint64_t decimal_others(uint64_t word)
{
    return ((word + UINT64_C(0x7676767676767676)) | word) & UINT64_C(0x8080808080808080);
}

/* The number of eight digits of such a word. Neighbours become pairs, pairs fours, and those the eight. */
static inline uint64_t decimal_eight(uint64_t word)
{
    word = word * (10 << 8 | 1) >> 8;
    word = (word & UINT64_C(0x00ff00ff00ff00ff)) * (100 << 16 | 1) >> 16;
    return (word & UINT64_C(0x0000ffff0000ffff)) * (UINT64_C(10000) << 32 | 1) >> 32;
}

/* Takes the digits at text, of which there may be none, and returns what follows; *number is not set if there are none,
 * and nonsense if there are more than DECIMAL_SAFE. DECIMAL_AHEAD bytes after the last digit may be read. */
static inline const unsigned char *decimal_take(const unsigned char *text, uint64_t *number)
{
    uint64_t word = decimal_word(text), others = decimal_others(word), high = 0;
    if ((others & 0x80) != 0)
        return text;
    if ((others & 0x8000) != 0) {
        *number = word & 0xff;
        return text + 1;
    }
    for (; others == 0; others = decimal_others(word)) {
        high = high * decimal_powers[8] + decimal_eight(word);
        word = decimal_word(text += 8);
    }
    unsigned bit = (unsigned)__builtin_ctzll(others); /* 7, 15 .. 63: so many digits have been before */
    *number = decimal_eight(word << (63 - bit) << 8) + high * decimal_powers[bit / 8];
    return text + bit / 8;
}

#endif
