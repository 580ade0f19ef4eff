/* Holds a replay against the real Go, which has executed the same trace: MemStats and the slot of every object.
 *
 *     compare NAME SIM.json SIM.addresses (REAL.json REAL.addresses)...
 *
 * Real figures are differences to before the trace began. Exact fields have to equal a real run's at each snapshot;
 * HeapInuse and MSpanInuse may lie anywhere between the real runs' least and most, or 0.2 % off the nearest. A slot is
 * an address modulo 8192. Prints a table; exit status 1 if something does not hold, 2 if the files are not as expected.
 */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_RUNS = 16, PAGE = 8192, BY_SIZE = 61 };

static const double TOLERANCE = 0.002, SLOTS_AFTER = 0.999;

struct run {
    json_t *document;
    uint64_t *addresses;
    size_t count;
};

struct comparison {
    struct run sim, real[MOST_RUNS];
    unsigned runs;
    size_t snapshots;
};

static void stop(const char *what, const char *path)
{
    fprintf(stderr, "compare: %s: %s\n", path, what);
    exit(2);
}

/* --- reading ------------------------------------------------------------------------------------------- */

static void read_addresses(struct run *run, const char *path)
{
    FILE *f = fopen(path, "r");
    char line[128], *end;
    size_t room = 0;
    if (!f)
        stop("cannot be opened", path);
    while (fgets(line, sizeof line, f)) {
        const char *last = strrchr(line, ' ');
        if (!last)
            stop("expected `id size address`", path);
        if (run->count == room) {
            room = room ? room * 2 : 4096;
            run->addresses = realloc(run->addresses, room * sizeof *run->addresses);
            if (!run->addresses)
                stop("out of memory", path);
        }
        run->addresses[run->count++] = strtoull(last + 1, &end, 16);
    }
    fclose(f);
}

static struct run read_run(const char *json, const char *addresses)
{
    json_error_t error;
    struct run run = {.document = json_load_file(json, JSON_DECODE_INT_AS_REAL, &error)};
    if (!run.document || !json_is_array(json_object_get(run.document, "snapshots")))
        stop("expected a JSON document with snapshots", json);
    read_addresses(&run, addresses);
    return run;
}

/* A field of snapshot i, as a difference to the run's base if it has one. `row` >= 0: of that row of BySize. */
static int64_t value(const struct run *run, size_t i, int row, const char *field)
{
    const json_t *at = json_array_get(json_object_get(run->document, "snapshots"), i);
    const json_t *base = json_object_get(run->document, "base");
    if (row >= 0) {
        at = json_array_get(json_object_get(at, "BySize"), (size_t)row);
        base = json_array_get(json_object_get(base, "BySize"), (size_t)row);
    }
    const json_t *v = json_object_get(at, field);
    if (!v)
        stop("a snapshot lacks it", field);
    return (int64_t)(json_number_value(v) - json_number_value(json_object_get(base, field)));
}

/* --- fields -------------------------------------------------------------------------------------------- */

/* What is worst of a field over all snapshots. */
struct worst {
    size_t at;
    int64_t real, sim, off; /* off: how far outside of what is allowed, 0 if inside */
};

static struct worst compare_at(const struct comparison *c, size_t i, int row, const char *field, bool exact)
{
    struct worst w = {.at = i, .sim = value(&c->sim, i, row, field), .off = INT64_MAX};
    int64_t least = INT64_MAX, most = INT64_MIN;
    for (unsigned r = 0; r < c->runs; r++) {
        int64_t real = value(&c->real[r], i, row, field), off = llabs(w.sim - real);
        least = real < least ? real : least;
        most = real > most ? real : most;
        if (off < w.off) {
            w.off = off;
            w.real = real;
        }
    }
    bool inside = w.sim >= least && w.sim <= most;
    if (!exact && (inside || (double)w.off <= TOLERANCE * fabs((double)w.real)))
        w.off = 0;
    return w;
}

static struct worst compare_all(const struct comparison *c, int row, const char *field, bool exact)
{
    struct worst worst = {.off = -1};
    for (size_t i = 0; i < c->snapshots; i++) {
        struct worst w = compare_at(c, i, row, field, exact);
        if (w.off >= worst.off)
            worst = w;
    }
    return worst;
}

static bool print_field(const struct comparison *c, const char *field, bool exact)
{
    struct worst w = compare_all(c, -1, field, exact);
    printf("  %-12s %14" PRId64 " %14" PRId64 " %10" PRId64 "   %s\n", field, w.real, w.sim, w.sim - w.real,
           w.off == 0 ? w.sim == w.real ? "equal" : "in the real spread, or within 0.2 %" : "DIFFERS");
    return w.off == 0;
}

