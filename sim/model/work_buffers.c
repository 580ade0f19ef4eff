#include "model/work_buffers.h"

#include "model/sim.h"

#include <string.h>

enum {
    SPAN_BYTES = 32 << 10, /* workbufAlloc */
    BUFFERS = 16,          /* _WorkbufSize, 2 KiB, in one of them */
    OBJECTS = 253,         /* in a buffer */
    AT_ONCE = 16 << 10     /* pointers in a piece of a table; what they show is scanned before the next piece */
};

/* Marked objects that go in buffers: not those whose spans are queued (Green Tea). */
static uint64_t in_buffers(const struct sim *sim, const struct goheap_marked *marked)
{
    uint64_t objects = marked->scan_objects[0];
    for (unsigned i = 1; i < sim->core.table.count; i++)
        if (!mark_work_by_span(sim, sim->core.table.classes[i].size))
            objects += marked->scan_objects[i];
    return objects;
}

/* One P fills as many as it takes, and has another at hand; the others have two each. */
static uint32_t spans_for(uint64_t objects, uint32_t ps)
{
    uint64_t full = ((objects < AT_ONCE ? objects : AT_ONCE) + OBJECTS - 1) / OBJECTS;
    uint64_t buffers = full + 1 + 2 * (uint64_t)(ps - 1);
    uint64_t spans = (buffers + BUFFERS - 1) / BUFFERS;
    return spans < WORK_BUFFER_SPANS ? (uint32_t)spans : WORK_BUFFER_SPANS;
}

void work_buffers_take(struct work_buffers *w, const struct sim *sim, const struct goheap_marked *marked,
                       struct goheap_p *p, uint32_t ps)
{
    if (w->count || sim->core.page_heap == GOHEAP_PAGES_LISTS) /* Go 1.5 has them outside of its heap (persistentalloc) */
        return;
    uint32_t wanted = spans_for(in_buffers(sim, marked), ps);
    while (w->count < wanted && (w->spans[w->count] = goheap_stack_alloc(p, SPAN_BYTES)))
        w->count++;
}

void work_buffers_give(struct work_buffers *w, struct goheap_p *p)
{
    if (__atomic_load_n(&w->count, __ATOMIC_RELAXED) == 0)
        return;
    uint64_t spans[WORK_BUFFER_SPANS];
    uint32_t count = __atomic_exchange_n(&w->count, 0, __ATOMIC_RELAXED);
    memcpy(spans, w->spans, count * sizeof *spans); /* while these go back, which may wait, others may be taken */
    for (uint32_t i = 0; i < count; i++)
        goheap_stack_free(p, spans[i]);
}
