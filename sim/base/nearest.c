/* Edit distance, three rows at a time. Names are short: a word longer than NEAREST_MAX is no mistyped
 * name and near to nothing, which also bounds the work on hostile input. */
#include "base/nearest.h"

#include <string.h>

#define NEAREST_MAX 96

static size_t min2(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Optimal string alignment: insert, delete, replace, swap two neighbours. Lengths <= NEAREST_MAX. */
static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][NEAREST_MAX + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];

    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t *recycled = before;
        before = above;
        above = row;
        row = recycled;
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t replaced = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = min2(replaced, min2(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = min2(row[j], before[j - 2] + 1);
        }
    }
    return row[b_length];
}

void nearest_start(struct nearest *nearest, const char *word, size_t word_length)
{
    size_t near = word_length / 3 > 2 ? word_length / 3 : 2;
    *nearest = (struct nearest){.word = word, .word_length = word_length, .distance = near + 1};
}

void nearest_offer(struct nearest *nearest, const char *name, size_t name_length)
{
    if (nearest->word_length > NEAREST_MAX || name_length > NEAREST_MAX)
        return;
    size_t distance = edit_distance(nearest->word, nearest->word_length, name, name_length);
    size_t longer = name_length > nearest->word_length ? name_length : nearest->word_length;
    if (distance >= nearest->distance || distance >= longer)
        return;
    nearest->distance = distance;
    nearest->best = name;
    nearest->best_length = name_length;
}

const char *nearest_name(const char *word, const char *const *names, size_t n)
{
    struct nearest nearest;
    nearest_start(&nearest, word, strlen(word));
    for (size_t i = 0; i < n; i++)
        nearest_offer(&nearest, names[i], strlen(names[i]));
    return nearest.best;
}
