/* The summary that a person reads: from the tree alone. */
#include "report/report.h"
#include "report/units.h"

#include <inttypes.h>
#include <string.h>

/* Columns are padded by bytes, so the unit is in ASCII. */
static const char *time_text(double ns)
{
    return units_time(ns, "us");
}

static void heading(const json_t *d, FILE *out)
{
    const char *config = json_string_value(report_at(d, "run.config.name"));
    fprintf(out, "%s on %s, %.0f P%s, pacing %s\n", json_string_value(report_at(d, "run.trace")), config,
            report_number(d, "run.ps"), report_number(d, "run.ps") == 1 ? "" : "s",
            json_string_value(report_at(d, "run.pacing")));
    if (report_at(d, "run.measured")) {
        fprintf(out, "  %s events by threads, measured: %s; preempted %s times\n\n",
                units_count(report_number(d, "run.events")), time_text(report_number(d, "run.virtual_ns")),
                units_count(report_number(d, "run.measured.preemptions")));
        return;
    }
    fprintf(out, "  %s events, %s of virtual time, simulated in %.2f s (%.1f M events/s)\n\n",
            units_count(report_number(d, "run.events")), time_text(report_number(d, "run.virtual_ns")),
            report_number(d, "run.wall.seconds"), report_number(d, "run.wall.events_per_second") / 1e6);
}

static void heap(const json_t *d, FILE *out)
{
    const json_t *m = report_at(d, "memstats");
    fprintf(out, "Heap at the end\n");
    fprintf(out, "  %-22s%10s   mallocs %s, frees %s\n", "live objects (Go)",
            units_bytes(report_number(m, "HeapAlloc")), units_count(report_number(m, "Mallocs")),
            units_count(report_number(m, "Frees")));
    fprintf(out, "  %-22s%10s\n", "in spans", units_bytes(report_number(m, "HeapInuse")));
    fprintf(out, "  %-22s%10s   %s of it not backed by memory\n", "mapped", units_bytes(report_number(m, "HeapSys")),
            units_bytes(report_number(m, "HeapReleased")));
    double next = report_number(m, "NextGC"); /* if nothing sets a goal, near 2^63 */
    fprintf(out, "  %-22s%10s\n\n", "next collection at", next < 0x1p62 ? units_bytes(next) : "off");
}

static void share(FILE *out, const char *what, double part, double whole, const char *remark)
{
    fprintf(out, "  %-22s%10s  %5.1f %%%s%s\n", what, units_bytes(part), whole > 0 ? 100 * part / whole : 0,
            *remark ? "  " : "", remark);
}

static void fragmentation(const json_t *d, FILE *out)
{
    const json_t *p = report_at(d, "fragmentation.peak");
    double whole = report_number(p, "in_use_bytes");
    fprintf(out, "Where the spans' memory was at the peak (%s, after %s)\n", units_bytes(whole),
            time_text(report_number(p, "t_ns")));
    share(out, "asked for and live", report_number(p, "requested_bytes"), whole, "");
    share(out, "rounding", report_number(p, "internal.rounding_bytes"), whole, "up to the size class");
    share(out, "tiny blocks", report_number(p, "internal.tiny_bytes"), whole, "not filled by tiny objects");
    share(out, "span tails", report_number(p, "internal.tail_bytes"), whole, "too short for one more object");
    share(out, "dead", report_number(p, "dead_bytes"), whole, "not collected and swept yet");
    share(out, "unused slots", report_number(p, "external.unused_slot_bytes"), whole, "free, in spans of a class");
    fprintf(out, "  peak mapped / peak asked for: %.2f\n\n",
            report_number(d, "fragmentation.peak_mapped_over_peak_requested"));
}

static double waste_of(const json_t *class)
{
    return report_number(class, "peak.span_bytes") - report_number(class, "peak.requested_bytes");
}

