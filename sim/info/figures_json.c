/* The figures for programs, as one tree. Every count is below 2^63, as rows and bytes are. */
#include "info/figures.h"

#include <inttypes.h>

enum { LISTED = 100 /* streams */ };

/* 2^63 and more, which only the end of a band can be, is not a JSON integer here. */
static json_t *number(uint64_t n)
{
    return json_integer(n <= INT64_MAX ? (json_int_t)n : INT64_MAX);
}

/* JSON is UTF-8; a path or a label need not be. */
static json_t *text(const char *s)
{
    json_t *string = json_string(s);
    if (string != NULL)
        return string;
    char plain[4096];
    size_t n = 0;
    for (; s[n] != '\0' && n < sizeof plain - 1; n++)
        plain[n] = (unsigned char)s[n] < 0x80 ? s[n] : '?';
    plain[n] = '\0';
    return json_string(plain);
}

static json_t *rows(const struct figures *f)
{
    json_t *object = json_object();
    for (int op = 0; op < ROW_OPS; op++)
        json_object_set_new(object, row_op_names[op], number(f->rows[op]));
    return object;
}

static json_t *meta(const struct figures *f)
{
    json_t *array = json_array();
    for (size_t i = 0; i < f->meta_count; i++)
        json_array_append_new(array, text(f->meta[i]));
    return array;
}

/* Any 64-bit number: as text where JSON integers end. */
static json_t *stream_value(uint64_t value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRIu64, value);
    return value <= INT64_MAX ? number(value) : json_string(digits);
}

static json_t *streams(const struct streams *s, const char *name)
{
    json_t *busiest = json_array();
    for (size_t i = 0; i < s->count && i < LISTED; i++)
        json_array_append_new(busiest, json_pack("{s:o, s:o}", name, stream_value(s->all[i].value), "events",
                                                 number(s->all[i].events)));
    return json_pack("{s:o, s:o, s:o}", "count", number(s->count), "events_of_others", number(s->rest_events),
                     "busiest", busiest);
}

static json_t *objects(const struct figures *f)
{
    return json_pack("{s:o, s:o, s:f, s:o, s:o, s:o, s:o, s:o}", "count", number(f->objects), "bytes", number(f->bytes),
                     "mean_bytes", spread_mean(&f->sizes), "noscan_count", number(f->noscan_objects), "noscan_bytes",
                     number(f->noscan_bytes), "ended", number(f->ended), "ended_on_another_p", number(f->elsewhere),
                     "never_ended", number(f->live));
}

static json_t *peak(const struct figures_peak *p)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "objects", number(p->objects), "bytes", number(p->bytes), "t_ns",
                     number(p->t_ns), "row", number(p->line));
}

static json_t *live(const struct figures *f)
{
    return json_pack("{s:o, s:o, s:{s:o, s:o}}", "peak_objects", peak(&f->peak_objects), "peak_bytes",
                     peak(&f->peak_bytes), "end", "objects", number(f->live), "bytes", number(f->live_bytes));
}

static json_t *bands(const struct spread *s)
{
    json_t *array = json_array();
    for (unsigned b = 0; b < SPREAD_BANDS; b++)
        if (s->objects[b] > 0)
            json_array_append_new(array, json_pack("{s:o, s:o, s:o, s:o}", "from", number(spread_from(b)), "to",
                                                   number(spread_to(b)), "objects", number(s->objects[b]), "bytes",
                                                   number(s->bytes[b])));
    return array;
}

static json_t *spread(const struct spread *s)
{
    const struct histogram *h = &s->values;
    return json_pack("{s:o, s:f, s:o, s:o, s:o, s:o, s:o, s:o}", "count", number(h->count), "mean", spread_mean(s),
                     "p10", number(histogram_quantile(h, 0.1)), "p50", number(histogram_quantile(h, 0.5)), "p90",
                     number(histogram_quantile(h, 0.9)), "p99", number(histogram_quantile(h, 0.99)), "max",
                     number(h->max), "powers_of_two", bands(s));
}

static json_t *classes(const struct figures *f)
{
    json_t *array = json_array();
    for (unsigned c = 0; c < f->classes->count; c++) {
        const struct figures_class *class = &f->by_class[c];
        if (class->objects > 0)
            json_array_append_new(array, json_pack("{s:o, s:o, s:o, s:o, s:o}", "class", number(c), "slot_bytes",
                                                   number(f->classes->classes[c].size), "objects",
                                                   number(class->objects), "bytes", number(class->bytes), "peak_live",
                                                   number(class->peak_live)));
    }
    return array;
}

json_t *figures_json(const struct figures *f, const char *name, const char *config)
{
    json_t *trace = json_pack("{s:o, s:o, s:o, s:o, s:b, s:o}", "name", text(name), "meta", meta(f), "rows",
                              number(figures_rows(f)), "rows_by_op", rows(f), "timed", (int)f->timed, "duration_ns",
                              number(f->duration_ns));
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o}, s:o, s:o}", "trace", trace, "ps",
                     streams(&f->ps, "p"), "goroutines", streams(&f->gs, "g"), "objects", objects(f), "live", live(f),
                     "sizes", spread(&f->sizes), "size_classes", "config", text(config), "classes", classes(f),
                     "lifetimes_ns", spread(&f->lifetimes_ns), "lifetimes_bytes", spread(&f->lifetimes_bytes));
}
