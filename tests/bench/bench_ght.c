/* How fast binary traces are read and written. `make bench-ght` runs it: traces of 10 million events (another number as
 * the argument), written to a file that goes away with the program, read from the page cache; medians, of CPU time.
 * Once as the records that they are; once as events, as a replay reads them and gives the slots of what is freed back.
 *
 * The trace: a million allocations, then an object dies and another is born, again and again; which, is drawn at random
 * among all of them, or among 1,000. Sizes are 1 to 500 bytes, all as often. Streams take turns after so many rows. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "trace/crc32c.h"
#include "trace/ght.h"
#include "trace/ght_reader.h"
#include "trace/ght_writer.h"
#include "trace/row_check.h"
#include "trace/trace.h"

enum { LIVE = 1000 * 1000, RECENT = 1000, REPEATS = 7, BATCH = 256 };

struct scene {
    const char *what;
    unsigned streams, turn; /* rows of a stream until the next's turn */
    bool recent, scattered_ids, zstd;
};

static const struct scene scenes[] = {
    {"1 stream, recent objects die", 1, 1, true, false, false},
    {"1 stream, any object dies", 1, 1, false, false, false},
    {"the same, ids not consecutive", 1, 1, false, true, false},
    {"4 streams, turns of 100 rows", 4, 100, false, false, false},
    {"4 streams, turns of 1 to 9 rows", 4, 9, false, false, false},
    {"1 stream, recent, zstd", 1, 1, true, false, true},
};

enum { SCENES = sizeof scenes / sizeof *scenes };

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void fail(const struct error *error)
{
    fprintf(stderr, "%s\n", error->text);
    exit(1);
}

/* ---- writing ---- */

struct maker {
    const struct scene *scene;
    uint64_t seed, id, time, born;
    uint64_t *live; /* ids of LIVE objects, the oldest of the recent ones first */
    unsigned stream, left;
};

static void set(struct trace_row *row, enum row_column column, uint64_t value)
{
    row->value[column] = value;
    row->present = (uint16_t)(row->present | 1u << column);
}

static void begin(struct maker *m, struct trace_row *row, uint64_t place)
{
    uint64_t id = m->scene->scattered_ids ? m->id * UINT64_C(0x9e3779b97f4a7c15) >> 40 << 24 | m->id : m->id;
    m->id++;
    m->live[place] = id;
    row->op = TRACE_ALLOC;
    set(row, ROW_ID, id);
    set(row, ROW_SIZE, 1 + (next_random(&m->seed) >> 40) % 500);
    set(row, ROW_NOSCAN, next_random(&m->seed) % 3 != 0);
}

static void make_row(struct maker *m, struct trace_row *row, uint64_t i)
{
    *row = (struct trace_row){.line = i + 1, .present = 1u << ROW_OP, .value[ROW_NOSCAN] = 1};
    uint64_t place = i;
    if (i >= LIVE && (i - LIVE) % 2 == 0) {
        m->born = (next_random(&m->seed) >> 20) % (m->scene->recent ? RECENT : LIVE);
        row->op = TRACE_FREE;
        set(row, ROW_ID, m->live[m->born]);
    } else {
        if (i >= LIVE)
            place = m->born;
        begin(m, row, place);
    }
    if (m->left-- == 0) {
        m->stream = (m->stream + 1) % m->scene->streams;
        m->left = m->scene->turn < 10 ? (unsigned)(next_random(&m->seed) >> 30) % m->scene->turn : m->scene->turn;
    }
    m->time += (next_random(&m->seed) >> 30) % 100;
    set(row, ROW_P, m->stream);
    set(row, ROW_T_NS, m->time);
}

/* Returns the file's bytes; *seconds without what making up the rows takes. */
static double write_trace(const struct scene *scene, const char *path, uint64_t events)
{
    struct maker m = {.scene = scene, .seed = 42, .live = malloc(LIVE * sizeof *m.live)};
    struct error error = {.text = ""};
    const uint16_t columns = (1u << ROW_COLUMNS) - 1;
    FILE *out = fopen(path, "w");
    struct ght_writer *writer = out && m.live ? ght_writer_new(out, path, columns, scene->zstd, &error) : NULL;
    if (!writer)
        fail(&error);
    const struct row_source source = {.name = path, .columns = columns};
    struct row_checks checks;
    struct trace_row rows[ROW_BATCH];
    struct trace_event made[ROW_BATCH];
    if (!row_checks_init(&checks, &source, TRACE_STREAM_BY_P))
        fail(&checks.failure);
    double began = cpu_seconds();
    for (uint64_t i = 0, n; i < events; i += n) {
        n = events - i < ROW_BATCH ? events - i : ROW_BATCH;
        for (uint64_t k = 0; k < n; k++)
            make_row(&m, &rows[k], i + k);
        if (!row_checks_take_all(&checks, rows, n, made))
            fail(&checks.failure);
        if (!ght_writer_put(writer, rows, made, n, &error))
            fail(&error);
    }
    ght_writer_finish(writer);
    double seconds = cpu_seconds() - began;
    ght_writer_delete(writer);
    row_checks_free(&checks);
    free(m.live);
    if (fclose(out) != 0)
        exit(1);
    return seconds;
}

