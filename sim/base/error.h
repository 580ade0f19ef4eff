/* What went wrong, once, in words for the user: "t.csv:17: size: expected ..., got ...".
 * Functions that can fail on input take a struct error and return false, NULL or -1 after filling it in;
 * only the first failure is kept. The command prints it as "goheap: TEXT" and exits 1. */
#ifndef ERROR_H
#define ERROR_H

#include <stdbool.h>

struct error {
    char text[512]; /* empty: no error */
};

/* Keeps the first message; returns false, so that `return error_set(...)` reads well. */
bool error_set(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
