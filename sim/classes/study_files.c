/* The study as files in a directory: all that the text says, and for each trace. Numbers have 15 digits. */
#include <csv.h>
#include <limits.h>
#include <string.h>

#include "base/out_file.h"
#include "classes/class_table.h"
#include "classes/study.h"

static void put_name(const struct study_trace *t, FILE *out)
{
    csv_fwrite(out, t->name, strlen(t->name));
}

static void put_waste(const struct waste *w, FILE *out)
{
    fprintf(out, "%.15g,%.15g,%.15g,%.15g\n", w->objects, w->needed, w->rounding, w->tail);
}

struct named_sheet {
    const char *name;
    const struct waste_sheet *sheet;
};

enum { SHEETS = 3 };

static void list_sheets(const struct study_trace *t, struct named_sheet *sheets)
{
    sheets[0] = (struct named_sheet){"before", &t->before};
    sheets[1] = (struct named_sheet){"after", &t->after};
    sheets[2] = (struct named_sheet){"best", &t->best};
}

static void write_summary(const struct study *s, FILE *out)
{
    struct named_sheet sheets[SHEETS];
    fputs("trace,table,classes,objects,needed_bytes,rounding_bytes,tail_bytes\n", out);
    for (unsigned i = 0; i < s->count; i++) {
        list_sheets(s->traces[i], sheets);
        for (unsigned j = 0; j < SHEETS; j++) {
            put_name(s->traces[i], out);
            fprintf(out, ",%s,%u,", sheets[j].name, sheets[j].sheet->table.count - 1);
            put_waste(&sheets[j].sheet->of[0], out);
        }
    }
}

static void write_classes(const struct study *s, FILE *out)
{
    struct named_sheet sheets[SHEETS];
    fputs("trace,table,class,slot_bytes,pages,objects,needed_bytes,rounding_bytes,tail_bytes\n", out);
    for (unsigned i = 0; i < s->count; i++) {
        list_sheets(s->traces[i], sheets);
        for (unsigned j = 0; j < SHEETS; j++)
            for (unsigned c = 1; c < sheets[j].sheet->table.count; c++) {
                const struct goheap_size_class *class = &sheets[j].sheet->table.classes[c];
                put_name(s->traces[i], out);
                fprintf(out, ",%s,%u,%u,%u,", sheets[j].name, c, class->size, class->pages);
                put_waste(&sheets[j].sheet->of[c], out);
            }
    }
}

static void write_front(const struct study *s, FILE *out)
{
    fputs("trace,classes,objects,needed_bytes,rounding_bytes,tail_bytes\n", out);
    for (unsigned i = 0; i < s->count; i++)
        for (unsigned n = STUDY_FRONT_FROM; n <= STUDY_FRONT_TO; n++) {
            if (!study_has_front(s, n))
                continue;
            put_name(s->traces[i], out);
            fprintf(out, ",%u,", n);
            put_waste(&s->traces[i]->front[n], out);
        }
}

static bool join(char *path, const char *directory, const char *name, struct error *error)
{
    return (size_t)snprintf(path, PATH_MAX, "%s/%s", directory, name) < PATH_MAX ||
           error_set(error, "%.200s: the path is too long", directory);
}

bool study_files(const struct study *s, const char *note, const char *directory, struct error *error)
{
    static const struct {
        const char *name;
        void (*write)(const struct study *s, FILE *out);
    } files[] = {{"summary.csv", write_summary}, {"classes.csv", write_classes}, {"front.csv", write_front}};
    char path[PATH_MAX];
    struct out_file out;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (!join(path, directory, files[i].name, error) || out_file_open(&out, path, error) == NULL)
            return false;
        files[i].write(s, out.stream);
        if (!out_file_commit(&out, error))
            return false;
    }
    return join(path, directory, "classes.json", error) &&
           class_table_file(study_table(s), UINT32_C(1) << s->core.page_shift, note, path, error);
}
