/* Threads storm one concurrent heap through the public API; what every block holds, and every count, is checked.
 *
 *     stress [SECONDS [THREADS [SEED]]]      2 s, 8 threads, seed 1
 *
 *     lane 0:  thread -> thread -> ...    one thread at a time; blocks of its own in lane.own
 *     lane 1:  thread -> thread -> ...      \  shared[]: one block a slot, changes hands by atomic exchange
 *     ...                                   /  lane.mail: a batch of blocks, posted by another lane
 *
 * A lane's threads live for some phases each, then leave their P idle, or delete it, and the next one goes on with
 * what the lane owns. Between phases everybody is at a barrier, outside the heap: it is verified and has to count as
 * many live objects as the lanes do. In the end every block is freed and every P deleted: nothing may be in use.
 *
 * A lane's choices follow from the seed alone; what it finds in slots and mail depends on the others. The pattern
 * covers all usable bytes: a sanitizer does not see this heap's blocks, so two that overlap are found by that. */
#include "goheap.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    MAX_LANES = 256,
    OWN = 128,    /* blocks that a lane keeps to itself */
    SHARED = 256, /* slots of blocks that go from lane to lane */
    BATCH = 64,   /* blocks that are handed over at once */
    STEPS = 1000, /* of a lane in a phase */
    MAX_SIZE = 1 << 20
};

typedef unsigned long long ull; /* to print */

/* A live block in one word, so that it can be exchanged: its address in units of 8 bytes above, its size - 1 below;
 * 47 bits of address and sizes up to 1 MiB just fit. 0: none. */
typedef uint64_t block;

struct batch {
    block blocks[BATCH];
};

struct counts {
    uint64_t mallocs, frees, foreign_frees, threads;
};

struct lane {
    struct world *world;
    unsigned index;
    uint64_t seed;
    struct goheap_p *p;
    pthread_t thread, before; /* who runs the lane; who did, to be joined by the next */
    bool follows;             /* there was one before */
    uint64_t steps;
    struct counts n;
    block own[OWN];
    _Atomic(struct batch *) mail;
} __attribute__((aligned(128)));

struct world {
    struct goheap *heap;
    unsigned lanes, classes;
    bool stop;                       /* written while all are at the barriers */
    pthread_barrier_t paused, resumed; /* all lanes and main; between the two, nobody is inside the heap */
    uint64_t stops, peak;
    _Atomic block shared[SHARED];
    struct lane lane[MAX_LANES];
};

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
    va_list args;
    fputs("stress: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    _Exit(1); /* other threads run on: nothing of theirs is torn down under them */
}

static void misuse(void *user, enum goheap_result what, uint64_t addr)
{
    (void)user;
    fail("misuse %d of 0x%llx reported", (int)what, (ull)addr);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return *seed >> 33;
}

static bool one_in(struct lane *lane, uint64_t n)
{
    return next_random(&lane->seed) % n == 0;
}

/* --- blocks and what is in them ------------------------------------------------------------------------ */

static block block_of(uint64_t addr, uint64_t size)
{
    return (addr >> 3) << 20 | (size - 1);
}

static uint64_t addr_of(block b)
{
    return (b >> 20) << 3;
}

static uint64_t size_of(block b)
{
    return (b & (MAX_SIZE - 1)) + 1;
}

static uint64_t *words_of(block b)
{
    return (uint64_t *)(uintptr_t)addr_of(b);
}

static uint64_t pattern_of(block b)
{
    uint64_t x = (b ^ b >> 31) * UINT64_C(0x9e3779b97f4a7c15);
    return (x ^ x >> 29) & ~(uint64_t)0xff;
}

/* The first word has room for the lane that filled it; every slot has a word at least. */
static void fill(const struct lane *lane, block b, uint64_t usable)
{
    uint64_t pattern = pattern_of(b), *w = words_of(b);
    w[0] = pattern | (lane->index & 0xff);
    for (uint64_t i = 1; i < usable / 8; i++)
        w[i] = pattern + i;
}

/* The lane that filled the block, which must hold what was written. */
static unsigned check(const struct lane *lane, block b)
{
    uint64_t pattern = pattern_of(b);
    const uint64_t *w = words_of(b);
    uint64_t usable = goheap_usable_size(lane->world->heap, addr_of(b)), bad = (w[0] ^ pattern) >> 8;
    if (usable < size_of(b))
        fail("0x%llx has %llu usable bytes, was allocated with %llu", (ull)addr_of(b), (ull)usable, (ull)size_of(b));
    for (uint64_t i = 1; i < usable / 8; i++)
        bad |= w[i] ^ (pattern + i); /* no way out of the loop: so it runs on vectors */
    if (bad)
        fail("0x%llx, %llu bytes, does not hold what was written", (ull)addr_of(b), (ull)size_of(b));
    return (unsigned)(w[0] & 0xff);
}

