/* The arithmetic on a span's bits, and nothing else: no lists, no locks, no heap. */
#include "span.h"

/* The cursor moves to the word, of which nothing is handed out yet. What was in hand must have been put back. */
static void enter_word(struct gh_span *s, unsigned w)
{
    bool past_end = w >= gh_words(s);
    s->in_hand = past_end ? 0 : s->alloc[w];
    __atomic_store_n(&s->cursor, (uint16_t)(w * 64), __ATOMIC_RELEASE); /* before the cache, for who marks */
    __atomic_store_n(&s->alloc_cache, past_end ? 0 : ~s->in_hand & gh_span_word_mask(s, w), __ATOMIC_RELEASE);
}

static void put_back(struct gh_span *s)
{
    if (s->cursor < gh_words(s) * 64)
        s->alloc[s->cursor / 64] = s->in_hand;
}

void gh_span_reset(struct gh_span *s, bool live)
{
    for (unsigned w = 0; w < gh_words(s); w++) {
        s->alloc[w] = gh_mark(s)[w] = 0;
        gh_live(s)[w] = live ? gh_span_word_mask(s, w) : 0;
    }
    s->alloc_count = 0;
    s->frees_left = 0;
    s->mark_from = 0;
    __atomic_store_n(&s->any_marked, 0, __ATOMIC_RELAXED);
    enter_word(s, 0);
}

unsigned gh_span_count(const struct gh_span *s)
{
    if (s->cursor >= gh_words(s) * 64)
        return s->objects; /* used up, under reclaim by collection */
    unsigned count = 0;
    for (unsigned w = 0; w < gh_words(s); w++)
        count += gh_popcount(gh_span_allocated(s, w));
    return count;
}

/* The lowest of some free slots, as many as go into alloc_cache at once: no more bytes than a first-level cache can hold
 * beside other things, so that what is freed soon is handed out again soon. */
static uint64_t lowest_of(const struct gh_span *s, uint64_t free)
{
    enum { BYTES = 16 << 10, LEAST = 4 };
    if (s->elem_size <= BYTES / 64)
        return free;
    uint64_t rest = free;
    for (uint32_t bytes = 0, n = 0; rest && (n < LEAST || bytes < BYTES); n++, bytes += s->elem_size)
        rest &= rest - 1;
    return free & ~rest;
}

static bool has_at_least(uint64_t bits, unsigned n)
{
    while (n > 1 && bits) {
        bits &= bits - 1;
        n--;
    }
    return bits != 0;
}

/* Moves on to a word with so many free slots, if it need not move to the one it is at. */
static bool enter_hole(struct gh_span *s, unsigned least)
{
    const unsigned words = gh_words(s), at = s->cursor / 64;
    for (unsigned i = 0; i < words; i++) {
        unsigned w = at + i < words ? at + i : at + i - words;
        if (has_at_least(~s->alloc[w] & gh_span_word_mask(s, w), least)) {
            enter_word(s, w);
            return true;
        }
    }
    return false;
}

/* An owned span has holes wherever its P has freed: where there are a few at once, or else any. */
static bool next_hole(struct gh_span *s)
{
    enum { A_FEW = 4 };
    put_back(s);
    if (!enter_hole(s, A_FEW) && !enter_hole(s, 1))
        return false;
    s->alloc_cache = lowest_of(s, s->alloc_cache);
    s->in_hand |= s->alloc_cache;
    return true;
}

/* mbitmap.go, nextFreeIndex. */
bool gh_span_next_word(struct gh_span *s)
{
    if (s->owner)
        return next_hole(s);
    while (s->cursor < gh_words(s) * 64) {
        enter_word(s, s->cursor / 64u + 1);
        if (s->alloc_cache)
            return true;
    }
    return false;
}

void gh_span_own(struct gh_span *s, struct goheap_p *p, bool concurrent)
{
    for (unsigned w = 0; w < gh_words(s); w++)
        gh_live_or(&gh_live(s)[w], gh_span_word_mask(s, w) & ~gh_alloc_bits(s, w), concurrent);
    s->alloc_cache = 0;
    s->notice = GH_NO_NOTICE;
    s->frees_left = GH_NO_NOTICE;
    __atomic_store_n(&s->owner, p, __ATOMIC_RELAXED);
}

