/* Builds the lookup tables of size_class.h and refuses tables that the allocator could not work with. */
#include "span.h"

#include <stdio.h>
#include <string.h>

static bool check_class(const struct goheap_class_table *table, unsigned i, unsigned page_shift, char *why, size_t n)
{
    const struct goheap_size_class *c = &table->classes[i];
    uint64_t span = (uint64_t)c->pages << page_shift;
    uint32_t step = c->size <= GH_SMALL_MAX ? GH_SMALL_DIV : GH_LARGE_DIV;
    if (c->size <= table->classes[i - 1].size)
        snprintf(why, n, "size class %u: %u bytes, expected more than the %u of the class before", i, c->size,
                 table->classes[i - 1].size);
    else if (c->size > GH_MAX_SMALL)
        snprintf(why, n, "size class %u: %u bytes, expected at most %d", i, c->size, GH_MAX_SMALL);
    else if (c->size % step != 0)
        snprintf(why, n, "size class %u: %u bytes, expected a multiple of %u", i, c->size, step);
    else if (c->pages == 0 || c->pages > 128)
        snprintf(why, n, "size class %u (%u bytes): spans of %u pages, expected 1 to 128", i, c->size, c->pages);
    else if (span < c->size)
        snprintf(why, n, "size class %u (%u bytes): a span of %llu bytes is too small", i, c->size,
                 (unsigned long long)span);
    else if (span / c->size > GH_MAX_SLOTS)
        snprintf(why, n, "size class %u (%u bytes): %llu objects a span, expected at most %u", i, c->size,
                 (unsigned long long)(span / c->size), GH_MAX_SLOTS);
    else
        return true;
    return false;
}

bool gh_size_classes_check(const struct goheap_class_table *table, unsigned page_shift, char *why, size_t why_size)
{
    if (table->count < 2 || table->count > GOHEAP_MAX_CLASSES) {
        snprintf(why, why_size, "%u size classes, expected 2 to %d (class 0 included)", table->count,
                 GOHEAP_MAX_CLASSES);
        return false;
    }
    if (table->classes[0].size != 0 || table->classes[0].pages != 0) {
        snprintf(why, why_size, "size class 0 stands for large objects, expected size 0 and 0 pages");
        return false;
    }
    for (unsigned i = 1; i < table->count; i++)
        if (!check_class(table, i, page_shift, why, why_size))
            return false;
    if (table->classes[table->count - 1].size != GH_MAX_SMALL) {
        snprintf(why, why_size, "the largest size class has %u bytes, expected %d",
                 table->classes[table->count - 1].size, GH_MAX_SMALL);
        return false;
    }
    return true;
}

void gh_size_classes_init(struct gh_size_classes *sc, const struct goheap_class_table *table, unsigned page_shift)
{
    memset(sc, 0, sizeof *sc);
    sc->count = table->count;
    for (unsigned i = 1; i < table->count; i++) {
        struct gh_class *c = &sc->classes[i];
        c->size = table->classes[i].size;
        c->pages = table->classes[i].pages;
        c->objects = (uint32_t)(((uint64_t)c->pages << page_shift) / c->size);
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