static void check_zero(block b)
{
    const unsigned char *bytes = (const unsigned char *)words_of(b);
    uint64_t size = size_of(b);
    if (bytes[0] != 0 || memcmp(bytes, bytes + 1, size - 1) != 0)
        fail("0x%llx, %llu bytes, was to be zero", (ull)addr_of(b), (ull)size);
}

/* Mostly small in one thread's life, and in the next so many large ones that spans change their kind all the time. */
static uint64_t random_size(struct lane *lane)
{
    uint64_t kind = next_random(&lane->seed) % 256, small = lane->n.threads % 2 ? 176 : 100;
    uint64_t limit = kind < small ? 256 : kind < small + 56 ? 4096 : kind < 254 ? 65536 : MAX_SIZE;
    return 1 + next_random(&lane->seed) % limit;
}

static block take(struct lane *lane)
{
    uint64_t size = random_size(lane);
    unsigned flags = (unsigned)next_random(&lane->seed) & (GOHEAP_NOSCAN | GOHEAP_ZEROED);
    uint64_t align = size > 8 ? 16 : 8, addr; /* what goheap_config_malloc's classes promise */
    if (one_in(lane, 8)) {
        align = UINT64_C(8) << next_random(&lane->seed) % 14;
        addr = goheap_alloc_aligned(lane->p, size, align, flags);
    } else {
        addr = goheap_alloc(lane->p, size, flags);
    }
    if (addr == 0 || addr % align != 0)
        fail("0x%llx for %llu bytes aligned to %llu", (ull)addr, (ull)size, (ull)align);
    lane->n.mallocs++;
    block b = block_of(addr, size);
    if (flags & GOHEAP_ZEROED)
        check_zero(b);
    fill(lane, b, goheap_usable_size(lane->world->heap, addr));
    return b;
}

static void drop(struct lane *lane, block b)
{
    if (!b)
        return;
    if (check(lane, b) != (lane->index & 0xff))
        lane->n.foreign_frees++;
    enum goheap_result result = goheap_free(lane->p, addr_of(b));
    if (result != GOHEAP_OK)
        fail("0x%llx, %llu bytes, live: goheap_free says %d", (ull)addr_of(b), (ull)size_of(b), (int)result);
    lane->n.frees++;
}

/* --- what lanes do ------------------------------------------------------------------------------------- */

static void drop_batch(struct lane *lane, struct batch *batch)
{
    if (!batch)
        return;
    uint64_t addrs[BATCH];
    for (unsigned i = 0; i < BATCH; i++)
        addrs[i] = addr_of(batch->blocks[i]);
    goheap_prefetch_far(lane->world->heap, addrs, BATCH);
    goheap_prefetch_near(lane->world->heap, addrs, BATCH);
    goheap_prefetch_bits(lane->world->heap, addrs, BATCH);
    for (unsigned i = 0; i < BATCH; i++)
        drop(lane, batch->blocks[i]);
    free(batch);
}

static void open_mail(struct lane *lane)
{
    drop_batch(lane, atomic_exchange(&lane->mail, NULL));
}

/* Posts a batch to some lane, maybe this one; what that lane has not opened yet is freed here. */
static void post_batch(struct lane *lane)
{
    struct batch *batch = malloc(sizeof *batch);
    if (!batch)
        fail("no memory for a batch");
    for (unsigned i = 0; i < BATCH; i++)
        batch->blocks[i] = take(lane);
    struct lane *other = &lane->world->lane[next_random(&lane->seed) % lane->world->lanes];
    drop_batch(lane, atomic_exchange_explicit(&other->mail, batch, memory_order_acq_rel));
}

static void replace_own(struct lane *lane)
{
    block *slot = &lane->own[next_random(&lane->seed) % OWN];
    drop(lane, *slot);
    *slot = one_in(lane, 8) ? 0 : take(lane);
}

static void exchange_shared(struct lane *lane)
{
    _Atomic block *slot = &lane->world->shared[next_random(&lane->seed) % SHARED];
    block mine = one_in(lane, 8) ? 0 : take(lane);
    drop(lane, atomic_exchange_explicit(slot, mine, memory_order_acq_rel));
}

/* Figures are read while others go on. */
static void look(struct lane *lane)
{
    struct goheap_gauges gauges;
    struct goheap_memstats stats;
    goheap_gauges(lane->world->heap, &gauges);
    goheap_memstats_peek(lane->world->heap, lane->p, &stats);
    if (stats.heap_inuse > stats.heap_sys)
        fail("%llu bytes in use of %llu", (ull)stats.heap_inuse, (ull)stats.heap_sys);
}

