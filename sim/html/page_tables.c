/* Tables, each a row of columns: a heading, where in the row's object the value is, and in what unit.
 *
 * A number that is not shown as such stands in the cell's data-v as well, for sorting. */
#include "html/html.h"
#include "html/page_parts.h"
#include "report/report.h"
#include "report/units.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MOST = 400 };

enum unit { COUNT, BYTES, NS, SHARE, RATIO, SIZE /* of a class, exact */, TEXT, TRUTH };

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

/* What sorts it: large objects, whose class has size 0, come last. */
static void cell(FILE *out, double value, enum unit unit)
{
    fprintf(out, "<td data-v=\"%.10g\">%s</td>", unit == SIZE && value <= 0 ? 1e18 : value, show(value, unit));
}

/* label: what it is, for those who come to it without the heading above. */
static void begin_table(FILE *out, const char *label, const char *class)
{
    fprintf(out, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"%s\"><table class=\"%s\">\n", label,
            class);
}

static void end_table(FILE *out)
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
            cell(out, json_number_value(value), columns[i].unit);
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
            begin_table(out, listing->title, "sort");
            headings(out, listing->columns, listing->n);
        }
        row_of(out, row, listing->columns, listing->n);
    }
    if (rows)
        end_table(out);
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
        {"dead", "peak.dead_bytes", BYTES}, {"unused", "peak.unused_bytes", BYTES}};
    static const struct listing listing = {
        .title = "Size classes", .array = "size_classes", .file = "classes.csv", COLUMNS(columns), .shown = was_used,
        .note = "Allocations of the whole run; all else when most was in use. Classes never used are left out."};
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
    cell(out, peak, BYTES);
    cell(out, peak_all > 0 ? peak / peak_all : 0, SHARE);
    cell(out, end, BYTES);
    cell(out, end_all > 0 ? end / end_all : 0, SHARE);
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
    begin_table(out, "Where the memory was", "");
    fprintf(out, "<thead><tr><td></td><th scope=\"col\" colspan=\"2\">when most was in use, at %s</th>"
                 "<th scope=\"col\" colspan=\"2\">at the end</th></tr></thead><tbody>\n",
            show(report_number(peak, "t_ns"), NS));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        memory_row(out, rows[i].what, report_number(peak, rows[i].path), peak_all, report_number(end, rows[i].path),
                   end_all);
    double peak_free = report_number(peak, "external.free_page_bytes") - report_number(peak, "released_bytes");
    double end_free = report_number(end, "external.free_page_bytes") - report_number(end, "released_bytes");
    memory_row(out, "free pages, kept", fmax(peak_free, 0), peak_all, fmax(end_free, 0), end_all);
    memory_row(out, "given back to the OS", report_number(peak, "released_bytes"), peak_all,
               report_number(end, "released_bytes"), end_all);
    memory_row(out, "mapped", peak_all, peak_all, end_all, end_all);
    end_table(out);
}

/* --- main figures -------------------------------------------------------------------------------------- */

struct figure {
    const char *what, *path;
    enum unit unit;
    double (*derive)(const json_t *document); /* where path is NULL */
};

static double sum_of_locks(const json_t *document, const char *member)
{
    const json_t *lock;
    size_t i;
    double sum = 0;
    json_array_foreach(report_at(document, "locks"), i, lock)
        sum += json_is_true(report_at(lock, "waits")) ? report_number(lock, member) : 0;
    return sum;
}

static double lock_wait(const json_t *document)
{
    return sum_of_locks(document, "wait_ns");
}

static double contended(const json_t *document)
{
    return sum_of_locks(document, "contended");
}

static double inner_waste(const json_t *document)
{
    const json_t *internal = report_at(document, "fragmentation.peak.internal");
    return report_number(internal, "rounding_bytes") + report_number(internal, "tiny_bytes") +
           report_number(internal, "tail_bytes");
}

static const struct figure figures[] = {
    {"mapped, at most", "fragmentation.peak_mapped_bytes", BYTES, NULL},
    {"asked for by live objects, at most", "fragmentation.peak_requested_bytes", BYTES, NULL},
    {"mapped / asked for", "fragmentation.peak_mapped_over_peak_requested", RATIO, NULL},
    {"in spans, at most", "fragmentation.peak.in_use_bytes", BYTES, NULL},
    {"of them unused slots", "fragmentation.peak.external.unused_slot_bytes", BYTES, NULL},
    {"of them dead, not swept yet", "fragmentation.peak.dead_bytes", BYTES, NULL},
    {"of them rounding, tiny blocks and tails", NULL, BYTES, inner_waste},
    {"live at the end (HeapAlloc)", "memstats.HeapAlloc", BYTES, NULL},
    {"collections", "gc.cycles", COUNT, NULL},
    {"the Ps' time they took", "gc.cpu_fraction", SHARE, NULL},
    {"world stopped, in all", "gc.pauses.total_ns", NS, NULL},
    {"world stopped, at worst", "gc.pauses.max_ns", NS, NULL},
    {"allocations", "latency_all.count", COUNT, NULL},
    {"time of one, mean", "latency_all.mean_ns", NS, NULL},
    {"time of one, 99 % are faster", "latency_all.p99_ns", NS, NULL},
    {"time of one, worst", "latency_all.max_ns", NS, NULL},
    {"waits for locks", NULL, COUNT, contended},
    {"waited for locks, in all", NULL, NS, lock_wait},
    {"time of the whole run", "run.virtual_ns", NS, NULL},
};

