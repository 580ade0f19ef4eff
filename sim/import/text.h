/* A line of text, read from left to right: words and numbers, each taken or refused.
 *
 * Invariant: *end may be read, and is a line feed or a carriage return, so that a number ends there without being asked
 * where it is. */
#ifndef TEXT_H
#define TEXT_H

#ifdef __SSE2__
#include <emmintrin.h>
#endif
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

/* The same at `at`, 16 bytes from which may be read. Returns how many digits there are, up to 16; 0: there are
 * none, and *value means nothing. */
static inline unsigned text_hex_ahead(const char *at, uint64_t *value)
{
#ifdef __SSE2__
    __m128i bytes = _mm_loadu_si128((const __m128i *)at);
    __m128i digit = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
    __m128i letter = _mm_sub_epi8(_mm_or_si128(bytes, _mm_set1_epi8('a' - 'A')), _mm_set1_epi8('a'));
    __m128i is_digit = _mm_cmpeq_epi8(_mm_min_epu8(digit, _mm_set1_epi8(9)), digit);
    __m128i is_letter = _mm_cmpeq_epi8(_mm_min_epu8(letter, _mm_set1_epi8(5)), letter);
    unsigned others = ~(unsigned)_mm_movemask_epi8(_mm_or_si128(is_digit, is_letter));
    unsigned length = (unsigned)__builtin_ctz(others);
    __m128i values = _mm_or_si128(_mm_and_si128(is_digit, digit),
                                  _mm_and_si128(is_letter, _mm_add_epi8(letter, _mm_set1_epi8(10))));
    /* Of two digits, the first of which is in the lower byte, a byte; of these, the first in the lowest, a number. */
    __m128i pairs = _mm_or_si128(_mm_slli_epi16(values, 4), _mm_srli_epi16(values, 8));
    __m128i packed = _mm_packus_epi16(_mm_and_si128(pairs, _mm_set1_epi16(0xff)), _mm_setzero_si128());
    uint64_t number = __builtin_bswap64((uint64_t)_mm_cvtsi128_si64(packed));
    *value = number >> ((64 - 4 * length) & 63);
    return length;
#else
    uint64_t n = 0;
    unsigned length = 0;
    for (unsigned digit; length < 16 && (digit = text_hex_values[(unsigned char)at[length]]) < 16; length++)
        n = n << 4 | digit;
    *value = n;
    return length;
#endif
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
