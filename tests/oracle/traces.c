/* Traces to hold goheap against the real Go with: seeded, so that they are the same everywhere.
 *
 *     traces NAME [EVENTS]      prints one as CSV
 *     traces drawn-N [EVENTS]   prints one whose kind is drawn by lot, too: another for each N
 *     traces                    prints the names
 *
 * Each is a kind of sizes, a kind of pointers, and a way to die; four times on the way, or where the lot falls, MemStats
 * are asked for, a collection is forced, and MemStats are asked for again.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_EVENTS = 20000, MOST_EVENTS = 10000000, CHECKPOINTS = 4 };

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return *seed >> 33;
}

/* At least from, less than to. */
static uint64_t between(uint64_t *seed, uint64_t from, uint64_t to)
{
    return from + next_random(seed) % (to - from);
}

/* --- sizes --------------------------------------------------------------------------------------------- */

static uint64_t any_size(uint64_t *seed)
{
    uint64_t r = next_random(seed) % 100;
    return r < 30   ? between(seed, 1, 16)
           : r < 80 ? between(seed, 8, 512)
           : r < 97 ? between(seed, 512, 32769)
                    : between(seed, 32769, 200000);
}

static uint64_t usual_size(uint64_t *seed)
{
    static const uint64_t usual[] = {16, 24, 32, 48, 64, 100, 500, 1000, 2000};
    return usual[next_random(seed) % (sizeof usual / sizeof usual[0])];
}

static uint64_t tiny_size(uint64_t *seed)
{
    return between(seed, 1, 16);
}

static uint64_t large_size(uint64_t *seed)
{
    return between(seed, 32769, 200000);
}

static uint64_t small_size(uint64_t *seed)
{
    return between(seed, 16, 2049);
}

/* Go's size classes (sizeclasses.go), and around each: the byte below and above, and a header's eight. */
static uint64_t class_size(uint64_t *seed)
{
    static const uint16_t classes[] = {
        8,    16,   24,   32,   48,   64,   80,   96,   112,  128,  144,   160,   176,   192,   208,   224,   240,
        256,  288,  320,  352,  384,  416,  448,  480,  512,  576,  640,   704,   768,   896,   1024,  1152,  1280,
        1408, 1536, 1792, 2048, 2304, 2688, 3072, 3200, 3456, 4096, 4864,  5376,  6144,  6528,  6784,  6912,  8192,
        9472, 9728, 10240, 10880, 12288, 13568, 14336, 16384, 18432, 19072, 20480, 21760, 24576, 27264, 28672, 32768};
    static const int64_t around[] = {-9, -8, -7, -1, 0, 0, 0, 1, 8};
    int64_t size = classes[next_random(seed) % (sizeof classes / sizeof classes[0])];
    size += around[next_random(seed) % (sizeof around / sizeof around[0])];
    return size < 1 ? 1 : (uint64_t)size;
}

/* Of spans that take pages singly, by the P's page cache, and by the dozen. */
static uint64_t page_size(uint64_t *seed)
{
    return between(seed, 1, 20) * 8192 - next_random(seed) % 2;
}

/* Any magnitude to 4 MiB. */
static uint64_t log_size(uint64_t *seed)
{
    uint64_t least = UINT64_C(1) << next_random(seed) % 22;
    return between(seed, least, 2 * least);
}

/* --- lifetimes ----------------------------------------------------------------------------------------- */

/* How many of a hundred events are frees, event i of n being at hand. */
static unsigned steady(unsigned i, unsigned n)
{
    (void)i;
    (void)n;
    return 45;
}

/* So many live as to be worth a collection, but not gigabytes. */
static unsigned balanced(unsigned i, unsigned n)
{
    (void)i;
    (void)n;
    return 49;
}

/* Grows, then shrinks, and leaves holes: four times. */
static unsigned phased(unsigned i, unsigned n)
{
    return i / (n / 8) % 2 ? 80 : 15;
}

/* Which of the live objects dies next, of count of them in the order of their birth. */
static uint32_t any(uint64_t *seed, uint32_t count)
{
    return (uint32_t)(next_random(seed) % count);
}

static uint32_t oldest(uint64_t *seed, uint32_t count)
{
    (void)seed;
    (void)count;
    return 0;
}

static uint32_t newest(uint64_t *seed, uint32_t count)
{
    (void)seed;
    return count - 1;
}

/* The young die; one in fifty of them grows old. */
static uint32_t young(uint64_t *seed, uint32_t count)
{
    uint64_t age = next_random(seed) % 50 ? next_random(seed) % 200 : count / 2;
    return age < count ? count - 1 - (uint32_t)age : 0;
}

/* --- traces -------------------------------------------------------------------------------------------- */

static const struct kind {
    const char *name;
    uint64_t (*size)(uint64_t *seed);
    unsigned pointers; /* of a hundred objects so many may hold some */
    unsigned (*frees)(unsigned i, unsigned n);
    uint32_t (*victim)(uint64_t *seed, uint32_t count);
    /* Of those that are drawn: */
    uint64_t (*other_size)(uint64_t *seed);
    unsigned others;      /* of a hundred objects so many have such a size */
    unsigned collections; /* about so many, anywhere, and now and then two in a row */
    uint64_t most_bytes;  /* no more live at once */
} kinds[] = {
    {.name = "mixed", any_size, 50, steady, any},
    {.name = "usual", usual_size, 50, steady, any},
    {.name = "tiny", tiny_size, 0, steady, any},
    {.name = "large", large_size, 50, balanced, any},
    {.name = "classes", class_size, 50, steady, any},
    {.name = "phases", usual_size, 50, phased, any},
    {.name = "pointers", small_size, 100, steady, any},
    {.name = "noscan", small_size, 0, phased, any},
    {.name = "residue", any_size, 70, phased, young},
    {.name = "queue", usual_size, 30, steady, oldest},
    {.name = "pages", page_size, 20, balanced, any},
};