static bool print_by_size(const struct comparison *c)
{
    unsigned rows = 0, differ = 0;
    for (int row = 0; row < BY_SIZE; row++)
        for (unsigned k = 0; k < 2; k++) {
            struct worst w = compare_all(c, row, k ? "Frees" : "Mallocs", true);
            rows++;
            if (w.off == 0)
                continue;
            if (differ++ == 0)
                printf("  BySize[%d].%s %" PRId64 " %" PRId64 " at snapshot %zu\n", row, k ? "Frees" : "Mallocs", w.real,
                       w.sim, w.at + 1);
        }
    printf("  %-12s %14u rows, %u differ %23s\n", "BySize", rows, differ, differ ? "DIFFERS" : "equal");
    return differ == 0;
}

/* --- slots --------------------------------------------------------------------------------------------- */

static bool same_slot(uint64_t a, uint64_t b)
{
    return (a - b) % PAGE == 0;
}

/* Whether real runs differ among themselves in a slot. */
static bool reals_differ(const struct comparison *c, size_t i)
{
    for (unsigned r = 1; r < c->runs; r++)
        if (!same_slot(c->real[0].addresses[i], c->real[r].addresses[i]))
            return true;
    return false;
}

struct agreement {
    size_t before, before_same; /* of objects allocated before the first collection */
    size_t after, after_same;
    size_t explained;           /* differences where real runs differ, too */
};

static struct agreement agree(const struct comparison *c, const struct run *real)
{
    struct agreement a = {0};
    size_t first = (size_t)json_number_value(json_object_get(real->document, "before_gc"));
    for (size_t i = 0; i < real->count; i++) {
        bool same = same_slot(c->sim.addresses[i], real->addresses[i]);
        a.before += i < first;
        a.before_same += i < first && same;
        a.after += i >= first;
        a.after_same += i >= first && same;
        a.explained += !same && reals_differ(c, i);
    }
    return a;
}

static double percent(size_t part, size_t whole)
{
    return whole ? 100 * (double)part / (double)whole : 100;
}

static bool print_slots(const struct comparison *c)
{
    struct agreement best = {0};
    for (unsigned r = 0; r < c->runs; r++) {
        if (c->real[r].count != c->sim.count)
            stop("the real Go and the replay have not allocated equally often", "addresses");
        struct agreement a = agree(c, &c->real[r]);
        if (r == 0 || a.before_same + a.after_same > best.before_same + best.after_same)
            best = a;
    }
    size_t differ = best.before - best.before_same + best.after - best.after_same;
    bool ok = best.before_same == best.before &&
              ((double)best.after_same >= SLOTS_AFTER * (double)best.after || best.explained == differ);
    printf("  %-12s %zu of %zu (%.3f %%) before the first collection, %zu of %zu (%.3f %%) after   %s\n", "slots",
           best.before_same, best.before, percent(best.before_same, best.before), best.after_same, best.after,
           percent(best.after_same, best.after), differ == 0 ? "equal" : ok ? "agree" : "DIFFER");
    if (differ)
        printf("  %-12s %zu differ, %zu of them where real runs differ, too\n", "", differ, best.explained);
    return ok;
}

static bool compare(const struct comparison *c, const char *name)
{
    static const char *const exact[] = {"Mallocs", "Frees", "TotalAlloc", "HeapAlloc", "HeapObjects"};
    static const char *const near[] = {"HeapInuse", "MSpanInuse"};
    bool ok = true;
    printf("%s: %zu snapshots, %u real runs\n", name, c->snapshots, c->runs);
    printf("  %-12s %14s %14s %10s\n", "field", "real", "simulated", "difference");
    for (size_t i = 0; i < sizeof exact / sizeof exact[0]; i++)
        ok &= print_field(c, exact[i], true);
    ok &= print_by_size(c);
    for (size_t i = 0; i < sizeof near / sizeof near[0]; i++)
        ok &= print_field(c, near[i], false);
    ok &= print_slots(c);
    return ok;
}

int main(int argc, char **argv)
{
    if (argc < 6 || argc % 2 != 0 || argc > 4 + 2 * MOST_RUNS) {
        fputs("usage: compare NAME SIM.json SIM.addresses (REAL.json REAL.addresses)...\n", stderr);
        return 2;
    }
    struct comparison c = {.sim = read_run(argv[2], argv[3])};
    c.snapshots = json_array_size(json_object_get(c.sim.document, "snapshots"));
    for (int i = 4; i < argc; i += 2) {
        c.real[c.runs++] = read_run(argv[i], argv[i + 1]);
        if (json_array_size(json_object_get(c.real[c.runs - 1].document, "snapshots")) != c.snapshots)
            stop("not as many snapshots as the replay has", argv[i]);
    }
    bool ok = compare(&c, argv[1]);
    for (unsigned r = 0; r <= c.runs; r++) {
        struct run *run = r < c.runs ? &c.real[r] : &c.sim;
        json_decref(run->document);
        free(run->addresses);
    }
    return ok ? 0 : 1;
}