static void drop_own(struct lane *lane)
{
    for (unsigned i = 0; i < OWN; i++) {
        drop(lane, lane->own[i]);
        lane->own[i] = 0;
    }
}

static void step(struct lane *lane)
{
    uint64_t what = next_random(&lane->seed) % 1024;
    if (what < 512)
        replace_own(lane);
    else if (what < 1000)
        exchange_shared(lane);
    else if (what < 1010)
        post_batch(lane);
    else if (what < 1022)
        open_mail(lane);
    else if (what < 1023)
        look(lane);
    else
        goheap_scavenge(lane->world->heap, lane->p, next_random(&lane->seed) % (4 << 20));
    lane->steps++;
}

/* --- threads that come and go -------------------------------------------------------------------------- */

static void *run_lane(void *arg);

static void start_thread(struct lane *lane)
{
    pthread_t thread; /* it tells lane->thread itself: what is written here may come too late */
    if (pthread_create(&thread, NULL, run_lane, lane) != 0)
        fail("no thread can be had");
}

/* The P stays idle for the next that asks, or, one time in four, ends. */
static void leave_p(struct lane *lane)
{
    if (one_in(lane, 4))
        goheap_p_delete(lane->p);
    else
        goheap_p_release(lane->p);
    lane->p = NULL;
}

static void enter(struct lane *lane)
{
    if (lane->follows)
        pthread_join(lane->before, NULL);
    lane->thread = pthread_self();
    lane->n.threads++;
    lane->p = goheap_p_acquire(lane->world->heap);
    if (!lane->p)
        fail("no P can be had");
}

/* One thread's life: a few phases, some cut short by its end, after which the next thread finishes them. */
static void *run_lane(void *arg)
{
    struct lane *lane = arg;
    struct world *world = lane->world;
    enter(lane);
    for (uint64_t left = STEPS + next_random(&lane->seed) % (8 * STEPS); left > 0; left--) {
        step(lane);
        if (lane->steps % STEPS != 0)
            continue;
        if (one_in(lane, 8))
            drop_own(lane); /* spans run empty, their pages go round */
        pthread_barrier_wait(&world->paused);
        pthread_barrier_wait(&world->resumed);
        if (world->stop) {
            goheap_p_release(lane->p);
            return NULL;
        }
    }
    leave_p(lane);
    lane->before = pthread_self();
    lane->follows = true;
    start_thread(lane);
    return NULL;
}

/* --- what main checks while all pause ------------------------------------------------------------------ */

static void verify(struct goheap *heap)
{
    char why[256] = "";
    if (!goheap_verify(heap, why, sizeof why))
        fail("goheap_verify: %s", why);
}

static struct counts sum(const struct world *world)
{
    struct counts all = {0};
    for (const struct lane *lane = world->lane; lane < world->lane + world->lanes; lane++) {
        all.mallocs += lane->n.mallocs;
        all.frees += lane->n.frees;
        all.foreign_frees += lane->n.foreign_frees;
        all.threads += lane->n.threads;
    }
    return all;
}

/* A death may wait to be seen until its span is looked at: until then its slot is allocated, but not live. */
static void check_pause(struct world *world)
{
    struct goheap_memstats stats;
    static struct goheap_class_stats classes[GOHEAP_MAX_CLASSES];
    verify(world->heap); /* as the threads left it */
    goheap_memstats(world->heap, &stats);
    verify(world->heap); /* with all caches flushed */
    goheap_class_stats(world->heap, classes);
    struct counts n = sum(world);
    uint64_t live = 0, allocated = 0;
    for (unsigned i = 0; i < world->classes; i++)
        live += classes[i].live, allocated += classes[i].allocated;
    if (live != n.mallocs - n.frees || stats.mallocs != n.mallocs)
        fail("%llu objects live of %llu allocated, to the test %llu of %llu", (ull)live, (ull)stats.mallocs,
             (ull)(n.mallocs - n.frees), (ull)n.mallocs);
    if (stats.mallocs - stats.frees != allocated || stats.heap_objects != allocated)
        fail("%llu allocated less %llu freed, %llu objects; %llu slots are allocated", (ull)stats.mallocs,
             (ull)stats.frees, (ull)stats.heap_objects, (ull)allocated);
    if (stats.heap_inuse > world->peak)
        world->peak = stats.heap_inuse;
    world->stops++;
}