/* ---- reading ---- */

/* As a replay reads: in batches, and the slots of what was freed are released. */
static double read_trace(const char *path, uint64_t events)
{
    static struct trace_event batch[BATCH];
    struct error error = {.text = ""};
    uint64_t total = 0;
    double began = cpu_seconds();
    struct trace_source *source = trace_open(path, TRACE_STREAM_BY_P, &error);
    for (size_t n; source && (n = source->read(source, batch, BATCH, &error)) > 0; total += n)
        for (size_t i = 0; i < n; i++)
            if (batch[i].op == TRACE_FREE)
                source->release(source, batch[i].slot);
    if (error.text[0] != '\0')
        fail(&error);
    source->close(source);
    double seconds = cpu_seconds() - began;
    if (total != events) {
        fprintf(stderr, "%s: %" PRIu64 " events written, %" PRIu64 " read\n", path, events, total);
        exit(1);
    }
    return seconds;
}

/* The file's 8-byte records alone: mapped, checked, in the trace's order, their time, shape and slot taken apart. */
static double read_records(const char *path, uint64_t events)
{
    static struct ght_reader reader;
    struct error error = {.text = ""};
    struct byte_stream *bytes = byte_stream_open(path, &error);
    struct ght_cursor *cursor;
    uint64_t total = 0, sum = 0;
    bool new_segment;
    double began = cpu_seconds();
    if (!bytes || !ght_reader_open(&reader, bytes, false, &error))
        fail(&error);
    for (uint32_t n; (n = ght_reader_run(&reader, &cursor, &new_segment)) > 0; ght_reader_took(&reader, n)) {
        const uint64_t *next = cursor->next, *end = cursor->end;
        uint64_t time = cursor->time;
        if (new_segment)
            ght_reader_skip_ids(&reader);
        for (uint32_t left = n; left > 0 && next < end; next++) {
            bool is_row = (*next & 0xffff) < GHT_SHAPES_MAX;
            left -= is_row;
            time += is_row ? *next >> 48 : 0;
            sum += (*next & 0xffff) ^ (*next >> 16 & UINT32_MAX) ^ time;
        }
        total += n;
        cursor->next = next;
        cursor->time = time;
    }
    double seconds = cpu_seconds() - began;
    if (reader.failure.text[0] != '\0')
        fail(&reader.failure);
    if (total != events)
        exit(1);
    __asm__ volatile("" : "+r"(sum)); /* or a clever compiler leaves them out */
    ght_reader_close(&reader);
    return seconds;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void tell_scene(const struct scene *scene, const char *path, uint64_t events)
{
    double times[REPEATS], records[REPEATS], written = write_trace(scene, path, events), n = (double)events;
    struct stat st;
    for (int i = 0; i < REPEATS; i++) {
        times[i] = read_trace(path, events);
        records[i] = read_records(path, events);
    }
    qsort(times, REPEATS, sizeof *times, ascending);
    qsort(records, REPEATS, sizeof *records, ascending);
    if (stat(path, &st) != 0)
        exit(1);
    double record = records[REPEATS / 2], event = times[REPEATS / 2];
    printf("%-32s %5.0f M/s %6.2f ns %6.2f %7.0f M/s %6.2f ns %6.2f %8.2f %8.1f\n", scene->what, n / record / 1e6,
           record / n * 1e9, records[0] / n * 1e9, n / event / 1e6, event / n * 1e9, times[0] / n * 1e9,
           (double)st.st_size / n, n / written / 1e6);
    fflush(stdout);
}

static void tell_checksum(void)
{
    enum { BYTES = 64 << 10, ROUNDS = 20000 };
    static unsigned char bytes[BYTES];
    uint32_t crc = 0;
    double began = cpu_seconds();
    for (int i = 0; i < ROUNDS; i++)
        crc = crc32c(crc, bytes, BYTES);
    double seconds = cpu_seconds() - began;
    printf("checksum: %.2f ns for 8 bytes (%08x)\n", seconds / ((double)BYTES / 8 * ROUNDS) * 1e9, crc);
}

int main(int argc, char **argv)
{
    uint64_t events = argc > 1 ? strtoull(argv[1], NULL, 10) : 10 * 1000 * 1000;
    const char *directory = getenv("TMPDIR");
    char path[4096];
    snprintf(path, sizeof path, "%s/bench_ght.XXXXXX", directory ? directory : "/tmp");
    int fd = mkstemp(path);
    if (fd < 0) {
        perror(path);
        return 1;
    }
    printf("%" PRIu64 " events, %d live, medians of %d; making up rows and checking them counts with writing\n", events, LIVE, REPEATS);
    printf("%-32s %-28s   %-28s\n%-32s %9s %9s %6s %11s %9s %6s %8s %8s\n", "", "8-byte records, in order",
           "events for a replay", "", "", "each", "best", "", "each", "best", "B/event", "wr. M/s");
    for (int i = 0; i < SCENES; i++)
        if (argc <= 2 || i == atoi(argv[2]))
            tell_scene(&scenes[i], path, events);
    tell_checksum();
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("at most %.0f MiB resident\n", (double)usage.ru_maxrss / 1024);
    close(fd);
    unlink(path);
    return 0;
}
