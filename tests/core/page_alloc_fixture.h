/* What the page allocator's tests share: a platform with metadata and nothing else, a page allocator in it, and
 * steps that check what they get. Pages are counted from the region's base.
 */
#ifndef PAGE_ALLOC_FIXTURE_H
#define PAGE_ALLOC_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "page_alloc.h"
#include "page_summary.h"

#define BASE UINT64_C(0xc000000000)
#define GIB (UINT64_C(1) << 30)

/* A platform with metadata and nothing else, and a page allocator in it. */
struct fixture {
    struct goheap_platform platform;
    struct gh_page_alloc pa;
    void *block; /* the metadata in use */
    size_t block_bytes;
    bool refuse; /* metadata_alloc fails */
    uint64_t unit; /* bytes that the platform takes back at a time */
};

static inline void *fixture_metadata_alloc(void *self, size_t bytes)
{
    struct fixture *f = self;

    assert_null(f->block);
    if (f->refuse)
        return NULL;
    void *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(block, MAP_FAILED);
    f->block = block;
    f->block_bytes = bytes;
    return block;
}

static inline void fixture_metadata_free(void *self, void *memory, size_t bytes)
{
    struct fixture *f = self;

    assert_ptr_equal(memory, f->block);
    assert_int_equal(bytes, f->block_bytes);
    munmap(memory, bytes);
    f->block = NULL;
}

static inline uint64_t fixture_unuse_unit(void *self)
{
    struct fixture *f = self;

    return f->unit;
}

/* unit: pages that the platform takes back at a time. */
static inline void start_with_unit(struct fixture *f, uint64_t bytes, unsigned page_shift, uint64_t unit)
{
    *f = (struct fixture){.platform.metadata_alloc = fixture_metadata_alloc,
                          .platform.metadata_free = fixture_metadata_free,
                          .platform.unuse_unit = fixture_unuse_unit,
                          .unit = unit << page_shift};
    f->platform.self = f;
    assert_true(gh_page_alloc_init(&f->pa, &f->platform, BASE, bytes, page_shift));
}

static inline void start(struct fixture *f, uint64_t bytes, unsigned page_shift)
{
    start_with_unit(f, bytes, page_shift, 1);
}

static inline void stop(struct fixture *f)
{
    gh_page_alloc_destroy(&f->pa);
    assert_null(f->block);
}

static inline void assert_sound(const struct gh_page_alloc *pa)
{
    char why[200] = "";

    if (!gh_page_alloc_verify(pa, why, sizeof why))
        fail_msg("%s", why);
    assert_string_equal(why, "");
}

static inline void assert_unsound(const struct gh_page_alloc *pa)
{
    char why[200] = "";

    assert_false(gh_page_alloc_verify(pa, why, sizeof why));
    assert_true(strlen(why) > 10);
}

static inline uint64_t address(const struct gh_page_alloc *pa, uint64_t page)
{
    return pa->base + (page << pa->page_shift);
}

static inline void grow(struct gh_page_alloc *pa, uint64_t chunks)
{
    gh_page_alloc_grow(pa, address(pa, pa->chunk_end * GH_CHUNK_PAGES),
                       (chunks * GH_CHUNK_PAGES) << pa->page_shift);
}

static inline void assert_take(struct gh_page_alloc *pa, uint64_t npages, uint64_t page, uint64_t scavenged)
{
    uint64_t got;

    assert_int_equal(gh_page_alloc_take(pa, npages, &got), address(pa, page));
    assert_int_equal(got, scavenged);
}

static inline void assert_no_take(struct gh_page_alloc *pa, uint64_t npages)
{
    uint64_t scavenged;

    assert_int_equal(gh_page_alloc_take(pa, npages, &scavenged), 0);
}

/* The highest run to scavenge, as long a search as that takes; false if there is none. */
static inline bool take_unscavenged(struct gh_page_alloc *pa, uint64_t max_pages, uint64_t *addr, uint64_t *npages)
{
    bool any;

    do
        any = gh_page_alloc_take_unscavenged(pa, max_pages, false, addr, npages);
    while (any && *npages == 0);
    return any;
}

static inline void give(struct gh_page_alloc *pa, uint64_t page, uint64_t npages)
{
    gh_page_alloc_give(pa, address(pa, page), npages);
}

#endif
