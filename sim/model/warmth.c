/* Two tables in which each thing has but one place where it may be, as in a direct-mapped cache. */
#include "model/warmth.h"

#include "model/config.h"

#include <stdbool.h>
#include <stdlib.h>

enum {
    GRAIN = 256, /* bytes: small objects that begin in the same are as near as each other */
    GRAINS = 1 << 18,
    PAGES = 1 << 14,
};

struct grain {
    uint64_t number, stamp; /* bytes that had been zeroed when an object here was */
};

struct warmth {
    uint64_t zeroed; /* bytes so far, by the OS as well */
    struct grain grains[GRAINS];
    uint64_t unbacked[PAGES]; /* numbers of pages; 0: none */
};

struct warmth *warmth_new(void)
{
    return calloc(1, sizeof(struct warmth));
}

void warmth_free(struct warmth *w)
{
    free(w);
}

/* log2(bytes / COSTS_NEAR), by straight lines between powers of two; no less than COSTS_NEAREST. */
static double doublings(uint64_t bytes)
{
    const int near = 63 - __builtin_clzll(COSTS_NEAR);
    if (bytes <= UINT64_C(1) << (near + (int)COSTS_NEAREST))
        return COSTS_NEAREST;
    int exponent = 63 - __builtin_clzll(bytes);
    double mantissa = (double)bytes / (double)(UINT64_C(1) << exponent);
    return (double)(exponent - near) + mantissa - 1;
}

/* Notes that it has been backed; false if it was. */
static bool back(struct warmth *w, uint64_t page)
{
    uint64_t *place = &w->unbacked[page % PAGES];
    bool was_unbacked = *place == page;
    if (was_unbacked)
        *place = 0;
    return was_unbacked;
}

/* The object before it has been written to: a page that it begins within is backed. */
static uint64_t back_all(struct warmth *w, uint64_t addr, uint64_t bytes)
{
    uint64_t backed = 0;
    for (uint64_t page = (addr + WARMTH_PAGE - 1) / WARMTH_PAGE; page * WARMTH_PAGE < addr + bytes; page++)
        backed += back(w, page) ? WARMTH_PAGE : 0;
    return backed;
}

/* The one that tells when an object here was zeroed: where it begins, or of its pages the one in the middle. */
static uint64_t grain_of(uint64_t addr, uint64_t bytes)
{
    return bytes < WARMTH_PAGE ? addr / GRAIN : (addr + bytes / 2) / WARMTH_PAGE * (WARMTH_PAGE / GRAIN);
}

static void stamp(struct warmth *w, uint64_t number)
{
    w->grains[number % GRAINS] = (struct grain){number, w->zeroed};
}

/* Where it begins, or all its pages: what takes its place need not begin where it does. */
static void stamp_all(struct warmth *w, uint64_t addr, uint64_t bytes)
{
    if (bytes < WARMTH_PAGE)
        stamp(w, addr / GRAIN);
    else
        for (uint64_t page = addr / WARMTH_PAGE; page * WARMTH_PAGE < addr + bytes; page++)
            stamp(w, page * (WARMTH_PAGE / GRAIN));
}

double warmth_zero(struct warmth *w, uint64_t addr, uint64_t bytes, double unknown, uint64_t *unbacked)
{
    uint64_t number = grain_of(addr, bytes);
    const struct grain *grain = &w->grains[number % GRAINS];
    double far = grain->number == number ? doublings(w->zeroed - grain->stamp) : unknown;
    w->zeroed += bytes;
    stamp_all(w, addr, bytes);
    *unbacked = back_all(w, addr, bytes);
    return *unbacked ? COSTS_NEAREST : far; /* the OS has just zeroed it */
}

void warmth_take_span(struct warmth *w, struct fresh_span *span, uint64_t addr, uint64_t bytes)
{
    for (uint64_t page = span->from / WARMTH_PAGE; page < span->to / WARMTH_PAGE; page++)
        back(w, page);
    w->zeroed += bytes;
    *span = (struct fresh_span){addr, addr - addr % WARMTH_PAGE + bytes};
    for (uint64_t page = span->from / WARMTH_PAGE + 1; page < span->to / WARMTH_PAGE; page++)
        w->unbacked[page % PAGES] = page;
}
