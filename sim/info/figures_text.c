/* The figures for people: aligned, numbers of three digits with their units, the exact ones are in the JSON. */
#include "info/figures.h"

#include <inttypes.h>

enum { BUSIEST = 8 /* streams that are listed */ };

struct text {
    char text[40];
};

/* Of three digits, with the last unit whose step it reaches. */
static struct text scaled(double value, double step, const char *const *units, unsigned n)
{
    struct text t;
    unsigned u = 0;
    while (value >= 999.5 && u + 1 < n) {
        value /= step;
        u++;
    }
    int digits = u == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    snprintf(t.text, sizeof t.text, "%.*f %s", digits, value, units[u]);
    return t;
}

static struct text bytes(double value)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    return scaled(value, 1024, units, sizeof units / sizeof units[0]);
}

static struct text duration(double ns)
{
    static const char *const units[] = {"ns", "us", "ms", "s", "ks", "Ms", "Gs"};
    return scaled(ns, 1000, units, sizeof units / sizeof units[0]);
}

static struct text percent(uint64_t part, uint64_t all)
{
    struct text t;
    snprintf(t.text, sizeof t.text, "%.1f %%", all == 0 ? 0 : 100 * (double)part / (double)all);
    return t;
}

static struct text count(uint64_t n)
{
    struct text t;
    snprintf(t.text, sizeof t.text, "%" PRIu64, n);
    return t;
}

/* Control characters are no text for a terminal. */
static void write_meta(const char *text, FILE *out)
{
    fputs("  ", out);
    for (; *text != '\0'; text++)
        fputc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, out);
    fputc('\n', out);
}

static void heading(const struct figures *f, const char *name, FILE *out)
{
    fprintf(out, "%s: %" PRIu64 " rows", name, figures_rows(f));
    if (f->timed)
        fprintf(out, ", %s", duration((double)f->duration_ns).text);
    else
        fputs(", without times", out);
    fputc('\n', out);
    for (size_t i = 0; i < f->meta_count; i++)
        write_meta(f->meta[i], out);
    if (f->rows[TRACE_META] > f->meta_count)
        fprintf(out, "  and %" PRIu64 " more such rows\n", f->rows[TRACE_META] - f->meta_count);
    fputs("\nRows\n", out);
    for (int op = 0; op < ROW_OPS; op++)
        if (f->rows[op] > 0)
            fprintf(out, "  %-18s%14" PRIu64 "\n", row_op_names[op], f->rows[op]);
}

static void stream_list(const struct streams *streams, const char *what, const char *letter, uint64_t rows, FILE *out)
{
    if (streams->count == 0)
        return;
    bool more = streams->rest_events > 0;
    fprintf(out, "\n%s: %zu%s, the busiest first\n", what, streams->count, more ? " and more" : "");
    for (size_t i = 0; i < streams->count && i < BUSIEST; i++) {
        const struct stream_figures *stream = &streams->all[i];
        char name[32];
        snprintf(name, sizeof name, "%s %" PRIu64, letter, stream->value);
        fprintf(out, "  %-18s%14" PRIu64 " %9s\n", name, stream->events, percent(stream->events, rows).text);
    }
}

static void peak(const struct figures *f, const char *what, const struct figures_peak *peak, FILE *out)
{
    fprintf(out, "  %-18s%14" PRIu64 " %10s   at row %" PRIu64, what, peak->objects, bytes((double)peak->bytes).text,
            peak->line);
    if (f->timed)
        fprintf(out, ", %s", duration((double)peak->t_ns).text);
    fputc('\n', out);
}

static void objects(const struct figures *f, FILE *out)
{
    fputs("\nObjects\n", out);
    fprintf(out, "  %-18s%14" PRIu64 " %10s   %s each\n", "allocated", f->objects, bytes((double)f->bytes).text,
            bytes(spread_mean(&f->sizes)).text);
    peak(f, "live, most bytes", &f->peak_bytes, out);
    peak(f, "live, most objects", &f->peak_objects, out);
    fprintf(out, "  %-18s%14" PRIu64 " %10s   never freed: %s of objects\n", "live at the end", f->live,
            bytes((double)f->live_bytes).text, percent(f->live, f->objects).text);
    fprintf(out, "  %-18s%14s %10s   of objects, of bytes\n", "without pointers",
            percent(f->noscan_objects, f->objects).text, percent(f->noscan_bytes, f->bytes).text);
    fprintf(out, "  %-18s%14s              of those freed, by another P than allocated them\n", "handed over",
            percent(f->elsewhere, f->ended).text);
}

static void quantiles(const struct spread *spread, struct text (*unit)(double), FILE *out)
{
    const struct histogram *h = &spread->values;
    fprintf(out, "  mean %s, median %s, 90 %% up to %s, 99 %% up to %s, at most %s\n", unit(spread_mean(spread)).text,
            unit((double)histogram_quantile(h, 0.5)).text, unit((double)histogram_quantile(h, 0.9)).text,
            unit((double)histogram_quantile(h, 0.99)).text, unit((double)h->max).text);
}

/* A line a power of two, from the first to the last with something in it. */
static void spread_table(const char *title, const struct spread *spread, struct text (*unit)(double), FILE *out)
{
    uint64_t all = spread->values.count, all_bytes = 0;
    if (all == 0)
        return;
    fprintf(out, "\n%s\n", title);
    quantiles(spread, unit, out);
    unsigned first = 0, last = SPREAD_BANDS - 1;
    while (spread->objects[first] == 0)
        first++;
    while (spread->objects[last] == 0)
        last--;
    for (unsigned b = first; b <= last; b++)
        all_bytes += spread->bytes[b];
    fprintf(out, "  %18s%14s %9s %10s %9s\n", "from", "objects", "share", "bytes", "share");
    for (unsigned b = first; b <= last; b++)
        fprintf(out, "  %18s%14" PRIu64 " %9s %10s %9s\n", unit((double)spread_from(b)).text, spread->objects[b],
                percent(spread->objects[b], all).text, bytes((double)spread->bytes[b]).text,
                percent(spread->bytes[b], all_bytes).text);
}

static void class_table(const struct figures *f, FILE *out)
{
    if (f->objects == 0)
        return;
    fprintf(out, "\nSize classes\n  %18s%14s %9s %10s %12s\n", "slot, bytes", "objects", "share", "bytes", "most live");
    for (unsigned c = 0; c < f->classes->count; c++) {
        const struct figures_class *class = &f->by_class[c];
        if (class->objects > 0)
            fprintf(out, "  %18s%14" PRIu64 " %9s %10s %12" PRIu64 "\n",
                    c == 0 ? "none (0 or large)" : count(f->classes->classes[c].size).text, class->objects,
                    percent(class->objects, f->objects).text, bytes((double)class->bytes).text, class->peak_live);
    }
}

void figures_text(const struct figures *f, const char *name, FILE *out)
{
    uint64_t events = figures_rows(f) - f->rows[TRACE_META];
    heading(f, name, out);
    stream_list(&f->ps, "Ps", "p", events, out);
    stream_list(&f->gs, "Goroutines", "g", events, out);
    objects(f, out);
    spread_table("Sizes", &f->sizes, bytes, out);
    class_table(f, out);
    spread_table("Lifetimes, in time", &f->lifetimes_ns, duration, out);
    spread_table("Lifetimes, in bytes allocated meanwhile", &f->lifetimes_bytes, bytes, out);
}
