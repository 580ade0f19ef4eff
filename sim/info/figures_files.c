/* The figures as files in a directory: what `goheap plot` draws, and what a spreadsheet wants. */
#include "info/figures.h"

#include <inttypes.h>
#include <limits.h>

#include "base/out_file.h"

static void write_bands(const char *of, const struct spread *spread, FILE *out)
{
    for (unsigned b = 0; b < SPREAD_BANDS; b++)
        if (spread->objects[b] > 0)
            fprintf(out, "%s,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n", of, spread_from(b), spread_to(b),
                    spread->objects[b], spread->bytes[b]);
}

/* In long form: a row a histogram and power of two. */
static void write_spreads(const struct figures *f, FILE *out)
{
    fputs("of,from,to,objects,bytes\n", out);
    write_bands("size_bytes", &f->sizes, out);
    write_bands("lifetime_ns", &f->lifetimes_ns, out);
    write_bands("lifetime_bytes", &f->lifetimes_bytes, out);
}

static void write_classes(const struct figures *f, FILE *out)
{
    fputs("class,slot_bytes,objects,bytes,peak_live\n", out);
    for (unsigned c = 0; c < f->classes->count; c++) {
        const struct figures_class *class = &f->by_class[c];
        fprintf(out, "%u,%" PRIu32 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n", c, f->classes->classes[c].size,
                class->objects, class->bytes, class->peak_live);
    }
}

static void write_streams(const struct figures *f, FILE *out)
{
    fputs("kind,value,events\n", out);
    for (size_t i = 0; i < f->ps.count; i++)
        fprintf(out, "p,%" PRIu64 ",%" PRIu64 "\n", f->ps.all[i].value, f->ps.all[i].events);
    for (size_t i = 0; i < f->gs.count; i++)
        fprintf(out, "g,%" PRIu64 ",%" PRIu64 "\n", f->gs.all[i].value, f->gs.all[i].events);
}

static bool open_in(struct out_file *out, const char *directory, const char *name, struct error *error)
{
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", directory, name) >= sizeof path)
        return error_set(error, "%.200s: the path is too long", directory);
    return out_file_open(out, path, error) != NULL;
}

bool figures_files(const struct figures *f, const char *directory, struct error *error)
{
    static const struct {
        const char *name;
        void (*write)(const struct figures *f, FILE *out);
    } files[] = {
        {"trace.csv", write_spreads}, {"trace_classes.csv", write_classes}, {"trace_streams.csv", write_streams},
    };
    struct out_file out;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (!open_in(&out, directory, files[i].name, error))
            return false;
        files[i].write(f, out.stream);
        if (!out_file_commit(&out, error))
            return false;
    }
    return true;
}
