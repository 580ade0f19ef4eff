/* `goheap plot`: figures of the directories of runs or sweeps, drawn by gnuplot, which writes the temporary file of an
 * out_file: the figure is there whole or not at all. */
#include "base/nearest.h"
#include "base/options.h"
#include "base/out_file.h"
#include "cmd/cmd.h"
#include "plot/figure.h"
#include "plot/sweep_figures.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { OPT_FORMAT, OPT_FIGURE, OPT_OUTPUT, OPT_X, OPT_Y, OPT_BY, OPT_QUIET };

static const struct option_spec options[] = {
    {OPT_FORMAT, '\0', "format", "png|svg|pdf|term",
     "what to write; by default png. term draws with letters, on standard output"},
    {OPT_FIGURE, '\0', "figure", "NAME",
     "draw this one only; repeat it for more (by default all there is data for)"},
    {OPT_OUTPUT, 'o', "output", "DIRECTORY",
     "where the figures go (made if missing); by default to the CSV files. Needed for several DIRs"},
    {OPT_X, '\0', "x", "COLUMN",
     "of results.csv: along the axis of lines, grid and front; by default what was varied most"},
    {OPT_Y, '\0', "y", "COLUMN",
     "what is drawn; repeat it for more panels of lines, up to 4, where grid and front have the first. By"
     " default memory mapped, the collector's time and waits"},
    {OPT_BY, '\0', "by", "COLUMN",
     "what tells lines, rows or points from each other; repeat it. By default all else that was varied"},
    {OPT_QUIET, 'q', "quiet", NULL, "do not tell what is written"},
};

static const struct command_spec command = {
    .name = "goheap plot",
    .summary = "draw a run's or a sweep's figures",
    .operands = "DIR...",
    .min_operands = 1,
    .max_operands = PLOT_MOST_RUNS,
    .description = "Draws the CSV files that `goheap replay -o DIR` or `goheap sweep -o DIR` left,\n"
                   "and writes the figures beside them. Several DIRs are drawn side by side in each\n"
                   "figure, on the same scales. Needs gnuplot.\n"
                   "\n"
                   "  heap       heap.csv         what the heap's memory was used for, over time\n"
                   "  map        heap_map.csv     the same by address: full, free, given back\n"
                   "  waste      classes.csv      bytes at the peak without a live object, by class\n"
                   "  spans      spans.csv        how full spans are; of free_runs.csv, how long\n"
                   "                              the free runs between them\n"
                   "  turnover   refills.csv      how many spans refills sweep; of classes.csv, how\n"
                   "                              often the objects of a class are replaced\n"
                   "  collector  cycles.csv       each collection: live heap, trigger, peak, goal,\n"
                   "                              pauses and assists\n"
                   "  locks      locks.csv        who waited where, and for how long\n"
                   "  waits      waits.csv        when they waited\n"
                   "  latency    latency_cdf.csv  what an allocation took, by who served it\n"
                   "  sweep      results.csv      lock waits and mapped memory, by configuration\n"
                   "  lines      results.csv      metrics against a number that was varied\n"
                   "  grid       results.csv      a metric by what was varied, as a heat map\n"
                   "  front      results.csv      two metrics: the runs that none beats in both\n"
                   "  trace      trace.csv        sizes and lifetimes, of `goheap info -o DIR`\n",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = "goheap replay -P 4 -o out/redis traces/redis.csv.zst && goheap plot out/redis\n"
                "goheap plot --format svg --figure heap --figure locks out/redis\n"
                "goheap plot --figure map -o out out/redis-1.19 out/redis-1.26\n"
                "goheap plot --format term --figure heap out/redis\n"
                "goheap plot --figure lines --x gogc --y peak_mapped_bytes --y cycles out/gogc\n",
};

struct plot {
    enum plot_format format;
    bool chosen[PLOT_FIGURES], any_chosen, quiet;
    const char *output; /* directory; NULL: the run's own */
    struct sweep_choice choice;
    bool any_choice; /* of a sweep's columns */
    struct plot_runs runs;
};

/* --- the command line ---------------------------------------------------------------------------------- */

static bool unknown(const char *what, const char *word, const char *const *names, size_t n,
                    struct error *error)
{
    const char *near = nearest_name(word, names, n);
    if (near)
        return error_set(error, "there is no %s \"%s\"; did you mean \"%s\"?", what, word, near);
    return error_set(error, "there is no %s \"%s\" (--help lists them)", what, word);
}

static bool take_figure(struct plot *plot, const char *name, struct error *error)
{
    const char *names[PLOT_FIGURES];
    for (int i = 0; i < PLOT_FIGURES; i++) {
        names[i] = plot_figures[i].name;
        if (strcmp(name, names[i]) == 0)
            return plot->chosen[i] = plot->any_chosen = true;
    }
    return unknown("figure", name, names, PLOT_FIGURES, error);
}

static bool take_format(struct plot *plot, const char *name, struct error *error)
{
    for (int i = 0; i < PLOT_FORMATS; i++)
        if (strcmp(name, plot_formats[i]) == 0) {
            plot->format = (enum plot_format)i;
            return true;
        }
    return unknown("format", name, plot_formats, PLOT_FORMATS, error);
}

/* One more name of a column, of which there is room for so many. */
static bool take_column(struct plot *plot, const char *name, const char **names, size_t *n, size_t most,
                        struct error *error)
{
    plot->any_choice = true;
    if (*n == most)
        return error_set(error, "expected at most %zu columns", most);
    names[(*n)++] = name;
    return true;
}

