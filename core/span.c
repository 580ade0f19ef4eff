/* The arithmetic on a span's bits, and nothing else: no lists, no locks, no heap. */
#include "span.h"

/* Nothing of the word is handed out yet. */
static void enter_word(struct gh_span *s, unsigned w)
{
    s->cursor = (uint16_t)w;
    s->alloc_cache = w < gh_words(s) ? ~s->bits[w].alloc & gh_span_word_mask(s, w) : 0;
}

void gh_span_reset(struct gh_span *s, bool live)
{
    for (unsigned w = 0; w < gh_words(s); w++)
        s->bits[w] = (struct gh_bits){.live = live ? gh_span_word_mask(s, w) : 0};
    s->alloc_count = s->cached_count = s->mark_from = 0;
    s->freed = 0;
    __atomic_store_n(&s->any_marked, 0, __ATOMIC_RELAXED);
    enter_word(s, 0);
}

/* An owned span's words have holes wherever its P has freed: any will do, the lowest first. */
static bool next_hole(struct gh_span *s)
{
    if (s->cursor < gh_words(s))
        s->bits[s->cursor].alloc = gh_span_allocated(s, s->cursor);
    for (unsigned w = 0; w < gh_words(s); w++) {
        enter_word(s, w);
        if (s->alloc_cache)
            return true;
    }
    return false;
}

/* mbitmap.go, nextFreeIndex. */
bool gh_span_next_word(struct gh_span *s)
{
    if (s->owner)
        return next_hole(s);
    while (s->cursor < gh_words(s)) {
        enter_word(s, s->cursor + 1u);
        if (s->alloc_cache)
            return true;
    }
    return false;
}

void gh_span_rewind(struct gh_span *s)
{
    if (s->cursor < gh_words(s))
        s->bits[s->cursor].alloc = gh_span_allocated(s, s->cursor);
    enter_word(s, 0);
}

void gh_span_cache(struct gh_span *s, bool concurrent)
{
    for (unsigned w = s->cursor; w < gh_words(s); w++)
        gh_live_or(&s->bits[w], gh_span_word_mask(s, w) & ~gh_span_allocated(s, w), concurrent);
}

void gh_span_uncache(struct gh_span *s, bool concurrent)
{
    for (unsigned w = s->cursor; w < gh_words(s); w++)
        gh_live_and(&s->bits[w], gh_span_allocated(s, w), concurrent);
}

void gh_span_mark_begin(struct gh_span *s)
{
    unsigned next = s->cursor * 64u + (s->alloc_cache ? (unsigned)__builtin_ctzll(s->alloc_cache) : 64);
    s->mark_from = next < s->objects ? (uint16_t)next : s->objects;
}

unsigned gh_span_mark_live(struct gh_span *s)
{
    unsigned count = 0;
    for (unsigned w = 0; w < gh_words(s); w++) {
        s->bits[w].mark = gh_live_load(&s->bits[w]) & gh_span_allocated(s, w);
        count += gh_popcount(s->bits[w].mark);
    }
    return count;
}

unsigned gh_span_mark_new(struct gh_span *s)
{
    unsigned count = 0;
    for (unsigned w = 0; w < gh_words(s); w++) {
        uint64_t since = gh_span_allocated(s, w) & ~gh_below(s->mark_from, w) & ~s->bits[w].alloc;
        s->bits[w].mark |= since;
        count += gh_popcount(s->bits[w].mark);
    }
    s->any_marked = count != 0;
    return count;
}

unsigned gh_span_take_marked(struct gh_span *s, bool concurrent)
{
    unsigned count = 0;
    for (unsigned w = 0; w < gh_words(s); w++) {
        struct gh_bits *bits = &s->bits[w];
        bits->alloc = bits->mark;
        bits->mark = 0;
        count += gh_popcount(bits->alloc);
        if (gh_live_load(bits) & ~bits->alloc) /* unreachable, though nobody freed it */
            gh_live_and(bits, bits->alloc, concurrent);
    }
    s->mark_from = 0;
    enter_word(s, 0);
    return count;
}

unsigned gh_span_take_deaths(struct gh_span *s, bool concurrent, unsigned *misused)
{
    unsigned count = 0;
    *misused = 0;
    for (unsigned w = 0; w < gh_words(s); w++) {
        uint64_t dead = ~gh_live_load(&s->bits[w]) & gh_span_word_mask(s, w);
        if (!dead)
            continue;
        gh_live_or(&s->bits[w], dead, concurrent);
        uint64_t twice = dead & ~gh_span_allocated(s, w);
        if (twice)
            *misused = w * 64u + 64u - (unsigned)__builtin_clzll(twice);
        dead &= ~twice;
        if (w == s->cursor)
            s->alloc_cache |= dead;
        else
            s->bits[w].alloc &= ~dead;
        count += gh_popcount(dead);
    }
    s->alloc_count = (uint16_t)(s->alloc_count - count);
    return count;
}

bool gh_span_has_deaths(const struct gh_span *s)
{
    for (unsigned w = 0; w < gh_words(s); w++)
        if (~gh_live_load(&s->bits[w]) & gh_span_word_mask(s, w))
            return true;
    return false;
}

bool gh_span_all_dead(const struct gh_span *s)
{
    for (unsigned w = 0; w < gh_words(s); w++)
        if (gh_span_allocated(s, w) & gh_live_load(&s->bits[w]))
            return false;
    return true;
}
