/* How fast traces are converted, on one core. `make bench-convert` runs it: a trace of 5 million rows (EVENTS=N) is
 * made up and written as CSV and in binary; it, and each of TRACES=..., is
 *
 *     counted     its bytes read and its line feeds counted, as wc -l does: what no reader of a text can beat
 *     read        made rows of, and nothing done to them
 *     to .csv     converted: read, checked, tallied and written, to a file that goes away with the program
 *     to .ght     the same, in binary
 *
 * in turns, five times. Medians, of CPU time of user and system together; files are in the page cache. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "generate/profile_births.h"
#include "trace/row_open.h"
#include "trace/row_output.h"
#include "trace/row_tally.h"

enum { REPEATS = 5, PATH_ROOM = 4096 };

enum direction { COUNTED, READ, TO_CSV, TO_GHT, DIRECTIONS };

static const char *const headings[DIRECTIONS] = {"counted", "read", "to .csv", "to .ght"};

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fail(const struct error *error)
{
    fprintf(stderr, "%s\n", error->text);
    exit(1);
}

static void fail_system(const char *what)
{
    perror(what);
    exit(1);
}

/* ---- what is measured ---- */

static uint64_t count_lines(const char *path)
{
    static char bytes[64 << 10];
    uint64_t lines = 0;
    ssize_t got;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail_system(path);
    while ((got = read(fd, bytes, sizeof bytes)) > 0)
        for (const char *at = bytes; (at = memchr(at, '\n', (size_t)(bytes + got - at))) != NULL; at++)
            lines++;
    close(fd);
    return lines;
}

/* Returns how many rows there are; they go to the output and the tally, unless there is none. */
static uint64_t pass_rows(struct row_source *source, struct row_output *output, struct error *error)
{
    struct trace_row rows[ROW_BATCH];
    struct row_tally tally = {.live = 0};
    uint64_t count = 0;
    for (size_t n; (n = source->read(source, rows, ROW_BATCH, error)) > 0; count += n) {
        if (output == NULL)
            continue;
        if (!row_output_put(output, rows, n, error) ||
            (!row_tally_take(&tally, output->events, n) && !error_set(error, "out of memory")))
            break;
    }
    row_tally_free(&tally);
    return count;
}

static uint64_t convert(const char *in, const char *out)
{
    static const struct row_options options;
    struct error error = {.text = ""};
    struct row_output output;
    struct row_source *source = row_open(in, NULL, &options, &error);
    if (source == NULL || (out != NULL && !row_output_open(&output, NULL, out, source, &error)))
        fail(&error);
    if (out != NULL)
        row_checks_expect(&output.checks, source);
    uint64_t count = pass_rows(source, out != NULL ? &output : NULL, &error);
    if (out != NULL)
        row_output_close(&output, error.text[0] == '\0', &error);
    source->close(source);
    if (error.text[0] != '\0')
        fail(&error);
    return count;
}

/* ---- the table ---- */

static char directory[PATH_ROOM / 2];

static const char *in_directory(char path[PATH_ROOM], const char *name)
{
    snprintf(path, PATH_ROOM, "%s/%s", directory, name);
    return path;
}

static double seconds_of(enum direction direction, const char *trace, uint64_t *rows)
{
    char out[PATH_ROOM];
    double began = cpu_seconds();
    if (direction == COUNTED)
        count_lines(trace);
    else if (direction == READ)
        *rows = convert(trace, NULL);
    else
        *rows = convert(trace, in_directory(out, direction == TO_CSV ? "out.csv" : "out.ght"));
    double seconds = cpu_seconds() - began;
    if (direction >= TO_CSV)
        unlink(out);
    return seconds;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void tell_trace(const char *trace, const char *name)
{
    double times[DIRECTIONS][REPEATS];
    uint64_t rows = 0;
    for (int i = 0; i < REPEATS; i++)
        for (int direction = 0; direction < DIRECTIONS; direction++)
            times[direction][i] = seconds_of((enum direction)direction, trace, &rows);
    printf("%-28.28s %10" PRIu64, name, rows);
    for (int direction = 0; direction < DIRECTIONS; direction++) {
        qsort(times[direction], REPEATS, sizeof times[0][0], ascending);
        double median = times[direction][REPEATS / 2], n = (double)rows;
        printf(" %8.1f %6.1f", n / median / 1e6, median / n * 1e9);
    }
    printf("\n");
    fflush(stdout);
}

/* ---- the trace that is made up ---- */

/* Ten sizes, the small ones more often, and of lifetimes that differ by a factor of a thousand. */
static const char profile_text[] = "size,rate,live\n16,900,4000\n24,500,20000\n32,700,3000\n48,400,50000\n64,300,9000\n"
                                   "96,200,400\n129,90,30000\n512,40,900\n1000,20,700\n40000,1,20\n";

static void make_up(const char *csv, const char *ght, uint64_t rows)
{
    char path[PATH_ROOM];
    struct error error = {.text = ""};
    struct profile profile;
    struct row_source *source = NULL;
    FILE *file = fopen(in_directory(path, "profile.csv"), "we");
    if (file == NULL || fputs(profile_text, file) < 0 || fclose(file) != 0)
        fail_system(path);
    profile_init(&profile);
    if (profile_load(&profile, path, &error)) {
        profile.events = rows;
        profile.ps = 4;
        struct births *births = profile_finish(&profile, &error) ? profile_births_open(&profile, &error) : NULL;
        struct generator_options options = {.events = rows, .name = "made up"};
        source = births != NULL ? generator_open(births, &options, &error) : NULL;
    }
    unlink(path);
    struct row_output output;
    if (source == NULL || !row_output_open(&output, NULL, csv, source, &error))
        fail(&error);
    pass_rows(source, &output, &error);
    if (!row_output_close(&output, error.text[0] == '\0', &error))
        fail(&error);
    source->close(source);
    profile_clear(&profile);
    convert(csv, ght);
}

int main(int argc, char **argv)
{
    char csv[PATH_ROOM], ght[PATH_ROOM];
    struct rusage usage;
    uint64_t rows = argc > 1 ? strtoull(argv[1], NULL, 10) : 5000 * 1000;
    const char *base = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%.2000s/bench_convert.XXXXXX", base ? base : "/tmp");
    if (mkdtemp(directory) == NULL)
        fail_system(directory);
    make_up(in_directory(csv, "made.csv"), in_directory(ght, "made.ght"), rows);
    printf("medians of %d: millions of rows a second of CPU time, and ns a row\n%-28s %10s", REPEATS, "trace", "rows");
    for (int direction = 0; direction < DIRECTIONS; direction++)
        printf(" %15s", headings[direction]);
    printf("\n");
    tell_trace(csv, "made up, CSV");
    tell_trace(ght, "made up, .ght");
    for (int i = 2; i < argc; i++) {
        const char *slash = strrchr(argv[i], '/');
        tell_trace(argv[i], slash != NULL ? slash + 1 : argv[i]);
    }
    getrusage(RUSAGE_SELF, &usage);
    printf("at most %.0f MiB resident\n", (double)usage.ru_maxrss / 1024);
    unlink(csv);
    unlink(ght);
    return rmdir(directory) != 0;
}
