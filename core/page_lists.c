/* Runs of free pages: taken, given back, joined with their neighbours. */
#include "fault.h"
#include "page_lists.h"

#include <assert.h>
#include <inttypes.h>

#include "page_treap.h"

static uint64_t page_of(const struct gh_page_lists *l, uint64_t addr)
{
    return (addr - l->base) >> l->page_shift;
}

static size_t ends_bytes(const struct gh_page_lists *l)
{
    return (size_t)l->page_limit * sizeof *l->ends;
}

static size_t unbacked_bytes(const struct gh_page_lists *l)
{
    return (size_t)(l->page_limit + 63) / 64 * sizeof *l->unbacked;
}

bool gh_page_lists_init(struct gh_page_lists *l, enum goheap_page_heap policy, struct gh_descriptors *descriptors,
                        uint64_t base, uint64_t bytes, unsigned page_shift)
{
    const struct goheap_platform *platform = descriptors->platform;

    *l = (struct gh_page_lists){
        .platform = platform,
        .descriptors = descriptors,
        .base = base,
        .page_shift = page_shift,
        .page_limit = bytes >> page_shift,
        .fit = policy == GOHEAP_PAGES_TREAP ? gh_treap_first_fit : gh_treap_best_fit,
        .random = 2463534242, /* any but 0 */
    };
    l->ends = platform->metadata_alloc(platform->self, ends_bytes(l));
    if (!l->ends)
        return false;
    l->unbacked = platform->metadata_alloc(platform->self, unbacked_bytes(l));
    if (l->unbacked)
        return true;
    platform->metadata_free(platform->self, l->ends, ends_bytes(l));
    return false;
}

void gh_page_lists_destroy(struct gh_page_lists *l)
{
    l->platform->metadata_free(l->platform->self, l->unbacked, unbacked_bytes(l));
    l->platform->metadata_free(l->platform->self, l->ends, ends_bytes(l));
}

/* --- bits ---------------------------------------------------------------------------------------------- */

/* Bits of word w that stand for pages of [page, end). */
static uint64_t bits_in_word(uint64_t w, uint64_t page, uint64_t end)
{
    uint64_t from = page > w * 64 ? page - w * 64 : 0, to = end - w * 64;
    return (to >= 64 ? UINT64_MAX : (UINT64_C(1) << to) - 1) & ~((UINT64_C(1) << from) - 1);
}

static void set_unbacked(struct gh_page_lists *l, uint64_t page, uint64_t npages)
{
    for (uint64_t w = page / 64; w * 64 < page + npages; w++)
        l->unbacked[w] |= bits_in_word(w, page, page + npages);
}

/* The pages are backed from now on; returns how many were not. */
static uint64_t back(struct gh_page_lists *l, uint64_t page, uint64_t npages)
{
    uint64_t count = 0;
    for (uint64_t w = page / 64; w * 64 < page + npages; w++) {
        uint64_t bits = bits_in_word(w, page, page + npages);
        count += gh_popcount(l->unbacked[w] & bits);
        l->unbacked[w] &= ~bits;
    }
    return count;
}

/* --- runs ---------------------------------------------------------------------------------------------- */

static void set_ends(struct gh_page_lists *l, const struct gh_span *run, struct gh_span *value)
{
    uint64_t page = page_of(l, run->base);
    l->ends[page] = value;
    l->ends[page + run->pages - 1] = value;
}

/* For runs of the treap: xorshift, in the place of Go's fastrand, the same in every heap. */
static uint32_t next_priority(struct gh_page_lists *l)
{
    l->random ^= l->random << 13;
    l->random ^= l->random >> 17;
    l->random ^= l->random << 5;
    return l->random;
}

static void link_run(struct gh_page_lists *l, struct gh_span *run)
{
    set_ends(l, run, run);
    l->free_pages += run->pages;
    l->released_pages += gh_run_released(run);
    if (run->pages < GH_LISTED_PAGES)
        gh_list_push(&l->free[run->pages], run);
    else
        gh_treap_insert(&l->large, run, next_priority(l));
}

