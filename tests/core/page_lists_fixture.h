/* What the page lists' tests share: descriptors and page lists on real metadata, and no heap. Pages are counted from
 * the region's base.
 */
#ifndef PAGE_LISTS_FIXTURE_H
#define PAGE_LISTS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "page_lists.h"
#include "page_treap.h"

#define BASE UINT64_C(0xc000000000)
enum { PAGE_SHIFT = 13 };

struct fixture {
    struct goheap_platform platform;
    struct gh_descriptors descriptors;
    struct gh_page_lists l;
    bool refuse; /* metadata_alloc fails */
};

static inline void *fixture_metadata_alloc(void *self, size_t bytes)
{
    struct fixture *f = self;
    const struct goheap_platform *real = goheap_platform_mmap();
    return f->refuse ? NULL : real->metadata_alloc(real->self, bytes);
}

static inline void fixture_metadata_free(void *self, void *memory, size_t bytes)
{
    const struct goheap_platform *real = goheap_platform_mmap();
    (void)self;
    real->metadata_free(real->self, memory, bytes);
}

static inline void start(struct fixture *f, enum goheap_page_heap policy, uint64_t pages)
{
    *f = (struct fixture){.platform.metadata_alloc = fixture_metadata_alloc,
                          .platform.metadata_free = fixture_metadata_free};
    f->platform.self = f;
    f->descriptors.platform = &f->platform;
    assert_true(gh_page_lists_init(&f->l, policy, &f->descriptors, BASE, pages << PAGE_SHIFT, PAGE_SHIFT));
}

static inline void stop(struct fixture *f)
{
    gh_page_lists_destroy(&f->l);
    gh_descriptors_destroy(&f->descriptors);
}

static inline void assert_sound(const struct fixture *f)
{
    char why[200] = "";
    if (!gh_page_lists_verify(&f->l, why, sizeof why))
        fail_msg("%s", why);
}

static inline uint64_t page_of(const struct gh_span *s)
{
    return (s->base - BASE) >> PAGE_SHIFT;
}

#endif
