/* The passing on, and the clock. */
#include "calibrate/timed_platform.h"

#include "calibrate/lab.h"
#include "calibrate/statistics.h"

#include <string.h>

static void pass(struct timed_platform *t, unsigned point)
{
    uint64_t now = now_ns();
    t->ns[t->last][point] += now - t->at;
    t->count[t->last][point]++;
    t->last = point;
    t->at = now_ns(); /* what the lines above take is nobody's */
}

static uint64_t timed_reserve(void *self, uint64_t hint, uint64_t bytes, uint64_t align)
{
    const struct timed_platform *t = self;
    return t->inner->reserve(t->inner->self, hint, bytes, align);
}

static bool timed_map(void *self, uint64_t addr, uint64_t bytes)
{
    const struct timed_platform *t = self;
    return t->inner->map(t->inner->self, addr, bytes);
}

static void timed_unuse(void *self, uint64_t addr, uint64_t bytes)
{
    const struct timed_platform *t = self;
    t->inner->unuse(t->inner->self, addr, bytes);
}

static uint64_t timed_unuse_unit(void *self)
{
    const struct timed_platform *t = self;
    return t->inner->unuse_unit ? t->inner->unuse_unit(t->inner->self) : 1;
}

static void timed_unreserve(void *self, uint64_t addr, uint64_t bytes)
{
    const struct timed_platform *t = self;
    t->inner->unreserve(t->inner->self, addr, bytes);
}

static void timed_zero(void *self, struct goheap_p *p, uint64_t addr, uint64_t bytes)
{
    const struct timed_platform *t = self;
    t->inner->zero(t->inner->self, p, addr, bytes);
}

static void *timed_metadata_alloc(void *self, size_t bytes)
{
    const struct timed_platform *t = self;
    return t->inner->metadata_alloc(t->inner->self, bytes);
}

static void timed_metadata_free(void *self, void *memory, size_t bytes)
{
    const struct timed_platform *t = self;
    t->inner->metadata_free(t->inner->self, memory, bytes);
}

static void timed_lock_init(void *self, struct goheap_lock *lock, enum goheap_lock_kind kind, unsigned index)
{
    struct timed_platform *t = self;
    t->inner->lock_init(t->inner->self, lock, kind, index);
    if (kind == GOHEAP_LOCK_HEAP)
        t->heap_lock = lock;
}

static void timed_lock_destroy(void *self, struct goheap_lock *lock)
{
    const struct timed_platform *t = self;
    t->inner->lock_destroy(t->inner->self, lock);
}

static void timed_lock(void *self, struct goheap_p *p, struct goheap_lock *lock)
{
    struct timed_platform *t = self;
    t->inner->lock(t->inner->self, p, lock);
    pass(t, lock == t->heap_lock ? TIMED_HEAP : TIMED_LOCK);
}

static void timed_unlock(void *self, struct goheap_p *p, struct goheap_lock *lock)
{
    struct timed_platform *t = self;
    pass(t, TIMED_UNLOCK);
    t->inner->unlock(t->inner->self, p, lock);
}

static void timed_step(void *self, struct goheap_p *p, enum goheap_step step, uint64_t amount)
{
    (void)p;
    (void)amount;
    pass(self, step);
}

void timed_restart(struct timed_platform *t)
{
    memset(t->ns, 0, sizeof t->ns);
    memset(t->count, 0, sizeof t->count);
    t->last = TIMED_START;
    t->at = now_ns();
}

/* What a lock seems to be held for that is let go at once: the median of many means. */
static double empty_hold(struct timed_platform *t, struct goheap_lock *lock)
{
    enum { MEANS = 51, TIMES = 400 };
    double means[MEANS];
    for (int m = 0; m < MEANS; m++) {
        timed_restart(t);
        for (int i = 0; i < TIMES; i++) {
            t->table.lock(t, NULL, lock);
            t->table.unlock(t, NULL, lock);
        }
        means[m] = timed_mean(t, TIMED_LOCK, TIMED_UNLOCK);
    }
    return statistics_quartiles(means, MEANS).median;
}

static void measure_clock(struct timed_platform *t)
{
    struct goheap_lock lock;
    timed_lock_init(t, &lock, GOHEAP_LOCK_BITS, 0);
    t->clock = empty_hold(t, &lock);
    timed_lock_destroy(t, &lock);
}

void timed_platform_init(struct timed_platform *t, const struct goheap_platform *inner)
{
    *t = (struct timed_platform){
        .table = {
            .self = t,
            .zero_base = inner->zero_base,
            .reserve = timed_reserve,
            .map = timed_map,
            .unuse = timed_unuse,
            .unuse_unit = timed_unuse_unit,
            .unreserve = timed_unreserve,
            .zero = timed_zero,
            .metadata_alloc = timed_metadata_alloc,
            .metadata_free = timed_metadata_free,
            .lock_init = timed_lock_init,
            .lock_destroy = timed_lock_destroy,
            .lock = timed_lock,
            .unlock = timed_unlock,
            .step = timed_step,
        },
        .inner = inner,
    };
    measure_clock(t);
    timed_restart(t);
}

double timed_mean(const struct timed_platform *t, unsigned from, unsigned to)
{
    uint64_t count = t->count[from][to];
    return count ? (double)t->ns[from][to] / (double)count - t->clock : 0;
}
