/* What is said of one run or of several beside one another: main figures, and the settings in which they differ. */
#include "html/html.h"
#include "html/page_parts.h"
#include "report/report.h"
#include "report/units.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- main figures -------------------------------------------------------------------------------------- */

struct figure {
    const char *what, *path;
    enum unit unit;
    double (*derive)(const json_t *document); /* where path is NULL */
};

static double lock_wait(const json_t *document)
{
    return report_lock_sum(document, "wait_ns", NULL);
}

static double contended(const json_t *document)
{
    return report_lock_sum(document, "contended", NULL);
}

static const struct figure figures[] = {
    {"mapped, at most", "fragmentation.peak_mapped_bytes", BYTES, NULL},
    {"asked for by live objects, at most", "fragmentation.peak_requested_bytes", BYTES, NULL},
    {"mapped / asked for", "fragmentation.peak_mapped_over_peak_requested", RATIO, NULL},
    {"in spans, at most", "fragmentation.peak.in_use_bytes", BYTES, NULL},
    {"of them unused slots", "fragmentation.peak.external.unused_slot_bytes", BYTES, NULL},
    {"of them dead, not swept yet", "fragmentation.peak.dead_bytes", BYTES, NULL},
    {"of them rounding, tiny blocks and tails", NULL, BYTES, report_internal_waste},
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
    page_begin_table(out, "In numbers", "");
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
            page_cell(out, value, figures[i].unit);
            if (r > 0)
                difference(out, value, first);
        }
        fputs("</tr>\n", out);
    }
    page_end_table(out);
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
        page_begin_table(out, "Settings that differ", "left");
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
        page_end_table(out);
}
