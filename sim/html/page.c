#include "html/page.h"

#include "html/assets.h"
#include "html/html.h"
#include "html/page_parts.h"
#include "html/svg.h"
#include "report/figure_text.h"
#include "report/report.h"
#include "report/units.h"
#include "report/verdict.h"

#include <stdlib.h>
#include <string.h>

enum { CONFIG_MOST = 16384 /* characters */, FIGURES_MOST = PAGE_MOST - 1200000 /* bytes left by tables and texts */ };

static const char *text_at(const json_t *document, const char *path)
{
    const char *text = json_string_value(report_at(document, path));
    return text ? text : "";
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *page_trace(const struct page_run *run)
{
    const char *trace = text_at(run->document, "run.trace");
    return base_name(strcmp(trace, "-") == 0 ? run->name : trace);
}

char page_letter(const struct page *page, const struct page_run *run)
{
    return (char)('A' + (run - page->runs));
}

/* --- the head ------------------------------------------------------------------------------------------ */

/* "go1.26, 4 Ps, recorded pacing" */
static void describe(FILE *out, const json_t *document)
{
    double ps = report_number(document, "run.ps");
    html_string(out, text_at(document, "run.config.name"), NAME_MOST);
    fprintf(out, ", %s P%s, ", units_count(ps), ps == 1 ? "" : "s");
    html_string(out, text_at(document, "run.pacing"), NAME_MOST);
    fprintf(out, " pacing%s", report_at(document, "run.measured") ? ", measured on the real allocator" : "");
}

static void head(FILE *out, const struct page *page)
{
    fprintf(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                 "<meta http-equiv=\"Content-Security-Policy\" content=\"%s\">\n"
                 "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                 "<meta name=\"color-scheme\" content=\"light dark\">\n"
                 "<meta name=\"referrer\" content=\"no-referrer\">\n"
                 "<meta name=\"generator\" content=\"goheap %s\">\n<title>",
            asset_policy, GOHEAP_VERSION);
    if (page->count > 1)
        fprintf(out, "%zu runs: ", page->count);
    html_string(out, page_trace(&page->runs[0]), NAME_MOST);
    fprintf(out, " – goheap</title>\n<style>\n%s%s</style>\n</head>\n<body>\n", asset_style, asset_print_style);
}

static void heading(FILE *out, const struct page_run *run)
{
    const json_t *document = run->document;
    fputs("<header>\n<h1>", out);
    html_string(out, page_trace(run), NAME_MOST);
    fputs("</h1>\n<p class=\"soft\">", out);
    describe(out, document);
    fprintf(out, "; %s events, %s of %s time</p>\n</header>\n", units_count(report_number(document, "run.events")),
            units_time(report_number(document, "run.virtual_ns"), "µs"),
            report_at(document, "run.measured") ? "measured" : "virtual");
}

/* What the letters stand for. */
static void headings(FILE *out, const struct page *page)
{
    fprintf(out, "<header>\n<h1>%zu runs beside one another</h1>\n", page->count);
    for (size_t r = 0; r < page->count; r++) {
        fprintf(out, "<p><strong>%c</strong>: ", page_letter(page, &page->runs[r]));
        html_string(out, page->runs[r].name, NAME_MOST);
        fputs(" <span class=\"soft\">– ", out);
        html_string(out, page_trace(&page->runs[r]), NAME_MOST);
        fputs(", ", out);
        describe(out, page->runs[r].document);
        fputs("</span></p>\n", out);
    }
    fputs("</header>\n", out);
}

static void verdict(FILE *out, const struct page_run *run)
{
    struct verdict verdict;
    verdict_of(run->document, &verdict);
    const char *sentences[3][2] = {{verdict.memory, ""}, {verdict.collecting, ""}, {verdict.locks, verdict.latency}};
    fputs("<div class=\"verdict\">\n", out);
    for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++) {
        fputs("<p>", out);
        html_string(out, sentences[i][0], HTML_ALL);
        fputs(*sentences[i][1] ? " " : "", out);
        html_string(out, sentences[i][1], HTML_ALL);
        fputs("</p>\n", out);
    }
    fputs("</div>\n", out);
}

/* --- figures ------------------------------------------------------------------------------------------- */

/* What a figure says, a line for each run. NULL if there is no memory, else the caller's. */
static char *description(const struct page *page, const struct page_figure *figure)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    for (size_t r = 0; r < page->count; r++) {
        char of_run[FIGURE_TEXT];
        figure_text(figure->name, page->runs[r].document, of_run);
        if (page->count > 1)
            fprintf(out, "%s%c: ", r ? "\n" : "", page_letter(page, &page->runs[r]));
        fputs(of_run, out);
    }
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

/* The figure as part of the page, or NULL and *error; the caller frees it. */
static char *inlined(const struct page_figure *figure, const char *words, size_t *size, struct error *error)
{
    char id[64], *text = NULL;
    snprintf(id, sizeof id, "figure-%.40s", figure->name);
    struct svg_label label = {id, figure->what, words};
    FILE *out = open_memstream(&text, size);
    bool ok = out && svg_inline(out, figure->svg, figure->length, &label, error);
    if (!out || fclose(out) != 0)
        ok = error_set(error, "out of memory");
    if (ok)
        return text;
    free(text);
    return NULL;
}

