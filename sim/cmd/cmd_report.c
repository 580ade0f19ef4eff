/* `goheap report`: runs' directories as one HTML page.
 *
 *     DIR/run.json, or a FILE --checked---> tree --+
 *     DIR/info.json, if it is there ------> tree --+--> FILE
 *     DIR's CSVs --gnuplot, in memory-----> SVG ---+
 *
 * Everything is read and drawn before a byte of the page is written. */
#include "base/options.h"
#include "base/out_file.h"
#include "cmd/cmd.h"
#include "html/page.h"
#include "plot/figure.h"
#include "report/read.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPT_OUT, OPT_QUIET };

static const struct option_spec options[] = {
    {OPT_OUT, 'o', "output", "FILE", "write the page there (- for stdout)"},
    {OPT_QUIET, 'q', "quiet", NULL, "do not tell what is written"},
};

static const struct command_spec command = {
    .name = "goheap report",
    .summary = "a run's results, or several runs', as one HTML page",
    .operands = "RUN...",
    .min_operands = 1,
    .max_operands = PAGE_RUNS,
    .description = "Puts what `goheap replay -o DIR` left into one page to hand around: what the run comes\n"
                   "to in three sentences, figures, tables, the effective configuration and how to get the\n"
                   "same. The page needs no network and no script; a few lines of script let tables be sorted.\n"
                   "Of several runs, it holds each against the first. If `goheap info -o DIR` wrote there as\n"
                   "well, it tells of the trace. A RUN is such a directory, or the JSON document alone, as a\n"
                   "sweep has one for each run; then there are no figures, nor are there without gnuplot.\n",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = "goheap replay -o out/redis traces/redis.csv.zst && goheap report out/redis -o redis.html\n"
                "goheap report out/go1.19 out/go1.26 -o compared.html\n"
                "goheap report out/sweep/runs/0001.json out/sweep/runs/0002.json -o compared.html\n",
};

_Static_assert((int)PAGE_RUNS <= (int)PLOT_MOST_RUNS, "all runs of a page are drawn into one figure");

struct report {
    const char *path;
    bool quiet, no_gnuplot, files; /* files: not all runs are directories */
    struct page_run runs[PAGE_RUNS];
    size_t count;
    struct page_figure figures[PLOT_FIGURES];
    size_t figure_count;
};

static bool take(void *context, int id, const char *argument, struct error *error)
{
    struct report *report = context;
    (void)error;
    if (id == OPT_OUT)
        report->path = argument;
    else
        report->quiet = true;
    return true;
}

/* --- reading ------------------------------------------------------------------------------------------- */

static bool read_run(struct report *report, struct page_run *run, const char *name, struct error *error)
{
    char path[PATH_MAX];
    struct stat status;
    run->name = name;
    if (stat(name, &status) == 0 && !S_ISDIR(status.st_mode)) {
        report->files = true;
        return (run->document = report_read(name, error)) != NULL;
    }
    if (!plot_join(path, name, "run.json", error) || !(run->document = report_read(path, error)))
        return false;
    return plot_join(path, name, "info.json", error) &&
           (access(path, F_OK) != 0 || (run->trace = report_read_trace(path, error)) != NULL);
}

/* --- drawing ------------------------------------------------------------------------------------------- */

/* Larger than any that a replay writes; gnuplot would be at it for minutes. */
enum { CSV_MOST_MIB = 16 };

static bool is_sensible(const struct plot_runs *runs, const struct plot_csv *csv, struct error *error)
{
    for (unsigned i = 0; i < runs->n; i++) {
        char path[PATH_MAX];
        struct stat status;
        if (!plot_join(path, runs->all[i].directory, csv->name, error))
            return false;
        if (stat(path, &status) == 0 && status.st_size > (off_t)CSV_MOST_MIB << 20)
            return error_set(error, "%s: expected at most %d MiB, as goheap writes it", path, CSV_MOST_MIB);
    }
    return true;
}

static bool draw_one(struct report *report, const struct plot_runs *runs, const struct plot_figure *figure,
                     struct error *error)
{
    struct page_figure *drawn = &report->figures[report->figure_count];
    if (!is_sensible(runs, &figure->csv[0], error) ||
        (figure->csv[1].name && !is_sensible(runs, &figure->csv[1], error)))
        return false;
    switch (plot_svg(runs, figure, &drawn->svg, &drawn->length, error)) {
    case PLOT_DRAWN:
        drawn->name = figure->name;
        drawn->what = figure->what;
        report->figure_count++;
        return true;
    case PLOT_NO_GNUPLOT:
        error->text[0] = '\0';
        return report->no_gnuplot = true;
    default:
        return false;
    }
}

static bool draw_all(struct report *report, char **directories, struct error *error)
{
    struct plot_runs runs;
    bool ok = plot_open(&runs, directories, (unsigned)report->count, error);
    for (int i = 0; ok && i < PLOT_FIGURES && !report->no_gnuplot; i++)
        ok = !plot_has_data(&runs, &plot_figures[i]) || draw_one(report, &runs, &plot_figures[i], error);
    plot_close(&runs);
    return ok;
}

/* --- writing ------------------------------------------------------------------------------------------- */

static bool fill(struct report *report, char **names, FILE *out, struct error *error)
{
    for (size_t i = 0; i < report->count; i++)
        if (!read_run(report, &report->runs[i], names[i], error))
            return false;
    if (!report->files && !draw_all(report, names, error))
        return false;
    const char *remark = report->no_gnuplot ? "There are none here, as gnuplot is not installed where this was made."
                         : report->files    ? "There are none here, as a run's document by itself has no CSV files."
                                            : NULL;
    const struct page page = {.runs = report->runs, .count = report->count, .figures = report->figures,
                              .figure_count = report->figure_count, .remark = remark};
    return page_write(out, &page, error);
}

static bool write_report(struct report *report, char **names, struct error *error)
{
    struct out_file file;
    FILE *out = out_file_open(&file, report->path, error);
    if (!out)
        return false;
    if (!fill(report, names, out, error)) {
        out_file_abandon(&file);
        return false;
    }
    if (!out_file_commit(&file, error))
        return false;
    if (report->no_gnuplot)
        fprintf(stderr, "goheap: no figures, as gnuplot is not installed (apt-get install gnuplot-nox)\n");
    if (!report->quiet && strcmp(report->path, "-") != 0)
        fprintf(stderr, "wrote %s\n", report->path);
    return true;
}

static void clear(struct report *report)
{
    for (size_t i = 0; i < report->figure_count; i++)
        free(report->figures[i].svg);
    for (size_t r = 0; r < report->count; r++) {
        json_decref(report->runs[r].document);
        json_decref(report->runs[r].trace);
    }
}

int cmd_report(int argc, char **argv)
{
    struct report report = {.path = NULL};
    struct error error = {.text = ""};
    int first, code = options_parse(&command, argc, argv, take, &report, &first);
    if (code == OPTIONS_RUN && !report.path)
        code = options_misuse(&command, "expected -o FILE, where to write the page");
    if (code != OPTIONS_RUN)
        return code;
    report.count = (size_t)(argc - first);
    bool ok = write_report(&report, argv + first, &error);
    if (!ok)
        fprintf(stderr, "goheap: %s\n", error.text);
    clear(&report);
    return ok ? 0 : 1;
}
