/* A line of text, read from left to right: words and numbers, each taken or refused.
 *
 * Invariant: *end may be read, and is a line feed or a carriage return, so that a number ends there without being asked
 * where it is. */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct text {
    const char *at;  /* what comes next */
    const char *end; /* of the line */
};

static inline bool text_ended(const struct text *text)
{
    return text->at == text->end;
}

/* Takes the word, or nothing and returns false. */
static inline bool text_word(struct text *text, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(text->end - text->at) < length || memcmp(text->at, word, length) != 0)
        return false;
    text->at += length;
    return true;
}

/* Digits, at least one; false if there are none or the number does not fit in 64 bits. */
static inline bool text_decimal(struct text *text, uint64_t *value)
{
    const char *start = text->at;
    uint64_t n = 0;
    for (unsigned digit; (digit = (unsigned)(unsigned char)*text->at - '0') <= 9; text->at++)
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, digit, &n))
            return false;
    if (text->at == start)
        return false;
    *value = n;
    return true;
}

/* The value of each byte that is a hexadecimal digit, 16 of all others. */
extern const unsigned char text_hex_values[256];

/* The same with hexadecimal digits, without 0x, and no more than 16 of them. */
static inline bool text_hex(struct text *text, uint64_t *value)
{
    const char *start = text->at;
    uint64_t n = 0;
    for (unsigned digit; (digit = text_hex_values[(unsigned char)*text->at]) < 16; text->at++)
        n = n << 4 | digit;
    if (text->at == start || text->at - start > 16)
        return false;
    *value = n;
    return true;
}

/* What printf makes of a pointer (%p) or of a number (%#lx): 0x and digits, (nil), or 0. */
static inline bool text_address(struct text *text, uint64_t *value)
{
    if (text_word(text, "0x"))
        return text_hex(text, value);
    *value = 0;
    return text_word(text, "(nil)") || text_word(text, "0");
}

/* The first line of some bytes, or false: they hold no line feed. */
static inline bool text_first_line(const unsigned char *bytes, size_t length, struct text *line)
{
    const char *start = (const char *)bytes;
    const char *feed = length > 0 ? memchr(start, '\n', length) : NULL;
    if (feed == NULL)
        return false;
    *line = (struct text){start, feed > start && feed[-1] == '\r' ? feed - 1 : feed};
    return true;
}

#endif
