#include "report/figure_text.h"

#include "report/report.h"
#include "report/units.h"
#include "report/verdict.h"

#include <stdio.h>
#include <string.h>

static void heap(const json_t *document, const struct verdict *verdict, char *text)
{
    const json_t *all = report_at(document, "fragmentation"), *peak = report_at(all, "peak");
    double cycles = report_number(document, "gc.cycles");
    snprintf(text, FIGURE_TEXT,
             "Over %s of the run, at most %s was mapped and live objects had asked for at most %s. When most was in use, "
             "at %s, %s was in spans and live objects had asked for %s. %s collection%s. %s",
             units_time(report_number(document, "run.virtual_ns"), "µs"),
             units_bytes(report_number(all, "peak_mapped_bytes")), units_bytes(report_number(all, "peak_requested_bytes")),
             units_time(report_number(peak, "t_ns"), "µs"), units_bytes(report_number(peak, "in_use_bytes")),
             units_bytes(report_number(peak, "requested_bytes")), units_count(cycles), cycles == 1 ? "" : "s",
             verdict->memory);
}

static void memory(const json_t *document, const struct verdict *verdict, char *text)
{
    (void)document;
    snprintf(text, FIGURE_TEXT, "%s", verdict->memory);
}

static void collecting(const json_t *document, const struct verdict *verdict, char *text)
{
    (void)document;
    snprintf(text, FIGURE_TEXT, "%s", verdict->collecting);
}

static void waiting(const json_t *document, const struct verdict *verdict, char *text)
{
    (void)document;
    snprintf(text, FIGURE_TEXT, "%s", verdict->waiting);
}

/* How full the spans were at the peak. */
static void occupancy(const json_t *document, const struct verdict *verdict, char *text)
{
    const json_t *class;
    size_t i;
    double slots = 0, live = 0, spans = 0;
    json_array_foreach(report_at(document, "size_classes"), i, class) {
        spans += report_number(class, "peak.spans");
        slots += report_number(class, "peak.slots");
        live += report_number(class, "peak.live");
    }
    snprintf(text, FIGURE_TEXT, "When most was in use there were %s spans, and live objects in %s of their %s slots. %s",
             units_count(spans), units_share(live, slots), units_count(slots), verdict->memory);
}

void figure_text(const char *figure, const json_t *document, char text[FIGURE_TEXT])
{
    static const struct {
        const char *figure;
        void (*write)(const json_t *document, const struct verdict *verdict, char *text);
    } texts[] = {{"heap", heap},           {"map", heap},      {"occupancy", occupancy}, {"waste", memory},
                 {"collector", collecting}, {"locks", waiting}, {"waits", waiting},       {"latency", waiting}};
    struct verdict verdict;
    verdict_of(document, &verdict);
    memory(document, &verdict, text);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (strcmp(figure, texts[i].figure) == 0)
            texts[i].write(document, &verdict, text);
}