static double figure_of(const struct figure *figure, const json_t *document)
{
    return figure->path ? report_number(document, figure->path) : figure->derive(document);
}

/* "+12 %", "−0.4 %", "×31"; against nothing, the value itself says it all. */
static void difference(FILE *out, double value, double first)
{
    if (fabs(value - first) < 1e-4 * first || value == first)
        fprintf(out, "<td>%s</td>", value == first ? "=" : "≈");
    else if (first <= 0)
        fputs("<td>new</td>", out);
    else if (value >= 10 * first)
        fprintf(out, "<td>× %.0f</td>", fmin(value / first, 1e15));
    else
        fprintf(out, "<td>%s%s</td>", value > first ? "+" : "−", units_share(fabs(value - first), first));
}

void page_main_table(FILE *out, const struct page *page)
{
    begin_table(out, "In numbers", "");
    fputs("<thead><tr><td></td>", out);
    for (size_t r = 0; r < page->count; r++) {
        char letter = page_letter(page, &page->runs[r]);
        if (page->count == 1)
            fputs("<th scope=\"col\">this run</th>", out);
        else
            fprintf(out, "<th scope=\"col\">%c</th>", letter);
        if (r > 0)
            fprintf(out, "<th scope=\"col\">%c against A</th>", letter);
    }
    fputs("</tr></thead><tbody>\n", out);
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        double first = figure_of(&figures[i], page->runs[0].document);
        fprintf(out, "<tr><th scope=\"row\">%s</th>", figures[i].what);
        for (size_t r = 0; r < page->count; r++) {
            double value = figure_of(&figures[i], page->runs[r].document);
            cell(out, value, figures[i].unit);
            if (r > 0)
                difference(out, value, first);
        }
        fputs("</tr>\n", out);
    }
    end_table(out);
}

/* --- settings that differ ------------------------------------------------------------------------------ */

static void setting_cell(FILE *out, const json_t *value)
{
    char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
    fputs("<td>", out);
    if (json_is_string(value))
        html_string(out, json_string_value(value), NAME_MOST);
    else
        html_string(out, text ? text : "–", NAME_MOST);
    fputs("</td>", out);
    free(text);
}

static bool differs(const struct page *page, const char *path)
{
    for (size_t r = 1; r < page->count; r++) {
        const json_t *a = report_at(page->runs[0].document, path), *b = report_at(page->runs[r].document, path);
        if (a != b && (!a || !b || !json_equal(a, b)))
            return true;
    }
    return false;
}

static void setting_row(FILE *out, const struct page *page, const char *path, const char *name, size_t *rows)
{
    if (!differs(page, path))
        return;
    if ((*rows)++ == 0) {
        fputs("<h2>Settings that differ</h2>\n", out);
        begin_table(out, "Settings that differ", "left");
        fputs("<thead><tr><td></td>", out);
        for (size_t r = 0; r < page->count; r++)
            fprintf(out, "<th scope=\"col\">%c</th>", page_letter(page, &page->runs[r]));
        fputs("</tr></thead><tbody>\n", out);
    }
    fputs("<tr><th scope=\"row\">", out);
    html_string(out, name, NAME_MOST);
    fputs("</th>", out);
    for (size_t r = 0; r < page->count; r++)
        setting_cell(out, report_at(page->runs[r].document, path));
    fputs("</tr>\n", out);
}

/* Whether the setting has a row already: of an earlier run that has it as well, or of what it came to in the run. */
static bool had_row(const struct page *page, size_t run, const char *path)
{
    if (strcmp(path, "run.config.ps") == 0 || strcmp(path, "run.config.pacing") == 0)
        return true;
    for (size_t r = 0; r < run; r++)
        if (report_at(page->runs[r].document, path))
            return true;
    return false;
}

/* Those in one object of the configuration, and in what that holds. */
static void settings_in(FILE *out, const struct page *page, size_t run, const char *object, size_t *rows)
{
    enum { LONGEST = 100 /* of keys: a setting's is shorter */, ROWS = 100 };
    const char *key;
    const json_t *value;
    json_object_foreach((json_t *)report_at(page->runs[run].document, object), key, value) {
        char path[2 * LONGEST + 8];
        if (strlen(key) >= LONGEST || strlen(object) >= LONGEST || *rows == ROWS)
            continue;
        snprintf(path, sizeof path, "%s.%s", object, key);
        if (json_is_object(value))
            settings_in(out, page, run, path, rows);
        else if (!had_row(page, run, path))
            setting_row(out, page, path, path + strlen("run.config."), rows);
    }
}

void page_settings_table(FILE *out, const struct page *page)
{
    static const char *const others[] = {"run.trace", "run.ps", "run.pacing", "run.goheap"};
    size_t rows = 0;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        setting_row(out, page, others[i], others[i] + strlen("run."), &rows);
    for (size_t r = 0; r < page->count; r++)
        settings_in(out, page, r, "run.config", &rows);
    if (rows)
        end_table(out);
}
