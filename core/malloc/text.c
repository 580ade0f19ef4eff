/* Words to a file descriptor, and the last words of a process. */
#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim.h"

enum { DIGITS = 20 }; /* of 2^64 - 1 */

void gm_text_end(struct gm_text *text)
{
    int before = errno;
    for (size_t done = 0; done < text->used;) {
        ssize_t n = write(text->fd, text->room + done, text->used - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    text->used = 0;
    errno = before;
}

void gm_put_bytes(struct gm_text *text, const char *words, size_t n)
{
    while (n > 0) {
        if (text->used == sizeof text->room)
            gm_text_end(text);
        size_t part = sizeof text->room - text->used < n ? sizeof text->room - text->used : n;
        memcpy(text->room + text->used, words, part);
        text->used += part;
        words += part;
        n -= part;
    }
}

void gm_put(struct gm_text *text, const char *words)
{
    gm_put_bytes(text, words, strlen(words));
}

static void put_spaces(struct gm_text *text, size_t n)
{
    while (n-- > 0)
        gm_put_bytes(text, " ", 1);
}

void gm_put_padded(struct gm_text *text, const char *words, size_t width)
{
    size_t n = strlen(words);
    gm_put_bytes(text, words, n);
    put_spaces(text, n < width ? width - n : 0);
}

static void put_digits(struct gm_text *text, uint64_t number, unsigned base, size_t width)
{
    char digits[DIGITS];
    size_t first = sizeof digits;
    do
        digits[--first] = "0123456789abcdef"[number % base];
    while ((number /= base) != 0);
    size_t n = sizeof digits - first;
    put_spaces(text, n < width ? width - n : 0);
    gm_put_bytes(text, digits + first, n);
}

void gm_put_number(struct gm_text *text, uint64_t number, size_t width)
{
    put_digits(text, number, 10, width);
}

void gm_put_hex(struct gm_text *text, uint64_t number)
{
    gm_put(text, "0x");
    put_digits(text, number, 16, 0);
}

/* --- last words ---------------------------------------------------------------------------------------- */

void gm_say_and_abort(const char *words)
{
    struct gm_text text;
    gm_text_begin(&text, STDERR_FILENO);
    gm_put(&text, "goheap: ");
    gm_put(&text, words);
    gm_put(&text, "\n");
    gm_text_end(&text);
    abort();
}

static const char *name_of(enum goheap_result misuse)
{
    switch (misuse) {
    case GOHEAP_INTERIOR:
        return "interior pointer";
    case GOHEAP_DOUBLE_FREE:
        return "double free";
    case GOHEAP_OK:
    case GOHEAP_FOREIGN:
        break;
    }
    return "not from this heap";
}

void gm_misuse(const char *function, enum goheap_result misuse, const void *block)
{
    struct gm_text text;
    gm_text_begin(&text, STDERR_FILENO);
    gm_put(&text, "goheap: ");
    gm_put(&text, function);
    gm_put(&text, "(");
    gm_put_hex(&text, (uintptr_t)block);
    gm_put(&text, "): ");
    gm_put(&text, name_of(misuse));
    gm_put(&text, "\n");
    gm_text_end(&text);
    abort();
}
