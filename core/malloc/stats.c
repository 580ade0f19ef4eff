/* GOHEAP_STATS: the heap's figures in the words of Go's runtime.MemStats, a line each. */
#include "shim.h"

#include <unistd.h>

#include "text.h"

enum { NAME_WIDTH = 14, NUMBER_WIDTH = 20 };

static void put_field(struct gm_text *text, const char *name, uint64_t value)
{
    gm_put(text, "  ");
    gm_put_padded(text, name, NAME_WIDTH);
    gm_put_number(text, value, NUMBER_WIDTH);
    gm_put(text, "\n");
}

static void put_fields(struct gm_text *text, const struct goheap_memstats *m)
{
    put_field(text, "TotalAlloc", m->total_alloc);
    put_field(text, "Mallocs", m->mallocs);
    put_field(text, "Frees", m->frees);
    put_field(text, "HeapAlloc", m->heap_alloc);
    put_field(text, "HeapSys", m->heap_sys);
    put_field(text, "HeapIdle", m->heap_idle);
    put_field(text, "HeapInuse", m->heap_inuse);
    put_field(text, "HeapReleased", m->heap_released);
    put_field(text, "HeapObjects", m->heap_objects);
    put_field(text, "MSpanInuse", m->mspan_inuse);
    put_field(text, "MSpanSys", m->mspan_sys);
    put_field(text, "MCacheInuse", m->mcache_inuse);
    put_field(text, "MCacheSys", m->mcache_sys);
}

/* The classes that anything was allocated from. Larger objects are in the totals only, as in Go. */
static void put_by_size(struct gm_text *text, const struct goheap_memstats *m)
{
    gm_put(text, "  BySize: Size             Mallocs               Frees\n");
    for (unsigned i = 1; i < GOHEAP_MAX_CLASSES; i++) {
        const struct goheap_by_size *class = &m->by_size[i];
        if (class->mallocs == 0)
            continue;
        gm_put_number(text, class->size, 14);
        gm_put_number(text, class->mallocs, NUMBER_WIDTH);
        gm_put_number(text, class->frees, NUMBER_WIDTH);
        gm_put(text, "\n");
    }
}

void gm_stats_print(struct goheap *heap, int fd)
{
    struct goheap_memstats stats;
    goheap_memstats_peek(heap, gm_thread.p, &stats);
    struct gm_text text;
    gm_text_begin(&text, fd);
    gm_put(&text, "goheap: MemStats of process ");
    gm_put_number(&text, (uint64_t)getpid(), 0);
    gm_put(&text, "\n");
    put_fields(&text, &stats);
    put_by_size(&text, &stats);
    gm_text_end(&text);
}
