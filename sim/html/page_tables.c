/* Tables of one run, each a row of columns: a heading, where in the row's object the value is, and in what unit. */
#include "html/html.h"
#include "html/page_parts.h"
#include "report/report.h"
#include "report/units.h"

enum { ROWS_MOST = 400 };

struct column {
    const char *heading, *path;
    enum unit unit;
};

static const char *show(double value, enum unit unit)
{
    static _Thread_local char texts[8][32];
    static _Thread_local unsigned at;
    char *text = texts[at++ % 8];
    switch (unit) {
    case BYTES:
        return units_bytes(value);
    case NS:
        return units_time(value, "µs");
    case SHARE:
        return value > 0 && value < 1e-4 ? "&lt; 0.01 %" : units_share(value, 1);
    case RATIO:
        snprintf(text, sizeof texts[0], "%.2f", value);
        return text;
    case SIZE:
        snprintf(text, sizeof texts[0], "%s B", units_count(value));
        return value > 0 ? text : "large";
    default:
        return units_count(value);
    }
}

void page_cell(FILE *out, double value, enum unit unit)
{
    double key = unit == SIZE && value <= 0 ? 1e18 : value; /* large objects, whose class has size 0, come last */
    fprintf(out, "<td data-v=\"%.10g\">%s</td>", key, show(value, unit));
}

void page_begin_table(FILE *out, const char *label, const char *class)
{
    fprintf(out, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"%s\"><table class=\"%s\">\n", label,
            class);
}

void page_end_table(FILE *out)
{
    fputs("</tbody></table></div>\n", out);
}

static void headings(FILE *out, const struct column *columns, size_t n)
{
    fputs("<thead><tr>", out);
    for (size_t i = 0; i < n; i++)
        fprintf(out, "<th scope=\"col\">%s</th>", columns[i].heading);
    fputs("</tr></thead><tbody>\n", out);
}

static void row_of(FILE *out, const json_t *object, const struct column *columns, size_t n)
{
    fputs("<tr>", out);
    for (size_t i = 0; i < n; i++) {
        const json_t *value = report_at(object, columns[i].path);
        if (columns[i].unit == TEXT) {
            fputs("<td>", out);
            html_string(out, json_string_value(value), NAME_MOST);
            fputs("</td>", out);
        } else if (columns[i].unit == TRUTH) {
            fprintf(out, "<td>%s</td>", json_is_true(value) ? "yes" : "no");
        } else {
            page_cell(out, json_number_value(value), columns[i].unit);
        }
    }
    fputs("</tr>\n", out);
}

/* A table, and where what has no room in it is. */
struct listing {
    const char *title, *note; /* HTML; note NULL: none */
    const char *array, *file; /* where in the tree, and the file that has all of it */
    const struct column *columns;
    size_t n;
    bool (*shown)(const json_t *row);
};

/* The rows that are to be shown; of more than ROWS_MOST, the first. */
static void list(FILE *out, const json_t *document, const struct listing *listing)
{
    const json_t *row;
    size_t i, rows = 0;
    fprintf(out, "<h2>%s</h2>\n", listing->title);
    if (listing->note)
        fprintf(out, "<p class=\"soft\">%s</p>\n", listing->note);
    json_array_foreach(report_at(document, listing->array), i, row) {
        if (!listing->shown(row) || ++rows > ROWS_MOST)
            continue;
        if (rows == 1) {
            page_begin_table(out, listing->title, "sort");
            headings(out, listing->columns, listing->n);
        }
        row_of(out, row, listing->columns, listing->n);
    }
    if (rows)
        page_end_table(out);
    else
        fputs("<p>None.</p>\n", out);
    if (rows > ROWS_MOST)
        fprintf(out, "<p class=\"soft\">%s more are in %s.</p>\n", units_count((double)(rows - ROWS_MOST)),
                listing->file);
}

#define COLUMNS(table) .columns = table, .n = sizeof(table) / sizeof(table)[0]

static bool any(const json_t *row)
{
    return row != NULL;
}

/* --- of one run ---------------------------------------------------------------------------------------- */

static bool was_used(const json_t *class)
{
    return report_number(class, "allocs") > 0 || report_number(class, "tiny_allocs") > 0 ||
           report_number(class, "peak.spans") > 0;
}

void page_class_table(FILE *out, const json_t *document)
{
    static const struct column columns[] = {
        {"size class", "size", SIZE}, {"allocations", "allocs", COUNT}, {"tiny ones", "tiny_allocs", COUNT},
        {"spans", "peak.spans", COUNT}, {"in spans", "peak.span_bytes", BYTES}, {"live", "peak.occupancy", SHARE},
        {"asked for", "peak.requested_bytes", BYTES}, {"rounding", "peak.rounding_bytes", BYTES},
        {"tiny blocks", "peak.tiny_bytes", BYTES}, {"tails", "peak.tail_bytes", BYTES},
        {"dead", "peak.dead_bytes", BYTES}, {"unused", "peak.unused_bytes", BYTES},
        {"replaced a second", "turnover_per_s", RATIO}, {"refills", "refills.count", COUNT},
        {"one swept, at most", "refills.most_spans_swept", COUNT}};
    static const struct listing listing = {
        .title = "Size classes", .array = "size_classes", .file = "classes.csv", COLUMNS(columns), .shown = was_used,
        .note = "Allocations, replacements and refills of the whole run; all else when most was in use. Classes never "
                "used are left out."};
    list(out, document, &listing);
}