static bool take(void *context, int id, const char *argument, struct error *error)
{
    struct plot *plot = context;
    switch (id) {
    case OPT_FORMAT:
        return take_format(plot, argument, error);
    case OPT_FIGURE:
        return take_figure(plot, argument, error);
    case OPT_X:
        plot->choice.x = argument;
        return plot->any_choice = true;
    case OPT_Y:
        return take_column(plot, argument, plot->choice.y, &plot->choice.ys, SWEEP_METRICS, error);
    case OPT_BY:
        return take_column(plot, argument, plot->choice.by, &plot->choice.bys, SWEEP_BYS, error);
    case OPT_OUTPUT:
        plot->output = argument;
        return argument[0] != '\0' || error_set(error, "expected a directory");
    default:
        return plot->quiet = true;
    }
}

/* --- drawing ------------------------------------------------------------------------------------------- */

static bool draw_file(const struct plot *plot, const struct plot_figure *figure, struct error *error)
{
    char path[PATH_MAX], file[64];
    const char *where = plot->output ? plot->output : plot->runs.all[0].given;
    struct out_file out;
    snprintf(file, sizeof file, "%s.%s", figure->name, plot_formats[plot->format]);
    if (!plot_join(path, plot->output ? plot->output : plot->runs.all[0].directory, file, error) ||
        !out_file_open(&out, path, error))
        return false;
    bool direct = out.slot < 0;
    char target[PATH_MAX];
    bool ok = realpath(direct ? path : out.temp, target) || error_set(error, "%s: %s", path, strerror(errno));
    ok = ok && plot_draw(&plot->runs, figure, plot->format, target, error) == PLOT_DRAWN;
    if (ok && !direct && !plot_is_whole(out.temp, plot->format))
        ok = error_set(error, "%s: gnuplot could not write all of it; is the disk full?", path);
    if (!ok) {
        out_file_abandon(&out);
        return false;
    }
    if (!out_file_commit(&out, error))
        return false;
    if (!plot->quiet)
        fprintf(stderr, "wrote %s%s%s\n", where, where[strlen(where) - 1] == '/' ? "" : "/", file);
    return true;
}

/* By way of a file without a name: gnuplot begins with a form feed, which no terminal wants. */
static bool draw_term(const struct plot *plot, const struct plot_figure *figure, struct error *error)
{
    char path[64];
    FILE *f = tmpfile();
    if (!f)
        return error_set(error, "no temporary file: %s", strerror(errno));
    snprintf(path, sizeof path, "/dev/fd/%d", fileno(f));
    bool ok = plot_draw(&plot->runs, figure, PLOT_TERM, path, error) == PLOT_DRAWN;
    for (int c; ok && (c = fgetc(f)) != EOF;)
        if (c != '\f')
            putchar(c);
    ok = ok && (fflush(stdout) == 0 || error_set(error, "standard output: %s", strerror(errno)));
    fclose(f);
    return ok;
}

static bool draw(const struct plot *plot, const struct plot_figure *figure, struct error *error)
{
    return (plot->format == PLOT_TERM ? draw_term : draw_file)(plot, figure, error);
}

/* --- figures ------------------------------------------------------------------------------------------- */

static bool nothing_to_draw(const struct plot *plot, struct error *error)
{
    char names[200] = "";
    for (size_t i = 0, used = 0; i < PLOT_FIGURES; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", plot_figures[i].csv[0].name);
    return error_set(error, "%s: nothing to draw; expected any of %s, as `goheap replay -o DIR` writes them",
                     plot->runs.all[0].given, names);
}

/* Everything that was chosen, or everything there is data for. */
static bool draw_all(const struct plot *plot, struct error *error)
{
    bool drawn = false;
    for (int i = 0; i < PLOT_FIGURES; i++) {
        if (plot->any_chosen ? !plot->chosen[i] : !plot_has_data(&plot->runs, &plot_figures[i]))
            continue;
        if (!draw(plot, &plot_figures[i], error))
            return false;
        drawn = true;
    }
    return drawn || nothing_to_draw(plot, error);
}

static bool plot_runs(struct plot *plot, char **directories, unsigned n, struct error *error)
{
    if (!plot_open(&plot->runs, directories, n, error))
        return false;
    plot->runs.choice = &plot->choice;
    return (!plot->output || make_directory(plot->output, error)) && draw_all(plot, error);
}

/* Columns are of figures of sweeps: without any that is chosen they are lines. */
static bool columns_mean_something(struct plot *plot)
{
    bool sweep = false;
    for (int i = 0; i < PLOT_FIGURES; i++) {
        if (!plot->any_chosen && sweep_writer_of(plot_figures[i].name) == sweep_lines)
            plot->chosen[i] = true;
        sweep = sweep || (plot->chosen[i] && sweep_writer_of(plot_figures[i].name));
    }
    plot->any_chosen = true;
    return sweep;
}

int cmd_plot(int argc, char **argv)
{
    struct plot plot = {.format = PLOT_PNG};
    struct error error = {.text = ""};
    int first, code = options_parse(&command, argc, argv, take, &plot, &first);
    if (code != OPTIONS_RUN)
        return code;
    unsigned n = (unsigned)(argc - first);
    if (plot.format == PLOT_TERM && plot.output)
        return options_misuse(&command, "--format term draws on standard output: not with -o");
    if (plot.format != PLOT_TERM && n > 1 && !plot.output)
        return options_misuse(&command, "where are figures of %u runs to go? expected -o DIRECTORY", n);
    if (plot.any_choice && !columns_mean_something(&plot))
        return options_misuse(&command, "--x, --y and --by are for --figure lines, grid and front");
    bool ok = plot_runs(&plot, argv + first, n, &error);
    plot_close(&plot.runs);
    if (!ok)
        fprintf(stderr, "goheap: %s\n", error.text);
    return ok ? 0 : 1;
}
