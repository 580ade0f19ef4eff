#include "report/figure_text.h"

#include "report/report.h"
#include "report/units.h"
#include "report/verdict.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char micro[] = "µs";

static void heap(const json_t *document, char *text)
{
    const json_t *all = report_at(document, "fragmentation"), *peak = report_at(all, "peak");
    double cycles = report_number(document, "gc.cycles");
    snprintf(text, FIGURE_TEXT,
             "At most %s was mapped. When most was in use, at %s, %s was in spans, of which live objects had asked for "
             "%s. There %s %s collection%s.",
             units_bytes(report_number(all, "peak_mapped_bytes")), units_time(report_number(peak, "t_ns"), micro),
             units_bytes(report_number(peak, "in_use_bytes")), units_bytes(report_number(peak, "requested_bytes")),
             cycles == 1 ? "was" : "were", units_count(cycles), cycles == 1 ? "" : "s");
}

static void map(const json_t *document, char *text)
{
    const json_t *peak = report_at(document, "fragmentation.peak");
    snprintf(text, FIGURE_TEXT,
             "When most was in use, %s was in free pages, the longest run of them %s; %s of them had been given back "
             "to the OS.",
             units_bytes(report_number(peak, "external.free_page_bytes")),
             units_bytes(report_number(peak, "external.longest_free_run_bytes")),
             units_bytes(report_number(peak, "released_bytes")));
}

static double waste_of(const json_t *class)
{
    return report_number(class, "peak.span_bytes") - report_number(class, "peak.requested_bytes");
}

/* The class that follows `after` in order of waste, the most first; after NULL: the first. NULL: there is none. */
static const json_t *next_worst(const json_t *classes, const json_t *after)
{
    const json_t *class, *worst = NULL;
    size_t i;
    bool passed = after == NULL;
    double below = after ? waste_of(after) : 0;
    json_array_foreach(classes, i, class) {
        double waste = waste_of(class);
        bool later = !after || waste < below || (waste == below && passed);
        passed = passed || class == after;
        if (later && class != after && waste > (worst ? waste_of(worst) : 0))
            worst = class;
    }
    return worst;
}

static void waste(const json_t *document, char *text)
{
    enum { NAMED = 3 };
    const json_t *peak = report_at(document, "fragmentation.peak"), *classes = report_at(document, "size_classes");
    double all = report_number(peak, "in_use_bytes") - report_number(peak, "requested_bytes");
    int used = snprintf(text, FIGURE_TEXT, "When most was in use, %s in spans was not what live objects had asked for",
                        units_bytes(all > 0 ? all : 0));
    const json_t *class = next_worst(classes, NULL);
    for (int i = 0; i < NAMED && class; i++, class = next_worst(classes, class)) {
        double size = report_number(class, "size");
        used += snprintf(text + used, FIGURE_TEXT - (size_t)used, "%s%s%s (%s)", i ? ", " : ", above all in ",
                         size > 0 ? units_count(size) : "large objects", size > 0 ? " B" : "",
                         units_bytes(waste_of(class)));
    }
    snprintf(text + used, FIGURE_TEXT - (size_t)used, ".");
}

static void spans(const json_t *document, char *text)
{
    const json_t *class;
    size_t i;
    double slots = 0, live = 0, n = 0;
    json_array_foreach(report_at(document, "size_classes"), i, class) {
        n += report_number(class, "peak.spans");
        slots += report_number(class, "peak.slots");
        live += report_number(class, "peak.live");
    }
    snprintf(text, FIGURE_TEXT, "When most was in use there were %s spans, with live objects in %s of their %s slots.",
             units_count(n), units_share(live, slots), units_count(slots));
}

static double allocations_of(const json_t *class)
{
    return report_number(class, "allocs") + report_number(class, "tiny_allocs");
}

static void turnover(const json_t *document, char *text)
{
    const json_t *class, *busiest = NULL;
    size_t i;
    double refills = 0, swept = 0, most = 0;
    json_array_foreach(report_at(document, "size_classes"), i, class) {
        busiest = allocations_of(class) > (busiest ? allocations_of(busiest) : 0) ? class : busiest;
        refills += report_number(class, "refills.count");
        swept += report_number(class, "refills.spans_swept");
        most = fmax(most, report_number(class, "refills.most_spans_swept"));
    }
    double size = report_number(busiest, "size");
    if (!busiest) {
        snprintf(text, FIGURE_TEXT, "Nothing was allocated.");
        return;
    }
    snprintf(text, FIGURE_TEXT,
             "Of %s%s, allocated most often, each live one was replaced %.2f times a second. To find free slots, %s "
             "refills swept %s spans, at most %s at once.",
             size > 0 ? units_count(size) : "large objects", size > 0 ? " B" : "",
             report_number(busiest, "turnover_per_s"), units_count(refills), units_count(swept), units_count(most));
}

static void collector(const json_t *document, char *text)
{
    struct verdict verdict;
    verdict_of(document, &verdict);
    snprintf(text, FIGURE_TEXT, "%s", verdict.collecting);
}

static void locks(const json_t *document, char *text)
{
    struct verdict verdict;
    verdict_of(document, &verdict);
    snprintf(text, FIGURE_TEXT, "%s", verdict.locks);
}

static void waits(const json_t *document, char *text)
{
    double n = report_lock_sum(document, "contended", NULL), ns = report_lock_sum(document, "wait_ns", NULL);
    snprintf(text, FIGURE_TEXT, "%s wait%s for locks, of %s together, in %s.", units_count(n), n == 1 ? "" : "s",
             units_time(ns, micro), units_time(report_number(document, "run.virtual_ns"), micro));
}

static void latency(const json_t *document, char *text)
{
    struct verdict verdict;
    verdict_of(document, &verdict);
    snprintf(text, FIGURE_TEXT, "%s", verdict.latency);
}

static void trace(const json_t *document, char *text)
{
    double events = report_number(document, "run.events"), allocations = report_number(document, "latency_all.count");
    snprintf(text, FIGURE_TEXT, "Of the %s events replayed, %s were allocations.", units_count(events),
             units_count(allocations));
}

void figure_text(const char *figure, const json_t *document, char text[FIGURE_TEXT])
{
    static const struct {
        const char *figure;
        void (*write)(const json_t *document, char *text);
    } texts[] = {{"map", map},     {"waste", waste}, {"spans", spans},     {"turnover", turnover}, {"collector", collector},
                 {"locks", locks}, {"waits", waits}, {"latency", latency}, {"trace", trace}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (strcmp(figure, texts[i].figure) == 0) {
            texts[i].write(document, text);
            return;
        }
    heap(document, text);
}