/* Frees what is left, on the account of one P. */
static void drop_all(struct world *world)
{
    struct goheap_p *p = goheap_p_acquire(world->heap);
    for (unsigned i = 0; i < world->lanes; i++) {
        world->lane[i].p = p;
        drop_own(&world->lane[i]);
        open_mail(&world->lane[i]);
    }
    for (unsigned i = 0; i < SHARED; i++)
        drop(&world->lane[0], world->shared[i]);
    goheap_p_release(p);
}

/* All Ps are idle: acquired one after the other they come to an end. */
static void delete_ps(struct world *world, uint32_t p_bytes)
{
    struct goheap_memstats stats;
    goheap_memstats_peek(world->heap, NULL, &stats);
    for (uint64_t n = stats.mcache_inuse / p_bytes; n > 0; n--)
        goheap_p_delete(goheap_p_acquire(world->heap));
    goheap_memstats_peek(world->heap, NULL, &stats);
    if (stats.mcache_inuse != 0)
        fail("Ps are left: %llu bytes", (ull)stats.mcache_inuse);
}

/* Nothing is in use, so all of it can go back to the OS. */
static void check_empty(struct world *world)
{
    struct goheap_memstats stats;
    goheap_scavenge(world->heap, NULL, UINT64_MAX);
    verify(world->heap);
    goheap_memstats(world->heap, &stats);
    if (stats.heap_objects != 0 || stats.heap_inuse != 0 || stats.mspan_inuse != 0 ||
        stats.heap_released != stats.heap_sys)
        fail("in the end: %llu objects, %llu bytes in use, %llu of span descriptors, %llu of %llu bytes released",
             (ull)stats.heap_objects, (ull)stats.heap_inuse, (ull)stats.mspan_inuse, (ull)stats.heap_released,
             (ull)stats.heap_sys);
}

/* --- all of it ----------------------------------------------------------------------------------------- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void storm(struct world *world, double seconds, uint64_t seed)
{
    pthread_barrier_init(&world->paused, NULL, world->lanes + 1);
    pthread_barrier_init(&world->resumed, NULL, world->lanes + 1);
    double end = now() + seconds;
    for (unsigned i = 0; i < world->lanes; i++) {
        struct lane *lane = &world->lane[i];
        lane->world = world;
        lane->index = i;
        lane->seed = (seed * MAX_LANES + i) * UINT64_C(0x9e3779b97f4a7c15);
        start_thread(lane);
    }
    while (!world->stop) {
        pthread_barrier_wait(&world->paused);
        check_pause(world);
        world->stop = now() >= end;
        pthread_barrier_wait(&world->resumed);
    }
    for (unsigned i = 0; i < world->lanes; i++)
        pthread_join(world->lane[i].thread, NULL);
}

static void summarise(const struct world *world, uint64_t seed, double seconds)
{
    struct counts n = sum(world);
    printf("stress: %u threads, seed %llu, %.1f s: %llu operations, %llu cross-thread frees, %llu threads' lives, "
           "%llu stops, peak %llu KiB\n", world->lanes, (ull)seed, seconds, (ull)(n.mallocs + n.frees),
           (ull)n.foreign_frees, (ull)n.threads, (ull)world->stops, (ull)world->peak >> 10);
}

/* A number in [least, most], which must be all of the text. */
static uint64_t number(const char *text, const char *what, uint64_t least, uint64_t most)
{
    char *end;
    ull n = strtoull(text, &end, 10);
    if (end == text || *end != '\0' || n < least || n > most)
        fail("%s \"%s\", expected %llu to %llu", what, text, (ull)least, (ull)most);
    return n;
}

int main(int argc, char **argv)
{
    uint64_t seconds = argc > 1 ? number(argv[1], "seconds", 0, 86400) : 2;
    uint64_t lanes = argc > 2 ? number(argv[2], "threads", 1, MAX_LANES) : 8;
    uint64_t seed = argc > 3 ? number(argv[3], "seed", 0, UINT32_MAX) : 1;
    static struct world world;
    struct goheap_config config;
    goheap_config_malloc(&config);
    config.address_space = UINT64_C(1) << 34; /* a sanitizer leaves little room */
    world.heap = goheap_new(&config, goheap_platform_mmap());
    world.lanes = (unsigned)lanes;
    world.classes = config.table.count;
    if (!world.heap)
        fail("no heap can be had");
    goheap_on_misuse(world.heap, misuse, NULL);
    double began = now();
    storm(&world, (double)seconds, seed);
    drop_all(&world);
    delete_ps(&world, config.mcache_bytes);
    check_empty(&world);
    goheap_delete(world.heap);
    summarise(&world, seed, now() - began);
    return 0;
}
