/* The arithmetic on a span's bits, and nothing else: no lists, no locks, no heap. */
#include "span.h"

/* mbitmap.go, nextFreeIndex. */
unsigned gh_span_next_free(struct gh_span *s)
{
    unsigned index = s->free_index;
    if (index == s->objects)
        return index;
    while (index < s->objects && s->alloc_cache == 0) {
        index = (index + 64u) & ~63u;
        if (index < s->objects)
            s->alloc_cache = ~gh_alloc_bits(s)[index / 64];
    }
    if (index >= s->objects) {
        s->free_index = s->objects;
        return s->objects;
    }
    unsigned bit = (unsigned)__builtin_ctzll(s->alloc_cache);
    unsigned result = index + bit;
    if (result >= s->objects) {
        s->free_index = s->objects;
        return s->objects;
    }
    s->free_index = (uint16_t)(result + 1);
    s->alloc_cache = bit == 63 ? 0 : s->alloc_cache >> (bit + 1);
    if (s->free_index % 64 == 0 && s->free_index < s->objects)
        s->alloc_cache = ~gh_alloc_bits(s)[s->free_index / 64];
    return result;
}

void gh_span_cache(struct gh_span *s, bool concurrent)
{
    for (unsigned w = s->free_index / 64u; w < s->words; w++)
        gh_live_or(&s->live[w], gh_span_word_mask(s, w) & ~gh_span_allocated(s, w), concurrent);
    if (s->free_index < s->objects)
        s->alloc_cache = ~gh_alloc_bits(s)[s->free_index / 64] >> (s->free_index % 64);
}

void gh_span_uncache(struct gh_span *s, bool concurrent)
{
    for (unsigned w = s->free_index / 64u; w < s->words; w++)
        gh_live_and(&s->live[w], gh_span_allocated(s, w), concurrent);
}

unsigned gh_span_mark_live(struct gh_span *s)
{
    uint64_t *mark = gh_mark_bits(s);
    unsigned count = 0;
    for (unsigned w = 0; w < s->words; w++) {
        mark[w] = gh_live_load(&s->live[w]) & gh_span_allocated(s, w);
        count += gh_popcount(mark[w]);
    }
    s->mark_from = s->free_index;
    return count;
}

unsigned gh_span_mark_new(struct gh_span *s)
{
    uint64_t *mark = gh_mark_bits(s);
    unsigned count = 0;
    for (unsigned w = 0; w < s->words; w++) {
        uint64_t since = gh_below(s->free_index, w) & ~gh_below(s->mark_from, w) & ~gh_alloc_bits(s)[w];
        mark[w] |= since;
        count += gh_popcount(mark[w]);
    }
    s->mark_from = s->free_index;
    s->any_marked = count != 0;
    return count;
}

unsigned gh_span_take_survivors(struct gh_span *s, const uint64_t *survivors)
{
    uint64_t *alloc = gh_alloc_bits(s), *mark = gh_mark_bits(s);
    unsigned count = 0;
    for (unsigned w = 0; w < s->words; w++) {
        uint64_t word = gh_live_load(&survivors[w]) & gh_span_word_mask(s, w);
        alloc[w] = word;
        mark[w] = 0;
        count += gh_popcount(word);
    }
    s->mark_from = 0;
    s->free_index = 0;
    s->alloc_cache = ~alloc[0];
    return count;
}

bool gh_span_all_dead(const struct gh_span *s)
{
    for (unsigned w = 0; w < s->words; w++)
        if (gh_live_load(&s->live[w]) != 0)
            return false;
    return true;
}

bool gh_span_has_deaths(const struct gh_span *s)
{
    for (unsigned w = 0; w < s->words; w++)
        if (gh_span_allocated(s, w) & ~gh_live_load(&s->live[w]))
            return true;
    return false;
}