static void unlink_run(struct gh_page_lists *l, struct gh_span *run)
{
    set_ends(l, run, NULL);
    l->free_pages -= run->pages;
    l->released_pages -= gh_run_released(run);
    if (run->pages < GH_LISTED_PAGES)
        gh_list_remove(run);
    else
        gh_treap_remove(&l->large, run);
}

/* Others may look where a descriptor's pages are: those who free what is free, and mark what they should not. */
static void place_run(struct gh_span *run, uint64_t base, uint64_t npages)
{
    __atomic_store_n(&run->base, base, __ATOMIC_RELAXED);
    __atomic_store_n(&run->pages, (uint32_t)npages, __ATOMIC_RELAXED);
}

/* The run that begins or ends at a page, or NULL. */
static struct gh_span *run_at(const struct gh_page_lists *l, uint64_t page)
{
    return page < l->page_end ? l->ends[page] : NULL;
}

/* A neighbour becomes part of the run that `run` will be. */
static void absorb(struct gh_page_lists *l, struct gh_span *run, struct gh_span *neighbour)
{
    if (!neighbour)
        return;
    unlink_run(l, neighbour);
    uint64_t base = neighbour->base < run->base ? neighbour->base : run->base;
    place_run(run, base, (uint64_t)run->pages + neighbour->pages);
    gh_run_set_released(run, gh_run_released(run) + gh_run_released(neighbour));
    run->need_zero |= neighbour->need_zero;
    gh_descriptor_give(l->descriptors, neighbour);
}

/* mHeap_FreeSpanLocked: none of the run's pages counts as released. */
static void add_run(struct gh_page_lists *l, struct gh_span *run)
{
    uint64_t page = page_of(l, run->base), end = page + run->pages;
    gh_run_set_released(run, 0);
    absorb(l, run, page > 0 ? run_at(l, page - 1) : NULL);
    absorb(l, run, run_at(l, end));
    link_run(l, run);
}

bool gh_page_lists_grow(struct gh_page_lists *l, uint64_t npages)
{
    assert(npages > 0 && npages <= l->page_limit - l->page_end);
    struct gh_span *run = gh_descriptor_take(l->descriptors);
    if (!run)
        return false;
    place_run(run, l->base + (l->page_end << l->page_shift), npages);
    run->need_zero = 0;
    set_unbacked(l, l->page_end, npages);
    l->page_end += npages;
    add_run(l, run);
    return true;
}

static struct gh_span *choose(const struct gh_page_lists *l, uint64_t npages)
{
    for (uint64_t i = npages; i < GH_LISTED_PAGES; i++)
        if (l->free[i].head)
            return l->free[i].head;
    return l->fit(l->large, npages);
}

/* What is left of a run when its first npages are gone. */
static void add_rest(struct gh_page_lists *l, const struct gh_span *run, uint64_t npages, struct gh_span *rest)
{
    place_run(rest, run->base + (npages << l->page_shift), run->pages - npages);
    rest->need_zero = run->need_zero;
    gh_run_set_released(rest, 0);
    link_run(l, rest);
}

struct gh_span *gh_page_lists_take(struct gh_page_lists *l, uint64_t npages, struct gh_taken_pages *taken)
{
    assert(npages > 0);
    struct gh_span *s = choose(l, npages), *rest = NULL;
    if (!s || (s->pages > npages && !(rest = gh_descriptor_take(l->descriptors))))
        return NULL;
    unlink_run(l, s);
    *taken = (struct gh_taken_pages){back(l, page_of(l, s->base), npages), gh_run_released(s)};
    if (rest)
        add_rest(l, s, npages, rest);
    place_run(s, s->base, npages);
    return s;
}

void gh_page_lists_give(struct gh_page_lists *l, struct gh_span *s)
{
    s->need_zero = 1;
    add_run(l, s);
}

uint64_t gh_page_lists_longest_run(const struct gh_page_lists *l)
{
    const struct gh_span *last = l->large;
    while (last && last->next)
        last = last->next;
    if (last)
        return last->pages;
    for (uint64_t i = GH_LISTED_PAGES - 1; i > 0; i--)
        if (l->free[i].head)
            return i;
    return 0;
}

