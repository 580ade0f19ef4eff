/* "Did you mean": the known name nearest to a mistyped one, for settings, options, subcommands and
 * configuration files. Distance is Damerau-Levenshtein's (adjacent letters swapped count once). */
#ifndef NEAREST_H
#define NEAREST_H

#include <stddef.h>

/* The nearest of names[0..n) to word, the first of several equally near; NULL when none is near:
 * further than max(2, strlen(word) / 3) edits, or with nothing in common. */
const char *nearest_name(const char *word, const char *const *names, size_t n);

/* The same, one candidate at a time, for names that are not in an array or do not end in '\0'. */
struct nearest {
    const char *word;
    size_t word_length;
    size_t distance; /* of the best so far; at first, one more than what still counts as near */
    const char *best; /* NULL: none near so far */
    size_t best_length;
};

void nearest_start(struct nearest *nearest, const char *word, size_t word_length);
void nearest_offer(struct nearest *nearest, const char *name, size_t name_length);

#endif
