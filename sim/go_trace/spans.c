/* The table of spans, as the runtime's traceallocfree.go describes them (SpanAlloc, traceSpanTypeAndClass). */
#include "go_trace/spans.h"

#include <stdlib.h>
#include <string.h>

#include "go_trace/sizes.h"
#include "trace/trace.h"

/* Go's have up to 10 pages and 1024 slots. A span's table of slots takes no more room than the span had, but twice as
 * much where slots are of 8 bytes. */
enum { PAGE = 8192, MAX_SMALL_PAGES = 16, MAX_SLOTS = 1024 };

static bool grow(struct go_spans *spans)
{
    size_t capacity = spans->capacity == 0 ? 64 : spans->capacity * 2;
    struct go_span *list = reallocarray(spans->list, capacity, sizeof *list);
    if (list != NULL)
        spans->list = list;
    uint32_t *unused = reallocarray(spans->unused, capacity, sizeof *unused);
    if (unused != NULL)
        spans->unused = unused;
    if (list == NULL || unused == NULL || capacity > UINT32_MAX)
        return false;
    spans->capacity = capacity;
    return true;
}

bool go_spans_init(struct go_spans *spans)
{
    memset(spans, 0, sizeof *spans);
    if (!id_map_init(&spans->by_page, id_map_seed()) || !grow(spans))
        return false;
    spans->list[0] = (struct go_span){0}; /* what is seen before there is any */
    return true;
}

void go_spans_free(struct go_spans *spans)
{
    for (size_t i = 0; i < spans->count; i++)
        go_span_drop_slots(&spans->list[i]);
    id_map_free(&spans->by_page);
    free(spans->list);
    free(spans->unused);
    spans->list = NULL;
    spans->unused = NULL;
}

bool go_span_describe(struct go_span *span, uint64_t page, uint64_t pages, uint64_t kind_class, bool *heap)
{
    uint64_t size_class = kind_class >> 2;
    *heap = (kind_class & 1) == 0;
    *span = (struct go_span){.page = page, .noscan = (kind_class >> 1 & 1) != 0};
    if (pages == 0 || pages > TRACE_MAX_SIZE / PAGE || (*heap && size_class >= GO_SIZE_CLASSES))
        return false;
    if (!*heap)
        return true;
    span->size_class = (uint8_t)size_class;
    span->slot = size_class == 0 ? pages * PAGE : go_slot_bytes[size_class];
    span->requests = go_requests_of(span);
    if (size_class == 0) {
        span->slot_count = span->pages_found = 1;
        return true;
    }
    if (pages > MAX_SMALL_PAGES || pages * PAGE / span->slot > MAX_SLOTS)
        return false;
    span->slot_count = (uint16_t)((pages * PAGE + span->slot - 1) / span->slot);
    span->slot_inverse = (uint32_t)(((UINT64_C(1) << 32) + span->slot - 1) / span->slot);
    span->pages_found = (uint8_t)pages;
    return true;
}

struct go_span *go_spans_look_up(struct go_spans *spans, uint64_t page)
{
    const struct id_entry *entry = id_map_find(&spans->by_page, page);
    if (entry == NULL)
        return NULL;
    spans->seen[page % GO_PAGES_SEEN] = entry->number;
    return &spans->list[entry->number];
}

struct go_span *go_spans_overlap(struct go_spans *spans, const struct go_span *span)
{
    struct go_span *other = NULL;
    for (uint64_t i = 0; i < span->pages_found && other == NULL; i++)
        other = go_spans_find(spans, span->page + i);
    return other;
}

void go_spans_remove(struct go_spans *spans, struct go_span *span)
{
    for (uint64_t i = 0; i < span->pages_found; i++)
        id_map_remove(&spans->by_page, id_map_find(&spans->by_page, span->page + i));
    span->pages_found = 0;
    spans->unused[spans->unused_count++] = (uint32_t)(span - spans->list);
}

bool go_spans_add(struct go_spans *spans, const struct go_span *span)
{
    if (spans->unused_count == 0 && spans->count == spans->capacity && !grow(spans))
        return false;
    uint32_t index = spans->unused_count > 0 ? spans->unused[--spans->unused_count] : (uint32_t)spans->count++;
    spans->list[index] = *span;
    for (uint64_t i = 0; i < span->pages_found; i++) {
        bool added;
        struct id_entry *entry = id_map_put(&spans->by_page, span->page + i, &added);
        if (entry == NULL)
            return false;
        entry->number = index;
    }
    return true;
}

bool go_span_add_slots(struct go_span *span)
{
    return (span->slots = calloc(span->slot_count, sizeof *span->slots)) != NULL;
}

void go_span_drop_slots(struct go_span *span)
{
    free(span->slots);
    free(span->older);
    span->slots = NULL;
    span->older = NULL;
}