void gh_span_disown(struct gh_span *s, bool concurrent)
{
    s->in_hand &= ~s->alloc_cache;
    put_back(s);
    for (unsigned w = 0; w < gh_words(s); w++)
        gh_live_and(&gh_live(s)[w], s->alloc[w], concurrent);
    __atomic_store_n(&s->owner, NULL, __ATOMIC_RELAXED);
    enter_word(s, 0);
}

void gh_span_cache(struct gh_span *s, bool concurrent)
{
    for (unsigned w = s->cursor / 64; w < gh_words(s); w++)
        gh_live_or(&gh_live(s)[w], gh_span_word_mask(s, w) & ~gh_span_allocated(s, w), concurrent);
}

void gh_span_uncache(struct gh_span *s, bool concurrent)
{
    for (unsigned w = s->cursor / 64; w < gh_words(s); w++)
        gh_live_and(&gh_live(s)[w], gh_span_allocated(s, w), concurrent);
}

void gh_span_mark_begin(struct gh_span *s)
{
    unsigned next = s->cursor + (s->alloc_cache ? (unsigned)__builtin_ctzll(s->alloc_cache) : 64);
    s->mark_from = next < s->objects ? (uint16_t)next : s->objects;
}

unsigned gh_span_mark_live(struct gh_span *s)
{
    unsigned count = 0;
    for (unsigned w = 0; w < gh_words(s); w++) {
        gh_mark(s)[w] = gh_live_load(&gh_live(s)[w]) & gh_span_allocated(s, w);
        count += gh_popcount(gh_mark(s)[w]);
    }
    return count;
}

unsigned gh_span_mark_new(struct gh_span *s)
{
    unsigned count = 0;
    for (unsigned w = 0; w < gh_words(s); w++) {
        uint64_t since = gh_span_allocated(s, w) & ~gh_below(s->mark_from, w) & ~gh_alloc_bits(s, w);
        gh_mark(s)[w] |= since;
        count += gh_popcount(gh_mark(s)[w]);
    }
    s->any_marked = count != 0;
    return count;
}

unsigned gh_span_take_marked(struct gh_span *s, bool concurrent)
{
    unsigned count = 0;
    for (unsigned w = 0; w < gh_words(s); w++) {
        uint64_t marked = gh_mark(s)[w];
        s->alloc[w] = marked;
        gh_mark(s)[w] = 0;
        count += gh_popcount(marked);
        if (gh_live_load(&gh_live(s)[w]) & ~marked) /* unreachable, though nobody freed it */
            gh_live_and(&gh_live(s)[w], marked, concurrent);
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
        uint64_t dead = ~gh_live_load(&gh_live(s)[w]) & gh_span_word_mask(s, w);
        if (!dead)
            continue;
        gh_live_or(&gh_live(s)[w], dead, concurrent);
        uint64_t twice = dead & ~gh_span_allocated(s, w);
        if (twice)
            *misused = w * 64u + 64u - (unsigned)__builtin_clzll(twice);
        dead &= ~twice;
        uint64_t *alloc = w * 64 == s->cursor ? &s->in_hand : &s->alloc[w];
        *alloc &= ~dead;
        count += gh_popcount(dead);
    }
    return count;
}

unsigned gh_span_drop_deaths(struct gh_span *s)
{
    unsigned count = 0;
    for (unsigned w = 0; w < gh_words(s); w++) {
        uint64_t alloc = gh_alloc_bits(s, w), live = gh_live_load(&gh_live(s)[w]);
        s->alloc[w] = alloc & live;
        count += gh_popcount(alloc & ~live);
    }
    enter_word(s, 0);
    return count;
}

bool gh_span_has_deaths(const struct gh_span *s)
{
    for (unsigned w = 0; w < gh_words(s); w++)
        if (gh_span_allocated(s, w) & ~gh_live_load(&gh_live(s)[w]))
            return true;
    return false;
}

bool gh_span_all_dead(const struct gh_span *s)
{
    for (unsigned w = 0; w < gh_words(s); w++)
        if (gh_live_load(&gh_live(s)[w]))
            return false;
    return true;
}