/* --- the scavenger's ----------------------------------------------------------------------------------- */

/* scavengetreap: a node before what is below it. */
static struct gh_span *unreleased_below(struct gh_span *node)
{
    if (!node || gh_run_released(node) < node->pages)
        return node;
    struct gh_span *found = unreleased_below(node->prev);
    return found ? found : unreleased_below(node->next);
}

static struct gh_span *find_unreleased(const struct gh_page_lists *l)
{
    if (l->released_pages == l->free_pages)
        return NULL;
    for (unsigned i = 1; i < GH_LISTED_PAGES; i++)
        for (struct gh_span *run = l->free[i].head; run; run = run->next)
            if (gh_run_released(run) < run->pages)
                return run;
    return unreleased_below(l->large);
}

uint64_t gh_page_lists_release(struct gh_page_lists *l, uint64_t *addr, uint64_t *npages)
{
    struct gh_span *run = find_unreleased(l);
    if (!run)
        return 0;
    uint64_t added = run->pages - gh_run_released(run);
    gh_run_set_released(run, run->pages);
    l->released_pages += added;
    set_unbacked(l, page_of(l, run->base), run->pages);
    *addr = run->base;
    *npages = run->pages;
    return added;
}

/* --- verify -------------------------------------------------------------------------------------------- */

static bool verify_lists(const struct gh_page_lists *l, uint64_t *runs, uint64_t *pages, char *why, size_t why_size)
{
    for (uint64_t i = 0; i < GH_LISTED_PAGES; i++) {
        const struct gh_span *prev = NULL;
        for (const struct gh_span *run = l->free[i].head; run; prev = run, run = run->next, ++*runs) {
            if (run->list != &l->free[i] || run->prev != prev || run->pages != i)
                return gh_fault(why, why_size, "the list of runs of %" PRIu64 " pages is broken at 0x%" PRIx64, i,
                             run->base);
            *pages += run->pages;
        }
    }
    return true;
}

static bool verify_run(const struct gh_page_lists *l, uint64_t page, char *why, size_t why_size)
{
    const struct gh_span *run = l->ends[page];
    if (gh_holds_objects(run) || run->base != l->base + (page << l->page_shift) || run->pages == 0 ||
        run->pages > l->page_end - page || l->ends[page + run->pages - 1] != run)
        return gh_fault(why, why_size, "page %" PRIu64 " is an end of a run of %" PRIu32 " pages at 0x%" PRIx64, page,
                     run->pages, run->base);
    if (gh_run_released(run) > run->pages)
        return gh_fault(why, why_size, "%" PRIu64 " of %" PRIu32 " pages at 0x%" PRIx64 " are released",
                     gh_run_released(run), run->pages, run->base);
    if (run_at(l, page + run->pages))
        return gh_fault(why, why_size, "two runs touch at page %" PRIu64, page + run->pages);
    return true;
}

bool gh_page_lists_verify(const struct gh_page_lists *l, char *why, size_t why_size)
{
    uint64_t listed = 0, listed_pages = 0, runs = 0, pages = 0, released = 0;

    if (!verify_lists(l, &listed, &listed_pages, why, why_size))
        return false;
    if (!gh_treap_verify(l->large, &listed, &listed_pages))
        return gh_fault(why, why_size, "the treap of long runs is out of order");
    for (uint64_t page = 0; page < l->page_end; page++) {
        if (!l->ends[page])
            continue;
        if (!verify_run(l, page, why, why_size))
            return false;
        runs++;
        pages += l->ends[page]->pages;
        released += gh_run_released(l->ends[page]);
        page += l->ends[page]->pages - 1;
    }
    if (runs != listed || pages != listed_pages || pages != l->free_pages || released != l->released_pages)
        return gh_fault(why, why_size, "%" PRIu64 " runs of %" PRIu64 " pages, %" PRIu64 " released, but %" PRIu64
                     " of %" PRIu64 " listed, %" PRIu64 " and %" PRIu64 " counted", runs, pages, released, listed,
                     listed_pages, l->free_pages, l->released_pages);
    return true;
}
