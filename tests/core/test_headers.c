/* What Go 1.22 and later keep beside objects, and what it costs them: headers, pointer bits, mark bits. Figures by hand
 * from malloc.go and mheap.go (initSpan) of Go 1.26; both reclaim policies. */
#include "goheap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "heap_fixture.h"

enum { KB = 1024, PAGE = 8192, HEADER = 8 };

static struct goheap_config config_of(enum goheap_reclaim reclaim)
{
    struct goheap_config c;
    goheap_config_go119(&c);
    c.reclaim = reclaim;
    c.address_space = UINT64_C(1) << 33;
    c.header_bytes = HEADER;
    c.pointer_bits_max = 512;
    c.mark_bytes = 128;
    c.mark_from = 16;
    return c;
}

struct world {
    struct goheap *heap;
    struct goheap_p *p;
};

static struct world new_world(enum goheap_reclaim reclaim)
{
    struct goheap_config c = config_of(reclaim);
    struct world w = {.heap = goheap_new(&c, goheap_platform_mmap())};
    assert_non_null(w.heap);
    w.p = goheap_p_new(w.heap, NULL);
    assert_non_null(w.p);
    return w;
}

static void end_world(struct world w)
{
    verify(w.heap);
    goheap_delete(w.heap);
}

/* How many objects of a size lie at the same distance from each other before the next one is elsewhere, and where the
 * first is in its page. */
static unsigned in_a_row(struct world w, uint64_t size, uint64_t slot, unsigned flags, uint64_t first)
{
    unsigned n = 1;
    uint64_t at = goheap_alloc(w.p, size, flags);
    assert_int_equal(at % PAGE, first);
    for (uint64_t next; (next = goheap_alloc(w.p, size, flags)) == at + slot && (next - first) % PAGE != 0; at = next)
        n++;
    return n;
}

static void test_objects_a_span(void **state)
{
    (void)state;
    struct world w = new_world(GOHEAP_RECLAIM_GC);
    assert_int_equal(in_a_row(w, 8, 8, 0, 0), (PAGE - 128) / 8);                      /* bits only: 1008 */
    assert_int_equal(in_a_row(w, 16, 16, GOHEAP_NOSCAN, 0), (PAGE - 128) / 16);       /* marks only: 504 */
    assert_int_equal(in_a_row(w, 16, 16, 0, 0), (PAGE - 256) / 16);                   /* both: 496 */
    assert_int_equal(in_a_row(w, 48, 48, GOHEAP_NOSCAN, 0), 168);
    assert_int_equal(in_a_row(w, 48, 48, 0, 0), 165);
    assert_int_equal(in_a_row(w, 512, 512, GOHEAP_NOSCAN, 0), 15);
    assert_int_equal(in_a_row(w, 512, 512, 0, 0), 15);
    assert_int_equal(in_a_row(w, 576, 576, GOHEAP_NOSCAN, 0), 14); /* neither, from here on */
    assert_int_equal(in_a_row(w, 568, 576, 0, HEADER), 14);
    end_world(w);
}

static void test_headers(void **state)
{
    (void)state;
    struct world w = new_world(GOHEAP_RECLAIM_GC);
    assert_int_equal(goheap_class_of(w.heap, 512, 0), 26);
    assert_int_equal(goheap_class_of(w.heap, 513, 0), 27);
    assert_int_equal(goheap_class_of(w.heap, 568, 0), 27);
    assert_int_equal(goheap_class_of(w.heap, 569, 0), 28); /* 577 with its header */
    assert_int_equal(goheap_class_of(w.heap, 576, GOHEAP_NOSCAN), 27);
    assert_int_equal(goheap_class_of(w.heap, 32760, 0), 67);
    assert_int_equal(goheap_class_of(w.heap, 32760, GOHEAP_NOSCAN), 67);
    assert_int_equal(goheap_class_of(w.heap, 32761, GOHEAP_NOSCAN), 0); /* though a slot of the class would hold it */
    uint64_t at = goheap_alloc(w.p, 513, GOHEAP_ZEROED);
    assert_int_equal(at % PAGE, HEADER);
    assert_int_equal(goheap_usable_size(w.heap, at), 568);
    assert_int_equal(goheap_usable_size(w.heap, at - HEADER), 0);
    assert_int_equal(goheap_free(w.p, at - HEADER), GOHEAP_INTERIOR);
    assert_int_equal(goheap_free(w.p, at + 8), GOHEAP_INTERIOR);
    assert_int_equal(goheap_free(w.p, at), GOHEAP_OK);
    assert_int_equal(goheap_free(w.p, at), GOHEAP_DOUBLE_FREE);
    assert_int_equal(goheap_alloc_aligned(w.p, 600, 64, 0) % PAGE, 0); /* alignment and a header: a span of its own */
    uint64_t aligned = goheap_alloc_aligned(w.p, 500, 1024, 0);        /* and so where the class would have headers */
    assert_int_equal(aligned % 1024, 0);
    assert_int_equal(goheap_free(w.p, aligned), GOHEAP_OK);
    struct goheap_memstats m;
    goheap_memstats(w.heap, &m);
    assert_int_equal(m.by_size[27].mallocs, 1);
    assert_int_equal(m.total_alloc, 576 + 2 * PAGE);
    end_world(w);
}

