/* A run's directory: run.json, and the CSVs that plots are drawn from: of the tree, and of what is too much for it. */
#include "base/out_file.h"
#include "report/report.h"
#include "report/series.h"

#include <inttypes.h>
#include <string.h>

void report_dump(const json_t *document, FILE *out)
{
    json_dumpf(document, out, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
    fputc('\n', out);
}

bool report_write_json(const json_t *document, const char *path, struct error *error)
{
    struct out_file out;
    FILE *f = out_file_open(&out, path, error);
    if (!f)
        return false;
    report_dump(document, f);
    return out_file_commit(&out, error);
}

/* One CSV: a row for each object of an array in the tree, a column for each dotted path. */
struct table {
    const char *file;
    const char *array;    /* where in the tree */
    const char *columns[24][2]; /* heading, path within the row's object */
};

static const struct table tables[] = {
    {"classes.csv", "size_classes",
     {{"class", "class"}, {"size_bytes", "size"}, {"allocs", "allocs"}, {"tiny_allocs", "tiny_allocs"},
      {"spans", "peak.spans"}, {"span_bytes", "peak.span_bytes"}, {"occupancy", "peak.occupancy"},
      {"requested_bytes", "peak.requested_bytes"}, {"rounding_bytes", "peak.rounding_bytes"},
      {"tiny_bytes", "peak.tiny_bytes"}, {"tail_bytes", "peak.tail_bytes"}, {"dead_bytes", "peak.dead_bytes"},
      {"unused_bytes", "peak.unused_bytes"}, {"mean_live_objects", "mean_live"},
      {"turnover_per_s", "turnover_per_s"}, {"refills", "refills.count"},
      {"refill_spans_swept", "refills.spans_swept"}, {"refill_most_spans_swept", "refills.most_spans_swept"}}},
    {"locks.csv", "locks",
     {{"lock", "name"}, {"acquisitions", "acquisitions"}, {"contended", "contended"}, {"wait_ns", "wait_ns"},
      {"wait_mean_ns", "wait_mean_ns"}, {"wait_p99_ns", "wait_p99_ns"}, {"wait_max_ns", "wait_max_ns"},
      {"hold_ns", "hold_ns"}, {"hold_p99_ns", "hold_p99_ns"}, {"hold_max_ns", "hold_max_ns"},
      {"utilisation", "utilisation"}, {"longest_queue", "longest_queue"}}},
    {"latency.csv", "latency",
     {{"tier", "tier"}, {"count", "count"}, {"mean_ns", "mean_ns"}, {"p50_ns", "p50_ns"}, {"p90_ns", "p90_ns"},
      {"p99_ns", "p99_ns"}, {"p999_ns", "p999_ns"}, {"max_ns", "max_ns"}}},
    {"cycles.csv", "gc.records",
     {{"cycle", "cycle"}, {"start_ns", "start_ns"}, {"end_ns", "end_ns"}, {"mark_ns", "mark_ns"},
      {"pause_ns", "pause_ns"}, {"heap_start_bytes", "heap_start_bytes"}, {"heap_end_bytes", "heap_end_bytes"},
      {"heap_marked_bytes", "heap_marked_bytes"}, {"goal_bytes", "goal_bytes"}, {"trigger_bytes", "trigger_bytes"},
      {"assist_ns", "assist_ns"}, {"next_goal_bytes", "next_goal_bytes"}}},
};

static void write_value(FILE *f, const json_t *value)
{
    if (json_is_string(value))
        fprintf(f, "%s", json_string_value(value));
    else if (json_is_real(value))
        fprintf(f, "%.6g", json_real_value(value));
    else
        fprintf(f, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
}

static void write_table(FILE *f, const struct table *table, const json_t *array)
{
    size_t i;
    const json_t *row;
    for (unsigned c = 0; table->columns[c][0]; c++)
        fprintf(f, "%s%s", c ? "," : "", table->columns[c][0]);
    fputc('\n', f);
    json_array_foreach(array, i, row) {
        for (unsigned c = 0; table->columns[c][0]; c++) {
            if (c)
                fputc(',', f);
            write_value(f, report_at(row, table->columns[c][1]));
        }
        fputc('\n', f);
    }
}

/* In long form: a row a lock and stretch of time. */
static void write_waits(FILE *f, const json_t *waits)
{
    const json_t *lock, *row;
    size_t i, k;
    fprintf(f, "lock,t_ns,width_ns,contended,wait_ns\n");
    json_array_foreach(report_at(waits, "locks"), i, lock)
        json_array_foreach(report_at(lock, "rows"), k, row)
            fprintf(f, "%s,%.0f,%.0f,%.0f,%.0f\n", json_string_value(report_at(lock, "name")),
                    report_number(row, "t_ns"), report_number(waits, "width_ns"), report_number(row, "contended"),
                    report_number(row, "wait_ns"));
}

/* A file of the directory, while it is being written. */
struct entry {
    struct out_file out;
    char path[PATH_MAX];
};

static FILE *open_in(struct entry *e, const char *directory, const char *file, struct error *error)
{
    if ((size_t)snprintf(e->path, sizeof e->path, "%s/%s", directory, file) >= sizeof e->path) {
        error_set(error, "%s: the path is too long", directory);
        return NULL;
    }
    return out_file_open(&e->out, e->path, error);
}

static bool close_in(struct entry *e, bool quiet, struct error *error)
{
    if (!out_file_commit(&e->out, error))
        return false;
    if (!quiet)
        fprintf(stderr, "wrote %s\n", e->path);
    return true;
}

static bool write_tables(const json_t *document, const char *directory, bool quiet, struct error *error)
{
    struct entry e;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        FILE *f = open_in(&e, directory, tables[i].file, error);
        if (!f)
            return false;
        write_table(f, &tables[i], report_at(document, tables[i].array));
        if (!close_in(&e, quiet, error))
            return false;
    }
    FILE *f = open_in(&e, directory, "waits.csv", error);
    if (!f)
        return false;
    write_waits(f, report_at(document, "lock_waits"));
    return close_in(&e, quiet, error);
}

static bool write_series(const struct sim *sim, const char *directory, bool quiet, struct error *error)
{
    static const struct { const char *file; void (*write)(FILE *f, const struct sim *sim); } series[] = {
        {"heap.csv", series_heap}, {"heap_map.csv", series_heap_map}, {"spans.csv", series_spans},
        {"free_runs.csv", series_free_runs}, {"refills.csv", series_refills}, {"latency_cdf.csv", series_latency}};
    for (size_t i = 0; i < sizeof series / sizeof series[0]; i++) {
        struct entry e;
        FILE *f = open_in(&e, directory, series[i].file, error);
        if (!f)
            return false;
        series[i].write(f, sim);
        if (!close_in(&e, quiet, error))
            return false;
    }
    return true;
}

bool report_write_directory(const json_t *document, const struct sim *sim, const char *directory, bool quiet,
                            struct error *error)
{
    struct entry e;
    FILE *f = open_in(&e, directory, "run.json", error);
    if (!f)
        return false;
    report_dump(document, f);
    return close_in(&e, quiet, error) && write_tables(document, directory, quiet, error) &&
           write_series(sim, directory, quiet, error);
}
