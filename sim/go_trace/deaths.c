/* Deaths in the order of dying. There are tens of thousands in a collection, spread over its time: so they are sorted
 * into buckets by the highest bits, and in these one by one. */
#include "go_trace/deaths.h"

#include <stdlib.h>
#include <string.h>

enum { FEW = 48 /* deaths that are sorted one by one */ };

void go_deaths_free(struct go_deaths *deaths)
{
    free(deaths->later.list);
    free(deaths->due.list);
}

bool go_deaths_grow(struct go_death_list *later)
{
    size_t capacity = later->capacity == 0 ? 64 : later->capacity * 2;
    struct go_death *larger = reallocarray(later->list, capacity, sizeof *larger);
    if (larger == NULL)
        return false;
    later->list = larger;
    later->capacity = capacity;
    return true;
}

/* Room for so many deaths that are due, and as much to sort in. */
static bool make_room_for_due(struct go_death_list *due, size_t count)
{
    if (count <= due->capacity)
        return true;
    size_t capacity = count + count / 2;
    free(due->list);
    due->list = reallocarray(NULL, capacity, 2 * sizeof *due->list);
    due->capacity = due->list != NULL ? capacity : 0;
    return due->list != NULL;
}

/* Deaths between these two, both included, by some bits of when - least. */
struct sieve {
    uint64_t least, most;
    unsigned shift; /* of the lowest of these bits */
    size_t buckets; /* as many as these bits have values */
};

static bool is_in(const struct sieve *sieve, const struct go_death *death)
{
    return death->when - sieve->least <= sieve->most - sieve->least;
}

static size_t bucket_of(const struct sieve *sieve, const struct go_death *death)
{
    return (death->when - sieve->least) >> sieve->shift & (sieve->buckets - 1);
}

/* Into buckets; what is in one keeps its order. Afterwards ends says where each ends. */
static void distribute(const struct sieve *sieve, const struct go_death *from, size_t n, struct go_death *to,
                       size_t *ends)
{
    memset(ends, 0, sieve->buckets * sizeof *ends);
    for (size_t i = 0; i < n; i++)
        if (is_in(sieve, &from[i]))
            ends[bucket_of(sieve, &from[i])]++;
    for (size_t bucket = 0, first = 0, count; bucket < sieve->buckets; bucket++, first += count) {
        count = ends[bucket];
        ends[bucket] = first;
    }
    for (size_t i = 0; i < n; i++)
        if (is_in(sieve, &from[i]))
            to[ends[bucket_of(sieve, &from[i])]++] = from[i];
}

static void sort_few(struct go_death *list, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (list[i - 1].when <= list[i].when)
            continue;
        struct go_death death = list[i];
        size_t j = i;
        for (; j > 0 && list[j - 1].when > death.when; j--)
            list[j] = list[j - 1];
        list[j] = death;
    }
}

/* By the bits that the sieve has not looked at, from the least up. */
static void sort_many(const struct sieve *sieve, struct go_death *list, size_t n, struct go_death *spare)
{
    size_t ends[256];
    struct sieve bits = {.least = sieve->least, .most = sieve->most, .buckets = 256};
    for (; bits.shift < sieve->shift; bits.shift += 8) {
        distribute(&bits, list, n, spare, ends);
        memcpy(list, spare, n * sizeof *list);
    }
}

/* Those of the sieve, by when; equals keep their order. There are tens of thousands in a collection, spread over its
 * time: first into buckets by the highest bits, where there are a few in each. Under most policies most are of one
 * moment, and of one bucket. */
static void sort_due(struct go_deaths *deaths, struct sieve *sieve)
{
    struct go_death *due = deaths->due.list, *spare = due + deaths->due.capacity;
    while ((sieve->most - sieve->least) >> sieve->shift >= sieve->buckets)
        sieve->shift++;
    distribute(sieve, deaths->later.list, deaths->later.count, due, deaths->bucket_ends);
    for (size_t bucket = 0, first = 0, end; bucket < sieve->buckets; bucket++, first = end) {
        end = deaths->bucket_ends[bucket];
        if (sieve->shift > 0 && end - first > FEW)
            sort_many(sieve, due + first, end - first, spare);
        else if (sieve->shift > 0)
            sort_few(due + first, end - first);
    }
}

static void keep_from(struct go_death_list *later, uint64_t limit)
{
    size_t kept = 0;
    for (size_t i = 0; i < later->count; i++)
        if (later->list[i].when >= limit)
            later->list[kept++] = later->list[i];
    later->count = kept;
}

bool go_deaths_release(struct go_deaths *deaths, uint64_t limit)
{
    struct sieve sieve = {.least = UINT64_MAX, .buckets = GO_DEATH_BUCKETS};
    size_t count = 0;
    for (size_t i = 0; i < deaths->later.count; i++) {
        uint64_t when = deaths->later.list[i].when;
        if (when >= limit)
            continue;
        count++;
        sieve.least = when < sieve.least ? when : sieve.least;
        sieve.most = when > sieve.most ? when : sieve.most;
    }
    deaths->due.count = 0;
    if (count == 0)
        return true;
    if (!make_room_for_due(&deaths->due, count))
        return false;
    deaths->due.count = count;
    sort_due(deaths, &sieve);
    keep_from(&deaths->later, limit);
    return true;
}