static void test_mark(void **state)
{
    (void)state;
    struct world w = new_world(GOHEAP_RECLAIM_GC);
    uint64_t kept = goheap_alloc(w.p, 1000, 0), lost = goheap_alloc(w.p, 1000, 0);
    struct goheap_object object;
    struct goheap_marked survived;
    goheap_gc_begin(w.heap, w.p);
    assert_false(goheap_gc_mark(w.heap, kept - 1, &object));
    assert_true(goheap_gc_mark(w.heap, kept + 500, &object));
    assert_int_equal(object.addr, kept);
    assert_int_equal(object.size, 1024 - HEADER);
    goheap_gc_end(w.heap, &survived);
    assert_int_equal(survived.bytes, 1024);
    goheap_p_begin_sweep(w.p);
    while (goheap_sweep_one(w.heap, w.p) != UINT64_MAX)
        ;
    assert_int_equal(goheap_alloc(w.p, 1000, 0), lost);
    end_world(w);
}

/* Objects come and go, each filled to the last byte: none touches another, and the figures end at nothing. */
static void churn(enum goheap_reclaim reclaim)
{
    enum { LIVE = 512, TURNS = 40000 };
    static struct { uint64_t addr, size; unsigned char fill; } live[LIVE];
    struct world w = new_world(reclaim);
    memset(live, 0, sizeof live);
    srand(7);
    for (unsigned i = 0; i < TURNS + LIVE; i++) {
        unsigned k = i < TURNS ? (unsigned)rand() % LIVE : i - TURNS;
        unsigned char *old = (unsigned char *)(uintptr_t)live[k].addr;
        if (old) {
            for (uint64_t b = 0; b < live[k].size; b += 1 + live[k].size / 7)
                assert_int_equal(old[b], live[k].fill);
            assert_int_equal(old[live[k].size - 1], live[k].fill);
            assert_int_equal(goheap_free(w.p, live[k].addr), GOHEAP_OK);
        }
        live[k].addr = 0;
        if (i >= TURNS)
            continue;
        live[k].size = 1 + (unsigned)rand() % (rand() % 8 ? 1200 : 40000);
        live[k].fill = (unsigned char)i;
        live[k].addr = goheap_alloc(w.p, live[k].size, rand() % 3 ? 0 : GOHEAP_NOSCAN);
        memset((void *)(uintptr_t)live[k].addr, live[k].fill, live[k].size);
        if (i % 5000 == 0)
            verify(w.heap);
    }
    struct goheap_memstats m;
    goheap_memstats(w.heap, &m);
    assert_int_equal(m.mallocs, TURNS);
    if (reclaim == GOHEAP_RECLAIM_IMMEDIATE)
        assert_int_equal(m.heap_inuse, 0);
    end_world(w);
}

static void test_churn_gc(void **state)
{
    (void)state;
    churn(GOHEAP_RECLAIM_GC);
}

static void test_churn_immediate(void **state)
{
    (void)state;
    churn(GOHEAP_RECLAIM_IMMEDIATE);
}

static void refused(struct goheap_config c, const char *why)
{
    char said[256] = "";
    assert_false(goheap_config_check(&c, said, sizeof said));
    assert_string_equal(said, why);
}

static void test_config(void **state)
{
    (void)state;
    struct goheap_config c = config_of(GOHEAP_RECLAIM_GC);
    char why[256];
    assert_true(goheap_config_check(&c, why, sizeof why));
    c.header_bytes = 12;
    refused(c, "headers of 12 bytes, expected a multiple of 8 up to 64");
    c.header_bytes = 8;
    c.pointer_bits_max = 4096;
    refused(c, "pointer bits in spans of up to 4096 bytes a slot, expected at most 1024");
    c.pointer_bits_max = 512;
    c.mark_bytes = 8000;
    refused(c, "8000 bytes for mark bits in a span, expected at most 4096");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects_a_span), cmocka_unit_test(test_headers),   cmocka_unit_test(test_mark),
        cmocka_unit_test(test_churn_gc),       cmocka_unit_test(test_churn_immediate), cmocka_unit_test(test_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
