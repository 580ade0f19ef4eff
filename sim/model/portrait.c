/* Adding up what a walk over the heap shows. */
#include "model/portrait.h"

#include <string.h>

struct painter {
    struct portrait_spans *to;
    unsigned page_shift;
    uint64_t free_from, free_end; /* the free run under way; none if they are the same */
};

static unsigned occupancy(const struct goheap_run *run)
{
    return (unsigned)(run->live * (PORTRAIT_OCCUPANCIES - 1) / run->slots);
}

static void add(struct portrait_runs *sum, uint64_t pages)
{
    sum->runs++;
    sum->pages += pages;
}

static void add_span(struct painter *painter, const struct goheap_run *run)
{
    struct goheap_class_stats *c = &painter->to->classes[run->size_class];
    c->spans++;
    c->pages += run->bytes >> painter->page_shift;
    c->slots += run->slots;
    c->allocated += run->allocated;
    c->live += run->live;
    c->allocated_bytes += run->allocated * run->slot_bytes;
    c->live_bytes += run->live * run->slot_bytes;
    add(&painter->to->spans[run->size_class][occupancy(run)], run->bytes >> painter->page_shift);
}

static void end_free(struct painter *painter)
{
    uint64_t pages = (painter->free_end - painter->free_from) >> painter->page_shift;
    if (pages == 0)
        return;
    add(&painter->to->free[63u - (unsigned)__builtin_clzll(pages)], pages);
    painter->free_from = painter->free_end;
}

static void see(void *user, const struct goheap_run *run)
{
    struct painter *painter = user;
    if (run->kind == GOHEAP_RUN_FREE) {
        if (run->addr != painter->free_end) {
            end_free(painter);
            painter->free_from = run->addr;
        }
        painter->free_end = run->addr + run->bytes;
    } else if (run->kind == GOHEAP_RUN_OBJECTS) {
        add_span(painter, run);
    }
}

void portrait_take(struct portrait_spans *portrait, const struct goheap *heap, unsigned page_shift)
{
    struct painter painter = {.to = portrait, .page_shift = page_shift};
    memset(portrait, 0, sizeof *portrait);
    goheap_walk(heap, see, &painter);
    end_free(&painter);
}