void page_tier_table(FILE *out, const json_t *document)
{
    static const struct column columns[] = {
        {"served by", "tier", TEXT}, {"allocations", "count", COUNT}, {"mean", "mean_ns", NS}, {"median", "p50_ns", NS},
        {"99 %", "p99_ns", NS}, {"99.9 %", "p999_ns", NS}, {"worst", "max_ns", NS}};
    static const struct listing listing = {
        .title = "What allocations took", .array = "latency", .file = "latency.csv", COLUMNS(columns), .shown = any};
    list(out, document, &listing);
}

static bool can_wait(const json_t *lock)
{
    return json_is_true(report_at(lock, "waits"));
}

void page_lock_table(FILE *out, const json_t *document)
{
    static const struct column columns[] = {
        {"lock", "name", TEXT}, {"acquired", "acquisitions", COUNT}, {"contended", "contended", COUNT},
        {"waited", "wait_ns", NS}, {"99 %", "wait_p99_ns", NS}, {"worst", "wait_max_ns", NS}, {"held", "hold_ns", NS},
        {"busy", "utilisation", SHARE}, {"longest queue", "longest_queue", COUNT}};
    static const struct listing listing = {
        .title = "Locks", .array = "locks", .file = "locks.csv", COLUMNS(columns), .shown = can_wait,
        .note = "Those that were taken, most waited for first."};
    list(out, document, &listing);
}

void page_cycle_table(FILE *out, const json_t *document)
{
    static const struct column columns[] = {
        {"cycle", "cycle", COUNT}, {"began at", "start_ns", NS}, {"marking", "mark_ns", NS},
        {"stopped", "pause_ns", NS}, {"assists", "assist_ns", NS}, {"heap at its begin", "heap_start_bytes", BYTES},
        {"at its end", "heap_end_bytes", BYTES}, {"marked", "heap_marked_bytes", BYTES},
        {"goal", "goal_bytes", BYTES}, {"forced", "forced", TRUTH}};
    static const struct listing listing = {
        .title = "Collections", .array = "gc.records", .file = "cycles.csv", COLUMNS(columns), .shown = any};
    list(out, document, &listing);
}

/* A row: what it is, then bytes and share of what was mapped, at both moments. */
static void memory_row(FILE *out, const char *what, double peak, double peak_all, double end, double end_all)
{
    fprintf(out, "<tr><th scope=\"row\">%s</th>", what);
    page_cell(out, peak, BYTES);
    page_cell(out, peak_all > 0 ? peak / peak_all : 0, SHARE);
    page_cell(out, end, BYTES);
    page_cell(out, end_all > 0 ? end / end_all : 0, SHARE);
    fputs("</tr>\n", out);
}

void page_memory_table(FILE *out, const json_t *document)
{
    static const struct { const char *what, *path; } rows[] = {
        {"asked for, live", "requested_bytes"}, {"rounding up to size classes", "internal.rounding_bytes"},
        {"room left in tiny blocks", "internal.tiny_bytes"}, {"tails of spans", "internal.tail_bytes"},
        {"dead, not swept yet", "dead_bytes"}, {"unused slots", "external.unused_slot_bytes"}};
    const json_t *peak = report_at(document, "fragmentation.peak"), *end = report_at(document, "fragmentation.end");
    double peak_all = report_number(peak, "mapped_bytes"), end_all = report_number(end, "mapped_bytes");
    fputs("<h2>Where the memory was</h2>\n", out);
    page_begin_table(out, "Where the memory was", "");
    fprintf(out, "<thead><tr><td></td><th scope=\"col\" colspan=\"2\">when most was in use, at %s</th>"
                 "<th scope=\"col\" colspan=\"2\">at the end</th></tr></thead><tbody>\n",
            show(report_number(peak, "t_ns"), NS));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        memory_row(out, rows[i].what, report_number(peak, rows[i].path), peak_all, report_number(end, rows[i].path),
                   end_all);
    memory_row(out, "free pages, kept", report_kept_pages(peak), peak_all, report_kept_pages(end), end_all);
    memory_row(out, "given back to the OS", report_number(peak, "released_bytes"), peak_all,
               report_number(end, "released_bytes"), end_all);
    memory_row(out, "mapped", peak_all, peak_all, end_all, end_all);
    page_end_table(out);
}
