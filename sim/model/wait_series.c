/* Buckets of waits, and their doubling. */
#include "model/wait_series.h"

#include <string.h>

static void add_to(struct wait_bucket *bucket, const struct wait_bucket *more)
{
    bucket->begun += more->begun;
    bucket->wait_ns += more->wait_ns;
}

static void halve(struct wait_series *s)
{
    s->used = (s->used + 1) / 2;
    for (uint32_t i = 0; i < s->used; i++) {
        struct wait_bucket sum = s->buckets[2 * i];
        add_to(&sum, &s->buckets[2 * i + 1]);
        s->buckets[i] = sum;
    }
    memset(&s->buckets[s->used], 0, (WAIT_BUCKETS - s->used) * sizeof s->buckets[0]);
    s->width_ns *= 2;
}

void wait_series_widen(struct wait_series *series, uint64_t width_ns)
{
    while (series->width_ns < width_ns)
        halve(series);
}

/* The bucket of a time that the series reaches. */
static struct wait_bucket *bucket_at(struct wait_series *s, uint64_t time)
{
    uint32_t at = (uint32_t)(time / s->width_ns);
    if (at >= s->used)
        s->used = at + 1;
    return &s->buckets[at];
}

void wait_series_add(struct wait_series *s, uint64_t from, uint64_t to)
{
    while (to / s->width_ns >= WAIT_BUCKETS)
        halve(s);
    bucket_at(s, from)->begun++;
    while (from < to) {
        uint64_t end = (from / s->width_ns + 1) * s->width_ns;
        if (end > to)
            end = to;
        bucket_at(s, from)->wait_ns += end - from;
        from = end;
    }
}

void wait_series_merge(struct wait_series *series, const struct wait_series *other)
{
    wait_series_widen(series, other->width_ns);
    for (uint32_t i = 0; i < other->used; i++)
        add_to(bucket_at(series, i * other->width_ns), &other->buckets[i]);
}
