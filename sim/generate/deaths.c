/* Sifting up and down. */
#include "generate/deaths.h"

#include <stdlib.h>

void deaths_free(struct deaths *deaths)
{
    free(deaths->heap);
    *deaths = (struct deaths){.count = 0};
}

static bool is_earlier(const struct death *a, const struct death *b)
{
    return a->time != b->time ? a->time < b->time : a->id_p < b->id_p;
}

bool deaths_push(struct deaths *deaths, uint64_t time, uint64_t id, uint16_t p)
{
    if (deaths->count == deaths->capacity) {
        size_t capacity = deaths->capacity == 0 ? 1024 : deaths->capacity * 2;
        struct death *larger = reallocarray(deaths->heap, capacity, sizeof *larger);
        if (larger == NULL)
            return false;
        deaths->heap = larger;
        deaths->capacity = capacity;
    }
    struct death death = {time, id << 16 | p};
    size_t at = deaths->count++;
    for (; at > 0 && is_earlier(&death, &deaths->heap[(at - 1) / 4]); at = (at - 1) / 4)
        deaths->heap[at] = deaths->heap[(at - 1) / 4];
    deaths->heap[at] = death;
    return true;
}

/* The earliest child of a node that has at least one: first is its index. */
static size_t earliest(const struct death *heap, size_t first, size_t count)
{
    size_t end = count - first < 4 ? count : first + 4, best = first;
    for (size_t i = first + 1; i < end; i++)
        if (is_earlier(&heap[i], &heap[best]))
            best = i;
    return best;
}

struct death deaths_pop(struct deaths *deaths)
{
    struct death *heap = deaths->heap, top = heap[0], last = heap[--deaths->count];
    size_t at = 0;
    while (4 * at + 1 < deaths->count) {
        size_t child = earliest(heap, 4 * at + 1, deaths->count);
        if (!is_earlier(&heap[child], &last))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
    return top;
}