/* *room: bytes that figures may still take. */
static bool put_figure(FILE *out, const struct page *page, const struct page_figure *figure, size_t *room,
                       struct error *error)
{
    size_t size = 0;
    char *words = description(page, figure);
    char *svg = words ? inlined(figure, words, &size, error) : NULL;
    if (!svg) {
        free(words);
        return error_set(error, "out of memory");
    }
    fputs("<figure>\n", out);
    if (size <= *room) {
        *room -= size;
        fputs("<div class=\"ground\">", out);
        fwrite(svg, 1, size, out);
        fputs("</div>", out);
    } else {
        fprintf(out, "<p>This figure would take %s here; <code>goheap plot --figure %s</code> draws it.</p>\n",
                units_bytes((double)size), figure->name);
    }
    fputs("<figcaption>", out);
    html_string(out, words, HTML_ALL);
    fputs("</figcaption>\n</figure>\n", out);
    free(svg);
    free(words);
    return true;
}

static bool figures(FILE *out, const struct page *page, struct error *error)
{
    size_t room = FIGURES_MOST;
    fputs("<h2>Figures</h2>\n", out);
    if (page->remark) {
        fputs("<p>", out);
        html_string(out, page->remark, HTML_ALL);
        fputs("</p>\n", out);
    }
    for (size_t i = 0; i < page->figure_count; i++)
        if (!put_figure(out, page, &page->figures[i], &room, error))
            return false;
    return true;
}

/* --- configuration and the rest ------------------------------------------------------------------------ */

static bool configuration(FILE *out, const json_t *document, struct error *error)
{
    size_t flags = JSON_INDENT(1) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15);
    char *text = json_dumps(report_at(document, "run.config"), flags);
    if (!text)
        return error_set(error, "out of memory");
    fputs("<h2>Effective configuration</h2>\n<pre>", out);
    html_string(out, text, CONFIG_MOST);
    fputs("</pre>\n", out);
    free(text);
    return true;
}

/* What the trace says of itself, and what it is made of. */
static void trace(FILE *out, const json_t *info)
{
    enum { ROWS_MOST = 64, TEXT_MOST = 200 };
    const json_t *text, *objects = report_at(info, "objects");
    size_t i;
    fprintf(out, "<h2>The trace</h2>\n<p>%s rows, %s objects of %s together, of which %s are never freed; at most %s "
                 "live at once.</p>\n",
            units_count(report_number(info, "trace.rows")), units_count(report_number(objects, "count")),
            units_bytes(report_number(objects, "bytes")), units_count(report_number(objects, "never_ended")),
            units_bytes(report_number(info, "live.peak_bytes.bytes")));
    fputs("<ul>\n", out);
    json_array_foreach(report_at(info, "trace.meta"), i, text) {
        if (i == ROWS_MOST)
            break;
        fputs("<li><code>", out);
        html_string(out, json_string_value(text) ? json_string_value(text) : "", TEXT_MOST);
        fputs("</code></li>\n", out);
    }
    fputs("</ul>\n", out);
}

static bool one_run(FILE *out, const struct page *page, struct error *error)
{
    const json_t *document = page->runs[0].document;
    heading(out, &page->runs[0]);
    fputs("<main>\n", out);
    verdict(out, &page->runs[0]);
    if (!figures(out, page, error))
        return false;
    fputs("<h2>In numbers</h2>\n", out);
    page_main_table(out, page);
    page_memory_table(out, document);
    page_class_table(out, document);
    page_tier_table(out, document);
    page_lock_table(out, document);
    page_cycle_table(out, document);
    if (page->runs[0].trace)
        trace(out, page->runs[0].trace);
    return true;
}

static bool several_runs(FILE *out, const struct page *page, struct error *error)
{
    headings(out, page);
    fputs("<main>\n", out);
    page_main_table(out, page);
    page_settings_table(out, page);
    for (size_t r = 0; r < page->count; r++) {
        fprintf(out, "<h2>%c: ", page_letter(page, &page->runs[r]));
        html_string(out, page->runs[r].name, NAME_MOST);
        fputs("</h2>\n", out);
        verdict(out, &page->runs[r]);
    }
    return figures(out, page, error);
}

bool page_write(FILE *out, const struct page *page, struct error *error)
{
    head(out, page);
    if (!(page->count == 1 ? one_run : several_runs)(out, page, error) ||
        !configuration(out, page->runs[0].document, error))
        return false;
    fputs("<h2>How to get the same</h2>\n", out);
    for (size_t r = 0; r < page->count; r++)
        page_reproduce(out, page, &page->runs[r]);
    fprintf(out, "</main>\n<footer class=\"soft\"><p>Made by goheap %s.</p></footer>\n", GOHEAP_VERSION);
    fprintf(out, "<script>%s</script>\n</body>\n</html>\n", asset_script);
    return true;
}
