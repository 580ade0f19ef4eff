/* Builds the lookup tables of size_class.h and refuses tables that the allocator could not work with. */
#include "span.h"

#include <stdio.h>
#include <string.h>

/* Bytes at the end of a span that are the collector's: mheap.go (initSpan) and mbitmap.go (heapBitsInSpan) of Go 1.26. */
static uint32_t reserved(const struct goheap_config *config, const struct goheap_size_class *c, bool noscan)
{
    if (c->size > config->pointer_bits_max)
        return 0;
    uint32_t bits = noscan ? 0 : (c->pages << config->page_shift) / 64;
    return bits + (c->size >= config->mark_from ? config->mark_bytes : 0);
}

uint32_t gh_objects_in_span(const struct goheap_config *config, const struct goheap_size_class *c, bool noscan)
{
    uint32_t span = c->pages << config->page_shift, taken = reserved(config, c, noscan);
    return span < taken ? 0 : (span - taken) / c->size;
}

static bool check_class(const struct goheap_config *config, unsigned i, char *why, size_t n)
{
    const struct goheap_size_class *c = &config->table.classes[i], *before = c - 1;
    uint32_t step = c->size <= GH_SMALL_MAX ? GH_SMALL_DIV : GH_LARGE_DIV;
    if (c->size <= before->size)
        snprintf(why, n, "size class %u: %u bytes, expected more than the %u of the class before", i, c->size,
                 before->size);
    else if (c->size > GH_MAX_SMALL)
        snprintf(why, n, "size class %u: %u bytes, expected at most %d", i, c->size, GH_MAX_SMALL);
    else if (c->size % step != 0)
        snprintf(why, n, "size class %u: %u bytes, expected a multiple of %u", i, c->size, step);
    else if (c->pages == 0 || c->pages > 128)
        snprintf(why, n, "size class %u (%u bytes): spans of %u pages, expected 1 to 128", i, c->size, c->pages);
    else if (gh_objects_in_span(config, c, false) == 0)
        snprintf(why, n, "size class %u (%u bytes): a span of %llu bytes is too small for an object", i, c->size,
                 (unsigned long long)c->pages << config->page_shift);
    else if (gh_objects_in_span(config, c, true) > GH_MAX_SLOTS)
        snprintf(why, n, "size class %u (%u bytes): %u objects a span, expected at most %u", i, c->size,
                 gh_objects_in_span(config, c, true), GH_MAX_SLOTS);
    else
        return true;
    return false;
}

static bool check_bits(const struct goheap_config *config, char *why, size_t n)
{
    if (config->header_bytes % 8 != 0 || config->header_bytes > 64)
        snprintf(why, n, "headers of %u bytes, expected a multiple of 8 up to 64", config->header_bytes);
    else if (config->pointer_bits_max > GH_SMALL_MAX)
        snprintf(why, n, "pointer bits in spans of up to %u bytes a slot, expected at most %d", config->pointer_bits_max,
                 GH_SMALL_MAX);
    else if (config->mark_bytes > 4096)
        snprintf(why, n, "%u bytes for mark bits in a span, expected at most 4096", config->mark_bytes);
    else
        return true;
    return false;
}

bool gh_size_classes_check(const struct goheap_config *config, char *why, size_t why_size)
{
    const struct goheap_class_table *table = &config->table;
    if (table->count < 2 || table->count > GOHEAP_MAX_CLASSES) {
        snprintf(why, why_size, "%u size classes, expected 2 to %d (class 0 included)", table->count,
                 GOHEAP_MAX_CLASSES);
        return false;
    }
    if (table->classes[0].size != 0 || table->classes[0].pages != 0) {
        snprintf(why, why_size, "size class 0 stands for large objects, expected size 0 and 0 pages");
        return false;
    }
    if (!check_bits(config, why, why_size))
        return false;
    for (unsigned i = 1; i < table->count; i++)
        if (!check_class(config, i, why, why_size))
            return false;
    if (table->classes[table->count - 1].size != GH_MAX_SMALL) {
        snprintf(why, why_size, "size class %u: the largest size class has %u bytes, expected %d", table->count - 1,
                 table->classes[table->count - 1].size, GH_MAX_SMALL);
        return false;
    }
    return true;
}

void gh_size_classes_init(struct gh_size_classes *sc, const struct goheap_config *config)
{
    const struct goheap_class_table *table = &config->table;
    memset(sc, 0, sizeof *sc);
    sc->count = table->count;
    sc->header = config->header_bytes;
    sc->header_above = config->header_bytes ? config->pointer_bits_max : UINT32_MAX;
    sc->max_small = GH_MAX_SMALL - config->header_bytes;
    for (unsigned i = 1; i < table->count; i++) {
        struct gh_class *c = &sc->classes[i];
        c->size = table->classes[i].size;
        c->pages = table->classes[i].pages;
        for (unsigned noscan = 0; noscan < 2; noscan++)
            c->objects[noscan] = gh_objects_in_span(config, &table->classes[i], noscan);
        c->div_magic = UINT64_MAX / c->size + 1; /* as mksizeclasses.go, computeDivMagic, with 64 bits for its 32 */
    }
    unsigned at = 1;
    for (unsigned i = 1; i < sizeof sc->fine; i++) {
        while (sc->classes[at].size < i * GH_SMALL_DIV)
            at++;
        sc->fine[i] = (uint8_t)at;
    }
    for (unsigned i = 0; i < sizeof sc->coarse; i++) {
        while (sc->classes[at].size < GH_SMALL_MAX + i * GH_LARGE_DIV)
            at++;
        sc->coarse[i] = (uint8_t)at;
    }
}