#define ANY_OF(list, seed) ((list)[next_random(seed) % (sizeof(list) / sizeof *(list))])

/* One statement a draw: C leaves open in which order an initializer's are made. */
static struct kind draw(uint64_t *seed)
{
    static uint64_t (*const sizes[])(uint64_t *) = {any_size,   usual_size, tiny_size, large_size,
                                                    class_size, small_size, page_size, log_size};
    static unsigned (*const frees[])(unsigned, unsigned) = {steady, balanced, phased};
    static uint32_t (*const victims[])(uint64_t *, uint32_t) = {any, oldest, newest, young};
    static const unsigned pointers[] = {0, 10, 50, 90, 100}, others[] = {0, 10, 50}, collections[] = {2, 8, 30};
    struct kind kind = {.name = "drawn"};
    kind.size = ANY_OF(sizes, seed);
    kind.pointers = ANY_OF(pointers, seed);
    kind.frees = ANY_OF(frees, seed);
    kind.victim = ANY_OF(victims, seed);
    kind.other_size = ANY_OF(sizes, seed);
    kind.others = ANY_OF(others, seed);
    kind.collections = ANY_OF(collections, seed);
    kind.most_bytes = UINT64_C(4) << (20 + next_random(seed) % 6);
    return kind;
}

/* Live objects in the order of their birth; a queue's front is cheap to take. */
struct live {
    struct object {
        uint32_t id;
        uint64_t size;
    } *objects;
    uint32_t first, count;
    uint64_t bytes;
};

static uint32_t take(struct live *live, uint32_t k)
{
    struct object *at = live->objects + live->first + k, taken = *at;
    if (k == 0)
        live->first++;
    else
        memmove(at, at + 1, (live->count - k - 1) * sizeof *at);
    live->count--;
    live->bytes -= taken.size;
    return taken.id;
}

static void print_alloc(const struct kind *kind, uint64_t *seed, struct object *object)
{
    bool noscan = next_random(seed) % 100 >= kind->pointers;
    bool other = kind->others && next_random(seed) % 100 < kind->others;
    uint64_t size = other ? kind->other_size(seed) : kind->size(seed);
    if (!noscan)
        size = (size + 7) & ~UINT64_C(7); /* objects with pointers are made of words */
    object->size = size;
    printf("alloc,%" PRIu32 ",%" PRIu64 ",%d\n", object->id, size, noscan);
}

static void print_checkpoint(const struct kind *kind, uint64_t *seed, unsigned i, unsigned events)
{
    if (kind->collections ? next_random(seed) % events >= kind->collections : (i + 1) % (events / CHECKPOINTS) != 0)
        return;
    bool twice = kind->collections && next_random(seed) % 5 == 0;
    printf("stats,,,\ngc,,,\n%sstats,,,\n", twice ? "gc,,,\n" : "");
}

static bool print_trace(const struct kind *kind, uint64_t seed, unsigned events)
{
    struct live live = {.objects = malloc(events * sizeof *live.objects)};
    uint32_t id = 0;
    if (!live.objects)
        return false;
    printf("op,id,size,noscan\n");
    for (unsigned i = 0; i < events; i++) {
        bool full = kind->most_bytes && live.bytes > kind->most_bytes;
        if (live.count && (full || next_random(&seed) % 100 < kind->frees(i, events))) {
            printf("free,%" PRIu32 ",,\n", take(&live, kind->victim(&seed, live.count)));
        } else {
            struct object *object = &live.objects[live.first + live.count++];
            object->id = id++;
            print_alloc(kind, &seed, object);
            live.bytes += object->size;
        }
        print_checkpoint(kind, &seed, i, events);
    }
    if (kind->collections)
        printf("stats,,,\ngc,,,\nstats,,,\n");
    free(live.objects);
    return fflush(stdout) == 0;
}

static bool print_named(const char *name, unsigned events)
{
    static const char drawn[] = "drawn-";
    char *end;
    if (strncmp(name, drawn, strlen(drawn)) == 0 && name[strlen(drawn)] != '\0') {
        uint64_t seed = strtoull(name + strlen(drawn), &end, 10) * UINT64_C(0x9e3779b97f4a7c15);
        struct kind kind = draw(&seed);
        return *end == '\0' && print_trace(&kind, seed, events);
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(name, kinds[i].name) == 0)
            return print_trace(&kinds[i], i + 1, events);
    return false;
}

int main(int argc, char **argv)
{
    unsigned long events = argc > 2 ? strtoul(argv[2], NULL, 10) : DEFAULT_EVENTS;
    for (size_t i = 0; argc < 2 && i < sizeof kinds / sizeof kinds[0]; i++)
        puts(kinds[i].name);
    if (argc < 2)
        return 0;
    if (events >= 2 * CHECKPOINTS && events <= MOST_EVENTS && print_named(argv[1], (unsigned)events))
        return 0;
    fprintf(stderr, "usage: traces [NAME|drawn-N [EVENTS]]; without a name, the names are printed\n");
    return 2;
}
