/* Words to a file descriptor by write(2), from a buffer on the caller's stack: no stdio, no allocation. */
#ifndef GM_TEXT_H
#define GM_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gm_text {
    int fd;
    size_t used;
    char room[1024];
};

/* Initialises all of a text but its room. */
static inline void gm_text_begin(struct gm_text *text, int fd)
{
    text->fd = fd;
    text->used = 0;
}

/* Each writes when the room is used up; what cannot be written is dropped. */
void gm_put(struct gm_text *text, const char *words);
void gm_put_bytes(struct gm_text *text, const char *words, size_t n);
/* Left-aligned in a column. */
void gm_put_padded(struct gm_text *text, const char *words, size_t width);
/* Decimal, right-aligned in a column; width 0: as long as it is. */
void gm_put_number(struct gm_text *text, uint64_t number, size_t width);
/* Hexadecimal, with 0x. */
void gm_put_hex(struct gm_text *text, uint64_t number);
/* Writes what is left. Keeps errno. */
void gm_text_end(struct gm_text *text);

/* `goheap: ` and the words as a line on stderr, then abort(). */
_Noreturn void gm_say_and_abort(const char *words);

#endif