static void classes(const json_t *d, FILE *out)
{
    const json_t *all = report_at(d, "size_classes"), *row;
    const json_t *worst[5] = {0};
    size_t i;
    json_array_foreach(all, i, row) {
        double waste = waste_of(row);
        const json_t *here = row;
        for (unsigned k = 0; k < 5 && waste > 0; k++) {
            const json_t *there = worst[k];
            double theirs = there ? waste_of(there) : 0;
            if (!there || waste > theirs) {
                worst[k] = here;
                here = there;
                waste = theirs;
            }
        }
    }
    fprintf(out, "Classes that wasted most then\n  %10s %8s %12s %12s %12s %12s\n", "size", "spans", "asked for",
            "rounding+tail", "dead", "unused");
    for (unsigned k = 0; k < 5 && worst[k]; k++) {
        double size = report_number(worst[k], "size");
        const json_t *p = report_at(worst[k], "peak");
        fprintf(out, "  %10s %8s %12s %12s %12s %12s\n", size > 0 ? units_bytes(size) : "large",
                units_count(report_number(p, "spans")), units_bytes(report_number(p, "requested_bytes")),
                units_bytes(report_number(p, "rounding_bytes") + report_number(p, "tiny_bytes") +
                           report_number(p, "tail_bytes")),
                units_bytes(report_number(p, "dead_bytes")), units_bytes(report_number(p, "unused_bytes")));
    }
    fputc('\n', out);
}

static void latency(const json_t *d, FILE *out)
{
    const json_t *row;
    size_t i;
    double total = 0;
    json_array_foreach(report_at(d, "latency"), i, row)
        total += report_number(row, "count");
    fprintf(out, "Allocations by who served them\n  %-10s %12s %8s %10s %10s %10s\n", "", "count", "share", "mean",
            "p99", "max");
    json_array_foreach(report_at(d, "latency"), i, row)
        fprintf(out, "  %-10s %12s %6.2f %% %10s %10s %10s\n", json_string_value(report_at(row, "tier")),
                units_count(report_number(row, "count")), total > 0 ? 100 * report_number(row, "count") / total : 0,
                time_text(report_number(row, "mean_ns")), time_text(report_number(row, "p99_ns")),
                time_text(report_number(row, "max_ns")));
    fputc('\n', out);
}

static void locks(const json_t *d, FILE *out)
{
    const json_t *row;
    size_t i, shown = 0;
    fprintf(out, "Locks, most waited for first\n  %-22s %12s %10s %10s %10s %10s\n", "", "acquired", "contended",
            "waited", "worst", "busy");
    json_array_foreach(report_at(d, "locks"), i, row) {
        if (!json_is_true(report_at(row, "waits")) || shown++ >= 5)
            continue;
        fprintf(out, "  %-22s %12s %10s %10s %10s %8.2f %%\n", json_string_value(report_at(row, "name")),
                units_count(report_number(row, "acquisitions")), units_count(report_number(row, "contended")),
                time_text(report_number(row, "wait_ns")), time_text(report_number(row, "wait_max_ns")),
                100 * report_number(row, "utilisation"));
    }
    fputc('\n', out);
}

static void collector(const json_t *d, FILE *out)
{
    const json_t *g = report_at(d, "gc");
    fprintf(out, "Collector: %s cycle%s, %s forced; pauses %s in all, %s at worst; %.2f %% of the Ps' time\n",
            units_count(report_number(g, "cycles")), report_number(g, "cycles") == 1 ? "" : "s",
            units_count(report_number(g, "forced_cycles")), time_text(report_number(g, "pauses.total_ns")),
            time_text(report_number(g, "pauses.max_ns")), 100 * report_number(g, "cpu_fraction"));
}

void report_summary(const json_t *document, FILE *out)
{
    heading(document, out);
    heap(document, out);
    fragmentation(document, out);
    classes(document, out);
    latency(document, out);
    locks(document, out);
    collector(document, out);
}
