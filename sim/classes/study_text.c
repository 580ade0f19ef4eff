/* The study for people: a few lines a trace, where the waste goes, and what it takes to have less. */
#include <inttypes.h>

#include "classes/study.h"

static double share(double part, double all)
{
    return all > 0 ? 100 * part / all : 0;
}

static double room(const struct waste *w)
{
    return w->needed + waste_of(w);
}

static void write_sheet(const char *label, const struct waste_sheet *sheet, FILE *out)
{
    const struct waste *all = &sheet->of[0];
    fprintf(out, "  %-8s%7u  %14.0f  %14.0f  %12.0f  %12.0f  %14.0f  %6.2f %%\n", label, sheet->table.count - 1,
            all->objects, all->needed, all->rounding, all->tail, waste_of(all), share(waste_of(all), room(all)));
}

static void write_saving(const struct study_trace *t, FILE *out)
{
    const struct waste *before = &t->before.of[0], *after = &t->after.of[0];
    double saved = waste_of(before) - waste_of(after);
    if (saved > -0.5 && saved < 0)
        saved = 0; /* no minus before nothing */
    fprintf(out, "  saved %.0f bytes: %.2f %% of the waste, %.2f %% of the room\n", saved,
            share(saved, waste_of(before)), share(saved, room(before)));
}

static void write_trace(const struct study *s, const struct study_trace *t, FILE *out)
{
    fprintf(out, "  %" PRIu64 " objects of %" PRIu64 " depend on the classes; %" PRIu64 " are tiny, %" PRIu64
            " large, %" PRIu64 " have no bytes\n", t->objects, t->objects + t->tiny + t->large + t->empty, t->tiny,
            t->large, t->empty);
    fprintf(out, "          classes         objects    bytes needed      rounding         tails           waste");
    fprintf(out, "  of room\n");
    write_sheet("before", &t->before, out);
    write_sheet("after", &t->after, out);
    if (t != s->traces[0])
        write_sheet("its own", &t->best, out);
    write_saving(t, out);
}

/* One half of a row: a class, or the lack of it. */
static void write_class(const struct waste_sheet *sheet, unsigned i, FILE *out)
{
    if (i == 0) {
        fprintf(out, "  |  %5s  %11s  %12s  %12s", "-", "-", "-", "-");
        return;
    }
    const struct waste *w = &sheet->of[i];
    fprintf(out, "  |  %5u  %11.0f  %12.0f  %12.0f", sheet->table.classes[i].pages, w->objects, w->rounding, w->tail);
}

/* The classes of both tables, by size. */
static void write_classes(const struct study_trace *t, FILE *out)
{
    const struct goheap_class_table *a = &t->before.table, *b = &t->after.table;
    fprintf(out, "Where it goes: class by class, before and after\n");
    fprintf(out, "  bytes/obj  |  pages      objects      rounding         tails");
    fprintf(out, "  |  pages      objects      rounding         tails\n");
    for (unsigned i = 1, j = 1; i < a->count || j < b->count;) {
        uint32_t of_a = i < a->count ? a->classes[i].size : UINT32_MAX;
        uint32_t of_b = j < b->count ? b->classes[j].size : UINT32_MAX;
        fprintf(out, "  %9" PRIu32, of_a < of_b ? of_a : of_b);
        write_class(&t->before, of_a <= of_b ? i++ : 0, out);
        write_class(&t->after, of_b <= of_a ? j++ : 0, out);
        putc('\n', out);
    }
}

static void write_front(const struct study *s, FILE *out)
{
    fprintf(out, "The least waste by number of classes\n");
    fprintf(out, "  classes           waste  of room\n");
    for (unsigned n = STUDY_FRONT_FROM; n <= STUDY_FRONT_TO; n++) {
        const struct waste *w = &s->traces[0]->front[n];
        if (study_has_front(s, n))
            fprintf(out, "  %7u  %14.0f  %6.2f %%\n", n, waste_of(w), share(waste_of(w), room(w)));
    }
}

void study_text(const struct study *s, FILE *out)
{
    static const char *const meanings[] = {
        "bytes wasted by all objects ever allocated",
        "bytes wasted on average over time",
        "bytes wasted when the most requested bytes are live",
    };
    fprintf(out, "Size classes for %s, beside %s's; %s: %s\n", s->traces[0]->name, s->config_name,
            study_objectives[s->objective], meanings[s->objective]);
    write_trace(s, s->traces[0], out);
    if (study_fewest(s) > 0)
        fprintf(out, "  with %u classes the best table wastes no more than the one before\n", study_fewest(s));
    for (unsigned i = 1; i < s->count; i++) {
        fprintf(out, "\nThe same classes for %s\n", s->traces[i]->name);
        write_trace(s, s->traces[i], out);
    }
    putc('\n', out);
    write_classes(s->traces[0], out);
    putc('\n', out);
    write_front(s, out);
}
